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

static enum err fix(const struct call *call, const struct sdp_fix *wanted)
{
    struct run *run = call->run;
    struct run_part part;
    struct writer w;
    struct str text;
    size_t size;
    char *buffer;
    enum err err = run_find_part(run, STR("application/sdp"), &part);

    if (err)
        return ERR_SYNTAX;
    size = 2 * part.part.content.len + ROOM;
    buffer = arena_alloc(run->arena, size);
    if (!buffer)
        return ERR_NOMEM;
    w = writer_over(buffer, size);
    err = sdp_write_fixed(&w, part.part.content, wanted);
    if (!err)
        err = writer_finish(&w, &text);
    return err ? err : run_set_part(run, &part, text);
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
    err = fix(call, &wanted);
    if (err == ERR_NOT_FOUND && !is_openser)
        return (enum verdict)NOTHING_REPLACED;
    return verdict_of(err);
}
