/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The inside of the dialogs: what only this area knows of each. */
#include "base/list.h"
#include "base/table.h"
#include "dialog/party.h"

enum {
    EARLY_LEGS_MAX = 16, /* of one INVITE; also its dialogs */
};

/* A callee that has rung, until one of them has answered. */
struct early_leg {
    struct early_leg *next;
    struct dialog_party callee;
    uint32_t caller_cseq;
};

struct entry {
    struct dialog dialog; /* first: every dialog is an entry */
    struct dialogs *all;
    struct list_node node;      /* in all->in_order */
    struct table_node by_call;  /* Call-ID and the caller's tag */
    struct table_node by_number;
    struct timer timer;
    struct early_leg *legs;
    unsigned leg_count;
    size_t size; /* of the entry with its own texts */
};

struct dialogs {
    struct dialogs_settings settings;
    struct dialogs_user user;
    struct wheel *wheel;
    struct hash_key key;
    struct table calls, numbers;
    struct list_node in_order;
    uint64_t last_number;
    uint32_t last_id;
};

static inline struct entry *entry_of(const struct dialog *dialog)
{
    return CONTAINER_OF(dialog, struct entry, dialog);
}

/* ---- dialogs.c ---- */

struct early_leg *entry_find_leg(const struct entry *entry, struct str callee_tag);
void entry_forget_legs(struct entry *entry);
void entry_destroy(struct entry *entry);
/* A dialog like this one, for another callee; NULL: too many. */
struct entry *entry_clone(struct entry *entry);
/* The dialog of the same INVITE with this callee; NULL when there is none. */
struct entry *entry_sibling(const struct entry *entry, struct str callee_tag);

/* ---- state.c ---- */

void entry_start(struct entry *entry);
