/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions that wait, and those of other calls: tmx's functions on a name or a Call-ID. */
#include <culvert/transaction.h>

#include "tm.h"

enum {
    CALL_ID_MAX = 256,
    REASON_MAX = 128,
    ROUTE_NAME_MAX = 128,
};

static bool take_text(char *room, size_t size, struct str text, size_t *length)
{
    if (text.len > size)
        return false;
    memcpy(room, text.ptr, text.len);
    *length = text.len;
    return true;
}

/* ---- suspend and continue ---- */

enum verdict t_suspend(struct call *call)
{
    enum err err = run_suspend(call->run);

    if (err)
        log_notice("t_suspend: %s", err_name(err));
    return verdict_of(err);
}

struct continuation {
    uint32_t label;
    size_t route_length;
    char route[ROUTE_NAME_MAX];
};

static struct str route_of(const struct continuation *continuation)
{
    return (struct str){ continuation->route, continuation->route_length };
}

static void continue_there(struct worker *worker, void *context)
{
    const struct continuation *continuation = context;

    if (worker_continue(worker, continuation->label, route_of(continuation)))
        log_debug("t_continue: nothing waits under label %u", continuation->label);
}

/* On another worker it is not known whether there is one: it is true then. */
enum verdict t_continue(struct call *call)
{
    struct server *server = run_server(call->run);
    unsigned index = (unsigned)call->args[0].value.number;
    struct str route = call->args[2].value.text;
    struct continuation continuation = { .label = (uint32_t)call->args[1].value.number };

    if (run_find_route(call->run, route) == ROUTE_NONE ||
        !take_text(continuation.route, sizeof continuation.route, route,
                   &continuation.route_length)) {
        log_error("t_continue: there is no route[" STR_FMT "]", STR_ARG(route));
        return VERDICT_ERROR;
    }
    if (index == worker_index(call->run->worker))
        return verdict_of(
            worker_continue(call->run->worker, continuation.label, route_of(&continuation)));
    return verdict_of(
        server_send_worker(server, index, continue_there, &continuation, sizeof continuation));
}

enum verdict t_drop(struct call *call)
{
    run_drop_transaction(call->run);
    return VERDICT_STOP;
}

/* ---- the branches of this one ---- */

static void cancel_others(struct run *run)
{
    for (unsigned i = 0; i < run->request->branch_count; i++) {
        if (run->request->branches[i] != run->branch)
            run_cancel_branch(run, run->request->branches[i]);
    }
}

enum verdict t_cancel_branches(struct call *call)
{
    struct run *run = call->run;
    struct str which = call->args[0].value.text;
    bool is_all = str_ieq(which, STR("all"));

    if (!is_all && !str_ieq(which, STR("others")) && !str_ieq(which, STR("this"))) {
        log_error("t_cancel_branches: \"" STR_FMT "\" is not all, others or this", STR_ARG(which));
        return VERDICT_ERROR;
    }
    if (!str_ieq(which, STR("this")))
        cancel_others(run);
    if (run->branch && !str_ieq(which, STR("others")))
        run_cancel_branch(run, run->branch);
    return VERDICT_TRUE;
}

/* ---- another one, by its Call-ID ---- */

struct order {
    char call_id[CALL_ID_MAX];
    char reason[REASON_MAX];
    size_t call_id_length, reason_length;
    uint32_t cseq;
    unsigned status; /* to answer with; 0: none */
    int flag;        /* to set; -1: none */
    bool cancels;
    bool is_done;
};

static void carry_out(struct worker *worker, void *context)
{
    struct order *order = context;
    struct str call_id = { order->call_id, order->call_id_length };
    struct request *request = worker_find_request(worker, call_id, order->cseq);
    struct str reason = { order->reason, order->reason_length };
    enum err err = ERR_NONE;

    if (!request)
        return;
    if (order->flag >= 0)
        request->flags |= UINT32_C(1) << order->flag;
    if (order->status)
        err = worker_reply(worker, request, order->status, reason, STR(""), STR(""));
    else if (order->cancels)
        err = worker_cancel(worker, request);
    order->is_done = !err;
}

/* Here at once; elsewhere it is sent off, and true. */
static enum verdict give_order(struct call *call, struct order *order)
{
    struct server *server = run_server(call->run);
    struct str call_id = call->args[0].value.text;
    unsigned owner = server_owner_of_call(server, call_id);
    uint64_t cseq;

    if (!take_text(order->call_id, sizeof order->call_id, call_id, &order->call_id_length) ||
        str_to_uint(call->args[1].value.text, 0, UINT32_MAX, &cseq))
        return VERDICT_ERROR;
    order->cseq = (uint32_t)cseq;
    if (owner != worker_index(call->run->worker))
        return verdict_of(server_send_worker(server, owner, carry_out, order, sizeof *order));
    carry_out(call->run->worker, order);
    return verdict_if(order->is_done);
}

enum verdict t_cancel_callid(struct call *call)
{
    int64_t flag = call->args[2].value.number;
    int64_t status = call->arg_count > 3 ? call->args[3].value.number : 0;
    struct order order = {
        .flag = flag >= 0 && flag < FLAGS_MAX ? (int)flag : -1,
        .status = status >= 300 && status < 700 ? (unsigned)status : 0,
        .cancels = true,
    };

    return give_order(call, &order);
}

enum verdict t_reply_callid(struct call *call)
{
    struct order order = { .flag = -1 };
    uint64_t status;

    if (str_to_uint(call->args[2].value.text, 100, 699, &status) ||
        !take_text(order.reason, sizeof order.reason, call->args[3].value.text,
                   &order.reason_length))
        return VERDICT_ERROR;
    order.status = (unsigned)status;
    return give_order(call, &order);
}
