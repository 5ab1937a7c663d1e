/* SPDX-License-Identifier: Apache-2.0 */
#include "location/shards.h"

#include <stdlib.h>

/* The order of enum binding_text. */
static void gather_texts(const struct binding *binding, struct str texts[static TEXTS])
{
    texts[TEXT_CONTACT] = binding->contact;
    texts[TEXT_RECEIVED] = binding->received;
    texts[TEXT_PATH] = binding->path;
    texts[TEXT_CALL_ID] = binding->call_id;
    texts[TEXT_USER_AGENT] = binding->user_agent;
    texts[TEXT_INSTANCE] = binding->instance;
    texts[TEXT_RUID] = binding->ruid;
}

static void fill_facts(struct slot *slot, const struct binding *from)
{
    slot->flow = from->flow;
    slot->expires_at = from->expires_at;
    slot->updated_at = from->updated_at;
    slot->ping_sent_at = from->ping_sent_at;
    slot->round_trip = (uint32_t)from->round_trip;
    slot->cseq = from->cseq;
    slot->flags = from->flags;
    slot->cflags = from->cflags;
    slot->methods = from->methods;
    slot->reg_id = from->reg_id;
    slot->q = (int16_t)from->q;
    slot->missed_pings = (uint16_t)from->missed_pings;
    slot->is_volatile = from->is_volatile;
}

static void fill_texts(struct slot *slot, const struct str texts[static TEXTS])
{
    char *at = slot->text;

    for (unsigned i = 0; i < TEXTS; i++) {
        slot->lengths[i] = (uint16_t)texts[i].len;
        if (texts[i].len)
            memcpy(at, texts[i].ptr, texts[i].len);
        at += texts[i].len;
    }
}

enum err slot_create(const struct binding *from, struct aor *aor, struct slot **out)
{
    struct str texts[TEXTS];
    size_t size = sizeof(struct slot);
    struct slot *slot;

    gather_texts(from, texts);
    for (unsigned i = 0; i < TEXTS; i++) {
        if (texts[i].len > UINT16_MAX)
            return ERR_LIMIT;
        size += texts[i].len;
    }
    slot = malloc(size);
    if (!slot)
        return ERR_NOMEM;
    memset(slot, 0, sizeof *slot);
    slot->aor = aor;
    fill_facts(slot, from);
    fill_texts(slot, texts);
    *out = slot;
    return ERR_NONE;
}

struct str slot_text(const struct slot *slot, enum binding_text which)
{
    const char *at = slot->text;

    for (unsigned i = 0; i < which; i++)
        at += slot->lengths[i];
    return (struct str){ at, slot->lengths[which] };
}

void slot_view(const struct location *location, const struct slot *slot, struct binding *out)
{
    *out = (struct binding){
        .table = table_name_text(location, slot->aor->table),
        .aor = { slot->aor->text, slot->aor->length },
        .contact = slot_text(slot, TEXT_CONTACT),
        .received = slot_text(slot, TEXT_RECEIVED),
        .path = slot_text(slot, TEXT_PATH),
        .call_id = slot_text(slot, TEXT_CALL_ID),
        .user_agent = slot_text(slot, TEXT_USER_AGENT),
        .instance = slot_text(slot, TEXT_INSTANCE),
        .ruid = slot_text(slot, TEXT_RUID),
        .cseq = slot->cseq,
        .flags = slot->flags,
        .cflags = slot->cflags,
        .methods = slot->methods,
        .reg_id = slot->reg_id,
        .q = slot->q,
        .expires_at = slot->expires_at,
        .updated_at = slot->updated_at,
        .flow = slot->flow,
        .is_volatile = slot->is_volatile,
        .missed_pings = slot->missed_pings,
        .ping_sent_at = slot->ping_sent_at,
        .round_trip = slot->round_trip,
    };
}

bool slot_is_over(const struct slot *slot, msec now)
{
    return slot->expires_at != BINDING_FOREVER && slot->expires_at <= now;
}

size_t block_cost(size_t size)
{
    size_t with_header = size + sizeof(size_t);

    return (with_header + 15) & ~(size_t)15;
}

size_t slot_cost(const struct slot *slot)
{
    size_t size = sizeof *slot;

    for (unsigned i = 0; i < TEXTS; i++)
        size += slot->lengths[i];
    return block_cost(size);
}

bool slot_precedes(const struct slot *a, const struct slot *b)
{
    return a->q > b->q;
}

void slot_link(struct slot *slot)
{
    struct slot **link = &slot->aor->first;

    while (*link && !slot_precedes(slot, *link))
        link = &(*link)->next;
    slot->next = *link;
    *link = slot;
}

bool slot_keeps_place(const struct slot *slot, const struct slot *old)
{
    return slot->q == old->q;
}

void slot_link_in_place_of(struct slot *slot, struct slot *old)
{
    if (slot_keeps_place(slot, old)) {
        slot->next = old->next;
        old->next = slot;
    } else {
        slot_link(slot);
    }
}

void slot_unlink(struct slot *slot)
{
    struct slot **link = &slot->aor->first;

    while (*link != slot)
        link = &(*link)->next;
    *link = slot->next;
    slot->next = NULL;
}

static size_t text_size(const struct slot *slot)
{
    size_t size = slot->aor->length;

    for (unsigned i = 0; i < TEXTS; i++)
        size += slot->lengths[i];
    return size;
}

/* Moves a borrowed text to *at, which goes on behind it. */
static void settle(struct str *text, char **at)
{
    char *to = *at;

    if (text->len)
        memcpy(to, text->ptr, text->len);
    text->ptr = to;
    *at += text->len;
}

static void copy_slot(const struct location *location, const struct slot *slot,
                      struct binding *binding, char **at)
{
    slot_view(location, slot, binding);
    settle(&binding->aor, at);
    settle(&binding->contact, at);
    settle(&binding->received, at);
    settle(&binding->path, at);
    settle(&binding->call_id, at);
    settle(&binding->user_agent, at);
    settle(&binding->instance, at);
    settle(&binding->ruid, at);
}

enum err slots_copy(const struct location *location, struct slot *const slots[], unsigned count,
                    struct arena *arena, struct binding **out)
{
    size_t size = count * sizeof(struct binding);
    struct binding *bindings;
    char *at;

    for (unsigned i = 0; i < count; i++)
        size += text_size(slots[i]);
    bindings = arena_alloc(arena, size);
    if (!bindings)
        return ERR_NOMEM;
    at = (char *)(bindings + count);
    for (unsigned i = 0; i < count; i++)
        copy_slot(location, slots[i], &bindings[i], &at);
    *out = bindings;
    return ERR_NONE;
}
