/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The inside of the proxy. A *flight* is a request with what the proxy alone knows of it; a *leg*
 * is a branch likewise. Every struct request is the head of a flight, every struct branch of a leg.
 *
 * Who keeps a flight: `holds` counts the server transaction, each client transaction, each leg
 * that is not done, each name resolution, each response that is held, and the failure route. Each
 * hold is a reference to the request too. With the last one the request is over (on_end).
 */
#include <culvert/run.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/table.h"
#include "proxy/proxy.h"

enum {
    MESSAGE_ROOM = 128 * 1024, /* the longest message that we write */
    LINES_ROOM = 32 * 1024,    /* its Via, Record-Route and Route lines */
    HOPS_MAX = 16,             /* addresses of one name that are tried */
    LEGS_MAX = 64,             /* branches in the whole life of a request */
    HELD_MAX = 16,             /* responses of one branch that wait for a reply route */
    TAG_MAX = 16,              /* of our To tags */
    BRANCH_ID_MAX = 64,
};

/* Parties that are elsewhere than their dialog's token says. */
struct proxy_moves {
    struct table table;
    struct list_node by_age;
};

struct proxy {
    struct proxy_settings settings;
    struct proxy_user user;
    struct wheel *wheel;
    msec made_at;
    uint64_t mark; /* of this process, in branch ids */
    struct txn_layer *layer;
    struct outside *outside;
    struct random_source *random;
    struct flow_signer *signer;
    struct hash_key key;      /* of branch ids and tags: from the server's secret */
    struct list_node flights; /* with holds */
    struct list_node asks;    /* requests of our own */
    uint32_t labels; /* given to transactions so far */
    const struct sip_edits *arriving; /* edits of the response that is being matched */
    struct proxy_moves moves;
    char message[MESSAGE_ROOM];
    char lines[LINES_ROOM];
};

/* A response in its own arena, which was taken from the receiver; lies in that arena itself. */
struct held {
    struct held *next;
    struct arena arena;
    struct sip_msg *msg;
    struct flow source;
    struct sip_edits edits; /* made by the reply route */
    bool is_asked;          /* on_reply was called */
    bool is_answered;       /* …and proxy_reply_continue */
    unsigned verdict;       /* its status */
};

struct leg {
    struct branch branch; /* first: a branch is a leg */
    bool is_launching;    /* counted in flight->launching: neither sent nor failed */
    bool is_asked;        /* on_branch waits for its answer */
    bool was_sent;
    bool has_won;    /* a 2xx of it went upstream */
    bool is_replica; /* its responses are dropped */
    bool is_refused; /* the reply route has made a failure of it: nothing it says counts */
    bool is_blind; /* goes nowhere: see proxy_suspend */
    bool is_asked_again; /* on_branch_failure waits for its answer */
    bool is_outdated; /* its failure competes no more: a later step, or another flow, took its place */
    unsigned progress; /* the highest provisional response so far */
    bool is_pumping;
    unsigned breadth;       /* its share of Max-Breadth; 0: none is said */
    bool has_failover;      /* more than one hop may be tried */
    bool is_resolved;       /* its hops come from a name or address, not from a binding */
    bool has_transport;     /* the target says by which transport */
    unsigned streamed;      /* branch.hop_next of the hop that a stream was tried for; 0: none */
    unsigned attempt;       /* at sending */
    struct sip_edits clean; /* the edits before on_branch_ready, for another attempt */
    struct held *queue;     /* responses in order; the first may be waiting for its reply route */
    struct held *final;     /* the failure that branch.response is */
    unsigned queued;
    char *tag; /* the bytes of branch.to_tag */
    size_t tag_room;
};

struct flight {
    struct request request; /* first: a request is a flight */
    struct proxy *proxy;    /* NULL until the proxy first saw it */
    struct list_node node;  /* in proxy->flights while there are holds */
    unsigned holds;
    bool was_opened, has_ended;
    bool is_released; /* the script has let go: nobody else will answer */
    bool has_loop_hash, has_unique, has_tag, has_marked_via;
    bool marks_rport; /* what marked_via was made with */
    struct str marked_via;
    uint64_t loop_hash, unique;
    char tag[TAG_MAX];

    /* the relay that is being set up */
    proxy_done_fn *done; /* NULL: none */
    void *done_context;
    struct relay_options options;
    bool is_starting; /* its legs are being made */
    bool has_sent;
    unsigned launching;  /* legs that are neither sent nor failed */
    enum err launch_err; /* the best reason of those that failed */
    unsigned launch_status;
    unsigned last_step; /* the step before this relay */

