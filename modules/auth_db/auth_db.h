/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <culvert/module.h>
#include <culvert/store.h>

struct auth_db {
    struct str db_url;
    struct str user_column, domain_column, password_column, password_column_2;
    int64_t calculate_ha1, use_domain, demo_accounts;
    struct store *store;
};

/*
 * demo.c: with an empty table, makes accounts with random passwords and prints them, with what to
 * type into a phone, on standard output; nothing of it goes to the log.
 */
MUST_USE enum err demo_accounts_make(struct module *module, const struct auth_db *auth_db);
