/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking about session descriptions, and changing them. A change works on the description as earlier
 * ones have left it, wherever in the body it is; media that are anchored later are anchored in that.
 */
#include "sdpops.h"

#include <culvert/log.h>
#include <culvert/server.h>

#include "codecs.h"

enum {
    NO_DESCRIPTION = -2,
};

/* ---- the description ---- */

enum err sdpops_find(const struct run *run, struct description *out)
{
    enum err err = run_find_part(run, STR("application/sdp"), &out->part);

    if (!err && str_is_empty(out->part.part.content))
        return ERR_NOT_FOUND;
    return err ? err : sdp_parse(out->part.part.content, &out->sdp);
}

enum err sdpops_open(struct run *run, const struct description *description, size_t more, struct writer *out)
{
    size_t size = description->sdp.text.len + more + 1;
    char *room = arena_alloc(run->arena, size);

    *out = writer_over(room, size);
    return room ? ERR_NONE : ERR_NOMEM;
}

enum err sdpops_close(struct run *run, const struct description *description, const struct writer *w)
{
    struct str text;
    enum err err = writer_finish(w, &text);

    if (err || str_eq(text, description->sdp.text))
        return err;
    return run_set_part(run, &description->part, text);
}

/* ---- asking ---- */

static enum verdict sdp_content(struct call *call)
{
    struct run_part part;
    enum err err = run_find_part(call->run, STR("application/sdp"), &part);

    return verdict_if(!err && part.part.content.len);
}

typedef bool stream_test_fn(const struct sdp_stream *stream, struct str text);

static bool is_of_media(const struct sdp_stream *stream, struct str text)
{
    return str_ieq(stream->media, text);
}

static bool is_active(const struct sdp_stream *stream, struct str text)
{
    return is_of_media(stream, text) && stream->port != 0 && stream->direction != SDP_INACTIVE;
}

static bool is_of_transport(const struct sdp_stream *stream, struct str text)
{
    return str_ieq(stream->proto, text);
}

static bool has_in_transport(const struct sdp_stream *stream, struct str text)
{
    return text.len && str_find(stream->proto, text);
}

static bool has_candidates(const struct sdp_stream *stream, struct str text)
{
    struct str rest = stream->section, line;

    (void)text;
    while (line_next(&rest, &line))
        if (str_istarts(line, STR("a=candidate:")))
            return true;
    return false;
}

static enum verdict ask_streams(struct call *call, stream_test_fn *test)
{
    struct description description;

    if (sdpops_find(call->run, &description))
        return VERDICT_FALSE;
    for (unsigned i = 0; i < description.sdp.stream_count; i++)
        if (test(&description.sdp.streams[i], call_text(call, 0)))
            return VERDICT_TRUE;
    return VERDICT_FALSE;
}

static enum verdict sdp_with_media(struct call *call)
{
    return ask_streams(call, is_of_media);
}

static enum verdict sdp_with_active_media(struct call *call)
{
    return ask_streams(call, is_active);
}

static enum verdict sdp_with_transport(struct call *call)
{
    return ask_streams(call, is_of_transport);
}

static enum verdict sdp_with_transport_like(struct call *call)
{
    return ask_streams(call, has_in_transport);
}

static enum verdict sdp_with_ice(struct call *call)
{
    return ask_streams(call, has_candidates);
}

/* 1: all of them in all streams; 2: some. */
static enum verdict ask_codecs(struct call *call, bool is_by_name)
{
    const struct codec_choice choice = { .list = call_text(call, 0), .is_by_name = is_by_name };
    static const int verdicts[] = { [CODECS_NONE] = -1, [CODECS_SOME] = 2, [CODECS_ALL] = 1 };
    struct description description;

    if (sdpops_find(call->run, &description))
        return is_by_name ? VERDICT_FALSE : (enum verdict)NO_DESCRIPTION;
    return (enum verdict)verdicts[codecs_match(&description.sdp, &choice)];
}

static enum verdict sdp_with_codecs_by_id(struct call *call)
{
    return ask_codecs(call, false);
}

static enum verdict sdp_with_codecs_by_name(struct call *call)
{
    return ask_codecs(call, true);
}

