/* SPDX-License-Identifier: Apache-2.0 */
/* Record-Route and Route, as scripts ask for them. */
#include "rr.h"

#include <culvert/log.h>
#include <culvert/outbound.h>

enum {
    ALWAYS_DOUBLE = 2, /* of enable_double_rr */
};

enum loose_answer {
    BY_FLOW_TOKEN = 2,
    BAD_TOKEN = -2,
    ONLY_OWN_ROUTE = -3,
};

const struct rr_found *rr_found(const struct module *module, const struct request *request)
{
    const struct rr *rr = module_state(module);

    return request->slots[rr->slot];
}

/* ---- routing by Route ---- */

/* Our Route carries the caller's tag: who has it in From is the caller. */
static bool goes_upstream(const struct sip_msg *msg, struct str params)
{
    struct sip_param ftag;

    return sip_param_find(params, STR("ftag"), &ftag) && !str_eq(ftag.value, msg->from_tag);
}

static enum err remember(const struct call *call, struct str params)
{
    const struct rr *rr = module_state(call->module);
    struct request *request = call->run->request;
    struct rr_found *found = arena_zalloc(&request->arena, sizeof *found);

    if (!found)
        return ERR_NOMEM;
    found->params = params;
    found->is_routed = true;
    found->is_upstream = goes_upstream(request->msg, params);
    request->slots[rr->slot] = found;
    return ERR_NONE;
}

static void note_bad_token(struct call *call)
{
    struct rr *rr = module_state(call->module);

    if (log_gate_pass(&rr->token_notices, run_now(call->run), 1000))
        log_notice("call " STR_FMT ": the Route has a flow token that is not ours",
                   STR_ARG(call->run->request->msg->call_id));
}

/* Kamailio's scripts tell apart how the way was found. */
static enum verdict say_how(const struct call *call)
{
    const struct request *request = call->run->request;

    if (server_is_openser(run_server(call->run)))
        return VERDICT_TRUE;
    return request->target.has_flow ? (enum verdict)BY_FLOW_TOKEN : VERDICT_TRUE;
}

/* There was no Route, or only ours outside of a dialog, which says nothing about the way. */
static enum verdict say_none(const struct call *call)
{
    const struct request *request = call->run->request;

    if (server_is_openser(run_server(call->run)) || !request->replaces_routes)
        return VERDICT_FALSE;
    return (enum verdict)ONLY_OWN_ROUTE;
}

static enum verdict loose_route(struct call *call)
{
    bool is_openser = server_is_openser(run_server(call->run));
    struct str params = { 0 };

    switch (run_loose_route(call->run, &params)) {
    case LOOSE_ROUTED:
        if (remember(call, params) || rr_follow_received(call->run, params))
            return VERDICT_ERROR;
        return say_how(call);
    case LOOSE_BAD_TOKEN:
        note_bad_token(call);
        return is_openser ? VERDICT_FALSE : (enum verdict)BAD_TOKEN;
    default:
        return say_none(call);
    }
}

/* The Routes that a client was told to use, outside of any dialog. */
static enum verdict loose_route_preloaded(struct call *call)
{
    if (!str_is_empty(call->run->request->msg->to_tag))
        return VERDICT_FALSE;
    return verdict_if(loose_route(call) != VERDICT_FALSE);
}

/* 1: the Request-URI is what it seems, and not what a strict router before us made of it. */
static enum verdict loose_route_mode(struct call *call)
{
    call->run->request->skips_strict = call->args[0].value.number != 0;
    return loose_route(call);
}

/* Another hop stands behind us in the Routes. */
static enum verdict rr_next_hop_route(struct call *call)
{
    const struct request *request = call->run->request;
    struct sip_values routes = sip_values_of(request->msg, SIP_HDR_ROUTE);
    struct sip_nameaddr route;

    if (request->replaces_routes)
        return verdict_if(!str_is_empty(request->routes));
    while (sip_values_next(&routes))
        if (!sip_nameaddr_parse(routes.value, &route) &&
            !run_is_uri_myself(call->run, &route.uri))
            return VERDICT_TRUE;
    return VERDICT_FALSE;
}

static enum verdict check_route_param(struct call *call)
{
    const struct rr_found *found = rr_found(call->module, call->run->request);

    return verdict_if(found && regex_match(call->args[0].object, found->params, NULL));
}

static enum verdict is_direction(struct call *call)
{
    const struct rr_found *found = rr_found(call->module, call->run->request);
    struct str wanted = call->args[0].value.text;
    bool is_upstream = found && found->is_upstream;

