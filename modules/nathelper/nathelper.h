/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The state of the module, and the functions behind the rows of nathelper.c. */
#include <culvert/keepalive.h>
#include <culvert/log.h>
#include <culvert/module.h>
#include <culvert/nat.h>
#include <culvert/server.h>

struct nathelper {
    int64_t natping_interval, ping_nated_only;
    int64_t sipping_bflag, natping_disable_bflag;
    int64_t keepalive_timeout;
    struct str sipping_from, sipping_method;
    struct str nortpproxy_str; /* a whole line with CRLF once started, or empty */
    int64_t append_sdp_oldmediaip;
    struct str alias_name;
    struct str received_avp;
    const struct variable_ref *received; /* NULL: received_avp is not set */
    struct keepalive *keepalive;
};

#define FUNCTION(name) enum verdict name(struct call *call)

/* contact.c */
FUNCTION(fix_nated_contact);
FUNCTION(fix_nated_register);
FUNCTION(add_rcv_param);
FUNCTION(nat_uac_test);
FUNCTION(is_rfc1918);

/* alias.c */
FUNCTION(add_contact_alias);
FUNCTION(set_contact_alias);
FUNCTION(handle_ruri_alias);
FUNCTION(set_alias_to_pv);

/* sdp.c */
FUNCTION(fix_nated_sdp);

/* media.c */
FUNCTION(force_rtp_proxy);
FUNCTION(unforce_rtp_proxy);
FUNCTION(set_rtp_proxy_set);
FUNCTION(start_recording);

/* "sip:192.0.2.1:5060;transport=tcp": where the message came from. In run->arena. */
MUST_USE enum err write_source_uri(struct run *run, struct str *out);
/* Adds a parameter (";name=value") to the URI of a Contact, at `at` or, without brackets, at its
 * end. */
MUST_USE enum err add_uri_param(struct run *run, const struct sip_nameaddr *contact, const char *at,
                                struct str param);
