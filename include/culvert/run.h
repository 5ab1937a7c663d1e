/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One run of a route over one message: what script functions and variables work on. Functions here
 * are the actions that modules are made of. All calls happen on the worker that owns the request.
 */
#include <culvert/dialog.h>
#include <culvert/log.h>
#include <culvert/multipart.h>
#include <culvert/request.h>

struct script_vm;
struct server;

/* Where a function may be called: the kinds of route, as bits. */
enum stage {
    STAGE_REQUEST = 1 << 0,
    STAGE_FAILURE = 1 << 1,
    STAGE_REPLY = 1 << 2,      /* onreply_route armed by t_on_reply */
    STAGE_CORE_REPLY = 1 << 3, /* the unnamed onreply_route: before a transaction is looked for */
    STAGE_BRANCH = 1 << 4,
    STAGE_ERROR = 1 << 5,
    STAGE_LOCAL = 1 << 6,
    STAGE_EVENT = 1 << 7,
    STAGE_ONSEND = 1 << 8,
    STAGE_ANY = 0xff,
    STAGE_EVERY = STAGE_ANY | STAGE_ONSEND, /* it neither waits, nor sends, nor changes where requests go */
};

/*
 * What a script function answers: any number the script can see in $retcode. Above 0 is true, below
 * 0 is false, 0 ends the script.
 */
enum verdict {
    VERDICT_WAIT = INT32_MIN, /* not yet: run_resume() will bring the answer */
    VERDICT_ERROR = -1,
    VERDICT_FALSE = -1,
    VERDICT_STOP = 0,
    VERDICT_TRUE = 1,
};

static inline enum verdict verdict_if(bool is_true)
{
    return is_true ? VERDICT_TRUE : VERDICT_FALSE;
}

static inline enum verdict verdict_of(enum err err)
{
    return err ? VERDICT_ERROR : VERDICT_TRUE;
}

/* A message that an onsend_route looks at: it is written, and where it goes is known. */
struct send_off {
    const struct flow *flow;
    struct str bytes;
};

struct run {
    struct worker *worker;
    struct request *request;   /* never NULL; one reference is held */
    enum stage stage;
    struct sip_msg *msg;       /* what the script looks at: the request, or in reply stages the response */
    struct flow source;        /* the flow that msg came in on */
    struct branch *branch;     /* in branch, reply and failure stages; else NULL */
    const struct send_off *sending; /* in an onsend_route; else NULL */
    struct sip_edits *edits;   /* where changes go: the request's, the branch's or the response's */
    struct arena *arena;       /* for what lives as long as msg */
    uint32_t script_flags;
    int retcode;               /* of the last function: $retcode */
    bool is_dropped;           /* drop was called */
    bool is_exited;            /* exit, or a function answered 0 */
    struct sip_edits own_edits; /* used by reply stages */
    struct script_vm *vm;
    void (*done)(struct run *run); /* the route has ended; set by who started it */
};

/* Continues a run whose function answered VERDICT_WAIT; exactly once for each wait. */
void run_resume(struct run *run, enum verdict verdict);

/* Surroundings. */
msec run_now(const struct run *run);              /* monotonic */
uint64_t run_wall_clock(const struct run *run);   /* seconds since 1970 */
struct server *run_server(const struct run *run);
/* Index of a route[name], or event_route[name], in the script that the run belongs to; ROUTE_NONE. */
uint16_t run_find_route(const struct run *run, struct str name);
uint16_t run_find_event_route(const struct run *run, struct str name);
/* A line that the script logs: behind the script's log_prefix, when it has one. */
void run_log(struct run *run, enum log_level level, struct str text);
/* The same to a facility of its own, and with its colours; see log_text(). */
void run_log_text(struct run *run, enum log_level level, int facility, bool has_colours,
                  struct str text);
/* Where in the script the run is; false when it is in none. */
bool run_place(const struct run *run, struct str *file, unsigned *line);
struct random_source *run_random(const struct run *run);

