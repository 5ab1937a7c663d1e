/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The server: what all workers share (struct server), and one worker's core (struct worker). A
 * worker owns its transactions, timers and memory; the server owns listeners, bindings, the relay,
 * the modules and the current edition of the script. The daemon runs workers on threads with real sockets, the
 * tests run them in a simulated world: neither struct knows the difference.
 */
#include <pthread.h>
#include <stdatomic.h>

#include <culvert/module.h>
#include <culvert/shell.h>
#include <culvert/server.h>
#include <culvert/transaction.h>

#include "base/outside.h"
#include "base/table.h"
#include "dialog/dialogs.h"
#include "host/edition.h"
#include "host/settings.h"
#include "host/stun.h"
#include "media/engine.h"
#include "proxy/proxy.h"
#include "script/script.h"
#include "txn/txn.h"

enum {
    MODULES_MAX = 64,
    REQUEST_SLOTS = 16,
    OWNERS_MAX = 8,
    COUNTERS_MAX = 256,
    TXN_COUNTERS = 9,
    SECRET_BYTES = 32,
    SERVER_WORKERS_MAX = 256,
    DENIED_MAX = 32,
    REQUEST_MEMORY_MAX = 256 * 1024, /* of one request with all its branches; its script has more */
    SCRATCH_MEMORY_MAX = 1024 * 1024,
    ASK_TEXT_ROOM = 8192, /* of a request of our own, beside its headers, routes and body */
    TICK_INTERVAL = 100, /* ms between on_tick hooks */
};

struct counter {
    const char *group, *name;
    atomic_int_fast64_t value;
};

/* A text that a parameter had or has: requests may still point to it. */
struct kept_text {
    struct kept_text *next;
    struct str text;
};

struct module {
    const struct module_desc *desc;
    void *object; /* of dlopen; NULL: built in */
    void *state;
    struct arena arena;
    struct server *server;
    bool is_started;
    struct str *in_force; /* one a parameter: its values as the script has them; ptr NULL: none */
    struct kept_text *kept;
};

/* Who lists TLS profiles; find NULL: the settings do. */
struct tls_source {
    struct module *module;
    tls_source_fn *find;
};

struct owner {
    struct module *module;
    server_owns_fn *owns;
};

struct stray_taker {
    struct module *module;
    server_stray_response_fn *take;
};

/* Where the server gets what differs between the daemon and the simulated world. */
struct server_world {
    /* One for each user, since a source belongs to one thread or one lock; tests may share one. */
    struct random_source *random;          /* start-up, and start() of modules */
    struct random_source *location_random; /* under the locks of the location service */
    struct random_source *media_random;    /* under the lock of the relay */
    msec (*now)(void *context);
    uint64_t (*wall_msec)(void *context); /* milliseconds since 1970 */
    uint64_t (*fine_clock)(void *context); /* nanoseconds: what profiles are made with */
    /* What stands above the script's settings, the command line, is put into each reading of them; may be NULL */
    void (*complete_settings)(void *context, struct settings *settings);
    void *context;
    bool has_threads; /* workers run beside whoever reloads */
    bool has_media; /* false: no relay is made (checks of a configuration) */
    /* Runs something on the thread of a worker; NULL: there is only one thread. */
    void (*post)(struct worker *worker, void (*run)(void *argument), void *argument);
    /* Runs programs, as shells_run() does; NULL: as processes. */
    enum err (*run_shell_command)(void *context, const struct shell_command *command, shell_done_fn *done, void *argument);
    /* What moves the relay's packets; NULL: sockets. */
    enum err (*make_media_engine)(void *context, unsigned lanes, struct media_engine **out);
};

struct server {
    struct settings settings;
    struct server_world world;
    struct listener *listeners;
    unsigned listener_count;
    unsigned worker_count;
    struct worker *workers[SERVER_WORKERS_MAX];
    msec started_at;
    uint8_t secret[SECRET_BYTES];
    struct hash_key steering_key; /* Call-ID -> worker */

    struct module *modules[MODULES_MAX];
    unsigned module_count;
    struct foreign_load *foreign; /* modules that have no object here, as they came */
    unsigned slots_used;
    struct owner owners[OWNERS_MAX];
    unsigned owner_count;
    struct stray_taker stray_takers[OWNERS_MAX];
    unsigned stray_taker_count;

