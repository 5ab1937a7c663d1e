/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The stateful proxy (RFC 3261 §16): forwarding to targets, forking, response choice, CANCEL,
 * Record-Route, loop detection. One proxy a worker. It works on struct request (culvert/request.h)
 * and tells its user, the host, at the moments where routes and hooks run. Those may take time: each
 * such call is answered later, or at once, by the matching proxy_*_continue.
 */
#include <culvert/run.h>
#include <culvert/server.h>
#include <culvert/uac.h>

#include "txn/txn.h"

struct proxy;

struct proxy_settings {
    msec fr_timer;          /* no answer at all from a branch: 30000 */
    msec fr_inv_timer;      /* no final answer after a provisional one (Timer C): 120000 */
    const struct listener *listeners;
    unsigned listener_count;
    const uint8_t *token_key;
    bool is_openser;        /* dialect: forwarding failures are answered at once, 503 becomes 500, … */
    struct fork_rules rules;
    struct str server_header; /* whole line with CRLF for our replies, or empty */
    bool is_multihomed;
    bool no_failover;       /* only the first address of a name is tried */
    size_t udp_mtu;         /* a larger request tries another transport first; 0: never */
    enum transport udp_mtu_transport; /* that one; UDP: none */
};

struct proxy_user {
    void *context;
    /* Branch route and its like may run; answer with proxy_branch_continue. */
    void (*on_branch)(void *context, struct branch *branch);
    /* The branch's flow is known, nothing is written yet. 0, or a status that the branch fails with. */
    unsigned (*on_branch_ready)(void *context, struct branch *branch);
    /* A final response to a request of our own, before who sent it hears of it. May be NULL. */
    void (*on_local_response)(void *context, const struct sip_msg *response);
    /* It must not go down branch->flow; the next address is tried, or else the branch fails with 473. May be NULL. */
    bool (*is_refused)(void *context, const struct branch *branch);
    /*
     * A response for a branch, before it counts: reply route and hooks. `edits` collects changes.
     * Answer with proxy_reply_continue. The message is kept alive by the proxy until then: it has
     * taken over the arena that the response was parsed into, which must hold nothing else. The
     * receiver's own struct arena is left empty, and response->arena is the one to use.
     */
    void (*on_reply)(void *context, struct branch *branch, struct sip_msg *response,
                     const struct flow *source, struct sip_edits *edits);
    /*
     * All branches of the step have failed; request->winner has the best, or is NULL. The failure
     * route may reply, or relay to new targets. Answer with proxy_failure_continue.
     */
    void (*on_failure)(void *context, struct request *request);
    /*
     * A branch with a failure route of its own (on_failure) has failed, others may still run: it may
     * get a successor by proxy_relay. Answer with proxy_branch_failure_continue.
     */
    void (*on_branch_failure)(void *context, struct branch *branch);
    void (*on_branch_end)(void *context, struct branch *branch); /* without having won */
    /* A final response went upstream in the transaction. `response` NULL: our own. */
    void (*on_final)(void *context, struct request *request, unsigned status, struct str reason,
                     const struct sip_msg *response);
    /* Nothing more will happen to this request: transactions are over. */
    void (*on_end)(void *context, struct request *request);
    /* ACK or another request goes on without a transaction, flow known (as on_branch_ready). */
    unsigned (*on_forward)(void *context, struct request *request, const struct flow *flow,
                           struct sip_edits *edits);
    /*
     * What we forward of `msg`, a request or a response, is written and about to be sent for the first
     * time. `request` NULL: a response without a transaction. `source` is where msg came from. False:
     * it is not sent. May be NULL.
     */
    bool (*may_send)(void *context, struct request *request, struct sip_msg *msg,
                     const struct flow *source, const struct send_off *sending);
};

MUST_USE enum err proxy_create(const struct proxy_settings *settings, struct wheel *wheel,
                               struct txn_layer *layer, struct outside *outside,
                               struct random_source *random, const struct proxy_user *user,
                               struct proxy **out);
void proxy_destroy(struct proxy *proxy);

/* Makes request->txn. ERR_EXISTS when there is one. An INVITE gets its 100 unless no_auto_100. */
MUST_USE enum err proxy_open(struct proxy *proxy, struct request *request);

/* `status` is 0 with ERR_NONE, else what a reply about the failure should say. */
typedef void proxy_done_fn(void *context, enum err err, unsigned status);

/*
 * Relays statefully: makes the transaction if needed, then a branch for each target (Request-URI
 * first when `with_ruri`, then the extra ones, which are used up). `done` is called once, perhaps
 * within the call, when every branch was sent or has failed: with ERR_NONE when at least one was
 * sent, else with the reason and its status: ERR_UNRESOLVED 478, ERR_UNREACHABLE 477 (430 for the
 * lost flow of a binding), ERR_UNSUPPORTED 416, ERR_LIMIT 500, ERR_SYNTAX 400, ERR_NOT_FOUND 500 (no
 * target), ERR_DENIED 482 (loop), 483 (too many hops), 487 (cancelled), 440 (too many branches) or
 * 500 (after a 6xx, RFC 3261 §16.7 step 5, which OpenSER does not mind), ERR_NOT_NOW 500 (answered
 * already). In the OpenSER dialect such a failure has then been answered (request->is_answered),
 * unless a failure route is running or no_internal_reply says otherwise.
 */
