/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The functions behind the rows of siputils.c. */
#include <culvert/module.h>

#include "../uri/calls.h"

#define SIPUTILS_TABLE(F)                                                                          \
    F(uri_param_any)                                                                               \
    F(uri_param_rm) F(get_uri_param) F(tel2sip) F(is_uri) F(is_e164) F(cmp_uri) F(cmp_aor)         \
        F(cmp_hdr_name) F(set_uri_user) F(set_uri_host) F(is_request) F(is_reply) F(is_gruu)       \
            F(is_supported) F(is_first_hop) F(is_tel_number) F(is_numeric) F(is_alphanum)          \
                F(is_alphanumex) F(append_rpid_hf) F(options_reply)

#define F(name) enum verdict name(struct call *call);
SIPUTILS_TABLE(F)
#undef F

struct siputils {
    struct str options_accept, options_accept_encoding, options_accept_language, options_support;
    struct str rpid_prefix, rpid_suffix, rpid_avp;
    const struct variable_ref *rpid; /* NULL: none */
};
