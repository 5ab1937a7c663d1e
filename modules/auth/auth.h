/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The parts of the auth module. */
#include <culvert/auth.h>
#include <culvert/module.h>
#include <culvert/server.h>

#include "../siputils/rpid.h"

struct auth {
    struct rpid rpid; /* first: rpid.h */
    struct auth_rules rules;
    int64_t calculate_ha1, use_domain;
    struct str username_spec, password_spec, challenge_attr;
    const struct variable_ref *username, *password, *challenge;
};

/* rules.c: modparam("auth", "algorithm", "SHA-256,MD5") */
enum err auth_set_algorithm(struct module *module, const struct value *value,
                            const struct script_place *place);

/* challenge.c */
enum verdict www_challenge(struct call *call);
enum verdict proxy_challenge(struct call *call);
enum verdict either_challenge(struct call *call);
enum verdict auth_get_www_authenticate(struct call *call);

/* authorize.c */
enum verdict pv_www_authorize(struct call *call);
enum verdict pv_proxy_authorize(struct call *call);
enum verdict pv_www_authenticate(struct call *call);
enum verdict pv_proxy_authenticate(struct call *call);
enum verdict pv_auth_check(struct call *call);
enum verdict consume_credentials(struct call *call);
enum verdict has_credentials(struct call *call);
