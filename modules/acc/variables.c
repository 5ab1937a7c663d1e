/* SPDX-License-Identifier: Apache-2.0 */
/* $cdr(attribute) and $media(attribute): what CDRs and the records of a BYE may say beside the
 * usual. */
#include "acc.h"

/* ---- $cdr ---- */

struct str cdr_ended_by(const struct run *run, const struct dialog *dialog)
{
    if (dialog->end == DIALOG_END_FAILED)
        return run->request->is_cancelled ? STR("caller") : STR("callee");
    if (dialog->end != DIALOG_END_BYE)
        return STR("server");
    return run_dialog_side(run) == DIALOG_CALLER ? STR("caller") : STR("callee");
}

struct attribute {
    struct str name;
    void (*get)(const struct run *run, const struct dialog *dialog, struct value *out);
};

#define CDR(name)                                                                                  \
    static void get_##name(const struct run *run, const struct dialog *dialog, struct value *out)

static int64_t wall_seconds(const struct run *run, msec moment)
{
    return moment ? (int64_t)((server_wall_msec(run_server(run)) - (run_now(run) - moment)) / 1000)
                  : 0;
}

CDR(reason)
{
    (void)run;
    if (dialog->end)
        *out = value_of_str(dialog_end_name((enum dialog_end)dialog->end));
}

CDR(ended_by)
{
    if (dialog->end)
        *out = value_of_str(cdr_ended_by(run, dialog));
}

CDR(call_id)
{
    (void)run;
    *out = value_of_str(dialog->call_id);
}

CDR(from_tag)
{
    (void)run;
    *out = value_of_str(dialog->parties[DIALOG_CALLER].tag);
}

CDR(to_tag)
{
    (void)run;
    *out = value_of_str(dialog->parties[DIALOG_CALLEE].tag);
}

CDR(caller)
{
    (void)run;
    *out = value_of_str(dialog->parties[DIALOG_CALLER].uri);
}

CDR(callee)
{
    (void)run;
    *out = value_of_str(dialog->parties[DIALOG_CALLEE].uri);
}

CDR(uri)
{
    (void)run;
    *out = value_of_str(dialog->uri);
}

CDR(invited)
{
    *out = value_of_int(wall_seconds(run, dialog->made_at));
}

CDR(answered)
{
    *out = value_of_int(wall_seconds(run, dialog->started_at));
}

/* Seconds from the answer on: what is paid for. */
CDR(talked)
{
    *out = value_of_int(dialog->started_at ? (int64_t)((run_now(run) - dialog->started_at) / 1000)
                                           : 0);
}

CDR(rang)
{
    msec until = dialog->started_at ? dialog->started_at : run_now(run);

    *out = value_of_int((int64_t)((until - dialog->made_at) / 1000));
}

/* clang-format off */
#define ROW(name) { STR_INIT(#name), get_##name }
static const struct attribute cdr_attributes[] = {
    ROW(reason), ROW(ended_by), ROW(call_id), ROW(from_tag), ROW(to_tag), ROW(caller), ROW(callee),
    ROW(uri), ROW(invited), ROW(answered), ROW(talked), ROW(rang),
};
/* clang-format on */

static enum err prepare_cdr(struct module *module, struct str inner,
                            const struct script_place *place, const void **out)
{
    (void)module;
    for (size_t i = 0; i < sizeof cdr_attributes / sizeof cdr_attributes[0]; i++)
        if (str_eq(cdr_attributes[i].name, inner)) {
            *out = &cdr_attributes[i];
            return ERR_NONE;
        }
    script_complain(place, "$cdr(" STR_FMT ") is not known", STR_ARG(inner));
    return ERR_SYNTAX;
}

/* Texts are copied: the dialog may go before the run ends. */
static enum err get_cdr(const struct variable_use *use, struct value *out)
{
    const struct attribute *attribute = use->object;
    const struct dialog *dialog = run_dialog(use->run);

    *out = value_null();
    if (!dialog || !attribute)
        return ERR_NONE;
    attribute->get(use->run, dialog, out);
    return out->has_text ? str_copy(use->run->arena, out->text, &out->text) : ERR_NONE;
}

/* ---- $media ---- */

struct figure {
    struct str name;
    size_t offset; /* of an uint64_t in struct media_totals */
};

/* clang-format off */
#define FIGURE(name, field) { STR_INIT(name), offsetof(struct media_totals, field) }
#define SIDE(name, side) \
    FIGURE("packets_" name, rtp[side].packets), FIGURE("bytes_" name, rtp[side].bytes), \
    FIGURE("lost_" name, rtp[side].lost), FIGURE("rtcp_packets_" name, rtcp[side].packets), \
    FIGURE("rtcp_bytes_" name, rtcp[side].bytes), FIGURE("rtcp_lost_" name, rtcp[side].lost)
static const struct figure figures[] = {
    SIDE("caller", 0), SIDE("callee", 1), FIGURE("silence", silence),
};
/* clang-format on */

static enum err prepare_media(struct module *module, struct str inner,
                              const struct script_place *place, const void **out)
{
    (void)module;
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
        if (str_eq(figures[i].name, inner)) {
            *out = &figures[i];
            return ERR_NONE;
        }
    script_complain(place, "$media(" STR_FMT ") is not known", STR_ARG(inner));
    return ERR_SYNTAX;
}

static enum err get_media(const struct variable_use *use, struct value *out)
{
    const struct figure *figure = use->object;
    struct media_totals totals;
    uint64_t number;

    *out = value_null();
    if (!figure || run_media_totals(use->run, &totals))
        return ERR_NONE;
    memcpy(&number, (const char *)&totals + figure->offset, sizeof number);
    *out = value_of_int((int64_t)number);
    return ERR_NONE;
}

const struct mod_variable acc_variables[] = {
    { .name = "cdr",
      .inner = INNER_NEEDED,
      .get = get_cdr,
      .prepare = prepare_cdr,
      .doc = "Of the dialog: reason, ended_by, call_id, from_tag, to_tag, caller, callee, uri, "
             "invited, answered, talked, rang." },
    { .name = "media",
      .inner = INNER_NEEDED,
      .get = get_media,
      .prepare = prepare_media,
      .doc = "What was relayed from a side: packets_caller, bytes_callee, lost_caller, "
             "rtcp_packets_callee…; silence in seconds." },
    { 0 },
};
