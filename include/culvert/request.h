/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A request under way: the message, what the script has decided about it, and, once it is relayed,
 * its response context (RFC 3261 §16.7): a server transaction and a branch for each target.
 *
 * A request belongs to one worker. Everything in it lives in its own arena and ends with the last
 * reference; the script run, the transactions and the timers hold one each.
 */
#include <culvert/edit.h>
#include <culvert/timer.h>
#include <culvert/value.h>
#include <culvert/xavp.h>

struct worker;
struct server_txn;
struct client_txn;
struct media_options;
struct edition_copy;
struct request;

enum {
    TARGETS_MAX = 12,          /* the Request-URI and those added to it */
    FLAGS_MAX = 32,
    ROUTE_NONE = 0,            /* no route armed; others are indexes into the program */
};

/* Where a request may be sent: a Request-URI and how to get there. */
struct target {
    struct str uri;
    struct str dst_uri;    /* next hop instead of the URI's host ($du); empty: none */
    struct str path;       /* Route values to put in front, comma-separated; empty: none */
    struct str instance;   /* +sip.instance and ruid of the binding it came from; may be empty */
    struct str ruid;
    struct str user_agent; /* of the client that registered it */
    uint32_t reg_id;       /* RFC 5626: which flow of the instance; 0: not told */
    int q;                 /* 0…1000; -1: unspecified */
    uint32_t bflags;       /* branch flags */
    uint16_t socket;       /* the socket to send from; SOCKET_ANY: choose */
    bool has_flow;         /* `flow` is where the binding was registered from: use it, resolve nothing */
    struct flow flow;
    const struct target *other_flow; /* to be tried when this one fails; lives as long as the request */
};

/* What record_route() asked for; the header is made for each branch, when its flow is known. */
struct record_route {
    bool is_wanted;
    bool has_flow_token;   /* the automatic way: sign both flows into the user part */
    bool has_full_lr;      /* ;lr=on */
    bool has_from_tag;     /* ;ftag= */
    bool is_double;        /* two headers when transport or socket changes */
    bool is_always_double; /* …and also when they do not */
    bool ignores_sips;     /* sip: although the Request-URI is a sips one */
    struct str user;       /* user part to add; empty: none */
    struct str params;     /* ";name=value…" to add */
    struct str preset;     /* "host:port;…" that replaces our own address (record_route_preset)… */
    struct str preset_inner; /* …and another one, for a second header on the caller's side */
    struct str advertised; /* "host:port" alone: transport and ;r2 are still ours */
};

enum branch_state {
    BRANCH_PREPARING, /* branch route, name resolution */
    BRANCH_CALLING,   /* sent, nothing heard */
    BRANCH_RINGING,   /* a provisional response came */
    BRANCH_DONE,      /* final response, or failed */
};

struct branch {
    struct request *request;
    unsigned index;            /* 0-based, counts over the whole life of the request */
    unsigned step;             /* which forwarding step made it: the latest one competes */
    uint8_t state;             /* enum branch_state */
    bool is_cancelled;         /* CANCEL sent, or to be sent when a provisional comes */
    bool is_received;          /* the final response came from outside, not from us */
    struct target target;
    struct str id;             /* the branch parameter of our Via: also names its media */
    struct sip_edits edits;    /* of this branch alone */
    struct flow flow;          /* where it was sent, once resolved */
    const struct media_options *media; /* anchoring asked for in its branch route; NULL: as of the request */
    struct client_txn *txn;    /* NULL before sending and after the end */
    struct sip_msg *response;  /* the best final response; NULL while none. NULL with status set: a local one */
    unsigned status;           /* of it, 0 while none */
    struct str to_tag;         /* of the latest response */
    struct flow *hops;         /* what name resolution gave; tried in order */
    unsigned hop_count, hop_next;
    uint16_t on_reply;         /* its own reply route; ROUTE_NONE: that of the request */
    uint16_t on_failure;       /* event_route[tm:branch-failure:…] of this branch; ROUTE_NONE: none */
    struct timer timer;        /* fr_timer, then fr_inv_timer (Timer C) */
};

struct request {
    struct worker *worker;
    unsigned refs;
    struct arena arena;
    struct sip_msg *msg;
    struct flow source;              /* the flow that it came in on */
    msec received_at;
    struct sip_edits edits;

