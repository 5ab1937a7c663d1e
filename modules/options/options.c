/* SPDX-License-Identifier: Apache-2.0 */
#include "reply.h"

/* options_reply(): for requests that are for the server itself, at a name of its own. */
static enum verdict options_reply(struct call *call)
{
    struct sip_uri uri;

    if (sip_uri_parse(run_target(call->run)->uri, &uri) || !run_is_uri_myself(call->run, &uri))
        return VERDICT_FALSE;
    return options_answer(call->run, module_state(call->module));
}

/* clang-format off */
static const struct mod_function functions[] = {
    { .name = "options_reply", .run = options_reply, .stages = STAGE_REQUEST,
      .doc = "Answers an OPTIONS that is for the server." },
    { 0 },
};

#define TEXT(name_, value, doc_) \
    { .name = #name_, .type = PARAM_STR, .offset = offsetof(struct options_texts, name_), .initial_text = value, .doc = doc_, \
      .is_live = true }

static const struct mod_param params[] = {
    TEXT(accept, "*/*", "Accept of the answer."),
    TEXT(accept_encoding, "", "Its Accept-Encoding."),
    TEXT(accept_language, "en", "Its Accept-Language."),
    TEXT(support, "", "Its Supported."),
    { 0 },
};
/* clang-format on */

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "options",
    .summary = "Answers to OPTIONS.",
    .state_size = sizeof(struct options_texts),
    .functions = functions,
    .params = params,
};
