/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * An intrusive, doubly linked list. The head is a node too; a node belongs to the object that it is
 * a member of. A zeroed node is in no list.
 */
#include <stdbool.h>
#include <stddef.h>

struct list_node {
    struct list_node *prev;
    struct list_node *next;
};

/* The object of which *pointer is the member. */
#define CONTAINER_OF(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* Visits each node; the list must not change meanwhile. */
#define LIST_EACH(node, head)                                                                      \
    for (struct list_node *node = (head)->next; node != (head); node = node->next)

/* Visits each node; the one visited may be removed and freed. */
#define LIST_EACH_SAFE(node, head)                                                                 \
    for (struct list_node *node = (head)->next, *node##_after = node->next; node != (head);        \
         node = node##_after, node##_after = node->next)

/* Makes an empty list. */
static inline void list_init(struct list_node *head)
{
    head->prev = head;
    head->next = head;
}

static inline bool list_is_empty(const struct list_node *head)
{
    return head->next == head;
}

/* Is this node in a list? Not for heads. */
static inline bool list_is_linked(const struct list_node *node)
{
    return node->next != NULL;
}

static inline void list_insert_between(struct list_node *prev, struct list_node *next,
                                       struct list_node *node)
{
    node->prev = prev;
    node->next = next;
    prev->next = node;
    next->prev = node;
}

/* The node must not be in a list. */
static inline void list_push_back(struct list_node *head, struct list_node *node)
{
    list_insert_between(head->prev, head, node);
}

static inline void list_push_front(struct list_node *head, struct list_node *node)
{
    list_insert_between(head, head->next, node);
}

/* Removing twice is fine. */
static inline void list_remove(struct list_node *node)
{
    if (!list_is_linked(node))
        return;
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->prev = NULL;
    node->next = NULL;
}

/* The first node, or NULL of an empty list. */
static inline struct list_node *list_first(const struct list_node *head)
{
    return list_is_empty(head) ? NULL : head->next;
}

static inline struct list_node *list_pop_front(struct list_node *head)
{
    struct list_node *node = list_first(head);

    if (node)
        list_remove(node);
    return node;
}
