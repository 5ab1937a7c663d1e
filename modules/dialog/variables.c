/* SPDX-License-Identifier: Apache-2.0 */
#include "dialog.h"

/* ---- $dlg_var(key) ---- */

static enum err get_var(const struct variable_use *use, struct value *out)
{
    struct str value;

    *out = value_null();
    if (!context_find_note(use->module, use->run, NULL, use->inner, &value))
        return ERR_NONE;
    out->has_text = true;
    return str_copy(use->run->arena, value, &out->text);
}

static enum err set_var(const struct variable_use *use, const struct value *value)
{
    struct str text;
    enum err err;

    if (value_is_null(value)) {
        context_remove_note(use->module, use->run, NULL, use->inner);
        return ERR_NONE;
    }
    err = value_to_str(use->run->arena, value, &text);
    return err ? err : context_set_note(use->module, use->run, NULL, use->inner, text);
}

/* ---- $dlg(attribute) ---- */

struct attribute {
    struct str name;
    void (*get)(const struct dialog *dialog, const struct run *run, struct value *out);
};

#define ATTRIBUTE(name) \
    static void get_##name(const struct dialog *dialog, const struct run *run, struct value *out)

#define NUMBER(name, expression)                                                                   \
    ATTRIBUTE(name)                                                                                \
    {                                                                                              \
        (void)dialog;                                                                              \
        (void)run;                                                                                 \
        *out = value_of_int((int64_t)(expression));                                                \
    }
#define TEXT(name, expression)                                                                     \
    ATTRIBUTE(name)                                                                                \
    {                                                                                              \
        (void)run;                                                                                 \
        *out = value_of_str(expression);                                                           \
    }

NUMBER(h_id, dialog->id)
NUMBER(h_entry, dialog->entry)
NUMBER(ref, 1)
NUMBER(state, dialog->state)
NUMBER(dflags, dialog->flags)
NUMBER(sflags, dialog->flags)
NUMBER(lifetime, dialog->lifetime / 1000)
NUMBER(start_ts, dialog->started_wall)
NUMBER(to_cseq, dialog->parties[DIALOG_CALLEE].cseq)
NUMBER(from_cseq, dialog->parties[DIALOG_CALLER].cseq)
TEXT(callid, dialog->call_id)
TEXT(ruri, dialog->uri)
TEXT(to_rs, dialog->parties[DIALOG_CALLEE].routes)
TEXT(from_rs, dialog->parties[DIALOG_CALLER].routes)
TEXT(to_uri, dialog->parties[DIALOG_CALLEE].uri)
TEXT(to_tag, dialog->parties[DIALOG_CALLEE].tag)
TEXT(from_uri, dialog->parties[DIALOG_CALLER].uri)
TEXT(from_tag, dialog->parties[DIALOG_CALLER].tag)
TEXT(to_contact, dialog->parties[DIALOG_CALLEE].contact)
TEXT(from_contact, dialog->parties[DIALOG_CALLER].contact)

ATTRIBUTE(toroute)
{
    const struct dialog_note *note = dialog_find_note(dialog, dialog_timeout_owner(), STR(""));

    (void)run;
    *out = value_of_str(note ? note->value : STR(""));
}

static void get_socket(const struct run *run, const struct dialog_party *party, struct value *out)
{
    unsigned count;
    const struct listener *listeners = server_listeners(run_server(run), &count);

    if (party->flow.socket < count && party->flow.peer.family != ADDR_NONE)
        *out = value_of_str(listeners[party->flow.socket].name);
}

ATTRIBUTE(to_bindaddr)
{
    get_socket(run, &dialog->parties[DIALOG_CALLEE], out);
}

ATTRIBUTE(from_bindaddr)
{
    get_socket(run, &dialog->parties[DIALOG_CALLER], out);
}

