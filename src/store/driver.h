/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a database has to do. A connection is used by one thread at a time: the store sees to that.
 * Statements that write are run between `begin` and `commit`, many at a time.
 */
#include <culvert/store.h>

struct connection;

/* A result under way: texts and rows live in the arena. */
struct answer {
    struct store_result result;
    struct arena arena;
};

/* A statement and its parameters, borrowed for the call. */
struct query {
    struct str sql;
    const struct value *params;
    unsigned param_count;
};

struct driver {
    struct str scheme; /* of its URLs: "sqlite" */
    /* Logs what is wrong, and what to do about it, by itself. */
    enum err (*open)(struct str path, struct connection **out);
    void (*close)(struct connection *connection);
    bool (*is_empty)(struct connection *connection); /* no tables yet */
    bool (*has_column)(struct connection *connection, struct str table, struct str column);
    /* Does the statement change anything? A wrong statement does not. */
    bool (*writes)(struct connection *connection, struct str sql);
    /* Fills the answer, also on failure; logs. */
    void (*run)(struct connection *connection, const struct query *query, struct answer *answer);
    enum err (*begin)(struct connection *connection);
    enum err (*commit)(struct connection *connection); /* rolled back when it fails */
    void (*rollback)(struct connection *connection);
    /* False when a failure has ended the transaction. */
    bool (*in_transaction)(struct connection *connection);
};

/* The first member of what a driver opens. */
struct connection {
    const struct driver *driver;
};

extern const struct driver sqlite_driver;

enum {
    ANSWER_BYTES_MAX = 64 * 1024 * 1024,
};

void answer_init(struct answer *answer);
void answer_fini(struct answer *answer);
