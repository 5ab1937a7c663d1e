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

/* Writes what a URI becomes; a verdict that is not VERDICT_TRUE leaves it. */
typedef enum verdict rewrite_fn(const struct call *call, const struct sip_uri *uri,
                                struct writer *w);

static char separator_of(const struct call *call)
{
    const struct siputils *state = module_state(call->module);

    return str_is_empty(state->contact_flds_separator) ? '*' : state->contact_flds_separator.ptr[0];
}

static enum verdict rewrite_value(struct call *call, struct str value, rewrite_fn *rewrite)
{
    struct run *run = call->run;
    char buffer[TEXT_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct sip_nameaddr contact;
    struct str text, kept;
    enum verdict verdict;

    if (sip_nameaddr_parse(value, &contact) || contact.is_star)
        return VERDICT_FALSE;
    verdict = rewrite(call, &contact.uri, &w);
    if (verdict != VERDICT_TRUE)
        return verdict;
    if (writer_finish(&w, &text) || str_copy(run->arena, text, &kept))
        return VERDICT_ERROR;
    return verdict_of(sip_edit_replace(run->edits, run->msg, contact.uri.text, kept));
}

/* All values of the first Contact header. */
static enum verdict rewrite_contact(struct call *call, rewrite_fn *rewrite)
{
    const struct sip_hdr *hdr = sip_msg_find(call->run->msg, SIP_HDR_CONTACT, NULL);
    struct str rest = hdr ? hdr->value : STR(""), value;
    enum verdict verdict = VERDICT_FALSE;

    while (sip_list_next(&rest, &value)) {
        verdict = rewrite_value(call, value, rewrite);
        if (verdict != VERDICT_TRUE)
            break;
    }
    return verdict;
}

/* The Request-URI. */
static enum verdict rewrite_ruri(struct call *call, rewrite_fn *rewrite)
{
    char buffer[TEXT_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct sip_uri uri;
    struct str text;
    enum verdict verdict;

    if (sip_uri_parse(uri_current(call->run), &uri))
        return VERDICT_ERROR;
    verdict = rewrite(call, &uri, &w);
    if (verdict != VERDICT_TRUE || str_eq(writer_text(&w), uri.text))
        return verdict;
    return writer_finish(&w, &text) ? VERDICT_ERROR : verdict_of(run_set_uri(call->run, text));
}

/* ---- in the user part ---- */

static enum verdict encode(const struct call *call, const struct sip_uri *uri, struct writer *w)
{
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

static enum verdict decode(const struct call *call, const struct sip_uri *uri, struct writer *w)
{
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
    return rewrite_contact(call, encode);
}

enum verdict decode_contact(struct call *call)
{
    return rewrite_ruri(call, decode);
}

enum verdict decode_contact_header(struct call *call)
{
    return rewrite_contact(call, decode);
}

/* ---- in a parameter ---- */

static enum verdict encode_param(const struct call *call, const struct sip_uri *uri,
                                 struct writer *w)
{
    write_fmt(w, STR_FMT ";" STR_FMT "=", STR_ARG(call->args[1].value.text),
              STR_ARG(call->args[0].value.text));
    write_base64(w, uri->text, BASE64_BARE);
    return VERDICT_TRUE;
}

/* A URI without the parameter stays; what was in it must be a URI. */
static enum verdict decode_param(const struct call *call, const struct sip_uri *uri,
                                 struct writer *w)
{
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

static enum verdict remove_param(const struct call *call, const struct sip_uri *uri,
                                 struct writer *w)
{
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
    return rewrite_contact(call, encode_param);
}

enum verdict contact_param_decode(struct call *call)
{
    return rewrite_contact(call, decode_param);
}

enum verdict contact_param_decode_ruri(struct call *call)
{
    return rewrite_ruri(call, decode_param);
}

enum verdict contact_param_rm(struct call *call)
{
    return rewrite_contact(call, remove_param);
}
