/* SPDX-License-Identifier: Apache-2.0 */
/* The Contacts of a REGISTER (RFC 3261 §10.3 steps 6 and 7). */
#include "registrar.h"

/* ---- expires ---- */

/* RFC 3261 §10.2.1.1: the parameter, else the header; garbage counts as absent. */
static bool asked_expires(const struct saving *saving, struct str params, uint64_t *out)
{
    return !str_to_uint(sip_param_value(params, STR("expires")), 0, UINT32_MAX, out) ||
           !str_to_uint(sip_msg_value(saving->run->msg, SIP_HDR_EXPIRES), 0, UINT32_MAX, out);
}

/* Up to so many percent less, so that clients do not come back all at once. */
static uint64_t spread(const struct saving *saving, uint64_t seconds, int64_t percent)
{
    uint64_t most = seconds * (uint64_t)percent / 100;

    if (percent <= 0 || most == 0 || most >= UINT32_MAX || saving->flags & SAVE_EXACT_EXPIRES)
        return seconds;
    return seconds - random_below(run_random(saving->run), (uint32_t)most + 1);
}

static uint64_t wanted_expires(const struct saving *saving, struct str params)
{
    const struct registrar *registrar = saving->registrar;
    uint64_t seconds;
    int64_t set;

    if (registrar_setting_number(registrar, saving->run, SETTING_EXPIRES, &set) && set > 0 &&
        !(asked_expires(saving, params, &seconds) && seconds == 0))
        return (uint64_t)set;
    if (asked_expires(saving, params, &seconds))
        return spread(saving, seconds, registrar->expires_range);
    return spread(saving, (uint64_t)registrar->default_expires, registrar->default_expires_range);
}

static uint32_t bounded_expires(const struct registrar *registrar, uint64_t wanted)
{
    if (wanted == 0)
        return 0;
    if (registrar->min_expires > 0 && wanted < (uint64_t)registrar->min_expires)
        wanted = (uint64_t)registrar->min_expires;
    if (registrar->max_expires > 0 && wanted > (uint64_t)registrar->max_expires)
        wanted = (uint64_t)registrar->max_expires;
    return (uint32_t)wanted;
}

/* What the client asked for, before it is spread, is too short. */
static bool is_too_brief(const struct saving *saving, struct str params)
{
    const struct registrar *registrar = saving->registrar;
    uint64_t seconds;

    return registrar->min_expires_mode && asked_expires(saving, params, &seconds) && seconds &&
           seconds < (uint64_t)registrar->min_expires;
}

/* ---- q ---- */

static enum err contact_q(struct saving *saving, struct str params, int *out)
{
    int64_t set;
    struct sip_param q;

    *out = (int)saving->registrar->default_q;
    if (registrar_setting_number(saving->registrar, saving->run, SETTING_Q, &set) && set >= 0 &&
        set <= 1000) {
        *out = (int)set;
        return ERR_NONE;
    }
    if (!sip_param_find(params, STR("q"), &q) || str_is_empty(q.value))
        return ERR_NONE;
    *out = sip_q_parse(q.value);
    if (*out >= 0)
        return ERR_NONE;
    return registrar_refuse(saving, 400, "Bad Request", "Invalid q param in contact");
}

/* ---- URIs ---- */

/* Whatever is sent to one of our own sockets comes back to us. */
static bool is_own_address(const struct run *run, const struct sip_uri *uri)
{
    const struct listener *listeners;
    struct addr addr;
    unsigned count;

    if (uri->scheme != URI_SIP || addr_parse_ip(uri->host, &addr))
        return false;
    listeners = server_listeners(run_server(run), &count);
    for (unsigned i = 0; i < count; i++)
        if (addr_same_ip(&listeners[i].bound, &addr) && listeners[i].bound.port == sip_uri_port(uri))
            return true;
    return false;
}

/* Places that a client elsewhere cannot be, but we can. */
static bool is_place_of_ours(const struct run *run, const struct sip_uri *uri)
{
    const struct flow *source = &run->request->source;
    enum addr_class class;
    struct addr addr;

    if (uri->scheme != URI_SIP || addr_parse_ip(uri->host, &addr))
        return false;
    class = addr_classify(&addr);
    return (class == ADDR_LOOPBACK || class == ADDR_UNSPECIFIED || class == ADDR_MULTICAST ||
            class == ADDR_BROADCAST || class == ADDR_LINK_LOCAL) &&
           class != addr_classify(&source->peer);
}

