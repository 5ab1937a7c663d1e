/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Commands on databases, which need no server: db.create, db.check, db.migrate, db.import. */
#include <stdbool.h>

#include <culvert/store.h>

bool is_database_command(const char *name);
/* The exit code. */
int run_database_command(char **words, int count);

/*
 * Copies the tables of a folder of dbtext into those of the same name. Says what it did, and which
 * rows were not taken.
 */
bool import_text_tables(struct store *store, const char *folder);
