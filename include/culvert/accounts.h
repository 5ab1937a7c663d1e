/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Management of users, their other names, and domains, for modules whose tables these are. The
 * functions are bodies of commands: they read the arguments, change the table at once, on the
 * management thread, and answer. Names are stored as people read them, not as a URI escapes them.
 */
#include <culvert/command.h>
#include <culvert/store.h>

enum {
    ACCOUNT_KEYS = 2,
    ACCOUNT_VALUES = 4,
};

/* A table known by one key or two; empty names of columns are those that it has not. */
struct account_table {
    struct store *store;
    struct str name;
    struct str keys[ACCOUNT_KEYS];
    struct str values[ACCOUNT_VALUES]; /* of users: enum account_secret; of aliases: user, domain */
};

enum account_secret {
    ACCOUNT_HA1,      /* MD5 of user:domain:password */
    ACCOUNT_HA1B,     /* MD5 of user@domain:domain:password */
    ACCOUNT_HA1_SHA,  /* SHA-256 of user:domain:password */
    ACCOUNT_PASSWORD, /* as it is */
};

/* Texts are borrowed. */
struct account_row {
    struct str keys[ACCOUNT_KEYS];
    struct str values[ACCOUNT_VALUES];
};

/* A new row. Blocks: at the start, in tools, on the management thread. ERR_EXISTS. */
MUST_USE enum err account_write(const struct account_table *table, const struct account_row *row);

/* user ha1 ha1b ha1_sha [password]: who sends them has the password, which need not come here. */
enum err account_add_user(const struct account_table *table, struct command *command);
enum err account_change_user(const struct account_table *table, struct command *command);
/* user */
enum err account_remove_user(const struct account_table *table, struct command *command);
enum err account_show_user(const struct account_table *table, struct command *command);
/* [domain] */
enum err account_list_users(const struct account_table *table, struct command *command);

/* domain */
enum err account_add_domain(const struct account_table *table, struct command *command);
enum err account_remove_domain(const struct account_table *table, struct command *command);
enum err account_list_domains(const struct account_table *table, struct command *command);

/* alias user, both with domain */
enum err account_add_alias(const struct account_table *table, struct command *command);
/* alias */
enum err account_remove_alias(const struct account_table *table, struct command *command);
/* [user] */
enum err account_list_aliases(const struct account_table *table, struct command *command);
