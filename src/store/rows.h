/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The rows of an answer, as a driver reads them. */
#include "store/driver.h"

struct rows {
    struct arena *arena;
    struct store_row *rows;
    unsigned count;
    unsigned capacity;
};

/* A row of nulls, to be filled. ERR_LIMIT when the answer becomes too large; it is logged. */
MUST_USE enum err rows_add(struct rows *rows, unsigned column_count, struct value **out);
/* Text of the database, copied. ERR_LIMIT likewise. */
MUST_USE enum err rows_keep_text(struct rows *rows, struct str text, struct value *out);
/* For text that the driver puts there itself. */
MUST_USE enum err rows_make_room(struct rows *rows, size_t size, char **out);
void rows_give(const struct rows *rows, struct store_result *result);
