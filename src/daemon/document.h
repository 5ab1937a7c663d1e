/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The pages about modules, core and language, written from the tables that the program runs by.
 * A page FOLDER/x.md begins with the text FOLDER/text/x.md, which people write.
 */
#include <culvert/module.h>

/* Writes all pages into a folder; false after a line on standard error. */
bool document_write(const char *folder, struct str module_path);
