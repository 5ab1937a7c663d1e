/* SPDX-License-Identifier: Apache-2.0 */
/* Which of RFC 5626 (outbound) and RFC 5627 (GRUU) a client gets. */
#include "registrar.h"

bool registrar_lists_option(const struct sip_msg *msg, enum sip_hdr_id id, struct str option)
{
    struct sip_values values = sip_values_of(msg, id);

    while (sip_values_next(&values))
        if (str_ieq(values.value, option))
            return true;
    return false;
}

static enum outbound_mode mode_of(const struct saving *saving)
{
    int64_t mode = saving->registrar->outbound_mode;

    if (mode == AUTOMATIC)
        return registrar_is_on(saving->run, mode) ? OUTBOUND_SUPPORTED : OUTBOUND_NONE;
    return (enum outbound_mode)mode;
}

static bool has_other_hops(const struct sip_msg *msg)
{
    struct sip_values vias = sip_values_of(msg, SIP_HDR_VIA);

    return sip_values_next(&vias) && sip_values_next(&vias);
}

/* The hop next to the client is the last of the Path: each one puts itself in front. */
static bool has_outbound_hop(const struct sip_msg *msg)
{
    struct sip_values values = sip_values_of(msg, SIP_HDR_PATH);
    struct sip_nameaddr hop;
    struct sip_param param;
    bool is_found = false;

    while (sip_values_next(&values))
        is_found = !sip_nameaddr_parse(values.value, &hop) &&
                   sip_param_find(hop.uri.params, STR("ob"), &param);
    return is_found;
}

static bool asks_for_flow(const struct saving *saving)
{
    for (unsigned i = 0; i < saving->update.contact_count; i++)
        if (saving->contacts[i].reg_id)
            return true;
    return false;
}

static enum err refuse_extension(struct saving *saving)
{
    if (run_add_reply_header(saving->run, STR("Unsupported: outbound\r\n")))
        return ERR_NOMEM;
    return registrar_refuse(saving, 420, "Bad Extension", "Outbound is not supported here");
}

static enum err demand_outbound(struct saving *saving)
{
    if (run_add_reply_header(saving->run, STR("Require: outbound\r\nSupported: outbound\r\n")))
        return ERR_NOMEM;
    return registrar_refuse(saving, 421, "Extension Required", "Client does not support outbound");
}

/* Without the extension a reg-id means nothing (RFC 5626 §6), unless told otherwise. */
static void forget_reg_ids(struct saving *saving)
{
    if (saving->registrar->regid_mode)
        return;
    for (unsigned i = 0; i < saving->update.contact_count; i++)
        saving->contacts[i].reg_id = 0;
}

enum err registrar_read_outbound(struct saving *saving)
{
    const struct sip_msg *msg = saving->run->request->msg;
    enum outbound_mode mode = mode_of(saving);
    bool is_supported = registrar_lists_option(msg, SIP_HDR_SUPPORTED, STR("outbound"));
    bool is_required = registrar_lists_option(msg, SIP_HDR_REQUIRE, STR("outbound"));

    saving->wants_gruu = saving->registrar->gruu_enabled &&
                         registrar_lists_option(msg, SIP_HDR_SUPPORTED, STR("gruu"));
    if (mode == OUTBOUND_NONE && is_required)
        return refuse_extension(saving);
    if (mode == OUTBOUND_REQUIRED && saving->update.contact_count && !is_supported && !is_required)
        return demand_outbound(saving);
    if (mode == OUTBOUND_NONE || !(is_supported || is_required) || !asks_for_flow(saving)) {
        forget_reg_ids(saving);
        return ERR_NONE;
    }
    if (has_other_hops(msg) && !has_outbound_hop(msg))
        return registrar_refuse(saving, 439, "First Hop Lacks Outbound Support",
                                "The first hop does not support outbound");
    saving->uses_outbound = true;
    return ERR_NONE;
}
