/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The parts of the PostgreSQL driver: the connection (postgres.c) and its statements
 * (postgres_run.c), both over the functions of libpq that do not block, with waiting of our own.
 */
#include <libpq-fe.h>

#include "store/prepared.h"

struct postgres {
    struct connection base;
    PGconn *handle; /* NULL while not connected */
    struct prepared_list prepared;
    uint64_t last_name; /* of prepared statements */
    msec deadline;      /* of what is under way */
    enum err given_up;  /* why it was, by us: ERR_TIMEOUT or ERR_NOT_NOW */
};

static inline struct postgres *postgres_of(struct connection *connection)
{
    return (struct postgres *)(void *)connection;
}

/* A little more than the database gives itself. */
void postgres_set_deadline(struct postgres *postgres);
/* The next result of what was sent; NULL after the last. Failures are for postgres_failed(). */
enum err postgres_next_result(struct postgres *postgres, PGresult **out);
/* Reads and frees the other results. */
void postgres_skip_results(struct postgres *postgres);
/* Leaves the fault; closes what cannot be used any more. The result may be NULL. */
enum err postgres_failed(struct postgres *postgres, const PGresult *result);
void postgres_drop(struct postgres *postgres);

void postgres_close_prepared(struct connection *connection, struct prepared *prepared);
void postgres_run(struct connection *connection, const struct query *query, struct answer *answer);
enum err postgres_execute(struct connection *connection, const char *sql);
