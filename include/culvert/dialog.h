/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Dialogs as state (RFC 3261 §12): calls that a script or a module has asked to be followed. Requests
 * find their flows without any of this (by the token in Route); state is for what needs memory:
 * limits, timeouts, counting, ending a call from here.
 *
 * A dialog belongs to the worker that owns its Call-ID and is touched on its thread alone. It is gone
 * when it has ended, so nobody keeps a pointer: look it up again.
 */
#include <culvert/request.h>
#include <culvert/timer.h>

struct module;
struct run;
struct server;
struct worker;
struct dialogs;

/* The numbers are those that scripts see. */
enum dialog_state {
    DIALOG_UNCONFIRMED = 1,
    DIALOG_EARLY,
    DIALOG_UNACKNOWLEDGED, /* 2xx went upstream, the ACK has not come */
    DIALOG_CONFIRMED,
    DIALOG_ENDED,
    DIALOG_STATES,
};

enum dialog_side {
    DIALOG_CALLER,
    DIALOG_CALLEE,
    DIALOG_SIDES,
};

enum dialog_end {
    DIALOG_END_NONE,
    DIALOG_END_FAILED,  /* the INVITE failed, or was cancelled */
    DIALOG_END_BYE,
    DIALOG_END_TIMEOUT, /* its lifetime is over */
    DIALOG_END_NO_ACK,
    DIALOG_END_MEDIA,   /* both sides have fallen silent */
    DIALOG_END_REQUEST, /* by a script or a command */
    DIALOG_ENDS,
};

/* "bye", "timeout"…: for logs and records. */
struct str dialog_end_name(enum dialog_end end);

struct dialog_party {
    struct str tag;
    struct str uri;     /* of From or To */
    struct str contact; /* the remote target; may be empty */
    struct str routes;  /* route set from us to it, comma-separated */
    uint32_t cseq;      /* the highest that it has sent; 0: none */
    struct flow flow;   /* how it was reached last, or where its requests come from */
    char *memory;       /* what holds the texts */
};

/* A key with a value: variables of scripts (no owner), and whatever a module attaches. */
struct dialog_note {
    struct dialog_note *next;
    const void *owner;
    struct str key, value;
};

/* What the relay has seen of a call, all its streams together. */
struct media_totals {
    struct {
        uint64_t packets, bytes, lost; /* lost: not sent on, for whatever reason */
    } rtp[2], rtcp[2];                 /* from the caller, from the callee */
    uint64_t silence;                  /* seconds since the last packet */
};

struct dialog {
    uint64_t number;        /* among all that this process has made on this worker; never 0 */
    uint32_t entry, id;     /* h_entry, h_id */
    uint32_t cookie;        /* the id in its Route cookie: that of the INVITE's first dialog */
    uint8_t state;          /* enum dialog_state */
    uint8_t end;            /* enum dialog_end; NONE until it has ended */
    bool is_automatic;      /* its flows come from tokens: they hold whatever Contacts say */
    bool ends_silent;       /* BYE when the media has died */
    bool sends_bye;         /* …and when the lifetime is over. Modules may write this, */
    bool keeps_timer;       /* no new lifetime for a request inside, */
    uint32_t flags;         /* and bits of scripts */
    uint8_t counted;        /* as what the server's counters have it */
    msec lifetime;          /* set by dialog_set_lifetime */
    msec made_at, started_at, expires_at; /* monotonic; the last two are 0 before the 2xx */
    uint64_t made_wall, started_wall; /* seconds since 1970 */
    struct str call_id;
    struct str uri;         /* the Request-URI of the INVITE */
    struct dialog_party parties[DIALOG_SIDES];
    struct dialog_note *notes;
    bool has_media;         /* something was relayed for it, and is not any more: */
    struct media_totals media;
};

/* ---- the rules: written by start() of modules ---- */

enum dialog_match {
    DIALOG_MATCH_COOKIE,    /* only what shows the cookie in its Route */
    DIALOG_MATCH_EITHER,
    DIALOG_MATCH_TAGS,      /* Call-ID and tags */
};

struct dialog_rules {
    struct str cookie;      /* name of the Route parameter; empty: none is written */
    enum dialog_match match;
    bool ignores_spirals;   /* an INVITE that comes again is a dialog of its own */
    msec lifetime, early_timeout, unacknowledged_timeout;
    bool sends_bye;
    bool keeps_timer;
    bool ends_silent;
    struct str bye_headers; /* whole lines, in each BYE of ours */
    uint32_t entries;       /* h_entry is below this */
    unsigned dialogs_max;   /* of one worker; more calls go unfollowed */
};

