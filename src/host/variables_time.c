/* SPDX-License-Identifier: Apache-2.0 */
/* The time, the version, and what is left. */
#include "host/host.h"
#include "host/variables.h"

#include <time.h>

enum {
    FORMATTED_MAX = 64,
};

static time_t seconds_now(const struct run *run)
{
    return (time_t)run_wall_clock(run);
}

static enum err give_formatted(struct run *run, const char *format, const struct tm *when,
                               struct value *out)
{
    char buffer[FORMATTED_MAX];
    size_t length = strftime(buffer, sizeof buffer, format, when);
    struct str text;
    enum err err;

    if (length == 0)
        return give_null(out);
    err = str_copy(run->arena, (struct str){ buffer, length }, &text);
    return err ? err : give_text(out, text);
}

/* ---- now ---- */

static enum err get_Ts(const struct variable_use *use, struct value *out)
{
    return give_int(out, (int64_t)seconds_now(use->run));
}

static enum err get_Tf(const struct variable_use *use, struct value *out)
{
    time_t now = seconds_now(use->run);
    struct tm when;

    localtime_r(&now, &when);
    return give_formatted(use->run, "%a %b %e %H:%M:%S %Y", &when, out);
}

/* $TV(s): seconds; (u): the microseconds that go with them. */
static enum err get_TV(const struct variable_use *use, struct value *out)
{
    unsigned micros = (unsigned)(run_now(use->run) % 1000) * 1000;
    char kind = use->inner.len ? use->inner.ptr[0] : 's';
    struct str text;
    enum err err;

    if (kind == 's')
        return get_Ts(use, out);
    if (kind == 'u')
        return give_int(out, micros);
    err = str_print(use->run->arena, &text, "%lld.%06u", (long long)seconds_now(use->run), micros);
    return err ? err : give_text(out, text);
}

/* ---- parts of now ---- */

static int64_t time_part(const struct tm *when, struct str name)
{
    const struct {
        const char *name;
        int value;
    } rows[] = {
        { "sec", when->tm_sec },       { "min", when->tm_min },
        { "hour", when->tm_hour },     { "mday", when->tm_mday },
        { "mon", when->tm_mon + 1 },   { "year", when->tm_year + 1900 },
        { "wday", when->tm_wday + 1 }, { "yday", when->tm_yday + 1 },
        { "isdst", when->tm_isdst },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (str_eq(name, str_of(rows[i].name)))
            return rows[i].value;
    }
    return -1;
}

static enum err get_time(const struct variable_use *use, struct value *out)
{
    time_t now = seconds_now(use->run);
    struct tm when;

    localtime_r(&now, &when);
    return give_int(out, time_part(&when, use->inner));
}

static enum err get_utime(const struct variable_use *use, struct value *out)
{
    time_t now = seconds_now(use->run);
    struct tm when;

    gmtime_r(&now, &when);
    return give_int(out, time_part(&when, use->inner));
}

static enum err give_timef(const struct variable_use *use, const struct tm *when, struct value *out)
{
    char format[FORMATTED_MAX];

    if (use->inner.len >= sizeof format)
        return give_null(out);
    memcpy(format, use->inner.ptr, use->inner.len);
    format[use->inner.len] = '\0';
    return give_formatted(use->run, format, when, out);
}

static enum err get_timef(const struct variable_use *use, struct value *out)
{
    time_t now = seconds_now(use->run);
    struct tm when;

    localtime_r(&now, &when);
    return give_timef(use, &when, out);
}

static enum err get_utimef(const struct variable_use *use, struct value *out)
{
    time_t now = seconds_now(use->run);
    struct tm when;

    gmtime_r(&now, &when);
    return give_timef(use, &when, out);
}

/* ---- the rest ---- */

/* Scripts that ask for a number want to know what they may write. */
static enum err get_version(const struct variable_use *use, struct value *out)
{
    static const struct str language = STR_INIT("5.6.3");

    if (str_eq(use->inner, STR("num")))
        return give_text(out, language);
    return give_text(out, server_signature(run_server(use->run)));
}

static bool has_error(const struct variable_use *use)
{
    return server_is_openser(run_server(use->run)) || use->run->request->error_status;
}

/* Why the last attempt to forward failed; 0 in OpenSER, else null when none did. */
static enum err get_error_status(const struct variable_use *use, struct value *out)
{
    if (!has_error(use))
        return give_null(out);
    return give_int(out, use->run->request->error_status);
}

static enum err get_error_reason(const struct variable_use *use, struct value *out)
{
    return give_text_or_null(out, use->run->request->error_reason);
}

static enum err get_nothing(const struct variable_use *use, struct value *out)
{
    (void)use;
    return give_null(out);
}

static enum err get_sruid(const struct variable_use *use, struct value *out)
{
    struct str text;
    enum err err = str_print(use->run->arena, &text, "%016llx",
                             (unsigned long long)random_u64(run_random(use->run)));

