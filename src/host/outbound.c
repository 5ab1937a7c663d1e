/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/outbound.h>

#include "host/host.h"

static bool is_first_hop(const struct sip_msg *msg)
{
    struct sip_values vias = sip_values_of(msg, SIP_HDR_VIA);

    return sip_values_next(&vias) && !sip_values_next(&vias);
}

static bool has_option(const struct sip_msg *msg, enum sip_hdr_id id)
{
    struct sip_values values = sip_values_of(msg, id);

    while (sip_values_next(&values))
        if (str_ieq(values.value, STR("outbound")))
            return true;
    return false;
}

static bool has_param(struct str params, struct str name)
{
    struct sip_param param;

    return sip_param_find(params, name, &param);
}

static bool find_contact(const struct sip_msg *msg, struct sip_nameaddr *out)
{
    struct sip_values contacts = sip_values_of(msg, SIP_HDR_CONTACT);

    return sip_values_next(&contacts) && !sip_nameaddr_parse(contacts.value, out) && !out->is_star;
}

/* A registration with a reg-id; any other request from a Contact that says so. */
static bool asks_for_outbound(const struct sip_msg *msg)
{
    struct sip_nameaddr contact;

    if (!find_contact(msg, &contact))
        return false;
    if (msg->method != SIP_REGISTER)
        return has_param(contact.uri.params, STR("ob"));
    return has_param(contact.params, STR("reg-id")) &&
           has_param(contact.params, STR("+sip.instance")) &&
           (has_option(msg, SIP_HDR_SUPPORTED) || has_option(msg, SIP_HDR_REQUIRE));
}

static bool has_flag(const struct request *request, int64_t flag)
{
    return flag >= 0 && request->flags >> flag & 1;
}

bool outbound_is_wanted(const struct run *run)
{
    const struct location_rules *rules = server_location_rules(run_server(run));
    const struct request *request = run->request;

    if (has_flag(request, rules->no_outbound_flag))
        return false;
    if (has_flag(request, rules->outbound_flag))
        return true;
    return (rules->has_outbound || rules->uses_flows) && is_first_hop(request->msg) &&
           asks_for_outbound(request->msg);
}

void outbound_write_socket(struct writer *w, const struct run *run, const struct flow *flow)
{
    unsigned count;
    const struct listener *listeners = server_listeners(run_server(run), &count), *own;
    const struct transport_traits *traits;

    if (flow->socket >= count)
        return;
    own = &listeners[flow->socket];
    traits = transport_traits(own->transport);
    if (own->advertised_host.len)
        write_str(w, own->advertised_host);
    else
        addr_write_ip(w, &own->bound, true);
    write_fmt(w, ":%u", own->advertised_port ? own->advertised_port : own->bound.port);
    if (own->transport != TRANSPORT_UDP)
        write_fmt(w, ";transport=" STR_FMT, STR_ARG(traits->param_name));
}

void outbound_write_token(struct writer *w, const struct run *run)
{
    proxy_write_flow_token(run->worker->proxy, &run->request->source, w);
}
