/* SPDX-License-Identifier: Apache-2.0 */
#include "reply.h"

enum verdict options_answer(struct run *run, const struct options_texts *texts)
{
    struct sip_uri uri;
    struct str lines;
    enum err err;

    if (run->msg->method != SIP_OPTIONS || sip_uri_parse(run_target(run)->uri, &uri) ||
        !str_is_empty(uri.user))
        return VERDICT_FALSE;
    err = str_print(run->arena, &lines,
                    "Accept: " STR_FMT "\r\nAccept-Encoding: " STR_FMT
                    "\r\nAccept-Language: " STR_FMT "\r\nSupported: " STR_FMT "\r\n",
                    STR_ARG(texts->accept), STR_ARG(texts->accept_encoding),
                    STR_ARG(texts->accept_language), STR_ARG(texts->support));
    if (!err)
        err = run_add_reply_header(run, lines);
    return verdict_of(err ? err : run_reply(run, 200, STR("OK")));
}
