/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the auth module. */
#include "auth.h"

/* clang-format off */
#define CHALLENGE(name_, run_) \
    { .name = name_, .run = run_, .takes = { ARG_FMT, ARG_FLAGS }, .min_args = 2, \
      .stages = STAGE_REQUEST | STAGE_FAILURE | STAGE_REPLY, \
      .doc = "Answers with a challenge for the realm (\"\": the domain); flags 1 qop=auth, 2 auth-int, 16 stale." }
#define AUTHORIZE(name_, run_, header) \
    { .name = name_, .run = run_, .takes = { ARG_FMT }, .min_args = 1, .stages = STAGE_REQUEST, \
      .traits = TRAIT_DECIDES | TRAIT_ADMITS, \
      .doc = "Checks " header " of a realm against username_spec and password_spec." }
#define AUTHENTICATE(name_, run_, header) \
    { .name = name_, .run = run_, .takes = { ARG_FMT, ARG_FMT, ARG_FLAGS, ARG_FMT }, .min_args = 3, \
      .stages = STAGE_REQUEST, .traits = TRAIT_DECIDES | TRAIT_ADMITS, \
      .doc = "Checks " header ": realm, password, flags 1 it is HA1, 2, 4, 8 leave a challenge in challenge_attr." }

static const struct mod_function functions[] = {
    CHALLENGE("www_challenge", www_challenge),
    CHALLENGE("proxy_challenge", proxy_challenge),
    CHALLENGE("auth_challenge", either_challenge),
    { .name = "auth_get_www_authenticate", .run = auth_get_www_authenticate,
      .takes = { ARG_FMT, ARG_FLAGS, ARG_VAR }, .min_args = 3, .stages = STAGE_REQUEST,
      .doc = "Writes the header of a challenge for a realm, with the flags of www_challenge(), into a variable." },
    AUTHORIZE("pv_www_authorize", pv_www_authorize, "Authorization"),
    AUTHORIZE("pv_proxy_authorize", pv_proxy_authorize, "Proxy-Authorization"),
    AUTHENTICATE("pv_www_authenticate", pv_www_authenticate, "Authorization"),
    AUTHENTICATE("pv_www_authorize", pv_www_authenticate, "Authorization"),
    AUTHENTICATE("pv_proxy_authenticate", pv_proxy_authenticate, "Proxy-Authorization"),
    AUTHENTICATE("pv_proxy_authorize", pv_proxy_authenticate, "Proxy-Authorization"),
    { .name = "pv_auth_check", .run = pv_auth_check,
      .takes = { ARG_FMT, ARG_FMT, ARG_FLAGS, ARG_FLAGS }, .min_args = 4, .stages = STAGE_REQUEST,
      .traits = TRAIT_DECIDES | TRAIT_ADMITS,
      .doc = "Checks what the method asks for: realm, password, flags 1 it is HA1, checks 1 the user is the sender." },
    { .name = "consume_credentials", .run = consume_credentials, .stages = STAGE_REQUEST,
      .doc = "Takes the credentials that were checked out of the request." },
    { .name = "has_credentials", .run = has_credentials, .takes = { ARG_FMT }, .min_args = 1,
      .stages = STAGE_REQUEST, .doc = "True when there are credentials for the realm." },
    RPID_FUNCTIONS(STAGE_REQUEST | STAGE_BRANCH | STAGE_FAILURE),
    { 0 },
};

#define NUMBER_AT(name_, field, initial_, most, doc_) \
    { .name = name_, .type = PARAM_INT, .offset = offsetof(struct auth, field), \
      .initial = initial_, .max = most, .doc = doc_ }
#define TEXT_AT(name_, field, initial_, doc_) \
    { .name = name_, .type = PARAM_STR, .offset = offsetof(struct auth, field), \
      .initial_text = initial_, .doc = doc_ }
#define CHECKS(name_, field, what) \
    NUMBER_AT(name_, rules.field, 0, 15, \
              "What a nonce for " what " is bound to: 1 Request-URI, 2 Call-ID, 4 From tag, 8 source address.")
#define IGNORED(name_, doc_) { .name = name_, .type = PARAM_IGNORED, .doc = doc_ }

