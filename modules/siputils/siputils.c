/* SPDX-License-Identifier: Apache-2.0 */
#include "calls.h"

/* clang-format off */
#define ROW(name_, function, minimum, doc_, ...) \
    { .name = name_, .run = function, .takes = { __VA_ARGS__ }, .min_args = minimum, \
      .stages = STAGE_EVERY, .doc = doc_ }
#define NO_ARGS ARG_END

static const struct mod_function functions[] = {
    ROW("is_user", uri_is_user, 1, "True when the credentials are of this user.", ARG_FMT),
    { .name = "has_totag", .run = uri_has_totag, .stages = STAGE_EVERY, .traits = TRAIT_BLIND,
      .doc = "True inside of a dialog: To has a tag." },
    ROW("uri_param", uri_param, 1, "True when the Request-URI has this parameter [and value].", ARG_FMT, ARG_FMT),
    ROW("uri_param_any", uri_param_any, 1, "The same, in the user part too.", ARG_FMT),
    ROW("uri_param_rm", uri_param_rm, 1, "Removes a parameter of the Request-URI.", ARG_FMT),
    ROW("add_uri_param", uri_add_param, 1, "Adds name[=value] to the Request-URI.", ARG_FMT),
    ROW("get_uri_param", get_uri_param, 2, "Stores a parameter of the Request-URI in a variable.", ARG_FMT, ARG_VAR),
    ROW("tel2sip", tel2sip, 3, "Makes a sip URI of a tel URI: uri, host, variable.", ARG_FMT, ARG_FMT, ARG_VAR),
    ROW("is_uri", is_uri, 1, "True for a sip, sips or tel URI.", ARG_FMT),
    ROW("is_e164", is_e164, 1, "True for + and 3 to 15 digits in a variable.", ARG_VAR),
    ROW("is_uri_user_e164", uri_is_user_e164, 1, "The same for the user of the URI in a variable.", ARG_VAR),
    ROW("cmp_uri", cmp_uri, 2, "True when two URIs mean the same.", ARG_FMT, ARG_FMT),
    ROW("cmp_aor", cmp_aor, 2, "True when user and host of two URIs are equal.", ARG_FMT, ARG_FMT),
    ROW("cmp_hdr_name", cmp_hdr_name, 2, "True when two names mean the same header.", ARG_FMT, ARG_FMT),
    ROW("set_uri_user", set_uri_user, 2, "Replaces the user of the URI in a variable.", ARG_VAR, ARG_FMT),
    ROW("set_uri_host", set_uri_host, 2, "Replaces the host of the URI in a variable.", ARG_VAR, ARG_FMT),
    ROW("is_request", is_request, 0, "True for requests.", NO_ARGS),
    ROW("is_reply", is_reply, 0, "True for responses.", NO_ARGS),
    ROW("is_gruu", is_gruu, 0, "1 for a public, 2 for a temporary GRUU.", ARG_FMT),
    ROW("is_supported", is_supported, 1, "True when Supported names the option.", ARG_STR),
    ROW("is_first_hop", is_first_hop, 0, "True when no proxy is between the sender and us.", ARG_INT),
    ROW("is_tel_number", is_tel_number, 1, "True for digits, with or without a + before them.", ARG_FMT),
    ROW("is_numeric", is_numeric, 1, "True for digits.", ARG_FMT),
    ROW("is_alphanum", is_alphanum, 1, "True for letters and digits.", ARG_FMT),
    ROW("is_alphanumex", is_alphanumex, 2, "The same, with more characters allowed.", ARG_FMT, ARG_FMT),
    ROW("encode_contact", encode_contact, 2, "Hides the URIs of Contact in user parts: prefix, our host.", ARG_FMT, ARG_FMT),
    ROW("decode_contact", decode_contact, 0, "Makes the Request-URI what encode_contact() has hidden.", NO_ARGS),
    ROW("decode_contact_header", decode_contact_header, 0, "The same for Contact.", NO_ARGS),
    ROW("contact_param_encode", contact_param_encode, 2, "Hides the URIs of Contact in a parameter: its name, our URI.", ARG_FMT, ARG_FMT),
    ROW("contact_param_decode", contact_param_decode, 1, "Takes them out of it.", ARG_FMT),
    ROW("contact_param_decode_ruri", contact_param_decode_ruri, 1, "The same for the Request-URI.", ARG_FMT),
    ROW("contact_param_rm", contact_param_rm, 1, "Removes a parameter of the URIs of Contact.", ARG_FMT),
    RPID_FUNCTIONS(STAGE_ANY),
    ROW("hdr_date_check", hdr_date_check, 1, "True when Date is not older than so many seconds; -4 when it is.", ARG_INT),
    ROW("sip_p_charging_vector", sip_p_charging_vector, 1,
        "P-Charging-Vector: g adds one where there is none, f replaces it by ours, r removes it.", ARG_FMT),
    { .name = "options_reply", .run = options_reply, .stages = STAGE_ANY,
      .doc = "Answers an OPTIONS that is for the server." },
    { 0 },
};

#define TEXT_AT(name_, field, value, doc_) \
    { .name = #name_, .type = PARAM_STR, .offset = offsetof(struct siputils, field), \
      .initial_text = value, .doc = doc_ }
#define TEXT(name_, value, doc_) TEXT_AT(name_, name_, value, doc_)
#define OPTIONS(part, value, doc_) TEXT_AT(options_##part, options.part, value, doc_)

static const struct mod_param params[] = {
    OPTIONS(accept, "*/*", "Accept of options_reply()."),
    OPTIONS(accept_encoding, "", "Accept-Encoding of options_reply()."),
    OPTIONS(accept_language, "en", "Accept-Language of options_reply()."),
    OPTIONS(support, "", "Supported of options_reply()."),
    RPID_PARAMS(struct siputils, ""),
    TEXT(contact_flds_separator, "*", "What parts the fields of encode_contact()."),
    { 0 },
};
/* clang-format on */

static const struct mod_variable variables[] = {
    { .name = "pcv", .inner = INNER_NEEDED, .get = siputils_get_pcv, .prepare = siputils_prepare_pcv,
      .doc = "Of P-Charging-Vector: all, value, genaddr, orig, term; status is 1 when there is one, else 2." },
    { 0 },
};

static enum err start(struct module *module)
{
    struct siputils *state = module_state(module);
    enum err err = module_slot(module, &state->vector_slot);

    return err ? err : rpid_start(module);
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "siputils",
    .summary = "Questions about URIs and messages.",
    .state_size = sizeof(struct siputils),
    .functions = functions,
    .variables = variables,
    .params = params,
    .start = start,
};
