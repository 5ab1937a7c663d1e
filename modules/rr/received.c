/* SPDX-License-Identifier: Apache-2.0 */
#include "rr.h"

/* "ip~port~number of the protocol, from 1" */
static enum err read_alias(struct run *run, struct str text, struct str *out)
{
    struct str ip, port, proto, rest;
    uint64_t number, port_number;

    if (!str_split(text, '~', &ip, &rest) || !str_split(rest, '~', &port, &proto) ||
        str_to_uint(port, 1, UINT16_MAX, &port_number) ||
        str_to_uint(proto, 1, TRANSPORTS, &number))
        return ERR_SYNTAX;
    return str_print(run->arena, out, "sip:" STR_FMT ":" STR_FMT ";transport=" STR_FMT, STR_ARG(ip),
                     STR_ARG(port),
                     STR_ARG(transport_traits((enum transport)(number - 1))->param_name));
}

enum err rr_follow_received(struct run *run, struct str params)
{
    const struct location_rules *rules = server_location_rules(run_server(run));
    struct sip_param received;
    struct str uri;
    enum err err;

    if (!rules->follows_received || !sip_param_find(params, rules->received_name, &received) ||
        str_is_empty(received.value))
        return ERR_NONE;
    err = str_find_char(received.value, '~')
              ? read_alias(run, received.value, &uri)
              : sip_unescape(run->arena, sip_unquote(received.value), &uri);
    return err ? err : run_set_dst_uri(run, uri);
}
