/* SPDX-License-Identifier: Apache-2.0 */
/* The message: method, status, headers, body, Vias. */
#include "host/host.h"
#include "host/variables.h"

/* ---- the start line ---- */

static enum err get_rm(const struct variable_use *use, struct value *out)
{
    return give_text_or_null(out, use->run->msg->method_name);
}

static enum err get_rmid(const struct variable_use *use, struct value *out)
{
    return give_int(out, sip_method_bit(use->run->msg->method_name));
}

/* OpenSER reads 0 in requests where Kamailio has nothing. */
static enum err get_rs(const struct variable_use *use, struct value *out)
{
    const struct sip_msg *msg = use->run->msg;
    struct str text;

    if (msg->is_request && !server_is_openser(run_server(use->run)))
        return give_null(out);
    if (str_print(use->run->arena, &text, "%u", msg->status))
        return ERR_NOMEM;
    *out = (struct value){ text, msg->status, true, true, true };
    return ERR_NONE;
}

static enum err get_rsi(const struct variable_use *use, struct value *out)
{
    return give_int(out, use->run->msg->is_request ? 0 : use->run->msg->status);
}

static enum err get_rr(const struct variable_use *use, struct value *out)
{
    return give_text_or_null(out, use->run->msg->reason);
}

static enum err get_rv(const struct variable_use *use, struct value *out)
{
    (void)use;
    return give_text(out, STR("SIP/2.0"));
}

static enum err get_mt(const struct variable_use *use, struct value *out)
{
    return give_int(out, use->run->msg->is_request ? 1 : 2);
}

static enum err get_mts(const struct variable_use *use, struct value *out)
{
    return give_text(out, use->run->msg->is_request ? STR("rq") : STR("rp"));
}

/* ---- headers with a name of their own ---- */

static enum err give_header(const struct variable_use *use, enum sip_hdr_id id, struct value *out)
{
    return give_text_or_null(out, sip_msg_value(use->run->msg, id));
}

static enum err get_ci(const struct variable_use *use, struct value *out)
{
    return give_text_or_null(out, use->run->msg->call_id);
}

static enum err get_cs(const struct variable_use *use, struct value *out)
{
    return give_both(use->run, out, use->run->msg->cseq);
}

static enum err get_csb(const struct variable_use *use, struct value *out)
{
    return give_header(use, SIP_HDR_CSEQ, out);
}

static enum err get_ct(const struct variable_use *use, struct value *out)
{
    return give_header(use, SIP_HDR_CONTACT, out);
}

static enum err get_cT(const struct variable_use *use, struct value *out)
{
    return give_header(use, SIP_HDR_CONTENT_TYPE, out);
}

static enum err get_cl(const struct variable_use *use, struct value *out)
{
    uint64_t length;

    if (str_to_uint(sip_msg_value(use->run->msg, SIP_HDR_CONTENT_LENGTH), 0, UINT32_MAX, &length))
        return give_null(out);
    return give_number(use->run, out, (int64_t)length);
}

static enum err get_ua(const struct variable_use *use, struct value *out)
{
    return give_header(use, SIP_HDR_USER_AGENT, out);
}

/* ---- any header: $hdr(n), $hdrc(n), $hfl(n), $hflc(n) ---- */

/* "*" is every header. */
static const struct sip_hdr *next_header(const struct variable_use *use, const struct sip_hdr *hdr)
{
    const struct sip_msg *msg = use->run->msg;

    if (!str_eq(use->inner, STR("*")))
        return sip_msg_find_name(msg, use->inner, hdr);
    hdr = hdr ? hdr + 1 : msg->hdrs;
    return hdr < msg->hdrs + msg->hdr_count ? hdr : NULL;
}

static unsigned count_headers(const struct variable_use *use)
{
    unsigned count = 0;

    for (const struct sip_hdr *hdr = NULL; (hdr = next_header(use, hdr));)
        count++;
    return count;
}

/* All of them, with commas between. */
static enum err join_headers(const struct variable_use *use, struct value *out)
{
    const struct sip_hdr *hdr = NULL;
    struct str joined = { 0 };

    while ((hdr = next_header(use, hdr))) {
        enum err err = str_print(use->run->arena, &joined, STR_FMT "%s" STR_FMT, STR_ARG(joined),
                                 joined.ptr ? "," : "", STR_ARG(hdr->value));
        if (err)
            return err;
    }
    return joined.ptr ? give_text(out, joined) : give_null(out);
}