/* clang-format off */
#define ROW(name) { STR_INIT(#name), get_##name }
static const struct attribute attributes[] = {
    ROW(h_id), ROW(h_entry), ROW(ref), ROW(state), ROW(to_rs), ROW(from_rs), ROW(dflags), ROW(sflags),
    ROW(callid), ROW(to_uri), ROW(to_tag), ROW(from_uri), ROW(from_tag), ROW(toroute), ROW(lifetime),
    ROW(start_ts), ROW(to_cseq), ROW(from_cseq), ROW(to_contact), ROW(from_contact),
    ROW(to_bindaddr), ROW(from_bindaddr), ROW(ruri),
};
/* clang-format on */

static const struct attribute *find_attribute(struct str name)
{
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++)
        if (str_eq(attributes[i].name, name))
            return &attributes[i];
    return NULL;
}

static enum err prepare_attribute(struct module *module, struct str inner,
                                  const struct script_place *place, const void **out)
{
    (void)module;
    *out = find_attribute(inner);
    if (*out)
        return ERR_NONE;
    script_complain(place, "$dlg(" STR_FMT ") is not known", STR_ARG(inner));
    return ERR_SYNTAX;
}

/* Texts are copied: the dialog may go before the run ends. */
static enum err get_dlg(const struct variable_use *use, struct value *out)
{
    const struct dialog *dialog = run_dialog(use->run);
    const struct attribute *attribute =
        use->object ? use->object : find_attribute(use->inner);

    *out = value_null();
    if (!dialog || !attribute)
        return ERR_NONE;
    attribute->get(dialog, use->run, out);
    return out->has_text ? str_copy(use->run->arena, out->text, &out->text) : ERR_NONE;
}

/* ---- $dlg_ctx(attribute) ---- */

/* 1 from the caller, 2 from the callee. */
static int64_t direction_of(const struct run *run, const struct dialog *dialog)
{
    return !dialog ? 0 : run_dialog_side(run) == DIALOG_CALLER ? 1 : 2;
}

/* Empty when none was said. */
static struct str timeout_route(const struct variable_use *use)
{
    struct str name = STR("");

    context_find_note(use->module, use->run, dialog_timeout_owner(), STR(""), &name);
    return name;
}

