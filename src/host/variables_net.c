/* SPDX-License-Identifier: Apache-2.0 */
/* Where the message came from and what it came in on. */
#include "host/variables.h"

#include <unistd.h>

enum {
    ADDRESS_MAX = 96,
    AF_INET4_NUMBER = 2,
    AF_INET6_NUMBER = 10,
    SCTP_NUMBER = 4, /* nobody has it, scripts may ask for it */
};

/* ---- pieces ---- */

static enum err give_ip(struct run *run, const struct addr *addr, bool bracketed, struct value *out)
{
    char buffer[ADDRESS_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct str text;
    enum err err;

    if (addr->family == ADDR_NONE)
        return give_null(out);
    addr_write_ip(&w, addr, bracketed);
    err = str_copy(run->arena, writer_text(&w), &text);
    return err ? err : give_text(out, text);
}

/* "sip:192.0.2.1:5060;transport=tcp" */
static enum err give_uri(struct run *run, struct str host, uint16_t port, enum transport transport,
                         bool with_transport, struct value *out)
{
    struct str name = transport_traits(transport)->param_name, text;
    enum err err =
        str_print(run->arena, &text, "sip:" STR_FMT ":%u%s" STR_FMT, STR_ARG(host), port,
                  with_transport ? ";transport=" : "", STR_ARG(with_transport ? name : STR("")));

    return err ? err : give_text(out, text);
}

static enum err give_addr_uri(struct run *run, const struct addr *addr, enum transport transport,
                              bool with_transport, struct value *out)
{
    char buffer[ADDRESS_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);

    addr_write_ip(&w, addr, true);
    return give_uri(run, writer_text(&w), addr->port, transport, with_transport, out);
}

/* "udp:192.0.2.1:5060" */
static enum err give_socket(struct run *run, const struct addr *addr, enum transport transport,
                            struct value *out)
{
    char address[ADDR_TEXT_MAX];
    struct str name = transport_traits(transport)->param_name, text;
    enum err err =
        str_print(run->arena, &text, STR_FMT ":%s", STR_ARG(name), addr_text(addr, address));

    return err ? err : give_text(out, text);
}

static const struct listener *listener_at(const struct run *run, uint16_t socket)
{
    unsigned count;
    const struct listener *listeners = server_listeners(run_server(run), &count);

    return socket < count ? &listeners[socket] : NULL;
}

static const struct listener *listener_of(const struct run *run)
{
    return listener_at(run, run->source.socket);
}

/* ---- the source ---- */

static enum err get_si(const struct variable_use *use, struct value *out)
{
    return give_ip(use->run, &use->run->source.peer, false, out);
}

static enum err get_siz(const struct variable_use *use, struct value *out)
{
    return give_ip(use->run, &use->run->source.peer, true, out);
}

static enum err get_sp(const struct variable_use *use, struct value *out)
{
    return give_both(use->run, out, use->run->source.peer.port);
}

static enum err get_su(const struct variable_use *use, struct value *out)
{
    const struct flow *source = &use->run->source;

    return give_addr_uri(use->run, &source->peer, source->transport, false, out);
}

static enum err get_sut(const struct variable_use *use, struct value *out)
{
    const struct flow *source = &use->run->source;

    return give_addr_uri(use->run, &source->peer, source->transport, true, out);
}

static enum err get_sas(const struct variable_use *use, struct value *out)
{
    return give_socket(use->run, &use->run->source.peer, use->run->source.transport, out);
}

static enum err get_pr(const struct variable_use *use, struct value *out)
{
    struct str text = transport_traits(use->run->source.transport)->via_name;

    /* OpenSER compares it with upper-case words; Kamailio's scripts with lower-case ones. */
    if (!server_is_openser(run_server(use->run)))
        text = transport_traits(use->run->source.transport)->param_name;
    give_transport(out, use->run->source.transport);
    *out = value_of_both(text, out->number);
    return ERR_NONE;
}

static enum err get_prid(const struct variable_use *use, struct value *out)
{
    return give_transport(out, use->run->source.transport);
}

static enum err get_af(const struct variable_use *use, struct value *out)
{
    bool is_ipv6 = use->run->source.peer.family == ADDR_IPV6;

    *out = value_of_both(is_ipv6 ? STR("INET6") : STR("INET"),
                         is_ipv6 ? AF_INET6_NUMBER : AF_INET4_NUMBER);
    return ERR_NONE;
}

static enum err get_conid(const struct variable_use *use, struct value *out)
{
    uint64_t connection = use->run->source.connection;

