/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contacts that are to come back to us, with the real URI hidden in the user part
 * (prefix*user*password*host*port*transport) or, in base64, in a parameter.
 */
#include "calls.h"

#include <culvert/base64.h>
#include <culvert/log.h>

enum {
    TEXT_MAX = 1024,
    FIELDS = 6, /* prefix, user, password, host, port, transport */
    NO_HOST = -2,
    NO_FIELDS = -26,
};

static char separator_of(const struct call *call)
{
    const struct siputils *state = module_state(call->module);

    return str_is_empty(state->contact_flds_separator) ? '*' : state->contact_flds_separator.ptr[0];
}

/* ---- in the user part ---- */

static enum verdict encode(void *context, const struct sip_uri *uri, struct writer *w)
{
    const struct call *call = context;
    char c = separator_of(call);

    write_fmt(w, "sip:" STR_FMT "%c" STR_FMT "%c" STR_FMT "%c" STR_FMT "%c",
              STR_ARG(call->args[0].value.text), c, STR_ARG(uri->user), c, STR_ARG(uri->password), c,
              STR_ARG(uri->host), c);
    if (uri->has_port)
        write_uint(w, uri->port);
    write_fmt(w, "%c" STR_FMT "@" STR_FMT, c, STR_ARG(sip_param_value(uri->params, STR("transport"))),
              STR_ARG(call->args[1].value.text));
    return VERDICT_TRUE;
}

/* False unless there are all of them, no more and no less. */
static bool split_fields(struct str text, char separator, struct str fields[FIELDS])
{
    for (unsigned i = 0; i < FIELDS - 1; i++) {
        if (!str_split(text, separator, &fields[i], &text))
            return false;
    }
    fields[FIELDS - 1] = text;
    return !str_find_char(text, separator);
}

static enum verdict decode(void *context, const struct sip_uri *uri, struct writer *w)
{
    const struct call *call = context;
    struct str f[FIELDS];

    if (!split_fields(uri->user, separator_of(call), f))
        return (enum verdict)NO_FIELDS;
    if (str_is_empty(f[3]))
        return (enum verdict)NO_HOST;
    write_fmt(w, "sip:" STR_FMT, STR_ARG(f[1]));
    if (!str_is_empty(f[2]))
        write_fmt(w, ":" STR_FMT, STR_ARG(f[2]));
    write_fmt(w, "%s" STR_FMT, str_is_empty(f[1]) ? "" : "@", STR_ARG(f[3]));
    if (!str_is_empty(f[4]))
        write_fmt(w, ":" STR_FMT, STR_ARG(f[4]));
    if (!str_is_empty(f[5]))
        write_fmt(w, ";transport=" STR_FMT, STR_ARG(f[5]));
    return VERDICT_TRUE;
}

enum verdict encode_contact(struct call *call)
{
    return run_rewrite_contacts(call->run, encode, call);
}

enum verdict decode_contact(struct call *call)
{
    return run_rewrite_uri(call->run, decode, call);
}

enum verdict decode_contact_header(struct call *call)
{
    return run_rewrite_contacts(call->run, decode, call);
}

/* ---- in a parameter ---- */

static enum verdict encode_param(void *context, const struct sip_uri *uri, struct writer *w)
{
    const struct call *call = context;
    write_fmt(w, STR_FMT ";" STR_FMT "=", STR_ARG(call->args[1].value.text),
              STR_ARG(call->args[0].value.text));
    write_base64(w, uri->text, BASE64_BARE);
    return VERDICT_TRUE;
}

/* A URI without the parameter stays; what was in it must be a URI. */
static enum verdict decode_param(void *context, const struct sip_uri *uri, struct writer *w)
{
    const struct call *call = context;
    const char *start = w->at;
    struct sip_param param;
    struct sip_uri hidden;

    if (!sip_param_find(uri->params, call->args[0].value.text, &param)) {
        write_str(w, uri->text);
        return VERDICT_TRUE;
    }
    if (write_from_base64(w, param.value, BASE64_PLAIN) ||
        sip_uri_parse(str_between(start, w->at), &hidden))
        return VERDICT_ERROR;
    return VERDICT_TRUE;
}

static enum verdict remove_param(void *context, const struct sip_uri *uri, struct writer *w)
{
    const struct call *call = context;
    char buffer[TEXT_MAX];
    struct writer kept = writer_over(buffer, sizeof buffer);
    struct sip_uri without = *uri;

    uri_params_without(&kept, uri->params, call->args[0].value.text);
    if (writer_finish(&kept, &without.params))
        return VERDICT_ERROR;
    sip_uri_write(w, &without);
    return VERDICT_TRUE;
}

enum verdict contact_param_encode(struct call *call)
{
    return run_rewrite_contacts(call->run, encode_param, call);
}

enum verdict contact_param_decode(struct call *call)
{
    return run_rewrite_contacts(call->run, decode_param, call);
}

enum verdict contact_param_decode_ruri(struct call *call)
{
    return run_rewrite_uri(call->run, decode_param, call);
}

enum verdict contact_param_rm(struct call *call)
{
    return run_rewrite_contacts(call->run, remove_param, call);
}
