/* SPDX-License-Identifier: Apache-2.0 */
#include "store/prepared.h"

#include <stdlib.h>

void prepared_init(struct prepared_list *list, prepared_close_fn *close)
{
    *list = (struct prepared_list){ .close = close };
    list_init(&list->list);
}

struct prepared *prepared_find(struct prepared_list *list, struct str sql)
{
    LIST_EACH(node, &list->list)
    {
        struct prepared *prepared = CONTAINER_OF(node, struct prepared, node);

        if (!str_eq((struct str){ prepared->text, prepared->length }, sql))
            continue;
        list_remove(node);
        list_push_front(&list->list, node);
        return prepared;
    }
    return NULL;
}

struct prepared *prepared_create(struct str sql, size_t size)
{
    struct prepared *prepared = calloc(1, size + sql.len);

    if (!prepared)
        return NULL;
    prepared->text = (char *)prepared + size;
    prepared->length = sql.len;
    if (sql.len)
        memcpy(prepared->text, sql.ptr, sql.len);
    return prepared;
}

void prepared_forget(struct prepared_list *list, struct connection *connection,
                     struct prepared *prepared)
{
    list_remove(&prepared->node);
    list->count--;
    list->close(connection, prepared);
    free(prepared);
}

void prepared_keep(struct prepared_list *list, struct connection *connection,
                   struct prepared *prepared)
{
    if (list->count == PREPARED_MAX)
        prepared_forget(list, connection, CONTAINER_OF(list->list.prev, struct prepared, node));
    list_push_front(&list->list, &prepared->node);
    list->count++;
}

void prepared_forget_all(struct prepared_list *list, struct connection *connection)
{
    struct list_node *node;

    while ((node = list_first(&list->list)))
        prepared_forget(list, connection, CONTAINER_OF(node, struct prepared, node));
}
