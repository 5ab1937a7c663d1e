/* SPDX-License-Identifier: Apache-2.0 */
#include "calls.h"

#include <culvert/log.h>

enum {
    TEXT_MAX = 1024,
    GRUU_PUBLIC = 1,
    GRUU_TEMPORARY = 2,
};

static enum verdict store_text(struct call *call, unsigned index, struct str text)
{
    struct value value = value_of_str(text);

    return verdict_of(variable_set(call->run, call->args[index].object, &value));
}

/* ---- parameters of the Request-URI ---- */

enum verdict uri_param_any(struct call *call)
{
    struct sip_param param;
    struct sip_uri uri;

    if (sip_uri_parse(uri_current(call->run), &uri))
        return VERDICT_ERROR;
    return verdict_if(sip_param_find(uri.params, call_text(call, 0), &param) ||
                      sip_param_find(uri.user, call_text(call, 0), &param));
}

bool uri_params_without(struct writer *w, struct str params, struct str name)
{
    const char *start = w->at;
    struct sip_param param;
    bool is_found = false;

    while (sip_param_next(&params, &param)) {
        if (str_ieq(param.name, name)) {
            is_found = true;
            continue;
        }
        write_fmt(w, "%s" STR_FMT "%s" STR_FMT, w->at == start ? "" : ";", STR_ARG(param.name),
                  param.has_value ? "=" : "", STR_ARG(param.value));
    }
    return is_found;
}

enum verdict uri_param_rm(struct call *call)
{
    char buffer[TEXT_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct sip_uri uri;

    if (sip_uri_parse(uri_current(call->run), &uri))
        return VERDICT_ERROR;
    if (!uri_params_without(&w, uri.params, call_text(call, 0)) || writer_finish(&w, &uri.params))
        return VERDICT_FALSE;
    return uri_change(call, &uri);
}

enum verdict get_uri_param(struct call *call)
{
    struct sip_param param;
    struct sip_uri uri;

    if (sip_uri_parse(uri_current(call->run), &uri) ||
        !sip_param_find(uri.params, call_text(call, 0), &param))
        return VERDICT_FALSE;
    return store_text(call, 1, param.value);
}

/* ---- changing URIs in variables ---- */

/* tel2sip(uri, host, result) */
enum verdict tel2sip(struct call *call)
{
    char buffer[TEXT_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct sip_uri uri;
    struct str text;

    if (sip_uri_parse(call_text(call, 0), &uri))
        return VERDICT_ERROR;
    if (uri.scheme != URI_TEL)
        return store_text(call, 2, call_text(call, 0));
    write_str(&w, STR("sip:"));
    uri_write_number(&w, uri.user);
    if (!str_is_empty(uri.params))
        write_fmt(&w, ";" STR_FMT, STR_ARG(uri.params));
    write_fmt(&w, "@" STR_FMT ";user=phone", STR_ARG(call_text(call, 1)));
    return writer_finish(&w, &text) ? VERDICT_ERROR : store_text(call, 2, text);
}

static enum verdict set_uri_part(struct call *call, bool is_host)
{
    char buffer[TEXT_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct value value;
    struct sip_uri uri;
    struct str text;

    if (variable_get(call->run, call->args[0].object, &value) || !value.has_text ||
        sip_uri_parse(value.text, &uri))
        return VERDICT_ERROR;
    if (is_host)
        uri.host = call_text(call, 1);
    else
        uri.user = call_text(call, 1);
    sip_uri_write(&w, &uri);
    return writer_finish(&w, &text) ? VERDICT_ERROR : store_text(call, 0, text);
}

enum verdict set_uri_user(struct call *call)
{
    return set_uri_part(call, false);
}

enum verdict set_uri_host(struct call *call)
{
    return set_uri_part(call, true);
}

/* ---- what a text is ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || (char_lower(c) >= 'a' && char_lower(c) <= 'z');
}

static bool consists_of(struct str text, bool (*belongs)(char c), struct str more)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!belongs(text.ptr[i]) && !str_find_char(more, text.ptr[i]))
            return false;
    }
    return !str_is_empty(text);
}

enum verdict is_numeric(struct call *call)
{
    return verdict_if(consists_of(call_text(call, 0), is_digit, STR("")));
}

enum verdict is_alphanum(struct call *call)
{
    return verdict_if(consists_of(call_text(call, 0), is_alnum, STR("")));
}

enum verdict is_alphanumex(struct call *call)
{
    return verdict_if(consists_of(call_text(call, 0), is_alnum, call_text(call, 1)));
}

enum verdict is_tel_number(struct call *call)
{
    struct str text = call_text(call, 0);

    if (text.len && text.ptr[0] == '+')
        text = str_skip(text, 1);
    return verdict_if(consists_of(text, is_digit, STR("")));
}

enum verdict is_uri(struct call *call)
{
    struct sip_uri uri;

    return verdict_if(!sip_uri_parse(call_text(call, 0), &uri) && uri.scheme != URI_OTHER);
}

enum verdict is_e164(struct call *call)
{
    struct value value;

    if (variable_get(call->run, call->args[0].object, &value) || !value.has_text)
        return VERDICT_ERROR;
    return verdict_if(uri_text_is_e164(value.text));
}

/* ---- comparing ---- */

enum verdict cmp_uri(struct call *call)
{
    struct sip_uri a, b;

