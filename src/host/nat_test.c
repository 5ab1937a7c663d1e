/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/nat.h>
#include <culvert/sdp.h>

enum {
    DEFAULT_PORT = 5060,
};

/* ---- pieces ---- */

bool nat_is_private(const struct addr *addr)
{
    static const struct addr assignments = { .ip = { 192, 0, 0, 0 }, .family = ADDR_IPV4 };

    if (addr->family != ADDR_IPV4)
        return false;
    return addr_is_rfc1918(addr) || addr_classify(addr) == ADDR_SHARED ||
           addr_in_net(addr, &assignments, 24);
}

static bool is_private_host(struct str host)
{
    struct addr addr;

    return !addr_parse_ip(host, &addr) && nat_is_private(&addr);
}

/* Names are not looked up: a name is another address than any number. */
static bool is_host_of(struct str host, const struct addr *addr)
{
    struct addr parsed;

    return !addr_parse_ip(host, &parsed) && addr_same_ip(&parsed, addr);
}

static uint16_t port_or_default(uint16_t port)
{
    return port ? port : DEFAULT_PORT;
}

bool nat_find_contact(const struct sip_msg *msg, struct sip_nameaddr *out)
{
    struct sip_values contacts = sip_values_of(msg, SIP_HDR_CONTACT);

    return sip_values_next(&contacts) && !sip_nameaddr_parse(contacts.value, out) &&
           !out->is_star && !str_is_empty(out->uri.host);
}

static bool read_sdp(const struct run *run, struct sdp *out)
{
    struct str body = run->msg->body;

    return !str_is_empty(body) && !sdp_parse(body, out);
}

/* ---- the tests ---- */

static bool test_SOURCE_PORT(struct run *run)
{
    return run->source.peer.port != port_or_default(run->msg->via.port);
}

/* A proxy before us may have noted that the address was another: ;received= in the topmost Via. */
static bool test_SOURCE_ADDRESS(struct run *run)
{
    const struct sip_via *via = &run->msg->via;

    if (!str_is_empty(via->received))
        return true;
    return !is_host_of(str_is_empty(via->maddr) ? via->host : via->maddr, &run->source.peer);
}

static bool test_CONTACT_PRIVATE(struct run *run)
{
    struct sip_nameaddr contact;

    return nat_find_contact(run->msg, &contact) && is_private_host(contact.uri.host);
}

static bool test_SDP_PRIVATE(struct run *run)
{
    struct sdp sdp;

    if (!read_sdp(run, &sdp))
        return false;
    for (unsigned i = 0; i < sdp.stream_count; i++) {
        if (nat_is_private(&sdp.streams[i].address))
            return true;
    }
    return sdp.stream_count == 0 && nat_is_private(&sdp.session_address);
}

static bool test_VIA_PRIVATE(struct run *run)
{
    return is_private_host(run->msg->via.host);
}

static bool test_SOURCE_PRIVATE(struct run *run)
{
    return nat_is_private(&run->source.peer);
}

static bool is_websocket(enum transport transport)
{
    return transport == TRANSPORT_WS || transport == TRANSPORT_WSS;
}

static bool test_WEBSOCKET(struct run *run)
{
    return is_websocket(run->source.transport);
}

static bool test_CONTACT_PORT(struct run *run)
{
    struct sip_nameaddr contact;

    return nat_find_contact(run->msg, &contact) &&
           port_or_default(contact.uri.port) != run->source.peer.port;
}

static bool test_SDP_ELSEWHERE(struct run *run)
{
    struct sdp sdp;

    return read_sdp(run, &sdp) && sdp.session_address.family != ADDR_NONE &&
           !addr_is_unspecified(&sdp.session_address) &&
           !addr_same_ip(&sdp.session_address, &run->source.peer);
}

static bool goes_elsewhere(struct run *run)
{
    const struct target *target = run_target(run);
    enum transport transport = TRANSPORT_UDP;
    struct sip_uri uri, next;

    if (sip_uri_parse(target->uri, &uri))
        return false;
    if (!sip_uri_transport(&uri, &transport) && is_websocket(transport))
        return true;
    if (str_is_empty(target->dst_uri) || sip_uri_parse(target->dst_uri, &next))
        return false;
    return !str_ieq(uri.host, next.host) || sip_uri_port(&uri) != sip_uri_port(&next);
}

/* The Via below ours, where the response goes, was marked when the request came. */
static bool returns_elsewhere(const struct sip_msg *msg)
{
    struct sip_values vias = sip_values_of(msg, SIP_HDR_VIA);
    enum transport transport = TRANSPORT_UDP;
    struct sip_via via;

    if (!sip_values_next(&vias) || !sip_values_next(&vias) || sip_via_parse(vias.value, &via))
        return false;
    if (!transport_find(via.transport, &transport) && is_websocket(transport))
        return true;
    return (via.rport && via.rport != port_or_default(via.port)) ||
           (!str_is_empty(via.received) && !str_ieq(via.received, via.host));
}

static bool test_NEXT_HOP(struct run *run)
{
    return run->msg->is_request ? goes_elsewhere(run) : returns_elsewhere(run->msg);
}

unsigned nat_test(struct run *run, unsigned wanted)
{
    static const struct {
        unsigned bit;
        bool (*holds)(struct run *run);
    } rows[] = {
#define T(name, bit, doc) { bit, test_##name },
        NAT_TEST_TABLE(T)
#undef T
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if ((wanted & rows[i].bit) && rows[i].holds(run))
            return rows[i].bit;
    }
    return 0;
}
