/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that a script sends, and where a message is taken to come from. */
#include "corex.h"

#include <culvert/log.h>
#include <culvert/server.h>

enum {
    DATA_MAX = 65000,
};

/* ---- sending ---- */

/* Names are not looked up here: whoever sends bytes knows the address. */
static enum err read_destination(struct str text, struct flow *out)
{
    struct sip_uri uri;
    enum transport transport;
    enum err err = sip_uri_parse(text, &uri);

    if (err || (err = sip_uri_transport(&uri, &transport)))
        return err;
    *out = (struct flow){ .transport = (uint8_t)transport, .socket = SOCKET_ANY };
    if (addr_parse_ip(uri.host, &out->peer))
        return ERR_UNRESOLVED;
    out->peer.port = sip_uri_port(&uri);
    return ERR_NONE;
}

static enum verdict send_bytes(struct call *call, struct str uri, struct str socket, struct str data)
{
    struct flow flow;
    enum err err = read_destination(uri, &flow);

    if (!err && socket.len)
        err = server_find_listener(run_server(call->run), socket, &flow.socket);
    if (!err && (str_is_empty(data) || data.len > DATA_MAX))
        err = ERR_LIMIT;
    if (!err && worker_send(call->run->worker, &flow, data))
        return VERDICT_TRUE;
    log_error("nothing was sent to \"" STR_FMT "\": %s", STR_ARG(uri),
              err == ERR_UNRESOLVED ? "write its address, names are not looked up here"
                                    : err_name(err ? err : ERR_UNREACHABLE));
    return VERDICT_ERROR;
}

enum verdict send_data(struct call *call)
{
    return send_bytes(call, call_text(call, 0), STR(""), call_text(call, 1));
}

enum verdict sendx(struct call *call)
{
    return send_bytes(call, call_text(call, 0), call_text(call, 1), call_text(call, 2));
}

/* ---- where it comes from ---- */

/* "[udp:]192.0.2.1[:5060]": the transport stays that of the connection. */
static enum err read_source(struct str text, struct addr *out)
{
    struct str head, rest;
    enum transport transport;

    if (str_split(text, ':', &head, &rest) && !transport_find(head, &transport))
        text = rest;
    return addr_parse(text, out);
}

/* Only as long as nobody has been answered: a transaction knows its caller. */
enum verdict set_source_address(struct call *call)
{
    struct run *run = call->run;
    struct addr addr;

    if (read_source(call_text(call, 0), &addr)) {
        log_error("set_source_address: \"" STR_FMT "\" is no address: [transport:]address[:port]",
                  STR_ARG(call_text(call, 0)));
        return VERDICT_ERROR;
    }
    if (!run->msg->is_request || run->request->txn)
        return VERDICT_FALSE;
    if (addr.port == 0)
        addr.port = transport_traits((enum transport)run->source.transport)->default_port;
    run->source.peer = run->request->source.peer = addr;
    run->source.connection = run->request->source.connection = 0;
    return VERDICT_TRUE;
}

/* The socket that answers leave from. */
enum verdict set_recv_socket(struct call *call)
{
    struct run *run = call->run;
    uint16_t socket;

    if (server_find_listener(run_server(run), call_text(call, 0), &socket)) {
        log_error("set_recv_socket: the server does not listen on \"" STR_FMT "\"", STR_ARG(call_text(call, 0)));
        return VERDICT_FALSE;
    }
    if (!run->msg->is_request || run->request->txn)
        return VERDICT_FALSE;
    run->source.socket = run->request->source.socket = socket;
    return VERDICT_TRUE;
}
