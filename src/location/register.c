/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One REGISTER, applied as a whole or not at all. The work goes in stages: match every contact with
 * a binding and check the order of requests; count; allocate all that is new; copy the outcome for
 * the caller. Only then, when nothing can fail any more, the bindings are changed.
 */
#include "location/shards.h"

#include <stdatomic.h>
#include <stdlib.h>

#include <culvert/uri.h>

enum step_kind {
    STEP_NOTHING, /* a retransmission, or the removal of what is not there */
    STEP_INSERT,
    STEP_UPDATE,
    STEP_REMOVE,
};

/* What is to be done about one contact, or about one binding that goes. */
struct step {
    enum step_kind kind;
    const struct location_contact *contact;
    struct slot *target; /* the binding that is refreshed or removed */
    struct slot *fresh;  /* the one that takes its place, or the new one */
    bool is_indexed;     /* its ruid is in the index already */
};

struct plan {
    struct location *location;
    const struct location_update *update;
    struct arena *arena;
    struct shard *shard;
    struct aor *aor; /* NULL until there is one */
    struct step *steps;
    unsigned step_count;
    struct slot **outcome; /* the bindings of the AoR as they will be, in order */
    unsigned outcome_count;
};

static unsigned count_slots(const struct aor *aor)
{
    unsigned count = 0;

    if (aor)
        for (const struct slot *slot = aor->first; slot; slot = slot->next)
            count++;
    return count;
}

/* --- matching --- */

/* RFC 3261 §19.1.4; what is no URI is equal to nothing but itself. */
static bool same_uri(struct str a, struct str b)
{
    struct sip_uri parsed_a;
    struct sip_uri parsed_b;

    if (str_eq(a, b))
        return true;
    return !sip_uri_parse(a, &parsed_a) && !sip_uri_parse(b, &parsed_b) &&
           sip_uri_equal(&parsed_a, &parsed_b);
}

static struct step *find_step(const struct plan *plan, const struct slot *target)
{
    for (unsigned i = 0; i < plan->step_count; i++)
        if (plan->steps[i].target == target)
            return &plan->steps[i];
    return NULL;
}

/* What the registrar's matching_mode asks for. */
static bool matches_by_mode(const struct location_update *update, const struct slot *slot,
                            const struct location_contact *contact)
{
    bool same_call = str_eq(slot_text(slot, TEXT_CALL_ID), update->call_id);

    if (update->match == MATCH_CALL_ID)
        return same_call;
    if (update->match == MATCH_URI_CALL_ID && !same_call)
        return false;
    if (update->match == MATCH_URI_PATH && !str_eq(slot_text(slot, TEXT_PATH), update->path))
        return false;
    return same_uri(slot_text(slot, TEXT_CONTACT), contact->uri);
}

/*
 * A client keeps its Call-ID (RFC 3261 §10.2.4) when it gets another address: what it registered
 * from elsewhere is out of date. Several contacts in one request do not say which of them moved.
 */
static bool has_moved(const struct location_update *update, const struct slot *slot,
                      const struct location_contact *contact)
{
    return update->replaces_moved && update->contact_count == 1 && contact->expires &&
           !slot->lengths[TEXT_INSTANCE] && !contact->instance.len &&
           str_eq(slot_text(slot, TEXT_CALL_ID), update->call_id) &&
           !flow_eq(&slot->flow, &update->flow);
}

enum fit {
    FIT_NONE,
    FIT_MOVED,    /* the same client, from elsewhere */
    FIT_MODE,     /* by URI, as the registrar's matching_mode says */
    FIT_INSTANCE,
    FIT_INSTANCE_AND_URI,
};

/*
 * How well a binding fits a contact. Two instances are two devices, and two reg-ids two flows of
 * one, even if they give the same URI: phones behind different NATs often do.
 */
static enum fit judge(const struct location_update *update, const struct slot *slot,
                      const struct location_contact *contact)
{
    if (!slot->lengths[TEXT_INSTANCE] || !contact->instance.len) {
        if (matches_by_mode(update, slot, contact))
            return FIT_MODE;
        return has_moved(update, slot, contact) ? FIT_MOVED : FIT_NONE;
    }
    if (!str_eq(slot_text(slot, TEXT_INSTANCE), contact->instance) ||
        slot->reg_id != contact->reg_id)
        return FIT_NONE;
    return same_uri(slot_text(slot, TEXT_CONTACT), contact->uri) ? FIT_INSTANCE_AND_URI
                                                                 : FIT_INSTANCE;
}