    if (str_ieq(wanted, STR("upstream")))
        return verdict_if(is_upstream);
    if (str_ieq(wanted, STR("downstream")))
        return verdict_if(!is_upstream);
    log_error("is_direction: \"" STR_FMT "\" is neither upstream nor downstream", STR_ARG(wanted));
    return VERDICT_ERROR;
}

/* ---- asking for Record-Route ---- */

static enum err add_params(struct request *request, struct str params)
{
    struct record_route *wanted = &request->record_route;

    if (str_is_empty(params))
        return ERR_NONE;
    if (params.ptr[0] != ';' || str_has_line_break(params))
        return ERR_SYNTAX;
    return str_print(&request->arena, &wanted->params, STR_FMT STR_FMT, STR_ARG(wanted->params),
                     STR_ARG(params));
}

/* What a URI may have in front of '@'. */
static bool is_user(struct str text)
{
    return !str_has_line_break(text) && !str_find_char(text, '@') && !str_find_char(text, ' ') &&
           !str_find_char(text, '<') && !str_find_char(text, '>');
}

static enum err choose_user(struct call *call, struct str *out)
{
    const struct rr *rr = module_state(call->module);
    struct request *request = call->run->request;
    struct value value;
    struct sip_uri uri;
    struct str text;

    if (rr->custom_user && !variable_get(call->run, rr->custom_user, &value) &&
        !value_is_null(&value) && !value_to_str(call->run->arena, &value, &text) && is_user(text))
        return str_copy(&request->arena, text, out);
    if (rr->add_username && !sip_uri_parse(request->target.uri, &uri))
        return str_copy(&request->arena, uri.user, out);
    return ERR_NONE;
}

/* An edge proxy must find its client's flow again, whichever side calls (RFC 5626 §5.2, §5.3). */
static bool needs_flow_token(const struct run *run)
{
    return outbound_is_wanted(run) ||
           (server_location_rules(run_server(run))->has_outbound && run->request->target.has_flow);
}

static enum err ask(struct call *call)
{
    const struct rr *rr = module_state(call->module);
    struct request *request = call->run->request;
    struct record_route *wanted = &request->record_route;

    wanted->is_wanted = true;
    wanted->has_full_lr = rr->enable_full_lr != 0;
    wanted->has_from_tag = rr->append_fromtag != 0;
    wanted->is_double = rr->enable_double_rr != 0;
    wanted->is_always_double = rr->enable_double_rr == ALWAYS_DOUBLE;
    wanted->ignores_sips = rr->ignore_sips != 0;
    wanted->has_flow_token = wanted->has_flow_token || needs_flow_token(call->run);
    return choose_user(call, &wanted->user);
}

static enum verdict refuse_second(const struct call *call)
{
    log_error("call " STR_FMT ": record_route() a second time for the same request",
              STR_ARG(call->run->request->msg->call_id));
    return VERDICT_ERROR;
}

static enum verdict record_route(struct call *call)
{
    struct request *request = call->run->request;
    enum err err = ERR_NONE;

    if (request->record_route.is_wanted)
        return refuse_second(call);
    if (call->arg_count > 0)
        err = add_params(request, call->args[0].value.text);
    return verdict_of(err ? err : ask(call));
}

/* Text for the place of host and port; anything that would end it there is refused. */
static enum err take_address(struct call *call, unsigned index, struct str *out)
{
    struct str text = call->args[index].value.text;

    if (str_is_empty(text) || str_has_line_break(text) || str_find_char(text, '>'))
        return ERR_SYNTAX;
    return str_copy(&call->run->request->arena, text, out);
}

static enum verdict record_route_preset(struct call *call)
{
    struct record_route *wanted = &call->run->request->record_route;

    if (wanted->is_wanted)
        return refuse_second(call);
    if (take_address(call, 0, &wanted->preset) ||
        (call->arg_count > 1 && take_address(call, 1, &wanted->preset_inner)))
        return VERDICT_ERROR;
    return verdict_of(ask(call));
}

static enum verdict record_route_advertised_address(struct call *call)
{
    struct record_route *wanted = &call->run->request->record_route;

    if (wanted->is_wanted)
        return refuse_second(call);
    if (take_address(call, 0, &wanted->advertised))
        return VERDICT_ERROR;
    return verdict_of(ask(call));
}

static enum verdict add_rr_param(struct call *call)
{
    return verdict_of(add_params(call->run->request, call->args[0].value.text));
}

static enum verdict remove_record_route(struct call *call)
{
    call->run->request->record_route.is_wanted = false;
    return VERDICT_TRUE;
}

/* ---- the tables ---- */

enum {
    ON_THE_WAY_OUT = STAGE_REQUEST | STAGE_BRANCH | STAGE_FAILURE,
};

