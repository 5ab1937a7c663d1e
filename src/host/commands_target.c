/* SPDX-License-Identifier: Apache-2.0 */
/* Core commands about where a request goes and what our own Via says. */
#include "host/commands.h"

#include <culvert/log.h>

#include "host/core.h"
#include "host/host.h"

enum verdict command_setdsturi(struct call *call)
{
    struct str uri = call->args[0].value.text;
    enum err err = str_is_empty(uri) ? ERR_SYNTAX : run_set_dst_uri(call->run, uri);

    if (err)
        log_notice("setdsturi: \"" STR_FMT "\": %s", STR_ARG(uri), err_name(err));
    return verdict_of(err);
}

enum verdict command_resetdsturi(struct call *call)
{
    return verdict_of(run_set_dst_uri(call->run, (struct str){ 0 }));
}

enum verdict command_isdsturiset(struct call *call)
{
    return verdict_if(!str_is_empty(run_target(call->run)->dst_uri));
}

enum verdict command_append_branch(struct call *call)
{
    struct str uri = call->arg_count > 0 ? call->args[0].value.text : (struct str){ 0 };
    int q = call->arg_count > 1 ? sip_q_parse(call->args[1].value.text) : -1;
    enum err err = run_append_branch(call->run, uri, q);

    if (err)
        log_notice("append_branch: \"" STR_FMT "\": %s", STR_ARG(uri), err_name(err));
    return verdict_of(err);
}

enum verdict command_remove_branch(struct call *call)
{
    struct request *request = call->run->request;
    int64_t index = call->arg_count > 0 ? call->args[0].value.number : 0;

    if (index < 0 || index >= request->extra_count)
        return VERDICT_FALSE;
    request->extra_count--;
    for (unsigned i = (unsigned)index; i < request->extra_count; i++)
        request->extra[i] = request->extra[i + 1];
    return VERDICT_TRUE;
}

enum verdict command_use_blacklist(struct call *call)
{
    const struct server *server = run_server(call->run);
    uint32_t bit = blacklists_find(&server->settings.blacklists, call->args[0].value.text);

    if (!bit)
        log_error("use_blacklist: there is no dst_blacklist \"" STR_FMT "\"",
                  STR_ARG(call->args[0].value.text));
    call->run->request->blacklists |= bit;
    return verdict_if(bit);
}

enum verdict command_clear_branches(struct call *call)
{
    call->run->request->extra_count = 0;
    call->run->request->target_is_new = false;
    return VERDICT_TRUE;
}

enum verdict command_force_send_socket(struct call *call)
{
    struct str name = call->args[0].value.text;
    enum err err = run_set_socket(call->run, name);

    if (err)
        log_error("force_send_socket: the server does not listen on \"" STR_FMT "\"",
                  STR_ARG(name));
    return verdict_of(err);
}

enum verdict command_set_advertised_address(struct call *call)
{
    struct request *request = call->run->request;
    struct str host = call->args[0].value.text;

    if (str_has_line_break(host))
        return VERDICT_ERROR;
    return verdict_of(str_copy(&request->arena, host, &request->advertised_host));
}

enum verdict command_set_advertised_port(struct call *call)
{
    int64_t port = call->args[0].value.number;

    if (port < 1 || port > UINT16_MAX)
        return VERDICT_ERROR;
    call->run->request->advertised_port = (uint16_t)port;
    return VERDICT_TRUE;
}

enum verdict command_force_rport(struct call *call)
{
    call->run->request->force_rport = true;
    return VERDICT_TRUE;
}

/* What culvert does anyway, or what has no meaning for it. */
enum verdict command_accept_silently(struct call *call)
{
    (void)call;
    return VERDICT_TRUE;
}

enum verdict command_force_tcp_alias(struct call *call)
{
    int64_t port = call->arg_count > 0 ? call->args[0].value.number : 0;

    if (port < 0 || port > UINT16_MAX)
        return VERDICT_FALSE;
    run_alias_connection(call->run, (uint16_t)port);
    return VERDICT_TRUE;
}

enum verdict command_is_myself(struct call *call)
{
    struct str text = call->args[0].value.text;
    struct sip_uri uri;

    if (!sip_uri_parse(text, &uri) && uri.scheme != URI_OTHER)
        return verdict_if(run_is_myself(call->run, uri.host, uri.has_port ? uri.port : 0));
    return verdict_if(run_is_myself(call->run, text, 0));
}
