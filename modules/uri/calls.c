/* SPDX-License-Identifier: Apache-2.0 */
#include "calls.h"

#include <culvert/log.h>

enum {
    URI_MAX = 1024,
};

struct str uri_current(struct run *run)
{
    return run_target(run)->uri;
}

enum verdict uri_change(struct call *call, const struct sip_uri *uri)
{
    char buffer[URI_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct str text;

    sip_uri_write(&w, uri);
    if (writer_finish(&w, &text))
        return VERDICT_ERROR;
    return verdict_of(run_set_uri(call->run, text));
}

/* The username of the credentials, with or without a domain behind it. */
static bool is_username(struct str username, struct str wanted)
{
    struct str user, domain;

    return str_eq(username, wanted) ||
           (str_split(username, '@', &user, &domain) && str_eq(user, wanted));
}

enum verdict uri_is_user(struct call *call)
{
    const enum sip_hdr_id ids[] = { SIP_HDR_AUTHORIZATION, SIP_HDR_PROXY_AUTHORIZATION };

    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        struct str value = sip_msg_value(call->run->msg, ids[i]);
        struct sip_digest digest;
        if (!str_is_empty(value) && !sip_digest_parse(value, &digest))
            return verdict_if(is_username(digest.username, call->args[0].value.text));
    }
    return VERDICT_FALSE;
}

enum verdict uri_has_totag(struct call *call)
{
    return verdict_if(!str_is_empty(call->run->msg->to_tag));
}

enum verdict uri_param(struct call *call)
{
    struct sip_param param;
    struct sip_uri uri;

    if (sip_uri_parse(uri_current(call->run), &uri))
        return VERDICT_ERROR;
    if (!sip_param_find(uri.params, call->args[0].value.text, &param))
        return VERDICT_FALSE;
    if (call->arg_count == 1)
        return verdict_if(str_is_empty(param.value));
    return verdict_if(param.has_value && str_ieq(param.value, call->args[1].value.text));
}

enum verdict uri_add_param(struct call *call)
{
    struct str param = call->args[0].value.text;
    struct sip_uri uri;

    if (str_is_empty(param))
        return VERDICT_TRUE;
    if (sip_uri_parse(uri_current(call->run), &uri) ||
        str_print(call->run->arena, &uri.params, STR_FMT "%s" STR_FMT, STR_ARG(uri.params),
                  str_is_empty(uri.params) ? "" : ";", STR_ARG(param)))
        return VERDICT_ERROR;
    return uri_change(call, &uri);
}

bool uri_text_is_e164(struct str text)
{
    size_t digits = text.len ? text.len - 1 : 0;

    if (digits < E164_DIGITS_MIN || digits > E164_DIGITS_MAX || text.ptr[0] != '+')
        return false;
    for (size_t i = 1; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    }
    return true;
}

enum verdict uri_is_user_e164(struct call *call)
{
    struct value value;
    struct sip_nameaddr address;
    enum err err = variable_get(call->run, call->args[0].object, &value);

    if (err || !value.has_text || sip_nameaddr_parse(value.text, &address))
        return VERDICT_ERROR;
    return verdict_if(uri_text_is_e164(address.uri.user));
}

static bool is_visual_separator(char c)
{
    return c == '-' || c == '.' || c == '(' || c == ')';
}

void uri_write_number(struct writer *w, struct str number)
{
    for (size_t i = 0; i < number.len; i++) {
        if (!is_visual_separator(number.ptr[i]))
            write_char(w, number.ptr[i]);
    }
}
