/* SPDX-License-Identifier: Apache-2.0 */
/* $xavp settings for one request (xavp_cfg), and what a script may learn of a binding (xavp_rcd). */
#include "registrar.h"

#include <culvert/log.h>

static enum err make_ref(struct module *module, struct str list, const char *field,
                         const struct variable_ref **out)
{
    struct str text;
    enum err err = str_print(module_arena(module), &text, "$xavp(" STR_FMT "=>%s)", STR_ARG(list),
                             field);

    return err ? err : module_variable(module, text, out);
}

static enum err make_refs(struct module *module, struct str list, const char *const *fields,
                          unsigned count, const struct variable_ref **out)
{
    enum err err = ERR_NONE;

    for (unsigned i = 0; i < count && !err && !str_is_empty(list); i++)
        err = make_ref(module, list, fields[i], &out[i]);
    return err;
}

enum err registrar_prepare_extended(struct module *module)
{
    static const char *const settings[] = { "match_callid", "match_contact", "match_received",
                                            "rlf_bflags",   "q",             "expires",
                                            "max_contacts", "socket" };
    static const char *const facts[] = { "ruid", "contact", "expires", "received", "path" };
    struct registrar *registrar = module_state(module);
    enum err err;

    _Static_assert(sizeof settings / sizeof settings[0] == EXTENDED_SETTINGS, "a name for each");
    _Static_assert(sizeof facts / sizeof facts[0] == EXTENDED_FACTS, "a name for each");
    err = make_refs(module, registrar->xavp_cfg, settings, EXTENDED_SETTINGS, registrar->settings);
    return err ? err
               : make_refs(module, registrar->xavp_rcd, facts, EXTENDED_FACTS, registrar->facts);
}

/* ---- settings ---- */

static bool get(struct run *run, const struct variable_ref *ref, struct value *out)
{
    return ref && !variable_get(run, ref, out) && !value_is_null(out);
}

struct str registrar_setting_text(const struct registrar *registrar, struct run *run,
                                  enum extended_setting setting)
{
    struct value value;
    struct str text;

    if (!get(run, registrar->settings[setting], &value) || value_to_str(run->arena, &value, &text))
        return (struct str){ 0 };
    return text;
}

bool registrar_setting_number(const struct registrar *registrar, struct run *run,
                              enum extended_setting setting, int64_t *out)
{
    struct value value;

    if (!get(run, registrar->settings[setting], &value))
        return false;
    if (value.has_number)
        *out = value.number;
    return value.has_number || !str_to_int(value.text, INT32_MIN, INT32_MAX, out);
}

/* ---- facts ---- */

static void set(const struct registrar *registrar, struct run *run, enum extended_fact fact,
                struct value value)
{
    if (value_is_null(&value) || registrar->xavp_rcd_mask >> fact & 1)
        return;
    if (variable_set(run, registrar->facts[fact], &value))
        log_error("registrar: no memory for $xavp(" STR_FMT ")", STR_ARG(registrar->xavp_rcd));
}

static struct value text_or_null(struct str text)
{
    return str_is_empty(text) ? value_null() : value_of_str(text);
}

void registrar_tell_extended(const struct registrar *registrar, struct run *run,
                             const struct binding *binding)
{
    int64_t left = ((int64_t)binding->expires_at - (int64_t)run_now(run)) / 1000;

    if (!registrar->facts[FACT_RUID])
        return;
    set(registrar, run, FACT_RUID, value_of_str(binding->ruid));
    set(registrar, run, FACT_CONTACT, value_of_str(binding->contact));
    set(registrar, run, FACT_EXPIRES, value_of_int((int64_t)run_wall_clock(run) + left));
    set(registrar, run, FACT_RECEIVED, text_or_null(binding->received));
    set(registrar, run, FACT_PATH, text_or_null(binding->path));
}
