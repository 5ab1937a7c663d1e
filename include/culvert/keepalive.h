/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Keeps the NATs in front of registered clients open: every binding gets a packet once per
 * interval, from the socket that it registered on, evenly spread over time and workers. A module
 * owns a struct keepalive: made by its start(), driven by its on_tick hook, destroyed by its
 * stop().
 */
#include <culvert/module.h>
#include <culvert/server.h>

enum keepalive_method {
    KEEPALIVE_CRLF,    /* CR LF CR LF, over datagrams and streams (RFC 5626 §3.5.1) */
    KEEPALIVE_ZEROS,   /* four zero bytes, as nathelper does; over streams CR LF CR LF */
    KEEPALIVE_REQUEST, /* a request that wants an answer: only this tells who is still there */
};

/* Flags are those kept with a binding (cflags). Texts live as long as the module. */
struct keepalive_settings {
    msec interval;           /* between two packets to a binding; 0: off */
    bool nated_only;         /* only bindings with nat_bflag */
    int nat_bflag;           /* index of a flag; -1: the one that usrloc was told */
    uint32_t request_bflags; /* bits: bindings with one of them get a request in any case */
    uint32_t off_bflags;     /* bits: bindings with one of them get nothing */
    enum keepalive_method method;
    struct str request_method; /* empty: OPTIONS */
    struct str from;           /* URI of From; empty: one that names our socket */
    unsigned misses_max;       /* requests without answer until a binding is removed; 0: never */
};

struct keepalive;

/* Also takes the answers to its requests from now on. */
MUST_USE enum err keepalive_create(struct module *module, const struct keepalive_settings *settings,
                                   struct keepalive **out);
void keepalive_destroy(struct keepalive *keepalive);
/* To be called by the on_tick hook, with its arguments. */
void keepalive_tick(struct keepalive *keepalive, struct worker *worker, unsigned index,
                    unsigned count, msec now);
/* Stops and continues sending: nh_enable_ping. From any thread. */
void keepalive_set_enabled(struct keepalive *keepalive, bool is_enabled);
