/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core commands of scripts, those included that Kamailio has moved to modules (kex, corex, pv).
 * An old name of a command is a row with the same function.
 */
#include "host/commands.h"
#include "host/core.h"

/* clang-format off */
#define STAGED(stages_, traits_, name_, function, minimum, doc_, ...) \
    { .name = name_, .run = command_##function, .takes = { __VA_ARGS__ }, .min_args = minimum, \
      .stages = stages_, .traits = traits_, .doc = doc_ }
#define TRAITED(...) STAGED(STAGE_ANY, __VA_ARGS__)
#define ROW(...) TRAITED(0, __VA_ARGS__)
#define EVERY(...) STAGED(STAGE_EVERY, 0, __VA_ARGS__)
#define AIMS(...) TRAITED(TRAIT_AIMS, __VA_ARGS__)
#define NO_ARGS ARG_END

#define DOC_HOST "Replaces the host of the Request-URI; its port stays."
#define DOC_HOSTPORT "Replaces host and port of the Request-URI."
#define DOC_HOSTPORTTRANS "Replaces host, port and transport parameter of the Request-URI."
#define DOC_USER "Replaces the user part of the Request-URI; its password stays."
#define DOC_USERPASS "Replaces user part and password of the Request-URI."
#define DOC_PORT "Replaces the port of the Request-URI; empty removes it."
#define DOC_URI "Replaces the Request-URI."
#define DOC_DSTURI "Sets the next hop, in place of the Request-URI's host."
#define DOC_RESETDSTURI "Forgets the next hop: the Request-URI says where to send."
#define DOC_ISDSTURISET "True when a next hop is set."
#define DOC_SOCKET "Sends from this listen socket: proto:host:port."
#define DOC_RPORT "Answers to the port that the request came from, asked for or not."
#define DOC_LOCAL_RPORT "Our own Via asks for rport: always so."
#define DOC_ALIAS "The connection also stands for the port in its Via, or the one given."
#define DOC_SETBFLAG "Sets a flag of a branch."
#define DOC_RESETBFLAG "Clears a flag of a branch."
#define DOC_ISBFLAGSET "True when a flag of a branch is set."
#define DOC_SETSFLAG "Sets a script flag: it lives as long as this route runs."
#define DOC_RESETSFLAG "Clears a script flag."
#define DOC_ISSFLAGSET "True when a script flag is set."
#define DOC_NO_CONNECT "A client behind a NAT is never dialled: always so."
#define DOC_CLOSE "Connections are closed when they have been idle: no effect."
#define DOC_PRINTF "Writes a text with variables in it to a variable."

