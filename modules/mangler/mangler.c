/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What old scripts did against NATs by hand: other addresses and ports in descriptions, and Contacts
 * whose real URI is hidden in the user part. nathelper, or media that are anchored, do it better.
 */
#include <culvert/log.h>
#include <culvert/module.h>
#include <culvert/sdp.h>
#include <culvert/server.h>

#include "mangle.h"

enum {
    NO_HOST = -2,
    BAD_PORT = -3,
    BAD_NET = -5,
    NO_NUMBER = -13,
    NO_FIELDS = -26,
    FIELDS_OPENSER = 6,  /* prefix, user, password, host, port, transport */
    FIELDS_KAMAILIO = 9, /* …and where it came from: host, port, transport */
    ADDED_MAX = 64,      /* bytes that a place of an address or a port may grow by */
};

struct mangler {
    struct str contact_flds_separator;
};

/* ---- descriptions ---- */

struct description {
    struct run_part part;
    struct sdp sdp;
    struct writer w;
};

static enum err open_description(struct run *run, struct description *out)
{
    size_t size;
    char *room;
    enum err err;

    if ((err = run_find_part(run, STR("application/sdp"), &out->part)) ||
        (err = sdp_parse(out->part.part.content, &out->sdp)))
        return err;
    size = out->sdp.text.len + (out->sdp.stream_count + 1) * ADDED_MAX;
    room = arena_alloc(run->arena, size);
    out->w = writer_over(room, size);
    return room ? ERR_NONE : ERR_NOMEM;
}

/* One more than how many were changed, as nothing is no failure. */
static enum verdict close_description(struct run *run, const struct description *description, unsigned count)
{
    struct str text;

    if (writer_finish(&description->w, &text) || (count && run_set_part(run, &description->part, text)))
        return VERDICT_ERROR;
    return (enum verdict)(count + 1);
}

/* sdp_mangle_ip("10.0.0.0/8", "192.0.2.1") */
static enum verdict sdp_mangle_ip(struct call *call)
{
    char buffer[ADDR_TEXT_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct description description;
    struct addr_net net;
    struct addr addr;
    unsigned count;

    if (addr_net_parse(call_text(call, 0), &net) || addr_parse_ip(call_text(call, 1), &addr) ||
        addr.family != net.addr.family) {
        log_error("sdp_mangle_ip: wanted a network and an address of the same family, not \"" STR_FMT
                  "\" and \"" STR_FMT "\"", STR_ARG(call_text(call, 0)), STR_ARG(call_text(call, 1)));
        return (enum verdict)BAD_NET;
    }
    if (open_description(call->run, &description))
        return VERDICT_ERROR;
    addr_write_ip(&w, &addr, false);
    count = mangle_addresses(&description.w, &description.sdp, &net, writer_text(&w));
    return close_description(call->run, &description, count);
}

/* sdp_mangle_port("5000" | "-100") */
static enum verdict sdp_mangle_port(struct call *call)
{
    struct description description;
    int64_t change;

    if (str_to_int(call_text(call, 0), INT32_MIN, INT32_MAX, &change))
        return (enum verdict)NO_NUMBER;
    if (change <= -UINT16_MAX || change > UINT16_MAX)
        return (enum verdict)BAD_PORT;
    if (open_description(call->run, &description))
        return VERDICT_ERROR;
    return close_description(call->run, &description, mangle_ports(&description.w, &description.sdp, change));
}

/* ---- Contacts ---- */

static char separator_of(const struct call *call)
{
    const struct mangler *mangler = module_state(call->module);

    return str_is_empty(mangler->contact_flds_separator) ? '*' : mangler->contact_flds_separator.ptr[0];
}

/* Where the message has come from, as three more fields; UDP is not said. */
static void write_source(struct writer *w, const struct flow *source, char c)
{
    write_char(w, c);
    addr_write_ip(w, &source->peer, true);
    write_fmt(w, "%c%u%c", c, source->peer.port, c);
    if (source->transport != TRANSPORT_UDP)
        write_str(w, transport_traits((enum transport)source->transport)->param_name);
}

/* encode_contact(prefix, host) */
static enum verdict encode(void *context, const struct sip_uri *uri, struct writer *w)
{
    const struct call *call = context;
    char c = separator_of(call);

