/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The DNS for one worker, over c-ares, and a small cache before it. Callers that ask for the same
 * name at the same time share one question. Failures are remembered too, for a short time.
 */
#include <culvert/addr.h>

#include "sys/loop.h"

struct names;

enum name_kind {
    NAME_IPV4,    /* A */
    NAME_IPV6,    /* AAAA */
    NAME_IP,      /* both, sorted by what can be reached (RFC 6724) */
    NAME_SERVICE, /* SRV */
};

enum {
    NAME_MAX_BYTES = 255,
    NAME_RECORDS_MAX = 16, /* used of one answer */
};

struct name_service {
    char target[NAME_MAX_BYTES + 1];
    uint16_t port;
    uint16_t priority;
    uint16_t weight;
};

/* No records: the name does not exist, has none of that kind, or nobody answered. */
struct name_answer {
    unsigned count;
    const struct addr *addrs;            /* of the NAME_IP… kinds; without ports */
    const struct name_service *services; /* of NAME_SERVICE; in no order */
};

/* The answer is valid during the call. */
typedef void name_done_fn(void *context, const struct name_answer *answer);

MUST_USE enum err names_create(struct loop *loop, struct names **out);
/* What is under way is forgotten: its `done` is not called. */
void names_destroy(struct names *names);
/* "127.0.0.1:5353,[::1]:53" instead of the servers of the machine. */
MUST_USE enum err names_set_servers(struct names *names, const char *servers);
/* Calls done exactly once, perhaps within the call. */
void names_find(struct names *names, enum name_kind kind, struct str name, name_done_fn *done,
                void *context);
