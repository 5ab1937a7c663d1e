/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profiles count dialogs, of all workers together: how many a user has, how many go to a trunk. A
 * membership is a note of the dialog, its owner the profile, its key the value.
 */
#include "dialog.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    BUCKETS = 1024,
};

struct counted {
    struct counted *next;
    int64_t count;
    size_t length;
    char value[];
};

struct profile {
    struct str name;
    bool has_value;
    uint64_t seed;
    pthread_mutex_t lock; /* of what follows */
    int64_t total;
    struct counted *buckets[BUCKETS];
};

bool profile_has_value(const struct profile *profile)
{
    return profile->has_value;
}

/* ---- values ---- */

/* FNV-1a with a start that nobody outside knows. */
static unsigned bucket_of(const struct profile *profile, struct str value)
{
    uint64_t hash = profile->seed;

    for (size_t i = 0; i < value.len; i++)
        hash = (hash ^ (unsigned char)value.ptr[i]) * UINT64_C(1099511628211);
    return (unsigned)((hash ^ hash >> 32) % BUCKETS);
}

static struct counted **find_value(struct profile *profile, struct str value)
{
    struct counted **link = &profile->buckets[bucket_of(profile, value)];

    while (*link && !str_eq((struct str){ (*link)->value, (*link)->length }, value))
        link = &(*link)->next;
    return link;
}

static struct counted *add_value(struct counted **link, struct str value)
{
    struct counted *counted = calloc(1, sizeof *counted + value.len);

    if (!counted)
        return NULL;
    counted->length = value.len;
    if (value.len)
        memcpy(counted->value, value.ptr, value.len);
    *link = counted;
    return counted;
}

static void count_value(struct profile *profile, struct str value, int amount)
{
    struct counted **link = find_value(profile, value);
    struct counted *counted = *link ? *link : add_value(link, value);

    if (!counted)
        return;
    counted->count += amount;
    if (counted->count > 0)
        return;
    *link = counted->next;
    free(counted);
}

void profile_count(struct profile *profile, struct str value, int amount)
{
    pthread_mutex_lock(&profile->lock);
    profile->total += amount;
    if (profile->has_value)
        count_value(profile, value, amount);
    pthread_mutex_unlock(&profile->lock);
}

int64_t profile_size(struct profile *profile, struct str value)
{
    int64_t size;

    pthread_mutex_lock(&profile->lock);
    size = profile->total;
    if (value.len) {
        const struct counted *counted = *find_value(profile, value);
        size = counted ? counted->count : 0;
    }
    pthread_mutex_unlock(&profile->lock);
    return size;
}

/* ---- dialogs ---- */

void profiles_count_all(const struct dialog_module *state, const struct dialog *dialog, int amount)
{
    for (const struct dialog_note *note = dialog->notes; note; note = note->next)
        for (unsigned i = 0; i < state->profile_count; i++)
            if (state->profiles[i] == note->owner)
                profile_count(state->profiles[i], note->key, amount);
}

bool profile_has_member(const struct profile *profile, const struct dialog *dialog,
                        struct str value)
{
    for (const struct dialog_note *note = dialog->notes; note; note = note->next)
        if (note->owner == profile && (!value.len || str_eq(note->key, value)))
            return true;
    return false;
}

/* ---- life ---- */

static struct profile *find(const struct dialog_module *state, struct str name)
{
    for (unsigned i = 0; i < state->profile_count; i++)
        if (str_eq(state->profiles[i]->name, name))
            return state->profiles[i];
    return NULL;
}

struct profile *profile_find(const struct dialog_module *state, struct str name)
{
    struct profile *profile = find(state, name);

    if (!profile)
        log_error("dialog: no profile \"" STR_FMT
                  "\"; name it in profiles_with_value or profiles_no_value",
                  STR_ARG(name));
    return profile;
}

static enum err add_profile(struct module *module, struct dialog_module *state, struct str name,
                            bool has_value)
{
    struct profile *profile;

    if (find(state, name) || state->profile_count == PROFILES_MAX) {
        log_error("dialog: profile \"" STR_FMT "\" is there already, or one too many",
                  STR_ARG(name));
        return ERR_LIMIT;
    }
    profile = calloc(1, sizeof *profile);
    if (!profile)
        return ERR_NOMEM;
    profile->name = name;
    profile->has_value = has_value;
    profile->seed = random_u64(server_random(module_server(module)));
    pthread_mutex_init(&profile->lock, NULL);
    state->profiles[state->profile_count++] = profile;
    return ERR_NONE;
}

/* "name;name/backend": all are kept here. */
static enum err make_list(struct module *module, struct dialog_module *state, struct str list,
                          bool has_value)
{
    enum err err = ERR_NONE;

    while (list.len && !err) {
        struct str name = list, rest = { 0 }, backend;

        str_split(list, ';', &name, &rest);
        list = rest;
        str_split(name, '/', &name, &backend);
        name = str_trim(name);
        if (name.len)
            err = add_profile(module, state, name, has_value);
    }
    return err;
}

enum err profiles_make(struct module *module, struct dialog_module *state)
{
    enum err err = make_list(module, state, state->profiles_with_value, true);

    return err ? err : make_list(module, state, state->profiles_no_value, false);
}

static void profile_free(struct profile *profile)
{
    struct counted *counted;

    for (unsigned i = 0; i < BUCKETS; i++) {
        while ((counted = profile->buckets[i])) {
            profile->buckets[i] = counted->next;
            free(counted);
        }
    }
    pthread_mutex_destroy(&profile->lock);
    free(profile);
}

void profiles_free(struct dialog_module *state)
{
    while (state->profile_count)
        profile_free(state->profiles[--state->profile_count]);
}
