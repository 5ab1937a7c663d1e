/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "dialog/entry.h"

/* ---- all of them ---- */

enum err dialogs_create(const struct dialogs_settings *settings, struct wheel *wheel,
                        struct random_source *random, const struct dialogs_user *user,
                        struct dialogs **out)
{
    struct dialogs *dialogs = calloc(1, sizeof *dialogs);

    if (!dialogs)
        return ERR_NOMEM;
    dialogs->settings = *settings;
    dialogs->user = *user;
    dialogs->wheel = wheel;
    hash_key_random(random, &dialogs->key);
    dialogs->last_id = random_below(random, 1 << 16);
    table_init(&dialogs->calls);
    table_init(&dialogs->numbers);
    list_init(&dialogs->in_order);
    *out = dialogs;
    return ERR_NONE;
}

void dialogs_destroy(struct dialogs *dialogs)
{
    struct list_node *node;

    if (!dialogs)
        return;
    while ((node = list_first(&dialogs->in_order)))
        entry_destroy(CONTAINER_OF(node, struct entry, node));
    table_fini(&dialogs->calls);
    table_fini(&dialogs->numbers);
    free(dialogs);
}

unsigned dialogs_count(const struct dialogs *dialogs)
{
    return (unsigned)table_count(&dialogs->numbers);
}

static size_t entry_bytes(const struct entry *entry)
{
    size_t size = entry->size + party_bytes(&entry->dialog.parties[DIALOG_CALLER]) +
                  party_bytes(&entry->dialog.parties[DIALOG_CALLEE]);

    for (const struct dialog_note *note = entry->dialog.notes; note; note = note->next)
        size += sizeof *note + note->key.len + note->value.len;
    for (const struct early_leg *leg = entry->legs; leg; leg = leg->next)
        size += sizeof *leg + party_bytes(&leg->callee);
    return size;
}

size_t dialogs_bytes(const struct dialogs *dialogs)
{
    size_t sum = 0;

    LIST_EACH(node, &dialogs->in_order)
        sum += entry_bytes(CONTAINER_OF(node, struct entry, node));
    return sum;
}

/* ---- hashes ---- */

static uint64_t hash_call(const struct dialogs *dialogs, struct str call_id, struct str tag)
{
    uint64_t words[] = { hash_str(&dialogs->key, call_id), hash_str(&dialogs->key, tag) };

    return hash_bytes(&dialogs->key, words, sizeof words);
}

static uint64_t hash_number(const struct dialogs *dialogs, uint64_t number)
{
    return hash_bytes(&dialogs->key, &number, sizeof number);
}

/* ---- one of them ---- */

void entry_forget_legs(struct entry *entry)
{
    struct early_leg *leg;

    while ((leg = entry->legs)) {
        entry->legs = leg->next;
        party_fini(&leg->callee);
        free(leg);
    }
    entry->leg_count = 0;
}

static void forget_notes(struct dialog *dialog)
{
    struct dialog_note *note;

    while ((note = dialog->notes)) {
        dialog->notes = note->next;
        free(note);
    }
}

static void entry_free(struct entry *entry)
{
    entry_forget_legs(entry);
    forget_notes(&entry->dialog);
    party_fini(&entry->dialog.parties[DIALOG_CALLER]);
    party_fini(&entry->dialog.parties[DIALOG_CALLEE]);
    free(entry);
}

void entry_destroy(struct entry *entry)
{
    struct dialogs *all = entry->all;

    timer_stop(all->wheel, &entry->timer);
    list_remove(&entry->node);
    table_remove(&all->calls, &entry->by_call);
    table_remove(&all->numbers, &entry->by_number);
    entry_free(entry);
}

/* An entry in no table yet. */
static struct entry *entry_alloc(struct dialogs *all, struct str call_id, struct str uri)
{
    size_t size = sizeof(struct entry) + call_id.len + uri.len;
    struct entry *entry = calloc(1, size);
    char *text;

    if (!entry)
        return NULL;
    text = (char *)(entry + 1);
    memcpy(text, call_id.ptr, call_id.len);
    entry->dialog.call_id = (struct str){ text, call_id.len };
    if (uri.len)
        memcpy(text + call_id.len, uri.ptr, uri.len);
    entry->dialog.uri = (struct str){ text + call_id.len, uri.len };
    entry->all = all;
    entry->size = size;
    return entry;
}