    struct str script_before, script_after; /* of the command line: see struct script_host */
    struct str script_folder; /* with the slash behind it; empty: the working directory */
    const char *script_path;  /* to reload it from; NULL: it came from elsewhere */
    enum script_dialect dialect_asked, dialect; /* the latter from the first reading on */
    pthread_mutex_t reload_lock; /* of `edition`, once there are workers */
    struct edition *edition;     /* the current one */
    bool is_profiled;
    bool is_started;
    struct location *location;
    struct location_rules location_rules;
    struct fork_rules fork_rules;
    struct tls *tls; /* NULL: no TLS */
    struct auth_service *auth; /* NULL: auth is not loaded */
    struct tls_source tls_source;
    struct dialog_rules dialog_rules;
    struct shells *shells; /* NULL: none may be run */
    struct relay *relay;
    struct relay_interface *interfaces;
    struct sdp_limits sdp_limits;
    struct addr_net media_denied[DENIED_MAX];
    unsigned media_denied_count;
    struct txn_timers timers;
    msec fr_timer, fr_inv_timer;

    struct counter counters[COUNTERS_MAX];
    atomic_uint counter_count;
    struct core_counters {
        struct counter *requests, *responses, *malformed, *dropped, *replies, *forwarded, *steered,
            *media_timeouts, *media_exhausted, *media_limits, *unmatched, *asked;
        struct counter *dialogs_active, *dialogs_early, *dialogs_processed, *dialogs_expired,
            *dialogs_failed, *dialogs_refused, *out_of_order;
        struct counter *script_reloads, *script_editions;
    } count;
    struct counter *txn_count[TXN_COUNTERS]; /* of all workers together, a tick old at most */
    struct log_gate media_warnings;
    struct arena arena;
};

/* ---- the server, in the order of a start ---- */

MUST_USE enum err server_create(const struct server_world *world, struct server **out);
void server_destroy(struct server *server);
/* Reads and compiles the script; loads its modules and sets their parameters. Errors were reported. */
MUST_USE enum err server_load(struct server *server, const char *path, const struct str *text,
                              enum script_dialect dialect);
/* Takes the opened listen sockets (array owned by the caller, which outlives the server). */
void server_set_listeners(struct server *server, struct listener *listeners, unsigned count);
/* Makes the relay and starts the modules. */
MUST_USE enum err server_start(struct server *server, unsigned workers);
void server_stop(struct server *server);
/* The worker that a message belongs to: a keyed hash of its Call-ID. */
unsigned server_owner_of(const struct server *server, struct str bytes);
struct module *server_find_module(const struct server *server, struct str name);
/* is_myself without a run; port 0: any. */
bool worker_is_myself(const struct worker *worker, struct str host, uint16_t port);

/* Whoever sent the message of this run is somebody we know. */
void run_trust_source(const struct run *run);

/* loader.c */
/* Its values as they stand in a script (ptr NULL: none), with the initial one in place of none. */
MUST_USE enum err param_text(struct arena *arena, const struct mod_param *param, struct str said,
                             struct str *out);
/* The same text in the module's memory, where it stays. */
MUST_USE enum err module_keep_text(struct module *module, struct str text, struct str *out);
/* Another value for a live parameter: a text that was kept, or a number that was checked. */
void module_set_live(struct module *module, const struct mod_param *param, struct str text);
MUST_USE enum err server_start_modules(struct server *server);
void server_unload_modules(struct server *server);

/* ---- a worker ---- */

struct worker {
    struct server *server;
    unsigned index;
    struct stun_gate stun;
    struct wheel wheel;
    struct outside *outside;
    struct random_source *random;
    struct arena_pool pool;
    struct arena scratch;
    struct txn_layer *txns;
    struct proxy *proxy;
    struct edition_copy *script; /* what new requests run in */
    struct edition_copy *_Atomic next_script; /* of a reload, until it is taken */
    struct dialogs *dialogs;
    struct request *dialog_cause; /* what is just telling a dialog something; NULL: nothing */
    struct timer tick;
    bool has_begun; /* has run its first event route */
    struct waiting *waiting; /* runs that let time pass */
    uint64_t txn_told[TXN_COUNTERS]; /* what this worker has added to the server's txn_count */
    void *owner; /* who runs it: set by the daemon, or by a test */
};