    struct target target;            /* the current Request-URI and its way */
    struct target *extra;            /* TARGETS_MAX - 1 of them; NULL until the first is added */
    unsigned extra_count;
    bool target_is_new;              /* Kamailio: written since the last relay */

    uint32_t flags;                  /* message flags */
    uint32_t blacklists;             /* use_blacklist(): bits of lists that it goes by */
    struct avps avps;
    struct xavps xavps, xavis, xavus; /* $xavp, $xavi, $xavu */
    struct record_route record_route;
    bool force_rport;
    bool skips_strict;               /* loose_route_mode(1): no strict router is before us */
    bool replaces_routes;            /* loose_route() has worked: these Route lines replace the received */
    struct str routes;
    int max_forwards;                /* the value to send; -1: as received */
    struct str reply_body;           /* set_reply_body(): likewise; empty: none */
    struct str reply_body_type;      /* its whole Content-Type line */
    struct str reply_headers;        /* append_to_reply(): for the next reply of our own */
    struct str advertised_host;      /* set_advertised_address(); empty: the socket's */
    uint16_t advertised_port;
    struct edition_copy *script;     /* the reading of the script that all its routes belong to; held */
    uint16_t on_failure, on_reply, on_branch; /* routes armed by t_on_*; ROUTE_NONE: none */
    uint16_t on_branch_failure;      /* for the branches to come */
    msec fr_timer, fr_inv_timer;     /* t_set_fr() and the timer AVPs; 0: those of the server */
    msec t1, t2;                     /* t_set_retr(); 0: those of the server */
    msec lifetime;                   /* t_set_max_lifetime(); 0: as struct fork_rules says */
    bool no_auto_100;
    bool no_internal_reply;
    bool no_failover;                /* t_set_disable_failover() */
    bool lets_6xx_compete;           /* t_set_disable_6xx() */
    bool passes_no_reason;           /* t_set_no_e2e_cancel_reason() */
    bool has_older_failures;         /* t_drop_replies() has said what becomes of them */
    uint8_t older_failures;          /* enum older_failures, for the next step alone */
    bool is_in_dialog_by_token;      /* a valid flow token routed it */

    uint64_t dialog;                 /* number of the dialog that it belongs to; 0: none is known */
    bool is_from_callee;             /* …and its sender */
    bool follows_dialog;             /* it is the INVITE whose responses tell of that dialog */

    struct server_txn *txn;          /* NULL while stateless */
    uint32_t label;                  /* of the transaction: unique on its worker; 0: there was none yet */
    struct branch **branches;
    unsigned branch_count, branch_room;
    unsigned step;                   /* the current forwarding step */
    bool is_cancelled;               /* the caller has cancelled */
    bool is_answered;                /* a final response has gone upstream */
    bool is_failing;                 /* the failure route is running */
    bool has_relayed;                /* the script has relayed or forwarded it */
    bool has_media;                  /* the relay holds ports for it */
    bool has_offered;                /* its own description was anchored */
    const struct media_options *media; /* anchoring asked for; done as each branch goes out */
    struct request *invite;          /* CANCEL: the INVITE that it means; a reference is held */
    const struct sip_hdr *credentials; /* that were found right; NULL: none */
    const struct sip_hdr *tried_credentials; /* looked at last, right or wrong; NULL: none */
    bool has_stale_nonce;            /* the next challenge says stale=true */
    unsigned error_status;           /* why forwarding failed; 0: nothing did */
    struct str error_reason;
    unsigned last_status;            /* last status sent upstream; 0: none */
    bool last_status_is_local;
    const void *local;               /* of a request that we make: what the host remembers */
    struct branch *winner;           /* the branch whose final response was chosen; NULL: none */
    void *slots[16];                 /* one a module that asked for it: see module_slot() */
};

struct request *request_ref(struct request *request);
void request_unref(struct request *request);

/* Writing either forgets the flow of a binding: the destination is another now. Texts are copied. */
MUST_USE enum err request_set_uri(struct request *request, struct str uri);
MUST_USE enum err request_set_dst_uri(struct request *request, struct str uri); /* empty: clears */
/* Appends a target; ERR_LIMIT when the set is full. Texts are copied. */
MUST_USE enum err request_add_target(struct request *request, const struct target *target);
