/* SPDX-License-Identifier: Apache-2.0 */
/*
 * $fu, $tu and their parts, and the other headers that name somebody. Writing to From or To changes
 * what is sent on; reading gives what was received, as everywhere.
 */
#include "host/variables.h"

enum {
    NAMEADDR_MAX = 2048,
};

/* ---- name-addr headers ---- */

typedef const struct sip_nameaddr *find_party_fn(const struct sip_msg *msg);

static const struct sip_nameaddr *from_of(const struct sip_msg *msg)
{
    return &msg->from;
}

static const struct sip_nameaddr *to_of(const struct sip_msg *msg)
{
    return &msg->to;
}

/* What an edit of the whole address replaces: display name and URI, without the parameters. */
static struct str address_span(const struct sip_nameaddr *party)
{
    const char *end = party->uri.text.ptr + party->uri.text.len;

    if (end < party->text.ptr + party->text.len && *end == '>')
        end++;
    return str_between(party->text.ptr, end);
}

/* The address as written by an earlier assignment, else as received. */
static struct sip_nameaddr edited_address(const struct run *run, const struct sip_nameaddr *party)
{
    struct str span = address_span(party);
    struct sip_nameaddr edited;

    for (const struct sip_edit *edit = run->edits->first; edit; edit = edit->next) {
        if (edit->at == span.ptr && edit->cut == span.len &&
            !sip_nameaddr_parse(edit->insert, &edited))
            return edited;
    }
    return *party;
}

static enum err write_address(struct run *run, const struct sip_nameaddr *party, struct str display,
                              struct str uri)
{
    struct sip_nameaddr check;
    struct str text;
    enum err err = str_print(run->arena, &text, STR_FMT "%s<" STR_FMT ">", STR_ARG(display),
                             str_is_empty(display) ? "" : " ", STR_ARG(uri));

    if (!err)
        err = sip_nameaddr_parse(text, &check);
    return err ? err : sip_edit_replace(run->edits, run->msg, address_span(party), text);
}

static enum err set_uri(find_party_fn *find, const struct variable_use *use,
                        const struct value *value)
{
    const struct sip_nameaddr *party = find(use->run->msg);
    struct sip_nameaddr now = edited_address(use->run, party);
    struct sip_uri check;
    struct str text;
    enum err err = assigned_text(use, value, &text);

    if (!err)
        err = sip_uri_parse(text, &check);
    return err ? err : write_address(use->run, party, now.display, text);
}

static enum err set_display(find_party_fn *find, const struct variable_use *use,
                            const struct value *value)
{
    const struct sip_nameaddr *party = find(use->run->msg);
    struct sip_nameaddr now = edited_address(use->run, party);
    struct str text;
    enum err err = assigned_text(use, value, &text);

    return err ? err : write_address(use->run, party, text, now.uri.text);
}