static enum err get_hdr(const struct variable_use *use, struct value *out)
{
    const struct sip_hdr *hdr = NULL;
    int index = use->has_index ? use->index : 0;

    if (use->is_all)
        return join_headers(use, out);
    if (index < 0)
        index += (int)count_headers(use);
    if (index < 0)
        return give_null(out);
    do {
        hdr = next_header(use, hdr);
    } while (hdr && index-- > 0);
    return hdr ? give_text(out, hdr->value) : give_null(out);
}

static enum err get_hdrc(const struct variable_use *use, struct value *out)
{
    return give_int(out, sip_msg_count_name(use->run->msg, use->inner));
}

/* The headers that may have several values each; of all others a header is one value. */
static bool is_list(struct str name)
{
    static const char *const names[] = { "Via", "v", "Route", "Record-Route", "Contact", "m" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_ieq(name, str_of(names[i])))
            return true;
    return false;
}

/* The n-th of the values of all headers of that name; counts them too. */
static unsigned walk_values(const struct sip_msg *msg, struct str name, int wanted,
                            struct str *found)
{
    const struct sip_hdr *hdr = NULL;
    unsigned count = 0;

    while ((hdr = sip_msg_find_name(msg, name, hdr))) {
        struct str rest = hdr->value, value;

        if (!is_list(name)) {
            *found = (int)count++ == wanted ? hdr->value : *found;
            continue;
        }
        while (sip_list_next(&rest, &value))
            *found = (int)count++ == wanted ? value : *found;
    }
    return count;
}

/* [*] is the headers as they stand; an index counts from the front alone. */
static enum err get_hfl(const struct variable_use *use, struct value *out)
{
    struct str found = { 0 };

    if (use->is_all)
        return join_headers(use, out);
    walk_values(use->run->msg, use->inner, use->has_index ? use->index : 0, &found);
    return give_text_or_null(out, found);
}

static enum err get_hflc(const struct variable_use *use, struct value *out)
{
    struct str none;

    return give_int(out, walk_values(use->run->msg, use->inner, -1, &none));
}

/* ---- expires of the contacts ---- */

static bool contact_expires(struct str text, uint64_t general, uint64_t *out)
{
    struct sip_nameaddr contact;
    struct sip_param param;

    if (sip_nameaddr_parse(text, &contact))
        return false;
    *out = general;
    if (sip_param_find(contact.params, STR("expires"), &param) &&
        str_to_uint(param.value, 0, UINT32_MAX, out))
        return false;
    return true;
}

static enum err get_expires(const struct variable_use *use, struct value *out)
{
    struct sip_values values = sip_values_of(use->run->msg, SIP_HDR_CONTACT);
    struct str header = sip_msg_value(use->run->msg, SIP_HDR_EXPIRES);
    bool wants_max = str_eq(use->inner, STR("max")), has_any = false;
    uint64_t general = 0, best = 0, expires;

    if (!str_to_uint(header, 0, UINT32_MAX, &general))
        best = general;
    while (sip_values_next(&values)) {
        if (!contact_expires(values.value, general, &expires))
            continue;
        if (!has_any || (wants_max ? expires > best : expires < best))
            best = expires;
        has_any = true;
    }
    return has_any || !str_is_empty(header) ? give_int(out, (int64_t)best) : give_null(out);
}

/* ---- the bytes ---- */

static enum err get_mb(const struct variable_use *use, struct value *out)
{
    return give_text(out, use->run->msg->bytes);
}

static enum err get_mbu(const struct variable_use *use, struct value *out)
{
    struct str text;
    enum err err = apply_write(use->run, use->run->arena, &text);

    return err ? err : give_text(out, text);
}

static enum err get_msgbuf(const struct variable_use *use, struct value *out)
{
    struct str bytes = use->run->msg->bytes;
    uint64_t at;

    if (str_to_uint(use->inner, 0, SIZE_MAX, &at) || at >= bytes.len)
        return give_null(out);
    return give_text(out, (struct str){ bytes.ptr + at, 1 });
}

static enum err get_ml(const struct variable_use *use, struct value *out)
{
    return give_both(use->run, out, (int64_t)use->run->msg->bytes.len);
}

static enum err get_rb(const struct variable_use *use, struct value *out)
{
    return give_text_or_null(out, use->run->msg->body);
}