/* Ids differ among all workers, as clients find dialogs by entry and id alone. */
static void name_entry(struct entry *entry)
{
    struct dialogs *all = entry->all;
    const struct dialogs_settings *settings = &all->settings;
    static const struct hash_key same_everywhere;

    entry->dialog.number = ++all->last_number;
    entry->dialog.id = ++all->last_id * settings->count + settings->index;
    entry->dialog.cookie = entry->dialog.id;
    entry->dialog.entry = (uint32_t)(hash_str(&same_everywhere, entry->dialog.call_id) %
                                     (settings->rules->entries ? settings->rules->entries : 1));
}

static enum err entry_insert(struct entry *entry)
{
    struct dialogs *all = entry->all;
    struct dialog *dialog = &entry->dialog;
    enum err err = table_insert(
        &all->calls, &entry->by_call,
        hash_call(all, dialog->call_id, dialog->parties[DIALOG_CALLER].tag));

    if (err)
        return err;
    name_entry(entry);
    if ((err = table_insert(&all->numbers, &entry->by_number, hash_number(all, dialog->number)))) {
        table_remove(&all->calls, &entry->by_call);
        return err;
    }
    list_push_back(&all->in_order, &entry->node);
    return ERR_NONE;
}

static bool is_full(const struct dialogs *dialogs)
{
    unsigned most = dialogs->settings.rules->dialogs_max;

    return most && dialogs_count(dialogs) >= most;
}

static void take_rules(struct dialog *dialog, const struct dialog_rules *rules)
{
    dialog->lifetime = rules->lifetime;
    dialog->ends_silent = rules->ends_silent;
    dialog->sends_bye = rules->sends_bye;
    dialog->keeps_timer = rules->keeps_timer;
}

static enum err fill(struct entry *entry, const struct dialog_new *made)
{
    struct dialog *dialog = &entry->dialog;
    const struct dialog_told callee = { .uri = made->callee_uri };
    enum err err = party_set(&dialog->parties[DIALOG_CALLER], &made->caller);

    if (err || (err = party_set(&dialog->parties[DIALOG_CALLEE], &callee)))
        return err;
    take_rules(dialog, entry->all->settings.rules);
    dialog->state = DIALOG_UNCONFIRMED;
    dialog->is_automatic = made->is_automatic;
    dialog->made_at = entry->all->wheel->now;
    dialog->made_wall = made->wall;
    return entry_insert(entry);
}

enum err dialogs_make(struct dialogs *dialogs, const struct dialog_new *made, struct dialog **out)
{
    struct entry *entry;
    enum err err;

    if (is_full(dialogs) || made->call_id.len + made->uri.len > PARTY_BYTES_MAX)
        return ERR_LIMIT;
    entry = entry_alloc(dialogs, made->call_id, made->uri);
    if (!entry)
        return ERR_NOMEM;
    if ((err = fill(entry, made))) {
        entry_free(entry);
        return err;
    }
    *out = &entry->dialog;
    entry_start(entry);
    return ERR_NONE;
}

/* ---- forks ---- */

struct early_leg *entry_find_leg(const struct entry *entry, struct str callee_tag)
{
    for (struct early_leg *leg = entry->legs; leg; leg = leg->next)
        if (str_eq(leg->callee.tag, callee_tag))
            return leg;
    return NULL;
}

static struct entry *next_of_call(const struct dialogs *all, struct table_node *node,
                                  struct str call_id, struct str caller_tag)
{
    (void)all;
    for (; node; node = table_find_next(node)) {
        struct entry *entry = CONTAINER_OF(node, struct entry, by_call);

        if (str_eq(entry->dialog.call_id, call_id) &&
            str_eq(entry->dialog.parties[DIALOG_CALLER].tag, caller_tag))
            return entry;
    }
    return NULL;
}

static struct entry *first_of_call(const struct dialogs *all, struct str call_id,
                                   struct str caller_tag)
{
    return next_of_call(all, table_find_first(&all->calls, hash_call(all, call_id, caller_tag)),
                        call_id, caller_tag);
}

static struct entry *another_of_call(const struct entry *entry)
{
    return next_of_call(entry->all, table_find_next(&entry->by_call), entry->dialog.call_id,
                        entry->dialog.parties[DIALOG_CALLER].tag);
}

static struct entry *find_pair(const struct dialogs *all, struct str call_id, struct str caller_tag,
                               struct str callee_tag)
{
    for (struct entry *entry = first_of_call(all, call_id, caller_tag); entry;
         entry = another_of_call(entry))
        if (str_eq(entry->dialog.parties[DIALOG_CALLEE].tag, callee_tag) ||
            entry_find_leg(entry, callee_tag))
            return entry;
    return NULL;
}

