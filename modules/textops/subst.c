/* SPDX-License-Identifier: Apache-2.0 */
/* Replacements in messages: culvert/subst.h says how they are written. */
#include "textops.h"

enum err subst_prepare(struct module *module, unsigned index, struct str text,
                       const struct script_place *place, const void **out)
{
    (void)module;
    (void)index;
    return script_place_subst(place, text, (const struct subst **)out);
}

/* ---- in the message ---- */

static enum err replace_in_message(void *context, struct str old, struct str replacement)
{
    return edit_replace(context, old, replacement);
}

static enum verdict subst_in(struct call *call, struct str text)
{
    return verdict_of(
        subst_each(call->run, call->args[0].object, text, replace_in_message, call->run));
}

enum verdict textops_subst(struct call *call)
{
    return subst_in(call, text_behind_start_line(call->run->msg));
}

enum verdict textops_subst_body(struct call *call)
{
    return subst_in(call, call->run->msg->body);
}

/* subst_hf(name, subst, which): a all, f the first, l the last header of that name. */
enum verdict textops_subst_hf(struct call *call)
{
    struct run *run = call->run;
    struct str which = call_text(call, 2);
    const struct sip_hdr *hdr = NULL, *next;
    enum verdict verdict = VERDICT_FALSE;

    for (hdr = sip_msg_find_name(run->msg, call_text(call, 0), NULL); hdr; hdr = next) {
        next = sip_msg_find_name(run->msg, call_text(call, 0), hdr);
        if (str_ieq(which, STR("l")) && next)
            continue;
        if (!subst_each(run, call->args[1].object, hdr->value, replace_in_message, run))
            verdict = VERDICT_TRUE;
        if (str_ieq(which, STR("f")))
            break;
    }
    return verdict;
}

/* ---- in the Request-URI ---- */

enum verdict textops_subst_uri(struct call *call)
{
    struct run *run = call->run;
    struct str uri;
    enum err err = subst_text(run, call->args[0].object, run_target(run)->uri, &uri);

    return verdict_of(err ? err : run_set_uri(run, uri));
}

enum verdict textops_subst_user(struct call *call)
{
    char buffer[SUBST_TEXT_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct run *run = call->run;
    struct sip_uri uri;
    struct str text;

    if (sip_uri_parse(run_target(run)->uri, &uri) ||
        subst_text(run, call->args[0].object, uri.user, &uri.user))
        return VERDICT_FALSE;
    sip_uri_write(&w, &uri);
    return writer_finish(&w, &text) ? VERDICT_ERROR : verdict_of(run_set_uri(run, text));
}
