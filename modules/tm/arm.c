/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that decide what happens later: routes to run, timers, replies. */
#include "tm.h"

enum {
    MILLISECONDS = 1000,
};

enum verdict t_on_failure(struct call *call)
{
    call->run->request->on_failure = (uint16_t)call->args[0].value.number;
    return VERDICT_TRUE;
}

/* In a branch route of Kamailio it is for the responses to that branch. */
enum verdict t_on_reply(struct call *call)
{
    struct run *run = call->run;
    uint16_t route = (uint16_t)call->args[0].value.number;

    if (run->stage == STAGE_BRANCH && run->branch && !server_is_openser(run_server(run)))
        run->branch->on_reply = route;
    else
        run->request->on_reply = route;
    return VERDICT_TRUE;
}

enum verdict t_on_branch(struct call *call)
{
    call->run->request->on_branch = (uint16_t)call->args[0].value.number;
    return VERDICT_TRUE;
}

/* In a branch route and in the event route itself for that branch, else for those to come. */
enum verdict t_on_branch_failure(struct call *call)
{
    struct run *run = call->run;
    struct str name = call->args[0].value.text, event;
    uint16_t route;

    if (str_print(run->arena, &event, "tm:branch-failure:" STR_FMT, STR_ARG(name)))
        return VERDICT_ERROR;
    route = run_find_event_route(run, event);
    if (route == ROUTE_NONE) {
        log_error("t_on_branch_failure: there is no event_route[" STR_FMT "]", STR_ARG(event));
        return VERDICT_ERROR;
    }
    if (run->stage == STAGE_BRANCH && run->branch)
        run->branch->on_failure = route;
    else
        run->request->on_branch_failure = route;
    return VERDICT_TRUE;
}

enum verdict t_is_set(struct call *call)
{
    const struct request *request = call->run->request;
    const struct {
        struct str name;
        uint16_t route;
    } rows[] = {
        { STR("failure_route"), request->on_failure },
        { STR("onreply_route"), request->on_reply },
        { STR("branch_route"), request->on_branch },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (str_eq(call->args[0].value.text, rows[i].name))
            return verdict_if(rows[i].route != ROUTE_NONE);
    }
    log_error("t_is_set: \"" STR_FMT "\" is not failure_route, onreply_route or branch_route",
              STR_ARG(call->args[0].value.text));
    return VERDICT_ERROR;
}

/* t_set_fr(invite, [other]), in milliseconds; 0 leaves a timer as it is. */
enum verdict t_set_fr(struct call *call)
{
    struct request *request = call->run->request;

    if (call->args[0].value.number > 0)
        request->fr_inv_timer = (msec)call->args[0].value.number;
    if (call->arg_count > 1 && call->args[1].value.number > 0)
        request->fr_timer = (msec)call->args[1].value.number;
    return VERDICT_TRUE;
}

enum verdict t_reset_fr(struct call *call)
{
    call->run->request->fr_inv_timer = call->run->request->fr_timer = 0;
    return VERDICT_TRUE;
}

/* Seconds, as a number or as text. */
static void read_timer(struct run *run, const struct variable_ref *ref, msec *timer)
{
    struct value value;
    int64_t seconds;

    if (!ref || variable_get(run, ref, &value) || value_is_null(&value))
        return;
    seconds = value.number;
    if (!value.has_number && str_to_int(value.text, 0, UINT32_MAX, &seconds))
        return;
    if (seconds > 0)
        *timer = (msec)seconds * MILLISECONDS;
}

void tm_read_timer_avps(const struct call *call)
{
    const struct tm_state *tm = module_state(call->module);
    struct request *request = call->run->request;

    read_timer(call->run, tm->fr_timer_ref, &request->fr_timer);
    read_timer(call->run, tm->fr_inv_timer_ref, &request->fr_inv_timer);
    if (!tm->auto_inv_100)
        request->no_auto_100 = true;
}

enum verdict t_set_retr(struct call *call)
{
    struct request *request = call->run->request;

    if (call->args[0].value.number > 0)
        request->t1 = (msec)call->args[0].value.number;
    if (call->args[1].value.number > 0)
        request->t2 = (msec)call->args[1].value.number;
    return VERDICT_TRUE;
}

enum verdict t_reset_retr(struct call *call)
{
    call->run->request->t1 = call->run->request->t2 = 0;
    return VERDICT_TRUE;
}

/* t_set_max_lifetime(invite, other), in milliseconds from the arrival of the request. */
enum verdict t_set_max_lifetime(struct call *call)
{
    struct request *request = call->run->request;
    int64_t lifetime = call->args[request->msg->method == SIP_INVITE ? 0 : 1].value.number;

    if (lifetime > 0)
        request->lifetime = (msec)lifetime;
    return VERDICT_TRUE;
}

enum verdict t_reset_max_lifetime(struct call *call)
{
    call->run->request->lifetime = 0;
    return VERDICT_TRUE;
}

enum verdict t_set_auto_inv_100(struct call *call)
{
    call->run->request->no_auto_100 = call->args[0].value.number == 0;
    return VERDICT_TRUE;
}

enum verdict t_set_disable_internal_reply(struct call *call)
{
    call->run->request->no_internal_reply = call->args[0].value.number != 0;
    return VERDICT_TRUE;
}

enum verdict t_set_disable_6xx(struct call *call)
{
    call->run->request->lets_6xx_compete = call->args[0].value.number != 0;
    return VERDICT_TRUE;
}

enum verdict t_set_disable_failover(struct call *call)
{
    call->run->request->no_failover = call->args[0].value.number != 0;
    return VERDICT_TRUE;
}

enum verdict t_set_no_e2e_cancel_reason(struct call *call)
{
    call->run->request->passes_no_reason = call->args[0].value.number != 0;
    return VERDICT_TRUE;
}

/* What becomes of the failures so far when this failure route relays: a (all go), l (the last), n.
 */
enum verdict t_drop_replies(struct call *call)
{
    static const struct {
        struct str mode;
        enum older_failures rule;
    } rows[] = {
        { STR_INIT("a"), OLDER_DROPPED },
        { STR_INIT("l"), OLDER_LAST_DROPPED },
        { STR_INIT("n"), OLDER_KEPT },
    };
    struct request *request = call->run->request;
    struct str mode = call->arg_count > 0 ? call->args[0].value.text : rows[0].mode;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!str_eq(mode, rows[i].mode))
            continue;
        request->has_older_failures = true;
        request->older_failures = rows[i].rule;
        return VERDICT_TRUE;
    }
    log_error("t_drop_replies: \"" STR_FMT "\" is not a, l or n", STR_ARG(mode));
    return VERDICT_ERROR;
}

/* Flags belong to the request, and its transaction sees them at once. */
enum verdict t_flush_flags(struct call *call)
{
    (void)call;
    return VERDICT_TRUE;
}
