/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of the module share: its state, and the functions behind the rows of dialog.c. */
#include <culvert/log.h>
#include <culvert/module.h>
#include <culvert/server.h>
#include <culvert/transaction.h>

enum {
    PROFILES_MAX = 32,
    WORKERS_MAX = 256,
};

struct profile;

struct dialog_module {
    int64_t dlg_flag, default_timeout, match_mode, hash_size, detect_spirals, send_bye;
    int64_t timeout_noreset, early_timeout, noack_timeout, end_silent_calls, dialogs_max;
    int64_t ka_timer, ka_interval, ka_failed_limit;
    struct str rr_param, extra_headers, timeout_avp, profiles_with_value, profiles_no_value;
    const struct variable_ref *timeout; /* NULL: none */
    struct profile *profiles[PROFILES_MAX];
    unsigned profile_count;
    unsigned slot;
    msec pinged[WORKERS_MAX]; /* when each worker last looked for pings to send */
};

/* ---- context.c: what a script says of a dialog, before or after it is followed ---- */

struct context {
    struct dialog_note *pending;
    uint32_t flags;
    int64_t timeout;       /* seconds; 0: as usual */
    int64_t timeout_bye;   /* negative: as usual */
};

/* NULL without memory. */
struct context *context_of(const struct module *module, struct run *run);
/* Follows run's INVITE, and gives the dialog what was said before. */
MUST_USE enum err context_follow(const struct module *module, struct run *run);
MUST_USE enum err context_set_note(const struct module *module, struct run *run, const void *owner,
                                   struct str key, struct str value);
bool context_remove_note(const struct module *module, struct run *run, const void *owner,
                         struct str key);
/* False when there is none. */
bool context_find_note(const struct module *module, struct run *run, const void *owner,
                       struct str key, struct str *value);

/* ---- profiles.c ---- */

/* Makes those of both lists: "name;name". */
MUST_USE enum err profiles_make(struct module *module, struct dialog_module *state);
void profiles_free(struct dialog_module *state);
/* NULL, logged, when a script names one that is not declared. */
struct profile *profile_find(const struct dialog_module *state, struct str name);
bool profile_has_value(const struct profile *profile);
/* Of one value, or (empty) of all. */
int64_t profile_size(struct profile *profile, struct str value);
void profile_count(struct profile *profile, struct str value, int amount);
/* All memberships of a dialog that begins as a copy (1) or ends (-1). */
void profiles_count_all(const struct dialog_module *state, const struct dialog *dialog, int amount);
bool profile_has_member(const struct profile *profile, const struct dialog *dialog,
                        struct str value);

/* ---- keepalive.c ---- */

extern const char dialog_pings; /* owner of the notes "ka-src" and "ka-dst" */
void dialog_pings_tick(struct module *module, struct worker *worker, unsigned index, msec now);

/* ---- tables ---- */

extern const struct mod_function dialog_functions[];
extern const struct mod_variable dialog_variables[];
extern const struct mod_command dialog_commands[];