const struct mod_function core_commands[] = {
    AIMS("rewritehost", sethost, 1, DOC_HOST, ARG_STR),
    AIMS("sethost", sethost, 1, DOC_HOST, ARG_STR),
    AIMS("seth", sethost, 1, DOC_HOST, ARG_STR),
    AIMS("rewritehostport", sethostport, 1, DOC_HOSTPORT, ARG_STR),
    AIMS("sethostport", sethostport, 1, DOC_HOSTPORT, ARG_STR),
    AIMS("sethp", sethostport, 1, DOC_HOSTPORT, ARG_STR),
    AIMS("rewritehostporttrans", sethostporttrans, 1, DOC_HOSTPORTTRANS, ARG_STR),
    AIMS("sethostporttrans", sethostporttrans, 1, DOC_HOSTPORTTRANS, ARG_STR),
    AIMS("sethpt", sethostporttrans, 1, DOC_HOSTPORTTRANS, ARG_STR),
    ROW("rewriteuser", setuser, 1, DOC_USER, ARG_STR),
    ROW("setuser", setuser, 1, DOC_USER, ARG_STR),
    ROW("setu", setuser, 1, DOC_USER, ARG_STR),
    ROW("rewriteuserpass", setuserpass, 1, DOC_USERPASS, ARG_STR),
    ROW("setuserpass", setuserpass, 1, DOC_USERPASS, ARG_STR),
    ROW("setup", setuserpass, 1, DOC_USERPASS, ARG_STR),
    ROW("rewriteport", setport, 1, DOC_PORT, ARG_STR),
    ROW("setport", setport, 1, DOC_PORT, ARG_STR),
    ROW("setp", setport, 1, DOC_PORT, ARG_STR),
    AIMS("rewriteuri", seturi, 1, DOC_URI, ARG_STR),
    AIMS("seturi", seturi, 1, DOC_URI, ARG_STR),
    ROW("revert_uri", revert_uri, 0, "Takes the Request-URI back to the received one.", NO_ARGS),
    ROW("prefix", prefix, 1, "Puts a text before the user part of the Request-URI.", ARG_STR),
    ROW("strip", strip, 1, "Drops the first n characters of the user part.", ARG_INT),
    ROW("strip_tail", strip_tail, 1, "Drops the last n characters of the user part.", ARG_INT),
    ROW("userphone", userphone, 0, "Adds user=phone to the Request-URI.", NO_ARGS),

    AIMS("setdsturi", setdsturi, 1, DOC_DSTURI, ARG_FMT),
    AIMS("setduri", setdsturi, 1, DOC_DSTURI, ARG_FMT),
    ROW("resetdsturi", resetdsturi, 0, DOC_RESETDSTURI, NO_ARGS),
    ROW("resetduri", resetdsturi, 0, DOC_RESETDSTURI, NO_ARGS),
    ROW("isdsturiset", isdsturiset, 0, DOC_ISDSTURISET, NO_ARGS),
    ROW("isduriset", isdsturiset, 0, DOC_ISDSTURISET, NO_ARGS),
    ROW("append_branch", append_branch, 0, "Adds a target: the URI given, or a copy of the current one.",
        ARG_FMT, ARG_FMT),
    ROW("use_blacklist", use_blacklist, 1, "The request goes to no destination that a dst_blacklist of this name has.",
        ARG_STR),
    ROW("remove_branch", remove_branch, 0, "Removes an added target, the first one by default.", ARG_INT),
    ROW("clear_branches", clear_branches, 0, "Removes all targets.", NO_ARGS),
    { .name = "serialize_branches", .run = command_serialize_branches, .takes = { ARG_INT },
      .stages = STAGE_REQUEST | STAGE_FAILURE, .doc = "Puts the targets aside in order of q; 1: forgets older ones." },
    { .name = "next_branches", .run = command_next_branches, .stages = STAGE_REQUEST | STAGE_FAILURE,
      .doc = "Takes the targets of the next q; false when none are left." },
    ROW("force_send_socket", force_send_socket, 1, DOC_SOCKET, ARG_STR),
    ROW("set_send_socket", force_send_socket, 1, DOC_SOCKET, ARG_FMT),
    ROW("set_advertised_address", set_advertised_address, 1, "The host that our Via names.", ARG_STR),
    ROW("set_advertised_port", set_advertised_port, 1, "The port that our Via names.", ARG_INT),
    ROW("force_rport", force_rport, 0, DOC_RPORT, NO_ARGS),
    ROW("add_rport", force_rport, 0, DOC_RPORT, NO_ARGS),
    ROW("force_local_rport", accept_silently, 0, DOC_LOCAL_RPORT, NO_ARGS),
    ROW("add_local_rport", accept_silently, 0, DOC_LOCAL_RPORT, NO_ARGS),
    ROW("force_tcp_alias", force_tcp_alias, 0, DOC_ALIAS, ARG_INT),
    ROW("add_tcp_alias", force_tcp_alias, 0, DOC_ALIAS, ARG_INT),
    EVERY("set_forward_no_connect", accept_silently, 0, DOC_NO_CONNECT, NO_ARGS),
    EVERY("set_reply_no_connect", accept_silently, 0, DOC_NO_CONNECT, NO_ARGS),
    EVERY("set_forward_close", accept_silently, 0, DOC_CLOSE, NO_ARGS),
    EVERY("set_reply_close", accept_silently, 0, DOC_CLOSE, NO_ARGS),
    EVERY("is_myself", is_myself, 1, "True when the host or URI is ours.", ARG_FMT),

    EVERY("setflag", setflag, 1, "Sets a flag of the message.", ARG_INT),
    EVERY("resetflag", resetflag, 1, "Clears a flag of the message.", ARG_INT),
    EVERY("isflagset", isflagset, 1, "True when a flag of the message is set.", ARG_INT),
    EVERY("setbflag", setbflag, 1, DOC_SETBFLAG, ARG_INT, ARG_INT),
    EVERY("setbranchflag", setbflag, 1, DOC_SETBFLAG, ARG_INT, ARG_INT),
    EVERY("resetbflag", resetbflag, 1, DOC_RESETBFLAG, ARG_INT, ARG_INT),
    EVERY("resetbranchflag", resetbflag, 1, DOC_RESETBFLAG, ARG_INT, ARG_INT),
    EVERY("isbflagset", isbflagset, 1, DOC_ISBFLAGSET, ARG_INT, ARG_INT),
    EVERY("isbranchflagset", isbflagset, 1, DOC_ISBFLAGSET, ARG_INT, ARG_INT),
    EVERY("setsflag", setsflag, 1, DOC_SETSFLAG, ARG_INT),
    EVERY("setscriptflag", setsflag, 1, DOC_SETSFLAG, ARG_INT),
    EVERY("resetsflag", resetsflag, 1, DOC_RESETSFLAG, ARG_INT),
    EVERY("resetscriptflag", resetsflag, 1, DOC_RESETSFLAG, ARG_INT),
    EVERY("issflagset", issflagset, 1, DOC_ISSFLAGSET, ARG_INT),
    EVERY("isscriptflagset", issflagset, 1, DOC_ISSFLAGSET, ARG_INT),

    TRAITED(TRAIT_RELAYS, "forward", forward, 0, "Sends the message on without a transaction.", ARG_STR, ARG_STR),
    TRAITED(TRAIT_RELAYS, "forward_udp", forward_udp, 0, "As forward(), over UDP.", ARG_STR, ARG_STR),
    TRAITED(TRAIT_RELAYS, "forward_tcp", forward_tcp, 0, "As forward(), over TCP.", ARG_STR, ARG_STR),
    TRAITED(TRAIT_RELAYS, "forward_tls", forward_tls, 0, "As forward(), over TLS.", ARG_STR, ARG_STR),
    ROW("udp_mtu_try_proto", accept_silently, 1, "The transport of a flow is never changed for size.", ARG_STR),
    ROW("send", send, 1, "Sends the received bytes, unchanged, to an address.", ARG_STR),
    ROW("send_udp", send_udp, 0, "As send(), over UDP.", ARG_FMT),
    ROW("send_tcp", send_tcp, 0, "As send(), over TCP.", ARG_FMT),

    EVERY("log", log, 1, "Writes a text to the log: log([level,] text).", ARG_STR, ARG_STR),
    EVERY("error", accept_silently, 2, "Does nothing, as ever.", ARG_STR, ARG_STR),
    ROW("setdebug", setdebug, 0, "Sets which log lines are written; without argument, the usual ones.",
        ARG_INT),
    ROW("resetdebug", setdebug, 0, "Takes back setdebug().", NO_ARGS),
    EVERY("pv_printf", pv_printf, 2, DOC_PRINTF, ARG_VAR, ARG_FMT),
    EVERY("avp_printf", pv_printf, 2, DOC_PRINTF, ARG_VAR, ARG_FMT),
    EVERY("pv_isset", pv_isset, 1, "True when the variable is not null.", ARG_VAR),
    EVERY("pv_unset", pv_unset, 1, "Writes null to the variable.", ARG_VAR),
    EVERY("is_int", is_int, 1, "True when the variable has a number.", ARG_VAR),
    EVERY("typeof", pv_typeof, 2, "True when the variable is of a type: int, str, null.", ARG_VAR, ARG_STR),
    EVERY("not_empty", not_empty, 1, "True when the variable is neither null nor empty.", ARG_VAR),
    { 0 },
};