    write_fmt(w, "sip:" STR_FMT "%c" STR_FMT "%c" STR_FMT "%c" STR_FMT "%c", STR_ARG(call_text(call, 0)), c,
              STR_ARG(uri->user), c, STR_ARG(uri->password), c, STR_ARG(uri->host), c);
    if (uri->has_port)
        write_uint(w, uri->port);
    write_fmt(w, "%c" STR_FMT, c, STR_ARG(sip_param_value(uri->params, STR("transport"))));
    if (!server_is_openser(run_server(call->run)))
        write_source(w, &call->run->source, c);
    write_fmt(w, "@" STR_FMT, STR_ARG(call_text(call, 1)));
    return VERDICT_TRUE;
}

/* Those that are there; one too many is told by a count above the room. */
static unsigned split_fields(struct str text, char separator, struct str fields[static FIELDS_KAMAILIO])
{
    unsigned count = 0;
    struct str field;

    while (str_split(text, separator, &field, &text) && count < FIELDS_KAMAILIO - 1)
        fields[count++] = field;
    if (str_find_char(text, separator))
        return FIELDS_KAMAILIO + 1;
    fields[count++] = text;
    return count;
}

static void write_place(struct writer *w, const struct str place[3])
{
    write_str(w, place[0]);
    if (place[1].len)
        write_fmt(w, ":" STR_FMT, STR_ARG(place[1]));
    if (place[2].len)
        write_fmt(w, ";transport=" STR_FMT, STR_ARG(place[2]));
}

static enum verdict write_decoded(struct writer *w, const struct str fields[static FIELDS_OPENSER])
{
    if (str_is_empty(fields[3]))
        return (enum verdict)NO_HOST;
    write_fmt(w, "sip:" STR_FMT, STR_ARG(fields[1]));
    if (fields[2].len)
        write_fmt(w, ":" STR_FMT, STR_ARG(fields[2]));
    if (fields[1].len)
        write_char(w, '@');
    write_place(w, &fields[3]);
    return VERDICT_TRUE;
}

/* The next hop is where the Contact came from. */
static enum verdict go_back(struct run *run, const struct str place[3])
{
    char buffer[256];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct str text;

    if (str_is_empty(place[0]))
        return VERDICT_TRUE;
    write_str(&w, STR("sip:"));
    write_place(&w, place);
    return writer_finish(&w, &text) ? VERDICT_ERROR : verdict_of(run_set_dst_uri(run, text));
}

static enum verdict decode_uri(const struct call *call, const struct sip_uri *uri, struct writer *w, bool goes_back)
{
    struct str fields[FIELDS_KAMAILIO];
    bool has_source = !server_is_openser(run_server(call->run));
    enum verdict verdict;

    if (split_fields(uri->user, separator_of(call), fields) != (has_source ? FIELDS_KAMAILIO : FIELDS_OPENSER))
        return (enum verdict)NO_FIELDS;
    verdict = write_decoded(w, fields);
    if (verdict != VERDICT_TRUE || !goes_back || !has_source)
        return verdict;
    return go_back(call->run, &fields[FIELDS_OPENSER]);
}

static enum verdict decode(void *context, const struct sip_uri *uri, struct writer *w)
{
    return decode_uri(context, uri, w, true);
}

/* A Contact that hides nothing is as it should be. */
static enum verdict decode_in_header(void *context, const struct sip_uri *uri, struct writer *w)
{
    enum verdict verdict = decode_uri(context, uri, w, false);

    if (verdict != (enum verdict)NO_FIELDS)
        return verdict;
    write_str(w, uri->text);
    return VERDICT_TRUE;
}

static enum verdict encode_contact(struct call *call)
{
    return run_rewrite_contacts(call->run, encode, call);
}

static enum verdict decode_contact(struct call *call)
{
    return run_rewrite_uri(call->run, decode, call);
}

static enum verdict decode_contact_header(struct call *call)
{
    return run_rewrite_contacts(call->run, decode_in_header, call);
}

/* clang-format off */
#define R_O (STAGE_REQUEST | STAGE_REPLY | STAGE_CORE_REPLY | STAGE_FAILURE | STAGE_BRANCH)
#define ROW(name_, minimum, stages_, doc_, ...) \
    { .name = #name_, .run = name_, .takes = { __VA_ARGS__ }, .min_args = minimum, .stages = stages_, .doc = doc_ }

static const struct mod_function functions[] = {
    ROW(sdp_mangle_ip, 2, R_O, "Replaces the addresses of the description that are in a network: network, address; one more than how many.",
        ARG_FMT, ARG_FMT),
    ROW(sdp_mangle_port, 1, R_O, "Replaces the ports of the description by this one, or lowers them by a negative number; one more than how many.",
        ARG_FMT),
    ROW(encode_contact, 2, R_O, "Hides the URIs of Contact in user parts: prefix, our host.", ARG_FMT, ARG_FMT),
    { .name = "decode_contact", .run = decode_contact, .stages = STAGE_REQUEST, .traits = TRAIT_AIMS,
      .doc = "Makes the Request-URI, and the next hop, what encode_contact() has hidden." },
    ROW(decode_contact_header, 0, R_O, "Shows what is hidden in Contact.", ARG_END),
    { 0 },
};

static const struct mod_param params[] = {
    { .name = "contact_flds_separator", .type = PARAM_STR, .offset = offsetof(struct mangler, contact_flds_separator),
      .initial_text = "*", .doc = "What parts the fields of encode_contact()." },
    { 0 },
};
/* clang-format on */

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "mangler",
    .summary = "Changes addresses and ports of session descriptions, and hides Contacts in user parts.",
    .state_size = sizeof(struct mangler),
    .functions = functions,
    .params = params,
};
