/* SPDX-License-Identifier: Apache-2.0 */
/* Challenges, and credentials checked against a password that the script knows. */
#include <culvert/auth.h>
#include <culvert/module.h>
#include <culvert/server.h>

struct auth {
    int64_t nonce_expire, calculate_ha1;
    struct str realm_prefix, username_spec, password_spec, qop;
    const struct variable_ref *username, *password;
};

/* ---- challenges ---- */

static struct str realm_of(struct call *call)
{
    const struct auth *auth = module_state(call->module);
    struct str realm = call->args[0].value.text;

    return str_is_empty(realm) ? auth_default_realm(call->run, auth->realm_prefix) : realm;
}

/* "0", "1": with and without qop=auth; Kamailio's flag 2: auth-int. */
static struct str qop_of(const struct call *call)
{
    switch (call->args[1].value.number & 3) {
    case 1:
        return STR("auth");
    case 2:
        return STR("auth-int");
    default:
        return STR("");
    }
}

static enum verdict challenge(struct call *call, enum sip_hdr_id id)
{
    const struct auth *auth = module_state(call->module);

    return auth_challenge(call->run, id, realm_of(call), qop_of(call), (unsigned)auth->nonce_expire);
}

static enum verdict www_challenge(struct call *call)
{
    return challenge(call, SIP_HDR_WWW_AUTHENTICATE);
}

static enum verdict proxy_challenge(struct call *call)
{
    return challenge(call, SIP_HDR_PROXY_AUTHENTICATE);
}

static enum verdict either_challenge(struct call *call)
{
    return call->run->request->msg->method == SIP_REGISTER ? www_challenge(call)
                                                          : proxy_challenge(call);
}

/* ---- a password from the script ---- */

static struct str read_variable(struct run *run, const struct variable_ref *variable)
{
    struct value value;
    struct str text;

    if (!variable || variable_get(run, variable, &value) || value_to_str(run->arena, &value, &text))
        return (struct str){ 0 };
    return text;
}

static enum verdict check_variables(struct call *call, enum sip_hdr_id id)
{
    const struct auth *auth = module_state(call->module);
    struct run *run = call->run;
    struct auth_attempt attempt;
    enum auth_outcome outcome;

    if (auth_is_exempt(run))
        return VERDICT_TRUE;
    outcome = auth_begin(run, id, realm_of(call), &attempt);
    if (outcome == AUTH_OK && !str_eq(attempt.username, read_variable(run, auth->username)))
        outcome = AUTH_UNKNOWN_USER;
    if (outcome == AUTH_OK)
        outcome = auth_finish(run, &attempt, read_variable(run, auth->password),
                              auth->calculate_ha1 != 0);
    return auth_verdict(run, outcome);
}

static enum verdict pv_www_authorize(struct call *call)
{
    return check_variables(call, SIP_HDR_AUTHORIZATION);
}

static enum verdict pv_proxy_authorize(struct call *call)
{
    return check_variables(call, SIP_HDR_PROXY_AUTHORIZATION);
}

/* ---- credentials ---- */

static enum verdict consume_credentials(struct call *call)
{
    struct run *run = call->run;
    const struct sip_hdr *hdr = run->request->credentials;

    if (!hdr || sip_edit_remove_hdr(run->edits, run->request->msg, hdr))
        return VERDICT_FALSE;
    return VERDICT_TRUE;
}

static enum verdict has_credentials(struct call *call)
{
    const struct sip_msg *msg = call->run->request->msg;
    struct str realm = call->args[0].value.text;
    struct sip_digest digest;

    return sip_digest_find(msg, SIP_HDR_AUTHORIZATION, realm, &digest) ||
                   sip_digest_find(msg, SIP_HDR_PROXY_AUTHORIZATION, realm, &digest)
               ? VERDICT_TRUE
               : VERDICT_FALSE;
}

#define CHALLENGE(name_, run_)                                                                  \
    { .name = name_, .run = run_, .takes = { ARG_FMT, ARG_FLAGS }, .min_args = 2,               \
      .stages = STAGE_REQUEST | STAGE_FAILURE,                                                  \
      .doc = "Answers with a challenge for the realm (\"\": the domain); 1 asks for qop." }

static const struct mod_function functions[] = {
    CHALLENGE("www_challenge", www_challenge),
    CHALLENGE("proxy_challenge", proxy_challenge),
    CHALLENGE("auth_challenge", either_challenge),
    { .name = "pv_www_authorize", .run = pv_www_authorize, .takes = { ARG_FMT }, .min_args = 1,
      .stages = STAGE_REQUEST, .traits = TRAIT_DECIDES | TRAIT_ADMITS, .doc = "Checks Authorization against username_spec and password_spec." },
    { .name = "pv_proxy_authorize", .run = pv_proxy_authorize, .takes = { ARG_FMT }, .min_args = 1,
      .stages = STAGE_REQUEST, .traits = TRAIT_DECIDES | TRAIT_ADMITS, .doc = "The same for Proxy-Authorization." },
    { .name = "consume_credentials", .run = consume_credentials, .stages = STAGE_REQUEST,
      .doc = "Takes the credentials that were found right out of the request." },
    { .name = "has_credentials", .run = has_credentials, .takes = { ARG_FMT }, .min_args = 1,
      .stages = STAGE_REQUEST, .doc = "True when there are credentials for the realm." },
    { 0 },
};

static const struct mod_param params[] = {
    { .name = "nonce_expire", .type = PARAM_INT, .offset = offsetof(struct auth, nonce_expire),
      .initial = 300, .min = 5, .max = 86400, .doc = "Seconds that a nonce is good for." },
    { .name = "realm_prefix", .type = PARAM_STR, .offset = offsetof(struct auth, realm_prefix),
      .initial_text = "", .doc = "Cut off the domain when it is the realm." },
    { .name = "calculate_ha1", .type = PARAM_INT, .offset = offsetof(struct auth, calculate_ha1),
      .max = 1, .doc = "1: password_spec is the clear password, not HA1." },
    { .name = "username_spec", .type = PARAM_STR, .offset = offsetof(struct auth, username_spec),
      .initial_text = "", .doc = "Variable with the user name for pv_*_authorize." },
    { .name = "password_spec", .type = PARAM_STR, .offset = offsetof(struct auth, password_spec),
      .initial_text = "", .doc = "Variable with the password or HA1 for pv_*_authorize." },
    { .name = "secret", .type = PARAM_IGNORED, .doc = "nonces are signed with the server's own key" },
    { .name = "rpid_prefix", .type = PARAM_IGNORED, .doc = "Remote-Party-ID is not added" },
    { .name = "rpid_suffix", .type = PARAM_IGNORED, .doc = "Remote-Party-ID is not added" },
    { .name = "rpid_avp", .type = PARAM_IGNORED, .doc = "Remote-Party-ID is not added" },
    { .name = "qop", .type = PARAM_STR, .offset = offsetof(struct auth, qop), .initial_text = "",
      .doc = "Kept for scripts; the challenge functions say which qop they want." },
    { .name = "nonce_count", .type = PARAM_IGNORED, .doc = "nonces expire by time" },
    { .name = "one_time_nonce", .type = PARAM_IGNORED, .doc = "nonces expire by time" },
    { 0 },
};

static enum err start(struct module *module)
{
    struct auth *auth = module_state(module);
    enum err err = ERR_NONE;

    if (!str_is_empty(auth->username_spec))
        err = module_variable(module, auth->username_spec, &auth->username);
    if (!err && !str_is_empty(auth->password_spec))
        err = module_variable(module, auth->password_spec, &auth->password);
    return err;
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
