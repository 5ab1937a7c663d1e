/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Statements that a connection has ready, kept by their text: the ones used last. */
#include "base/list.h"
#include "store/driver.h"

enum {
    PREPARED_MAX = 128,
};

/* The first member of what a driver keeps for a statement. */
struct prepared {
    struct list_node node; /* the one used last is first */
    char *text;
    size_t length;
};

typedef void prepared_close_fn(struct connection *connection, struct prepared *prepared);

struct prepared_list {
    struct list_node list;
    unsigned count;
    prepared_close_fn *close; /* ends it in the database, and what the driver keeps in it */
};

void prepared_init(struct prepared_list *list, prepared_close_fn *close);
/* NULL when there is none. */
struct prepared *prepared_find(struct prepared_list *list, struct str sql);
/* Zeroed, `size` bytes with struct prepared in front, not yet in a list. NULL: no memory. */
struct prepared *prepared_create(struct str sql, size_t size);
/* Takes it over; the one that nobody used for longest goes when there are too many. */
void prepared_keep(struct prepared_list *list, struct connection *connection,
                   struct prepared *prepared);
void prepared_forget(struct prepared_list *list, struct connection *connection,
                     struct prepared *prepared);
void prepared_forget_all(struct prepared_list *list, struct connection *connection);
