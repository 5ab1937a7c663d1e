/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The server as modules see it: what all workers share. Everything here may be called from any
 * thread unless it says otherwise.
 */
#include <culvert/location.h>
#include <culvert/log.h>
#include <culvert/run.h>
#include <culvert/store.h>

struct module;

/* One of our listen sockets; the index is flow.socket. */
struct listener {
    enum transport transport;
    struct addr bound;
    struct str advertised_host; /* what Via, Record-Route and SDP say; empty: the bound address */
    uint16_t advertised_port;   /* 0: the bound port */
    struct str name;            /* "udp:192.0.2.1:5060" */
};

struct script_place;

struct location *server_location(struct server *server);
enum {
    LOCATION_TABLES_MAX = 16,
};

/* What usrloc was told about bindings; registrar, nathelper and others go by it. */
struct location_rules {
    int64_t nat_bflag;      /* branch flag that marks bindings behind a NAT; -1: none */
    int64_t use_domain;     /* the domain is part of the address-of-record */
    int64_t matching_mode;  /* enum location_match */
    int64_t cseq_delay;     /* seconds */
    bool uses_flows;        /* automatic NAT handling: bindings are reached by their flow */
    bool is_by_time;        /* lookup(): the newest first, not the highest q */
    bool drops_lost;        /* a binding goes when its connection does */
    uint64_t bindings_max;  /* of all together; 0: any number */
    struct journal *journal; /* keeps them in a database; NULL: nobody does */
    bool needs_rows;        /* a REGISTER whose rows cannot be written is refused */
    struct counter *unwritten; /* of those answered all the same */
    struct str tables[LOCATION_TABLES_MAX]; /* that a script names: known before start() */
    unsigned table_count;
    bool has_outbound;      /* RFC 5626 is spoken as an edge proxy */
    int64_t outbound_flag;  /* message flags: with outbound in any case, */
    int64_t no_outbound_flag; /* in no case; -1: none */
    bool follows_received;  /* a Route of ours says where to go by its parameter… */
    struct str received_name; /* …of this name */
};
/*
 * Networks, "address/bits" separated by semicolons, that media are never sent to and never taken from.
 * While parameters are set only: the relay is made after them. A fault is reported at the place.
 */
MUST_USE enum err server_deny_media(struct server *server, struct str nets,
                                    const struct script_place *place);
struct location_rules *server_location_rules(struct server *server); /* written by start() only */

/* What becomes of failures when the failure route tries other targets. */
enum older_failures {
    OLDER_YIELD,       /* they compete until a response comes to the new step */
    OLDER_DROPPED,     /* those of all steps before are forgotten */
    OLDER_LAST_DROPPED, /* those of the step before are */
    OLDER_KEPT,        /* all compete to the end */
};

