/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Telephones for the simulated world. A phone does nothing by itself: a test tells it what to send,
 * and reads what it has heard. It knows how to write a sensible message for the situation: dialogs,
 * branches, route sets, session descriptions and credentials are its business, and whoever wants
 * something else changes the draft before it is sent.
 */
#include <culvert/arena.h>

#include "support/siptext.h"
#include "support/world.h"

enum {
    PHONE_ROUTES_MAX = 8,
    PHONE_REFLEXES_MAX = 4,
    DRAFT_HEADERS_MAX = 48,
};

/* A message that a phone has got. */
struct heard {
    struct heard *next;
    msec at;
    struct siptext text;
    bool is_read;
    bool is_repeat; /* the same bytes came before */
};

/* What is known of the other side of one dialog. */
struct phone_dialog {
    struct phone_dialog *next;
    struct str remote_tag;
    struct str remote; /* To of our requests */
    struct str target; /* Contact */
    struct str routes[PHONE_ROUTES_MAX];
    unsigned route_count;
    bool is_confirmed;
    unsigned remote_cseq_invite; /* of the INVITE that we answered last */
    struct addr media; /* where the last description wants its audio; family NONE: nowhere */
};

struct phone_call {
    struct phone_call *next;
    struct phone *phone;
    struct str id, local, local_tag; /* local: From of our requests, without tag */
    struct str peer;                 /* To of our first request */
    unsigned cseq, invite_cseq;
    struct str invite_branch, invite_uri;
    struct str invite_routes[PHONE_ROUTES_MAX];
    unsigned invite_route_count;
    struct str answered_to; /* To of the last final response to our INVITE */
    unsigned answered_status;
    bool offered;           /* our last INVITE, or theirs, had a description */
    struct phone_dialog *dialogs; /* the newest first */
    struct sim_socket audio, control;
    bool has_audio;
    unsigned sdp_version, audio_moves;
    unsigned rseq;   /* of our last reliable response */
    struct str rack; /* what a PRACK of the last one heard says */
    unsigned packets_sent;
    struct {
        char from[32];
        unsigned count;
    } packets[8]; /* by the name in them */
    struct addr last_source;
};

struct phone {
    struct phone *next;
    const char *name;
    struct world *world;
    struct sim_host host;
    struct addr proxy;
    enum transport transport;
    struct str user, domain, password, instance;
    struct arena arena; /* all texts, what was heard, calls */
    struct sim_socket socket;
    struct sim_end *stream;
    struct sim_listener listener;
    char *partial; /* of the stream */
    size_t partial_length;
    uint16_t port;
    unsigned serial; /* for branches, tags, Call-IDs */
    struct heard *heard, **heard_end;
    unsigned heard_count;
    const struct heard *asked;               /* the request that the next reply answers */
    struct phone_call *calls;                /* the newest first */
    struct str reflexes[PHONE_REFLEXES_MAX]; /* methods that it answers with 200 by itself */
    unsigned reflex_count;
    struct str registration_id;
    unsigned registration_cseq;
    struct str challenge; /* the value of the last one, and whether it was 407 */
    bool is_proxy_challenge;
    unsigned nonce_count;
    unsigned pings;
    msec first_ping, last_ping, longest_pause;
    const char *fault; /* the first fault in what the server sent */
    struct str faulty;
    struct str last_sent;
};

struct phone_options {
    const char *name, *user, *domain, *password;
    struct addr ip;
    struct sim_nat *realm;
    enum transport transport;
    uint16_t port; /* 0: 5060 */
    struct addr proxy;
};

/* The phone is the caller's memory, zeroed; texts of the options must outlive it. */
void phone_init(struct phone *phone, struct world *world, const struct phone_options *options);
void phone_fini(struct phone *phone);
/* Forgets calls and messages, as if it had just been switched on. */
void phone_forget(struct phone *phone);

/* ---- writing ---- */

struct draft {
    struct phone *phone;
    struct phone_call *call;
    struct str first; /* line, without its end */
    struct {
        struct str name, value;
    } headers[DRAFT_HEADERS_MAX];
    unsigned header_count;
    struct str body;
};

enum speech {
    SAY_USUAL, /* as the situation wants it */
    SAY_NONE,
    SAY_PLAIN,
    SAY_HOLD, /* a=sendonly */
    SAY_INACTIVE,
    SAY_NULL,    /* c=0.0.0.0 */
    SAY_VIDEO,   /* a second stream */
    SAY_MOVED,   /* at another port from now on */
    SAY_REFUSED, /* port 0 */
    SAY_BROKEN,
};

/*
 * A request outside or inside a dialog. `target`: a user name or URI for a new call or
 * registration; empty for one within the newest call. `with`: the name of the phone whose dialog is
 * meant, by the beginning of its tag; NULL: the newest.
 */
void phone_request(struct phone *phone, struct draft *draft, struct str method, struct str target,
                   const char *with, enum speech sdp);
/* A response to a request that was heard. */
void phone_response(struct phone *phone, struct draft *draft, const struct heard *request,
                    unsigned status, struct str reason, enum speech sdp);
/* Makes a response a reliable one (RFC 3262). */
void draft_rely(struct draft *draft);
/* Puts the description beside a part of another kind, as gateways do. */
void draft_wrap(struct draft *draft);
/* Credentials for the last challenge. */
void draft_authorize(struct draft *draft);
void draft_set(struct draft *draft, struct str name,
               struct str value); /* replaces all of that name */
void draft_add(struct draft *draft, struct str name, struct str value);
void draft_remove(struct draft *draft, struct str name);
struct str draft_write(struct draft *draft);
void phone_send(struct phone *phone, struct str bytes);
/* Over a stream byte by byte. */
void phone_send_slowly(struct phone *phone, struct str bytes);
void phone_send_draft(struct draft *draft);

/* ---- streams ---- */

void phone_connect(struct phone *phone);
void phone_hang_up(struct phone *phone); /* closes the connection */
void phone_listen(struct phone *phone);  /* accepts connections at its port */

/* ---- media ---- */

struct phone_call *phone_find_dialog(struct phone *phone, const char *with, struct phone_dialog **dialog);
/* One packet of speech to where the other side wants it; false when that is not known. */
bool phone_speak(struct phone *phone, struct phone_call *call, const struct phone_dialog *dialog);
unsigned call_packets_from(const struct phone_call *call, const char *name);
/* Where a description wants its audio; family NONE: nowhere. */
struct addr sdp_find_audio(struct str body);