/* The best fitting binding that no other contact of this request has taken; NULL: none. */
static struct slot *match(const struct plan *plan, const struct location_contact *contact)
{
    struct slot *best = NULL;
    enum fit best_fit = FIT_NONE;

    for (struct slot *slot = plan->aor ? plan->aor->first : NULL; slot; slot = slot->next) {
        enum fit fit = judge(plan->update, slot, contact);

        if (fit > best_fit && !find_step(plan, slot)) {
            best = slot;
            best_fit = fit;
        }
    }
    return best;
}

/* Do two contacts of one request mean the same binding? */
static bool is_same_contact(const struct location_contact *a, const struct location_contact *b)
{
    if (a->instance.len && b->instance.len && a->reg_id && a->reg_id == b->reg_id &&
        str_eq(a->instance, b->instance))
        return true;
    return same_uri(a->uri, b->uri) && str_eq(a->instance, b->instance) && a->reg_id == b->reg_id;
}

/* The last of several contacts that mean the same counts. */
static bool is_repeated_later(const struct location_update *update, unsigned index)
{
    for (unsigned i = index + 1; i < update->contact_count; i++)
        if (is_same_contact(&update->contacts[index], &update->contacts[i]))
            return true;
    return false;
}

/* --- the order of requests --- */

enum order {
    ORDER_NEWER,
    ORDER_AGAIN, /* a retransmission */
    ORDER_STALE,
};

static enum order order_of(const struct location_update *update, const struct slot *slot)
{
    if (!str_eq(slot_text(slot, TEXT_CALL_ID), update->call_id) || update->cseq > slot->cseq)
        return ORDER_NEWER;
    if (update->cseq == slot->cseq && update->now - slot->updated_at < update->cseq_delay)
        return ORDER_AGAIN;
    return ORDER_STALE;
}

static void add_step(struct plan *plan, struct step step)
{
    plan->steps[plan->step_count++] = step;
}

static enum err plan_contact(struct plan *plan, const struct location_contact *contact)
{
    struct step step = { .contact = contact, .target = match(plan, contact) };
    enum order order = step.target ? order_of(plan->update, step.target) : ORDER_NEWER;

    if (order == ORDER_STALE)
        return ERR_NOT_NOW;
    if (order == ORDER_AGAIN)
        step.kind = STEP_NOTHING;
    else if (contact->expires == 0 && !contact->is_permanent)
        step.kind = step.target ? STEP_REMOVE : STEP_NOTHING;
    else
        step.kind = step.target ? STEP_UPDATE : STEP_INSERT;
    add_step(plan, step);
    return ERR_NONE;
}

static enum err plan_contacts(struct plan *plan)
{
    const struct location_update *update = plan->update;
    enum err err;

    for (unsigned i = 0; i < update->contact_count; i++) {
        if (is_repeated_later(update, i))
            continue;
        if ((err = plan_contact(plan, &update->contacts[i])))
            return err;
    }
    return ERR_NONE;
}

/* Contact: *. Nothing goes when one of the bindings is newer than the request. */
static enum err plan_removal_of_all(struct plan *plan)
{
    for (struct slot *slot = plan->aor ? plan->aor->first : NULL; slot; slot = slot->next) {
        if (order_of(plan->update, slot) != ORDER_NEWER)
            return ERR_NOT_NOW;
        add_step(plan, (struct step){ .kind = STEP_REMOVE, .target = slot });
    }
    return ERR_NONE;
}

static void plan_removal_of_others(struct plan *plan)
{
    for (struct slot *slot = plan->aor ? plan->aor->first : NULL; slot; slot = slot->next)
        if (!find_step(plan, slot))
            add_step(plan, (struct step){ .kind = STEP_REMOVE, .target = slot });
}

static unsigned count_steps(const struct plan *plan, enum step_kind kind)
{
    unsigned count = 0;

    for (unsigned i = 0; i < plan->step_count; i++)
        count += plan->steps[i].kind == kind;
    return count;
}

static enum err plan_steps(struct plan *plan)
{
    const struct location_update *update = plan->update;
    unsigned steps_max = update->contact_count + count_slots(plan->aor);
    enum err err;

