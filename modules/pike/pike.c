/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/module.h>
#include <culvert/server.h>

#include "sources.h"

enum {
    TOLD_MAX = 10000, /* sources in one answer */
};

#define NEWLY_BLOCKED ((enum verdict)-2) /* Kamailio tells the first one from the others */

struct pike {
    struct sources *sources;
    int64_t time_unit, density, latency; /* seconds, requests, seconds */
    int64_t log_number;
    enum log_level level;
    bool tells_first; /* in Kamailio's dialect */
};

/* ---- functions ---- */

static void report(const struct pike *pike, const struct addr *addr, const char *what)
{
    char text[ADDR_TEXT_MAX];

    log_write(pike->level, "pike: %s %s", addr_text(addr, text), what);
}

static enum verdict check(struct call *call, const struct addr *addr)
{
    const struct pike *pike = module_state(call->module);

    switch (sources_count(pike->sources, addr, run_now(call->run))) {
    case SOURCE_FLOODS_NOW:
        report(pike, addr, "sends too much and is to be blocked");
        return pike->tells_first ? NEWLY_BLOCKED : VERDICT_FALSE;
    case SOURCE_FLOODS:
        return VERDICT_FALSE;
    case SOURCE_CALMED:
        report(pike, addr, "has calmed down");
        break;
    case SOURCE_QUIET:
        break;
    }
    return VERDICT_TRUE;
}

static enum verdict check_req(struct call *call)
{
    return check(call, &call->run->source.peer);
}

static enum verdict check_ip(struct call *call)
{
    struct str text = call->args[0].value.text;
    struct addr addr;

    if (!addr_parse_ip(text, &addr))
        return check(call, &addr);
    log_error("pike_check_ip: \"" STR_FMT "\" is no address", STR_ARG(text));
    return VERDICT_FALSE;
}

/* clang-format off */
#define STAGES (STAGE_REQUEST | STAGE_REPLY | STAGE_CORE_REPLY | STAGE_EVENT)

static const struct mod_function functions[] = {
    { .name = "pike_check_req", .run = check_req, .stages = STAGES,
      .traits = TRAIT_DECIDES | TRAIT_BLIND,
      .doc = "False while the source of the message sends too much; -2 when that has just begun." },
    { .name = "pike_check_ip", .run = check_ip, .takes = { ARG_FMT }, .min_args = 1, .stages = STAGES,
      .traits = TRAIT_DECIDES | TRAIT_BLIND,
      .doc = "The same for an address." },
    { 0 },
};

#define INT(name_, field_, min_, max_, initial_, doc_) \
    { .name = name_, .type = PARAM_INT, .offset = offsetof(struct pike, field_), .min = min_, .max = max_, .initial = initial_, .doc = doc_ }

static const struct mod_param params[] = {
    INT("sampling_time_unit", time_unit, 1, 86400, 2, "Seconds in which requests are counted."),
    INT("reqs_density_per_unit", density, 1, 1000000000, 30, "Requests that a source may send in them."),
    INT("remove_latency", latency, 1, 31536000, 120, "Seconds of silence after which a source is forgotten."),
    INT("pike_log_level", log_number, -10, 10, 1, "The level of lines about sources that are blocked or not any more."),
    { 0 },
};
/* clang-format on */

/* ---- commands ---- */

struct telling {
    struct command *command;
    bool hot, others;
    unsigned count;
};

static void tell(void *context, const struct source_view *source)
{
    struct telling *telling = context;
    char buffer[ADDR_TEXT_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);

    if (!(source->floods ? telling->hot : telling->others) || telling->count++ >= TOLD_MAX)
        return;
    addr_write_ip(&w, &source->addr, false);
    write_str(&w, source->addr.family == ADDR_IPV6 ? STR("/64") : STR(""));
    command_open_object(telling->command, "");
    command_text(telling->command, "ip_addr", writer_text(&w));
    command_number(telling->command, "leaf_hits_prev", source->before);
    command_number(telling->command, "leaf_hits_curr", source->now);
    command_text(telling->command, "status", source->floods ? STR("HOT") : STR("WARM"));
    command_close(telling->command);
}

static enum err run_top(struct module *module, struct command *command)
{
    const struct pike *pike = module_state(module);
    struct str which = command_arg(command, 0);
    struct telling telling = { command, true, false, 0 };

    if (str_ieq(which, STR("WARM")) || str_ieq(which, STR("ALL"))) {
        telling.hot = str_ieq(which, STR("ALL"));
        telling.others = true;
    } else if (!str_is_empty(which) && !str_ieq(which, STR("HOT"))) {
        return command_fail(command, ERR_SYNTAX, "which sources? ALL, HOT or WARM");
    }
    command_open_list(command, "sources");
    sources_each(pike->sources, server_now(module_server(module)), tell, &telling);
    command_close(command);
    return ERR_NONE;
}

#define TOP_DOC "The sources that are blocked, or all that have been heard of lately."

static const struct mod_command commands[] = {
    { "pike.top", "[ALL|HOT|WARM]", TOP_DOC, run_top },
    { "pike.list", "[ALL|HOT|WARM]", TOP_DOC, run_top },
    { "pike_list", "[ALL|HOT|WARM]", TOP_DOC, run_top },
    { 0 },
};

/* ---- life ---- */

static enum err start(struct module *module)
{
    struct pike *pike = module_state(module);
    struct server *server = module_server(module);
    const struct sources_limits limits = {
        .unit = (msec)pike->time_unit * 1000,
        .density = (uint32_t)pike->density,
        .memory = (msec)pike->latency * 1000,
    };
    char digits[24];
    struct writer w = writer_over(digits, sizeof digits);

    write_fmt(&w, "%lld", (long long)pike->log_number);
    if (!server_log_level(server, writer_text(&w), &pike->level))
        pike->level = LEVEL_WARNING;
    pike->tells_first = !server_is_openser(server);
    return sources_create(&limits, random_u64(server_random(server)), &pike->sources);
}

static void stop(struct module *module)
{
    struct pike *pike = module_state(module);

    sources_destroy(pike->sources);
    pike->sources = NULL;
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "pike",
    .summary = "Finds sources that send too much.",
    .state_size = sizeof(struct pike),
    .functions = functions,
    .params = params,
    .commands = commands,
    .start = start,
    .stop = stop,
};