    bool older_yield;     /* a response to the latest step outdates the steps before */

    unsigned failed_step; /* the last step that on_failure was called for */
    bool in_failure;      /* proxy_failure_continue is awaited */
    unsigned failing_legs; /* proxy_branch_failure_continue is awaited */

    struct leg *blind; /* while suspended */
    bool was_in_failure; /* when it was suspended */

    bool has_loosed; /* proxy_loose_route has worked */
    enum loose_result loose;
    struct str loose_params;
    struct flow sender; /* with is_in_dialog_by_token: who sends, as the token says */
};

static inline struct flight *flight_of(struct request *request)
{
    return CONTAINER_OF(request, struct flight, request);
}

static inline struct leg *leg_of(struct branch *branch)
{
    return CONTAINER_OF(branch, struct leg, branch);
}

static inline struct flight *flight_of_leg(const struct leg *leg)
{
    return flight_of(leg->branch.request);
}

/* It came for a sips URI, whatever that has become since. */
static inline bool request_is_sips(const struct request *request)
{
    return str_istarts(request->msg->ruri, STR("sips:"));
}

static inline bool is_final_failure(unsigned status)
{
    return status >= 300;
}

/* ---- request.c ---- */

void proxy_flight_hold(struct flight *flight);
void proxy_flight_release(struct flight *flight);
/* The proxy meets the request. */
void proxy_flight_enter(struct flight *flight, struct proxy *proxy);
/* The Request-URI that the request has now. */
struct str proxy_flight_uri(const struct flight *flight);
/* Takes over the arena of a response; NULL without memory. */
struct held *proxy_held_take(struct sip_msg *msg, const struct flow *source);
void proxy_held_free(struct held *held);

/* ---- id.c: branch parameters, tags, loops ---- */

enum err proxy_id_make(struct flight *flight, unsigned index, struct str *out);
/* The same for the same request, however often it comes: for forwarding without a transaction. */
enum err proxy_id_make_stateless(struct flight *flight, struct str *out);
enum id_maker {
    ID_OF_TRANSACTION,     /* …which may be over */
    ID_OF_FORWARDING,      /* without a transaction */
    ID_OF_EARLIER_PROCESS, /* before a restart, with a transaction */
};

/* True for a branch parameter that we made; the socket that its request came in on. */
bool proxy_id_read(const struct proxy *proxy, struct str branch, uint16_t *socket,
                   enum id_maker *maker);
uint64_t proxy_id_new_mark(struct random_source *random, msec now);
/* The request has come back unchanged. */
bool proxy_id_finds_loop(struct flight *flight);
struct str proxy_id_tag(struct flight *flight);

/* ---- moves.c: parties that the token cannot find any more ---- */

void proxy_moves_init(struct proxy_moves *moves);
void proxy_moves_fini(struct proxy_moves *moves);
/* The other side has accepted the request: where it came from is where its sender is now. */
void proxy_moves_note(struct flight *flight);
/* Replaces the flow of the token by that of the party who has moved, if it has. */
void proxy_moves_apply(const struct flight *flight, struct flow *flow);

/* ---- uac.c ---- */

/* Forgets all requests of our own. */
void proxy_asks_fini(struct proxy *proxy);

/* ---- hop.c: where a request goes ---- */

struct hop_choice {
    bool has_flow;
    struct flow flow;
    struct resolve_query query; /* when there is no flow */
};

/*
 * RFC 3261 §18.1.1: the same hop by a transport that carries a request of that size. False when it
 * is small enough, or we have no such socket, or were not told to.
 */
bool proxy_hop_for_size(const struct proxy_settings *settings, const struct flow *hop, size_t size,
                        struct flow *out);
enum err proxy_hop_choose(const struct flight *flight, const struct target *target,
                          struct str destination, struct hop_choice *out);
/* Copies what the resolver found into the request's arena. */
enum err proxy_hop_copy(struct flight *flight, const struct target *target, const struct flow *hops,
                        unsigned count, struct flow **out, unsigned *out_count);
/* The same for a request of our own, by what is given: destination, Route values, Request-URI. */
enum err proxy_hop_query(struct str destination, struct str routes, struct str uri,
                         struct resolve_query *out);
/* What a reply says about an error in finding or reaching the next hop. */
unsigned proxy_hop_status(enum err err);

/* ---- build.c: what is written ---- */

