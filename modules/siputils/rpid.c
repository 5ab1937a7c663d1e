/* SPDX-License-Identifier: Apache-2.0 */
#include "rpid.h"

#include "../uri/calls.h"

enum err rpid_start(struct module *module)
{
    struct rpid *rpid = module_state(module);

    return str_is_empty(rpid->avp) ? ERR_NONE : module_variable(module, rpid->avp, &rpid->variable);
}

enum verdict append_rpid_hf(struct call *call)
{
    const struct rpid *rpid = module_state(call->module);
    struct str prefix = call->arg_count > 1 ? call_text(call, 0) : rpid->prefix;
    struct str suffix = call->arg_count > 1 ? call_text(call, 1) : rpid->suffix;
    struct run *run = call->run;
    struct value identity;
    struct str body, line;

    if (!rpid->variable || variable_get(run, rpid->variable, &identity) || value_is_null(&identity))
        return VERDICT_FALSE;
    if (str_print(run->arena, &body, STR_FMT STR_FMT STR_FMT, STR_ARG(prefix),
                  STR_ARG(identity.text), STR_ARG(suffix)) ||
        sip_print_header(run->arena, &line, STR("Remote-Party-ID"), body))
        return VERDICT_ERROR;
    return verdict_of(sip_edit_append_hdr(run->edits, run->msg, line));
}

enum verdict is_rpid_user_e164(struct call *call)
{
    const struct rpid *rpid = module_state(call->module);
    struct sip_nameaddr address;
    struct value identity;

    if (!rpid->variable || variable_get(call->run, rpid->variable, &identity) || !identity.has_text)
        return VERDICT_FALSE;
    if (sip_nameaddr_parse(identity.text, &address)) /* a bare number */
        return verdict_if(uri_text_is_e164(identity.text));
    return verdict_if(uri_text_is_e164(address.uri.user));
}
