/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A 2xx to INVITE that is not passed on, because the reply route has made a failure of it: the
 * callee believes in a call that the caller will never hear of. So it is acknowledged, and ended,
 * by us (RFC 3261 §13.2.2.4, as for a dialog that nobody wants). That of a re-INVITE is
 * acknowledged only.
 */
#include "proxy/flight.h"

enum {
    HOPS_BEHIND_MAX = 16,
    VIA_ROOM = 512,
    ROUTES_ROOM = 8192,
    CSEQ_AHEAD = 1000, /* of what the caller may have sent in the early dialog */
};

#define NO_VIA "Via: SIP/2.0/UDP 0.0.0.0;branch=z9hG4bK0\r\n"

/* ---- where the callee is ---- */

static unsigned count_routes(const struct sip_msg *msg)
{
    struct sip_values values = sip_values_of(msg, SIP_HDR_RECORD_ROUTE);
    unsigned count = 0;

    while (sip_values_next(&values))
        count++;
    return count;
}

/* How many proxies behind us have put themselves into the dialog: theirs stand above ours. */
static unsigned count_behind(const struct leg *leg, const struct sip_msg *response)
{
    const struct flight *flight = flight_of_leg(leg);
    unsigned all = count_routes(response);
    unsigned others =
        count_routes(flight->request.msg) + proxy_build_own_routes(flight, &leg->branch.flow);
    unsigned behind = all > others ? all - others : 0;

    return behind > HOPS_BEHIND_MAX ? HOPS_BEHIND_MAX : behind;
}

/* The route set from here: the nearest proxy first, so the other way round. */
static struct str write_routes(const struct leg *leg, const struct sip_msg *response,
                               char room[static ROUTES_ROOM])
{
    struct sip_values values = sip_values_of(response, SIP_HDR_RECORD_ROUTE);
    struct writer w = writer_over(room, ROUTES_ROOM);
    struct str hops[HOPS_BEHIND_MAX];
    unsigned count = count_behind(leg, response);

    for (unsigned i = 0; i < count && sip_values_next(&values); i++)
        hops[i] = values.value;
    for (unsigned i = count; i-- > 0;) {
        write_str(&w, hops[i]);
        if (i)
            write_str(&w, STR(", "));
    }
    return w.has_overflowed ? STR("") : writer_text(&w);
}

static struct str find_contact(const struct leg *leg, const struct sip_msg *response)
{
    struct sip_values values = sip_values_of(response, SIP_HDR_CONTACT);
    struct sip_nameaddr contact;

    if (!sip_values_next(&values) || sip_nameaddr_parse(values.value, &contact))
        return leg->branch.target.uri;
    return contact.uri.text;
}

static struct uac_request in_dialog(const struct leg *leg, const struct sip_msg *response,
                                    struct str method, char room[static ROUTES_ROOM])
{
    return (struct uac_request){
        .method = method,
        .uri = find_contact(leg, response),
        .from = response->from.uri.text,
        .from_tag = response->from_tag,
        .to = response->to.uri.text,
        .to_tag = response->to_tag,
        .call_id = response->call_id,
        .cseq = response->cseq,
        .routes = write_routes(leg, response, room),
        .has_flow = true,
        .flow = leg->branch.flow,
    };
}

/* ---- what it is told ---- */

static enum err write_ack_via(struct proxy *proxy, const struct flow *flow,
                              char room[static VIA_ROOM], struct str *out)
{
    struct writer w = writer_over(room, VIA_ROOM);
    char branch[BRANCH_ID_MAX];
    struct writer id = writer_over(branch, sizeof branch);

    if (flow->socket >= proxy->settings.listener_count)
        return ERR_UNREACHABLE;
    write_fmt(&id, "z9hG4bKa%016llx", (unsigned long long)random_u64(proxy->random));
    proxy_build_own_via(&w, &proxy->settings.listeners[flow->socket], writer_text(&id));
    return writer_finish(&w, out);
}

/* Lost, it is sent again when the callee repeats its 2xx. */
static void acknowledge(struct leg *leg, const struct sip_msg *response)
{
    struct proxy *proxy = flight_of_leg(leg)->proxy;
    struct outside *outside = proxy->outside;
    char via_room[VIA_ROOM], routes_room[ROUTES_ROOM];
    struct uac_request ack = in_dialog(leg, response, STR("ACK"), routes_room);
    struct writer w = writer_over(proxy->message, sizeof proxy->message);
    struct str via;

    if (write_ack_via(proxy, &leg->branch.flow, via_room, &via) || uac_write(&w, &ack, via))
        return;
    (void)!outside->send(outside, &leg->branch.flow, writer_text(&w));
}

static void hang_up(struct leg *leg, const struct sip_msg *response)
{
    struct proxy *proxy = flight_of_leg(leg)->proxy;
    char routes_room[ROUTES_ROOM];
    struct uac_request bye = in_dialog(leg, response, STR("BYE"), routes_room);
    struct writer w = writer_over(proxy->lines, sizeof proxy->lines);

    bye.cseq += CSEQ_AHEAD;
    if (!uac_write(&w, &bye, STR(NO_VIA)))
        (void)!proxy_ask(proxy, &bye, writer_text(&w), NULL, NULL);
}

void proxy_refuse_accepted(struct leg *leg, const struct sip_msg *response)
{
    bool is_new = !leg->is_refused;

    leg->is_refused = true;
    acknowledge(leg, response);
    if (is_new && !leg->branch.request->msg->to_tag.len)
        hang_up(leg, response);
}
