/* SPDX-License-Identifier: Apache-2.0 */
#include "registrar.h"

/* Adds "name: proto:ip:port" of the socket that the request came in on. */
static enum verdict add_sock_hdr(struct call *call)
{
    struct run *run = call->run;
    const struct listener *listeners;
    unsigned count;
    struct str line;

    listeners = server_listeners(run_server(run), &count);
    if (run->source.socket >= count ||
        str_print(run->arena, &line, STR_FMT ": " STR_FMT "\r\n", STR_ARG(call->args[0].value.text),
                  STR_ARG(listeners[run->source.socket].name)) ||
        sip_edit_append_hdr(run->edits, run->msg, line))
        return VERDICT_ERROR;
    return VERDICT_TRUE;
}

static const struct mod_function functions[] = {
    { .name = "save", .run = registrar_save, .takes = { ARG_STR, ARG_FLAGS, ARG_FMT }, .min_args = 1,
      .stages = STAGE_REQUEST | STAGE_FAILURE | STAGE_REPLY,
      .doc = "Keeps the bindings of a REGISTER, with the flow it came on, and answers it." },
    { .name = "lookup", .run = registrar_lookup, .takes = { ARG_STR, ARG_FMT }, .min_args = 1,
      .stages = STAGE_REQUEST | STAGE_FAILURE,
      .doc = "Replaces the Request-URI by the bindings: 1, -1 nobody, -2 method, -3 error." },
    { .name = "registered", .run = registrar_registered, .takes = { ARG_STR, ARG_FMT }, .min_args = 1,
      .stages = STAGE_ANY, .doc = "True when the Request-URI, or the URI given, has a binding." },
    { .name = "unregister", .run = registrar_unregister, .takes = { ARG_STR, ARG_FMT, ARG_FMT },
      .min_args = 2, .stages = STAGE_ANY, .doc = "Removes the bindings of a URI, or one by its ruid." },
    { .name = "add_sock_hdr", .run = add_sock_hdr, .takes = { ARG_FMT }, .min_args = 1,
      .stages = STAGE_REQUEST, .doc = "Adds a header that names the receiving socket." },
    { 0 },
};

#define INT(name_, initial_, doc_)                                                              \
    { .name = #name_, .type = PARAM_INT, .offset = offsetof(struct registrar, name_),           \
      .initial = initial_, .doc = doc_ }
#define TEXT(name_, initial_, doc_)                                                             \
    { .name = #name_, .type = PARAM_STR, .offset = offsetof(struct registrar, name_),           \
      .initial_text = initial_, .doc = doc_ }
#define IGNORED(name_, doc_) { .name = name_, .type = PARAM_IGNORED, .doc = doc_ }

static const struct mod_param params[] = {
    INT(default_expires, 3600, "Seconds for a contact that asks for nothing."),
    INT(min_expires, 60, "Less is raised to this; 0: no bound."),
    INT(min_expires_mode, 0, "1: answer 423 instead of raising."),
    INT(max_expires, 0, "More is cut to this; 0: no bound."),
    INT(default_q, -1, "q times 1000 for contacts without; -1: unspecified."),
    INT(append_branches, 1, "lookup() adds all bindings, not only the best."),
    INT(case_sensitive, 0, "The user part of an address-of-record keeps its case."),
    INT(max_contacts, 0, "Bindings an address-of-record may have; 0: any number."),
    INT(retry_after, 0, "Seconds in Retry-After of 5xx answers; 0: none."),
    INT(method_filtering, 0, "lookup() leaves out contacts whose Allow lacks the method."),
    INT(use_path, 0, "Keep and use Path (RFC 3327)."),
    INT(path_mode, 2, "0 store only, 1 echo when supported, 2 insist on support."),
    INT(path_use_received, 0, "The received parameter of the first Path is the received URI."),
    INT(contact_max_size, 512, "Bytes a Contact URI may have."),
    TEXT(realm_prefix, "", "Cut off the front of the domain."),
    TEXT(received_param, "received", "Parameter of the reply that names the received URI."),
    TEXT(received_avp, "", "The variable that fix_nated_register() fills."),
    TEXT(aor_avp, "", "A variable with the URI to register instead of To."),
    IGNORED("tcp_persistent_flag", "a registered connection is kept by its keepalives"),
    IGNORED("nat_flag", "flows are always kept; see usrloc.nat_bflag"),
    IGNORED("sip_natping_flag", "see sipping_bflag of nathelper"),
    IGNORED("use_domain", "set use_domain of usrloc"),
    IGNORED("desc_time_order", "contacts of one q are ordered by time"),
    IGNORED("use_branch_flags", "branch flags are always kept"),
    IGNORED("sock_flag", "the socket is part of the flow"),
    IGNORED("sock_hdr_name", "the socket is part of the flow"),
    IGNORED("sock_mode", "the socket is part of the flow"),
    IGNORED("gruu_enabled", "GRUU is not issued"),
    IGNORED("outbound_mode", "flows are kept for every client"),
    IGNORED("regid_mode", "reg-id is always honoured"),
    IGNORED("default_expires_range", "expiry is not randomised"),
    IGNORED("expires_range", "expiry is not randomised"),
    IGNORED("xavp_cfg", "set the parameters of the module"),
    IGNORED("xavp_rcd", "the binding is in the branch"),
    { 0 },
};

static enum err start(struct module *module)
{
    struct registrar *registrar = module_state(module);
    struct server *server = module_server(module);
    enum err err = server_counter(server, "registrar", "accepted_regs", &registrar->accepted);

    if (!err)
        err = server_counter(server, "registrar", "rejected_regs", &registrar->rejected);
    if (!err && !str_is_empty(registrar->received_avp))
        err = module_variable(module, registrar->received_avp, &registrar->received_var);
    if (!err && !str_is_empty(registrar->aor_avp))
        err = module_variable(module, registrar->aor_avp, &registrar->aor_var);
    return err;
}

static const char *const needs[] = { "usrloc", NULL };

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "registrar",
    .summary = "Keeps where clients are, and finds them again.",
    .state_size = sizeof(struct registrar),
    .needs = needs,
    .functions = functions,
    .params = params,
    .start = start,
};
