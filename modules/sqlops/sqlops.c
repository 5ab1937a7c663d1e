/* SPDX-License-Identifier: Apache-2.0 */
/* Statements by script, on the databases that the script names. */
#include "sqlops.h"

enum {
    ANSWERED_EMPTY = 2, /* verdicts of their own: nothing came, */
    ANSWERED_UNKEPT = 3, /* or rows that nobody asked to keep */
};

/* A statement under way. */
struct asking {
    const struct module *module;
    const struct connection *connection;
    struct str sql;  /* as written, for the names of columns */
    struct str name; /* of the result, or of the xavp */
    const struct variable_list *variables;
};

/* ---- connections ---- */

enum err sqlops_find(struct module *module, struct str name, const struct script_place *place,
                     const struct connection **out)
{
    const struct sqlops *sqlops = module_state(module);

    for (unsigned i = 0; i < sqlops->connection_count; i++) {
        *out = &sqlops->connections[i];
        if (str_eq((*out)->name, name))
            return ERR_NONE;
    }
    script_complain(place, "there is no connection \"" STR_FMT "\": add modparam(\"sqlops\", \"sqlcon\", \"" STR_FMT
                    "=>sqlite:///path\") in front of the routes", STR_ARG(name), STR_ARG(name));
    return ERR_NOT_FOUND;
}

unsigned sqlops_index(const struct sqlops *sqlops, const struct connection *connection)
{
    return (unsigned)(connection - sqlops->connections);
}

/* "name=>url" */
static enum err set_sqlcon(struct module *module, const struct value *value, const struct script_place *place)
{
    struct sqlops *sqlops = module_state(module);
    struct connection *connection = &sqlops->connections[sqlops->connection_count];
    struct str text;
    const char *arrow;

    if (str_copy(module_arena(module), value->text, &text))
        return ERR_NOMEM;
    arrow = str_find(text, STR("=>"));
    if (!arrow || str_is_empty(str_trim(str_between(text.ptr, arrow)))) {
        script_complain(place, "sqlcon must be name=>url");
        return ERR_SYNTAX;
    }
    if (sqlops->connection_count == CONNECTIONS_MAX) {
        script_complain(place, "there are more than %d connections", CONNECTIONS_MAX);
        return ERR_LIMIT;
    }
    sqlops->connection_count++;
    connection->name = str_trim(str_between(text.ptr, arrow));
    connection->url = str_trim(str_between(arrow + 2, text.ptr + text.len));
    return ERR_NONE;
}

/* ---- arguments ---- */

struct statement {
    struct str text;
    const struct query_text *query;
};

static enum err prepare_statement(struct str text, const struct script_place *place, const void **out)
{
    struct statement *statement = arena_alloc(script_place_arena(place), sizeof *statement);

    if (!statement)
        return ERR_NOMEM;
    *out = statement;
    statement->text = text;
    return script_place_query_text(place, text, &statement->query);
}

static enum err prepare(struct module *module, unsigned index, struct str text, const struct script_place *place,
                        const void **out)
{
    if (index == 0)
        return sqlops_find(module, text, place, (const struct connection **)out);
    return index == 1 ? prepare_statement(text, place, out)
                      : script_place_variable_list(place, text, (const struct variable_list **)out);
}

/* ---- asking ---- */

static enum verdict ask(struct call *call, query_answer_fn *answer)
{
    const struct statement *statement = call->args[1].object;
    const struct connection *connection = call->args[0].object;
    struct run *run = call->run;
    struct asking *asking = arena_zalloc(run->arena, sizeof *asking);

    if (!asking || !connection->store)
        return VERDICT_ERROR;
    asking->module = call->module;
    asking->connection = connection;
    asking->sql = statement->text;
    if (str_copy(run->arena, call_text(call, 2), &asking->name))
        return VERDICT_ERROR;
    asking->variables = call->arg_count > 2 ? call->args[2].object : NULL;
    return run_query_text(run, connection->store, statement->query, answer, asking);
}

/* What all of them do with an answer; true when it brings rows. */
static enum verdict note_answer(struct run *run, const struct asking *asking, const struct store_result *result)
{
    struct results *results;

