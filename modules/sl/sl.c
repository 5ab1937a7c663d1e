/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/log.h>
#include <culvert/module.h>
#include <culvert/server.h>

struct sl {
    int64_t default_code;
    struct str default_reason;
};

/* Kamailio sends the target set along with a redirection. */
static enum err add_contacts(struct run *run, uint64_t status)
{
    bool is_redirection = status >= 300 && status < 400;

    return is_redirection && !server_is_openser(run_server(run)) ? run_add_contacts(run) : ERR_NONE;
}

static enum verdict reply(struct call *call)
{
    const struct sl *sl = module_state(call->module);
    struct str reason = call->args[1].value.text;
    uint64_t status;
    enum err err;

    if (str_to_uint(call->args[0].value.text, 100, 699, &status)) {
        log_error("\"" STR_FMT "\" is no status of a reply", STR_ARG(call->args[0].value.text));
        status = (uint64_t)sl->default_code;
        reason = sl->default_reason;
    }
    if (add_contacts(call->run, status))
        return VERDICT_ERROR;
    err = run_reply(call->run, (unsigned)status, reason);
    if (err)
        log_notice("reply %u to " STR_FMT " not sent: %s", (unsigned)status,
                   STR_ARG(call->run->request->msg->method_name), err_name(err));
    return verdict_of(err);
}

static enum verdict reply_error(struct call *call)
{
    struct str reason;
    unsigned status = run_error(call->run, &reason);

    return verdict_of(run_reply(call->run, status, reason));
}

#define REPLY(name_, minimum, stages_, ...)                                                        \
    {                                                                                              \
        .name = name_, .run = reply, .takes = { __VA_ARGS__ }, .min_args = minimum,                \
        .stages = stages_, .doc = "Answers the request: status, reason."                           \
    }

enum {
    ANYWHERE = STAGE_REQUEST | STAGE_FAILURE | STAGE_REPLY | STAGE_ERROR,
};

static const struct mod_function functions[] = {
    REPLY("sl_send_reply", 2, STAGE_REQUEST | STAGE_ERROR, ARG_FMT, ARG_FMT),
    REPLY("sl_reply", 2, STAGE_REQUEST | STAGE_ERROR, ARG_FMT, ARG_FMT),
    REPLY("send_reply", 2, ANYWHERE, ARG_FMT, ARG_FMT),
    REPLY("send_reply_mode", 3, ANYWHERE, ARG_FMT, ARG_FMT, ARG_INT),
    { .name = "sl_reply_error",
      .run = reply_error,
      .stages = STAGE_REQUEST,
      .doc = "Answers the request with the reason why it could not be forwarded." },
    { .name = "send_reply_error",
      .run = reply_error,
      .stages = STAGE_REQUEST | STAGE_FAILURE,
      .doc = "Answers the request with the reason why it could not be forwarded." },
    { 0 },
};

/* $ltt(x), $ltt(t): without and within a transaction, which is the same tag here. */
static enum err get_local_tag(const struct variable_use *use, struct value *out)
{
    bool is_known = str_eq(use->inner, STR("x")) || str_eq(use->inner, STR("t"));

    *out = is_known ? value_of_str(run_reply_tag(use->run)) : value_null();
    return ERR_NONE;
}

static const struct mod_variable variables[] = {
    { .name = "ltt",
      .inner = INNER_NEEDED,
      .get = get_local_tag,
      .doc = "The To tag of our own reply: $ltt(x) or $ltt(t)." },
    { 0 },
};

static const struct mod_param params[] = {
    { .name = "default_code",
      .type = PARAM_INT,
      .offset = offsetof(struct sl, default_code),
      .min = 400,
      .max = 699,
      .initial = 500,
      .doc = "Status in place of one that is no number.",
      .is_live = true },
    { .name = "default_reason",
      .type = PARAM_STR,
      .offset = offsetof(struct sl, default_reason),
      .initial_text = "Internal Server Error",
      .doc = "Reason to go with default_code.",
      .is_live = true },
    { .name = "enable_stats", .type = PARAM_IGNORED, .doc = "replies are always counted" },
    { .name = "bind_tm", .type = PARAM_IGNORED, .doc = "a transaction is used when there is one" },
    { .name = "rich_redirect", .type = PARAM_IGNORED, .doc = "contacts carry their q" },
    { .name = "event_callback_fl_ack", .type = PARAM_IGNORED, .doc = "there is no KEMI" },
    { .name = "event_callback_lres_sent", .type = PARAM_IGNORED, .doc = "there is no KEMI" },
    { 0 },
};

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "sl",
    .summary = "Replies to requests.",
    .state_size = sizeof(struct sl),
    .functions = functions,
    .variables = variables,
    .params = params,
};
