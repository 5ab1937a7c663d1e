/* SPDX-License-Identifier: Apache-2.0 */
/* Serial forking: the target set in order of q, one group of equal q at a time. */
#include "tm.h"

enum {
    NOTHING_LEFT = -2,
};

struct contacts {
    struct target targets[TARGETS_MAX];
    unsigned count, next;
};

static void insert_by_q(struct contacts *contacts, const struct target *target)
{
    unsigned at = contacts->count++;

    for (; at > 0 && contacts->targets[at - 1].q < target->q; at--)
        contacts->targets[at] = contacts->targets[at - 1];
    contacts->targets[at] = *target;
}

static bool has_one_group(const struct contacts *contacts)
{
    return contacts->targets[0].q == contacts->targets[contacts->count - 1].q;
}

/* Nothing to do when all targets have the same q: they ring together. */
enum verdict t_load_contacts(struct call *call)
{
    const struct tm_state *tm = module_state(call->module);
    struct request *request = call->run->request;
    struct contacts *contacts = arena_zalloc(&request->arena, sizeof *contacts);

    if (!contacts)
        return VERDICT_ERROR;
    insert_by_q(contacts, &request->target);
    for (unsigned i = 0; i < request->extra_count; i++)
        insert_by_q(contacts, &request->extra[i]);
    if (has_one_group(contacts))
        return VERDICT_TRUE;
    request->extra_count = 0;
    request->slots[tm->slot] = contacts;
    return VERDICT_TRUE;
}

enum verdict t_next_contacts(struct call *call)
{
    const struct tm_state *tm = module_state(call->module);
    struct request *request = call->run->request;
    struct contacts *contacts = request->slots[tm->slot];
    int q;

    if (!contacts || contacts->next == contacts->count)
        return (enum verdict)NOTHING_LEFT;
    request->target = contacts->targets[contacts->next];
    request->target_is_new = true;
    q = contacts->targets[contacts->next++].q;
    while (contacts->next < contacts->count && contacts->targets[contacts->next].q == q) {
        if (request_add_target(request, &contacts->targets[contacts->next++]))
            return VERDICT_ERROR;
    }
    return VERDICT_TRUE;
}
