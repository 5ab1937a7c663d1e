/* SPDX-License-Identifier: Apache-2.0 */
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
    { 0 },
};
