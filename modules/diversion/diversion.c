/* SPDX-License-Identifier: Apache-2.0 */
/* Who a call was for before it was diverted (RFC 5806). */
#include <culvert/module.h>

struct diversion {
    struct str suffix;
};

/* add_diversion(reason [, uri]): above those that are there; the received Request-URI by default. */
static enum verdict add_diversion(struct call *call)
{
    const struct diversion *state = module_state(call->module);
    struct run *run = call->run;
    struct str uri = call->arg_count > 1 ? call->args[1].value.text : run->request->msg->ruri;
    const struct sip_hdr *first = sip_msg_find_name(run->msg, STR("Diversion"), NULL);
    struct str body, line;

    if (str_print(run->arena, &body, "<" STR_FMT ">;reason=" STR_FMT STR_FMT, STR_ARG(uri),
                  STR_ARG(call_text(call, 0)), STR_ARG(state->suffix)) ||
        sip_print_header(run->arena, &line, STR("Diversion"), body))
        return VERDICT_ERROR;
    return verdict_of(first ? sip_edit_insert(run->edits, run->msg, first->line.ptr, line)
                            : sip_edit_append_hdr(run->edits, run->msg, line));
}

/* clang-format off */
static const struct mod_function functions[] = {
    { .name = "add_diversion", .run = add_diversion, .takes = { ARG_FMT, ARG_FMT }, .min_args = 1, .stages = STAGE_ANY,
      .doc = "Adds a Diversion header: reason [, URI]." },
    { 0 },
};

static const struct mod_param params[] = {
    { .name = "suffix", .type = PARAM_STR, .offset = offsetof(struct diversion, suffix), .initial_text = "",
      .doc = "What follows the reason." },
    { 0 },
};
/* clang-format on */

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "diversion",
    .summary = "Headers that say who a call was for.",
    .state_size = sizeof(struct diversion),
    .functions = functions,
    .params = params,
};