    if (result->err || results_make(asking->module, run, &results))
        return VERDICT_ERROR;
    results->affected[sqlops_index(module_state(asking->module), asking->connection)] = result->affected;
    return result->row_count ? VERDICT_TRUE : (enum verdict)ANSWERED_EMPTY;
}

static enum verdict too_large(const struct asking *asking, enum err err)
{
    log_error("sqlops: the result of \"" STR_FMT "\" is not kept: %s. See results_maxsize and result_bytes",
              STR_ARG(asking->sql), err_name(err));
    return VERDICT_ERROR;
}

/* ---- sql_query() ---- */

static enum verdict keep_rows(struct run *run, void *context, const struct store_result *result)
{
    const struct asking *asking = context;
    enum verdict verdict = note_answer(run, asking, result);
    struct store_result none = { .row_count = 0 };
    enum err err;

    if (str_is_empty(asking->name))
        return verdict == VERDICT_TRUE ? (enum verdict)ANSWERED_UNKEPT : verdict;
    err = results_keep(asking->module, run, asking->name, asking->sql, verdict > 0 ? result : &none);
    return err && verdict > 0 ? too_large(asking, err) : verdict;
}

/* sql_query(connection, statement [, result]) */
static enum verdict sql_query(struct call *call)
{
    return ask(call, keep_rows);
}

/* sql_query_async(connection, statement) */
static enum verdict sql_query_async(struct call *call)
{
    const struct connection *connection = call->args[0].object;
    const struct statement *statement = call->args[1].object;

    if (!connection->store)
        return VERDICT_ERROR;
    return verdict_of(run_write_text(call->run, connection->store, statement->query));
}

/* ---- sql_xquery() ---- */

static enum err push_row(struct request *request, const struct asking *asking, const struct store_row *row)
{
    struct value none = value_null();
    struct xavp *xavp;
    enum err err = xavp_push(&request->xavps, &request->arena, asking->name, &none, &xavp);

    for (unsigned i = row->column_count; !err && i-- > 0;)
        err = xavp_push(&xavp->fields, &request->arena, column_name(asking->sql, i), &row->columns[i], NULL);
    return err;
}

static enum verdict push_rows(struct run *run, void *context, const struct store_result *result)
{
    const struct asking *asking = context;
    enum verdict verdict = note_answer(run, asking, result);
    enum err err = ERR_NONE;

    if (verdict != VERDICT_TRUE)
        return verdict;
    if (str_is_empty(column_name(asking->sql, result->rows[0].column_count - 1))) {
        log_error("sql_xquery: \"" STR_FMT "\" does not name its columns: write SELECT name, other… for *",
                  STR_ARG(asking->sql));
        return VERDICT_ERROR;
    }
    for (unsigned i = result->row_count; !err && i-- > 0;)
        err = push_row(run->request, asking, &result->rows[i]);
    return err ? too_large(asking, err) : VERDICT_TRUE;
}

/* sql_xquery(connection, statement, xavp): an item a row, the first on top. */
static enum verdict sql_xquery(struct call *call)
{
    return ask(call, push_rows);
}

/* ---- sql_pvquery() ---- */

static enum err set_row(struct run *run, const struct variable_list *list, const struct store_row *row)
{
    enum err err = ERR_NONE;

    for (unsigned i = 0; !err && i < row->column_count && i < list->count; i++)
        err = variable_set(run, list->refs[i], &row->columns[i]);
    return err;
}

static enum verdict set_rows(struct run *run, void *context, const struct store_result *result)
{
    const struct asking *asking = context;
    enum verdict verdict = note_answer(run, asking, result);
    enum err err = ERR_NONE;

    if (verdict != VERDICT_TRUE)
        return verdict;
    for (unsigned i = result->row_count; !err && i-- > 0;)
        err = set_row(run, asking->variables, &result->rows[i]);
    if (!err && result->rows[0].column_count > asking->variables->count)
        err = ERR_RANGE;
    if (err)
        log_error("sql_pvquery: \"" STR_FMT "\" has not written all its columns: %s", STR_ARG(asking->sql),
                  err_name(err));
    return verdict_of(err);
}

