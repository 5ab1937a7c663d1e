/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/module.h>
#include <culvert/server.h>

struct maxfwd {
    int64_t max_limit;
};

enum maxfwd_answer {
    HEADER_ADDED = 2,
    NO_HOPS_LEFT = -1,
    NO_HEADER = -2,
};

/* A larger value than max_limit is lowered to it. */
static int limit(const struct module *module, int64_t hops)
{
    const struct maxfwd *maxfwd = module_state(module);

    return (int)(hops > maxfwd->max_limit ? maxfwd->max_limit : hops);
}

static enum verdict process(struct call *call)
{
    struct request *request = call->run->request;
    const struct sip_msg *msg = request->msg;
    int64_t granted = call->args[0].value.number;

    if (!msg->has_max_forwards) {
        request->max_forwards = limit(call->module, granted);
        return (enum verdict)HEADER_ADDED;
    }
    if (msg->max_forwards == 0)
        return (enum verdict)NO_HOPS_LEFT;
    request->max_forwards = limit(call->module, msg->max_forwards - 1);
    return VERDICT_TRUE;
}

static enum verdict is_below(struct call *call)
{
    const struct sip_msg *msg = call->run->request->msg;

    if (!msg->has_max_forwards)
        return (enum verdict)NO_HEADER;
    return verdict_if(msg->max_forwards < call->args[0].value.number);
}

#define PROCESS(name_)                                                                             \
    {                                                                                              \
        .name = name_, .run = process, .takes = { ARG_INT }, .min_args = 1,                        \
        .stages = STAGE_REQUEST, .traits = TRAIT_BLIND,                                            \
        .doc = "Takes one hop off Max-Forwards, or grants n: 1, 2 when added, -1 at 0."            \
    }
#define IS_BELOW(name_)                                                                            \
    {                                                                                              \
        .name = name_, .run = is_below, .takes = { ARG_INT }, .min_args = 1,                       \
        .stages = STAGE_REQUEST | STAGE_FAILURE | STAGE_BRANCH,                                    \
        .doc = "True when Max-Forwards is less than n; -2 without the header."                     \
    }

static const struct mod_function functions[] = {
    PROCESS("mf_process_maxfwd_header"),
    PROCESS("maxfwd_process"),
    PROCESS("process_maxfwd"),
    IS_BELOW("is_maxfwd_lt"),
    IS_BELOW("maxfwd_at_least"),
    IS_BELOW("mf_lowlimit"),
    { 0 },
};

static const struct mod_param params[] = {
    { .name = "max_limit",
      .type = PARAM_INT,
      .offset = offsetof(struct maxfwd, max_limit),
      .max = 256,
      .doc = "Larger values are lowered to this; 256 in OpenSER's dialect, 70 in Kamailio's." },
    { 0 },
};

static enum err start(struct module *module)
{
    struct maxfwd *maxfwd = module_state(module);

    if (maxfwd->max_limit == 0)
        maxfwd->max_limit = server_is_openser(module_server(module)) ? 256 : 70;
    return ERR_NONE;
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "maxfwd",
    .summary = "Counts hops, so that a request that loops comes to an end.",
    .state_size = sizeof(struct maxfwd),
    .functions = functions,
    .params = params,
    .start = start,
};
