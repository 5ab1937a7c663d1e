/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The parts of the driver for MySQL and MariaDB: the connection (mysql.c) and its statements
 * (mysql_run.c), both over the functions of libmariadb that do not block, with waiting of our own.
 */
#include <mysql.h>

#include "store/prepared.h"

struct mysql {
    struct connection base;
    MYSQL *handle; /* NULL while not connected */
    struct prepared_list prepared;
    msec deadline;     /* of what is under way */
    enum err given_up; /* why it was, by us: ERR_TIMEOUT or ERR_NOT_NOW */
    bool has_lost_transaction;
};

static inline struct mysql *mysql_of(struct connection *connection)
{
    return (struct mysql *)(void *)connection;
}

/* A little more than the database gives itself. */
void mysql_set_deadline(struct mysql *mysql);
/* For what MYSQL_WAIT_… says; the answer is for the function that goes on. */
int mysql_wait_for(struct mysql *mysql, int what);
/* Leaves the fault; closes what cannot be used any more. */
enum err mysql_failed(struct mysql *mysql, unsigned code, const char *text);
void mysql_drop(struct mysql *mysql);

/* Calls name_start(), and name_cont() until it is done. */
#define MYSQL_AWAIT(mysql, out, name, object, ...)                                                 \
    do {                                                                                           \
        int what_ = name##_start((out), __VA_ARGS__);                                              \
        while (what_)                                                                              \
            what_ = name##_cont((out), (object), mysql_wait_for((mysql), what_));                  \
    } while (0)

void mysql_close_prepared(struct connection *connection, struct prepared *prepared);
void mysql_run(struct connection *connection, const struct query *query, struct answer *answer);
