/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a binding costs: bytes of resident memory each, and nanoseconds for registering, refreshing,
 * finding and walking. Usage: bench_location [bindings…]; 100000 and 1000000 by default.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <culvert/location.h>

#include "base/prng.h"

enum {
    LOOKUPS = 1000000,
    TEXT_MAX = 160,
};

struct bench {
    struct prng prng;
    struct arena_pool pool;
    struct location *location;
    unsigned bindings;
};

static double now_nsec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static size_t resident_bytes(void)
{
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (!file)
        return 0;
    if (fscanf(file, "%*s %zu", &pages) != 1)
        pages = 0;
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

/* A phone behind a NAT, as phones are: private contact, instance, user agent with a version. */
static void register_phone(struct bench *bench, unsigned number, uint32_t cseq)
{
    char aor[TEXT_MAX], uri[TEXT_MAX], call_id[TEXT_MAX], instance[TEXT_MAX];
    struct location_contact contact = { .q = -1, .expires = 3600 };
    struct location_update update = { .table = STR("location"),
                                      .contacts = &contact,
                                      .contact_count = 1,
                                      .cseq = cseq,
                                      .user_agent = STR("Yealink SIP-T46S 66.85.0.5"),
                                      .methods = ~0U,
                                      .contacts_max = 10,
                                      .now = 1000 + cseq,
                                      .cseq_delay = 20000 };
    enum location_result result;
    struct binding *bindings;
    struct arena arena;
    unsigned count;

    snprintf(aor, sizeof aor, "user%07u@sip.example.com", number);
    snprintf(uri, sizeof uri, "sip:user%07u@192.168.1.%u:5060", number, number % 250);
    snprintf(call_id, sizeof call_id, "0_%010u@192.168.1.%u", number * 2654435761U, number % 250);
    snprintf(instance, sizeof instance, "<urn:uuid:00000000-0000-1000-8000-00156%07u>", number);
    update.aor = str_of(aor);
    update.call_id = str_of(call_id);
    contact.uri = str_of(uri);
    contact.instance = str_of(instance);
    update.flow = (struct flow){
        .peer = { .ip = { 198, 51, 100, 1 }, .port = (uint16_t)number, .family = ADDR_IPV4 }
    };
    arena_init(&arena, &bench->pool, 1 << 20);
    if (location_register(bench->location, &update, &arena, &result, &bindings, &count))
        fail("cannot register");
    arena_fini(&arena);
}

static void find_phone(struct bench *bench, unsigned number)
{
    char aor[TEXT_MAX];
    struct binding *bindings;
    struct arena arena;
    unsigned count;

    snprintf(aor, sizeof aor, "user%07u@sip.example.com", number);
    arena_init(&arena, &bench->pool, 1 << 20);
    if (location_find(bench->location, STR("location"), str_of(aor), 2000, &arena, &bindings,
                      &count))
        fail("cannot find");
    arena_fini(&arena);
}

static void register_all(struct bench *bench, uint32_t cseq)
{
    for (unsigned i = 0; i < bench->bindings; i++)
        register_phone(bench, i, cseq);
}

/* In no order that a cache could like. */
static void find_many(struct bench *bench)
{
    for (unsigned i = 0; i < LOOKUPS; i++)
        find_phone(bench, random_below(&bench->prng.source, bench->bindings));
}

/* What the loop costs without the look-up. */
static double idle_nsec(struct bench *bench)
{
    double start = now_nsec();
    volatile char sink;

    for (unsigned i = 0; i < LOOKUPS; i++) {
        char aor[TEXT_MAX];

        snprintf(aor, sizeof aor, "user%07u@sip.example.com",
                 random_below(&bench->prng.source, bench->bindings));
        sink = aor[4];
    }
    (void)sink;
    return (now_nsec() - start) / LOOKUPS;
}

static void count_visit(void *context, const struct binding *binding)
{
    (void)binding;
    ++*(unsigned *)context;
}

static void run(unsigned bindings)
{
    struct bench bench = { .bindings = bindings };
    struct location_counters counters;
    size_t resident = resident_bytes();
    double idle, start, registered, refreshed, found, walked;
    unsigned visits = 0;

    prng_init(&bench.prng, 1);
    arena_pool_init(&bench.pool, 16);
    if (location_create(&bench.prng.source, &bench.location))
        fail("out of memory");
    idle = idle_nsec(&bench);
    start = now_nsec();
    register_all(&bench, 1);
    registered = (now_nsec() - start) / bindings;
    resident = resident_bytes() - resident;
    start = now_nsec();
    register_all(&bench, 2);
    refreshed = (now_nsec() - start) / bindings;
    start = now_nsec();
    find_many(&bench);
    found = (now_nsec() - start) / LOOKUPS - idle;
    start = now_nsec();
    location_each(bench.location, 0, 1, 2000, count_visit, &visits);
    walked = (now_nsec() - start) / visits;
    location_read_counters(bench.location, &counters);
    printf("location %u: register %.0f ns, refresh %.0f ns, find %.0f ns, walk %.0f ns, "
           "%zu bytes resident and %llu counted per binding\n",
           bindings, registered, refreshed, found, walked, resident / bindings,
           (unsigned long long)(counters.bytes / counters.bindings));
    location_destroy(bench.location);
    arena_pool_fini(&bench.pool);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        run(100000);
        run(1000000);
    }
    for (int i = 1; i < argc; i++)
        run((unsigned)strtoul(argv[i], NULL, 10));
    return 0;
}