static enum err get_bs(const struct variable_use *use, struct value *out)
{
    return give_int(out, (int64_t)use->run->msg->body.len);
}

/* The same message has the same number; that is all it is good for. */
static enum err get_mi(const struct variable_use *use, struct value *out)
{
    const struct sip_msg *msg = use->run->msg;
    uint32_t id = msg->cseq;

    for (size_t i = 0; i < msg->call_id.len; i++)
        id = id * 31 + (unsigned char)msg->call_id.ptr[i];
    return give_int(out, id);
}

static struct str headers_text(const struct sip_msg *msg)
{
    return str_skip(msg->head, msg->first_line.len);
}

static enum err get_msg(const struct variable_use *use, struct value *out)
{
    const struct sip_msg *msg = use->run->msg;
    struct str what = use->inner;

    if (str_eq(what, STR("len")))
        return give_int(out, (int64_t)msg->bytes.len);
    if (str_eq(what, STR("buf")))
        return give_text(out, msg->bytes);
    if (str_eq(what, STR("body")))
        return give_text_or_null(out, msg->body);
    if (str_eq(what, STR("body_len")))
        return give_int(out, (int64_t)msg->body.len);
    if (str_eq(what, STR("hdrs")))
        return give_text(out, headers_text(msg));
    if (str_eq(what, STR("hdrs_len")))
        return give_int(out, (int64_t)headers_text(msg).len);
    if (str_eq(what, STR("hdrc")))
        return give_int(out, msg->hdr_count);
    if (str_eq(what, STR("fline")))
        return give_text(out, str_trim(msg->first_line));
    if (str_eq(what, STR("fpart")))
        return give_text(out, msg->head);
    if (str_eq(what, STR("lpart")))
        return give_text(out, str_skip(msg->bytes, msg->first_line.len));
    return give_null(out);
}

/* ---- Vias ---- */

static bool find_via(const struct sip_msg *msg, unsigned index, struct sip_via *out)
{
    struct sip_values vias = sip_values_of(msg, SIP_HDR_VIA);

    do {
        if (!sip_values_next(&vias))
            return false;
    } while (index-- > 0);
    return !sip_via_parse(vias.value, out);
}

static bool find_last_via(const struct sip_msg *msg, struct sip_via *out)
{
    struct sip_values vias = sip_values_of(msg, SIP_HDR_VIA);
    struct str last = { 0 };

    while (sip_values_next(&vias))
        last = vias.value;
    return !sip_via_parse(last, out);
}

static enum err give_via(const struct variable_use *use, const struct sip_via *via,
                         struct value *out)
{
    struct str what = use->inner;
    enum transport transport = TRANSPORT_UDP;

    if (str_eq(what, STR("host")))
        return give_text(out, via->host);
    if (str_eq(what, STR("port")))
        return give_int(out, via->port);
    if (str_eq(what, STR("proto")))
        return give_text(out, via->transport);
    if (str_eq(what, STR("protoid")))
        return transport_find(via->transport, &transport) ? give_null(out)
                                                          : give_transport(out, transport);
    if (str_eq(what, STR("branch")))
        return give_text_or_null(out, via->branch);
    if (str_eq(what, STR("rport")))
        return via->rport ? give_int(out, via->rport) : give_null(out);
    if (str_eq(what, STR("received")))
        return give_text_or_null(out, via->received);
    if (str_eq(what, STR("i")))
        return give_text_or_null(out, sip_param_value(via->params, STR("i")));
    return give_null(out);
}

static enum err get_via0(const struct variable_use *use, struct value *out)
{
    return give_via(use, &use->run->msg->via, out);
}

static enum err get_via1(const struct variable_use *use, struct value *out)
{
    struct sip_via via;

    return find_via(use->run->msg, 1, &via) ? give_via(use, &via, out) : give_null(out);
}

static enum err get_viaZ(const struct variable_use *use, struct value *out)
{
    struct sip_via via;

    return find_last_via(use->run->msg, &via) ? give_via(use, &via, out) : give_null(out);
}

/* ---- $rpl(x): where a response will go ---- */

static enum err get_rpl_address(const struct variable_use *use, const struct sip_via *via,
                                struct value *out)
{
    struct str host = str_is_empty(via->received) ? via->host : via->received, text;
    uint16_t port = via->rport ? via->rport : via->port ? via->port : 5060;
    enum transport transport = TRANSPORT_UDP;
    enum err err;

