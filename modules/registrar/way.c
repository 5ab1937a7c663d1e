/* SPDX-License-Identifier: Apache-2.0 */
/* How a binding is reached: by its Contact, or by the flow that it was registered on. */
#include "registrar.h"

static bool is_stream(const struct flow *flow)
{
    return transport_traits((enum transport)flow->transport)->is_reliable;
}

/*
 * Another transport than that of the registration. Over TCP, a Contact without a word about it
 * means UDP, unless the port is that of the connection.
 */
static bool names_other_transport(const struct sip_uri *contact, const struct flow *flow)
{
    struct sip_param param;
    enum transport transport;

    if (!sip_param_find(contact->params, STR("transport"), &param) &&
        (flow->transport != TRANSPORT_TCP || contact->port == flow->peer.port))
        return false;
    return !sip_uri_transport(contact, &transport) && transport != (enum transport)flow->transport;
}

/*
 * A Contact on a stream is meant as it stands when it names another port of the address that it was
 * registered from, another transport, or another address, unless that is a private one that was
 * seen from outside. A name may be anything.
 */
static bool is_direct(const struct sip_uri *contact, const struct flow *flow)
{
    struct addr host;

    if (contact->scheme != URI_SIP || addr_parse_ip(contact->host, &host))
        return false;
    if (!addr_same_ip(&host, &flow->peer))
        return !addr_is_rfc1918(&host) || addr_is_rfc1918(&flow->peer);
    return sip_uri_port(contact) != flow->peer.port || names_other_transport(contact, flow);
}

static bool is_natted(const struct location_rules *rules, uint32_t cflags, struct str received)
{
    return rules->uses_flows || !str_is_empty(received) ||
           (rules->nat_bflag >= 0 && (cflags >> rules->nat_bflag & 1));
}

bool registrar_uses_contact(const struct location_rules *rules, uint32_t cflags,
                            struct str received, struct str contact, const struct flow *flow)
{
    struct sip_uri uri;

    if (is_natted(rules, cflags, received))
        return false;
    return !is_stream(flow) || (!sip_uri_parse(contact, &uri) && is_direct(&uri, flow));
}

bool registrar_uses_flow(const struct location_rules *rules, const struct binding *binding)
{
    if (binding->flow.peer.family == ADDR_NONE) /* nobody has been heard from there */
        return false;
    if (rules->uses_flows)
        return true;
    return str_is_empty(binding->path) &&
           !registrar_uses_contact(rules, binding->cflags, binding->received, binding->contact,
                                   &binding->flow);
}

/* The connection goes on to be used for what is sent to the port that the client listens on. */
static void alias_connection(const struct saving *saving, const struct sip_uri *contact)
{
    const struct flow *flow = &saving->update.flow;
    struct addr host;

    if (!addr_parse_ip(contact->host, &host) && addr_same_ip(&host, &flow->peer) &&
        !names_other_transport(contact, flow))
        run_alias_connection(saving->run, sip_uri_port(contact));
}

/*
 * A client that listens outlives its connection: with contacts of that kind only, the binding is
 * not tied to it, and the client is dialled when the connection is gone.
 */
void registrar_choose_way(struct saving *saving)
{
    const struct location_rules *rules = server_location_rules(run_server(saving->run));
    struct location_update *update = &saving->update;
    struct sip_uri uri;

    if (!is_stream(&update->flow) || update->contact_count == 0)
        return;
    for (unsigned i = 0; i < update->contact_count; i++)
        if (!registrar_uses_contact(rules, update->cflags, update->received,
                                    saving->contacts[i].uri, &update->flow))
            return;
    for (unsigned i = 0; i < update->contact_count; i++)
        if (!sip_uri_parse(saving->contacts[i].uri, &uri))
            alias_connection(saving, &uri);
    update->flow.connection = 0;
}