static void get_ctx_number(const struct variable_use *use, const struct dialog *dialog,
                           const struct context *context, struct value *out)
{
    const struct {
        struct str name;
        int64_t number;
    } rows[] = {
        { STR("on"), dialog != NULL },
        { STR("set"), dialog != NULL },
        { STR("dir"), direction_of(use->run, dialog) },
        { STR("flags"), dialog ? dialog->flags : context->flags },
        { STR("timeout"), dialog ? (int64_t)(dialog->lifetime / 1000) : context->timeout },
        { STR("timeout_bye"), dialog ? dialog->sends_bye : context->timeout_bye > 0 },
        { STR("timeout_route_id"), run_find_route(use->run, timeout_route(use)) },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (str_eq(rows[i].name, use->inner))
            *out = value_of_int(rows[i].number);
}

static enum err get_ctx(const struct variable_use *use, struct value *out)
{
    const struct dialog *dialog = run_dialog(use->run);
    const struct context *context = context_of(use->module, use->run);

    *out = value_null();
    if (!context)
        return ERR_NOMEM;
    if (str_eq(use->inner, STR("timeout_route")))
        *out = value_of_str(timeout_route(use));
    else
        get_ctx_number(use, dialog, context, out);
    return ERR_NONE;
}

static enum err set_ctx_flags(struct run *run, struct dialog *dialog, struct context *context,
                              const struct value *value)
{
    (void)run;
    *(dialog ? &dialog->flags : &context->flags) = (uint32_t)value->number;
    return ERR_NONE;
}

static enum err set_ctx_timeout(struct run *run, struct dialog *dialog, struct context *context,
                                const struct value *value)
{
    if (value->number <= 0 || value->number > INT32_MAX)
        return ERR_RANGE;
    if (dialog)
        return dialog_set_lifetime(run->worker, dialog, (msec)value->number * 1000);
    context->timeout = value->number;
    return ERR_NONE;
}

static enum err set_ctx_bye(struct run *run, struct dialog *dialog, struct context *context,
                            const struct value *value)
{
    (void)run;
    if (dialog)
        dialog->sends_bye = value->number != 0;
    else
        context->timeout_bye = value->number != 0;
    return ERR_NONE;
}

/* By its name: the dialog may outlive this reading of the script. */
static enum err set_ctx_route(const struct variable_use *use, struct str name)
{
    const void *owner = dialog_timeout_owner();

    if (str_is_empty(name)) {
        context_remove_note(use->module, use->run, owner, STR(""));
        return ERR_NONE;
    }
    if (run_find_route(use->run, name) == ROUTE_NONE) {
        log_error("$dlg_ctx(timeout_route): there is no route[" STR_FMT "]", STR_ARG(name));
        return ERR_NOT_FOUND;
    }
    return context_set_note(use->module, use->run, owner, STR(""), name);
}

static enum err set_ctx(const struct variable_use *use, const struct value *value)
{
    static const struct {
        struct str name;
        enum err (*set)(struct run *run, struct dialog *dialog, struct context *context,
                        const struct value *value);
    } rows[] = {
        { STR_INIT("flags"), set_ctx_flags },
        { STR_INIT("timeout"), set_ctx_timeout },
        { STR_INIT("timeout_bye"), set_ctx_bye },
    };
    struct context *context = context_of(use->module, use->run);

    if (!context)
        return ERR_NOMEM;
    if (str_eq(use->inner, STR("timeout_route")))
        return set_ctx_route(use, value->text);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (str_eq(rows[i].name, use->inner))
            return rows[i].set(use->run, run_dialog(use->run), context, value);
    return ERR_UNSUPPORTED;
}

/* ---- $DLG_… ---- */

static enum err get_count(const struct variable_use *use, struct value *out)
{
    *out = value_of_int(server_dialog_count(run_server(use->run)));
    return ERR_NONE;
}

/* A BYE sees the dialog at its end, although only the answer ends it. */
static enum err get_status(const struct variable_use *use, struct value *out)
{
    const struct dialog *dialog = run_dialog(use->run);

    *out = value_null();
    if (dialog)
        *out = value_of_int(use->run->request->msg->method == SIP_BYE ? DIALOG_ENDED
                                                                      : dialog->state);
    return ERR_NONE;
}

static enum err get_age(const struct variable_use *use, struct value *out)
{
    const struct dialog *dialog = run_dialog(use->run);

    *out = value_null();
    if (dialog)
        *out = value_of_int(
            dialog->started_at
                ? (int64_t)((run_now(use->run) - dialog->started_at) / 1000)
                : 0);
    return ERR_NONE;
}

const struct mod_variable dialog_variables[] = {
    { .name = "dlg_var",
      .inner = INNER_NEEDED,
      .get = get_var,
      .set = set_var,
      .doc = "A variable that lives as long as the dialog." },
    { .name = "dlg",
      .inner = INNER_NEEDED,
      .get = get_dlg,
      .prepare = prepare_attribute,
      .doc = "What is known of the dialog: $dlg(callid), $dlg(state)…" },
    { .name = "dlg_ctx",
      .inner = INNER_NEEDED,
      .get = get_ctx,
      .set = set_ctx,
      .doc = "What the dialog shall do: $dlg_ctx(timeout_bye), (timeout_route)…" },
    { .name = "DLG_count", .get = get_count, .doc = "Dialogs that are going on." },
    { .name = "DLG_status", .get = get_status, .doc = "State of the request's dialog, 1 to 5." },
    { .name = "DLG_lifetime", .get = get_age, .doc = "Seconds since it was answered." },
    { 0 },
};