static enum verdict sdp_get_address_family(struct call *call)
{
    struct description description;
    struct addr addr = { 0 };

    if (sdpops_find(call->run, &description))
        return VERDICT_FALSE;
    if (description.sdp.session_address.family)
        addr = description.sdp.session_address;
    else if (description.sdp.stream_count)
        addr = description.sdp.streams[0].address;
    return addr.family ? (enum verdict)addr.family : VERDICT_FALSE;
}

/* ---- telling ---- */

static enum verdict tell(struct call *call, struct str text)
{
    struct value value = value_of_str(text);

    return verdict_of(variable_set(call->run, call->args[0].object, &value));
}

static enum verdict sdp_get(struct call *call)
{
    struct description description;

    return sdpops_find(call->run, &description) ? VERDICT_FALSE : tell(call, description.sdp.text);
}

static enum verdict sdp_transport(struct call *call)
{
    struct description description;

    if (sdpops_find(call->run, &description) || description.sdp.stream_count == 0)
        return VERDICT_FALSE;
    return tell(call, description.sdp.streams[0].proto);
}

static enum verdict sdp_get_line_startswith(struct call *call)
{
    struct description description;
    struct str rest, line, start = call_text(call, 1);

    if (sdpops_find(call->run, &description))
        return VERDICT_FALSE;
    rest = description.sdp.text;
    while (start.len && line_next(&rest, &line))
        if (str_starts(line, start))
            return tell(call, str_trim(line));
    return VERDICT_FALSE;
}

static enum verdict sdp_print(struct call *call)
{
    struct description description;

    if (sdpops_find(call->run, &description))
        return VERDICT_FALSE;
    for (unsigned i = 0; i < description.sdp.stream_count; i++) {
        const struct sdp_stream *stream = &description.sdp.streams[i];
        log_info("sdp: " STR_FMT " port %u " STR_FMT " at " STR_FMT, STR_ARG(stream->media), stream->port,
                 STR_ARG(stream->proto),
                 STR_ARG(stream->connection.len ? stream->connection : description.sdp.session_connection));
    }
    return VERDICT_TRUE;
}

/* ---- changing codecs ---- */

static enum verdict change_codecs(struct call *call, bool is_by_name, bool keeps)
{
    const struct codec_choice choice = { .list = call_text(call, 0), .media = call_text(call, 1),
                                         .is_by_name = is_by_name };
    struct description description;
    struct writer w;

    if (sdpops_find(call->run, &description) || (is_by_name && !codecs_know_name(&description.sdp, &choice)))
        return VERDICT_FALSE;
    if (sdpops_open(call->run, &description, 0, &w))
        return VERDICT_ERROR;
    codecs_write(&w, &description.sdp, &choice, keeps);
    return verdict_of(sdpops_close(call->run, &description, &w));
}

static enum verdict sdp_remove_codecs_by_id(struct call *call)
{
    return change_codecs(call, false, false);
}

static enum verdict sdp_remove_codecs_by_name(struct call *call)
{
    return change_codecs(call, true, false);
}

static enum verdict sdp_keep_codecs_by_id(struct call *call)
{
    return change_codecs(call, false, true);
}

static enum verdict sdp_keep_codecs_by_name(struct call *call)
{
    return change_codecs(call, true, true);
}

/* ---- changing streams and lines ---- */

static struct str head_of(const struct sdp *sdp)
{
    const char *end = sdp->text.ptr + sdp->text.len;

    return str_between(sdp->text.ptr, sdp->stream_count ? sdp->streams[0].section.ptr : end);
}

static enum verdict remove_streams(struct call *call, stream_test_fn *test)
{
    struct description description;
    struct writer w;
    unsigned removed = 0;

    if (sdpops_find(call->run, &description) || sdpops_open(call->run, &description, 0, &w))
        return VERDICT_FALSE;
    write_str(&w, head_of(&description.sdp));
    for (unsigned i = 0; i < description.sdp.stream_count; i++) {
        if (test(&description.sdp.streams[i], call_text(call, 0)))
            removed++;
        else
            write_str(&w, description.sdp.streams[i].section);
    }
    if (sdpops_close(call->run, &description, &w))
        return VERDICT_ERROR;
    return verdict_if(removed);
}

