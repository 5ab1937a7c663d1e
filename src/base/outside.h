/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the pure core needs from the outside, as a table of functions: implemented by net/ on real
 * sockets, and by the simulated world in tests. All calls and callbacks happen on the worker's thread.
 */
#include <culvert/timer.h>
#include <culvert/tls.h>

/* Where a request is to go, before names are resolved (RFC 3263 §4). */
struct resolve_query {
    struct str host;          /* name or address; IPv6 with or without brackets */
    uint16_t port;            /* 0: none given */
    enum transport transport; /* of the URI, or the default */
    bool has_transport;       /* it was given explicitly */
    uint16_t socket;          /* to send from; SOCKET_ANY: choose by family */
    bool is_secure;           /* sips: nothing but TLS will do */
};

typedef void resolve_done_fn(void *context, enum err err, const struct flow *hops, unsigned count);

struct outside {
    /*
     * Sends one message. ERR_UNREACHABLE: the named connection is gone, or there is no socket of the
     * family. A stream that must be dialled first accepts the bytes and reports a failure by
     * on_unreachable of the transaction layer's owner.
     */
    enum err (*send)(struct outside *outside, const struct flow *flow, struct str bytes);
    /*
     * Resolves to complete flows (socket chosen). Calls done exactly once, perhaps within the call.
     * ERR_UNRESOLVED: no address. The query's texts are borrowed for the call.
     */
    void (*resolve)(struct outside *outside, const struct resolve_query *query, resolve_done_fn *done,
                    void *context);
    /*
     * What became of a hop that `resolve` gave: ERR_NONE it has answered; else it failed, and for
     * `pause` ms (0: as configured) others of its name come before it. May be NULL.
     */
    void (*judge)(struct outside *outside, const struct flow *hop, enum err why, msec pause);
    /*
     * The peer of a connection is also known by another port (the one it listens on, by its Via):
     * what goes to its address and that port takes this connection as long as it lives. An alias of
     * another living connection is not taken over. May be NULL.
     */
    void (*alias)(struct outside *outside, const struct flow *flow, uint16_t port);
    /*
     * Somebody we know speaks on this flow: it was authenticated, registered, or has answered us;
     * on a connection, or what it asked for was done. When room is needed, strangers go first, and
     * over UDP not much is sent to them. May be NULL.
     */
    void (*trust)(struct outside *outside, const struct flow *flow);
    /* What TLS knows of a connection, as text. ERR_NOT_FOUND: nothing. May be NULL. */
    enum err (*tls_fact)(struct outside *outside, const struct flow *flow,
                         const struct tls_question *question, struct writer *out);
};