static const struct mod_param params[] = {
    { .name = "nonce_expire", .type = PARAM_INT, .offset = offsetof(struct auth, rules.nonce_expire),
      .initial = 300, .min = 1, .max = 86400, .doc = "Seconds that a nonce is good for." },
    { .name = "algorithm", .type = PARAM_CALL, .set = auth_set_algorithm,
      .doc = "What challenges offer, the best first: MD5, SHA-256, SHA-512-256; empty: MD5 without saying so." },
    TEXT_AT("secret", rules.secret, "", "What nonces are signed with; empty: a random key of each start."),
    TEXT_AT("realm_prefix", rules.realm_prefix, "", "Cut off realms."),
    NUMBER_AT("nonce_count", rules.counts_nonces, 1, 1, "1: each count of a nonce is good once, so that nobody can repeat credentials."),
    NUMBER_AT("one_time_nonce", rules.one_time_nonce, 0, 1, "1: a nonce is good once."),
    NUMBER_AT("nc_array_size", rules.nonces_remembered, 1 << 18, 1 << 24, "Nonces in use that have room; beyond it the oldest are stale early."),
    NUMBER_AT("add_authinfo_hdr", rules.adds_info, 0, 1, "1: our own answers say Authentication-Info."),
    NUMBER_AT("failures_allowed", rules.failures_allowed, 10, 1000000, "Wrong passwords in a row before a source has to wait, longer each time; 0: any number."),
    CHECKS("auth_checks_register", checks_register, "REGISTER"),
    CHECKS("auth_checks_no_dlg", checks_no_dialog, "requests outside of dialogs"),
    CHECKS("auth_checks_in_dlg", checks_in_dialog, "requests within dialogs"),
    NUMBER_AT("calculate_ha1", calculate_ha1, 0, 1, "1: password_spec is the clear password, not HA1."),
    NUMBER_AT("use_domain", use_domain, 0, 1, "1: pv_auth_check() compares the domain too."),
    TEXT_AT("username_spec", username_spec, "", "Variable with the user name for pv_*_authorize(realm)."),
    TEXT_AT("password_spec", password_spec, "", "Variable with the password or HA1 for pv_*_authorize(realm)."),
    TEXT_AT("challenge_attr", challenge_attr, "$avp(digest_challenge)", "Variable for the challenge of pv_*_authenticate()."),
    RPID_PARAMS(struct auth, "$avp(s:rpid)"),
    IGNORED("qop", "the challenge functions say which qop they want"),
    IGNORED("nc_array_order", "the places for nonces are found by their signature"),
    IGNORED("otn_in_flight_no", "nc_array_size says how many nonces have room"),
    IGNORED("otn_in_flight_order", "the places for nonces are found by their signature"),
    IGNORED("nid_pool_no", "all workers share the places for nonces"),
    IGNORED("nonce_auth_max_drift", "nonces say when they expire, not when they were made"),
    IGNORED("protect_contacts", "a binding is kept with the flow that it was registered on"),
    IGNORED("force_stateless_reply", "challenges are answered in the transaction when there is one"),
    IGNORED("proxy_challenge_header", "the header has its standard name"),
    IGNORED("www_challenge_header", "the header has its standard name"),
    { 0 },
};
/* clang-format on */

static enum err find_variable(struct module *module, struct str text, const struct variable_ref **out)
{
    return str_is_empty(text) ? ERR_NONE : module_variable(module, text, out);
}

/* Kamailio writes challenge_attr as "$digest_challenge". */
static struct str challenge_variable(const struct auth *auth)
{
    return str_eq(auth->challenge_attr, STR("$digest_challenge")) ? STR("$avp(digest_challenge)")
                                                                  : auth->challenge_attr;
}

static enum err start(struct module *module)
{
    struct auth *auth = module_state(module);
    enum err err;

    if (auth->rules.algorithm_count == 0)
        auth->rules.algorithms[auth->rules.algorithm_count++] = digest_algorithm_find(STR(""));
    if ((err = find_variable(module, auth->username_spec, &auth->username)) ||
        (err = find_variable(module, auth->password_spec, &auth->password)) ||
        (err = find_variable(module, challenge_variable(auth), &auth->challenge)) ||
        (err = rpid_start(module)))
        return err;
    return server_open_auth(module_server(module), &auth->rules);
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "auth",
    .summary = "Asks who somebody is, by digest authentication.",
    .state_size = sizeof(struct auth),
    .functions = functions,
    .params = params,
    .start = start,
};