/*
 * For functions that then answer VERDICT_WAIT: after this time `then` gives the answer; or it answers
 * VERDICT_WAIT too and is asked once more after *again. When its worker stops, the script ends.
 */
typedef enum verdict run_then_fn(struct run *run, void *context, msec *again);
MUST_USE enum err run_wait(struct run *run, msec time, run_then_fn *then, void *context);

/* ---- the message ---- */

/*
 * The changes so far become part of run->msg, which keeps its place in memory: its texts and headers
 * are others then. In the request route, before the request is relayed or recorded, and in reply
 * routes; else ERR_NOT_NOW. ERR_SYNTAX: they would break it, or change what transactions know it by.
 */
MUST_USE enum err run_apply_changes(struct run *run);
/* The same for a whole new text. */
MUST_USE enum err run_replace_message(struct run *run, struct str text);

/* ---- replies ---- */

/*
 * Answers the request: through its server transaction when there is one, else statelessly. Never
 * answers an ACK. In failure routes the reply takes the place of the failure. ERR_NOT_NOW: a final
 * response has gone already.
 */
MUST_USE enum err run_reply(struct run *run, unsigned status, struct str reason);
/* The To tag of such answers: the request's, or one of ours. Lives as long as the request. */
struct str run_reply_tag(const struct run *run);
/*
 * Adds whole header lines (CRLF included) to replies that we make to this request. ERR_SYNTAX for
 * anything else.
 */
MUST_USE enum err run_add_reply_header(struct run *run, struct str lines);
/* The body of the next final reply that we make to this request, and its type; neither is empty. */
MUST_USE enum err run_set_reply_body(struct run *run, struct str body, struct str type);
/* Adds the target set as Contact to the next of them, a redirection; nothing when there is none. */
MUST_USE enum err run_add_contacts(struct run *run);
/* Remembers why forwarding failed; sl_reply_error() answers with it. Also done by run_relay. */
void run_set_error(struct run *run, unsigned status, const char *reason);
unsigned run_error(const struct run *run, struct str *reason); /* status 500 when none is remembered */

/* ---- transactions and forwarding ---- */

/* Makes the server transaction now. ERR_EXISTS when there is one already; that is fine. */
MUST_USE enum err run_create_transaction(struct run *run);
/* CANCEL: its INVITE is known here. ACK: its INVITE was answered with a failure here. */
bool run_matches_transaction(struct run *run);

struct relay_options {
    bool no_100;             /* t_relay flag 1 */
    bool no_internal_reply;  /* 2 */
    bool no_dns_failover;    /* 4 */
    struct str destination;  /* "proto:host:port" in place of every target's own way; empty: none */
    bool is_replica;         /* t_replicate: responses are dropped */
};

/*
 * Relays the request statefully to its targets; ACK to its next hop statelessly; CANCEL to the
 * branches of its INVITE. VERDICT_TRUE: relayed. VERDICT_STOP: failed and answered (OpenSER).
 * Negative, with run_error() set: not relayed. May answer VERDICT_WAIT.
 */
enum verdict run_relay(struct run *run, const struct relay_options *options);
/* Sends the message on without a transaction: to dst_uri, the Request-URI, or the destination given. */
enum verdict run_forward(struct run *run, struct str destination);
/* Sends the unmodified received bytes: send(). */
enum verdict run_send_raw(struct run *run, struct str destination);

/* ---- routing ---- */

/*
 * The target that URI functions and branch flags work on: the branch's in branch and reply routes,
 * else the request's.
 */
struct target *run_target(struct run *run);
/* Writes the Request-URI or the next hop (empty: none) of that target; the text is copied. */
MUST_USE enum err run_set_uri(struct run *run, struct str uri);
MUST_USE enum err run_set_dst_uri(struct run *run, struct str uri);

enum loose_result {
    LOOSE_NO_ROUTE,     /* no Route header, or our only one in an out-of-dialog request */
    LOOSE_ROUTED,
    LOOSE_BAD_TOKEN,    /* a flow token that we did not sign: treat as out of dialog */
};

