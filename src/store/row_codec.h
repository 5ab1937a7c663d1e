/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A statement with its values as bytes, for files of this machine. */
#include "store/driver.h"

size_t row_size(const struct query *query);
/* Exactly that many bytes. */
void row_encode(const struct query *query, char *out);
/* Borrows the texts; ERR_SYNTAX, ERR_NOMEM. */
MUST_USE enum err row_decode(struct arena *arena, struct str bytes, struct query *out);
