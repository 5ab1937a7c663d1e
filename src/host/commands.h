/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The functions behind the rows of core_commands.c. */
#include <culvert/module.h>

#define COMMAND(name) enum verdict command_##name(struct call *call)

/* commands_uri.c */
COMMAND(sethost);
COMMAND(sethostport);
COMMAND(sethostporttrans);
COMMAND(setuser);
COMMAND(setuserpass);
COMMAND(setport);
COMMAND(seturi);
COMMAND(revert_uri);
COMMAND(prefix);
COMMAND(strip);
COMMAND(strip_tail);
COMMAND(userphone);
/* A telephone number that gets a host becomes a SIP URI for a telephone. */
void command_leave_tel(struct sip_uri *uri);

/* commands_target.c */
COMMAND(setdsturi);
COMMAND(resetdsturi);
COMMAND(isdsturiset);
COMMAND(append_branch);
COMMAND(use_blacklist);
COMMAND(remove_branch);
COMMAND(clear_branches);
COMMAND(force_send_socket);
COMMAND(set_advertised_address);
COMMAND(set_advertised_port);
COMMAND(force_rport);
COMMAND(force_tcp_alias);
COMMAND(accept_silently);
COMMAND(is_myself);

/* commands_serial.c */
COMMAND(serialize_branches);
COMMAND(next_branches);

/* commands_flags.c */
COMMAND(setflag);
COMMAND(resetflag);
COMMAND(isflagset);
COMMAND(setbflag);
COMMAND(resetbflag);
COMMAND(isbflagset);
COMMAND(setsflag);
COMMAND(resetsflag);
COMMAND(issflagset);

/* commands_send.c */
COMMAND(forward);
COMMAND(forward_udp);
COMMAND(forward_tcp);
COMMAND(forward_tls);
COMMAND(send);
COMMAND(send_udp);
COMMAND(send_tcp);

/* commands_script.c */
COMMAND(log);
COMMAND(setdebug);
COMMAND(pv_printf);
COMMAND(pv_isset);
COMMAND(pv_unset);
COMMAND(is_int);
COMMAND(pv_typeof);
COMMAND(not_empty);