/*
 * RFC 3261 §16.4 and §16.6 step 6: removes our own topmost Route values, handles strict routers, sets
 * the next hop; a valid flow token sets the flow. *own_params gets the parameters of our Route value.
 */
enum loose_result run_loose_route(struct run *run, struct str *own_params);
/*
 * The connection that the request came on also stands for its peer's address with another port: 0 for
 * the one in the topmost Via, as long as that Via names the very address it came from (RFC 5923).
 */
void run_alias_connection(struct run *run, uint16_t port);
/* The host (any form) and port (0: any) are ours: a listen address, an alias, or a domain a module declared. */
bool run_is_myself(const struct run *run, struct str host, uint16_t port);
bool run_is_uri_myself(const struct run *run, const struct sip_uri *uri);

/*
 * The URI of a Contact value of run->msg as changed by edits so far: what save() stores and what the
 * next hop will see. In run->arena, or the received text when nothing has changed it.
 */
struct str run_contact_uri(const struct run *run, const struct sip_nameaddr *contact);

/* Writes what a URI becomes, 1024 bytes at most; a verdict that is not VERDICT_TRUE ends it all. */
typedef enum verdict run_rewrite_fn(void *context, const struct sip_uri *uri, struct writer *w);
/* All values of the first Contact header; VERDICT_FALSE when there is none, or one is `*`. */
enum verdict run_rewrite_contacts(struct run *run, run_rewrite_fn *rewrite, void *context);
/* The Request-URI as it stands. */
enum verdict run_rewrite_uri(struct run *run, run_rewrite_fn *rewrite, void *context);

/* ---- bodies ---- */

/* A part of the body of run->msg as it stands after all changes so far. */
struct run_part {
    struct sip_body body;
    struct sip_part part;
    bool is_received; /* nothing in the body has been changed yet */
};

/* The part of a type; errors as of sip_body_find. What it borrows lives as long as the message. */
MUST_USE enum err run_find_part(const struct run *run, struct str type, struct run_part *out);
/* Another content for it; every other byte of the body stays. */
MUST_USE enum err run_set_part(struct run *run, const struct run_part *part, struct str content);

/* ---- media ---- */

enum media_policy {
    MEDIA_STRICT, /* latch on the described address or the one the signalling came from */
    MEDIA_SITE,
    MEDIA_ANY,
};

struct media_options {
    enum media_policy policy;
    const struct addr_net *direct; /* signalling sources that are not behind a NAT */
    unsigned direct_count;
    bool replace_origin;
    bool is_asymmetric;    /* the sender receives where it says, not where it sends from */
    bool is_direct;        /* its description may be believed, whatever `direct` says */
    struct addr address;   /* what the description names in place of the relay's; family NONE: that */
    struct str extra_line; /* a line, without its end, to put behind the description; empty: none */
    bool must_relay; /* a description that cannot be anchored fails the branch: 488, 503 */
};

enum media_result {
    MEDIA_ANCHORED,  /* the description now names the relay */
    MEDIA_NO_BODY,   /* nothing to do */
    MEDIA_BAD_SDP,   /* a description that cannot be understood */
    MEDIA_NO_PORTS,
    MEDIA_FAILED,    /* no session for this answer, no address of the needed family */
};

/*
 * Re-anchors the session description of run->msg, as changed so far, wherever in the body it is. One
 * that is neither offer nor answer (in OPTIONS, in a failure) is left alone: MEDIA_NO_BODY. In the request stage of an initial INVITE it only
 * checks, and asks for anchoring in each branch as it is sent (so that a fork has media per branch);
 * everywhere else the description is rewritten at once. A branch route asks for its branch alone.
 */
enum media_result run_media_anchor(struct run *run, const struct media_options *options);
/*
 * Ends the media of this dialog, or of this branch in a reply. A CANCEL ends nothing: it may lose the
 * race against a 200, and the branches that it does end give their ports back by themselves.
 */
void run_media_end(struct run *run);

/* Of the call of run->msg, also of what is not relayed any more. ERR_NOT_FOUND: nothing ever was. */
MUST_USE enum err run_media_totals(const struct run *run, struct media_totals *out);
