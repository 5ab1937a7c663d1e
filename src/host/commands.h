/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The functions behind the rows of core_commands.c. */
#include <culvert/module.h>

#define COMMAND_TABLE(C)                                                                           \
    /* commands_uri.c */                                                                           \
    C(sethost)                                                                                     \
    C(sethostport)                                                                                 \
    C(sethostporttrans) C(setuser) C(setuserpass) C(setport) C(seturi) C(revert_uri) C(prefix)     \
        C(strip) C(strip_tail) C(userphone) /* commands_target.c */                                \
        C(setdsturi) C(resetdsturi) C(isdsturiset) C(append_branch) C(remove_branch)               \
            C(clear_branches) C(force_send_socket) C(set_advertised_address)                       \
                C(set_advertised_port) C(force_rport) C(force_tcp_alias) C(accept_silently)        \
                    C(is_myself) /* commands_flags.c */                                            \
        C(setflag) C(resetflag) C(isflagset) C(setbflag) C(resetbflag) C(isbflagset) C(setsflag)   \
            C(resetsflag) C(issflagset) /* commands_send.c */                                      \
        C(forward) C(forward_udp) C(forward_tcp) C(send) C(send_udp)                               \
            C(send_tcp) /* commands_script.c */                                                    \
        C(log) C(setdebug) C(pv_printf) C(pv_isset) C(pv_unset) C(is_int) C(pv_typeof)             \
            C(not_empty)

#define C(name) enum verdict command_##name(struct call *call);
COMMAND_TABLE(C)
#undef C
