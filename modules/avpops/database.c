/* SPDX-License-Identifier: Apache-2.0 */
/* AVPs in tables: a row each, of a user by UUID, name, domain or URI. */
#include "avpops.h"

enum {
    ROWS_MAX = 32, /* written at once */
    SQL_MAX = 4096,
    ROW_PARAMS = 5,
    VARIABLES_MAX = 64,
    NUMBER_VALUE = 1, /* bits of the type column */
    NUMBER_NAME = 2,
    ANSWERED_EMPTY = -2, /* verdict of avp_db_query() in Kamailio's dialect */
};

enum who {
    WHO_UUID,
    WHO_USERNAME,
    WHO_DOMAIN,
    WHO_URI,
};

/* ---- arguments ---- */

struct source {
    const struct variable_ref *ref; /* NULL: the text */
    const struct format *text;
    enum who who;
};

struct names {
    struct avp_set set;
    const struct scheme *scheme; /* NULL: none */
    struct str table;
};

static const struct {
    const char *text;
    enum who who;
} whos[] = {
    { "uuid", WHO_UUID }, { "username", WHO_USERNAME }, { "domain", WHO_DOMAIN }, { "uri", WHO_URI },
};

static bool is_uri_variable(struct str text)
{
    return str_eq(text, STR("$ru")) || str_eq(text, STR("$fu")) || str_eq(text, STR("$tu")) ||
           str_eq(text, STR("$ou"));
}

static enum err read_who(struct str text, const struct script_place *place, enum who *out)
{
    for (size_t i = 0; i < sizeof whos / sizeof *whos; i++) {
        *out = whos[i].who;
        if (str_ieq(text, str_of(whos[i].text)))
            return ERR_NONE;
    }
    script_complain(place, "\"" STR_FMT "\" is none of username, domain, uri, uuid", STR_ARG(text));
    return ERR_SYNTAX;
}

/* source = ( variable | text ) [ "/" who ] */
static enum err prepare_source(struct str text, const struct script_place *place,
                               const void **out)
{
    struct source *source = arena_zalloc(script_place_arena(place), sizeof *source);
    struct str from = take_part(&text);
    enum err err;

    if (!source)
        return ERR_NOMEM;
    *out = source;
    source->who = is_uri_variable(from) ? WHO_URI : WHO_UUID;
    if (text.len && (err = read_who(str_trim(text), place, &source->who)))
        return err;
    return str_starts(from, STR("$")) ? script_place_variable(place, from, &source->ref)
                                      : script_place_format(place, from, &source->text);
}

static enum err use_scheme(const struct avpops *avpops, struct names *names, const struct script_place *place)
{
    names->scheme = scheme_find(avpops, str_skip(names->table, 1));
    if (names->scheme && names->set.ref)
        return ERR_NONE;
    script_complain(place, names->scheme ? "values of a scheme need one AVP: $avp(name)/$scheme"
                                         : "there is no db_scheme of this name");
    return ERR_NOT_FOUND;
}

/* The database is opened at the start, if at all. */
static enum err need_store(struct module *module, const struct script_place *place)
{
    struct avpops *avpops = module_state(module);

    if (!server_is_started(module_server(module)))
        avpops->needs_store = true;
    if (avpops->needs_store)
        return ERR_NONE;
    script_complain(place, "the script did not use a database of AVPs before: that needs a start of the server");
    return ERR_NOT_NOW;
}

/* names = set [ "/" ( table | "$" scheme ) ] */
static enum err prepare_names(struct module *module, struct str text, const struct script_place *place,
                              const void **out)
{
    struct avpops *avpops = module_state(module);
    struct names *names = arena_zalloc(script_place_arena(place), sizeof *names);
    enum err err;

    if (!names)
        return ERR_NOMEM;
    *out = names;
    if ((err = need_store(module, place)) || (err = read_set(take_part(&text), true, place, &names->set)))
        return err;
    names->table = str_is_empty(text) ? avpops->avp_table : str_trim(text);
    return str_starts(names->table, STR("$")) ? use_scheme(avpops, names, place) : ERR_NONE;
}

PREPARE(load)
{
    return index == 0 ? prepare_source(text, place, out) : prepare_names(module, text, place, out);
}

PREPARE(database)
{
    enum err err = avpops_prepare_load(module, index, text, place, out);
    const struct names *names = *out;

    if (err || index == 0 || !names->scheme)
        return err;
    script_complain(place, "schemes are for avp_db_load() only");
    return ERR_UNSUPPORTED;
}

