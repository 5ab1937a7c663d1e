/* SPDX-License-Identifier: Apache-2.0 */
/* fix_nated_sdp(): the description as it would be without a NAT, as far as guessing goes. */
#include "nathelper.h"

#include <culvert/sdp.h>

enum {
    ADD_DIRECTION = 1,
    REPLACE_CONNECTIONS = 2,
    ADD_MARK = 4,
    REPLACE_ORIGIN = 8,
    REPLACES = REPLACE_CONNECTIONS | REPLACE_ORIGIN,
    NOTHING_REPLACED = 2,
    ROOM = 2048, /* for the lines that are added */
};

static bool has_description(const struct sip_msg *msg)
{
    bool is_typed = !str_is_empty(sip_msg_value(msg, SIP_HDR_CONTENT_TYPE));

    return !str_is_empty(msg->body) &&
           (!is_typed || sip_msg_has_content_type(msg, STR("application/sdp")));
}

/* The body as an earlier call in this script has made it. */
static struct str current_body(const struct run *run)
{
    const struct sip_msg *msg = run->msg;

    for (const struct sip_edit *edit = run->edits->first; edit; edit = edit->next) {
        if (edit->at == msg->body.ptr && edit->cut == msg->body.len)
            return edit->insert;
    }
    return msg->body;
}

static enum err fix(const struct call *call, const struct sdp_fix *wanted)
{
    struct run *run = call->run;
    struct str body = current_body(run), text;
    size_t size = 2 * body.len + ROOM;
    char *buffer = arena_alloc(run->arena, size);
    struct writer w;
    enum err err;

    if (!buffer)
        return ERR_NOMEM;
    w = writer_over(buffer, size);
    err = sdp_write_fixed(&w, body, wanted);
    if (!err)
        err = writer_finish(&w, &text);
    return err ? err : sip_edit_set_body(run->edits, run->msg, text);
}

enum verdict fix_nated_sdp(struct call *call)
{
    const struct nathelper *nathelper = module_state(call->module);
    bool is_openser = server_is_openser(run_server(call->run));
    int64_t flags = call->args[0].value.number;
    struct sdp_fix wanted = {
        .add_direction_active = flags & ADD_DIRECTION,
        .replace_connections = flags & REPLACE_CONNECTIONS,
        .replace_origin = flags & REPLACE_ORIGIN,
        .add_old_address = (flags & REPLACES) && (is_openser || nathelper->append_sdp_oldmediaip),
        .address = call->run->source.peer,
        .extra_line = flags & ADD_MARK ? nathelper->nortpproxy_str : STR(""),
    };
    enum err err;

    if (call->arg_count > 1 && addr_parse_ip(call->args[1].value.text, &wanted.address)) {
        log_error("fix_nated_sdp: \"" STR_FMT "\" is no address",
                  STR_ARG(call->args[1].value.text));
        return VERDICT_ERROR;
    }
    if (!has_description(call->run->msg))
        return VERDICT_FALSE;
    err = fix(call, &wanted);
    if (err == ERR_NOT_FOUND && !is_openser)
        return (enum verdict)NOTHING_REPLACED;
    return verdict_of(err);
}