    if (sip_uri_parse(call_text(call, 0), &a) || sip_uri_parse(call_text(call, 1), &b))
        return VERDICT_ERROR;
    return verdict_if(sip_uri_equal(&a, &b));
}

enum verdict cmp_aor(struct call *call)
{
    struct sip_uri a, b;

    if (sip_uri_parse(call_text(call, 0), &a) || sip_uri_parse(call_text(call, 1), &b))
        return VERDICT_ERROR;
    return verdict_if(str_eq(a.user, b.user) && str_ieq(a.host, b.host));
}

enum verdict cmp_hdr_name(struct call *call)
{
    enum sip_hdr_id id = sip_hdr_find_id(call_text(call, 0));

    if (id != SIP_HDR_OTHER)
        return verdict_if(id == sip_hdr_find_id(call_text(call, 1)));
    return verdict_if(str_ieq(call_text(call, 0), call_text(call, 1)));
}

/* ---- the message ---- */

enum verdict is_request(struct call *call)
{
    return verdict_if(call->run->msg->is_request);
}

enum verdict is_reply(struct call *call)
{
    return verdict_if(!call->run->msg->is_request);
}

enum verdict is_gruu(struct call *call)
{
    struct str text = call->arg_count ? call_text(call, 0) : uri_current(call->run);
    struct sip_param gruu;
    struct sip_uri uri;

    if (sip_uri_parse(text, &uri) || !sip_param_find(uri.params, STR("gr"), &gruu))
        return VERDICT_FALSE;
    return (enum verdict)(str_is_empty(gruu.value) ? GRUU_TEMPORARY : GRUU_PUBLIC);
}

enum verdict is_supported(struct call *call)
{
    struct sip_values options = sip_values_of(call->run->msg, SIP_HDR_SUPPORTED);

    while (sip_values_next(&options)) {
        if (str_ieq(options.value, call_text(call, 0)))
            return VERDICT_TRUE;
    }
    return VERDICT_FALSE;
}

static unsigned count_values(const struct sip_msg *msg, enum sip_hdr_id id)
{
    struct sip_values values = sip_values_of(msg, id);
    unsigned count = 0;

    while (sip_values_next(&values))
        count++;
    return count;
}

/*
 * Requests: only the sender's own Via. Replies: the dialog was recorded by nobody between the
 * sender and us, so that the last Record-Route, seen from the caller, is ours or there is none.
 */
enum verdict is_first_hop(struct call *call)
{
    const struct sip_msg *msg = call->run->msg;
    struct sip_values routes = sip_values_of(msg, SIP_HDR_RECORD_ROUTE);
    struct sip_nameaddr route;

    if (msg->is_request)
        return verdict_if(count_values(msg, SIP_HDR_VIA) == 1);
    if (!sip_values_next(&routes))
        return VERDICT_TRUE;
    return verdict_if(!sip_nameaddr_parse(routes.value, &route) &&
                      run_is_uri_myself(call->run, &route.uri));
}

/* ---- headers and replies ---- */

enum verdict options_reply(struct call *call)
{
    const struct siputils *state = module_state(call->module);

    return options_answer(call->run, &state->options);
}
