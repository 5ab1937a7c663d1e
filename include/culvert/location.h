/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The location service: address-of-record -> bindings, each with the flow that it was registered on.
 * Shared by all workers, locked by shard; results are copies in the caller's arena, so that nothing
 * borrowed outlives a lock. Times are those of the monotonic clock.
 */
#include <culvert/addr.h>
#include <culvert/arena.h>
#include <culvert/random.h>
#include <culvert/timer.h>

struct location;

enum {
    RUID_MAX = 32,
    BINDING_FOREVER = 0,
};

struct binding {
    struct str table;      /* "location" */
    struct str aor;        /* "user@domain" or "user", lower case as the registrar decided */
    struct str contact;    /* URI, without brackets */
    struct str received;   /* received URI by the classic helpers; may be empty */
    struct str path;       /* Path values; may be empty */
    struct str call_id;
    struct str user_agent;
    struct str instance;   /* +sip.instance, unquoted; may be empty */
    struct str ruid;       /* our unique id of the binding */
    uint32_t cseq;
    uint32_t flags;        /* message flags kept with the contact */
    uint32_t cflags;       /* branch flags kept with the contact */
    uint32_t methods;      /* bits by enum sip_method; ~0: all */
    uint32_t reg_id;
    int q;                 /* 0…1000; -1: unspecified */
    msec expires_at;       /* BINDING_FOREVER: permanent */
    msec updated_at;
    struct flow flow;      /* where the REGISTER came from; transport, socket and peer always known */
    bool is_volatile;      /* in memory alone: no store keeps it */
    unsigned missed_pings;
    msec ping_sent_at;     /* 0: never */
    msec round_trip;       /* of the last answered ping */
};

/* One Contact of a REGISTER. Texts are borrowed for the call. */
struct location_contact {
    struct str uri;
    struct str instance;
    uint32_t reg_id;
    int q;
    uint32_t expires;  /* seconds from now; 0 removes… */
    bool is_permanent; /* …unless it is to stay for ever */
    uint32_t methods;  /* bits by enum sip_method; 0: as the update says */
};

enum location_match {
    MATCH_URI,          /* usrloc matching_mode 0 */
    MATCH_URI_CALL_ID,  /* 1 */
    MATCH_URI_PATH,     /* 2 */
    MATCH_CALL_ID,      /* 3 */
};

struct location_update {
    struct str table, aor;
    const struct location_contact *contacts;
    unsigned contact_count;
    bool removes_all;        /* Contact: * */
    struct str call_id;
    uint32_t cseq;
    struct str user_agent, received, path;
    uint32_t flags, cflags, methods;
    struct flow flow;
    unsigned contacts_max;   /* of the AoR; 0: no limit */
    uint64_t bindings_max;   /* of all together; 0: no limit */
    bool keeps_only_these;   /* registering replaces every other contact of the AoR */
    bool replaces_moved;     /* a client without instance that has moved is known by its Call-ID */
    bool is_volatile;        /* not for the store */
    enum location_match match;
    msec now;
    msec cseq_delay;         /* equal Call-ID and CSeq within this time: a retransmission, not an error */
};

enum location_result {
    LOCATION_INSERTED = 1,
    LOCATION_UPDATED,
    LOCATION_REMOVED,
    LOCATION_LISTED,
};

/* What happened to a binding, for those who keep a copy elsewhere. Called under the shard's lock. */
enum location_event {
    BINDING_INSERTED,
    BINDING_UPDATED,
    BINDING_REMOVED,
    BINDING_EXPIRED,
};

typedef void location_watch_fn(void *context, enum location_event event, const struct binding *binding);

MUST_USE enum err location_create(struct random_source *random, struct location **out);
void location_destroy(struct location *location);
void location_watch(struct location *location, location_watch_fn *watch, void *context);

/*
 * Applies one REGISTER as a whole (RFC 3261 §10.3 steps 6-8), or nothing of it. A binding matches by
 * +sip.instance and reg-id when it has them, else as `match` says. ERR_NOT_NOW: Call-ID the same and
 * CSeq not higher. ERR_LIMIT: more contacts than contacts_max. ERR_EXHAUSTED: more bindings than
 * bindings_max. On success all current bindings are copied out, newest update first among equal q.
 */
MUST_USE enum err location_register(struct location *location, const struct location_update *update,
                                    struct arena *arena, enum location_result *result,
                                    struct binding **out, unsigned *count);

/* The unexpired bindings, highest q first. ERR_NOT_FOUND: none. */
MUST_USE enum err location_find(struct location *location, struct str table, struct str aor, msec now,
                                struct arena *arena, struct binding **out, unsigned *count);

/* The unexpired binding of a ruid, as an array of one. ERR_NOT_FOUND. */
MUST_USE enum err location_find_ruid(struct location *location, struct str ruid, msec now,
                                     struct arena *arena, struct binding **out);

/*
 * Restores one from a store: no ordering rule, ruid given. ERR_NOT_NOW: one of this ruid is there, and
 * no second older.
 */
MUST_USE enum err location_restore(struct location *location, const struct binding *binding);
/* Removes by AoR (all bindings) or by ruid. ERR_NOT_FOUND. */
MUST_USE enum err location_remove(struct location *location, struct str table, struct str aor);
MUST_USE enum err location_remove_ruid(struct location *location, struct str ruid);
/* The bindings that were registered over a connection, which is gone: how many they were. */
unsigned location_remove_connection(struct location *location, uint64_t connection);

/*
 * Maintenance in slices: slice s of n visits the same shards every time, so equal intervals a slice
 * spread the work evenly. Expired bindings are removed on the way.
 */
typedef void location_visit_fn(void *context, const struct binding *binding);
void location_each(struct location *location, unsigned slice, unsigned slices, msec now,
                   location_visit_fn *visit, void *context);

/* Bookkeeping of keepalives with an answer. The count of misses goes up with each ping not answered. */
void location_ping_sent(struct location *location, struct str ruid, msec now);
void location_ping_answered(struct location *location, struct str ruid, msec now);

struct location_counters {
    uint64_t aors, bindings, expired, bytes;
};

void location_read_counters(struct location *location, struct location_counters *out);