    plan->steps = arena_alloc(plan->arena, steps_max * sizeof *plan->steps);
    if (!plan->steps)
        return ERR_NOMEM;
    if (update->removes_all)
        return plan_removal_of_all(plan);
    if ((err = plan_contacts(plan)))
        return err;
    if (update->keeps_only_these &&
        (count_steps(plan, STEP_INSERT) || count_steps(plan, STEP_UPDATE)))
        plan_removal_of_others(plan);
    return ERR_NONE;
}

/* Refreshing is always possible: a limit that was lowered keeps new bindings out. */
static enum err check_count(const struct plan *plan)
{
    unsigned inserted = count_steps(plan, STEP_INSERT);
    unsigned total = count_slots(plan->aor) + inserted - count_steps(plan, STEP_REMOVE);

    if (inserted && plan->update->contacts_max && total > plan->update->contacts_max)
        return ERR_LIMIT;
    if (inserted && plan->update->bindings_max &&
        atomic_load_explicit(&plan->location->bindings, memory_order_relaxed) + inserted >
            plan->update->bindings_max + count_steps(plan, STEP_REMOVE))
        return ERR_EXHAUSTED;
    return ERR_NONE;
}

/* --- what will be --- */

static struct binding describe(const struct plan *plan, const struct step *step, struct str ruid)
{
    const struct location_update *update = plan->update;
    const struct slot *old = step->target;

    return (struct binding){
        .contact = step->contact->uri,
        .received = update->received,
        .path = update->path,
        .call_id = update->call_id,
        .user_agent = update->user_agent,
        .instance = step->contact->instance,
        .ruid = ruid,
        .cseq = update->cseq,
        .flags = update->flags,
        .cflags = update->cflags,
        .methods = step->contact->methods ? step->contact->methods : update->methods,
        .reg_id = step->contact->reg_id,
        .is_volatile = update->is_volatile,
        .q = step->contact->q,
        .expires_at = step->contact->is_permanent
                          ? BINDING_FOREVER
                          : update->now + (msec)step->contact->expires * 1000,
        .updated_at = update->now,
        .flow = update->flow,
        .ping_sent_at = old ? old->ping_sent_at : 0,
        .round_trip = old ? old->round_trip : 0,
    };
}

static enum err prepare_step(struct plan *plan, struct step *step)
{
    char buffer[RUID_MAX];
    struct binding binding;
    enum err err;

    if (step->kind == STEP_UPDATE) {
        binding = describe(plan, step, slot_text(step->target, TEXT_RUID));
        return slot_create(&binding, plan->aor, &step->fresh);
    }
    if (step->kind != STEP_INSERT)
        return ERR_NONE;
    binding = describe(plan, step, ruid_make(plan->location, buffer));
    if ((err = slot_create(&binding, plan->aor, &step->fresh)))
        return err;
    if ((err = ruid_add(plan->location, step->fresh)))
        return err;
    step->is_indexed = true;
    return ERR_NONE;
}

static enum err prepare_steps(struct plan *plan, const struct aor_key *key)
{
    enum err err;

    if (!plan->aor && count_steps(plan, STEP_INSERT))
        if ((err = shard_add(plan->shard, key, &plan->aor)))
            return err;
    for (unsigned i = 0; i < plan->step_count; i++)
        if ((err = prepare_step(plan, &plan->steps[i])))
            return err;
    return ERR_NONE;
}

static void undo_steps(struct plan *plan)
{
    for (unsigned i = 0; i < plan->step_count; i++) {
        struct step *step = &plan->steps[i];

        if (step->is_indexed)
            ruid_remove(plan->location, step->fresh);
        free(step->fresh);
    }
}

static void outcome_insert(struct plan *plan, struct slot *slot)
{
    unsigned at = 0;

    while (at < plan->outcome_count && !slot_precedes(slot, plan->outcome[at]))
        at++;
    memmove(&plan->outcome[at + 1], &plan->outcome[at],
            (plan->outcome_count - at) * sizeof *plan->outcome);
    plan->outcome[at] = slot;
    plan->outcome_count++;
}

static bool keeps_place(const struct step *step)
{
    return step->kind == STEP_UPDATE && slot_keeps_place(step->fresh, step->target);
}

