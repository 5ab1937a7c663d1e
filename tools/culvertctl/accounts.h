/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * user, domain and alias: commands of the server in two words, which this program can also run on a
 * database without a server. Passwords are read here, and only their hashes leave.
 */
#include <jansson.h>
#include <stdbool.h>

struct account_options {
    const char *database; /* --db; NULL: the server is asked */
    bool from_input;      /* --stdin */
    bool is_generated;    /* --generate */
    bool keeps_password;  /* --keep-password */
};

bool is_account_command(char **words, int count);
/* The request for the server: {"method": …, "params": …}. NULL when it cannot be made, as was said. */
json_t *account_request(char **words, int count, const struct account_options *options);
/* Runs it on the database; an answer as that of the server. */
json_t *account_run(const char *url, const json_t *request);