/* ---- whose ---- */

struct user {
    enum who who;
    struct str uuid, username, domain;
};

/* What is no URI is taken as the name, or the domain, itself. */
static bool read_user(struct run *run, const struct source *source, struct user *out)
{
    const struct operand operand = { .ref = source->ref };
    struct value value = value_null();
    struct sip_uri uri;
    struct str text;

    if (source->ref)
        value = operand_value(run, &operand);
    if (source->ref ? value_is_null(&value) || value_to_str(run->arena, &value, &text)
                    : format_text(run, source->text, &text) != ERR_NONE)
        return false;
    *out = (struct user){ source->who, text, text, text };
    if (source->who != WHO_UUID && !sip_uri_parse(text, &uri)) {
        out->username = uri.user;
        out->domain = uri.host;
    } else if (source->who == WHO_URI) {
        return false;
    }
    return source->who == WHO_UUID || source->who == WHO_DOMAIN || out->username.len > 0;
}

/* One column of the user's and what it must be. */
struct condition {
    struct str column;
    struct value value;
};

/* How many conditions there are. */
static unsigned list_conditions(const struct avpops *avpops, const struct scheme *scheme, const struct user *user,
                                struct condition out[2])
{
    struct str uuid = scheme ? scheme->uuid_column : avpops->uuid_column;
    struct str username = scheme ? scheme->username_column : avpops->username_column;
    struct str domain = scheme ? scheme->domain_column : avpops->domain_column;

    out[0] = (struct condition){ username, value_of_str(user->username) };
    out[1] = (struct condition){ domain, value_of_str(user->domain) };
    if (user->who == WHO_UUID)
        out[0] = (struct condition){ uuid, value_of_str(user->uuid) };
    if (user->who == WHO_DOMAIN)
        out[0] = out[1];
    return user->who == WHO_URI && avpops->use_domain ? 2 : 1;
}

/* ---- statements ---- */

/* A statement being written. */
struct asking {
    struct run *run;
    char text[SQL_MAX];
    struct writer sql;
    struct value params[ROWS_MAX * ROW_PARAMS];
    unsigned param_count;
};

static void asking_init(struct asking *asking, struct run *run)
{
    asking->run = run;
    asking->sql = writer_over(asking->text, sizeof asking->text);
    asking->param_count = 0;
}

static enum verdict ask(const struct asking *asking, struct store *store, query_answer_fn *answer, void *context)
{
    struct str sql;

    if (writer_finish(&asking->sql, &sql))
        return VERDICT_ERROR;
    return run_query(asking->run, store, sql, asking->params, asking->param_count, answer, context);
}

static void add_param(struct asking *asking, struct value value)
{
    asking->params[asking->param_count++] = value;
}

static struct value as_text(struct run *run, const struct value *value)
{
    struct str text;

    return value_to_str(run->arena, value, &text) ? value_null() : value_of_str(text);
}

static struct value name_value(struct run *run, const struct avp_name *name)
{
    struct value number = value_of_int(name->number);

    return name->is_number ? as_text(run, &number) : value_of_str(name->text);
}

static void write_where(struct asking *asking, const struct avpops *avpops, const struct scheme *scheme,
                        const struct user *user)
{
    struct condition conditions[2];
    unsigned count = list_conditions(avpops, scheme, user, conditions);

    for (unsigned i = 0; i < count; i++) {
        write_fmt(&asking->sql, "%s" STR_FMT "=?", i == 0 ? " WHERE " : " AND ", STR_ARG(conditions[i].column));
        add_param(asking, conditions[i].value);
    }
}

/* ---- avp_db_load(source, names) ---- */

struct loading {
    const struct names *names;
    struct avp_name name; /* when the names are one */
};

static bool read_number(const struct value *value, int64_t *out)
{
    *out = value->number;
    return value->has_number || !str_to_int(str_trim(value->text), INT64_MIN, INT64_MAX, out);
}

static enum err add_row(struct run *run, const struct avp_name *name, const struct value *column, bool is_number)
{
    struct value value = value_of_int(0);

    if (is_number && !read_number(column, &value.number)) {
        log_error("avp_db_load: \"" STR_FMT "\" is no number, as its type says it is", STR_ARG(column->text));
        return ERR_NONE;
    }
    if (!is_number) {
        value = value_of_str(STR(""));
        if (value_to_str(run->arena, column, &value.text))
            return ERR_NOMEM;
    }
    return add_avp(run, name, &value);
}

