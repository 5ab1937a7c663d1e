/* SPDX-License-Identifier: Apache-2.0 */
/* Record-Route and Route, as scripts ask for them. */
#include "rr.h"

#include <culvert/log.h>

enum loose_answer {
    BY_FLOW_TOKEN = 2,
    BAD_TOKEN = -2,
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

static enum verdict loose_route(struct call *call)
{
    bool is_openser = server_is_openser(run_server(call->run));
    struct str params = { 0 };

    switch (run_loose_route(call->run, &params)) {
    case LOOSE_ROUTED:
        if (remember(call, params))
            return VERDICT_ERROR;
        return !is_openser && call->run->request->is_in_dialog_by_token
                   ? (enum verdict)BY_FLOW_TOKEN
                   : VERDICT_TRUE;
    case LOOSE_BAD_TOKEN:
        note_bad_token(call);
        return is_openser ? VERDICT_FALSE : (enum verdict)BAD_TOKEN;
    default:
        return VERDICT_FALSE;
    }
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

static enum err ask(struct call *call)
{
    const struct rr *rr = module_state(call->module);
    struct request *request = call->run->request;
    struct record_route *wanted = &request->record_route;
    struct sip_uri uri;

    wanted->is_wanted = true;
    wanted->has_full_lr = rr->enable_full_lr != 0;
    wanted->has_from_tag = rr->append_fromtag != 0;
    wanted->is_double = rr->enable_double_rr != 0;
    if (rr->add_username && !sip_uri_parse(request->target.uri, &uri))
        return str_copy(&request->arena, uri.user, &wanted->user);
    return ERR_NONE;
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

static enum verdict record_route_preset(struct call *call)
{
    struct request *request = call->run->request;
    struct str preset = call->args[0].value.text;

    if (request->record_route.is_wanted)
        return refuse_second(call);
    if (str_is_empty(preset) || str_has_line_break(preset) ||
        str_copy(&request->arena, preset, &request->record_route.preset))
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
      .stages = STAGE_REQUEST,
      .doc = "Routes by the Route headers: true when they say where the request goes." },
    { .name = "record_route",
      .run = record_route,
      .takes = { ARG_FMT },
      .stages = ON_THE_WAY_OUT,
      .doc = "Stays in the path of the dialog; optional parameters \";name=value\"." },
    { .name = "record_route_preset",
      .run = record_route_preset,
      .takes = { ARG_FMT },
      .min_args = 1,
      .stages = ON_THE_WAY_OUT,
      .doc = "The same, with this \"host:port\" as our address." },
    { .name = "record_route_advertised_address",
      .run = record_route_preset,
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
        .doc = doc_                                                                                \
    }
#define IGNORED(name_, why)                                                                        \
    {                                                                                              \
        .name = name_, .type = PARAM_IGNORED, .doc = why                                           \
    }

static const struct mod_param params[] = {
    NUMBER(append_fromtag, 1, "1: adds ;ftag= with the caller's tag."),
    NUMBER(enable_double_rr, 1, "1: two headers when socket or transport change."),
    NUMBER(enable_full_lr, 0, "1: writes ;lr=on in place of ;lr."),
    NUMBER(add_username, 0, "1: adds the user of the Request-URI."),
    IGNORED("ignore_user", "a Route is ours by its address"),
    IGNORED("enable_socket_mismatch_warning", "nothing is warned about"),
    IGNORED("custom_user_avp", "use add_username"),
    IGNORED("force_send_socket", "the flow of the dialog says which socket sends"),
    IGNORED("ignore_sips", "sips is kept"),
    IGNORED("sockname_mode", "sockets are named by their address"),
    { 0 },
};

static enum err start(struct module *module)
{
    struct rr *rr = module_state(module);

    return module_slot(module, &rr->slot);
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
