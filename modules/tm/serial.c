/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serial forking: the target set in order of q, one group of equal q at a time. Of the flows of one
 * instance (RFC 5626) only the best is in it; the others wait for t_next_contact_flow(), be it here
 * or, as lookup() has it, with their target.
 */
#include <limits.h>

#include <culvert/random.h>

#include "tm.h"

enum {
    NOTHING_LEFT = -2,
    BY_WEIGHT = 1,
};

struct contacts {
    struct target targets[TARGETS_MAX];
    unsigned groups[TARGETS_MAX]; /* those of one group ring together */
    unsigned count, next;
    struct target flows[TARGETS_MAX];
    unsigned flow_count;
};

static unsigned weight_of(const struct target *target)
{
    return target->q > 0 ? (unsigned)target->q : 0;
}

/* ---- order ---- */

/* Who says no q comes before all who do. */
static int rank_of(const struct target *target)
{
    return target->q < 0 ? INT_MAX : target->q;
}

static void insert_by_q(struct contacts *contacts, const struct target *target)
{
    unsigned at = contacts->count++;

    for (; at > 0 && rank_of(&contacts->targets[at - 1]) < rank_of(target); at--)
        contacts->targets[at] = contacts->targets[at - 1];
    contacts->targets[at] = *target;
}

static void group_by_q(struct contacts *contacts)
{
    for (unsigned i = 1; i < contacts->count; i++)
        contacts->groups[i] =
            contacts->groups[i - 1] + (contacts->targets[i].q != contacts->targets[i - 1].q);
}

static unsigned weight_from(const struct contacts *contacts, unsigned first)
{
    unsigned sum = 0;

    for (unsigned i = first; i < contacts->count; i++)
        sum += weight_of(&contacts->targets[i]);
    return sum;
}

/* One of those from `first` on, the likelier the higher its q; without any q the first. */
static unsigned draw(const struct contacts *contacts, unsigned first, struct random_source *random)
{
    unsigned sum = weight_from(contacts, first);
    unsigned ticket = sum ? (unsigned)(random_u64(random) % sum) : 0;

    for (unsigned i = first; sum && i < contacts->count; i++) {
        unsigned weight = weight_of(&contacts->targets[i]);

        if (ticket < weight)
            return i;
        ticket -= weight;
    }
    return first;
}

/* Each alone, in an order that is drawn. */
static void shuffle_by_weight(struct contacts *contacts, struct random_source *random)
{
    for (unsigned i = 0; i < contacts->count; i++) {
        unsigned drawn = draw(contacts, i, random);
        struct target target = contacts->targets[drawn];

        contacts->targets[drawn] = contacts->targets[i];
        contacts->targets[i] = target;
        contacts->groups[i] = i;
    }
}

/* ---- flows ---- */

static void keep_one_flow_each(struct contacts *contacts)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < contacts->count; i++) {
        const struct target *target = &contacts->targets[i];
        bool is_known = false;

        for (unsigned k = 0; k < kept && !str_is_empty(target->instance); k++)
            is_known |= str_eq(contacts->targets[k].instance, target->instance);
        if (is_known)
            contacts->flows[contacts->flow_count++] = *target;
        else
            contacts->targets[kept++] = *target;
    }
    contacts->count = kept;
}

static struct contacts *collect(struct request *request)
{
    struct contacts *contacts = arena_zalloc(&request->arena, sizeof *contacts);

    if (!contacts)
        return NULL;
    insert_by_q(contacts, &request->target);
    for (unsigned i = 0; i < request->extra_count; i++)
        insert_by_q(contacts, &request->extra[i]);
    keep_one_flow_each(contacts);
    return contacts;
}

/* Nothing to do when all targets have the same q: they ring together. */
enum verdict t_load_contacts(struct call *call)
{
    const struct tm_state *tm = module_state(call->module);
    struct request *request = call->run->request;
    struct contacts *contacts = collect(request);
    bool is_weighted = call->arg_count > 0 && call->args[0].value.number == BY_WEIGHT;

    if (!contacts)
        return VERDICT_ERROR;
    if (is_weighted)
        shuffle_by_weight(contacts, run_random(call->run));
    else
        group_by_q(contacts);
    if (contacts->groups[contacts->count - 1] == 0 && contacts->flow_count == 0)
        return VERDICT_TRUE;
    request->extra_count = 0;
    request->slots[tm->slot] = contacts;
    return VERDICT_TRUE;
}

static void use(struct request *request, const struct target *target)
{
    request->target = *target;
    request->target_is_new = true;
}

enum verdict t_next_contacts(struct call *call)
{
    const struct tm_state *tm = module_state(call->module);
    struct request *request = call->run->request;
    struct contacts *contacts = request->slots[tm->slot];
    unsigned group;

    if (!contacts || contacts->next == contacts->count)
        return (enum verdict)NOTHING_LEFT;
    group = contacts->groups[contacts->next];
    use(request, &contacts->targets[contacts->next++]);
    while (contacts->next < contacts->count && contacts->groups[contacts->next] == group) {
        if (request_add_target(request, &contacts->targets[contacts->next++]))
            return VERDICT_ERROR;
    }
    return VERDICT_TRUE;
}

/* Another way to the instance whose branch has failed. */
enum verdict t_next_contact_flow(struct call *call)
{
    const struct tm_state *tm = module_state(call->module);
    struct request *request = call->run->request;
    struct contacts *contacts = request->slots[tm->slot];
    const struct branch *branch = call->run->branch;

    if (branch && branch->target.other_flow) {
        use(request, branch->target.other_flow);
        return VERDICT_TRUE;
    }
    for (unsigned i = 0; contacts && branch && i < contacts->flow_count; i++) {
        if (!str_eq(contacts->flows[i].instance, branch->target.instance))
            continue;
        use(request, &contacts->flows[i]);
        contacts->flows[i] = contacts->flows[--contacts->flow_count];
        return VERDICT_TRUE;
    }
    return (enum verdict)NOTHING_LEFT;
}

/* The branch once more, as it was. */
enum verdict t_reuse_branch(struct call *call)
{
    const struct branch *branch = call->run->branch;

    if (!branch)
        return VERDICT_ERROR;
    use(call->run->request, &branch->target);
    return VERDICT_TRUE;
}
