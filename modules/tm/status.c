/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about the transaction: what is known of it, what its branches were answered. */
#include "tm.h"

enum {
    STATUS_TIMEOUT = 408,
};

/* ---- does it exist ---- */

/* A retransmission never reaches the script: it is answered by its transaction. */
enum verdict t_check_trans(struct call *call)
{
    return verdict_if(run_matches_transaction(call->run));
}

enum verdict t_lookup_request(struct call *call)
{
    return verdict_if(call->run->request->txn || run_matches_transaction(call->run));
}

enum verdict t_exists(struct call *call)
{
    return t_lookup_request(call);
}

enum verdict t_lookup_cancel(struct call *call)
{
    struct request *request = call->run->request;

    if (request->msg->method != SIP_CANCEL || !request->invite)
        return VERDICT_FALSE;
    if (call->arg_count > 0 && call->args[0].value.number == 1)
        request->flags = request->invite->flags;
    return VERDICT_TRUE;
}

enum verdict t_precheck_trans(struct call *call)
{
    (void)call;
    return VERDICT_FALSE;
}

/* ---- statuses ---- */

/* In failure routes the branch that was chosen, else the one that the route is about. */
static const struct branch *branch_of(const struct run *run)
{
    return run->stage == STAGE_FAILURE && run->request->winner ? run->request->winner : run->branch;
}

unsigned tm_status(const struct run *run)
{
    const struct branch *branch = branch_of(run);

    if (!run->msg->is_request)
        return run->msg->status;
    if (run->stage == STAGE_FAILURE || (run->stage == STAGE_EVENT && branch))
        return branch ? branch->status : STATUS_TIMEOUT;
    return run->stage == STAGE_REQUEST ? run->request->last_status : 0;
}

enum verdict t_check_status(struct call *call)
{
    unsigned status = tm_status(call->run);
    struct str text;

    if (status == 0 || str_print(call->run->arena, &text, "%u", status))
        return VERDICT_ERROR;
    return verdict_if(regex_match(call->args[0].object, text, NULL));
}

typedef bool branch_test_fn(const struct branch *branch, unsigned status);

static bool any_branch(const struct request *request, branch_test_fn *test, unsigned status)
{
    for (unsigned i = 0; i < request->branch_count; i++) {
        if (test(request->branches[i], status))
            return true;
    }
    return false;
}

static bool has_status(const struct branch *branch, unsigned status)
{
    return branch->status == status;
}

static bool has_timed_out(const struct branch *branch, unsigned status)
{
    (void)status;
    return branch->status == STATUS_TIMEOUT && !branch->is_received;
}

/* A tag came with some response; a final one without it still was received. */
static bool was_replied(const struct branch *branch, unsigned status)
{
    (void)status;
    return branch->is_received || !str_is_empty(branch->to_tag);
}

enum verdict t_grep_status(struct call *call)
{
    return verdict_if(
        any_branch(call->run->request, has_status, (unsigned)call->args[0].value.number));
}

enum verdict t_get_status_code(struct call *call)
{
    unsigned status = tm_status(call->run);

    return status ? (enum verdict)status : VERDICT_FALSE;
}

enum verdict t_branch_timeout(struct call *call)
{
    const struct branch *branch = branch_of(call->run);

    return verdict_if(!branch || has_timed_out(branch, 0));
}

enum verdict t_branch_replied(struct call *call)
{
    const struct branch *branch = branch_of(call->run);

    return verdict_if(branch && was_replied(branch, 0));
}

enum verdict t_any_timeout(struct call *call)
{
    return verdict_if(any_branch(call->run->request, has_timed_out, 0));
}

enum verdict t_any_replied(struct call *call)
{
    return verdict_if(any_branch(call->run->request, was_replied, 0));
}

static bool got_final_reply(const struct branch *branch, unsigned status)
{
    (void)status;
    return branch->is_received;
}

/* all: no branch got a reply. branch: the chosen one got none. last: the latest reply is our own.
 */
enum verdict t_local_replied(struct call *call)
{
    const struct run *run = call->run;
    const struct branch *branch = branch_of(run);
    struct str which = call->args[0].value.text;

    if (str_ieq(which, STR("all")))
        return verdict_if(!any_branch(run->request, got_final_reply, 0));
    if (str_ieq(which, STR("branch")))
        return verdict_if(run->stage == STAGE_FAILURE && (!branch || !branch->is_received));
    if (!str_ieq(which, STR("last"))) {
        log_error("t_local_replied: \"" STR_FMT "\" is not all, branch or last", STR_ARG(which));
        return VERDICT_ERROR;
    }
    if (run->stage == STAGE_FAILURE)
        return verdict_if(!branch || !branch->is_received);
    return verdict_if(run->request->last_status_is_local);
}

enum verdict t_was_cancelled(struct call *call)
{
    return verdict_if(call->run->request->is_cancelled);
}

/* Its lifetime is over: branches that are tried now end at once. */
enum verdict t_is_expired(struct call *call)
{
    const struct fork_rules *rules = server_fork_rules(run_server(call->run));
    const struct request *request = call->run->request;
    msec lifetime = request->lifetime;

    if (!lifetime)
        lifetime =
            request->msg->method == SIP_INVITE ? rules->invite_lifetime : rules->other_lifetime;
    return verdict_if(lifetime && run_now(call->run) >= request->received_at + lifetime);
}

/* ---- where are we ---- */

enum verdict t_is_failure_route(struct call *call)
{
    return verdict_if(call->run->stage == STAGE_FAILURE);
}

enum verdict t_is_branch_route(struct call *call)
{
    return verdict_if(call->run->stage == STAGE_BRANCH);
}

enum verdict t_is_reply_route(struct call *call)
{
    return verdict_if(call->run->stage & (STAGE_REPLY | STAGE_CORE_REPLY));
}

enum verdict t_is_request_route(struct call *call)
{
    return verdict_if(call->run->stage == STAGE_REQUEST);
}

enum verdict t_never(struct call *call)
{
    (void)call;
    return VERDICT_FALSE;
}

/* t_write_req() and its like. */
enum verdict t_unwritten(struct call *call)
{
    (void)call;
    log_error("t_write: nothing is written to pipes and sockets of other programs; see evapi");
    return VERDICT_FALSE;
}
