/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of the module share: its state, and the functions behind the rows of nathelper.c.
 */
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

#define NATHELPER_TABLE(F)                                                                         \
    /* contact.c */                                                                                \
    F(fix_nated_contact)                                                                           \
    F(fix_nated_register) F(add_rcv_param) F(nat_uac_test) F(is_rfc1918) /* alias.c */             \
        F(add_contact_alias) F(set_contact_alias) F(handle_ruri_alias)                             \
            F(set_alias_to_pv) /* sdp.c */                                                         \
        F(fix_nated_sdp)       /* media.c */                                                       \
        F(force_rtp_proxy) F(unforce_rtp_proxy) F(set_rtp_proxy_set) F(start_recording)

#define F(name) enum verdict name(struct call *call);
NATHELPER_TABLE(F)
#undef F

/* "sip:192.0.2.1:5060;transport=tcp": where the message came from. In run->arena. */
MUST_USE enum err write_source_uri(struct run *run, struct str *out);
/* Adds a parameter (";name=value") to the URI of a Contact, at `at` or, without brackets, at its
 * end. */
MUST_USE enum err add_uri_param(struct run *run, const struct sip_nameaddr *contact, const char *at,
                                struct str param);
