/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <culvert/module.h>
#include <culvert/server.h>
#include <culvert/store.h>

#include <pthread.h>

/* ---- rules.c: files of who may reach whom ---- */

struct rules;

/*
 * Reads a file of rules. One that is not there has none; a line that is no rule is reported and left
 * out, as the originals do. Freed with rules_destroy.
 */
MUST_USE enum err rules_load(const char *path, struct rules **out);
void rules_destroy(struct rules *rules);
/* Some rule matches both; `rules` may be NULL: none. */
bool rules_match(const struct rules *rules, struct str from, struct str to);

/* ---- peers.c: tables of addresses that are trusted ---- */

struct address {
    struct addr addr;   /* first: rows are searched by it; family NONE: `name` is meant */
    struct str name;    /* as written */
    struct str tag;
    int64_t group;
    unsigned bits, order;
    uint16_t port;      /* 0: any */
};

/* Sorted: single addresses by address, networks by group, names. */
struct address_list {
    struct arena arena; /* of the texts */
    size_t count, networks_at, names_at;
    struct address rows[];
};

struct address_list *address_list_create(size_t room);
void address_list_destroy(struct address_list *list);
/* Texts are copied. A row that cannot be understood is reported and left out. */
void address_list_add(struct address_list *list, int64_t group, struct str host, int64_t bits,
                      int64_t port, struct str tag);
void address_list_sort(struct address_list *list);

struct address_query {
    struct addr addr; /* family NONE: `name` is asked for */
    struct str name;
    int64_t group;    /* GROUP_ANY */
    uint16_t port;
};

#define GROUP_ANY INT64_MIN

/* The next match after `after` (NULL: the first); NULL at the end. */
const struct address *address_list_find(const struct address_list *list,
                                        const struct address_query *query,
                                        const struct address *after);

struct trusted {
    struct addr addr; /* first, likewise */
    struct regex *from, *ruri; /* NULL: any */
    struct str from_text, ruri_text, proto, tag;
    int64_t priority;
    unsigned order;
};

/* Sorted by address, then falling priority. */
struct trusted_list {
    struct arena arena;
    size_t count;
    struct trusted rows[];
};

struct trusted_list *trusted_list_create(size_t room);
void trusted_list_destroy(struct trusted_list *list);
void trusted_list_add(struct trusted_list *list, const struct trusted *row, struct str host);
void trusted_list_sort(struct trusted_list *list);

struct trusted_query {
    struct addr addr;
    struct str proto, from, ruri;
};

const struct trusted *trusted_list_find(const struct trusted_list *list,
                                        const struct trusted_query *query,
                                        const struct trusted *after);

/* ---- the module ---- */

/* load_backends: what is read at all. */
enum {
    BACKEND_ADDRESS = 1,
    BACKEND_TRUSTED = 2,
    BACKEND_ALLOW = 4,
    BACKEND_DENY = 8,
};

/* Files that a function of the script names: base, or the file of one kind. */
struct rule_files {
    struct rule_files *next;   /* of those that start() is to read */
    struct arena *arena;       /* of the script */
    struct str name;
    bool is_deny;              /* the second of two names */
    struct rules *itself;      /* the file of that very name */
    struct rules *allow, *deny; /* name and suffix */
};

struct permissions {
    struct str default_allow_file, default_deny_file, allow_suffix, deny_suffix;
    struct str db_url, trusted_table, source_col, proto_col, from_col, ruri_col, tag_col, priority_col;
    struct str address_table, grp_col, ip_addr_col, mask_col, port_col, address_file, peer_tag_avp;
    int64_t check_all_branches, db_mode, peer_tag_mode, load_backends, reload_delta;
    struct rule_files *files;  /* of the first script, until start() has read them */
    struct rule_files defaults;
    const struct variable_ref *peer_tag;
    unsigned slot;             /* the group of set_address_group(), one more than it */
    struct store *store;
    struct str address_query, trusted_query;
    pthread_rwlock_t lock;     /* of both lists */
    struct address_list *addresses;
    struct trusted_list *trusted;
    _Atomic msec addresses_read_at, trusted_read_at;
    msec read_again_at;        /* touched by worker 0 alone */
    _Atomic unsigned reading;  /* queries of worker 0 that are under way */
};

/* files.c: the absolute path of a file of rules, relative to the folder of the script. */
MUST_USE enum err permissions_path(struct module *module, struct arena *arena, struct str name,
                                   struct str suffix, const char **out);
MUST_USE enum err permissions_load_named(struct module *module, struct rule_files *files);
MUST_USE enum err permissions_load_files(struct module *module);
void permissions_drop_named(void *files);
void permissions_drop_files(struct permissions *permissions);
/* Allowed, denied, else allowed. */
bool permissions_allow(const struct rules *allow, const struct rules *deny, struct str from,
                       struct str to);
/* "sip:user@host": what rules are held against. */
MUST_USE enum err permissions_plain_uri(struct arena *arena, struct str text, struct str *out);

/* tables.c */
MUST_USE enum err permissions_open_tables(struct module *module);
void permissions_close_tables(struct permissions *permissions);
MUST_USE enum err permissions_reload_addresses(struct module *module);
MUST_USE enum err permissions_reload_trusted(struct module *module);
/* Reads them again now and then when the database is meant to be asked each time (db_mode 0). */
void permissions_tick(struct module *module, unsigned index, msec now);

/* commands.c */
extern const struct mod_command permissions_commands[];
