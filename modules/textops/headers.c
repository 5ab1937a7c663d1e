/* SPDX-License-Identifier: Apache-2.0 */
/* Adding and removing headers. */
#include "textops.h"

#include <time.h>

enum {
    DATE_MAX = 64,
};

/* ---- adding ---- */

/* Whole lines: a missing line end is added. */
static enum err copy_lines(struct run *run, struct str text, struct str *out)
{
    bool is_whole = text.len >= 2 && str_eq(str_skip(text, text.len - 2), STR("\r\n"));

    while (!is_whole && text.len &&
           (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\r'))
        text.len--;
    return str_print(run->arena, out, STR_FMT "%s", STR_ARG(text), is_whole ? "" : "\r\n");
}

static const struct sip_hdr *last_header(const struct sip_msg *msg, struct str name)
{
    const struct sip_hdr *last = NULL, *hdr = NULL;

    while ((hdr = sip_msg_find_name(msg, name, hdr)))
        last = hdr;
    return last;
}

static enum verdict report(const char *function, struct str text, enum err err)
{
    if (err)
        log_error("%s: \"" STR_FMT "\" cannot be added: %s", function, STR_ARG(str_trim(text)),
                  err_name(err));
    return verdict_of(err);
}

/* append_hf(text [, name]): behind the last header, or the last of that name. */
enum verdict textops_append_hf(struct call *call)
{
    struct run *run = call->run;
    const struct sip_hdr *hdr =
        call->arg_count > 1 ? last_header(run->msg, call_text(call, 1)) : NULL;
    struct str lines;
    enum err err = copy_lines(run, call_text(call, 0), &lines);

    if (!err && hdr)
        err = sip_edit_insert(run->edits, run->msg, hdr->line.ptr + hdr->line.len, lines);
    else if (!err)
        err = sip_edit_append_hdr(run->edits, run->msg, lines);
    return report("append_hf", call_text(call, 0), err);
}

/* insert_hf(text [, name]): before the first header, or the first of that name. */
enum verdict textops_insert_hf(struct call *call)
{
    struct run *run = call->run;
    const struct sip_hdr *hdr = sip_msg_find_name(run->msg, call_text(call, 1), NULL);
    struct str lines;
    enum err err = copy_lines(run, call_text(call, 0), &lines);

    if (call->arg_count == 1)
        hdr = run->msg->hdr_count ? run->msg->hdrs : NULL;
    if (!err && hdr)
        err = sip_edit_insert(run->edits, run->msg, hdr->line.ptr, lines);
    else if (!err)
        err = sip_edit_append_hdr(run->edits, run->msg, lines);
    return report("insert_hf", call_text(call, 0), err);
}

/* append_urihf(before, behind): a header around the received Request-URI. */
enum verdict textops_append_urihf(struct call *call)
{
    struct run *run = call->run;
    struct str text, lines;
    enum err err = str_print(run->arena, &text, STR_FMT STR_FMT STR_FMT, STR_ARG(call_text(call, 0)),
                             STR_ARG(run->request->msg->ruri), STR_ARG(call_text(call, 1)));

    if (!err)
        err = copy_lines(run, text, &lines);
    if (!err)
        err = sip_edit_append_hdr(run->edits, run->msg, lines);
    return report("append_urihf", call_text(call, 0), err);
}

enum verdict textops_append_to_reply(struct call *call)
{
    struct str lines;
    enum err err = copy_lines(call->run, call_text(call, 0), &lines);

    return report("append_to_reply", call_text(call, 0),
                  err ? err : run_add_reply_header(call->run, lines));
}

/* "Date: Sat, 13 Nov 2010 23:29:00 GMT" (RFC 3261 §20.17) */
static enum err write_date(struct run *run, struct str *out)
{
    time_t now = (time_t)run_wall_clock(run);
    char buffer[DATE_MAX];
    struct tm when;
    size_t length;

    gmtime_r(&now, &when);
    length = strftime(buffer, sizeof buffer, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &when);
    return str_copy(run->arena, (struct str){ buffer, length }, out);
}

enum verdict textops_append_time(struct call *call)
{
    struct str line;
    enum err err = write_date(call->run, &line);

    return verdict_of(err ? err : run_add_reply_header(call->run, line));
}

enum verdict textops_append_time_to_request(struct call *call)
{
    struct run *run = call->run;
    struct str line;
    enum err err = write_date(run, &line);

    return verdict_of(err ? err : sip_edit_append_hdr(run->edits, run->msg, line));
}

/* ---- removing ---- */

typedef bool wants_fn(const struct call *call, const struct sip_hdr *hdr);

static enum verdict remove_where(struct call *call, wants_fn *wants)
{
    struct run *run = call->run;
    enum verdict verdict = VERDICT_FALSE;

    for (unsigned i = 0; i < run->msg->hdr_count; i++) {
        const struct sip_hdr *hdr = &run->msg->hdrs[i];
        if (!wants(call, hdr))
            continue;
        if (sip_edit_remove_hdr(run->edits, run->msg, hdr))
            return VERDICT_ERROR;
        verdict = VERDICT_TRUE;
    }
    return verdict;
}

static bool has_name(const struct call *call, const struct sip_hdr *hdr)
{
    struct str name = call_text(call, 0);
    enum sip_hdr_id id = sip_hdr_find_id(name);

    return id != SIP_HDR_OTHER ? hdr->id == id : str_ieq(hdr->name, name);
}

enum verdict textops_remove_hf(struct call *call)
{
    return remove_where(call, has_name);
}

static bool matches_name(const struct call *call, const struct sip_hdr *hdr)
{
    return regex_match(call->args[0].object, hdr->name, NULL);
}

enum verdict textops_remove_hf_re(struct call *call)
{
    return remove_where(call, matches_name);
}

static bool matches_name_but(const struct call *call, const struct sip_hdr *hdr)
{
    return matches_name(call, hdr) && !regex_match(call->args[1].object, hdr->name, NULL);
}

enum verdict textops_remove_hf_exp(struct call *call)
{
    return remove_where(call, matches_name_but);
}

static bool matches_value(const struct call *call, const struct sip_hdr *hdr)
{
    struct str how = call_text(call, 1), wanted = call_text(call, 2);

    if (!has_name(call, hdr))
        return false;
    if (str_ieq(how, STR("eq")))
        return str_eq(hdr->value, wanted);
    if (str_ieq(how, STR("ne")))
        return !str_eq(hdr->value, wanted);
    return str_ieq(how, STR("in")) && str_find(hdr->value, wanted);
}

enum verdict textops_remove_hf_match(struct call *call)
{
    return remove_where(call, matches_value);
}

/* remove_hf_idx(name, index): negative counts from the last. */
enum verdict textops_remove_hf_idx(struct call *call)
{
    struct run *run = call->run;
    const struct sip_hdr *hdr = NULL;
    int64_t index = call->args[1].value.number, count = 0;

    while ((hdr = sip_msg_find_name(run->msg, call_text(call, 0), hdr)))
        count++;
    if (index < 0)
        index += count;
    if (index < 0 || index >= count)
        return VERDICT_FALSE;
    do {
        hdr = sip_msg_find_name(run->msg, call_text(call, 0), hdr);
    } while (hdr && index-- > 0);
    return hdr ? verdict_of(sip_edit_remove_hdr(run->edits, run->msg, hdr)) : VERDICT_FALSE;
}

/* The headers that no message can do without. */
static bool is_needed(const struct sip_hdr *hdr)
{
    static const enum sip_hdr_id ids[] = {
        SIP_HDR_VIA,          SIP_HDR_FROM,           SIP_HDR_TO,
        SIP_HDR_CALL_ID,      SIP_HDR_CSEQ,           SIP_HDR_ROUTE,
        SIP_HDR_RECORD_ROUTE, SIP_HDR_MAX_FORWARDS,   SIP_HDR_CONTACT,
        SIP_HDR_CONTENT_TYPE, SIP_HDR_CONTENT_LENGTH,
    };

    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        if (hdr->id == ids[i])
            return true;
    }
    return false;
}

static bool is_not_kept(const struct call *call, const struct sip_hdr *hdr)
{
    return !is_needed(hdr) && (call->arg_count == 0 || !matches_name(call, hdr));
}

/* keep_hf([expression]): removes all but the needed headers and those that match. False, as ever. */
enum verdict textops_keep_hf(struct call *call)
{
    (void)remove_where(call, is_not_kept);
    return VERDICT_FALSE;
}
