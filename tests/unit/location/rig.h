/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A location with a repeatable random source, and short words for registering to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <culvert/location.h>

#include "base/prng.h"

struct rig {
    struct prng prng;
    struct location *location;
    struct arena arena;
    /* of the last call */
    enum location_result result;
    struct binding *bindings;
    unsigned count;
};

static inline void rig_init(struct rig *rig)
{
    *rig = (struct rig){ .count = 0 };
    prng_init(&rig->prng, 1);
    arena_init(&rig->arena, NULL, SIZE_MAX);
    assert_int_equal(location_create(&rig->prng.source, &rig->location), ERR_NONE);
}

static inline void rig_fini(struct rig *rig)
{
    location_destroy(rig->location);
    arena_fini(&rig->arena);
}

static inline struct flow flow_from(unsigned port)
{
    return (struct flow){
        .peer = { .ip = { 192, 0, 2, 1 }, .port = (uint16_t)port, .family = ADDR_IPV4 },
        .transport = TRANSPORT_UDP
    };
}

/* A REGISTER as a phone sends it; the caller changes what matters to the case. */
static inline struct location_update update_of(const struct location_contact *contacts,
                                               unsigned count)
{
    return (struct location_update){
        .table = STR("location"),
        .aor = STR("alice@example.com"),
        .contacts = contacts,
        .contact_count = count,
        .call_id = STR("call-1"),
        .cseq = 1,
        .user_agent = STR("phone"),
        .methods = ~0U,
        .flow = flow_from(5060),
        .now = 1000000,
        .cseq_delay = 20000,
    };
}

static inline struct location_contact contact_of(const char *uri, uint32_t expires)
{
    return (struct location_contact){ .uri = str_of(uri), .q = -1, .expires = expires };
}

static inline enum err rig_register(struct rig *rig, const struct location_update *update)
{
    return location_register(rig->location, update, &rig->arena, &rig->result, &rig->bindings,
                             &rig->count);
}

static inline enum err rig_find(struct rig *rig, msec now)
{
    rig->count = 0;
    return location_find(rig->location, STR("location"), STR("alice@example.com"), now, &rig->arena,
                         &rig->bindings, &rig->count);
}