static const struct mod_function functions[] = {
    { .name = "loose_route",
      .run = loose_route,
      .traits = TRAIT_FOLLOWS,
      .stages = STAGE_REQUEST,
      .doc = "Routes by the Route headers: true when they say where the request goes; Kamailio's: 2"
             " by a flow token, -2 a forged one, -3 when only our own Route stood outside of a dialog." },
    { .name = "loose_route_preloaded",
      .run = loose_route_preloaded,
      .traits = TRAIT_FOLLOWS,
      .stages = STAGE_REQUEST,
      .doc = "loose_route() for requests outside of dialogs: true when a Route is behind ours." },
    { .name = "loose_route_mode",
      .run = loose_route_mode,
      .traits = TRAIT_FOLLOWS,
      .takes = { ARG_INT },
      .min_args = 1,
      .stages = STAGE_REQUEST,
      .doc = "loose_route(); 1: the hop before us is not taken for a strict router." },
    { .name = "rr_next_hop_route",
      .run = rr_next_hop_route,
      .stages = STAGE_ANY,
      .doc = "True when the Routes name another hop than us." },
    { .name = "record_route",
      .run = record_route,
      .takes = { ARG_FMT },
      .stages = ON_THE_WAY_OUT,
      .doc = "Stays in the path of the dialog; optional parameters \";name=value\"." },
    { .name = "record_route_preset",
      .run = record_route_preset,
      .takes = { ARG_FMT, ARG_FMT },
      .min_args = 1,
      .stages = ON_THE_WAY_OUT,
      .doc = "The same, with this \"host:port\" as our address; a second one adds another header"
             " below it, for the caller's side." },
    { .name = "record_route_advertised_address",
      .run = record_route_advertised_address,
      .takes = { ARG_FMT },
      .min_args = 1,
      .stages = ON_THE_WAY_OUT,
      .doc = "The same, with this \"host:port\" as our address." },
    { .name = "add_rr_param",
      .run = add_rr_param,
      .takes = { ARG_FMT },
      .min_args = 1,
      .stages = ON_THE_WAY_OUT,
      .doc = "Adds \";name=value\" to our Record-Route." },
    { .name = "remove_record_route",
      .run = remove_record_route,
      .stages = STAGE_REQUEST | STAGE_FAILURE,
      .doc = "Takes back record_route()." },
    { .name = "check_route_param",
      .run = check_route_param,
      .takes = { ARG_RE },
      .min_args = 1,
      .stages = STAGE_REQUEST,
      .doc = "True when the parameters of our own Route match." },
    { .name = "is_direction",
      .run = is_direction,
      .takes = { ARG_STR },
      .min_args = 1,
      .stages = STAGE_REQUEST,
      .doc = "Which way a request in a dialog goes: upstream, downstream." },
    { 0 },
};

#define NUMBER(field, value, doc_)                                                                 \
    {                                                                                              \
        .name = #field, .type = PARAM_INT, .offset = offsetof(struct rr, field), .initial = value, \
        .doc = doc_, .is_live = true                                                               \
    }
#define IGNORED(name_, why)                                                                        \
    {                                                                                              \
        .name = name_, .type = PARAM_IGNORED, .doc = why                                           \
    }

static const struct mod_param params[] = {
    NUMBER(append_fromtag, 1, "1: adds ;ftag= with the caller's tag."),
    NUMBER(enable_double_rr, 1, "1: two headers when socket or transport change; 2: always."),
    NUMBER(enable_full_lr, 0, "1: writes ;lr=on in place of ;lr."),
    NUMBER(add_username, 0, "1: adds the user of the Request-URI."),
    NUMBER(ignore_sips, 0, "1: sip: in our header although the Request-URI has sips:."),
    { .name = "custom_user_avp",
      .type = PARAM_STR,
      .offset = offsetof(struct rr, custom_user_avp),
      .initial_text = "",
      .doc = "A variable with the user part of our header." },
    IGNORED("ignore_user", "a Route is ours by its address"),
    IGNORED("enable_socket_mismatch_warning", "nothing is warned about"),
    IGNORED("force_send_socket", "the flow of the dialog says which socket sends"),
    IGNORED("sockname_mode", "sockets are named by their address"),
    { 0 },
};

static enum err start(struct module *module)
{
    struct rr *rr = module_state(module);
    enum err err = module_slot(module, &rr->slot);

    if (!err && !str_is_empty(rr->custom_user_avp))
        err = module_variable(module, rr->custom_user_avp, &rr->custom_user);
    return err;
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "rr",
    .summary = "Record-Route and Route: staying in the path of a dialog.",
    .state_size = sizeof(struct rr),
    .functions = functions,
    .variables = rr_variables,
    .params = params,
    .start = start,
};
