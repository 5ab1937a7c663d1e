/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The media relay: the table of media ports of every call. Workers describe sessions to it, relay
 * threads move the packets; both may run at the same time. A session belongs to one branch of one
 * call: (Call-ID, the caller's tag, the branch), later found again by Call-ID and both tags.
 *
 * Each stream of a session has two legs. A leg faces one party: that party sends to the leg's ports
 * and receives from them. Where a party really is, is learned from its packets (the latch, see
 * latch.h), never believed from its description unless the signalling came from the same address.
 */
#include <culvert/sdp.h>
#include <culvert/random.h>
#include <culvert/timer.h>

#include "media/rate.h"
#include "sdp/exchange.h"

struct relay;

/* An address that the relay may use, and how the outside sees it (a 1:1 NAT in front of us). */
struct relay_interface {
    struct addr local;      /* port 0 */
    struct addr advertised; /* the same as local when nothing stands in front */
};

enum latch_policy {
    LATCH_STRICT, /* the described address, or the address that the signalling came from */
    LATCH_SITE,   /* also its /24 (IPv4) or /64 (IPv6): carriers that spread over a pool */
    LATCH_ANY,    /* anyone; only for peers that the operator trusts */
};

/* A member that is 0 takes the value in its comment. */
struct relay_settings {
    uint16_t port_min;        /* 30000 */
    uint16_t port_max;        /* 39999 */
    unsigned threads;         /* relay threads; 0: one per core */
    msec port_rest;           /* a freed pair is not used again for this long, unless there is no other: 5000 */
    msec silence_timeout;     /* both directions silent this long while not held: the session ends: 60000 */
    msec setup_timeout;       /* the same before any packet came, and for sessions without answer: 180000 */
    msec hold_timeout;        /* the same while a stream is held: 3600000 */
    struct rate_limit audio_rate, other_rate; /* of one party's leg; members that are 0: no cap */
    const struct relay_interface *interfaces;
    unsigned interface_count;
    const struct addr *reserved; /* our own sockets: nothing is sent to these ports of our addresses */
    unsigned reserved_count;
    const struct addr_net *denied; /* networks that nothing is sent to, nor taken from */
    unsigned denied_count;
};

/* Who ended a session and what went through it; for the log, the counters and accounting. */
struct relay_leg_counters {
    uint64_t packets, bytes;     /* received from the party and forwarded */
    uint64_t strangers;          /* refused: from a source that the latch does not accept */
    uint64_t invalid;            /* refused: not RTP, RTCP or what the stream carries */
    uint64_t unsendable;         /* lost: the other party has no known or allowed address yet */
    uint64_t excess;             /* lost: more than a party may send */
};

struct relay_leg_report {
    struct addr local;           /* the RTP port of the leg */
    struct addr described;       /* what the party's description says */
    struct addr latched;         /* where its packets come from; family NONE: none seen */
    struct relay_leg_counters rtp, rtcp;
    msec last_packet;            /* age of the last accepted packet; MSEC_NEVER: none */
};

struct relay_stream_report {
    char media[16];
    struct relay_leg_report legs[2]; /* RELAY_CALLER, RELAY_CALLEE */
};

struct relay_report {
    struct str call_id, caller_tag, callee_tag, branch; /* valid during the call that hands it out */
    msec age;
    bool is_answered;
    bool is_held;
    unsigned stream_count;
    const struct relay_stream_report *streams;
};

enum relay_end {
    RELAY_END_REQUESTED, /* relay_end and its kin */
    RELAY_END_SILENCE,   /* the media died */
};

struct relay_user {
    void *context;
    /* A session ended by itself. Called on a relay thread, without any lock held. */
    void (*on_timeout)(void *context, const struct relay_report *report);
};

/*
 * The clock is the monotonic one that later `now` arguments come from. `random` is the relay's alone
 * until relay_destroy. ERR_IO: an interface's address cannot be bound, ERR_RANGE: no ports; logged.
 */
MUST_USE enum err relay_create(const struct relay_settings *settings, struct random_source *random,
                               const struct relay_user *user, struct relay **out);
/* Ends all sessions, joins the threads, closes the sockets. */
void relay_destroy(struct relay *relay);

enum relay_side {
    RELAY_CALLER, /* who sent the INVITE that opened the dialog */
    RELAY_CALLEE,
};

/* One party of a session as the signalling shows it. */
struct relay_party {
    struct addr source;      /* where its signalling comes from; port ignored */
    struct addr local;       /* our address on that side (port ignored): chooses the interface; family NONE: any that fits source */
    enum latch_policy policy;
    bool is_direct;          /* not behind a NAT: its description may be believed at once */
    bool is_asymmetric;      /* receives where it says, not where it sends from */
};

struct relay_describe {
    struct str call_id;
    struct str sender_tag;    /* tag of the party whose description this is */
    struct str receiver_tag;  /* tag of the other one; empty while unknown */
    struct str branch;        /* our branch id inside the INVITE transaction; empty in later ones */
    bool is_from_caller;      /* with a branch: which side the description comes from */
    enum sdp_carrier carrier; /* what the message that carries it may mean */
    bool is_response;         /* it is a response to the receiver's request */
    uint32_t cseq;            /* of that request */
    const struct sdp *sdp;
    struct relay_party sender, receiver;
    msec now;
};

/*
 * Takes one description that travels from sender to receiver: finds or opens the session, opens the
 * receiver-facing ports that are missing, remembers where the sender wants its media, reopens the
 * sender's latch, and says in anchors[0 … sdp->stream_count) what to write for the receiver. A later
 * description of the same session gets the same ports. Streams that cannot be relayed or have port 0
 * get is_relayed = false. What an offer has changed in an agreed session is undone if it is refused.
 * ERR_EXHAUSTED: no free port pair, nothing was opened. ERR_UNSUPPORTED: no interface of the
 * receiver's family. ERR_NOT_FOUND: an answer for which there is no session.
 */
MUST_USE enum err relay_describe(struct relay *relay, const struct relay_describe *what,
                                 struct sdp_anchor anchors[]);

/*
 * A message without a description to anchor passes: of `what`, sdp and the parties do not matter. The
 * callee's tag is learned from it, and SDP_ACCEPTS or SDP_REFUSES end the receiver's open offer.
 */
void relay_note(struct relay *relay, const struct relay_describe *what);

/* True when a session of this call exists. */
bool relay_has_call(struct relay *relay, struct str call_id);
/* Ends one branch: a loser of a fork. No such session: nothing happens. */
void relay_end_branch(struct relay *relay, struct str call_id, struct str caller_tag, struct str branch);
/* The branch has won with this callee tag: all other branches of the same caller tag end. */
void relay_keep_branch(struct relay *relay, struct str call_id, struct str caller_tag,
                       struct str branch, struct str callee_tag);
/* Ends the session of one dialog (tags in either order), or with empty tags all of the call. */
void relay_end(struct relay *relay, struct str call_id, struct str tag, struct str other_tag);

struct relay_counters {
    uint64_t sessions, sessions_total, timeouts, ports_used, ports_total, exhausted;
    uint64_t packets, bytes, strangers, invalid, unsendable, excess;
    uint64_t dropped; /* the kernel refused to send */
};

void relay_read_counters(struct relay *relay, struct relay_counters *out);
/* Walks the sessions; the callback must not call into the relay. */
void relay_each(struct relay *relay, msec now,
                void (*visit)(void *context, const struct relay_report *report), void *context);
/* The same for the sessions of one call. */
void relay_each_of_call(struct relay *relay, struct str call_id, msec now,
                        void (*visit)(void *context, const struct relay_report *report),
                        void *context);
/* True when the port is one of ours: nothing may be sent there. */
bool relay_owns_port(const struct relay *relay, const struct addr *addr);