struct entry *entry_sibling(const struct entry *entry, struct str callee_tag)
{
    return find_pair(entry->all, entry->dialog.call_id, entry->dialog.parties[DIALOG_CALLER].tag,
                     callee_tag);
}

static unsigned count_siblings(const struct entry *entry)
{
    unsigned count = 0;

    for (struct entry *other = first_of_call(entry->all, entry->dialog.call_id,
                                             entry->dialog.parties[DIALOG_CALLER].tag);
         other; other = another_of_call(other))
        count++;
    return count;
}

static enum err copy_into(struct entry *clone, const struct entry *from)
{
    const struct dialog *model = &from->dialog;
    struct dialog *dialog = &clone->dialog;
    const struct dialog_told callee = { .uri = model->parties[DIALOG_CALLEE].uri };
    enum err err = party_copy(&dialog->parties[DIALOG_CALLER], &model->parties[DIALOG_CALLER]);

    if (err || (err = party_set(&dialog->parties[DIALOG_CALLEE], &callee)))
        return err;
    for (const struct dialog_note *note = model->notes; note && !err; note = note->next)
        err = dialog_set_note(dialog, note->owner, note->key, note->value);
    return err ? err : entry_insert(clone);
}

static void copy_settings(struct dialog *to, const struct dialog *from)
{
    take_rules(to, entry_of(from)->all->settings.rules);
    to->state = DIALOG_EARLY;
    to->cookie = from->cookie;
    to->is_automatic = from->is_automatic;
    to->ends_silent = from->ends_silent;
    to->sends_bye = from->sends_bye;
    to->keeps_timer = from->keeps_timer;
    to->flags = from->flags;
    to->lifetime = from->lifetime;
    to->made_at = from->made_at;
    to->made_wall = from->made_wall;
}

struct entry *entry_clone(struct entry *entry)
{
    struct dialogs *all = entry->all;
    struct entry *clone;

    if (is_full(all) || count_siblings(entry) >= EARLY_LEGS_MAX)
        return NULL;
    clone = entry_alloc(all, entry->dialog.call_id, entry->dialog.uri);
    if (!clone)
        return NULL;
    if (copy_into(clone, entry)) {
        entry_free(clone);
        return NULL;
    }
    copy_settings(&clone->dialog, &entry->dialog);
    return clone;
}

/* ---- finding ---- */

struct dialog *dialogs_find(const struct dialogs *dialogs, uint64_t number)
{
    struct table_node *node = table_find_first(&dialogs->numbers, hash_number(dialogs, number));

    for (; node; node = table_find_next(node)) {
        struct entry *entry = CONTAINER_OF(node, struct entry, by_number);

        if (entry->dialog.number == number)
            return &entry->dialog;
    }
    return NULL;
}

struct dialog *dialogs_find_id(const struct dialogs *dialogs, uint32_t h_entry, uint32_t h_id)
{
    LIST_EACH(node, &dialogs->in_order) {
        struct entry *entry = CONTAINER_OF(node, struct entry, node);

        if (entry->dialog.entry == h_entry && entry->dialog.id == h_id)
            return &entry->dialog;
    }
    return NULL;
}

struct dialog *dialogs_find_call(const struct dialogs *dialogs, struct str call_id,
                                 struct str caller_tag)
{
    struct entry *first = first_of_call(dialogs, call_id, caller_tag);

    for (struct entry *entry = first; entry; entry = another_of_call(entry))
        if (entry->dialog.state < DIALOG_UNACKNOWLEDGED)
            return &entry->dialog;
    return first ? &first->dialog : NULL;
}

struct dialog *dialogs_match(const struct dialogs *dialogs, struct str call_id, struct str from_tag,
                             struct str to_tag, enum dialog_side *side)
{
    struct entry *entry;

    if (table_count(&dialogs->calls) == 0)
        return NULL;
    entry = find_pair(dialogs, call_id, from_tag, to_tag);
    *side = DIALOG_CALLER;
    if (!entry) {
        entry = find_pair(dialogs, call_id, to_tag, from_tag);
        *side = DIALOG_CALLEE;
    }
    return entry ? &entry->dialog : NULL;
}

/* Numbers grow along the list. */
struct dialog *dialogs_next(const struct dialogs *dialogs, uint64_t number)
{
    const struct dialog *last = number ? dialogs_find(dialogs, number) : NULL;
    const struct list_node *head = &dialogs->in_order;

    for (struct list_node *node = last ? entry_of(last)->node.next : head->next; node != head;
         node = node->next) {
        struct entry *entry = CONTAINER_OF(node, struct entry, node);

        if (entry->dialog.number > number)
            return &entry->dialog;
    }
    return NULL;
}
