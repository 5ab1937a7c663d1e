/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What management asks of transactions. Each lives on its worker, so every command goes there and
 * comes back with what it found.
 */
#include <culvert/transaction.h>

#include "tm.h"

/* Every worker, one after the other. */
static enum err visit_all(struct module *module, struct command *command, worker_visit_fn *visit,
                          void *context)
{
    struct server *server = module_server(module);

    for (unsigned i = 0; i < server_worker_count(server); i++) {
        if (server_visit_worker(server, i, visit, context))
            return command_fail(command, ERR_TIMEOUT, "worker %u does not answer", i);
    }
    return ERR_NONE;
}

/* ---- tm.list ---- */

static unsigned running_branches(const struct request *request)
{
    unsigned count = 0;

    for (unsigned i = 0; i < request->branch_count; i++)
        count += request->branches[i]->state != BRANCH_DONE;
    return count;
}

static void put_status(struct command *command, const struct request *request)
{
    command_number(command, "outgoings", request->branch_count);
    command_number(command, "running", running_branches(request));
    command_number(command, "ref_count", request->refs);
    command_text(command, "cancelled", request->is_cancelled ? STR("yes") : STR("no"));
    command_number(command, "last_status", request->last_status);
}

struct listing {
    struct command *command;
    struct worker *worker;
};

static bool put_request(void *context, struct request *request)
{
    const struct listing *listing = context;
    struct command *command = listing->command;

    if (!request->txn)
        return true;
    command_open_object(command, "");
    command_number(command, "tindex", worker_index(listing->worker));
    command_number(command, "tlabel", request->label);
    command_text(command, "method", request->msg->method_name);
    command_text(command, "from", sip_msg_value(request->msg, SIP_HDR_FROM));
    command_text(command, "to", sip_msg_value(request->msg, SIP_HDR_TO));
    command_text(command, "callid", request->msg->call_id);
    command_number(command, "cseq", request->msg->cseq);
    command_text(command, "uas_request", STR("yes"));
    command_number(command, "tflags", request->flags);
    put_status(command, request);
    command_number(command, "lifetime",
                   (int64_t)(worker_now(listing->worker) - request->received_at) / 1000);
    command_close(command);
    return true;
}

static void list_worker(struct worker *worker, void *context)
{
    struct listing listing = { context, worker };

    worker_each_request(worker, put_request, &listing);
}

static enum err run_list(struct module *module, struct command *command)
{
    enum err err;

    command_open_list(command, "transactions");
    err = visit_all(module, command, list_worker, command);
    command_close(command);
    return err;
}

/* ---- tm.hash_stats, t_hash: a worker is what a hash slot is elsewhere ---- */

struct tally {
    struct command *command;
    unsigned current;
};

static bool count_request(void *context, struct request *request)
{
    struct tally *tally = context;

    tally->current += request->txn != NULL;
    return true;
}

static void tally_worker(struct worker *worker, void *context)
{
    struct tally tally = { context, 0 };

    worker_each_request(worker, count_request, &tally);
    command_open_object(tally.command, "");
    command_number(tally.command, "index", worker_index(worker));
    command_number(tally.command, "current", tally.current);
    command_close(tally.command);
}

static enum err run_hash(struct module *module, struct command *command)
{
    enum err err;

    command_open_list(command, "workers");
    err = visit_all(module, command, tally_worker, command);
    command_close(command);
    return err;
}

/* ---- tm.stats ---- */

static enum err run_stats(struct module *module, struct command *command)
{
    static const struct {
        const char *name;
        struct str counter;
    } rows[] = {
        { "current", STR_INIT("txn:servers") },
        { "total", STR_INIT("txn:servers_total") },
        { "clients", STR_INIT("txn:clients") },
        { "total_clients", STR_INIT("txn:clients_total") },
        { "rpl_received", STR_INIT("core:responses") },
        { "rpl_generated", STR_INIT("core:replies") },
        { "retransmissions", STR_INIT("txn:retransmissions_in") },
        { "timeouts", STR_INIT("txn:timeouts") },
        { "6xx", STR_INIT("tm:6xx_transactions") },
        { "5xx", STR_INIT("tm:5xx_transactions") },
        { "4xx", STR_INIT("tm:4xx_transactions") },
        { "3xx", STR_INIT("tm:3xx_transactions") },
        { "2xx", STR_INIT("tm:2xx_transactions") },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        command_number(command, rows[i].name,
                       server_read_counter(module_server(module), rows[i].counter));
    return ERR_NONE;
}

/* ---- tm.cancel, tm.reply, tm.reply_callid ---- */

struct deed {
    struct str call_id;
    uint32_t cseq, label;
    unsigned status; /* 0: cancel */
    struct str reason, headers, body;
    enum err err;
};

static void do_deed(struct worker *worker, void *context)
{
    struct deed *deed = context;
    struct request *request = deed->label ? worker_find_label(worker, deed->label)
                                          : worker_find_request(worker, deed->call_id, deed->cseq);

    if (!request)
        deed->err = ERR_NOT_FOUND;
    else if (deed->status)
        deed->err =
            worker_reply(worker, request, deed->status, deed->reason, deed->headers, deed->body);
    else
        deed->err = worker_cancel(worker, request);
}

static enum err let_do(struct module *module, struct command *command, unsigned index,
                       struct deed *deed)
{
    enum err err = server_visit_worker(module_server(module), index, do_deed, deed);