/* Columns: value, attribute, type. */
static enum err load_row(struct run *run, const struct loading *loading, const struct value *columns)
{
    const struct avp_set *set = &loading->names->set;
    struct avp_name name = loading->name;
    int64_t type;

    if (!read_number(&columns[2], &type))
        return ERR_NONE;
    if (set->ref ? name.is_number != !!(type & NUMBER_NAME) : !(type & NUMBER_NAME ? set->has_numbers : set->has_texts))
        return ERR_NONE;
    if (!set->ref) {
        name = (struct avp_name){ .text = columns[1].text, .is_number = type & NUMBER_NAME };
        if (name.is_number && !read_number(&columns[1], &name.number))
            return ERR_NONE;
        if (!name.is_number && value_to_str(run->arena, &columns[1], &name.text))
            return ERR_NOMEM;
    }
    return add_row(run, &name, &columns[0], type & NUMBER_VALUE);
}

static enum verdict take_rows(struct run *run, void *context, const struct store_result *result)
{
    const struct loading *loading = context;
    const struct scheme *scheme = loading->names->scheme;
    const struct avp *first = run->request->avps.first;
    enum err err = result->err;

    for (unsigned i = 0; i < result->row_count && !err; i++)
        err = scheme ? add_row(run, &loading->name, result->rows[i].columns, scheme->is_number)
                     : load_row(run, loading, result->rows[i].columns);
    return verdict_if(!err && run->request->avps.first != first);
}

FUNCTION(db_load)
{
    const struct avpops *avpops = module_state(call->module);
    const struct names *names = call->args[1].object;
    struct asking asking;
    struct loading *loading = arena_zalloc(call->run->arena, sizeof *loading);
    struct user user;

    if (!loading || !read_user(call->run, call->args[0].object, &user) ||
        (names->set.ref && !set_name(call->run, &names->set, &loading->name)))
        return VERDICT_ERROR;
    loading->names = names;
    asking_init(&asking, call->run);
    if (names->scheme)
        write_fmt(&asking.sql, "SELECT " STR_FMT " FROM " STR_FMT, STR_ARG(names->scheme->value_column),
                  STR_ARG(names->scheme->table));
    else
        write_fmt(&asking.sql, "SELECT " STR_FMT "," STR_FMT "," STR_FMT " FROM " STR_FMT, STR_ARG(avpops->value_column),
                  STR_ARG(avpops->attribute_column), STR_ARG(avpops->type_column), STR_ARG(names->table));
    write_where(&asking, avpops, names->scheme, &user);
    if (!names->scheme && names->set.ref) {
        write_fmt(&asking.sql, " AND " STR_FMT "=?", STR_ARG(avpops->attribute_column));
        add_param(&asking, name_value(call->run, &loading->name));
    }
    return ask(&asking, avpops->store, take_rows, loading);
}

/* ---- avp_db_store(source, names) ---- */

static enum verdict tell(struct run *run, void *context, const struct store_result *result)
{
    (void)run;
    (void)context;
    return verdict_of(result->err);
}

static void write_row(struct asking *asking, const struct avp *avp, const struct condition *conditions, unsigned count,
                      bool is_first)
{
    int type = (avp->value.is_int ? NUMBER_VALUE : 0) | (avp->name.is_number ? NUMBER_NAME : 0);

    write_fmt(&asking->sql, "%s(?,?,?%s)", is_first ? "" : ",", count == 2 ? ",?,?" : ",?");
    add_param(asking, name_value(asking->run, &avp->name));
    add_param(asking, as_text(asking->run, &avp->value));
    add_param(asking, value_of_int(type));
    for (unsigned i = 0; i < count; i++)
        add_param(asking, conditions[i].value);
}

FUNCTION(db_store)
{
    const struct avpops *avpops = module_state(call->module);
    const struct names *names = call->args[1].object;
    struct asking asking;
    struct condition conditions[2];
    struct user user;
    struct avp_walk walk;
    unsigned count, rows = 0;

    asking_init(&asking, call->run);
    if (!read_user(call->run, call->args[0].object, &user))
        return VERDICT_ERROR;
    count = list_conditions(avpops, NULL, &user, conditions);
    write_fmt(&asking.sql, "INSERT INTO " STR_FMT " (" STR_FMT "," STR_FMT "," STR_FMT, STR_ARG(names->table),
              STR_ARG(avpops->attribute_column), STR_ARG(avpops->value_column), STR_ARG(avpops->type_column));
    for (unsigned i = 0; i < count; i++)
        write_fmt(&asking.sql, "," STR_FMT, STR_ARG(conditions[i].column));
    write_fmt(&asking.sql, ") VALUES ");
    for (const struct avp *avp = walk_start(&walk, call->run, &names->set); avp && rows <= ROWS_MAX;
         avp = walk_next(&walk))
        if (rows++ < ROWS_MAX)
            write_row(&asking, avp, conditions, count, rows == 1);
    if (rows > ROWS_MAX)
        log_error("avp_db_store: there are more than %d values; nothing is stored", ROWS_MAX);
    return rows == 0 || rows > ROWS_MAX ? VERDICT_FALSE : ask(&asking, avpops->store, tell, NULL);
}

