/* SPDX-License-Identifier: Apache-2.0 */
#include "dialog.h"

static const struct dialog_module *state_of(const struct call *call)
{
    return module_state(call->module);
}

/* ---- following ---- */

static enum verdict dlg_manage(struct call *call)
{
    struct run *run = call->run;

    if (run->request->msg->method == SIP_INVITE && str_is_empty(run->request->msg->to_tag))
        return verdict_of(context_follow(call->module, run));
    return verdict_if(run_dialog(run) != NULL);
}

static enum verdict is_known_dlg(struct call *call)
{
    return verdict_if(run_dialog(call->run) != NULL);
}

static enum verdict dlg_get(struct call *call)
{
    struct dialog *dialog = worker_find_dialog(call->run->worker, call_text(call, 0),
                                               call_text(call, 1), call_text(call, 2));

    if (!dialog)
        return VERDICT_FALSE;
    call->run->request->dialog = dialog->number;
    return VERDICT_TRUE;
}

/* ---- profiles ---- */

static enum verdict set_dlg_profile(struct call *call)
{
    struct profile *profile = profile_find(state_of(call), call_text(call, 0));
    struct str value = call_text(call, 1);

    if (!profile || profile_has_value(profile) != (value.len > 0))
        return VERDICT_ERROR;
    return verdict_of(context_set_note(call->module, call->run, profile, value, STR("")));
}

static enum verdict unset_dlg_profile(struct call *call)
{
    struct profile *profile = profile_find(state_of(call), call_text(call, 0));

    return verdict_if(profile && context_remove_note(call->module, call->run, profile,
                                                     call_text(call, 1)));
}

static enum verdict is_in_profile(struct call *call)
{
    struct profile *profile = profile_find(state_of(call), call_text(call, 0));
    struct dialog *dialog = run_dialog(call->run);
    struct str value = call_text(call, 1), ignored;

    if (!profile)
        return VERDICT_ERROR;
    if (dialog)
        return verdict_if(profile_has_member(profile, dialog, value));
    return verdict_if(context_find_note(call->module, call->run, profile, value, &ignored));
}

/* The last argument gets the number. */
static enum verdict get_profile_size(struct call *call)
{
    struct profile *profile = profile_find(state_of(call), call_text(call, 0));
    unsigned last = call->arg_count - 1;
    struct value size;

    if (!profile)
        return VERDICT_ERROR;
    size = value_of_int(profile_size(profile, last > 1 ? call_text(call, 1) : STR("")));
    return verdict_of(variable_set(call->run, call->args[last].object, &size));
}

/* ---- flags and properties ---- */

static enum verdict with_flag(struct call *call, void (*change)(uint32_t *flags, uint32_t bit))
{
    int64_t flag = call->args[0].value.number;
    struct dialog *dialog = run_dialog(call->run);
    struct context *context = context_of(call->module, call->run);

    if (flag < 0 || flag >= FLAGS_MAX || (!dialog && !context))
        return VERDICT_ERROR;
    change(dialog ? &dialog->flags : &context->flags, UINT32_C(1) << flag);
    return VERDICT_TRUE;
}

static void set_bit(uint32_t *flags, uint32_t bit)
{
    *flags |= bit;
}

static void clear_bit(uint32_t *flags, uint32_t bit)
{
    *flags &= ~bit;
}

static enum verdict dlg_setflag(struct call *call)
{
    return with_flag(call, set_bit);
}

static enum verdict dlg_resetflag(struct call *call)
{
    return with_flag(call, clear_bit);
}

static enum verdict dlg_isflagset(struct call *call)
{
    int64_t flag = call->args[0].value.number;
    struct dialog *dialog = run_dialog(call->run);
    struct context *context = context_of(call->module, call->run);
    uint32_t flags = dialog ? dialog->flags : context ? context->flags : 0;

    return verdict_if(flag >= 0 && flag < FLAGS_MAX && (flags >> flag & 1));
}

static bool is_ping_property(struct str name)
{
    return str_eq(name, STR("ka-src")) || str_eq(name, STR("ka-dst"));
}

static enum verdict set_property(struct call *call, bool is_set)
{
    struct dialog *dialog = run_dialog(call->run);
    struct str name = call_text(call, 0);

    if (is_ping_property(name) && is_set)
        return verdict_of(
            context_set_note(call->module, call->run, &dialog_pings, name, STR("0")));
    if (is_ping_property(name))
        return verdict_if(context_remove_note(call->module, call->run, &dialog_pings, name));
    if (!str_eq(name, STR("timeout-noreset"))) {
        log_error("dlg_set_property: \"" STR_FMT "\" is none of ka-src, ka-dst, timeout-noreset",
                  STR_ARG(name));
        return VERDICT_ERROR;
    }
    if (dialog)
        dialog->keeps_timer = is_set;
    return verdict_if(dialog != NULL);
}

static enum verdict dlg_set_property(struct call *call)
{
    return set_property(call, true);
}

