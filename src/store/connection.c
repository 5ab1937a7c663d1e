/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/log.h>
#include <culvert/writer.h>

#include "store/driver.h"
#include "sys/loop.h"

enum {
    QUIET_MSEC = 1000,
};

void answer_init(struct answer *answer)
{
    *answer = (struct answer){ 0 };
    arena_init(&answer->arena, NULL, ANSWER_BYTES_MAX);
}

void answer_fini(struct answer *answer)
{
    arena_fini(&answer->arena);
}

/* Messages of databases have line breaks and indentation. */
void connection_fault(struct connection *connection, const char *text)
{
    struct str all = str_trim(str_of(text ? text : ""));
    char *to = connection->fault;

    for (size_t i = 0; i < all.len && to < connection->fault + FAULT_BYTES_MAX - 1; i++) {
        char c = all.ptr[i] == '\n' || all.ptr[i] == '\t' ? ' ' : all.ptr[i];

        if (c != ' ' || to == connection->fault || to[-1] != ' ')
            *to++ = c;
    }
    *to = '\0';
}

void connection_log(struct connection *connection, const char *what)
{
    msec now = clock_monotonic();

    if (now < connection->quiet_until) {
        connection->unlogged++;
        return;
    }
    log_error("store: %s: %s%s", what, connection->fault,
              connection->unlogged ? " (and more before, not logged)" : "");
    connection->quiet_until = now + QUIET_MSEC;
    connection->unlogged = 0;
}

enum err connection_ask(struct connection *connection, const struct query *query, bool *has_rows)
{
    struct answer answer;
    enum err err;

    answer_init(&answer);
    connection->database->driver->run(connection, query, &answer);
    err = answer.result.err;
    if (!err && has_rows)
        *has_rows = answer.result.row_count > 0;
    answer_fini(&answer);
    return err;
}

bool connection_has_table(struct connection *connection, struct str table)
{
    struct value name = value_of_str(table);
    struct query query = { connection->database->driver->dialect->has_table, &name, 1 };
    bool has = false;

    return !connection_ask(connection, &query, &has) && has;
}

bool connection_has_column(struct connection *connection, struct str table, struct str column)
{
    struct value names[] = { value_of_str(table), value_of_str(column) };
    struct query query = { connection->database->driver->dialect->has_column, names, 2 };
    bool has = false;

    return !connection_ask(connection, &query, &has) && has;
}
