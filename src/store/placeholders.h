/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Statements have '?' for a parameter; some databases want "$1", "$2"… */
#include <culvert/writer.h>

/* Not in quotes or comments. */
void write_numbered(struct writer *w, struct str sql);