/* sql_pvquery(connection, statement, variables): AVPs get all rows, the first on top. */
static enum verdict sql_pvquery(struct call *call)
{
    return ask(call, set_rows);
}

/* ---- sql_result_free() ---- */

static enum verdict sql_result_free(struct call *call)
{
    struct result *result = results_find(results_of(call->module, call->run), call_text(call, 0));

    if (result)
        result_clear(result);
    return VERDICT_TRUE;
}

/* ---- tables ---- */

static const struct mod_function functions[] = {
    { .name = "sql_query", .run = sql_query, .prepare = prepare, .takes = { ARG_CUSTOM, ARG_CUSTOM, ARG_STR },
      .min_args = 2, .stages = STAGE_ANY,
      .doc = "Runs a statement: 1 rows kept as the result, 2 no rows, 3 rows without a result to keep them, -1 failed." },
    { .name = "sql_xquery", .run = sql_xquery, .prepare = prepare, .takes = { ARG_CUSTOM, ARG_CUSTOM, ARG_STR },
      .min_args = 3, .stages = STAGE_ANY,
      .doc = "Runs a statement and makes an xavp of each row, its fields named like the columns: 1, 2 no rows, -1." },
    { .name = "sql_pvquery", .run = sql_pvquery, .prepare = prepare, .takes = { ARG_CUSTOM, ARG_CUSTOM, ARG_CUSTOM },
      .min_args = 3, .stages = STAGE_ANY,
      .doc = "Runs a statement and writes the columns to variables: \"$avp(a);$var(b)\": 1, 2 no rows, -1." },
    { .name = "sql_query_async", .run = sql_query_async, .prepare = prepare, .takes = { ARG_CUSTOM, ARG_CUSTOM },
      .min_args = 2, .stages = STAGE_ANY, .doc = "Hands a statement in and goes on at once." },
    { .name = "sql_result_free", .run = sql_result_free, .takes = { ARG_STR }, .min_args = 1, .stages = STAGE_ANY,
      .doc = "Forgets a result, which otherwise ends with its request." },
    { 0 },
};

#define NUMBER(name_, initial_, min_, max_, doc_)                                                   \
    { .name = #name_, .type = PARAM_INT, .offset = offsetof(struct sqlops, name_), .min = min_,     \
      .max = max_, .initial = initial_, .doc = doc_ }

static const struct mod_param params[] = {
    { .name = "sqlcon", .type = PARAM_CALL, .set = set_sqlcon,
      .doc = "A connection, name=>url; the url as in db_url of other modules, empty for the embedded database." },
    NUMBER(connect_mode, 0, 0, 1, "1: starts although a database cannot be opened; its statements fail then."),
    NUMBER(results_maxsize, 32, 1, 1024, "How many results one request may keep."),
    NUMBER(result_bytes, 65536, 1024, 262144, "How large a result may be; larger ones fail."),
    { .name = "sqlres", .type = PARAM_IGNORED, .doc = "results need no declaration" },
    { .name = "tr_buf_size", .type = PARAM_IGNORED, .doc = "transformations take the room they need" },
    { 0 },
};

static enum err open_connection(const struct sqlops *sqlops, struct connection *connection)
{
    enum err err = store_open(connection->url, &connection->store);

    if (!err)
        return ERR_NONE;
    connection->store = NULL;
    log_error("sqlops: the database of the connection \"" STR_FMT "\" cannot be opened", STR_ARG(connection->name));
    return sqlops->connect_mode ? ERR_NONE : err;
}

static enum err start(struct module *module)
{
    struct sqlops *sqlops = module_state(module);
    enum err err = module_slot(module, &sqlops->slot);

    for (unsigned i = 0; i < sqlops->connection_count && !err; i++)
        err = open_connection(sqlops, &sqlops->connections[i]);
    return err;
}

static void stop(struct module *module)
{
    struct sqlops *sqlops = module_state(module);

    for (unsigned i = 0; i < sqlops->connection_count; i++)
        store_close(sqlops->connections[i].store);
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "sqlops",
    .summary = "Statements for databases, written in the script.",
    .state_size = sizeof(struct sqlops),
    .functions = functions,
    .variables = sqlops_variables,
    .params = params,
    .start = start,
    .stop = stop,
};