static enum err set_part(find_party_fn *find, const struct variable_use *use,
                         const struct value *value, bool is_host)
{
    const struct sip_nameaddr *party = find(use->run->msg);
    struct sip_nameaddr now = edited_address(use->run, party);
    char buffer[NAMEADDR_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct str text, uri;
    enum err err = assigned_text(use, value, &text);

    if (err || (is_host && str_is_empty(text)))
        return err ? err : ERR_SYNTAX;
    if (is_host)
        now.uri.host = text;
    else
        now.uri.user = text;
    sip_uri_write(&w, &now.uri);
    err = writer_finish(&w, &uri);
    return err ? err : write_address(use->run, party, now.display, uri);
}

/* ---- From ---- */

static enum err get_fu(const struct variable_use *use, struct value *out)
{
    return give_text_or_null(out, use->run->msg->from.uri.text);
}

static enum err get_fU(const struct variable_use *use, struct value *out)
{
    return give_text_or_null(out, use->run->msg->from.uri.user);
}

static enum err get_fUl(const struct variable_use *use, struct value *out)
{
    return give_int(out, (int64_t)use->run->msg->from.uri.user.len);
}

static enum err get_fd(const struct variable_use *use, struct value *out)
{
    return give_text_or_null(out, use->run->msg->from.uri.host);
}

static enum err get_fn(const struct variable_use *use, struct value *out)
{
    return give_text_or_null(out, use->run->msg->from.display);
}

static enum err get_ft(const struct variable_use *use, struct value *out)
{
    return give_text_or_null(out, use->run->msg->from_tag);
}

static enum err set_fu(const struct variable_use *use, const struct value *value)
{
    return set_uri(from_of, use, value);
}

static enum err set_fU(const struct variable_use *use, const struct value *value)
{
    return set_part(from_of, use, value, false);
}

static enum err set_fd(const struct variable_use *use, const struct value *value)
{
    return set_part(from_of, use, value, true);
}

static enum err set_fn(const struct variable_use *use, const struct value *value)
{
    return set_display(from_of, use, value);
}

/* ---- To ---- */

static enum err get_tu(const struct variable_use *use, struct value *out)
{
    return give_text_or_null(out, use->run->msg->to.uri.text);
}

static enum err get_tU(const struct variable_use *use, struct value *out)
{
    return give_text_or_null(out, use->run->msg->to.uri.user);
}

static enum err get_tUl(const struct variable_use *use, struct value *out)
{
    return give_int(out, (int64_t)use->run->msg->to.uri.user.len);
}

static enum err get_td(const struct variable_use *use, struct value *out)
{
    return give_text_or_null(out, use->run->msg->to.uri.host);
}

static enum err get_tn(const struct variable_use *use, struct value *out)
{
    return give_text_or_null(out, use->run->msg->to.display);
}

static enum err get_tt(const struct variable_use *use, struct value *out)
{
    return give_text_or_null(out, use->run->msg->to_tag);
}

static enum err set_tu(const struct variable_use *use, const struct value *value)
{
    return set_uri(to_of, use, value);
}

static enum err set_tU(const struct variable_use *use, const struct value *value)
{
    return set_part(to_of, use, value, false);
}

static enum err set_td(const struct variable_use *use, const struct value *value)
{
    return set_part(to_of, use, value, true);
}

static enum err set_tn(const struct variable_use *use, const struct value *value)
{
    return set_display(to_of, use, value);
}

/* ---- identities: the value at the index, the first by default ---- */

static unsigned count_values(const struct sip_msg *msg, enum sip_hdr_id id)
{
    struct sip_values values = sip_values_of(msg, id);
    unsigned count = 0;

    while (sip_values_next(&values))
        count++;
    return count;
}

static bool find_identity(const struct variable_use *use, enum sip_hdr_id id,
                          struct sip_nameaddr *out)
{
    struct sip_values values = sip_values_of(use->run->msg, id);
    int index = use->has_index ? use->index : 0;

    if (index < 0)
        index += (int)count_values(use->run->msg, id);
    if (index < 0)
        return false;
    do {
        if (!sip_values_next(&values))
            return false;
    } while (index-- > 0);
    return !sip_nameaddr_parse(values.value, out);
}

static enum err give_identity_uri(const struct variable_use *use, enum sip_hdr_id id,
                                  struct value *out)
{
    struct sip_nameaddr identity;

    return find_identity(use, id, &identity) ? give_text(out, identity.uri.text) : give_null(out);
}

static enum err get_ai(const struct variable_use *use, struct value *out)
{
    return give_identity_uri(use, SIP_HDR_P_ASSERTED_IDENTITY, out);
}

static enum err get_pu(const struct variable_use *use, struct value *out)
{
    return give_identity_uri(use, SIP_HDR_P_PREFERRED_IDENTITY, out);
}

static enum err get_pU(const struct variable_use *use, struct value *out)
{
    struct sip_nameaddr identity;

    return find_identity(use, SIP_HDR_P_PREFERRED_IDENTITY, &identity)
               ? give_text_or_null(out, identity.uri.user)
               : give_null(out);
}

static enum err get_pd(const struct variable_use *use, struct value *out)
{
    struct sip_nameaddr identity;

    return find_identity(use, SIP_HDR_P_PREFERRED_IDENTITY, &identity)
               ? give_text_or_null(out, identity.uri.host)
               : give_null(out);
}

static enum err get_pn(const struct variable_use *use, struct value *out)
{
    struct sip_nameaddr identity;

    return find_identity(use, SIP_HDR_P_PREFERRED_IDENTITY, &identity)
               ? give_text_or_null(out, identity.display)
               : give_null(out);
}

static enum err get_re(const struct variable_use *use, struct value *out)
{
    return give_identity_uri(use, SIP_HDR_REMOTE_PARTY_ID, out);
}

static enum err get_rt(const struct variable_use *use, struct value *out)
{
    return give_identity_uri(use, SIP_HDR_REFER_TO, out);
}

static enum err get_di(const struct variable_use *use, struct value *out)
{
    return give_identity_uri(use, SIP_HDR_DIVERSION, out);
}

static enum err give_diversion_param(const struct variable_use *use, struct str name,
                                     struct value *out)
{
    struct sip_nameaddr diversion;

    if (!find_identity(use, SIP_HDR_DIVERSION, &diversion))
        return give_null(out);
    return give_text_or_null(out, sip_unquote(sip_param_value(diversion.params, name)));
}

static enum err get_dir(const struct variable_use *use, struct value *out)
{
    return give_diversion_param(use, STR("reason"), out);
}

static enum err get_dip(const struct variable_use *use, struct value *out)
{
    return give_diversion_param(use, STR("privacy"), out);
}

static enum err get_dic(const struct variable_use *use, struct value *out)
{
    return give_diversion_param(use, STR("counter"), out);
}

/* clang-format off */
#define R(name_, getter, doc_) { .name = name_, .get = getter, .doc = doc_ }
#define W(name_, getter, setter, doc_) { .name = name_, .get = getter, .set = setter, .doc = doc_ }

#define DOC_FU "URI of From."
#define DOC_FUSER "User part of From."
#define DOC_FDOMAIN "Host of From."
#define DOC_TU "URI of To."
#define DOC_TUSER "User part of To."
#define DOC_TDOMAIN "Host of To."

const struct mod_variable party_variables[] = {
    W("fu", get_fu, set_fu, DOC_FU),
    W("from", get_fu, set_fu, DOC_FU),
    W("fU", get_fU, set_fU, DOC_FUSER),
    W("from.user", get_fU, set_fU, DOC_FUSER),
    R("fUl", get_fUl, "Length of the user part of From."),
    W("fd", get_fd, set_fd, DOC_FDOMAIN),
    W("from.domain", get_fd, set_fd, DOC_FDOMAIN),
    W("fn", get_fn, set_fn, "Display name of From, with its quotes."),
    R("ft", get_ft, "Tag of From."),
    W("tu", get_tu, set_tu, DOC_TU),
    W("to", get_tu, set_tu, DOC_TU),
    W("tU", get_tU, set_tU, DOC_TUSER),
    W("to.user", get_tU, set_tU, DOC_TUSER),
    R("tUl", get_tUl, "Length of the user part of To."),
    W("td", get_td, set_td, DOC_TDOMAIN),
    W("to.domain", get_td, set_td, DOC_TDOMAIN),
    W("tn", get_tn, set_tn, "Display name of To, with its quotes."),
    R("tt", get_tt, "Tag of To; null outside of dialogs."),
    R("ai", get_ai, "URI of P-Asserted-Identity."),
    R("pu", get_pu, "URI of P-Preferred-Identity."),
    R("pU", get_pU, "User part of P-Preferred-Identity."),
    R("pd", get_pd, "Host of P-Preferred-Identity."),
    R("pn", get_pn, "Display name of P-Preferred-Identity."),
    R("re", get_re, "URI of Remote-Party-ID."),
    R("rt", get_rt, "URI of Refer-To."),
    R("di", get_di, "URI of Diversion."),
    R("dir", get_dir, "Reason of Diversion."),
    R("dip", get_dip, "Privacy of Diversion."),
    R("dic", get_dic, "Counter of Diversion."),
    { 0 },
};
