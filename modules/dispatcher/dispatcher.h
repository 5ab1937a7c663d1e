/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <pthread.h>

#include <culvert/module.h>
#include <culvert/server.h>
#include <culvert/store.h>

#include "calls.h"
#include "choose.h"
#include "sets.h"

/* modparam flags */
enum {
    HASH_USER_ONLY = 1,
    HAS_FAILOVER = 2,
};

/* AVPs that older scripts read; the list itself is the xavp. */
enum mirror {
    MIRROR_URI,
    MIRROR_SET,
    MIRROR_COUNT,
    MIRROR_ATTRS,
    MIRROR_ID,
    MIRROR_SOCKET,
    MIRRORS,
};

struct dispatcher {
    struct str list_file, db_url, table_name, setid_col, destination_col, flags_col, priority_col;
    struct str attrs_col, extra_attrs, hash_pvar, setid_pvname, attrs_pvname, xavp_dst, xavp_ctx;
    struct str ping_method, ping_from, reply_codes, outbound_proxy, default_socket;
    struct str mirror_names[MIRRORS];
    int64_t force_dst, flags, use_default, xavp_dst_mode, xavp_ctx_mode;
    int64_t probing_threshold, inactive_threshold, ping_interval, has_latency_stats, latency_alpha;
    int64_t probing_mode, hash_size, hash_expire, hash_first_expire, hash_check_interval, attrs_none;
    int64_t reload_delta, dns_mode, dns_interval;
    bool has_database; /* db_url was given */

    const struct format *hash_text;
    const struct variable_ref *setid, *attrs, *mirrors[MIRRORS];
    unsigned slot;         /* struct news, in event routes */
    unsigned tally_slot;   /* of ds_dsg_fetch() */
    struct module *self;
    bool is_openser;
    unsigned worker_count;
    struct calls **calls;  /* one table a worker; NULL: ds_hash_size is 0 */
    _Atomic bool asks;     /* destinations are asked at all */
    struct state_rules state_rules;

    /* ---- sets.h, shared ---- */
    _Atomic(struct sets *) sets;
    pthread_mutex_t lock;  /* of who makes generations, and of commands that look at one */
    struct book book;
    struct sets *retired;
    _Atomic uint64_t generation;
    _Atomic uint64_t *seen; /* a worker: the generation at its last tick */
    struct store *store;
    _Atomic msec read_at;   /* the list, last */
    pthread_t reader;       /* what reads the list when a script asks for that */
    bool has_reader;        /* to be joined */
    _Atomic bool is_reading;
    msec resolve_at, sweep_at; /* of worker 0 */
};

/* What event routes are told: $dsv(…). */
struct news {
    unsigned code;
    struct str reason;
    unsigned flags;
};

/* ---- generations.c ---- */

/* Reads the list; on the caller's thread, so never on a worker. Logs why not. */
MUST_USE enum err dispatcher_reload(struct module *module);
/* On a thread of its own. ERR_NOT_NOW: one is being read. */
MUST_USE enum err dispatcher_reload_later(struct module *module);
/* Until the list is read again. ERR_EXISTS, ERR_NOT_FOUND. */
MUST_USE enum err dispatcher_add(struct module *module, const struct row *row);
MUST_USE enum err dispatcher_remove(struct module *module, int64_t set, struct str uri);
/* The sets as they are: on a worker, until the event at hand is over. */
static inline struct sets *dispatcher_sets(const struct module *module)
{
    struct dispatcher *dispatcher = module_state(module);

    return atomic_load_explicit(&dispatcher->sets, memory_order_acquire);
}
void dispatcher_tick_generations(struct module *module, unsigned index, msec now);
MUST_USE enum err dispatcher_open(struct module *module);
void dispatcher_close(struct module *module);

/* ---- source.c ---- */

/* From the file or the table. */
MUST_USE enum err dispatcher_read(struct module *module, struct listing **out);

/* ---- ping.c ---- */

void dispatcher_ask(struct module *module, struct worker *worker, unsigned index, unsigned count,
                    msec now);
/* Tells the script that a destination has become usable, or unusable. */
void dispatcher_tell(struct module *module, struct worker *worker, const struct live *live,
                     bool is_up, const struct news *news);
/* False for a text that names no classes and codes. */
bool dispatcher_reads_codes(struct str text);

/* ---- functions.c, commands.c ---- */

extern const struct mod_function dispatcher_functions[];
extern const struct mod_variable dispatcher_variables[];
extern const struct mod_command dispatcher_commands[];

/* select.c */
enum verdict ds_select(struct call *call);
enum verdict ds_select_dst(struct call *call);
enum verdict ds_select_domain(struct call *call);
enum verdict ds_select_routes(struct call *call);
enum verdict ds_next_dst(struct call *call);
enum verdict ds_next_domain(struct call *call);
enum verdict ds_set_dst(struct call *call);
enum verdict ds_set_domain(struct call *call);
/* The URI and the set of the destination at hand. ERR_NOT_FOUND. */
MUST_USE enum err dispatcher_current(const struct call *call, struct str *uri, int64_t *set);
