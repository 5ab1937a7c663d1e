/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The parts of auth_db: what is read of a subscriber, remembered for a while, and checked. */
#include <culvert/accounts.h>
#include <culvert/auth.h>
#include <culvert/module.h>
#include <culvert/query.h>
#include <culvert/server.h>

enum {
    COLUMNS_MAX = 16, /* that load_credentials may name */
};

/* "rpid" or "$avp(s:rpid)=rpid" of load_credentials. */
struct loaded_column {
    struct str name;
    const struct variable_ref *variable;
};

struct cache;

struct auth_db {
    struct str db_url;
    struct str user_column, domain_column, password_column, password_column_2, sha_column;
    struct str load_credentials;
    int64_t calculate_ha1, use_domain, demo_accounts, cache_time;
    struct loaded_column columns[COLUMNS_MAX];
    unsigned column_count;
    struct store *store;
    struct cache *cache; /* NULL: none */
};

/* The table of subscribers as these parameters say. */
struct account_table accounts_of(const struct auth_db *auth_db);

/* ---- columns.c ---- */

/* Fills `columns` from `load_credentials`; the reason of a failure is logged. */
MUST_USE enum err columns_read(struct module *module, struct auth_db *auth_db);
/* Their names, each with a comma before it, in the arena. */
MUST_USE enum err columns_names(const struct auth_db *auth_db, struct arena *arena, struct str *out);
/* Writes a row's values, one a column, to their variables; null ones are left alone. */
MUST_USE enum err columns_load(const struct auth_db *auth_db, struct run *run,
                               const struct value values[]);

/* ---- cache.c: rows of subscribers, for some seconds; shared by all workers ---- */

/* What a row was asked by. */
struct cache_key {
    struct str table, column, user, domain;
};

MUST_USE enum err cache_create(msec time, unsigned value_count, struct random_source *random,
                               struct cache **out);
void cache_destroy(struct cache *cache);
/* False when it is not known, or too old. Texts are copied into the arena. */
bool cache_find(struct cache *cache, const struct cache_key *key, msec now, struct arena *arena,
                struct value values[]);
/* Rows that are too long are not kept. */
void cache_keep(struct cache *cache, const struct cache_key *key, const struct value values[], msec now);
void cache_forget_all(struct cache *cache);

/* ---- subscriber.c ---- */

enum verdict www_authenticate(struct call *call);
enum verdict proxy_authenticate(struct call *call);
enum verdict auth_check(struct call *call);
enum verdict is_subscriber(struct call *call);

/*
 * demo.c: with an empty table, makes accounts with random passwords and prints them, with what to
 * type into a phone, on standard output; nothing of it goes to the log.
 */
MUST_USE enum err demo_accounts_make(struct module *module, const struct auth_db *auth_db);
