/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/log.h>
#include <culvert/module.h>
#include <culvert/server.h>

struct xlog {
    struct str prefix; /* ptr NULL: not set */
    int64_t force_color;
};

static enum verdict print(struct call *call, enum log_level level)
{
    const struct xlog *xlog = module_state(call->module);
    struct str text = str_trim(call->args[call->arg_count - 1].value.text);

    if (!log_is_on(level))
        return VERDICT_TRUE;
    if (str_print(call->run->arena, &text, STR_FMT STR_FMT, STR_ARG(xlog->prefix), STR_ARG(text)))
        return VERDICT_ERROR;
    run_log(call->run, level, text);
    return VERDICT_TRUE;
}

/* xlog([[facility,] level,] text) */
static enum verdict xlog(struct call *call)
{
    enum log_level level = LEVEL_ERROR;
    struct str name;

    if (call->arg_count == 1)
        return print(call, level);
    name = call->args[call->arg_count - 2].value.text;
    if (server_log_level(run_server(call->run), name, &level))
        return print(call, level);
    log_error("xlog: \"" STR_FMT "\" is no level; write L_INFO, L_ERR…", STR_ARG(name));
    return VERDICT_ERROR;
}

#define AT(name, level)                                                                            \
    static enum verdict name(struct call *call)                                                    \
    {                                                                                              \
        return print(call, level);                                                                 \
    }

AT(xdbg, LEVEL_DEBUG)
AT(xinfo, LEVEL_INFO)
AT(xnotice, LEVEL_NOTICE)
AT(xwarn, LEVEL_WARNING)
AT(xerr, LEVEL_ERROR)
AT(xcrit, LEVEL_CRITICAL)
AT(xalert, LEVEL_ALERT)

/* ---- $C(xy) ---- */

static const char colours[] = "srgybmcw"; /* in the order of the terminal's codes */

/* The code of a letter in this range of codes; 0: the terminal's default. */
static int colour_code(char letter, int base)
{
    const char *at = memchr(colours, char_lower(letter), sizeof colours - 1);

    return at ? base + (int)(at - colours) : 0;
}

static bool is_bold(char letter)
{
    return letter >= 'A' && letter <= 'Z';
}

/* Terminals that show the log understand these; the log itself is kept free of them. */
static enum err get_colour(const struct variable_use *use, struct value *out)
{
    const struct xlog *xlog = module_state(use->module);
    struct str text = { 0 };
    enum err err;

    *out = value_of_str(text);
    if (!xlog->force_color || use->inner.len != 2)
        return ERR_NONE;
    err = str_print(use->run->arena, &text, "\033[%d;%d;%dm", is_bold(use->inner.ptr[0]),
                    colour_code(use->inner.ptr[0], 30), colour_code(use->inner.ptr[1], 40));
    *out = value_of_str(text);
    return err;
}

/* ---- the tables ---- */

/* clang-format off */
#define ROW(name_, function, minimum, doc_, ...) \
    { .name = name_, .run = function, .takes = { __VA_ARGS__ }, .min_args = minimum, \
      .stages = STAGE_ANY, .doc = doc_ }

static const struct mod_function functions[] = {
    ROW("xlog", xlog, 1, "Logs a text with variables: [level,] text.", ARG_FMT, ARG_FMT, ARG_FMT),
    ROW("xlogl", xlog, 1, "The same.", ARG_FMT, ARG_FMT, ARG_FMT),
    ROW("xlogm", xlog, 2, "The same.", ARG_FMT, ARG_FMT),
    ROW("xdbg", xdbg, 1, "Logs a text for debugging.", ARG_FMT),
    ROW("xdbgl", xdbg, 1, "Logs a text for debugging.", ARG_FMT),
    ROW("xinfo", xinfo, 1, "Logs a text as information.", ARG_FMT),
    ROW("xnotice", xnotice, 1, "Logs a text as a notice.", ARG_FMT),
    ROW("xwarn", xwarn, 1, "Logs a text as a warning.", ARG_FMT),
    ROW("xerr", xerr, 1, "Logs a text as an error.", ARG_FMT),
    ROW("xcrit", xcrit, 1, "Logs a text as critical.", ARG_FMT),
    ROW("xbug", xcrit, 1, "Logs a text as critical.", ARG_FMT),
    ROW("xalert", xalert, 1, "Logs a text as an alert.", ARG_FMT),
    { 0 },
};

static const struct mod_variable variables[] = {
    { .name = "C", .inner = INNER_NEEDED, .get = get_colour,
      .doc = "Colours of a terminal, $C(xy): text and background; empty without force_color." },
    { 0 },
};

#define IGNORED(name_, why) { .name = name_, .type = PARAM_IGNORED, .doc = why }

static const struct mod_param params[] = {
    { .name = "prefix", .type = PARAM_STR, .offset = offsetof(struct xlog, prefix),
      .doc = "Put before each text; \"<script>: \" in Kamailio's dialect." },
    { .name = "force_color", .type = PARAM_INT, .offset = offsetof(struct xlog, force_color),
      .doc = "1: $C() writes colours." },
    IGNORED("buf_size", "texts may be as long as a message's memory allows"),
    IGNORED("prefix_mode", "the prefix is plain text"),
    IGNORED("long_format", "log lines have one format"),
    IGNORED("log_facility", "the facility is that of the server"),
    IGNORED("log_colors", "see force_color"),
    IGNORED("methods_filter", "use is_method()"),
    { 0 },
};
/* clang-format on */

static enum err start(struct module *module)
{
    struct xlog *xlog = module_state(module);

    if (!xlog->prefix.ptr)
        xlog->prefix = server_is_openser(module_server(module)) ? STR("") : STR("<script>: ");
    return ERR_NONE;
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "xlog",
    .summary = "Log lines with variables in them.",
    .state_size = sizeof(struct xlog),
    .functions = functions,
    .variables = variables,
    .params = params,
    .start = start,
};