struct departure {
    const struct target *target;
    const struct flow *flow;
    struct str via_branch;
    unsigned breadth; /* Max-Breadth; 0: as received */
    const struct sip_edits *edits; /* of the branch; NULL: none */
};

/* The bytes are the proxy's until the next message is written. */
enum err proxy_build_request(struct flight *flight, const struct departure *departure,
                             struct str *out);
/* The topmost via-parm as we write it: with received and rport. */
enum err proxy_build_marked_via(struct flight *flight, struct str *out);
/* The whole Via line of a request of our own. */
void proxy_build_own_via(struct writer *w, const struct listener *listener, struct str branch);
/* How many Record-Route values we put into a request that goes out on this flow. */
unsigned proxy_build_own_routes(const struct flight *flight, const struct flow *flow);
/* 0: go on; else the status to refuse with: 483, 482. */
unsigned proxy_build_check_hops(struct flight *flight);

/* ---- branch.c: the life of one leg ---- */

enum err proxy_leg_create(struct flight *flight, const struct target *target, struct leg **out);
void proxy_leg_start(struct leg *leg);
/* Ends it; a status of 300 or more: it has lost. */
void proxy_leg_finish(struct leg *leg, unsigned status);
/* After it has lost: its own failure route may find it a successor. */
void proxy_leg_ask_failure(struct leg *leg);
/* Gives up a leg that was not sent. */
void proxy_leg_fail(struct leg *leg, enum err err, unsigned status);
/* Whatever its branches do, it has lasted long enough (tm's max_inv_lifetime). */
bool proxy_flight_is_expired(const struct flight *flight);
/* Tries the next address; false when there is none, or no use in it. */
bool proxy_leg_fail_over(struct leg *leg);
void proxy_leg_start_timer(struct leg *leg, bool is_ringing);
/* Tells the outside what became of the hop being tried, unless it is the flow of a binding. */
void proxy_leg_judge(const struct leg *leg, enum err why, msec pause);

extern const struct client_txn_user proxy_leg_txn_user;

/* ---- relay.c: the legs of a request ---- */

/* After something has changed: reports the relay, runs the failure route, answers. */
void proxy_flight_advance(struct flight *flight);

/* ---- response.c ---- */

void proxy_response_receive(struct leg *leg, struct sip_msg *msg, const struct flow *source);
/* Sends the best of the failures upstream. */
void proxy_response_answer(struct flight *flight);
/* Frees the failures that nobody will look at any more: the outdated ones, or all. */
void proxy_response_forget(struct flight *flight, bool all);

/* ---- refuse.c ---- */

/* ACK for a 2xx to INVITE that goes nowhere, and the first time BYE. */
void proxy_refuse_accepted(struct leg *leg, const struct sip_msg *response);

/* ---- choose.c ---- */

/* The best of the failures that compete; NULL when there is none. */
struct leg *proxy_choose_best(const struct flight *flight);
/* True when status a is to be preferred to b. */
bool proxy_choose_prefers(unsigned a, unsigned b);
/* A relay has begun a new step: what becomes of the failures of those before. */
void proxy_choose_outdate(struct flight *flight);
/* The leg has got its failure from outside. */
void proxy_choose_note(struct leg *leg);
/* A 6xx neither ends other branches nor comes first. */
bool proxy_choose_is_lenient(const struct flight *flight);
/* Adds the challenges of the other legs that compete to a 401 or 407. */
enum err proxy_choose_merge_challenges(const struct flight *flight, struct leg *best);

/* ---- breadth.c: Max-Breadth (RFC 5393 §5.3) ---- */

/* Shares it out among the legs from `first` on. 0, or 440: there are too many of them. */
unsigned proxy_breadth_share(struct flight *flight, unsigned first);

/* ---- forward.c ---- */

enum { PROXY_UNSENT = 477 }; /* status of what the user has not let go */

/* Asks the user, when he wants to be; see proxy_user.may_send. */
bool proxy_may_send(struct flight *flight, struct sip_msg *msg, const struct flow *source,
                    const struct flow *way, struct str bytes);

/* ---- cancel.c ---- */

void proxy_cancel_legs(struct flight *flight, struct str headers);

/* ---- reply.c ---- */

/* Sends through the server transaction and remembers it. */
enum err proxy_reply_send(struct flight *flight, unsigned status, bool is_local, struct str bytes);
/* Past the server transaction, by the same way. */
enum err proxy_reply_send_stray(struct flight *flight, struct str bytes);
enum err proxy_reply_open(struct flight *flight, bool no_100);