/* What will be where the slot is; NULL: nothing. */
static struct slot *heir_of(const struct plan *plan, struct slot *slot)
{
    const struct step *step = find_step(plan, slot);

    if (!step || step->kind == STEP_NOTHING)
        return slot;
    return keeps_place(step) ? step->fresh : NULL;
}

static enum err gather_outcome(struct plan *plan)
{
    unsigned slots_max = count_slots(plan->aor) + plan->step_count;

    plan->outcome = arena_alloc(plan->arena, slots_max * sizeof *plan->outcome);
    if (!plan->outcome)
        return ERR_NOMEM;
    for (struct slot *slot = plan->aor ? plan->aor->first : NULL; slot; slot = slot->next) {
        struct slot *heir = heir_of(plan, slot);
        if (heir)
            plan->outcome[plan->outcome_count++] = heir;
    }
    for (unsigned i = 0; i < plan->step_count; i++)
        if (plan->steps[i].fresh && !keeps_place(&plan->steps[i]))
            outcome_insert(plan, plan->steps[i].fresh);
    return ERR_NONE;
}

/* --- doing it --- */

static void commit_insert(struct plan *plan, struct step *step)
{
    shard_enter(plan->location, plan->shard, step->fresh);
    shard_report(plan->location, BINDING_INSERTED, step->fresh);
}

static void commit_update(struct plan *plan, struct step *step)
{
    ruid_replace(plan->location, step->target, step->fresh);
    shard_replace(plan->location, plan->shard, step->target, step->fresh);
    shard_report(plan->location, BINDING_UPDATED, step->fresh);
}

static void commit_remove(struct plan *plan, struct step *step)
{
    shard_drop(plan->location, plan->shard, step->target, BINDING_REMOVED);
}

static void commit_nothing(struct plan *plan, struct step *step)
{
    (void)plan;
    (void)step;
}

static void commit(struct plan *plan)
{
    static void (*const commits[])(struct plan *, struct step *) = {
        [STEP_NOTHING] = commit_nothing,
        [STEP_INSERT] = commit_insert,
        [STEP_UPDATE] = commit_update,
        [STEP_REMOVE] = commit_remove,
    };

    for (unsigned i = 0; i < plan->step_count; i++)
        commits[plan->steps[i].kind](plan, &plan->steps[i]);
}

static enum location_result result_of(const struct plan *plan)
{
    const struct location_update *update = plan->update;

    if (!update->contact_count && !update->removes_all)
        return LOCATION_LISTED;
    if (count_steps(plan, STEP_INSERT))
        return LOCATION_INSERTED;
    for (unsigned i = 0; i < plan->step_count; i++)
        if (plan->steps[i].kind == STEP_UPDATE ||
            (plan->steps[i].kind == STEP_NOTHING && plan->steps[i].target))
            return LOCATION_UPDATED;
    return LOCATION_REMOVED;
}

/* With the shard locked. */
static enum err apply(struct plan *plan, const struct aor_key *key, struct binding **out)
{
    enum err err;

    if ((err = plan_steps(plan)))
        return err;
    if ((err = check_count(plan)))
        return err;
    if ((err = prepare_steps(plan, key)))
        goto undo;
    if ((err = gather_outcome(plan)))
        goto undo;
    if ((err = slots_copy(plan->location, plan->outcome, plan->outcome_count, plan->arena, out)))
        goto undo;
    commit(plan);
    return ERR_NONE;

undo:
    undo_steps(plan);
    return err;
}

enum err location_register(struct location *location, const struct location_update *update,
                           struct arena *arena, enum location_result *result, struct binding **out,
                           unsigned *count)
{
    struct plan plan = { .location = location, .update = update, .arena = arena };
    struct aor_key key;
    enum err err;

    if ((err = aor_key_make(location, update->table, update->aor, &key)))
        return err;
    plan.shard = shard_of(location, key.hash);
    lock_take(&plan.shard->lock);
    plan.aor = shard_find(plan.shard, &key);
    if (plan.aor)
        shard_expire(location, plan.shard, plan.aor, update->now);
    err = apply(&plan, &key, out);
    if (plan.aor)
        shard_prune(plan.shard, plan.aor);
    lock_give(&plan.shard->lock);
    if (err)
        return err;
    *result = result_of(&plan);
    *count = plan.outcome_count;
    return ERR_NONE;
}
