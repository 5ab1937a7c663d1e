/* SPDX-License-Identifier: Apache-2.0 */
/* Tests, and what is done to a Contact. */
#include "nathelper.h"

enum {
    BAD_ADDRESS = -2,
};

enum verdict nat_uac_test(struct call *call)
{
    unsigned wanted = (unsigned)call->args[0].value.number;
    unsigned found = nat_test(call->run, wanted);

    if (found)
        log_debug("call " STR_FMT ": NAT test %u holds", STR_ARG(call->run->msg->call_id), found);
    return verdict_if(found != 0);
}

enum verdict is_rfc1918(struct call *call)
{
    struct addr addr;

    if (addr_parse_ip(call->args[0].value.text, &addr))
        return (enum verdict)BAD_ADDRESS;
    return verdict_if(nat_is_private(&addr));
}

enum verdict fix_nated_contact(struct call *call)
{
    enum err err = nat_fix_contact(call->run);

    if (err == ERR_EXISTS)
        log_error("fix_nated_contact: a second time for the same message");
    return verdict_of(err);
}

/* OpenSER writes TCP where Kamailio writes tcp. */
enum err write_source_uri(struct run *run, struct str *out)
{
    const struct transport_traits *traits = transport_traits(run->source.transport);
    bool is_openser = server_is_openser(run_server(run));
    struct str name = is_openser ? traits->via_name : traits->param_name;
    char address[ADDR_TEXT_MAX];

    if (run->source.transport == TRANSPORT_UDP)
        return str_print(run->arena, out, "sip:%s", addr_text(&run->source.peer, address));
    return str_print(run->arena, out, "sip:%s;transport=" STR_FMT,
                     addr_text(&run->source.peer, address), STR_ARG(name));
}

enum verdict fix_nated_register(struct call *call)
{
    const struct nathelper *nathelper = module_state(call->module);
    struct value value;
    struct str uri;

    if (!nathelper->received) {
        log_error("fix_nated_register: set nathelper's received_avp to that of registrar");
        return VERDICT_ERROR;
    }
    if (write_source_uri(call->run, &uri))
        return VERDICT_ERROR;
    value = value_of_str(uri);
    return verdict_of(variable_set(call->run, nathelper->received, &value));
}

/* A bare URI gets brackets, since what follows it belongs to the header. */
enum err add_uri_param(struct run *run, const struct sip_nameaddr *contact, const char *at,
                       struct str param)
{
    struct str uri = contact->uri.text, text;
    const char *end = uri.ptr + uri.len;
    enum err err;

    if (end < contact->text.ptr + contact->text.len && *end == '>')
        return sip_edit_insert(run->edits, run->msg, at, param);
    err = str_print(run->arena, &text, "<" STR_FMT STR_FMT ">",
                    STR_ARG(run_contact_uri(run, contact)), STR_ARG(param));
    return err ? err : sip_edit_replace(run->edits, run->msg, uri, text);
}

/* OpenSER puts quotes around the value inside a URI, Kamailio does not. */
static enum err add_received(struct run *run, const struct sip_nameaddr *contact, bool is_in_uri)
{
    const char *quote = !is_in_uri || server_is_openser(run_server(run)) ? "\"" : "";
    const char *uri_end = contact->uri.text.ptr + contact->uri.text.len;
    struct str uri, param;
    enum err err = write_source_uri(run, &uri);

    if (!err)
        err =
            str_print(run->arena, &param, ";received=%s" STR_FMT "%s", quote, STR_ARG(uri), quote);
    if (err)
        return err;
    if (is_in_uri)
        return add_uri_param(run, contact, uri_end, param);
    return sip_edit_insert(run->edits, run->msg, contact->text.ptr + contact->text.len, param);
}

enum verdict add_rcv_param(struct call *call)
{
    struct run *run = call->run;
    bool is_in_uri = call->arg_count > 0 && call->args[0].value.number != 0;
    struct sip_values contacts = sip_values_of(run->msg, SIP_HDR_CONTACT);
    struct sip_nameaddr contact;

    if (is_in_uri && !server_is_openser(run_server(run)) && run->source.transport != TRANSPORT_UDP)
        return VERDICT_TRUE;
    while (sip_values_next(&contacts)) {
        if (sip_nameaddr_parse(contacts.value, &contact) ||
            (!contact.is_star && add_received(run, &contact, is_in_uri)))
            return VERDICT_ERROR;
    }
    return VERDICT_TRUE;
}
