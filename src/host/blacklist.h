/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Lists of destinations that are not to be sent to, as OpenSER has them:
 * dst_blacklist = name:{ (proto, net, port, "pattern"), !(…) }. A request that has asked for a list
 * by use_blacklist() goes to none of them. The first rule that fits decides; one with '!' lets pass.
 */
#include <culvert/addr.h>
#include <culvert/arena.h>

enum {
    BLACKLISTS_MAX = 32, /* a bit each in a request */
};

struct blacklist_rule {
    struct blacklist_rule *next;
    struct str text;        /* as written, for people */
    bool lets_pass;
    bool has_transport, has_net;
    enum transport transport;
    struct addr_net net;
    uint16_t port;          /* 0: any */
    struct str pattern;     /* of the whole message, with * and ?; empty: any */
};

struct blacklist {
    struct str name;
    struct blacklist_rule *rules; /* in their order */
};

struct blacklists {
    struct blacklist lists[BLACKLISTS_MAX];
    unsigned count;
};

/*
 * Adds a list, or rules to the one of this name; everything is copied into the arena. ERR_SYNTAX:
 * *fault is the rule that is none. ERR_LIMIT: too many lists.
 */
MUST_USE enum err blacklists_add(struct blacklists *lists, struct arena *arena, struct str name,
                                 struct str rules, struct str *fault);
/* The bit of a list; 0 when there is none of this name. */
uint32_t blacklists_find(const struct blacklists *lists, struct str name);
/* Is one of the lists in `used` against sending it there? */
bool blacklists_refuse(const struct blacklists *lists, uint32_t used, const struct flow *flow,
                       struct str message);
