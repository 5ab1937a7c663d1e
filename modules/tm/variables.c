/* SPDX-License-Identifier: Apache-2.0 */
/* $T_…: what is known of the transaction, its branches, and the messages that it is about. */
#include <culvert/transaction.h>

#include "tm.h"

/* OpenSER counts from 1 in branch routes; Kamailio from 0, and tells the number of branches
 * elsewhere. */
static enum err get_branch_index(const struct variable_use *use, struct value *out)
{
    const struct run *run = use->run;
    bool is_openser = server_is_openser(run_server(run));
    bool is_in_branch = run->branch && (run->stage & (STAGE_BRANCH | STAGE_REPLY));

    if (is_openser)
        *out = value_of_int(run->stage == STAGE_BRANCH && run->branch ? run->branch->index + 1 : 0);
    else
        *out = value_of_int(is_in_branch ? run->branch->index : run->request->branch_count);
    return ERR_NONE;
}

static enum err get_reply_code(const struct variable_use *use, struct value *out)
{
    *out = value_of_int(tm_status(use->run));
    return ERR_NONE;
}

static const struct branch *answered_branch(const struct run *run)
{
    return run->request->winner ? run->request->winner : run->branch;
}

static enum err get_reply_reason(const struct variable_use *use, struct value *out)
{
    const struct branch *branch = answered_branch(use->run);

    *out = value_null();
    if (!use->run->msg->is_request)
        *out = value_of_str(use->run->msg->reason);
    else if (branch && branch->response)
        *out = value_of_str(branch->response->reason);
    return ERR_NONE;
}

static enum err get_reply_ruid(const struct variable_use *use, struct value *out)
{
    const struct branch *branch = answered_branch(use->run);

    *out = branch && !str_is_empty(branch->target.ruid) ? value_of_str(branch->target.ruid)
                                                        : value_null();
    return ERR_NONE;
}

static enum err get_reply_last(const struct variable_use *use, struct value *out)
{
    *out = value_of_int(use->run->request->last_status);
    return ERR_NONE;
}

static enum err get_branch_field(const struct variable_use *use, struct value *out)
{
    const struct branch *branch = answered_branch(use->run);

    *out = value_null();
    if (!branch)
        return ERR_NONE;
    if (str_eq(use->inner, STR("uri")))
        *out = value_of_str(branch->target.uri);
    else if (str_eq(use->inner, STR("ruid")))
        *out = value_of_str(branch->target.ruid);
    else if (str_eq(use->inner, STR("flags")))
        *out = value_of_int(branch->target.bflags);
    return ERR_NONE;
}

/* ---- $T(name) ---- */

static enum err put_number(struct value *out, uint64_t number)
{
    *out = value_of_int((int64_t)number);
    return ERR_NONE;
}

static enum err put_text(const struct variable_use *use, struct value *out, uint64_t number)
{
    struct str text;
    enum err err = str_print(use->run->arena, &text, "%llu", (unsigned long long)number);

    *out = err ? value_null() : value_of_str(text);
    return err;
}

/* Null before there is a transaction. */
static enum err get_id(const struct variable_use *use, struct value *out)
{
    const struct run *run = use->run;
    bool is_number = str_find(use->inner, STR("_n"));
    uint64_t id =
        str_starts(use->inner, STR("id_index")) ? worker_index(run->worker) : run->request->label;

    *out = value_null();
    if (!run->request->label)
        return ERR_NONE;
    return is_number ? put_number(out, id) : put_text(use, out, id);
}

/* 1 when the reply that counts is our own. */
static enum err get_reply_type(const struct variable_use *use, struct value *out)
{
    const struct branch *branch = answered_branch(use->run);

    return put_number(out, use->run->msg->is_request && (!branch || !branch->is_received));
}

static enum err get_t(const struct variable_use *use, struct value *out)
{
    static const struct {
        struct str name;
        enum err (*get)(const struct variable_use *use, struct value *out);
    } rows[] = {
        { STR_INIT("id_index"), get_id },           { STR_INIT("id_label"), get_id },
        { STR_INIT("id_index_n"), get_id },         { STR_INIT("id_label_n"), get_id },
        { STR_INIT("reply_code"), get_reply_code }, { STR_INIT("reply_reason"), get_reply_reason },
        { STR_INIT("reply_type"), get_reply_type }, { STR_INIT("branch_index"), get_branch_index },
        { STR_INIT("ruid"), get_reply_ruid },
    };

    *out = value_null();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (str_eq(use->inner, rows[i].name))
            return rows[i].get(use, out);
    }
    return ERR_NONE;
}

/* ---- $T_req($x), $T_rpl($x), $T_inv($x): a variable of another message ---- */

static enum err get_of(const struct variable_use *use, const struct request *request,
                       struct sip_msg *msg, struct value *out)
{
    struct run run = *use->run;

    *out = value_null();
    if (!msg || !use->object)
        return ERR_NONE;
    run.msg = msg;
    run.stage = msg->is_request ? STAGE_REQUEST : STAGE_REPLY;
    if (msg->is_request)
        run.source = request->source;
    return variable_get(&run, use->object, out);
}

/* Null where the request is at hand anyhow. */
static enum err get_of_request(const struct variable_use *use, struct value *out)
{
    struct request *request = use->run->request;

    return get_of(use, request, use->run->msg->is_request ? NULL : request->msg, out);
}

static enum err get_of_reply(const struct variable_use *use, struct value *out)
{
    const struct run *run = use->run;
    const struct branch *branch = answered_branch(run);
    struct sip_msg *reply = branch ? branch->response : NULL;

    return get_of(use, run->request, run->msg->is_request ? reply : run->msg, out);
}

static enum err get_of_invite(const struct variable_use *use, struct value *out)
{
    const struct request *invite = use->run->request->invite;

    *out = value_null();
    return invite ? get_of(use, invite, invite->msg, out) : ERR_NONE;
}

const struct mod_variable tm_variables[] = {
    { .name = "T_branch_idx", .get = get_branch_index, .doc = "Which branch this is." },
    { .name = "T_reply_code",
      .get = get_reply_code,
      .doc = "Status of the response, of the failure, or the last one sent." },
    { .name = "T_reply_reason",
      .get = get_reply_reason,
      .doc = "Reason phrase that goes with it." },
    { .name = "T_reply_ruid",
      .get = get_reply_ruid,
      .doc = "Id of the binding that was answered." },
    { .name = "T_reply_last", .get = get_reply_last, .doc = "The last status that went upstream." },
    { .name = "T_branch",
      .inner = INNER_NEEDED,
      .get = get_branch_field,
      .doc = "Of the branch: $T_branch(uri), (ruid), (flags)." },
    { .name = "T",
      .inner = INNER_NEEDED,
      .get = get_t,
      .doc = "Of the transaction: its name, the reply that counts, the branch." },
    { .name = "T_req",
      .inner = INNER_VARIABLE,
      .get = get_of_request,
      .doc = "A variable of the request: $T_req($ci)." },
    { .name = "T_rpl",
      .inner = INNER_VARIABLE,
      .get = get_of_reply,
      .doc = "A variable of the response that counts." },
    { .name = "T_inv",
      .inner = INNER_VARIABLE,
      .get = get_of_invite,
      .doc = "In a CANCEL: a variable of the INVITE that it means." },
    { 0 },
};