    if (str_eq(use->inner, STR("dhost")))
        return give_text(out, host);
    if (str_eq(use->inner, STR("dport")))
        return give_both(use->run, out, port);
    if (transport_find(via->transport, &transport))
        return give_null(out);
    if (str_eq(use->inner, STR("dproto")))
        return give_text(out, transport_traits(transport)->param_name);
    if (str_eq(use->inner, STR("dprotoid")))
        return give_transport(out, transport);
    err = str_print(use->run->arena, &text, "sip:" STR_FMT ":%u;transport=" STR_FMT, STR_ARG(host),
                    port, STR_ARG(transport_traits(transport)->param_name));
    return err ? err : give_text(out, text);
}

static enum err get_rpl(const struct variable_use *use, struct value *out)
{
    const struct sip_msg *msg = use->run->msg;
    struct sip_via via;
    struct str none;

    if (msg->is_request)
        return give_null(out);
    if (str_eq(use->inner, STR("cntvia")))
        return give_int(out, walk_values(msg, STR("Via"), -1, &none));
    if (str_eq(use->inner, STR("cntrr")))
        return give_int(out, walk_values(msg, STR("Record-Route"), -1, &none));
    return find_via(msg, 1, &via) ? get_rpl_address(use, &via, out) : give_null(out);
}

VARIABLE_OF_WORDS(check_expires, "min max")
VARIABLE_OF_WORDS(check_msg, "len buf body body_len hdrs hdrs_len hdrc fline fpart lpart")
VARIABLE_OF_WORDS(check_via, "host port proto protoid branch rport received i")
VARIABLE_OF_WORDS(check_rpl, "duri dhost dport dproto dprotoid cntvia cntrr")

/* clang-format off */
#define R(name_, getter, doc_) { .name = name_, .get = getter, .doc = doc_ }
#define IN(name_, getter, doc_) { .name = name_, .inner = INNER_NEEDED, .get = getter, .doc = doc_ }

#define WORDS(name_, getter, checker, doc_) \
    { .name = name_, .inner = INNER_NEEDED, .get = getter, .prepare = checker, .doc = doc_ }

const struct mod_variable message_variables[] = {
    R("rm", get_rm, "Method; in responses that of CSeq."),
    R("rmid", get_rmid, "A number for the method."),
    R("rs", get_rs, "Status of a response."),
    R("rsi", get_rsi, "Status of a response, 0 in requests."),
    R("rr", get_rr, "Reason phrase of a response."),
    R("rv", get_rv, "SIP version."),
    R("mt", get_mt, "1 in requests, 2 in responses."),
    R("mts", get_mts, "rq in requests, rp in responses."),
    R("ci", get_ci, "Call-ID."),
    R("cs", get_cs, "Number of CSeq."),
    R("csb", get_csb, "Body of CSeq."),
    R("ct", get_ct, "Body of the first Contact."),
    R("cT", get_cT, "Content-Type."),
    R("cl", get_cl, "Content-Length."),
    R("ua", get_ua, "User-Agent."),
    IN("hdr", get_hdr, "Body of a header: $hdr(name), $(hdr(name)[i])."),
    IN("hdrc", get_hdrc, "How many headers of a name there are."),
    IN("hfl", get_hfl, "The i-th value of a header; Via, Route and Contact may have several."),
    IN("hflc", get_hflc, "How many such values there are."),
    WORDS("expires", get_expires, check_expires,
          "Shortest or longest expiry of the contacts: $expires(min), (max)."),
    R("mb", get_mb, "The message as received."),
    R("mbu", get_mbu, "The message with the changes so far."),
    R("ml", get_ml, "Its length."),
    R("rb", get_rb, "Body of the message; null when there is none."),
    R("bs", get_bs, "Length of the body."),
    R("mi", get_mi, "A number of the message."),
    IN("msgbuf", get_msgbuf, "A character of the message, counted from 0."),
    WORDS("msg", get_msg, check_msg,
          "Parts of the message."),
    WORDS("via0", get_via0, check_via, "Parts of the topmost Via."),
    WORDS("via1", get_via1, check_via, "Parts of the second Via."),
    WORDS("viaZ", get_viaZ, check_via, "Parts of the last Via."),
    WORDS("rpl", get_rpl, check_rpl,
          "Of a response: where it will go, and how many Vias and Record-Routes it has."),
    { 0 },
};
