/* SPDX-License-Identifier: Apache-2.0 */
/* $dbr(result=>what) and $sqlrows(connection). */
#include "sqlops.h"

enum dbr_what {
    DBR_ROWS,
    DBR_COLUMNS,
    DBR_CELL,
    DBR_NAME,
};

struct dbr {
    struct str result;
    enum dbr_what what;
    uint64_t row, column;
};

/* "[" row "," column "]" */
static bool read_cell(struct str text, struct dbr *out)
{
    struct str row, column;

    out->what = DBR_CELL;
    return text.len > 2 && text.ptr[text.len - 1] == ']' &&
           str_split((struct str){ text.ptr + 1, text.len - 2 }, ',', &row, &column) &&
           !str_to_uint(str_trim(row), 0, UINT32_MAX, &out->row) &&
           !str_to_uint(str_trim(column), 0, UINT32_MAX, &out->column);
}

/* "colname[" column "]" */
static bool read_name(struct str text, struct dbr *out)
{
    out->what = DBR_NAME;
    return text.len > 2 && text.ptr[text.len - 1] == ']' &&
           !str_to_uint(str_trim((struct str){ text.ptr + 1, text.len - 2 }), 0, UINT32_MAX, &out->column);
}

static bool read_what(struct str text, struct dbr *out)
{
    static const struct str colname = STR_INIT("colname");

    if (str_starts(text, STR("[")))
        return read_cell(text, out);
    if (str_starts(text, colname))
        return read_name(str_trim(str_skip(text, colname.len)), out);
    out->what = str_eq(text, STR("rows")) ? DBR_ROWS : DBR_COLUMNS;
    return out->what == DBR_ROWS || str_eq(text, STR("cols"));
}

static bool read_dbr(struct str inner, struct dbr *out)
{
    const char *arrow = str_find(inner, STR("=>"));

    if (!arrow)
        return false;
    out->result = str_trim(str_between(inner.ptr, arrow));
    return read_what(str_trim(str_between(arrow + 2, inner.ptr + inner.len)), out);
}

static enum err prepare_dbr(struct module *module, struct str inner, const struct script_place *place,
                            const void **out)
{
    struct dbr *dbr = arena_zalloc(script_place_arena(place), sizeof *dbr);

    (void)module;
    if (!dbr)
        return ERR_NOMEM;
    *out = dbr;
    if (read_dbr(inner, dbr))
        return ERR_NONE;
    script_complain(place, "$dbr(\"" STR_FMT "\") is not result=>rows, cols, [row,column] or colname[column]",
                    STR_ARG(inner));
    return ERR_SYNTAX;
}

static struct value cell_of(const struct result *result, const struct dbr *dbr)
{
    if (dbr->row >= result->row_count || dbr->column >= result->column_count)
        return value_null();
    return result->values[dbr->row * result->column_count + dbr->column];
}

static struct value name_of(const struct result *result, const struct dbr *dbr)
{
    struct str name = STR("");

    if (dbr->column < result->column_count)
        name = column_name(result->sql, (unsigned)dbr->column);
    return str_is_empty(name) ? value_null() : value_of_str(name);
}

static enum err get_dbr(const struct variable_use *use, struct value *out)
{
    static const struct result none = { .next = NULL };
    struct dbr dbr = { 0 };
    const struct result *result;

    if (use->object)
        dbr = *(const struct dbr *)use->object;
    else if (!read_dbr(use->inner, &dbr))
        return ERR_SYNTAX;
    result = results_find(results_of(use->module, use->run), dbr.result);
    if (!result)
        result = &none;
    *out = dbr.what == DBR_ROWS      ? value_of_int(result->row_count)
           : dbr.what == DBR_COLUMNS ? value_of_int(result->column_count)
           : dbr.what == DBR_CELL    ? cell_of(result, &dbr)
                                     : name_of(result, &dbr);
    return ERR_NONE;
}

static enum err prepare_sqlrows(struct module *module, struct str inner, const struct script_place *place,
                                const void **out)
{
    return sqlops_find(module, inner, place, (const struct connection **)out);
}

static enum err get_sqlrows(const struct variable_use *use, struct value *out)
{
    const struct results *results = results_of(use->module, use->run);

    if (!use->object)
        return ERR_NOT_FOUND;
    *out = value_of_int(results ? results->affected[sqlops_index(module_state(use->module), use->object)] : 0);
    return ERR_NONE;
}

const struct mod_variable sqlops_variables[] = {
    { "dbr", INNER_NEEDED, get_dbr, NULL, prepare_dbr,
      "Of a result: how many rows or cols, a value at [row,column], the name of a column: $dbr(r=>[0,1])." },
    { "sqlrows", INNER_NEEDED, get_sqlrows, NULL, prepare_sqlrows,
      "How many rows the request's last statement on a connection has changed." },
    { 0 },
};