static enum verdict dlg_reset_property(struct call *call)
{
    return set_property(call, false);
}

/* ---- time ---- */

static struct dialog *dialog_of_args(struct call *call, unsigned first)
{
    if (call->arg_count <= first + 1)
        return run_dialog(call->run);
    return worker_find_dialog_id(call->run->worker, (uint32_t)call->args[first].value.number,
                                 (uint32_t)call->args[first + 1].value.number);
}

static enum verdict dlg_set_timeout(struct call *call)
{
    int64_t seconds = call->args[0].value.number;
    struct dialog *dialog = dialog_of_args(call, 1);
    struct context *context = context_of(call->module, call->run);

    if (seconds <= 0 || (!dialog && (call->arg_count > 1 || !context)))
        return VERDICT_ERROR;
    if (!dialog) {
        context->timeout = seconds;
        return VERDICT_TRUE;
    }
    return verdict_of(dialog_set_lifetime(call->run->worker, dialog, (msec)seconds * 1000));
}

struct new_timeout {
    const struct profile *profile;
    msec lifetime;
    size_t length;
    char value[256];
};

static void set_timeouts(struct worker *worker, void *context)
{
    const struct new_timeout *wish = context;
    struct str value = { wish->value, wish->length };

    for (struct dialog *dialog = worker_next_dialog(worker, 0); dialog;
         dialog = worker_next_dialog(worker, dialog->number))
        if (profile_has_member(wish->profile, dialog, value))
            (void)!dialog_set_lifetime(worker, dialog, wish->lifetime);
}

static enum verdict dlg_set_timeout_by_profile(struct call *call)
{
    unsigned last = call->arg_count - 1;
    struct str value = last > 1 ? call_text(call, 1) : STR("");
    int64_t seconds = call->args[last].value.number;
    struct server *server = run_server(call->run);
    struct new_timeout wish = { .profile = profile_find(state_of(call), call_text(call, 0)) };
    enum err err = ERR_NONE;

    if (!wish.profile || seconds <= 0 || value.len > sizeof wish.value)
        return VERDICT_ERROR;
    wish.lifetime = (msec)seconds * 1000;
    wish.length = value.len;
    if (value.len)
        memcpy(wish.value, value.ptr, value.len);
    for (unsigned i = 0; i < server_worker_count(server) && !err; i++)
        err = server_send_worker(server, i, set_timeouts, &wish, sizeof wish);
    return verdict_of(err);
}

/* ---- speaking ---- */

