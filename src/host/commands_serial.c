/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSER's serial forking: the target set waits in AVPs, in order of q, and is taken from there
 * one q at a time. An AVP has the URI as its text and q as its number; nothing else of a target is
 * kept.
 */
#include "host/commands.h"

#include "host/core.h"

static const struct avp_name serial_name = { .number = 0xff3434, .is_number = true };

struct sorted_targets {
    const struct target *targets[TARGETS_MAX];
    unsigned count;
};

/* Highest q first; those of one q keep their order. */
static void insert(struct sorted_targets *sorted, const struct target *target)
{
    unsigned at = sorted->count++;

    for (; at > 0 && sorted->targets[at - 1]->q < target->q; at--)
        sorted->targets[at] = sorted->targets[at - 1];
    sorted->targets[at] = target;
}

static bool has_one_q(const struct sorted_targets *sorted)
{
    return sorted->targets[0]->q == sorted->targets[sorted->count - 1]->q;
}

/* AVPs are a stack: the last target is put on first. */
static enum err store(struct request *request, const struct sorted_targets *sorted)
{
    for (unsigned i = sorted->count; i > 0; i--) {
        const struct target *target = sorted->targets[i - 1];
        struct value value = value_of_both(target->uri, target->q);
        enum err err = avp_add(&request->avps, &request->arena, &serial_name, &value);
        if (err)
            return err;
    }
    return ERR_NONE;
}

enum verdict command_serialize_branches(struct call *call)
{
    struct request *request = call->run->request;
    struct sorted_targets sorted = { 0 };

    if (call->arg_count > 0 && call->args[0].value.number != 0)
        avp_remove(&request->avps, &serial_name, true);
    insert(&sorted, &request->target);
    for (unsigned i = 0; i < request->extra_count; i++)
        insert(&sorted, &request->extra[i]);
    if (request->extra_count == 0 || has_one_q(&sorted))
        return VERDICT_TRUE;
    if (store(request, &sorted))
        return VERDICT_ERROR;
    request->extra_count = 0;
    return VERDICT_TRUE;
}

/* The top one leaves the stack; its text stays in the arena. */
static bool take_next(struct request *request, struct value *out)
{
    const struct avp *avp = avp_find(&request->avps, &serial_name, NULL);

    if (!avp)
        return false;
    *out = avp->value;
    avp_remove(&request->avps, &serial_name, false);
    return true;
}

/* The first of a level is the Request-URI, but in failure routes: there all are appended. */
static enum err use_target(struct run *run, const struct value *next, bool is_first)
{
    if (is_first && run->stage != STAGE_FAILURE)
        return run_set_uri(run, next->text);
    return run_append_branch(run, next->text, (int)next->number);
}

enum verdict command_next_branches(struct call *call)
{
    struct run *run = call->run;
    const struct avp *avp;
    struct value next;
    int64_t q;

    if (!take_next(run->request, &next))
        return VERDICT_FALSE;
    if (use_target(run, &next, true))
        return VERDICT_ERROR;
    q = next.number;
    while ((avp = avp_find(&run->request->avps, &serial_name, NULL)) && avp->value.number == q) {
        if (!take_next(run->request, &next) || use_target(run, &next, false))
            return VERDICT_ERROR;
    }
    return VERDICT_TRUE;
}