static enum verdict sdp_remove_media(struct call *call)
{
    return remove_streams(call, is_of_media);
}

static enum verdict sdp_remove_transport(struct call *call)
{
    return remove_streams(call, is_of_transport);
}

static void write_lines_without(struct writer *w, struct str text, struct str prefix)
{
    struct str line;

    while (line_next(&text, &line))
        if (!str_istarts(line, prefix))
            write_str(w, line);
}

/* sdp_remove_line_by_prefix(prefix [, media]) */
static enum verdict sdp_remove_line_by_prefix(struct call *call)
{
    struct str prefix = call_text(call, 0), media = call_text(call, 1);
    struct description description;
    struct writer w;

    if (str_is_empty(prefix) || sdpops_find(call->run, &description) ||
        sdpops_open(call->run, &description, 0, &w))
        return VERDICT_FALSE;
    if (str_is_empty(media)) {
        write_lines_without(&w, description.sdp.text, prefix);
        return verdict_of(sdpops_close(call->run, &description, &w));
    }
    write_str(&w, head_of(&description.sdp));
    for (unsigned i = 0; i < description.sdp.stream_count; i++) {
        const struct sdp_stream *stream = &description.sdp.streams[i];
        write_lines_without(&w, stream->section, str_ieq(stream->media, media) ? prefix : STR("\n"));
    }
    return verdict_of(sdpops_close(call->run, &description, &w));
}

/* ---- $sdp(…) ---- */

/* o=user id VERSION …: a place in the text; empty: not found. */
static struct str version_of(const struct sdp *sdp)
{
    struct str rest = sdp->text, line, word = { 0 };

    while (line_next(&rest, &line))
        if (str_starts(line, STR("o="))) {
            rest = str_trim(line);
            for (unsigned i = 0; i < 3; i++)
                if (!str_split(rest, ' ', &word, &rest))
                    return (struct str){ 0 };
            return word;
        }
    return (struct str){ 0 };
}

static enum err get_sdp(const struct variable_use *use, struct value *out)
{
    struct description description;
    uint64_t number;

    *out = value_null();
    if (sdpops_find(use->run, &description))
        return ERR_NONE;
    if (str_eq(use->inner, STR("body")))
        *out = value_of_str(description.sdp.text);
    else if (!str_to_uint(version_of(&description.sdp), 0, INT64_MAX, &number))
        *out = value_of_int((int64_t)number);
    return ERR_NONE;
}

/* A text that is a number counts as one; -1: one more than now. */
static enum err read_version(const struct value *value, struct str now, uint64_t *out)
{
    int64_t number = value->number;

    if (!value->has_number && str_to_int(value->text, -1, INT64_MAX, &number))
        return ERR_SYNTAX;
    if (number < -1)
        return ERR_RANGE;
    if (number >= 0) {
        *out = (uint64_t)number;
        return ERR_NONE;
    }
    if (str_to_uint(now, 0, INT64_MAX - 1, out))
        return ERR_RANGE;
    ++*out;
    return ERR_NONE;
}

static enum err set_sdp(const struct variable_use *use, const struct value *value)
{
    struct description description;
    struct str old, text;
    struct writer w;
    uint64_t version;
    enum err err = sdpops_find(use->run, &description);

    if (err || str_eq(use->inner, STR("body")))
        return err ? err : ERR_UNSUPPORTED;
    old = version_of(&description.sdp);
    text = description.sdp.text;
    if (str_is_empty(old) || (err = read_version(value, old, &version)))
        return err ? err : ERR_NOT_FOUND;
    if ((err = sdpops_open(use->run, &description, 20, &w)))
        return err;
    write_str(&w, str_between(text.ptr, old.ptr));
    write_uint(&w, version);
    write_str(&w, str_between(old.ptr + old.len, text.ptr + text.len));
    return sdpops_close(use->run, &description, &w);
}

static enum err prepare_sdp(struct module *module, struct str inner, const struct script_place *place,
                            const void **out)
{
    (void)module;
    *out = NULL;
    if (str_eq(inner, STR("body")) || str_eq(inner, STR("sess_version")))
        return ERR_NONE;
    script_complain(place, "$sdp(" STR_FMT ") is not known: there are body and sess_version", STR_ARG(inner));
    return ERR_SYNTAX;
}

