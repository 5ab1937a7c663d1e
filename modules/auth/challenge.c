/* SPDX-License-Identifier: Apache-2.0 */
/* Challenges: sent, or given to the script. */
#include "auth.h"

enum {
    FLAG_AUTH = 1,
    FLAG_AUTH_INT = 2,
    FLAG_STALE = 16,
};

static struct auth_challenge challenge_of(struct call *call, enum sip_hdr_id id)
{
    int64_t flags = call->args[1].value.number;

    return (struct auth_challenge){
        .id = id,
        .realm = auth_realm(call->run, call_text(call, 0)),
        .qop = flags & FLAG_AUTH_INT ? STR("auth-int") : flags & FLAG_AUTH ? STR("auth") : STR(""),
        .is_stale = (flags & FLAG_STALE) != 0,
    };
}

static enum verdict send_challenge(struct call *call, enum sip_hdr_id id)
{
    const struct auth_challenge challenge = challenge_of(call, id);

    return auth_send_challenge(call->run, &challenge);
}

enum verdict www_challenge(struct call *call)
{
    return send_challenge(call, SIP_HDR_WWW_AUTHENTICATE);
}

enum verdict proxy_challenge(struct call *call)
{
    return send_challenge(call, SIP_HDR_PROXY_AUTHENTICATE);
}

enum verdict either_challenge(struct call *call)
{
    return call->run->request->msg->method == SIP_REGISTER ? www_challenge(call)
                                                          : proxy_challenge(call);
}

enum verdict auth_get_www_authenticate(struct call *call)
{
    const struct auth_challenge challenge = challenge_of(call, SIP_HDR_WWW_AUTHENTICATE);
    struct str lines;
    struct value value;

    if (auth_challenge_lines(call->run, &challenge, &lines))
        return VERDICT_ERROR;
    value = value_of_str(lines);
    return verdict_of(variable_set(call->run, call->args[2].object, &value));
}