struct dialog_rules *server_dialog_rules(struct server *server);
/* Answered dialogs of all workers. */
int64_t server_dialog_count(const struct server *server);

/* ---- following a call ---- */

/*
 * Follows the dialogs of run's initial INVITE from now on. ERR_EXISTS: they are followed already.
 * ERR_UNSUPPORTED: no initial INVITE. ERR_LIMIT: too many dialogs, or too large.
 */
MUST_USE enum err run_follow_dialog(struct run *run);
/* The dialog of the message; NULL when none is known. */
struct dialog *run_dialog(const struct run *run);
/* Who sent run's request, in its dialog. */
enum dialog_side run_dialog_side(const struct run *run);
/* By Call-ID and both tags, in either order; only those of this worker. */
struct dialog *worker_find_dialog(struct worker *worker, struct str call_id, struct str tag,
                                  struct str other_tag);
struct dialog *worker_find_dialog_id(struct worker *worker, uint32_t entry, uint32_t id);
/* The next after `number` in the order of making; 0 starts. NULL at the end. */
struct dialog *worker_next_dialog(struct worker *worker, uint64_t number);

/* ---- changing it ---- */

/* From now on. ERR_NOT_NOW: it has ended. */
MUST_USE enum err dialog_set_lifetime(struct worker *worker, struct dialog *dialog, msec lifetime);
/* Time that is left; 0 before the 2xx. */
msec dialog_time_left(const struct worker *worker, const struct dialog *dialog);

enum {
    DIALOG_NOTES_MAX = 64,
    DIALOG_NOTE_SIZE_MAX = 2048,
};

/* NULL when there is none of that owner and key. */
struct dialog_note *dialog_find_note(const struct dialog *dialog, const void *owner, struct str key);
/* Adds or replaces; texts are copied. ERR_LIMIT, ERR_NOMEM. */
MUST_USE enum err dialog_set_note(struct dialog *dialog, const void *owner, struct str key,
                                  struct str value);
/* False when there was none. */
bool dialog_remove_note(struct dialog *dialog, const void *owner, struct str key);

/* ---- speaking in it ---- */

/* Runs route[name], if there is one, over a request in the dialog that never came: a BYE to the callee. */
void dialog_run_route(struct worker *worker, struct dialog *dialog, struct str name);
typedef void dialog_visit_fn(struct run *run, void *context);
/*
 * Calls `visit` with a run over what has moved the dialog: the request under way, or else a BYE to the
 * callee that never came. For variables; nothing is to be changed. Not called without memory.
 */
void dialog_visit_run(struct worker *worker, struct dialog *dialog, dialog_visit_fn *visit,
                      void *context);
/* Owner of the note without key whose value names the route to run when the lifetime is over. */
const void *dialog_timeout_owner(void);

enum {
    DIALOG_TO_CALLER = 1 << DIALOG_CALLER,
    DIALOG_TO_CALLEE = 1 << DIALOG_CALLEE,
    DIALOG_TO_ALL = DIALOG_TO_CALLER | DIALOG_TO_CALLEE,
};

/*
 * Ends a confirmed dialog with a BYE to these sides, down the flows; `headers` are whole lines. It is
 * over at once, whatever the BYEs are answered with (RFC 5057). The pointer is invalid afterwards.
 * ERR_NOT_NOW: not answered yet.
 */
MUST_USE enum err dialog_hang_up(struct worker *worker, struct dialog *dialog, enum dialog_end why,
                                 unsigned sides, struct str headers);
MUST_USE enum err dialog_send_bye(struct worker *worker, struct dialog *dialog,
                                  enum dialog_side side, struct str headers);

typedef void dialog_pong_fn(void *context, struct worker *worker, uint64_t dialog,
                            enum dialog_side side, unsigned status);
/* Asks a party whether the dialog is still there, by OPTIONS with the CSeq that it knows already. */
MUST_USE enum err dialog_ping(struct worker *worker, struct dialog *dialog, enum dialog_side side,
                              dialog_pong_fn *done, void *context);
/* The dialog of that number; NULL when it has ended. */
struct dialog *worker_dialog(struct worker *worker, uint64_t number);

/* ---- what hooks are told ---- */

enum dialog_moment {
    DIALOG_MADE,
    DIALOG_FORKED,   /* another 2xx of the same INVITE: a copy, notes and all */
    DIALOG_RINGS,    /* the first provisional response with a tag */
    DIALOG_STARTED,  /* 2xx */
    DIALOG_FINISHED, /* dialog->end says why */
    DIALOG_FAILED,   /* likewise */
};