static const struct mod_variable variables[] = {
    { .name = "sdp", .inner = INNER_NEEDED, .get = get_sdp, .set = set_sdp, .prepare = prepare_sdp,
      .doc = "The description: body, or sess_version, which may be written; -1 makes it one more." },
    { .name = "sdpitval", .inner = INNER_NEEDED, .get = sdpops_get_line, .doc = "The line that an iterator is at." },
    { 0 },
};

/* clang-format off */
#define ROW(name_, minimum, doc_, ...) \
    { .name = #name_, .run = name_, .takes = { __VA_ARGS__ }, .min_args = minimum, .stages = STAGE_ANY, .doc = doc_ }
#define CODECS(name_, doc_) ROW(name_, 1, doc_, ARG_FMT, ARG_FMT)
#define LIKE(text) text ": list [, media]."

static const struct mod_function functions[] = {
    ROW(sdp_content, 0, "True when there is a description.", ARG_INT),
    ROW(sdp_with_media, 1, "True when it has a stream of this media.", ARG_FMT),
    ROW(sdp_with_active_media, 1, "True when it has one that is neither off nor inactive.", ARG_FMT),
    ROW(sdp_with_transport, 1, "True when it has a stream of this profile, as RTP/AVP.", ARG_FMT),
    ROW(sdp_with_transport_like, 1, "True when the profile of a stream has this in it.", ARG_FMT),
    ROW(sdp_with_ice, 0, "True when it has ICE candidates.", ARG_END),
    ROW(sdp_with_codecs_by_id, 1, "1 when all streams have all these payload numbers, 2 when some have some.", ARG_FMT),
    ROW(sdp_with_codecs_by_name, 1, "The same for names of codecs.", ARG_FMT),
    ROW(sdp_get_address_family, 0, "4 or 6, as its address is.", ARG_END),
    ROW(sdp_get, 1, "Writes it to the variable.", ARG_VAR),
    ROW(sdp_transport, 1, "Writes the profile of the first stream to the variable.", ARG_VAR),
    ROW(sdp_get_line_startswith, 2, "Writes its first line that begins so to the variable.", ARG_VAR, ARG_FMT),
    ROW(sdp_print, 0, "Logs its streams.", ARG_INT),
    CODECS(sdp_remove_codecs_by_id, LIKE("Removes payload numbers")),
    CODECS(sdp_remove_codecs_by_name, LIKE("Removes codecs")),
    CODECS(sdp_keep_codecs_by_id, LIKE("Removes all payload numbers but these")),
    CODECS(sdp_keep_codecs_by_name, LIKE("Removes all codecs but these")),
    ROW(sdp_remove_media, 1, "Removes the streams of this media.", ARG_FMT),
    ROW(sdp_remove_transport, 1, "Removes the streams of this profile.", ARG_FMT),
    ROW(sdp_remove_line_by_prefix, 1, "Removes the lines that begin so: prefix [, media].", ARG_FMT, ARG_FMT),
    ROW(sdp_iterator_start, 1, "Begins to walk over the lines, with an iterator of this name.", ARG_FMT),
    ROW(sdp_iterator_next, 1, "Goes to the next line; false at the end.", ARG_FMT),
    ROW(sdp_iterator_end, 1, "Ends the walk.", ARG_FMT),
    ROW(sdp_iterator_rm, 1, "Removes the line.", ARG_FMT),
    ROW(sdp_iterator_append, 2, "Puts a text behind the line.", ARG_FMT, ARG_FMT),
    ROW(sdp_iterator_insert, 2, "Puts a text in front of the line.", ARG_FMT, ARG_FMT),
    { 0 },
};
/* clang-format on */

static enum err start(struct module *module)
{
    struct sdpops *state = module_state(module);

    return module_slot(module, &state->slot);
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "sdpops",
    .summary = "Asks about session descriptions, and changes their codecs, streams and lines.",
    .state_size = sizeof(struct sdpops),
    .functions = functions,
    .variables = variables,
    .start = start,
};