    if (err)
        return command_fail(command, err, "worker %u does not answer", index);
    if (deed->err == ERR_NOT_FOUND)
        return command_fail(command, ERR_NOT_FOUND, "there is no such transaction");
    if (deed->err)
        return command_fail(command, deed->err,
                            "it is answered already, or the text is unsound: %s",
                            err_name(deed->err));
    return ERR_NONE;
}

static enum err take_number(struct command *command, unsigned index, const char *what, uint64_t max,
                            uint64_t *out)
{
    struct str text = command_arg(command, index);

    if (str_to_uint(text, 0, max, out))
        return command_fail(command, ERR_SYNTAX, "\"" STR_FMT "\" is no %s", STR_ARG(text), what);
    return ERR_NONE;
}

/* callid, cseq from `first` on. */
static enum err take_call(struct command *command, unsigned first, struct deed *deed)
{
    uint64_t cseq = 0;
    enum err err = take_number(command, first + 1, "CSeq number", UINT32_MAX, &cseq);

    deed->call_id = command_arg(command, first);
    deed->cseq = (uint32_t)cseq;
    return err;
}

/* "." stands for none, as everywhere in these commands. */
static struct str optional_arg(const struct command *command, unsigned index)
{
    struct str text = command_arg(command, index);

    return str_eq(text, STR(".")) ? STR("") : text;
}

static enum err take_answer(struct command *command, struct deed *deed)
{
    uint64_t status = 0;
    enum err err = take_number(command, 0, "status", 699, &status);

    if (!err && status < 100)
        err = command_fail(command, ERR_RANGE, "a status is 100 to 699");
    deed->status = (unsigned)status;
    deed->reason = command_arg(command, 1);
    return err;
}

static enum err run_cancel(struct module *module, struct command *command)
{
    struct deed deed = { 0 };
    enum err err = take_call(command, 0, &deed);

    return err ? err
               : let_do(module, command, server_owner_of_call(module_server(module), deed.call_id),
                        &deed);
}

static enum err run_reply_callid(struct module *module, struct command *command)
{
    struct deed deed = { .headers = optional_arg(command, 5), .body = optional_arg(command, 6) };
    enum err err = take_answer(command, &deed);

    if (!err)
        err = take_call(command, 2, &deed);
    return err ? err
               : let_do(module, command, server_owner_of_call(module_server(module), deed.call_id),
                        &deed);
}

/* code reason index:label to_tag headers [body]; our own To tag is used. */
static enum err run_reply_command(struct module *module, struct command *command)
{
    struct deed deed = { .headers = optional_arg(command, 4), .body = optional_arg(command, 5) };
    enum err err = take_answer(command, &deed);
    uint64_t index = 0, label = 0;
    struct str left, right;

    if (err)
        return err;
    if (!str_split(command_arg(command, 2), ':', &left, &right) ||
        str_to_uint(left, 0, UINT32_MAX, &index) || str_to_uint(right, 1, UINT32_MAX, &label))
        return command_fail(command, ERR_SYNTAX, "which transaction? index:label, see tm.list");
    deed.label = (uint32_t)label;
    return let_do(module, command, (unsigned)index, &deed);
}

#define LIST_DOC "The transactions under way, with the names that tm.reply takes."
#define CANCEL_DOC "Cancels an INVITE as if its caller had."
#define REPLY_DOC "Answers a transaction; a final status ends its branches."

const struct mod_command tm_commands[] = {
    { "tm.stats", "", "How many transactions there are, were, and how they ended.", run_stats },
    { "tm.list", "", LIST_DOC, run_list },
    { "tm.hash_stats", "", "The transactions of each worker.", run_hash },
    { "tm.cancel", "callid cseq", CANCEL_DOC, run_cancel },
    { "tm.reply", "code reason index:label to_tag headers [body]", REPLY_DOC, run_reply_command },
    { "tm.reply_callid", "code reason callid cseq to_tag headers [body]", REPLY_DOC,
      run_reply_callid },
    { "t_hash", "", "The transactions of each worker.", run_hash },
    { "t_uac_cancel", "callid cseq", CANCEL_DOC, run_cancel },
    { "t_reply", "code reason index:label to_tag headers [body]", REPLY_DOC, run_reply_command },
    { 0 },
};
