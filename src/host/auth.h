/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What digest authentication keeps in the server. */
#include <culvert/auth.h>
#include <culvert/server.h>

#include "host/guard.h"
#include "host/nonce.h"

struct counter;

struct auth_service {
    struct auth_rules rules;
    struct nonces *nonces;
    struct guard *guard;
    struct counter *failures, *delayed, *replays;
};

void server_close_auth(struct server *server);