    return connection ? give_int(out, (int64_t)connection) : give_null(out);
}

/* ---- our side ---- */

static enum err get_Ri(const struct variable_use *use, struct value *out)
{
    const struct listener *listener = listener_of(use->run);

    return listener ? give_ip(use->run, &listener->bound, false, out) : give_null(out);
}

static enum err get_Rp(const struct variable_use *use, struct value *out)
{
    const struct listener *listener = listener_of(use->run);

    return listener ? give_both(use->run, out, listener->bound.port) : give_null(out);
}

static enum err give_own_uri(const struct variable_use *use, bool with_transport, struct value *out)
{
    const struct listener *listener = listener_of(use->run);

    if (!listener)
        return give_null(out);
    return give_addr_uri(use->run, &listener->bound, listener->transport, with_transport, out);
}

static enum err get_Ru(const struct variable_use *use, struct value *out)
{
    return give_own_uri(use, false, out);
}

static enum err get_Rut(const struct variable_use *use, struct value *out)
{
    return give_own_uri(use, true, out);
}

static enum err get_Ras(const struct variable_use *use, struct value *out)
{
    const struct listener *listener = listener_of(use->run);

    return listener ? give_socket(use->run, &listener->bound, listener->transport, out)
                    : give_null(out);
}

static enum err get_Rn(const struct variable_use *use, struct value *out)
{
    const struct listener *listener = listener_of(use->run);

    return listener ? give_text_or_null(out, listener->name) : give_null(out);
}

/* What the others are told: the advertised address, else the bound one. */
static enum err get_RAi(const struct variable_use *use, struct value *out)
{
    const struct listener *listener = listener_of(use->run);

    if (!listener || str_is_empty(listener->advertised_host))
        return get_Ri(use, out);
    return give_text(out, listener->advertised_host);
}

static enum err get_RAp(const struct variable_use *use, struct value *out)
{
    const struct listener *listener = listener_of(use->run);

    if (!listener || !listener->advertised_port)
        return get_Rp(use, out);
    return give_both(use->run, out, listener->advertised_port);
}

static enum err give_advertised_uri(const struct variable_use *use, bool with_transport,
                                    struct value *out)
{
    const struct listener *listener = listener_of(use->run);
    uint16_t port;

    if (!listener || str_is_empty(listener->advertised_host))
        return give_own_uri(use, with_transport, out);
    port = listener->advertised_port ? listener->advertised_port : listener->bound.port;
    return give_uri(use->run, listener->advertised_host, port, listener->transport, with_transport,
                    out);
}

static enum err get_RAu(const struct variable_use *use, struct value *out)
{
    return give_advertised_uri(use, false, out);
}

static enum err get_RAut(const struct variable_use *use, struct value *out)
{
    return give_advertised_uri(use, true, out);
}

/* ---- by name: $rcv(x), $K(x) ---- */

static enum err get_rcv(const struct variable_use *use, struct value *out)
{
    static const struct {
        const char *name;
        enum err (*get)(const struct variable_use *use, struct value *out);
    } rows[] = {
        { "srcip", get_si },   { "srcport", get_sp }, { "rcvip", get_Ri }, { "rcvport", get_Rp },
        { "proto", get_prid }, { "sproto", get_pr },  { "af", get_af },
    };

    if (str_eq(use->inner, STR("buf")))
        return give_text(out, use->run->msg->bytes);
    if (str_eq(use->inner, STR("len")))
        return give_int(out, (int64_t)use->run->msg->bytes.len);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (str_eq(use->inner, str_of(rows[i].name)))
            return rows[i].get(use, out);
    }
    return give_null(out);
}

static enum err get_K(const struct variable_use *use, struct value *out)
{
    enum transport transport;

    if (str_eq(use->inner, STR("IPv4")) || str_eq(use->inner, STR("INET")))
        return give_int(out, AF_INET4_NUMBER);
    if (str_eq(use->inner, STR("IPv6")) || str_eq(use->inner, STR("INET6")))
        return give_int(out, AF_INET6_NUMBER);
    if (str_eq(use->inner, STR("SCTP")))
        return give_int(out, SCTP_NUMBER);
    return transport_find(use->inner, &transport) ? give_null(out) : give_transport(out, transport);
}

static enum err get_pp(const struct variable_use *use, struct value *out)
{
    (void)use;
    return give_int(out, getpid());
}

/* ---- what is about to be sent: $sndto(x), $sndfrom(x) ---- */

