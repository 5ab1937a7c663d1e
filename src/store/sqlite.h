/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The parts of the SQLite driver: the connection (sqlite.c) and its statements (sqlite_run.c). */
#include <sqlite3.h>

#include "base/list.h"
#include "store/driver.h"

enum {
    PREPARED_MAX = 128,
};

/* A statement ready to run, kept by its text. */
struct prepared {
    struct list_node node; /* the one used last is first */
    sqlite3_stmt *statement;
    size_t length;
    char text[];
};

struct sqlite {
    struct connection base;
    sqlite3 *handle;
    struct list_node prepared;
    unsigned prepared_count;
    bool is_trusted;      /* the statement is one of the driver */
    uint64_t quiet_until; /* msec; failures are counted, not logged, until then */
    unsigned unlogged;
};

static inline struct sqlite *sqlite_of(struct connection *connection)
{
    return (struct sqlite *)connection;
}

/* What a result code of SQLite is to us. */
enum err sqlite_err(int code);
/* Logs the last failure of the handle, once in a while when there are many. */
void sqlite_log(struct sqlite *sqlite, const char *what);
void sqlite_forget_prepared(struct sqlite *sqlite);

bool sqlite_writes(struct connection *connection, struct str sql);
void sqlite_run(struct connection *connection, const struct query *query, struct answer *answer);
