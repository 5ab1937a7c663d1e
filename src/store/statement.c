/* SPDX-License-Identifier: Apache-2.0 */
#include "store/statement.h"

#include <stdlib.h>

#include <culvert/cursor.h>
#include <culvert/log.h>

#include "sys/loop.h"

enum {
    LOG_MSEC = 1000, /* between lines that a peer may cause */
};

/* --- what kind it is --- */

/* What only asks begins with one of these; anything else is taken for a write, which harms nothing.
 */
static const struct str asking[] = {
    STR_INIT("SELECT"), STR_INIT("VALUES"),   STR_INIT("SHOW"),
    STR_INIT("TABLE"),  STR_INIT("DESCRIBE"), STR_INIT("EXPLAIN")
};

/* What changes the connection, which others use next. */
static const struct str changing[] = {
    STR_INIT("BEGIN"),     STR_INIT("START"),   STR_INIT("COMMIT"), STR_INIT("ROLLBACK"),
    STR_INIT("SAVEPOINT"), STR_INIT("RELEASE"), STR_INIT("END"),    STR_INIT("ABORT"),
    STR_INIT("PREPARE"),   STR_INIT("XA"),      STR_INIT("LOCK"),   STR_INIT("UNLOCK"),
    STR_INIT("SET"),       STR_INIT("USE"),
};

static struct str first_word(struct str sql)
{
    size_t length = 0;

    while (sql.len && (sql.ptr[0] == '(' || str_trim(sql).ptr != sql.ptr))
        sql = str_skip(sql, 1);
    while (length < sql.len && class_alnum[(unsigned char)sql.ptr[length]])
        length++;
    return (struct str){ sql.ptr, length };
}

static bool is_one_of(struct str word, const struct str *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_ieq(word, words[i]))
            return true;
    return false;
}

bool statement_asks(struct str sql)
{
    return is_one_of(first_word(sql), asking, sizeof asking / sizeof asking[0]);
}

/* --- what can be said to every database --- */

/* The length of the UTF-8 sequence at the start (RFC 3629), 0 when it is none. */
static size_t sequence_length(const unsigned char *at, size_t left)
{
    size_t length = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;

    if (!length || length > left || at[0] > 0xf4 || at[0] == 0)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
        (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
        return 0;
    return length;
}

bool text_is_storable(struct str text)
{
    const unsigned char *at = (const unsigned char *)text.ptr;
    size_t length;

    for (size_t left = text.len; left; at += length, left -= length)
        if (!(length = sequence_length(at, left)))
            return false;
    return true;
}

/* An empty statement means something among ourselves. */
static bool is_storable(const struct query *query)
{
    if (str_is_empty(query->sql))
        return false;
    for (unsigned i = 0; i < query->param_count; i++)
        if (query->params[i].has_text && !text_is_storable(query->params[i].text))
            return false;
    return text_is_storable(query->sql);
}

enum err query_check(const struct query *query)
{
    static struct log_gate gate;
    bool is_good = is_storable(query);

    if (is_good &&
        !is_one_of(first_word(query->sql), changing, sizeof changing / sizeof changing[0]))
        return ERR_NONE;
    if (log_gate_pass(&gate, clock_monotonic(), LOG_MSEC))
        log_error("store: %s",
                  is_good
                      ? "a statement is done for itself: transactions, locks and "
                        "settings of a session are not for scripts"
                      : "a statement is empty, or it or a value is not UTF-8, or has a NUL in it: "
                        "no database takes it");
    return is_good ? ERR_DENIED : ERR_SYNTAX;
}

/* --- copies --- */

static size_t bytes_needed(const struct query *query)
{
    size_t size = sizeof(struct statement) + query->param_count * sizeof(struct value);

    for (unsigned i = 0; i < query->param_count; i++)
        if (query->params[i].has_text)
            size += query->params[i].text.len;
    return size + query->sql.len;
}

static struct str copy_text(struct str text, char **at)
{
    char *to = *at;

    if (text.len)
        memcpy(to, text.ptr, text.len);
    *at += text.len;
    return (struct str){ to, text.len };
}

/* Copies the query into the memory behind the statement. */
static void copy_query(struct statement *statement, const struct query *query)
{
    struct value *params = (struct value *)(statement + 1);
    char *at = (char *)(params + query->param_count);

    statement->query = (struct query){ .params = params, .param_count = query->param_count };
    statement->query.sql = copy_text(query->sql, &at);
    for (unsigned i = 0; i < query->param_count; i++) {
        params[i] = query->params[i];
        if (params[i].has_text)
            params[i].text = copy_text(params[i].text, &at);
    }
}

enum err statement_create(struct worker *worker, const struct query *query, store_done_fn *done,
                          void *context, struct statement **out)
{
    size_t size = bytes_needed(query);
    struct statement *statement = malloc(size);

    if (!statement)
        return ERR_NOMEM;
    *statement =
        (struct statement){ .worker = worker, .done = done, .context = context, .bytes = size };
    statement->asks = statement_asks(query->sql);
    copy_query(statement, query);
    answer_init(&statement->answer);
    *out = statement;
    return ERR_NONE;
}

void statement_destroy(struct statement *statement)
{
    if (!statement)
        return;
    answer_fini(&statement->answer);
    free(statement);
}

static void run_done(void *argument)
{
    struct statement *statement = argument;

    statement->done(statement->context, &statement->answer.result);
    statement_destroy(statement);
}

void statement_deliver(struct statement *statement, store_post_fn *post)
{
    if (!statement->done)
        statement_destroy(statement);
    else if (statement->worker && post)
        post(statement->worker, run_done, statement);
    else
        run_done(statement);
}

void statements_init(struct statements *list)
{
    list->first = NULL;
    list->last = &list->first;
}

void statements_append(struct statements *list, struct statement *statement)
{
    statement->next = NULL;
    *list->last = statement;
    list->last = &statement->next;
}

struct statement *statements_take(struct statements *list)
{
    struct statement *statement = list->first;

    if (!statement)
        return NULL;
    list->first = statement->next;
    if (!list->first)
        list->last = &list->first;
    return statement;
}

void statements_move(struct statements *list, struct statements *from)
{
    if (!from->first)
        return;
    *list->last = from->first;
    list->last = from->last;
    statements_init(from);
}
