/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/module.h>

#include "calls.h"

enum {
    NUMBER_MAX = 128,
};

/* tel:+358-555-1234567;x=y becomes sip:+3585551234567;x=y@<From host>;user=phone */
static enum verdict tel2sip(struct call *call)
{
    char buffer[NUMBER_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct sip_uri uri;

    if (sip_uri_parse(uri_current(call->run), &uri))
        return VERDICT_ERROR;
    if (uri.scheme != URI_TEL)
        return VERDICT_TRUE;
    uri_write_number(&w, uri.user);
    if (!str_is_empty(uri.params)) {
        write_char(&w, ';');
        write_str(&w, uri.params);
    }
    if (writer_finish(&w, &uri.user))
        return VERDICT_ERROR;
    uri.scheme = URI_SIP;
    uri.host = call->run->msg->from.uri.host;
    uri.params = STR("user=phone");
    return uri_change(call, &uri);
}

/* clang-format off */
#define ROW(name_, function, minimum, stages_, doc_, ...) \
    { .name = name_, .run = function, .takes = { __VA_ARGS__ }, .min_args = minimum, \
      .stages = stages_, .doc = doc_ }

static const struct mod_function functions[] = {
    ROW("is_user", uri_is_user, 1, STAGE_REQUEST, "True when the credentials are of this user.", ARG_STR),
    { .name = "has_totag", .run = uri_has_totag, .stages = STAGE_ANY, .traits = TRAIT_BLIND,
      .doc = "True inside of a dialog: To has a tag." },
    ROW("uri_param", uri_param, 1, STAGE_REQUEST, "True when the Request-URI has this parameter [and value].",
        ARG_STR, ARG_STR),
    ROW("add_uri_param", uri_add_param, 1, STAGE_REQUEST, "Adds name[=value] to the Request-URI.", ARG_STR),
    ROW("tel2sip", tel2sip, 0, STAGE_REQUEST, "Makes a sip URI of a Request-URI that is a number.", ARG_END),
    ROW("is_uri_user_e164", uri_is_user_e164, 1, STAGE_REQUEST | STAGE_FAILURE,
        "True when the user of the URI in a variable is a number: + and 3 to 15 digits.", ARG_VAR),
    { 0 },
};
/* clang-format on */

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "uri",
    .summary = "Questions about URIs.",
    .functions = functions,
};
