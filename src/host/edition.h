/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * An edition is one reading of the script file and all that follows from it alone. It is immutable,
 * counted, and shared by all workers; a reload makes another. Each worker runs a copy, which has
 * what its runs change, and which is counted without atomics: by the worker, and by every request
 * for as long as a route of it may still run. So a call ends in the edition that it began in.
 */
#include <stdatomic.h>

#include <culvert/dialog.h>

#include "host/settings.h"
#include "script/script.h"

struct counter;

enum {
    DIALOG_MOMENTS = DIALOG_FAILED + 1,
};

struct edition {
    atomic_uint refs;
    unsigned number;           /* counted from 1 */
    struct counter *count;     /* of all that there are; NULL: not entered yet */
    struct program *program;
    struct settings *settings; /* what the file says; the first edition's are the server's */
    bool owns_settings;
    struct arena arena;
    const struct format *log_prefix;      /* NULL: none */
    uint16_t main_route, reply_route;     /* request route; unnamed onreply_route or ROUTE_NONE */
    uint16_t onsend_route;                /* ROUTE_NONE: messages are sent without more ado */
    uint16_t local_route;                 /* of requests that we make */
    uint16_t dialog_routes[DIALOG_MOMENTS]; /* event routes; ROUTE_NONE */
    struct script_budget budget;
};

struct edition_copy {
    struct edition *edition; /* a reference is held */
    unsigned refs;
    struct script_locals locals;
};

/*
 * Takes the program over, and the settings when it is to own them. On an error both are still the
 * caller's. ERR_SYNTAX: log_prefix is bad, which was reported through the host.
 */
MUST_USE enum err edition_create(const struct script_host *host, struct program *program,
                                 struct settings *settings, bool owns_settings,
                                 struct edition **out);
/* Measures the runs of a copy from now on, or no more. On its worker, or before that has it. */
MUST_USE enum err edition_copy_profile(struct edition_copy *copy, script_clock_fn *clock,
                                       void *context);
void edition_copy_stop_profile(struct edition_copy *copy);

/* Gives it its number, and counts it while it lives. */
void edition_enter(struct edition *edition, unsigned number, struct counter *count);

struct edition *edition_ref(struct edition *edition);
void edition_unref(struct edition *edition);

MUST_USE enum err edition_copy_create(struct edition *edition, struct edition_copy **out);
struct edition_copy *edition_copy_ref(struct edition_copy *copy);
void edition_copy_unref(struct edition_copy *copy);
