/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Which TLS profiles the server has, and reading them again. */
#include <culvert/tls.h>

#include "script/script.h"

struct server;
struct settings;

/* Reads the certificates; after the modules have started. What is wrong was logged. */
MUST_USE enum err server_tls_open(struct server *server);
void server_tls_close(struct server *server);
/* From any thread. On failure nothing has changed, and `why` tells the reason. */
MUST_USE enum err server_tls_reload(struct server *server, struct writer *why);

/* ---- tls_settings.c: OpenSER's global parameters ---- */

enum { TLS_DOMAINS_MAX = 32 };

struct tls_settings {
    bool is_used; /* one of them stood in the script */
    struct tls_profile server, client;
    struct tls_profile domains[TLS_DOMAINS_MAX];
    unsigned domain_count;
};

void tls_settings_init(struct tls_settings *tls);
/* tls_certificate, tls_verify_client and so on. */
enum err tls_settings_set(struct settings *settings, const struct script_setting *setting,
                          const struct script_place *place);
/* tls_server_domain[…]{…}, tls_client_domain[…]{…}: a name and a block. */
enum err tls_settings_add_domain(struct settings *settings, const struct script_setting *setting,
                                 const struct script_place *place);
/* As a source of profiles. */
MUST_USE enum err tls_settings_list(const struct tls_settings *tls, struct arena *arena,
                                    const struct tls_profile **out, unsigned *count);
