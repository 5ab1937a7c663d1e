/* SPDX-License-Identifier: Apache-2.0 */
#include "store/rows.h"

#include <culvert/log.h>

static enum err refuse_size(void)
{
    log_error("store: a result is larger than %d bytes", ANSWER_BYTES_MAX);
    return ERR_LIMIT;
}

/* Old arrays stay in the arena: at most as much again as the newest. */
static enum err make_room(struct rows *rows)
{
    unsigned capacity = rows->capacity ? 2 * rows->capacity : 8;
    struct store_row *grown;

    if (rows->count < rows->capacity)
        return ERR_NONE;
    grown = arena_alloc(rows->arena, capacity * sizeof *grown);
    if (!grown)
        return refuse_size();
    if (rows->count)
        memcpy(grown, rows->rows, rows->count * sizeof *grown);
    rows->rows = grown;
    rows->capacity = capacity;
    return ERR_NONE;
}

enum err rows_add(struct rows *rows, unsigned column_count, struct value **out)
{
    struct value *values = arena_zalloc(rows->arena, column_count * sizeof *values);
    enum err err;

    if (!values)
        return refuse_size();
    if ((err = make_room(rows)))
        return err;
    rows->rows[rows->count++] = (struct store_row){ values, column_count };
    *out = values;
    return ERR_NONE;
}

enum err rows_keep_text(struct rows *rows, struct str text, struct value *out)
{
    if (str_copy(rows->arena, text, &text))
        return refuse_size();
    *out = value_of_str(text);
    return ERR_NONE;
}

enum err rows_make_room(struct rows *rows, size_t size, char **out)
{
    char *room = arena_alloc(rows->arena, size);

    if (!room)
        return refuse_size();
    *out = room;
    return ERR_NONE;
}

void rows_give(const struct rows *rows, struct store_result *result)
{
    result->rows = rows->rows;
    result->row_count = rows->count;
}