static enum err give_family(struct value *out, const struct addr *addr)
{
    return give_int(out, addr->family == ADDR_IPV6 ? AF_INET6_NUMBER : AF_INET4_NUMBER);
}

/* Of one end of the way; `addr` NULL: nobody knows. */
static enum err give_end(const struct variable_use *use, const struct addr *addr, struct value *out)
{
    const struct send_off *sending = use->run->sending;
    enum transport transport = sending->flow->transport;

    if (str_eq(use->inner, STR("buf")))
        return give_text(out, sending->bytes);
    if (str_eq(use->inner, STR("len")))
        return give_int(out, (int64_t)sending->bytes.len);
    if (str_eq(use->inner, STR("proto")))
        return give_transport(out, transport);
    if (str_eq(use->inner, STR("sproto")))
        return give_text(out, transport_traits(transport)->param_name);
    if (!addr)
        return give_null(out);
    if (str_eq(use->inner, STR("saf")))
        return give_text(out, addr->family == ADDR_IPV6 ? STR("INET6") : STR("INET"));
    if (str_eq(use->inner, STR("ip")))
        return give_ip(use->run, addr, false, out);
    return str_eq(use->inner, STR("port")) ? give_int(out, addr->port) : give_family(out, addr);
}

static enum err get_sndto(const struct variable_use *use, struct value *out)
{
    const struct send_off *sending = use->run->sending;

    return sending ? give_end(use, &sending->flow->peer, out) : give_null(out);
}

static enum err get_sndfrom(const struct variable_use *use, struct value *out)
{
    const struct send_off *sending = use->run->sending;
    const struct listener *listener;

    if (!sending)
        return give_null(out);
    listener = listener_at(use->run, sending->flow->socket);
    return give_end(use, listener ? &listener->bound : NULL, out);
}

VARIABLE_OF_WORDS(check_snd, "ip af saf port proto sproto buf len")
VARIABLE_OF_WORDS(check_rcv, "buf len proto sproto srcip srcport rcvip rcvport af")
VARIABLE_OF_WORDS(check_K, "UDP TCP TLS SCTP WS WSS IPv4 INET IPv6 INET6")

/* clang-format off */
#define R(name_, getter, doc_) { .name = name_, .get = getter, .doc = doc_ }
#define WORDS(name_, getter, checker, doc_) \
    { .name = name_, .inner = INNER_NEEDED, .get = getter, .prepare = checker, .doc = doc_ }

#define DOC_SI "Address that the message came from."
#define DOC_SNDTO "Of what an onsend_route lets go: address and port it goes to, transport, bytes; null elsewhere."
#define DOC_PR "Transport that the message came over."

const struct mod_variable net_variables[] = {
    R("si", get_si, DOC_SI),
    R("src_ip", get_si, DOC_SI),
    R("siz", get_siz, "The same, IPv6 in brackets."),
    R("sp", get_sp, "Port that the message came from."),
    R("su", get_su, "URI that the message came from."),
    R("sut", get_sut, "The same, with its transport."),
    R("sas", get_sas, "Source as proto:host:port."),
    R("pr", get_pr, DOC_PR),
    R("proto", get_pr, DOC_PR),
    R("prid", get_prid, "A number for the transport."),
    R("af", get_af, "Address family of the source: INET or INET6."),
    R("conid", get_conid, "Number of the connection; null without one."),
    R("Ri", get_Ri, "Our address that the message came in on."),
    R("Rp", get_Rp, "Our port that the message came in on."),
    R("Ru", get_Ru, "Our URI that the message came in on."),
    R("Rut", get_Rut, "The same, with its transport."),
    R("Ras", get_Ras, "Our socket as proto:host:port."),
    R("Rn", get_Rn, "Name of our socket."),
    R("RAi", get_RAi, "The address that we advertise on it."),
    R("RAp", get_RAp, "The port that we advertise on it."),
    R("RAu", get_RAu, "The URI that we advertise on it."),
    R("RAut", get_RAut, "The same, with its transport."),
    WORDS("rcv", get_rcv, check_rcv,
          "Of the reception: its addresses, its transport, its bytes."),
    WORDS("snd", get_sndto, check_snd, DOC_SNDTO),
    WORDS("sndto", get_sndto, check_snd, DOC_SNDTO),
    WORDS("sndfrom", get_sndfrom, check_snd, "The same with our address and port; null elsewhere."),
    WORDS("K", get_K, check_K,
          "The number of a transport or an address family."),
    R("pp", get_pp, "Process id."),
    { 0 },
};
