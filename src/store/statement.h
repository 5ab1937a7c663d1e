/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A statement handed in, with copies of all it needs: it waits in the queue of a store, is run, and
 * carries its answer to the one who asked. Whoever has it owns it.
 */
#include "store/driver.h"
#include "store/store_internal.h"

struct statement {
    struct statement *next;
    struct worker *worker;
    store_done_fn *done;
    void *context;
    struct query query;
    size_t bytes;    /* of memory, while it waits */
    uint64_t number; /* in the order of handing in */
    bool asks;       /* changes nothing */
    bool is_joined;  /* written in the same transaction as the next */
    struct answer answer;
};

/* Does it only ask? By its first word. */
bool statement_asks(struct str sql);
/* UTF-8 without NUL: what every database takes, and gives back as it was. */
bool text_is_storable(struct str text);
/* ERR_SYNTAX for what is not storable, ERR_DENIED for what changes the connection; logged. */
MUST_USE enum err query_check(const struct query *query);

/* A first-in, first-out list. */
struct statements {
    struct statement *first;
    struct statement **last;
};

MUST_USE enum err statement_create(struct worker *worker, const struct query *query,
                                   store_done_fn *done, void *context, struct statement **out);
void statement_destroy(struct statement *statement);
/* Calls `done`, on the worker if there is one, and destroys the statement. */
void statement_deliver(struct statement *statement, store_post_fn *post);

void statements_init(struct statements *list);
void statements_append(struct statements *list, struct statement *statement);
struct statement *statements_take(struct statements *list);
/* All of `from`, behind what is there. */
void statements_move(struct statements *list, struct statements *from);
