/* SPDX-License-Identifier: Apache-2.0 */
#include "textopsx.h"

static enum verdict msg_apply_changes(struct call *call)
{
    return verdict_of(run_apply_changes(call->run));
}

static enum verdict msg_set_buffer(struct call *call)
{
    return verdict_of(run_replace_message(call->run, call->args[0].value.text));
}

/* The class of provisional and positive responses stays; a failure remains a failure. */
static bool may_become(unsigned old, int64_t status)
{
    if (status < 100 || status > 699)
        return false;
    return status / 100 == old / 100 || (status >= 300 && old >= 300);
}

/* change_reply_status(status [, reason]) */
static enum verdict change_reply_status(struct call *call)
{
    struct sip_msg *msg = call->run->msg;
    int64_t status = call->args[0].value.number;
    struct str reason = call->arg_count > 1 ? call->args[1].value.text : msg->reason;

    if (msg->is_request || !may_become(msg->status, status) || str_has_line_break(reason) ||
        str_copy(call->run->arena, reason, &reason)) {
        log_error("change_reply_status: a %u cannot become a %lld", msg->status, (long long)status);
        return VERDICT_ERROR;
    }
    msg->status = (unsigned)status;
    msg->reason = reason;
    return VERDICT_TRUE;
}

/* clang-format off */
#define AT(name_, function, stages_, minimum, doc_, ...) \
    { .name = name_, .run = function, .takes = { __VA_ARGS__ }, .min_args = minimum, .stages = stages_, .doc = doc_ }
#define ROW(name_, function, minimum, doc_, ...) \
    AT(name_, textopsx_##function, STAGE_ANY, minimum, doc_, __VA_ARGS__)
#define TEXTOPS(name_, minimum, doc_, ...) AT(#name_, textops_##name_, STAGE_ANY, minimum, doc_, __VA_ARGS__)
#define VALUE(name_, prepare_, doc_, ...) \
    { .name = #name_, .run = textopsx_##name_, .prepare = place_prepare_##prepare_, .takes = { ARG_CUSTOM, __VA_ARGS__ }, \
      .min_args = sizeof (int[]){ ARG_CUSTOM, __VA_ARGS__ } / sizeof(int), .stages = STAGE_ANY, .doc = doc_ }
#define REPLIES (STAGE_REPLY | STAGE_CORE_REPLY)
#define NO_ARGS ARG_END

static const struct mod_function functions[] = {
    AT("msg_apply_changes", msg_apply_changes, STAGE_ANY, 0, "What follows sees the message with the changes so far.", NO_ARGS),
    AT("msg_set_buffer", msg_set_buffer, STAGE_ANY, 1, "What follows sees this message.", ARG_FMT),
    AT("change_reply_status", change_reply_status, REPLIES, 2, "Gives a response another status and reason.", ARG_INT, ARG_FMT),
    AT("change_reply_status_code", change_reply_status, REPLIES, 1, "Gives a response another status.", ARG_INT),

    TEXTOPS(remove_body, 0, "Removes the body.", NO_ARGS),
    TEXTOPS(keep_hf, 0, "Removes headers but the needed ones and those that match.", ARG_RE),
    AT("fnmatch", textops_match_pattern, STAGE_ANY, 2, "True when a pattern of the shell matches: text, pattern [, i].", ARG_FMT, ARG_FMT, ARG_FMT),

    VALUE(append_hf_value, one, "Adds a value behind Name[i]; without [i] a header.", ARG_LINES),
    VALUE(insert_hf_value, one, "Adds a value before Name[i]; without [i] a header.", ARG_LINES),
    VALUE(assign_hf_value, assigned, "Replaces the value Name[i], or its parameter Name[i].param.", ARG_LINES),
    VALUE(assign_hf_value2, assigned, "The same where commas part parameters, as in Authorization.", ARG_LINES),
    { .name = "remove_hf_value", .run = textopsx_remove_hf_value, .prepare = place_prepare_any, .takes = { ARG_CUSTOM },
      .min_args = 1, .stages = STAGE_ANY, .doc = "Removes the value Name[i], or its parameter Name[i].param." },
    { .name = "remove_hf_value2", .run = textopsx_remove_hf_value2, .prepare = place_prepare_any, .takes = { ARG_CUSTOM },
      .min_args = 1, .stages = STAGE_ANY, .doc = "The same where commas part parameters, as in Authorization." },
    VALUE(include_hf_value, one, "Adds a value to a set such as Supported, unless it is there.", ARG_LINES),
    VALUE(exclude_hf_value, one, "Removes a value from a set.", ARG_FMT),
    VALUE(hf_value_exists, one, "True when a set has the value.", ARG_FMT),

    ROW("hf_iterator_start", hf_start, 1, "Begins to walk over the headers, by a name.", ARG_FMT),
    ROW("hf_iterator_next", hf_next, 1, "Goes on to the next header; false at the end.", ARG_FMT),
    ROW("hf_iterator_end", hf_end, 1, "Ends the walk.", ARG_FMT),
    ROW("hf_iterator_rm", hf_rm, 1, "Removes the header.", ARG_FMT),
    ROW("hf_iterator_append", hf_append, 2, "Adds header lines behind it.", ARG_FMT, ARG_LINES),
    ROW("hf_iterator_insert", hf_insert, 2, "Adds header lines before it.", ARG_FMT, ARG_LINES),
    ROW("bl_iterator_start", bl_start, 1, "Begins to walk over the lines of the body, by a name.", ARG_FMT),
    ROW("bl_iterator_next", bl_next, 1, "Goes on to the next line; false at the end.", ARG_FMT),
    ROW("bl_iterator_end", bl_end, 1, "Ends the walk.", ARG_FMT),
    ROW("bl_iterator_rm", bl_rm, 1, "Removes the line.", ARG_FMT),
    ROW("bl_iterator_append", bl_append, 2, "Adds text behind it.", ARG_FMT, ARG_FMT),
    ROW("bl_iterator_insert", bl_insert, 2, "Adds text before it.", ARG_FMT, ARG_FMT),
    { 0 },
};

static const struct mod_variable variables[] = {
    { .name = "hfitname", .inner = INNER_NEEDED, .get = textopsx_get_hfitname, .doc = "Name of an iterator's header." },
    { .name = "hfitbody", .inner = INNER_NEEDED, .get = textopsx_get_hfitbody, .doc = "Its body." },
    { .name = "blitval", .inner = INNER_NEEDED, .get = textopsx_get_blitval, .doc = "Line of an iterator, with its end." },
    { 0 },
};
/* clang-format on */

static enum err start(struct module *module)
{
    struct textopsx *state = module_state(module);

    return module_slot(module, &state->slot);
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "textopsx",
    .summary = "Changes seen at once, and header values one by one.",
    .state_size = sizeof(struct textopsx),
    .functions = functions,
    .variables = variables,
    .start = start,
};
