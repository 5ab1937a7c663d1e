/* SPDX-License-Identifier: Apache-2.0 */
#include "rr.h"

static const struct rr_found *found_by(const struct variable_use *use)
{
    return rr_found(use->module, use->run->request);
}

/* The topmost Route, as it was received. */
static enum err get_route_uri(const struct variable_use *use, struct value *out)
{
    struct sip_values routes = sip_values_of(use->run->msg, SIP_HDR_ROUTE);
    struct sip_nameaddr route;

    *out = value_null();
    if (sip_values_next(&routes) && !sip_nameaddr_parse(routes.value, &route))
        *out = value_of_str(route.uri.text);
    return ERR_NONE;
}

static struct value text_or_null(struct str text)
{
    return str_is_empty(text) ? value_null() : value_of_str(text);
}

/* The tag of the side that made the dialog, whichever way this request goes. */
static enum err get_caller_tag(const struct variable_use *use, struct value *out)
{
    const struct rr_found *found = found_by(use);
    const struct sip_msg *msg = use->run->msg;

    *out = text_or_null(found && found->is_upstream ? msg->to_tag : msg->from_tag);
    return ERR_NONE;
}

static enum err get_callee_tag(const struct variable_use *use, struct value *out)
{
    const struct rr_found *found = found_by(use);
    const struct sip_msg *msg = use->run->msg;

    *out = text_or_null(found && found->is_upstream ? msg->from_tag : msg->to_tag);
    return ERR_NONE;
}

static enum err get_direction(const struct variable_use *use, struct value *out)
{
    const struct rr_found *found = found_by(use);
    bool is_upstream = found && found->is_upstream;

    if (str_eq(use->inner, STR("id")))
        *out = value_of_int(is_upstream ? 2 : 1);
    else
        *out = value_of_str(is_upstream ? STR("upstream") : STR("downstream"));
    return ERR_NONE;
}

const struct mod_variable rr_variables[] = {
    { .name = "route_uri", .get = get_route_uri, .doc = "URI of the topmost Route." },
    { .name = "fti", .get = get_caller_tag, .doc = "Tag of the side that made the dialog." },
    { .name = "tti", .get = get_callee_tag, .doc = "Tag of the side that was called." },
    { .name = "rdir",
      .inner = INNER_NEEDED,
      .get = get_direction,
      .doc = "Direction in the dialog: $rdir(key) downstream or upstream, $rdir(id) 1 or 2." },
    { 0 },
};
