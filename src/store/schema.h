/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The tables of the embedded database: those of OpenSER 1.3, by name and column, so that its
 * modules and tools find what they know. Where Kamailio 5 has more columns, they are added behind.
 * `location` and `aliases` are Kamailio's (versions 9 and 8), which have every column of OpenSER's
 * and a key, the ruid; one table serves both, and a row without a ruid gets one.
 */
#include "store/driver.h"

/* Creates the tables that are missing, with their rows in `version`, or none. */
MUST_USE enum err schema_create(struct connection *connection);