    return err ? err : give_text(out, text);
}

static enum err get_random(const struct variable_use *use, struct value *out)
{
    return give_int(out, random_below(run_random(use->run), INT32_MAX));
}

static enum err get_server_id(const struct variable_use *use, struct value *out)
{
    return give_int(out, use->run->worker->server->settings.server_id);
}

/* $sel(cfg_get.group.name): the operator's own settings; any other is a variable in other words. */
static enum err get_sel(const struct variable_use *use, struct value *out)
{
    const struct settings *settings = use->run->request->script->edition->settings;
    struct str prefix = STR("cfg_get.");
    const struct value *value = NULL;

    if (use->object)
        return variable_get(use->run, use->object, out);
    if (str_starts(use->inner, prefix))
        value = settings_custom(settings, str_skip(use->inner, prefix.len));
    *out = value ? *value : value_null();
    return ERR_NONE;
}

static enum err check_sel(struct module *module, struct str inner, const struct script_place *place,
                          const void **out)
{
    const struct variable_ref *ref;
    enum err err;

    (void)module;
    *out = NULL;
    if (str_starts(inner, STR("cfg_get.")))
        return ERR_NONE;
    err = script_place_select(place, inner, &ref);
    if (err == ERR_NOT_FOUND)
        script_complain(place, "\"" STR_FMT "\" is no select that is known; settings of your own are "
                               "$sel(cfg_get.group.name)",
                        STR_ARG(inner));
    if (!err)
        *out = ref;
    return err;
}

/* When the server started. */
static enum err get_Tb(const struct variable_use *use, struct value *out)
{
    msec age = run_now(use->run) - use->run->worker->server->started_at;

    return give_int(out, (int64_t)seconds_now(use->run) - (int64_t)(age / 1000));
}

/* $stat(name) or $stat(group:name) */
static enum err get_stat(const struct variable_use *use, struct value *out)
{
    const struct counter *counter = counter_find(use->run->worker->server, use->inner);

    if (!counter)
        return give_null(out);
    return give_int(out, atomic_load_explicit(&counter->value, memory_order_relaxed));
}

static enum err get_ccp(const struct variable_use *use, struct value *out)
{
    const struct value *value =
        settings_custom(use->run->request->script->edition->settings, use->inner);

    *out = value ? *value : value_null();
    return ERR_NONE;
}

static enum err get_true(const struct variable_use *use, struct value *out)
{
    (void)use;
    return give_int(out, 1);
}

VARIABLE_OF_WORDS(check_TV, "s u sn un Sn Fn")
VARIABLE_OF_WORDS(check_time, "sec min hour mday mon year wday yday isdst")

/* clang-format off */
#define R(name_, getter, doc_) { .name = name_, .get = getter, .doc = doc_ }
#define IN(name_, getter, doc_) { .name = name_, .inner = INNER_NEEDED, .get = getter, .doc = doc_ }

#define WORDS(name_, getter, checker, doc_) \
    { .name = name_, .inner = INNER_NEEDED, .get = getter, .prepare = checker, .doc = doc_ }

const struct mod_variable time_variables[] = {
    R("Ts", get_Ts, "Seconds since 1970."),
    R("TS", get_Ts, "Seconds since 1970."),
    R("Tf", get_Tf, "The time as text."),
    R("TF", get_Tf, "The time as text."),
    WORDS("TV", get_TV, check_TV, "The time: seconds, microseconds; n: now, not when it began."),
    WORDS("time", get_time, check_time, "Part of the local time."),
    WORDS("utime", get_utime, check_time, "The same in UTC."),
    IN("timef", get_timef, "The local time, formatted as strftime does."),
    IN("utimef", get_utimef, "The same in UTC."),
    { .name = "version", .inner = INNER_OPTIONAL, .get = get_version, .doc = "Name and version of the server; $version(num): the version of Kamailio's language that is spoken." },
    R("sruid", get_sruid, "A text that is unique."),
    R("RANDOM", get_random, "A random number."),
    R("err.rcode", get_error_status, "Status that says why forwarding failed."),
    R("err.rreason", get_error_reason, "Reason that goes with it."),
    R("err.class", get_nothing, "Null: errors have no class."),
    R("err.level", get_nothing, "Null: errors have no level."),
    R("err.info", get_nothing, "Null: the log says more."),
    R("true", get_true, "1."),
    R("Tb", get_Tb, "When the server started, in seconds since 1970."),
    IN("ksr", get_version, "Name and version of the server."),
    IN("stat", get_stat, "A counter, by name or group:name."),
    IN("ccp", get_ccp, "A setting of the operator's own: $ccp(group.name)."),
    R("sid", get_server_id, "The setting server_id."),
    { .name = "sel", .inner = INNER_NEEDED, .get = get_sel, .prepare = check_sel,
      .doc = "A setting of the operator's own, $sel(cfg_get.group.name), or a select, $sel(via.host)." },
    { 0 },
};