/* What tm was told about forking and the choice of responses; zero is what RFC 3261 §16.7 says. */
struct fork_rules {
    int64_t local_rank;            /* added to the status of a failure of our own when it competes */
    enum older_failures older_failures;
    bool keeps_503;                /* goes upstream as it is; else as a 500 */
    bool keeps_challenges_apart;   /* those of other branches are not added to a 401 or 407 */
    bool lets_6xx_compete;         /* like any failure, as the last of all; the other branches go on */
    bool counts_rising_only;       /* only a higher provisional response restarts a branch's timer */
    bool drops_silent_branches;    /* CANCEL ends at once what was never heard of */
    bool adds_no_reason;           /* CANCELs of our own say no Reason… */
    bool passes_no_reason;         /* …and the caller's is not passed on */
    bool drops_strange_cancel;     /* a CANCEL whose INVITE is unknown goes nowhere; else statelessly on */
    msec invite_lifetime;          /* from a request's arrival to the end of its last branch; 0: no bound */
    msec other_lifetime;
    struct str trying_reason;      /* of the automatic 100; empty: as the dialect says */
};
struct fork_rules *server_fork_rules(struct server *server); /* written by start() only */
const struct listener *server_listeners(const struct server *server, unsigned *count);
/* The listener of "udp:192.0.2.1:5060"; ERR_NOT_FOUND. */
MUST_USE enum err server_find_listener(const struct server *server, struct str name, uint16_t *out);
unsigned server_worker_count(const struct server *server);
/* Names and secrets that survive for the life of the process; secret is 32 bytes. */
const uint8_t *server_secret(const struct server *server);
struct random_source *server_random(struct server *server);   /* for start(); on workers: run_random */
msec server_now(struct server *server);
uint64_t server_wall_clock(struct server *server);            /* seconds since 1970 */
uint64_t server_wall_msec(struct server *server);             /* milliseconds */
struct str server_signature(const struct server *server);     /* "culvert/0.1.0", for Server headers */
/* All modules have started: whatever is prepared from now on is for a reload. */
bool server_is_started(const struct server *server);
/* Where the script lies, with a slash behind it; empty: the working directory. */
struct str server_script_folder(const struct server *server);
/* The script is in OpenSER's dialect, else in Kamailio's: for the functions that differ. Known from start() on. */
bool server_is_openser(const struct server *server);
/*
 * Sets a timer of the transaction layer, by the name of the parameter of tm; from start() only. The
 * unit is that of the script's dialect: fr_timer, fr_inv_timer and wt_timer are seconds in OpenSER's
 * and milliseconds in Kamailio's; T1_timer, T2_timer, retr_timer1 and retr_timer2 are milliseconds.
 */
void server_set_timer(struct server *server, const char *name, int64_t value);
/* The level that a script means by "L_ERR", or by a number in the scale of its dialect. */
bool server_log_level(const struct server *server, struct str text, enum log_level *out);

/*
 * A module may declare domains that are ours (the domain module's register_myself). Asked by
 * run_is_myself after listen addresses and aliases; must be quick and safe from every worker.
 */
typedef bool server_owns_fn(struct module *module, struct str host);
MUST_USE enum err server_add_owner(struct server *server, struct module *module, server_owns_fn *owns);

/* ---- keepalives and requests of our own ---- */

/* Sends bytes on a flow from a worker's tick or run; false when it is gone. */
bool worker_send(struct worker *worker, const struct flow *flow, struct str bytes);
msec worker_now(const struct worker *worker);
struct random_source *worker_random(struct worker *worker);
struct server *worker_server(const struct worker *worker);
/*
 * Runs event_route[name], if there is one, over a request made up for it, from a worker's tick or run.
 * `prepare` (may be NULL) writes what the route is about into the request before.
 */
typedef enum err worker_prepare_fn(struct request *request, void *context);
void worker_run_event(struct worker *worker, struct str name, worker_prepare_fn *prepare,
                      void *context);
/* Scratch memory of the worker, emptied after each event. */
struct arena *worker_scratch(struct worker *worker);

/*
 * A response that matched no transaction and whose topmost Via is ours: keepalive answers. True
 * when it was meant for the module; asked in load order.
 */
typedef bool server_stray_response_fn(struct module *module, struct worker *worker,
                                      const struct sip_msg *response, const struct flow *source);
MUST_USE enum err server_add_stray_response(struct server *server, struct module *module,
                                            server_stray_response_fn *take);

/* True when the log goes to standard error: people may be looking at it. */
bool server_logs_to_stderr(const struct server *server);

/* ---- counters ---- */

/* A named number anyone may read; made once, at start. Increments are relaxed atomics. */
struct counter;
MUST_USE enum err server_counter(struct server *server, const char *group, const char *name,
                                 struct counter **out);
void counter_add(struct counter *counter, int64_t amount);
void counter_reset(struct counter *counter);
/* "group:name", as counters are called in scripts; 0 when there is none. */
int64_t server_read_counter(const struct server *server, struct str name);
