/* SPDX-License-Identifier: Apache-2.0 */
/* Core commands that send without a transaction. */
#include "host/commands.h"

#include "host/core.h"

/* "[proto:]host[:port]" of the one or two arguments; empty when there are none. */
static enum err destination_of(const struct call *call, struct str proto, struct str *out)
{
    struct arena *arena = call->run->arena;
    struct str host = call->arg_count > 0 ? call->args[0].value.text : (struct str){ 0 };
    struct str port = call->arg_count > 1 ? call->args[1].value.text : (struct str){ 0 };
    enum transport known;
    struct str first, rest;

    if (str_split(host, ':', &first, &rest) && !str_is_empty(proto) &&
        !transport_find(first, &known))
        host = rest;
    if (str_is_empty(host) || (str_is_empty(proto) && str_is_empty(port))) {
        *out = host;
        return ERR_NONE;
    }
    return str_print(arena, out, STR_FMT "%s" STR_FMT "%s" STR_FMT, STR_ARG(proto),
                     str_is_empty(proto) ? "" : ":", STR_ARG(host), str_is_empty(port) ? "" : ":",
                     STR_ARG(port));
}

typedef enum verdict send_fn(struct run *run, struct str destination);

static enum verdict send_by(struct call *call, send_fn *send, struct str proto)
{
    struct str destination;

    if (destination_of(call, proto, &destination))
        return VERDICT_ERROR;
    return send(call->run, destination);
}

enum verdict command_forward(struct call *call)
{
    return send_by(call, run_forward, (struct str){ 0 });
}

enum verdict command_forward_udp(struct call *call)
{
    return send_by(call, run_forward, STR("udp"));
}

enum verdict command_forward_tcp(struct call *call)
{
    return send_by(call, run_forward, STR("tcp"));
}

enum verdict command_forward_tls(struct call *call)
{
    return send_by(call, run_forward, STR("tls"));
}

enum verdict command_send(struct call *call)
{
    return send_by(call, run_send_raw, (struct str){ 0 });
}

enum verdict command_send_udp(struct call *call)
{
    return send_by(call, run_send_raw, STR("udp"));
}

enum verdict command_send_tcp(struct call *call)
{
    return send_by(call, run_send_raw, STR("tcp"));
}
