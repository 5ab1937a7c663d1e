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

enum verdict t_on_reply(struct call *call)
{
    call->run->request->on_reply = (uint16_t)call->args[0].value.number;
    return VERDICT_TRUE;
}

enum verdict t_on_branch(struct call *call)
{
    call->run->request->on_branch = (uint16_t)call->args[0].value.number;
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

/* Flags belong to the request, and its transaction sees them at once. */
enum verdict t_flush_flags(struct call *call)
{
    (void)call;
    return VERDICT_TRUE;
}