/* By its own words, not by what is known of where it came from. */
static bool is_reached_by_uri(const struct saving *saving)
{
    const struct location_rules *rules = server_location_rules(run_server(saving->run));
    const struct transport_traits *traits =
        transport_traits((enum transport)saving->run->request->source.transport);

    return !rules->uses_flows && !traits->is_reliable && str_is_empty(saving->update.received) &&
           !sip_msg_find(saving->run->msg, SIP_HDR_PATH, NULL);
}

static bool has_blank(struct str text)
{
    return str_has_line_break(text) || str_find_char(text, ' ') || str_find_char(text, '\t');
}

static enum err check_uri(struct saving *saving, struct str text)
{
    struct sip_uri uri;

    if (text.len > (size_t)saving->registrar->contact_max_size)
        return registrar_refuse(saving, 400, "Bad Request", "Contact too long");
    if (has_blank(text) || sip_uri_parse(text, &uri))
        return registrar_refuse(saving, 400, "Bad Request", "Contact parse error");
    if (is_own_address(saving->run, &uri) ||
        (is_reached_by_uri(saving) && is_place_of_ours(saving->run, &uri)))
        return registrar_refuse(saving, 403, "Forbidden", "Contact is an address of this server");
    return ERR_NONE;
}

/* ---- one contact ---- */

/* Removing is always possible: nothing is sent there any more. */
static enum err take_contact(struct saving *saving, const struct sip_nameaddr *nameaddr)
{
    const struct registrar *registrar = saving->registrar;
    uint64_t expires = wanted_expires(saving, nameaddr->params), reg_id = 0;
    struct location_contact *contact;
    enum err err;

    if (saving->update.contact_count == CONTACTS_MAX)
        return registrar_refuse(saving, 503, "Service Unavailable", "Too many contacts");
    contact = &saving->contacts[saving->update.contact_count];
    contact->uri = run_contact_uri(saving->run, nameaddr);
    if (expires && (err = check_uri(saving, contact->uri)))
        return err;
    if (is_too_brief(saving, nameaddr->params))
        return registrar_refuse(saving, 423, "Interval Too Brief", "Interval Too Brief");
    contact->expires = bounded_expires(registrar, expires);
    if (registrar->method_filtering)
        contact->methods =
            registrar_methods(sip_unquote(sip_param_value(nameaddr->params, STR("methods"))));
    if ((err = contact_q(saving, nameaddr->params, &contact->q)))
        return err;
    contact->instance = sip_unquote(sip_param_value(nameaddr->params, STR("+sip.instance")));
    if (contact->instance.len &&
        !str_to_uint(sip_param_value(nameaddr->params, STR("reg-id")), 1, INT32_MAX, &reg_id))
        contact->reg_id = (uint32_t)reg_id;
    saving->update.contact_count++;
    return ERR_NONE;
}

/* Contact: * stands alone, and with Expires: 0 (RFC 3261 §10.2.2). */
static enum err check_star(struct saving *saving, unsigned values)
{
    uint64_t expires;

    if (values != 1)
        return registrar_refuse(saving, 400, "Bad Request",
                                "* used in contact and more than 1 contact");
    if (str_to_uint(sip_msg_value(saving->run->msg, SIP_HDR_EXPIRES), 0, 0, &expires))
        return registrar_refuse(saving, 400, "Bad Request",
                                "* used in contact and expires is not zero");
    return ERR_NONE;
}

enum err registrar_read_contacts(struct saving *saving)
{
    struct sip_values values = sip_values_of(saving->run->msg, SIP_HDR_CONTACT);
    unsigned count = 0;

    while (sip_values_next(&values)) {
        struct sip_nameaddr nameaddr;
        enum err err;

        count++;
        if (sip_nameaddr_parse(values.value, &nameaddr))
            return registrar_refuse(saving, 400, "Bad Request", "Contact parse error");
        if (nameaddr.is_star)
            saving->update.removes_all = true;
        else if ((err = take_contact(saving, &nameaddr)))
            return err;
    }
    if (count == 0 && sip_msg_find(saving->run->msg, SIP_HDR_CONTACT, NULL))
        return registrar_refuse(saving, 400, "Bad Request", "Contact parse error");
    return saving->update.removes_all ? check_star(saving, count) : ERR_NONE;
}