MUST_USE enum err worker_create(struct server *server, unsigned index, struct outside *outside,
                                struct random_source *random, msec now, struct worker **out);
void worker_destroy(struct worker *worker);
/* One message; the bytes are copied. */
void worker_receive(struct worker *worker, const struct flow *flow, struct str bytes, bool is_stream);
/* A request that did not come from the network, parsed; NULL when it is none. */
struct request *worker_make_request(struct worker *worker, const struct flow *source,
                                    struct str text);
/* A connection is gone. */
void worker_closed(struct worker *worker, const struct flow *flow);
/* Fires what is due; the time of the next timer is the result. */
msec worker_advance(struct worker *worker, msec now);

/* The ends of runs: of a request route, and of a failure route. */
void worker_request_done(struct run *run);
void worker_failure_done(struct run *run);

/* counter.c: "group:name", or a name of whatever group; NULL when there is none. */
const struct counter *counter_find(const struct server *server, struct str name);

/* txn_counters.c */
MUST_USE enum err txn_counters_make(struct server *server);
void txn_counters_tell(struct worker *worker);

/* run.c */
struct run *run_create(struct worker *worker, struct request *request, enum stage stage,
                       struct sip_msg *msg, const struct flow *source);
/* Runs a route; `done` follows, now or later. ROUTE_NONE: at once. */
void run_start(struct run *run, uint16_t route, void (*done)(struct run *run));
/* Releases the run and its reference to the request. */
void run_end(struct run *run);

/* shell.c: threads for programs, when they are allowed */
MUST_USE enum err server_start_shells(struct server *server);
void server_stop_shells(struct server *server);

/* wait.c: ends the scripts of all runs that wait for a time. */
void worker_end_waits(struct worker *worker);

/* hooks.c: the hooks of all modules in load order; for those with a status the first non-zero wins. */
void hooks_request(struct run *run);
unsigned hooks_branch(struct run *run);
unsigned hooks_reply(struct run *run);
unsigned hooks_forward(struct run *run);
void hooks_branch_end(struct branch *branch);
void hooks_failure(struct run *run);
void hooks_final(struct run *run, unsigned status, struct str reason, const struct sip_msg *response);
void hooks_tick(struct worker *worker, msec now);

/* media_turn.c: a response has passed its routes; a request has its final answer. */
void media_note_reply(const struct run *run);
void media_note_final(const struct request *request, unsigned status);
void hooks_dialog(struct worker *worker, struct dialog *dialog, enum dialog_moment moment);

/* dialogs.c: how requests and responses move dialogs */
extern const struct dialog_rules dialog_rules_usual;
MUST_USE enum err dialogs_make_counters(struct server *server);
MUST_USE enum err dialogs_start(struct worker *worker);
/* Finds the dialog of a request that claims to be in one; false: it is out of order. */
bool dialogs_take_request(struct request *request);
void dialogs_request_goes(struct run *run);
void dialogs_response_goes(struct run *run);
void dialogs_request_ends(struct request *request, unsigned status);
/* The media of a call has died. */
void dialogs_media_died(struct server *server, const struct relay_report *report);

/* apply.c: the message of a run with its changes so far, in the arena. */
MUST_USE enum err apply_write(const struct run *run, struct arena *arena, struct str *out);

/* anchor.c: what run_media_anchor deferred in the request stage; 0 or the status to fail with. */
unsigned media_anchor_deferred(struct run *run);
/* media_end.c: frees the media of a branch that lost; keeps the winner's. */
void media_branch_lost(struct branch *branch);
void media_branch_won(struct branch *branch, struct str to_tag);
/* media_totals.c: what a session has relayed is added up… */
void media_add_report(struct media_totals *totals, const struct relay_report *report);
void media_add_totals(struct media_totals *sum, const struct media_totals *more);
/* …and kept in the dialog (NULL: in none), before its session ends. */
void media_keep_totals(struct worker *worker, struct dialog *dialog);
