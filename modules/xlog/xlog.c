/* SPDX-License-Identifier: Apache-2.0 */
#include "xlog.h"

/* ---- a line ---- */

struct line {
    enum log_level level;
    int facility;
    bool has_place; /* where in the script stands before the text */
};

static struct str without_line_end(struct str text)
{
    while (text.len && (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\r'))
        text.len--;
    return text;
}

static enum err prefix_text(const struct xlog *xlog, struct run *run, struct str *out)
{
    *out = xlog->prefix;
    return xlog->prefix_format ? format_text(run, xlog->prefix_format, out) : ERR_NONE;
}

/* "12:", with long_format "/etc/culvert.cfg:12:" */
static enum err place_text(const struct xlog *xlog, struct run *run, struct str *out)
{
    unsigned number;
    struct str file;

    *out = STR("");
    if (!run_place(run, &file, &number))
        return ERR_NONE;
    if (!xlog->long_format)
        return str_print(run->arena, out, "%u:", number);
    return str_print(run->arena, out, STR_FMT ":%u:", STR_ARG(file), number);
}

/* What is longer than buf_size is cut. */
static enum err compose(const struct xlog *xlog, struct run *run, const struct line *line,
                        struct str text, struct str *out)
{
    bool is_coloured = xlog->colours[line->level][0] && colours_are_shown(xlog, run_server(run));
    struct str prefix, place = STR("");
    enum err err = prefix_text(xlog, run, &prefix);

    if (!err && line->has_place)
        err = place_text(xlog, run, &place);
    if (err)
        return err;
    text = without_line_end(text);
    if (text.len > (size_t)xlog->buf_size)
        text.len = (size_t)xlog->buf_size;
    return str_print(run->arena, out, "%s" STR_FMT STR_FMT STR_FMT "%s",
                     is_coloured ? xlog->colours[line->level] : "", STR_ARG(prefix), STR_ARG(place),
                     STR_ARG(text), is_coloured ? "\033[0;39;49m" : "");
}

static enum verdict print(struct call *call, const struct line *line)
{
    const struct xlog *xlog = module_state(call->module);
    struct run *run = call->run;
    struct str text;

    if (!log_is_on(line->level))
        return VERDICT_TRUE;
    if (compose(xlog, run, line, call_text(call, call->arg_count - 1), &text))
        return VERDICT_ERROR;
    run_log_text(run, line->level, line->facility, colours_are_shown(xlog, run_server(run)), text);
    return VERDICT_TRUE;
}

/* ---- xlog([[facility,] level,] text) ---- */

static struct line line_of(const struct call *call)
{
    const struct xlog *xlog = module_state(call->module);

    return (struct line){ .level = LEVEL_ERROR, .facility = xlog->facility };
}

static bool read_level(const struct call *call, struct str name, struct line *line)
{
    if (server_log_level(run_server(call->run), name, &line->level))
        return true;
    log_error("xlog: \"" STR_FMT "\" is no level; write L_INFO, L_ERR…", STR_ARG(name));
    return false;
}

static bool read_facility(struct str name, struct line *line)
{
    if (log_find_facility(name, &line->facility))
        return true;
    log_error("xlog: \"" STR_FMT "\" is no facility; write LOG_LOCAL0…", STR_ARG(name));
    return false;
}

static enum verdict print_as_told(struct call *call, bool has_place)
{
    struct line line = line_of(call);

    line.has_place = has_place;
    if (call->arg_count > 1 && !read_level(call, call_text(call, call->arg_count - 2), &line))
        return VERDICT_ERROR;
    if (call->arg_count > 2 && !read_facility(call_text(call, 0), &line))
        return VERDICT_ERROR;
    return print(call, &line);
}

static enum verdict xlog(struct call *call)
{
    return print_as_told(call, false);
}

static enum verdict xlogl(struct call *call)
{
    return print_as_told(call, true);
}

/* xlogm(level, text): not for the methods of methods_filter, which are all unless it is set. */
static enum verdict xlogm(struct call *call)
{
    const struct xlog *xlog = module_state(call->module);
    uint32_t method = sip_method_bit(call->run->msg->method_name);

    return (uint64_t)xlog->methods_filter & method ? VERDICT_TRUE : print_as_told(call, false);
}

static enum verdict print_at(struct call *call, enum log_level level, bool has_place)
{
    struct line line = line_of(call);

    line.level = level;
    line.has_place = has_place;
    return print(call, &line);
}

#define AT(name, level, has_place)                                                                 \
    static enum verdict name(struct call *call)                                                    \
    {                                                                                              \
        return print_at(call, level, has_place);                                                   \
    }

AT(xdbg, LEVEL_DEBUG, false)
AT(xdbgl, LEVEL_DEBUG, true)
AT(xinfo, LEVEL_INFO, false)
AT(xnotice, LEVEL_NOTICE, false)
AT(xwarn, LEVEL_WARNING, false)
AT(xerr, LEVEL_ERROR, false)
AT(xcrit, LEVEL_CRITICAL, false)
AT(xalert, LEVEL_ALERT, false)

/* ---- the tables ---- */

/* clang-format off */
#define ROW(name_, function, minimum, doc_, ...) \
    { .name = name_, .run = function, .takes = { __VA_ARGS__ }, .min_args = minimum, \
      .stages = STAGE_EVERY, .doc = doc_ }

static const struct mod_function functions[] = {
    ROW("xlog", xlog, 1, "Logs a text with variables: [[facility,] level,] text.", ARG_FMT, ARG_FMT, ARG_FMT),
    ROW("xlogl", xlogl, 1, "The same behind the line of the script.", ARG_FMT, ARG_FMT, ARG_FMT),
    ROW("xlogm", xlogm, 2, "Logs for the methods that methods_filter leaves: (level, text).", ARG_FMT, ARG_FMT),
    ROW("xdbg", xdbg, 1, "Logs a text for debugging.", ARG_FMT),
    ROW("xdbgl", xdbgl, 1, "The same behind the line of the script.", ARG_FMT),
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
    { .name = "C", .inner = INNER_NEEDED, .get = colours_get, .prepare = colours_prepare,
      .doc = "Colours of a terminal, $C(xy): text and background; empty when the log goes to syslog." },
    { 0 },
};

#define NUMBER(name_, field, low, high, initial_, doc_) \
    { .name = name_, .type = PARAM_INT, .offset = offsetof(struct xlog, field), .min = low, .max = high, \
      .initial = initial_, .doc = doc_ }

static const struct mod_param params[] = {
    { .name = "prefix", .type = PARAM_STR, .offset = offsetof(struct xlog, prefix),
      .doc = "Put before each text; \"<script>: \" in Kamailio's dialect." },
    NUMBER("prefix_mode", prefix_mode, 0, 1, 0, "1: variables in the prefix are replaced."),
    NUMBER("long_format", long_format, 0, 1, 0, "1: xlogl() and xdbgl() name the file too."),
    NUMBER("buf_size", buf_size, 1, LOG_TEXT_MAX, 4096, "Bytes of a text; what is longer is cut."),
    NUMBER("force_color", force_color, 0, 1, 0, "1: colours also when the log goes to syslog."),
    NUMBER("methods_filter", methods_filter, -1, UINT32_MAX, -1,
           "Methods that xlogm() is silent for, as a sum of numbers of $rmid; -1: all."),
    { .name = "log_facility", .type = PARAM_STR, .offset = offsetof(struct xlog, facility_name), .initial_text = "",
      .doc = "Facility of syslog for these texts, such as LOG_LOCAL0; empty: that of the server." },
    { .name = "log_colors", .type = PARAM_CALL, .set = colours_set,
      .doc = "Colours of levels: L_ERR=cr;L_WARN=px, text and background as in $C()." },
    { 0 },
};
/* clang-format on */

static enum err find_facility(struct xlog *xlog)
{
    xlog->facility = LOG_OWN_FACILITY;
    if (str_is_empty(xlog->facility_name) || log_find_facility(xlog->facility_name, &xlog->facility))
        return ERR_NONE;
    log_error("xlog: log_facility \"" STR_FMT "\" is none that syslog has; write LOG_LOCAL0…",
              STR_ARG(xlog->facility_name));
    return ERR_SYNTAX;
}

static enum err start(struct module *module)
{
    struct xlog *xlog = module_state(module);
    enum err err = find_facility(xlog);

    if (!xlog->prefix.ptr)
        xlog->prefix = server_is_openser(module_server(module)) ? STR("") : STR("<script>: ");
    if (!err && xlog->prefix_mode)
        err = module_format(module, xlog->prefix, &xlog->prefix_format);
    return err;
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
