/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials checked against a password that the script knows. */
#include "auth.h"

enum {
    FLAG_HA1 = 1,
    FLAG_BUILD = 2, /* a challenge for the script: without qop, */
    FLAG_BUILD_AUTH = 4,
    FLAG_BUILD_AUTH_INT = 8,
    FLAG_STALE = 16,
    CHECK_SENDER = 1,
};

static struct str read_variable(struct run *run, const struct variable_ref *variable)
{
    struct value value;
    struct str text;

    if (!variable || variable_get(run, variable, &value) || value_to_str(run->arena, &value, &text))
        return (struct str){ 0 };
    return text;
}

/* ---- OpenSER: pv_www_authorize(realm), user and password by parameter ---- */

static enum verdict authorize(struct call *call, enum sip_hdr_id id)
{
    const struct auth *auth = module_state(call->module);
    struct run *run = call->run;
    struct auth_attempt attempt;
    enum auth_outcome outcome;

    if (auth_is_exempt(run))
        return VERDICT_TRUE;
    outcome = auth_begin(run, id, auth_realm(run, call_text(call, 0)), &attempt);
    if (outcome == AUTH_OK) {
        const struct auth_secret secret = {
            .text = read_variable(run, auth->password),
            .is_clear = auth->calculate_ha1 != 0,
            .is_nobody = !str_eq(attempt.username, read_variable(run, auth->username)),
        };
        outcome = auth_finish(run, &attempt, &secret);
    }
    return auth_verdict(run, outcome);
}

enum verdict pv_www_authorize(struct call *call)
{
    return authorize(call, SIP_HDR_AUTHORIZATION);
}

enum verdict pv_proxy_authorize(struct call *call)
{
    return authorize(call, SIP_HDR_PROXY_AUTHORIZATION);
}

/* ---- Kamailio: pv_www_authenticate(realm, password, flags [, method]) ---- */

/* A variable without a value must not become a password that everybody can guess. */
static bool is_known(struct str password)
{
    return !str_is_empty(password) && !str_eq(password, STR("<null>"));
}

static enum auth_outcome check(struct call *call, enum sip_hdr_id id, struct auth_attempt *attempt)
{
    struct run *run = call->run;
    enum auth_outcome outcome = auth_begin(run, id, auth_realm(run, call_text(call, 0)), attempt);
    const struct auth_secret secret = {
        .text = call_text(call, 1),
        .is_clear = !(call->args[2].value.number & FLAG_HA1),
    };

    if (outcome != AUTH_OK)
        return outcome;
    return is_known(secret.text) ? auth_finish(run, attempt, &secret) : AUTH_FAILED;
}

/* Failed: the challenge that the script may want to send itself, in challenge_attr. */
static enum err offer_challenge(struct call *call, enum sip_hdr_id id)
{
    const struct auth *auth = module_state(call->module);
    int64_t flags = call->args[2].value.number;
    const struct auth_challenge challenge = {
        .id = id,
        .realm = auth_realm(call->run, call_text(call, 0)),
        .qop = flags & FLAG_BUILD_AUTH       ? STR("auth")
               : flags & FLAG_BUILD_AUTH_INT ? STR("auth-int")
                                             : STR(""),
        .is_stale = (flags & FLAG_STALE) != 0,
    };
    struct str lines;
    struct value value;
    enum err err;

    if (!(flags & (FLAG_BUILD | FLAG_BUILD_AUTH | FLAG_BUILD_AUTH_INT)))
        return ERR_NONE;
    if ((err = auth_challenge_lines(call->run, &challenge, &lines)))
        return err;
    value = value_of_str(lines);
    return variable_set(call->run, auth->challenge, &value);
}

static enum verdict authenticate(struct call *call, enum sip_hdr_id id, enum sip_hdr_id challenge)
{
    struct auth_attempt attempt;
    enum auth_outcome outcome;

    if (auth_is_exempt(call->run))
        return VERDICT_TRUE;
    outcome = check(call, id, &attempt);
    if (outcome != AUTH_OK && offer_challenge(call, challenge))
        outcome = AUTH_FAILED;
    return auth_verdict(call->run, outcome);
}

enum verdict pv_www_authenticate(struct call *call)
{
    return authenticate(call, SIP_HDR_AUTHORIZATION, SIP_HDR_WWW_AUTHENTICATE);
}

enum verdict pv_proxy_authenticate(struct call *call)
{
    return authenticate(call, SIP_HDR_PROXY_AUTHORIZATION, SIP_HDR_PROXY_AUTHENTICATE);
}

enum verdict pv_auth_check(struct call *call)
{
    const struct auth *auth = module_state(call->module);
    struct run *run = call->run;
    enum sip_hdr_id id = run->request->msg->method == SIP_REGISTER ? SIP_HDR_AUTHORIZATION
                                                                   : SIP_HDR_PROXY_AUTHORIZATION;
    struct auth_attempt attempt;
    enum auth_outcome outcome;

    if (auth_is_exempt(run))
        return VERDICT_TRUE;
    outcome = check(call, id, &attempt);
    if (outcome == AUTH_OK && call->args[3].value.number & CHECK_SENDER &&
        !auth_names_sender(run, &attempt, auth->use_domain != 0))
        outcome = AUTH_WRONG_USER;
    return auth_verdict(run, outcome);
}

/* ---- credentials ---- */

enum verdict consume_credentials(struct call *call)
{
    struct run *run = call->run;
    const struct sip_hdr *hdr = run->request->tried_credentials;

    if (!hdr || sip_edit_remove_hdr(run->edits, run->request->msg, hdr))
        return VERDICT_FALSE;
    return VERDICT_TRUE;
}

enum verdict has_credentials(struct call *call)
{
    const struct sip_msg *msg = call->run->request->msg;
    struct str realm = call_text(call, 0);
    struct sip_digest digest;

    return verdict_if(sip_digest_find(msg, SIP_HDR_AUTHORIZATION, realm, &digest) ||
                      sip_digest_find(msg, SIP_HDR_PROXY_AUTHORIZATION, realm, &digest));
}