static unsigned sides_of(struct str name)
{
    static const struct {
        struct str name;
        unsigned sides;
    } rows[] = {
        { STR_INIT("caller"), DIALOG_TO_CALLER },
        { STR_INIT("callee"), DIALOG_TO_CALLEE },
        { STR_INIT("all"), DIALOG_TO_ALL },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (str_ieq(rows[i].name, name))
            return rows[i].sides;
    return 0;
}

static enum verdict dlg_bye(struct call *call)
{
    struct dialog *dialog = run_dialog(call->run);
    unsigned sides = sides_of(call_text(call, 0));

    if (!sides)
        log_error("dlg_bye: \"" STR_FMT "\" is neither caller, callee nor all",
                  STR_ARG(call_text(call, 0)));
    return verdict_if(dialog && sides &&
                      !dialog_hang_up(call->run->worker, dialog, DIALOG_END_REQUEST, sides,
                                      STR("")));
}

/* The remote target of whom the request goes to. */
static enum verdict dlg_set_ruri(struct call *call)
{
    struct dialog *dialog = run_dialog(call->run);
    struct str contact;

    if (!dialog)
        return VERDICT_FALSE;
    contact = dialog->parties[!run_dialog_side(call->run)].contact;
    return verdict_if(contact.len && !run_set_uri(call->run, contact));
}

/* ---- variables of any dialog ---- */

static struct dialog *dialog_by_call(const struct call *call)
{
    return worker_find_dialog(call->run->worker, call_text(call, 0), call_text(call, 1),
                              call_text(call, 2));
}

static enum verdict dlg_set_var(struct call *call)
{
    struct dialog *dialog = dialog_by_call(call);

    return verdict_if(dialog &&
                      !dialog_set_note(dialog, NULL, call_text(call, 3), call_text(call, 4)));
}

static enum verdict dlg_get_var(struct call *call)
{
    const struct dialog *dialog = dialog_by_call(call);
    const struct dialog_note *note =
        dialog ? dialog_find_note(dialog, NULL, call_text(call, 3)) : NULL;
    struct value value = note ? value_of_str(note->value) : value_null();

    if (!note)
        return VERDICT_FALSE;
    return verdict_of(variable_set(call->run, call->args[4].object, &value));
}

/* ---- what there is not ---- */

static enum verdict refused(struct call *call)
{
    (void)call;
    return VERDICT_ERROR;
}

/* The server cannot be a party: a REFER or INVITE of its own would take a CSeq away from one. */
static enum err refuse(struct module *module, unsigned index, struct str text,
                       const struct script_place *place, const void **out)
{
    (void)module;
    (void)text;
    (void)out;
    if (index == 0)
        script_complain(place, "culvert makes no calls and transfers of its own: dlg_refer, "
                               "dlg_bridge, dlg_req_within and dlg_remote_profile are not there");
    return ERR_UNSUPPORTED;
}

/* clang-format off */
#define ROW(function, minimum, stages_, doc_, ...) \
    { .name = #function, .run = function, .takes = { __VA_ARGS__ }, .min_args = minimum, \
      .stages = stages_, .doc = doc_ }
#define REFUSED(name_, minimum, ...) \
    { .name = name_, .run = refused, .prepare = refuse, .takes = { ARG_CUSTOM, __VA_ARGS__ }, \
      .min_args = minimum, .stages = STAGE_ANY, .doc = "Not there: the server makes no calls." }
#define NO_ARGS ARG_END

enum { ON_PROFILES = STAGE_REQUEST | STAGE_FAILURE | STAGE_REPLY | STAGE_BRANCH | STAGE_EVENT };

#define DOC_SIZE "Puts the number of dialogs in a profile into a variable."

const struct mod_function dialog_functions[] = {
    ROW(dlg_manage, 0, STAGE_REQUEST, "Follows the dialogs of this INVITE, or finds that of a request inside.", NO_ARGS),
    ROW(set_dlg_profile, 1, ON_PROFILES, "Counts the dialog in a profile, with a value where it has values.", ARG_FMT, ARG_FMT),
    ROW(unset_dlg_profile, 1, ON_PROFILES, "Takes it out again.", ARG_FMT, ARG_FMT),
    ROW(is_in_profile, 1, STAGE_ANY, "True when the dialog counts there.", ARG_FMT, ARG_FMT),
    ROW(get_profile_size, 2, STAGE_ANY, DOC_SIZE, ARG_FMT, ARG_VAR),
    ROW(get_profile_size, 3, STAGE_ANY, DOC_SIZE, ARG_FMT, ARG_FMT, ARG_VAR),
    ROW(dlg_setflag, 1, STAGE_ANY, "Sets a flag of the dialog.", ARG_INT),
    ROW(dlg_resetflag, 1, STAGE_ANY, "Clears it.", ARG_INT),
    ROW(dlg_isflagset, 1, STAGE_ANY, "True when it is set.", ARG_INT),
    ROW(dlg_bye, 1, STAGE_ANY, "Ends the dialog with a BYE to \"caller\", \"callee\" or \"all\".", ARG_FMT),
    ROW(dlg_get, 3, STAGE_ANY, "Works on another dialog from now on: Call-ID and both tags.", ARG_FMT, ARG_FMT, ARG_FMT),
    ROW(is_known_dlg, 0, STAGE_ANY, "True when the request belongs to a dialog that is followed.", NO_ARGS),
    ROW(dlg_set_timeout, 1, STAGE_ANY, "Seconds that the dialog may last from now on; or one by h_entry, h_id.", ARG_INT, ARG_INT, ARG_INT),
    ROW(dlg_set_timeout_by_profile, 2, STAGE_ANY, "The same for all in a profile.", ARG_FMT, ARG_INT),
    ROW(dlg_set_timeout_by_profile, 3, STAGE_ANY, "The same for all with a value.", ARG_FMT, ARG_FMT, ARG_INT),
    ROW(dlg_set_property, 1, STAGE_ANY, "\"ka-src\", \"ka-dst\", \"timeout-noreset\".", ARG_FMT),
    ROW(dlg_reset_property, 1, STAGE_ANY, "Takes it back.", ARG_FMT),
    ROW(dlg_set_ruri, 0, STAGE_ANY, "The Request-URI becomes the Contact of the other party.", NO_ARGS),
    ROW(dlg_set_var, 5, STAGE_ANY, "Sets a variable of a dialog: Call-ID, tags, key, value.", ARG_FMT, ARG_FMT, ARG_FMT, ARG_FMT, ARG_FMT),
    ROW(dlg_get_var, 5, STAGE_ANY, "Gets one into a variable: Call-ID, tags, key, variable.", ARG_FMT, ARG_FMT, ARG_FMT, ARG_FMT, ARG_VAR),
    REFUSED("dlg_refer", 1, ARG_FMT),
    REFUSED("dlg_bridge", 2, ARG_FMT, ARG_FMT, ARG_FMT),
    REFUSED("dlg_req_within", 2, ARG_FMT, ARG_FMT, ARG_FMT, ARG_FMT),
    REFUSED("dlg_remote_profile", 5, ARG_FMT, ARG_FMT, ARG_FMT, ARG_FMT),
    REFUSED("dlg_db_load_callid", 1, ARG_END),
    { 0 },
};
/* clang-format on */
