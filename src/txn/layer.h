/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The inside of the transaction layer. Four kinds of transactions, each a table of states x events;
 * what they have in common is struct txn. A transaction is freed only from its `end` timer, so
 * whoever is called by a step, or calls one, never loses it under his feet.
 */
#include "base/list.h"
#include "base/table.h"
#include "txn/identity.h"
#include "txn/pool.h"
#include "txn/txn.h"

struct txn;

enum {
    TXN_BRANCH_MAX = 72,
};

enum txn_state {
    TRYING,
    CALLING = TRYING, /* of an INVITE client: nothing heard yet */
    PROCEEDING,
    ACCEPTED, /* RFC 6026 */
    COMPLETED,
    CONFIRMED,
    ABANDONED, /* the user has let go; retransmissions are still absorbed */
    ENDED,     /* only the end timer is left */
    TXN_STATES,
};

enum txn_event {
    /* of servers */
    GOT_REQUEST, /* again */
    GOT_ACK,
    REPLY_1XX,
    REPLY_2XX,
    REPLY_FAILURE, /* 3xx to 6xx */
    /* of clients */
    GOT_1XX,
    GOT_2XX,
    GOT_FAILURE,
    CANCELLED,
    /* of both */
    RELEASED, /* the user has let go */
    UNREACHABLE,
    TIMER_RETRANSMIT,
    TIMER_END,
    TXN_EVENTS,
    /* The names of RFC 3261 table 4 for the two timers. */
    TIMER_A = TIMER_RETRANSMIT,
    TIMER_E = TIMER_RETRANSMIT,
    TIMER_G = TIMER_RETRANSMIT,
    TIMER_SLOW = TIMER_RETRANSMIT, /* RFC 4320 §4.1 */
    TIMER_B = TIMER_END,
    TIMER_D = TIMER_END,
    TIMER_F = TIMER_END,
    TIMER_H = TIMER_END,
    TIMER_I = TIMER_END,
    TIMER_J = TIMER_END,
    TIMER_K = TIMER_END,
    TIMER_L = TIMER_END,
    TIMER_M = TIMER_END,
};

/* What comes with an event, and what the step answers. */
struct txn_input {
    struct sip_msg *response;  /* GOT_1XX, GOT_2XX, GOT_FAILURE */
    const struct flow *source; /* of the response */
    struct str bytes;          /* REPLY_*; headers of CANCELLED */
    enum err err;              /* of REPLY_* */
    bool is_left;              /* a response that nobody here wants */
};

typedef void txn_step_fn(struct txn *txn, struct txn_input *input);
typedef txn_step_fn *const txn_table[TXN_STATES][TXN_EVENTS];

extern txn_table txn_server_invite, txn_server_other, txn_client_invite, txn_client_other;

struct txn {
    struct txn_layer *layer;
    const txn_table *steps;
    uint8_t state; /* enum txn_state */
    bool is_reliable;
    bool is_lost;             /* the end timer brings UNREACHABLE */
    bool is_streamed;         /* in layer->streams */
    struct flow flow;         /* to send on */
    struct table_node node;   /* in layer->servers or layer->clients */
    struct table_node stream; /* in layer->streams: by peer */
    struct timer retransmit;
    struct timer end;
    msec interval;          /* of the retransmit timer */
    msec t2;                /* what it grows to */
    struct txn_bytes bytes; /* what is sent again */
};

struct server_txn {
    struct txn txn;
    struct table_node call; /* in layer->calls: by Call-ID, From tag, CSeq */
    bool is_in_calls;
    bool is_final;
    bool has_failed; /* with a status of 300 or more */
    bool is_port_forced;
    bool is_dialled; /* its connection is gone: responses go to the port of sent-by */
    const struct sip_msg *request; /* the user's */
    struct flow source;
    const struct server_txn_user *user;
    void *context;
};

struct client_txn {
    struct txn txn;
    enum sip_method method;
    char branch[TXN_BRANCH_MAX]; /* the key */
    uint8_t branch_len;
    bool is_cancelled;
    bool is_forwarded;
    struct txn_bytes cancel; /* headers for a CANCEL that waits for a provisional response */
    const struct client_txn_user *user; /* NULL: detached */
    void *context;
};

struct txn_layer {
    struct wheel *wheel;
    struct outside *outside;
    struct txn_timers timers;
    struct hash_key key;
    struct table servers;
    struct table calls;
    struct table clients;
    struct table streams;
    struct txn_pool pool;
    struct arena_pool scratch; /* for re-parsing what was sent */
    struct txn_counters counters;
};

/* ---- layer.c: what all transactions do ---- */

void txn_handle(struct txn *txn, enum txn_event event, struct txn_input *input);
/* Arms the timers; a retransmit timer starts with T1. */
/* t1 and t2: 0 means those of the layer. */
void txn_start_retransmit(struct txn *txn, msec t1, msec t2);
/* Timer E of the client has come to T2 by then: T1 + 2*T1 + 4*T1. */
void txn_start_slow(struct txn *txn);
void txn_start_end(struct txn *txn, msec delay);
/* Ends as soon as the stack is unwound. */
void txn_end_soon(struct txn *txn);
void txn_track_stream(struct txn *txn);
void txn_untrack_stream(struct txn *txn);
enum err txn_send_bytes(struct txn *txn, struct str bytes);
/* Sends `bytes` once more and counts it. */
void txn_resend(struct txn *txn);
/* Re-arms the retransmit timer with the next interval, T2 at most when `is_capped`. */
void txn_back_off(struct txn *txn, bool is_capped);
/* Parses what we wrote ourselves; NULL when even that fails. */
struct sip_msg *txn_parse_own(struct txn *txn, struct arena *scratch, struct str bytes);

/* ---- match.c ---- */

/* The hash of a request's own transaction; an ACK has that of its INVITE. */
uint64_t txn_request_hash(const struct txn_layer *layer, const struct sip_msg *request,
                          enum sip_method method);
struct server_txn *txn_find_server(const struct txn_layer *layer, const struct sip_msg *request,
                                   enum sip_method method, uint64_t hash);
uint64_t txn_branch_hash(const struct txn_layer *layer, struct str branch, enum sip_method method);
struct client_txn *txn_find_client(const struct txn_layer *layer, struct str branch,
                                   enum sip_method method);
/* Enters a server transaction into `calls` when later requests may ask for it there. */
void txn_track_call(struct server_txn *txn);

/* ---- server.c, client.c: what both kinds of each do ---- */

void server_txn_send(struct txn *txn, struct txn_input *input);
/* Sends a response; should the connection be gone, by another way if there is one. */
enum err server_txn_send_bytes(struct txn *txn, struct str bytes);
bool server_txn_redirect(struct txn *txn);
bool server_txn_resend_elsewhere(struct txn *txn);
void server_txn_resend(struct txn *txn, struct txn_input *input);
void server_txn_abandon(struct txn *txn, struct txn_input *input);
void server_txn_end(struct txn *txn, struct txn_input *input);
void server_txn_report(struct txn *txn, enum err why);
void server_txn_destroy(struct server_txn *txn);

void client_txn_deliver(struct txn *txn, struct txn_input *input);
void client_txn_time_out(struct txn *txn, struct txn_input *input);
void client_txn_lose(struct txn *txn, struct txn_input *input);
void client_txn_end(struct txn *txn, struct txn_input *input);
void client_txn_destroy(struct client_txn *txn);
