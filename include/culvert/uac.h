/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Requests that the server itself makes (RFC 3261 §8.1): BYE when it ends a call, NOTIFY, OPTIONS,
 * what uac and t_uac_send are asked for. Each is a client transaction; names are resolved, and the
 * next address is tried when one is broken, silent or answers 503 (RFC 3263 §4.3).
 *
 * Not for INVITE, which wants an ACK, nor for ACK and CANCEL, which are no requests of their own.
 */
#include <culvert/sip.h>

struct worker;

/* Texts are borrowed for the call. Empty ones and zeros are made up, or left out. */
struct uac_request {
    struct str method;
    struct str uri;              /* Request-URI, without brackets */
    struct str from, to;         /* URI or name-addr, without parameters; empty to: the Request-URI */
    struct str from_tag, to_tag; /* empty from_tag: a random one; empty to_tag: none */
    struct str call_id;          /* empty: a random one. One that is given belongs to this worker */
    uint32_t cseq;               /* 0: 1 */
    struct str routes;           /* the route set, comma-separated as in Route */
    struct str headers;          /* whole lines with CRLF; of a body, its Content-Type is one */
    struct str body;
    struct str destination; /* next hop as URI or "proto:host:port"; empty: Route, Request-URI */
    uint16_t socket;        /* to send from; SOCKET_ANY: choose */
    bool has_flow;          /* send it on `flow`, whatever the texts say */
    struct flow flow;
    bool skips_route; /* without event_route[tm:local-request] */
};

/*
 * The final response, which lives for the call; or NULL, with what the end counts as: 408 no answer,
 * 503 broken on the way (430 on a flow), 478 no address for the name, 400 for a URI that cannot be
 * followed. Not called any more once the server stops.
 */
typedef void uac_done_fn(void *context, unsigned status, const struct sip_msg *response);

/*
 * Sends a request from a worker, on its thread. Without an error `done` (NULL: nobody asks) is called
 * once, perhaps within the call. ERR_SYNTAX: a text would break the message. ERR_UNSUPPORTED: INVITE,
 * ACK, CANCEL. ERR_DENIED: another worker owns the Call-ID. ERR_LIMIT: too long.
 */
MUST_USE enum err worker_ask(struct worker *worker, const struct uac_request *request,
                             uac_done_fn *done, void *context);
