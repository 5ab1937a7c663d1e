/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Transactions (RFC 3261 §17, RFC 6026), as state x event tables. A layer belongs to one worker;
 * all calls happen on its thread. Memory comes from the layer's own pools.
 *
 * A server transaction is made for a request when the script first needs one; a client transaction
 * for each branch. Both report to a user given at creation and end by themselves; the user is told
 * (on_end) and must then forget the pointer.
 */
#include <culvert/edit.h>
#include <culvert/random.h>
#include <culvert/timer.h>

#include "base/hash.h"
#include "base/outside.h"

/* Milliseconds; the names are those of RFC 3261 table 4. */
struct txn_timers {
    msec t1;      /* 500 */
    msec t2;      /* 4000 */
    msec t4;      /* 5000 */
    msec timer_d; /* wait in Completed of INVITE client transactions: 32000 */
    msec linger;  /* tm's wt_timer: how long a finished non-INVITE server transaction stays over a
                     reliable transport; 5000 */
};

struct txn_layer;
struct server_txn;
struct client_txn;

struct server_txn_user {
    /*
     * ERR_TIMEOUT: the INVITE's failure response got no ACK (timer H). ERR_UNREACHABLE: the
     * connection to the caller broke; an INVITE still without final response stays, to be ended by
     * one.
     */
    void (*on_failure)(void *context, struct server_txn *txn, enum err why);
    void (*on_end)(void *context, struct server_txn *txn);
    /*
     * A request other than INVITE has no response yet, and its client repeats it as seldom as it
     * ever will: time for a 100 (RFC 4320 §4.1). May be NULL.
     */
    void (*on_slow)(void *context, struct server_txn *txn);
};

struct client_txn_user {
    /*
     * Every response that is not absorbed as a retransmission; 2xx to INVITE all of them. The user
     * may take over the arena of the response.
     */
    void (*on_response)(void *context, struct client_txn *txn, struct sip_msg *response,
                        const struct flow *source);
    /* ERR_TIMEOUT (timers B, F) or ERR_UNREACHABLE. on_end follows. */
    void (*on_failure)(void *context, struct client_txn *txn, enum err why);
    void (*on_end)(void *context, struct client_txn *txn);
};

MUST_USE enum err txn_layer_create(struct wheel *wheel, struct outside *outside,
                                   struct random_source *random, const struct txn_timers *timers,
                                   struct txn_layer **out);
/* Ends all transactions without calling users. */
void txn_layer_destroy(struct txn_layer *layer);

enum txn_match {
    TXN_NEW,      /* no transaction knows this request */
    TXN_ABSORBED, /* a retransmission (answered again), or the ACK of a failure */
    TXN_CANCELS,  /* a new CANCEL; *out is the INVITE transaction that it means */
    TXN_ACKS_2XX, /* an ACK whose INVITE transaction answered 2xx: *out; to be forwarded */
    TXN_MERGED,   /* the same request by another path (RFC 3261 §8.2.2.2): 482 */
};

/*
 * Matches by RFC 3261 §17.2.3: branch, sent-by and method; RFC 2543 rules without the magic cookie;
 * CANCEL and ACK also by branch, Call-ID and CSeq when sent-by has changed behind a NAT.
 */
enum txn_match txn_receive_request(struct txn_layer *layer, const struct sip_msg *request,
                                   const struct flow *source, struct server_txn **out);

/* Not for ACK. `request` must live until on_end. ERR_EXISTS when one is there. */
MUST_USE enum err server_txn_open(struct txn_layer *layer, const struct sip_msg *request,
                                  const struct flow *source, const struct server_txn_user *user,
                                  void *context, struct server_txn **out);
/*
 * Sends a response, written completely, to where the request came from (RFC 3261 §18.2.2, RFC
 * 3581), and keeps it for retransmission. ERR_NOT_NOW: a final response has gone (2xx to INVITE may
 * repeat). ERR_UNREACHABLE: it counts as sent, but the connection is gone.
 */
MUST_USE enum err server_txn_reply(struct server_txn *txn, unsigned status, struct str bytes);
/* Responses go to the source port although the client did not ask (force_rport). */
void server_txn_force_rport(struct server_txn *txn);
/* No final response will come: absorbs retransmissions for 64*T1, then ends. Nothing once it is
 * final. */
void server_txn_release(struct server_txn *txn);
/*
 * Where responses to a request go: over streams back on the connection; else to the source address,
 * and its port when rport was asked for or is forced, else the port of sent-by. maddr is ignored:
 * it would let anybody aim our answers. When the connection is gone, a client that said in sent-by
 * that it listens, at the address that its request came from, is dialled.
 */
void txn_reply_flow(const struct sip_msg *request, const struct flow *source, bool force_rport,
                    struct flow *out);
void *server_txn_context(const struct server_txn *txn);
bool server_txn_is_final(const struct server_txn *txn); /* a final response has gone */

struct client_request {
    enum sip_method method;
    struct str branch; /* of our Via: the key; must be unique */
    struct str bytes;  /* the request as written; copied */
    struct flow flow;
    msec t1, t2; /* of its retransmissions; 0: those of the layer */
    /* A response without a Via below ours has nowhere to go: it is dropped, but for the end of a
     * cancelled INVITE. */
    bool is_forwarded;
};

/* Sends at once. An error means that nothing was made and no callback comes. Not for ACK. */
MUST_USE enum err client_txn_open(struct txn_layer *layer, const struct client_request *request,
                                  const struct client_txn_user *user, void *context,
                                  struct client_txn **out);
/*
 * Cancels an INVITE: at once when a provisional response has come, else when it comes; then waits
 * 64*T1 for the final one. `headers` are whole header lines (Reason), copied. Twice is fine.
 */
void client_txn_cancel(struct client_txn *txn, struct str headers);
/* Forgets the user: no more callbacks; the transaction finishes by itself (ACKs what must be
 * ACKed). */
void client_txn_detach(struct client_txn *txn);

/*
 * True when a client transaction took it (also when it was absorbed). False for a 2xx to an INVITE
 * whose user is gone: to be forwarded statelessly.
 */
bool txn_receive_response(struct txn_layer *layer, struct sip_msg *response,
                          const struct flow *source);
/* It has a Via below ours. */
bool txn_has_way_up(const struct sip_msg *response);
/* A client transaction of this response exists, with or without a user. */
bool txn_has_client(const struct txn_layer *layer, const struct sip_msg *response);
/* A connection broke: its transactions hear ERR_UNREACHABLE. */
void txn_unreachable(struct txn_layer *layer, const struct flow *flow);

struct txn_counters {
    uint64_t servers, clients; /* now */
    uint64_t servers_total, clients_total;
    uint64_t retransmissions_in, retransmissions_out, timeouts, merged;
    uint64_t bytes; /* held by transactions now */
};

const struct txn_timers *txn_read_timers(const struct txn_layer *layer);
const struct txn_counters *txn_read_counters(const struct txn_layer *layer);
