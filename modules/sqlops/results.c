/* SPDX-License-Identifier: Apache-2.0 */
/* Results kept with a request. */
#include "sqlops.h"

struct results *results_of(const struct module *module, const struct run *run)
{
    const struct sqlops *sqlops = module_state(module);

    return run->request->slots[sqlops->slot];
}

enum err results_make(const struct module *module, struct run *run, struct results **out)
{
    const struct sqlops *sqlops = module_state(module);
    void **slot = &run->request->slots[sqlops->slot];

    if (!*slot)
        *slot = arena_zalloc(&run->request->arena, sizeof **out);
    *out = *slot;
    return *slot ? ERR_NONE : ERR_NOMEM;
}

struct result *results_find(const struct results *results, struct str name)
{
    for (struct result *result = results ? results->first : NULL; result; result = result->next)
        if (str_eq(result->name, name))
            return result;
    return NULL;
}

void result_clear(struct result *result)
{
    result->row_count = result->column_count = 0;
}

static enum err add_result(const struct sqlops *sqlops, struct results *results, struct arena *arena,
                           struct str name, struct result **out)
{
    struct result *result = arena_zalloc(arena, sizeof *result);

    if (results->count >= sqlops->results_maxsize)
        return ERR_LIMIT;
    if (!result || str_copy(arena, name, &result->name))
        return ERR_NOMEM;
    result->next = results->first;
    results->first = result;
    results->count++;
    *out = result;
    return ERR_NONE;
}

static size_t bytes_of(const struct store_result *rows)
{
    size_t size = 0;

    for (unsigned i = 0; i < rows->row_count; i++)
        for (unsigned j = 0; j < rows->rows[i].column_count; j++)
            size += sizeof(struct value) + (rows->rows[i].columns[j].has_text ? rows->rows[i].columns[j].text.len : 0);
    return size;
}

static enum err make_room(struct result *result, struct arena *arena, size_t size)
{
    if (size <= result->size)
        return ERR_NONE;
    result->room = arena_alloc(arena, size);
    result->size = result->room ? size : 0;
    return result->room ? ERR_NONE : ERR_LIMIT;
}

static void copy_rows(struct result *result, const struct store_result *rows)
{
    unsigned columns = rows->rows[0].column_count;
    struct value *values = (struct value *)(void *)result->room, *to = values;
    char *text = (char *)(values + (size_t)rows->row_count * columns);

    for (unsigned i = 0; i < rows->row_count; i++) {
        for (unsigned j = 0; j < columns; j++, to++) {
            *to = rows->rows[i].columns[j];
            if (!to->has_text || !to->text.len)
                continue;
            memcpy(text, to->text.ptr, to->text.len);
            to->text.ptr = text;
            text += to->text.len;
        }
    }
    result->values = values;
    result->row_count = rows->row_count;
    result->column_count = columns;
}

enum err results_keep(const struct module *module, struct run *run, struct str name, struct str sql,
                      const struct store_result *rows)
{
    const struct sqlops *sqlops = module_state(module);
    struct arena *arena = &run->request->arena;
    struct results *results;
    struct result *result;
    size_t size = bytes_of(rows);
    enum err err = results_make(module, run, &results);

    if (err)
        return err;
    result = results_find(results, name);
    if (!result && (err = add_result(sqlops, results, arena, name, &result)))
        return err;
    result_clear(result);
    result->sql = sql;
    if (rows->row_count == 0)
        return ERR_NONE;
    if (size > (size_t)sqlops->result_bytes)
        return ERR_LIMIT;
    if ((err = make_room(result, arena, size)))
        return err;
    copy_rows(result, rows);
    return ERR_NONE;
}
