/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A reference model of a forking stateful proxy, written from RFC 3261 §16 and §17, RFC 6026 and
 * RFC 4320 alone: it shares nothing with src/. It is told what reaches the proxy and how time
 * passes, and says what the proxy has to send: each message that was really sent must be one that
 * the model waits for, at that very time, and nothing that it waits for may be missing.
 */
#include <culvert/str.h>
#include <culvert/timer.h>

enum {
    MODEL_LEGS = 3,
    MODEL_PEERS = 1 + MODEL_LEGS, /* the caller, and as many callees */
    MODEL_ASKED_MAX = 48,
    MODEL_CLIENTS_MAX = 256,
    MODEL_DUES_MAX = 512,
    MODEL_KEY = 96, /* bytes of a branch parameter or tag */
    MODEL_CHOICES = 6,
};

enum model_method {
    M_INVITE,
    M_ACK,
    M_CANCEL,
    M_OTHER,
};

/* A message that the proxy sent. */
struct model_sent {
    msec at;
    unsigned peer;
    bool is_request;
    enum model_method method;
    unsigned status;
    struct str branch; /* of the topmost Via */
    struct str tag;    /* of To */
    struct str bytes;  /* live until the model is reset */
};

/* The proxy's own timers; T1, T2 and T4 are those of RFC 3261. */
struct model_timers {
    msec silence; /* a branch that says nothing is given up (fr_timer) */
    msec ringing; /* timer C (fr_inv_timer) */
    msec linger;  /* timer J over streams */
    msec youth;   /* answers to requests of the process before are let through */
};

struct model_peer {
    bool is_stream;
    bool is_open;        /* there is a connection */
    unsigned connection; /* which; counted up when one breaks */
    bool can_dial;       /* the proxy may make one */
};

enum model_server_state {
    S_GONE,
    S_TRYING,
    S_PROCEEDING,
    S_ACCEPTED,
    S_COMPLETED,
    S_CONFIRMED,
    S_ABANDONED,
};

enum model_client_state {
    C_GONE,
    C_CALLING,
    C_PROCEEDING,
    C_ACCEPTED,
    C_COMPLETED,
};

enum model_leg_state {
    LEG_NONE,
    LEG_ASKING, /* the name is looked up */
    LEG_CALLING,
    LEG_RINGING,
    LEG_OVER,
};

struct model_client {
    enum model_client_state state;
    enum model_method method;
    unsigned peer;
    char branch[MODEL_KEY];
    struct model_client *of; /* of a CANCEL: the INVITE */
    struct model_asked *asked;
    struct model_leg *leg;
    struct str bytes;
    bool is_cancelled;
    msec repeat_at, end_at, interval; /* MSEC_NEVER: not armed */
};

struct model_leg {
    enum model_leg_state state;
    unsigned peer;
    unsigned order;  /* of lookups */
    unsigned status; /* how it ended; 0: could not be sent */
    bool is_cancelled;
    struct model_client *client;
    msec timer; /* fr_timer, then timer C */
};

/* A request that was received, with its server transaction. */
struct model_asked {
    enum model_method method;
    unsigned peer, connection;
    char branch[MODEL_KEY];
    enum model_server_state state;
    struct model_leg legs[MODEL_LEGS];
    bool is_answered, is_cancelled, is_relayed;
    struct str last; /* the response that is repeated */
    msec asked_at, repeat_at, end_at, interval, trying_at;
};

enum model_due_kind {
    DUE_REPLY,       /* through the server transaction; it is what will be repeated */
    DUE_STRAY,       /* past it */
    DUE_REPLY_AGAIN, /* byte for byte */
    DUE_REQUEST,     /* the first time: the model learns its branch */
    DUE_REQUEST_AGAIN,
    DUE_ACK,  /* of a failure: our own */
    DUE_PASS, /* an ACK that goes through */
};

struct model_due {
    enum model_due_kind kind;
    msec at;
    unsigned peer;
    enum model_method method;
    unsigned choices[MODEL_CHOICES]; /* statuses; none: any failure */
    unsigned choice_count;
    char tag[MODEL_KEY];
    struct model_asked *asked;
    struct model_client *client;
    bool is_optional, is_done;
};

struct model {
    struct model_timers timers;
    struct model_peer peers[MODEL_PEERS];
    msec now, made_at;
    struct model_asked asked[MODEL_ASKED_MAX];
    struct model_client clients[MODEL_CLIENTS_MAX];
    struct model_due dues[MODEL_DUES_MAX];
    unsigned asked_count, client_count, due_count, lookups;
    uint64_t *steps; /* counts what was taken; may be NULL */
    char text[256];
};

/* Where a request is to go. */
struct model_target {
    unsigned peer;
    bool is_name; /* to be looked up first */
};

void model_init(struct model *model, const struct model_timers *timers, msec now);
/* Forgets the calls; the proxy is as old as it is. */
void model_forget(struct model *model);
void model_advance(struct model *model, msec now);

/* What reaches the proxy. `branch` is that of the sender. */
void model_take_request(struct model *model, unsigned peer, enum model_method method,
                        struct str branch, const struct model_target *targets, unsigned count);
/* The ACK to a 2xx, which passes. */
void model_take_ack(struct model *model, unsigned to);
void model_take_response(struct model *model, struct str branch, enum model_method method,
                         unsigned status, struct str tag);
/* The oldest lookup ends. */
void model_take_lookup(struct model *model, bool is_found);
void model_lose(struct model *model, unsigned peer);
void model_restart(struct model *model);

/* NULL: the message was due. Else why it is wrong, until the next call. */
const char *model_judge(struct model *model, const struct model_sent *sent);
/* NULL: all that was due has been sent. */
const char *model_find_missing(struct model *model);
/* A request of this branch was answered with 2xx, and is still known. */
bool model_has_accepted(struct model *model, struct str branch);
/* No transaction is left. */
bool model_is_over(const struct model *model);
