/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The functions behind the rows of siputils.c. */
#include <culvert/module.h>

#include "../options/reply.h"
#include "../uri/calls.h"
#include "rpid.h"

#define FUNCTION(name) enum verdict name(struct call *call)

FUNCTION(uri_param_any);
FUNCTION(uri_param_rm);
FUNCTION(get_uri_param);
FUNCTION(tel2sip);
FUNCTION(is_uri);
FUNCTION(is_e164);
FUNCTION(cmp_uri);
FUNCTION(cmp_aor);
FUNCTION(cmp_hdr_name);
FUNCTION(set_uri_user);
FUNCTION(set_uri_host);
FUNCTION(is_request);
FUNCTION(is_reply);
FUNCTION(is_gruu);
FUNCTION(is_supported);
FUNCTION(is_first_hop);
FUNCTION(is_tel_number);
FUNCTION(is_numeric);
FUNCTION(is_alphanum);
FUNCTION(is_alphanumex);
FUNCTION(options_reply);

/* contact.c */
FUNCTION(encode_contact);
FUNCTION(decode_contact);
FUNCTION(decode_contact_header);
FUNCTION(contact_param_encode);
FUNCTION(contact_param_decode);
FUNCTION(contact_param_decode_ruri);
FUNCTION(contact_param_rm);

/* charging.c */
FUNCTION(hdr_date_check);
FUNCTION(sip_p_charging_vector);
enum err siputils_get_pcv(const struct variable_use *use, struct value *out);
enum err siputils_prepare_pcv(struct module *module, struct str inner, const struct script_place *place,
                              const void **out);

/* Writes parameters without those of a name; false when there were none of it. */
bool uri_params_without(struct writer *w, struct str params, struct str name);

struct siputils {
    struct rpid rpid;
    struct options_texts options;
    struct str contact_flds_separator;
    unsigned vector_slot; /* of requests: the P-Charging-Vector that we have made */
};
