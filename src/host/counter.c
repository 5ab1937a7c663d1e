/* SPDX-License-Identifier: Apache-2.0 */
#include "host/host.h"

static struct counter *find_counter(struct server *server, const char *group, const char *name)
{
    unsigned count = atomic_load(&server->counter_count);

    for (unsigned i = 0; i < count; i++) {
        struct counter *counter = &server->counters[i];
        if (strcmp(counter->group, group) == 0 && strcmp(counter->name, name) == 0)
            return counter;
    }
    return NULL;
}

enum err server_counter(struct server *server, const char *group, const char *name,
                        struct counter **out)
{
    struct counter *counter = find_counter(server, group, name);

    if (!counter) {
        unsigned count = atomic_load(&server->counter_count);
        if (count == COUNTERS_MAX)
            return ERR_EXHAUSTED;
        counter = &server->counters[count];
        counter->group = group;
        counter->name = name;
        atomic_store(&server->counter_count, count + 1);
    }
    *out = counter;
    return ERR_NONE;
}

const struct counter *counter_find(const struct server *server, struct str name)
{
    unsigned count = atomic_load(&server->counter_count);
    struct str group = { 0 }, rest = name;
    bool has_group = str_split(name, ':', &group, &rest);

    for (unsigned i = 0; i < count; i++) {
        const struct counter *counter = &server->counters[i];

        if (str_eq(str_of(counter->name), rest) &&
            (!has_group || str_eq(str_of(counter->group), group)))
            return counter;
    }
    return NULL;
}

int64_t server_read_counter(const struct server *server, struct str name)
{
    const struct counter *counter = counter_find(server, name);

    return counter ? atomic_load(&counter->value) : 0;
}

void counter_add(struct counter *counter, int64_t amount)
{
    if (counter)
        atomic_fetch_add_explicit(&counter->value, amount, memory_order_relaxed);
}

void counter_reset(struct counter *counter)
{
    if (counter)
        atomic_store_explicit(&counter->value, 0, memory_order_relaxed);
}