void proxy_relay(struct proxy *proxy, struct request *request, bool with_ruri,
                 const struct relay_options *options, proxy_done_fn *done, void *context);
void proxy_branch_continue(struct branch *branch, unsigned status); /* 0: send; else it fails so; */
enum { PROXY_DROP = 1 };                                            /* dropped: as if never made */
/* status 0: go on; PROXY_DROP: a provisional is swallowed; else a failure takes its place. */
void proxy_reply_continue(struct branch *branch, struct sip_msg *response, unsigned status);
void proxy_failure_continue(struct request *request);
void proxy_branch_failure_continue(struct branch *branch);
/*
 * The request route has ended, or the script gives the transaction up (t_release): one that was
 * neither answered nor relayed ends without a response. To be called at the end of every run.
 */
void proxy_release(struct proxy *proxy, struct request *request);
/* Ends the transaction, its branches cancelled: no final response goes upstream, but a late 2xx. */
void proxy_drop(struct proxy *proxy, struct request *request);

/*
 * The transaction (made if need be) waits as if for a branch that rings: until somebody resumes it,
 * the caller cancels, or fr_inv_timer makes it fail with 408. ERR_NOT_NOW: it waits already, or is
 * answered or cancelled.
 */
MUST_USE enum err proxy_suspend(struct proxy *proxy, struct request *request);
enum resumed {
    RESUMED_NOT,     /* it does not wait, or not any more */
    RESUMED_REQUEST, /* as after its request route: end with proxy_release */
    RESUMED_FAILURE, /* it was suspended in a failure route: end with proxy_failure_continue */
};
enum resumed proxy_resume(struct proxy *proxy, struct request *request);
/* Every request with something under way, until `visit` says false; only then may it have acted. */
void proxy_each(struct proxy *proxy, bool (*visit)(void *context, struct request *request),
                void *context);

/*
 * A response for its transaction, with what the unnamed reply route has changed in it (NULL: nothing;
 * the texts lie in the arena of the response). As txn_receive_response, which it calls.
 */
bool proxy_receive_response(struct proxy *proxy, struct sip_msg *response, const struct flow *source,
                            const struct sip_edits *edits);

/*
 * The ACK of a failure that we answered without a transaction: it is known by our To tag and goes no
 * further. proxy_forward drops it too.
 */
bool proxy_absorbs_ack(struct proxy *proxy, struct request *ack);

/* Sends without a transaction: ACK to 2xx, forward(). The same choice of next hop. */
void proxy_forward(struct proxy *proxy, struct request *request, struct str destination,
                   proxy_done_fn *done, void *context);
/* A response without transaction: to the second Via (RFC 3261 §16.11). */
MUST_USE enum err proxy_forward_response(struct proxy *proxy, struct sip_msg *response,
                                         const struct flow *source, const struct sip_edits *edits);

/* The To tag of our own replies to it; its own one when it has one. */
struct str proxy_reply_tag(struct proxy *proxy, struct request *request);
/* A reply of our own; see run_reply. `headers` whole lines. */
MUST_USE enum err proxy_reply(struct proxy *proxy, struct request *request, unsigned status,
                              struct str reason, struct str headers, struct str body);

/* The CANCEL request (200 to itself is sent) ends the INVITE's branches; 487 follows. */
MUST_USE enum err proxy_cancel(struct proxy *proxy, struct request *cancel, struct request *invite);
/* The same without a CANCEL request. ERR_NOT_NOW: it is answered, or cancelled already. */
MUST_USE enum err proxy_cancel_request(struct proxy *proxy, struct request *request);
/* Cancels what still runs of a request, as a 2xx or 6xx does. */
void proxy_cancel_branches(struct proxy *proxy, struct request *request, struct str headers);
void proxy_cancel_branch(struct proxy *proxy, struct branch *branch);

/* The signed name of a flow; see run_write_flow_token. */
void proxy_write_flow_token(struct proxy *proxy, const struct flow *flow, struct writer *w);

/* RFC 3261 §16.4, §16.6; see run_loose_route. */
enum loose_result proxy_loose_route(struct proxy *proxy, struct request *request,
                                    bool (*is_myself)(void *context, const struct sip_uri *uri),
                                    void *context, struct str *own_params);

/*
 * A request of our own: see culvert/uac.h. `text` is the whole of it, as uac_write() writes it, or a
 * route has changed it; its first Via is replaced by ours.
 */
MUST_USE enum err uac_write(struct writer *w, const struct uac_request *request, struct str via);
MUST_USE enum err proxy_ask(struct proxy *proxy, const struct uac_request *request, struct str text,
                            uac_done_fn *done, void *context);
