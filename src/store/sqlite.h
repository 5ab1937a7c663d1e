/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The parts of the SQLite driver: the connection (sqlite.c) and its statements (sqlite_run.c). */
#include <sqlite3.h>

#include "store/prepared.h"

struct sqlite {
    struct connection base;
    sqlite3 *handle;
    struct prepared_list prepared;
    bool is_trusted;  /* the statement is one of the driver */
    msec deadline;    /* of the statement that runs; 0: none */
    bool has_run_out; /* of time, or was interrupted */
};

static inline struct sqlite *sqlite_of(struct connection *connection)
{
    return (struct sqlite *)(void *)connection;
}

/* What a result code of SQLite is to us. */
enum err sqlite_err(int code);
/* Logs the last failure of the handle, once in a while when there are many. */
void sqlite_log(struct sqlite *sqlite, const char *what);
void sqlite_close_prepared(struct connection *connection, struct prepared *prepared);
void sqlite_run(struct connection *connection, const struct query *query, struct answer *answer);
