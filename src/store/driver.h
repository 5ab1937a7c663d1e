/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a kind of database has to do, and what its SQL looks like. A connection is used by one
 * thread at a time: the lanes of the queue see to that. It may wait, for the time that the limits
 * allow, and not longer than until the interrupt.
 */
#include <stdatomic.h>

#include <culvert/store.h>
#include <culvert/timer.h>

#include "store/url.h"

struct connection;
struct driver;

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

/* Raised once, from any thread: whatever waits for the database gives up. */
struct interrupt {
    atomic_bool is_raised;
    int fd; /* readable from then on */
};

struct limits {
    unsigned connections; /* of a pool */
    msec statement;       /* for one statement */
    msec connect;
};

/* What the connections of a pool have in common. */
struct database {
    const struct driver *driver;
    struct url url;
    struct limits limits;
    struct interrupt interrupt;
    bool replaces_damaged; /* a file that is damaged is set aside for a new one */
};

enum {
    ANSWER_BYTES_MAX = 64 * 1024 * 1024,
    FAULT_BYTES_MAX = 512,
};

/* The first member of what a driver creates. */
struct connection {
    struct database *database;   /* borrowed */
    bool is_up;                  /* a driver clears it when it can go on only after connect() */
    char fault[FAULT_BYTES_MAX]; /* what went wrong last, in the words of the database */
    msec quiet_until;            /* failures are counted, not logged, until then */
    unsigned unlogged;
};

/* The texts in which databases differ. */
struct dialect {
    const char *begin;
    const char *commit;
    const char *rollback;
    /* Where a failed statement spoils its transaction: set before each, and gone back to. Or NULL.
     */
    const char *mark;
    const char *back_to_mark;
    struct str any_table;  /* a row when there is a table */
    struct str has_table;  /* a row when there is this table */
    struct str has_column; /* a row when the table has the column */
    /* An INSERT becomes "insert or update" by: front, the key if it is named, middle, and then for
     * each column the text with the name for '@'. */
    struct str upsert_front;
    bool upsert_names_key;
    struct str upsert_middle;
    const char *upsert_column;
    const struct dialect_word *words; /* for the schema; the last one has no name */
};

/* "{time}" in the text of a table stands for "DATETIME". */
struct dialect_word {
    struct str name;
    struct str text;
};

struct driver {
    const char *name; /* for people: "PostgreSQL" */
    const struct dialect *dialect;
    /* In this process: it has no outages, what fails at the start fails for good. One connection.
     */
    bool is_embedded;
    enum err (*create)(struct database *database, struct connection **out);
    void (*destroy)(struct connection *connection);
    /* Leaves the words for a failure in `fault`; drops what there was before. */
    enum err (*connect)(struct connection *connection);
    /* Fills the answer, also on failure; logs. */
    void (*run)(struct connection *connection, const struct query *query, struct answer *answer);
    /* A statement of the dialect, without parameters. Leaves a failure in `fault`. */
    enum err (*execute)(struct connection *connection, const char *sql);
    /* Is there a transaction that can be committed? */
    bool (*in_transaction)(struct connection *connection);
};

extern const struct driver sqlite_driver;
extern const struct driver postgres_driver;
extern const struct driver mysql_driver;

void answer_init(struct answer *answer);
void answer_fini(struct answer *answer);

/* Puts text into `fault`, in one line. */
void connection_fault(struct connection *connection, const char *text);
/* Logs what was left in `fault`, once in a while when there is much. */
void connection_log(struct connection *connection, const char *what);
/* Runs a statement that needs no result but whether there are rows. */
MUST_USE enum err connection_ask(struct connection *connection, const struct query *query,
                                 bool *has_rows);
bool connection_has_table(struct connection *connection, struct str table);
bool connection_has_column(struct connection *connection, struct str table, struct str column);
