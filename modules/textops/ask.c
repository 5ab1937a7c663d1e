/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about a message. */
#include "textops.h"

#include <culvert/sdp.h>

enum {
    NULL_ADDRESS = 1,
    SAYS_SO = 2,
};

enum verdict textops_is_present_hf(struct call *call)
{
    return verdict_if(sip_msg_find_name(call->run->msg, call_text(call, 0), NULL));
}

enum verdict textops_is_present_hf_re(struct call *call)
{
    const struct sip_msg *msg = call->run->msg;

    for (unsigned i = 0; i < msg->hdr_count; i++) {
        if (regex_match(call->args[0].object, msg->hdrs[i].name, NULL))
            return VERDICT_TRUE;
    }
    return VERDICT_FALSE;
}

/* ---- methods ---- */

struct methods {
    uint64_t known;  /* bits by enum sip_method */
    struct str text; /* for methods without a number */
};

enum err methods_prepare(struct module *module, unsigned index, struct str text,
                         const struct script_place *place, const void **out)
{
    struct arena *arena = script_place_arena(place);
    struct methods *methods = arena_zalloc(arena, sizeof *methods);
    struct str rest = text, name;

    (void)module;
    (void)index;
    if (!methods || str_copy(arena, text, &methods->text))
        return ERR_NOMEM;
    while (!str_is_empty(rest)) {
        if (!str_split(rest, '|', &name, &rest)) {
            name = rest;
            rest = (struct str){ 0 };
        }
        methods->known |= (uint64_t)1 << sip_method_find(str_trim(name));
    }
    methods->known &= ~((uint64_t)1 << SIP_UNKNOWN_METHOD);
    *out = methods;
    return ERR_NONE;
}

static bool names_method(struct str list, struct str method)
{
    struct str rest = list, name;

    while (!str_is_empty(rest)) {
        if (!str_split(rest, '|', &name, &rest)) {
            name = rest;
            rest = (struct str){ 0 };
        }
        if (str_ieq(str_trim(name), method))
            return true;
    }
    return false;
}

enum verdict textops_is_method(struct call *call)
{
    const struct methods *methods = call->args[0].object;
    const struct sip_msg *msg = call->run->msg;

    if (msg->method != SIP_UNKNOWN_METHOD)
        return verdict_if(methods->known >> msg->method & 1);
    return verdict_if(names_method(methods->text, msg->method_name));
}

/* ---- body ---- */

/* Of one part, or of the body as a whole. A body without Content-Type is a session description. */
enum verdict textops_has_body(struct call *call)
{
    const struct sip_msg *msg = call->run->msg;
    const struct sip_body body = sip_msg_body(msg);
    struct sip_part part;
    enum err err;

    if (str_is_empty(msg->body))
        return VERDICT_FALSE;
    if (call->arg_count == 0 || sip_type_is(body.type, call_text(call, 0)))
        return VERDICT_TRUE;
    err = sip_body_find(&body, call_text(call, 0), &part);
    return verdict_if(!err || err == ERR_EXISTS);
}

enum verdict textops_is_audio_on_hold(struct call *call)
{
    struct sdp sdp;

    if (str_is_empty(call->run->msg->body) || sdp_parse(call->run->msg->body, &sdp))
        return VERDICT_FALSE;
    for (unsigned i = 0; i < sdp.stream_count; i++) {
        const struct sdp_stream *stream = &sdp.streams[i];
        if (!str_ieq(stream->media, STR("audio")) || !sdp_stream_is_held(stream))
            continue;
        return (enum verdict)(addr_is_unspecified(&stream->address) ? NULL_ADDRESS : SAYS_SO);
    }
    return VERDICT_FALSE;
}

/* Privacy: one or more of none, user, header, session, critical, id, history; by semicolon. */
enum verdict textops_is_privacy(struct call *call)
{
    struct sip_values values = sip_values_of(call->run->msg, SIP_HDR_PRIVACY);

    while (sip_values_next(&values)) {
        struct str rest = values.value;
        struct sip_param kind;
        while (sip_param_next(&rest, &kind)) {
            if (str_ieq(kind.name, call_text(call, 0)))
                return VERDICT_TRUE;
        }
    }
    return VERDICT_FALSE;
}
