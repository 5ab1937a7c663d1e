/* SPDX-License-Identifier: Apache-2.0 */
#include "store/statement.h"

#include <stdlib.h>

void answer_init(struct answer *answer)
{
    *answer = (struct answer){ 0 };
    arena_init(&answer->arena, NULL, ANSWER_BYTES_MAX);
}

void answer_fini(struct answer *answer)
{
    arena_fini(&answer->arena);
}

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