/* ---- avp_db_delete(source, names) ---- */

FUNCTION(db_delete)
{
    const struct avpops *avpops = module_state(call->module);
    const struct names *names = call->args[1].object;
    struct asking asking;
    bool has_texts = names->set.has_texts, has_numbers = names->set.has_numbers;
    struct avp_name name;
    struct user user;

    asking_init(&asking, call->run);
    if (!read_user(call->run, call->args[0].object, &user))
        return VERDICT_ERROR;
    write_fmt(&asking.sql, "DELETE FROM " STR_FMT, STR_ARG(names->table));
    write_where(&asking, avpops, NULL, &user);
    if (names->set.ref) {
        if (!set_name(call->run, &names->set, &name))
            return VERDICT_ERROR;
        write_fmt(&asking.sql, " AND " STR_FMT "=?", STR_ARG(avpops->attribute_column));
        add_param(&asking, name_value(call->run, &name));
        has_numbers = name.is_number;
        has_texts = !name.is_number;
    }
    if (has_texts != has_numbers)
        write_fmt(&asking.sql, " AND " STR_FMT " IN (%s)", STR_ARG(avpops->type_column), has_numbers ? "2,3" : "0,1");
    return ask(&asking, avpops->store, tell, NULL);
}

/* ---- avp_db_query(statement [, AVPs]) ---- */

struct targets {
    struct avp_set sets[VARIABLES_MAX];
    unsigned count;
};

/* AVPs with semicolons between them. */
static enum err prepare_targets(struct str text, const struct script_place *place,
                                const void **out)
{
    struct targets *targets = arena_zalloc(script_place_arena(place), sizeof *targets);
    enum err err = targets ? ERR_NONE : ERR_NOMEM;

    *out = targets;
    while (!err && text.len) {
        struct str name = text;
        if (!str_split(text, ';', &name, &text))
            text = STR("");
        if (targets->count == VARIABLES_MAX)
            return ERR_LIMIT;
        err = read_set(str_trim(name), false, place, &targets->sets[targets->count++]);
    }
    return err;
}

PREPARE(query)
{
    enum err err = need_store(module, place);

    if (err)
        return err;
    return index == 0 ? script_place_query_text(place, text, (const struct query_text **)out)
                      : prepare_targets(text, place, out);
}

/* Without a list the AVPs are i:1, i:2… */
static bool target_name(struct run *run, const struct targets *targets, unsigned column, struct avp_name *out)
{
    *out = (struct avp_name){ .number = column + 1, .is_number = true };
    if (!targets)
        return true;
    return column < targets->count && set_name(run, &targets->sets[column], out);
}

static enum err add_columns(struct run *run, const struct targets *targets, const struct store_row *row)
{
    enum err err = ERR_NONE;

    for (unsigned i = 0; i < row->column_count && !err; i++) {
        struct avp_name name;
        if (!value_is_null(&row->columns[i]) && target_name(run, targets, i, &name))
            err = add_avp(run, &name, &row->columns[i]);
    }
    return err;
}

/* Which row comes on top: the last in OpenSER's dialect, the first in Kamailio's. */
static enum verdict take_columns(struct run *run, void *context, const struct store_result *result)
{
    bool is_openser = server_is_openser(run_server(run));
    enum err err = result->err;

    for (unsigned i = 0; i < result->row_count && !err; i++)
        err = add_columns(run, context, &result->rows[is_openser ? i : result->row_count - 1 - i]);
    if (err)
        return VERDICT_ERROR;
    return result->row_count || is_openser ? VERDICT_TRUE : (enum verdict)ANSWERED_EMPTY;
}

FUNCTION(db_query)
{
    const struct avpops *avpops = module_state(call->module);
    void *targets = call->arg_count > 1 ? (void *)(uintptr_t)call->args[1].object : NULL;

    return run_query_text(call->run, avpops->store, call->args[0].object, take_columns, targets);
}
