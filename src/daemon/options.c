/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/options.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char help[] =
    "usage: culvert -f FILE [switches]\n"
    "  -f FILE   configuration script; - is standard input (culvert.cfg)\n"
    "  -c        check the script, report all errors, exit\n"
    "  -D        stay in the foreground\n"
    "  -E        log to standard error\n"
    "  -d        more log; may be repeated\n"
    "  -l [PROTO:]ADDRESS[:PORT][/ADVERTISED]  listen there; may be repeated\n"
    "  -n N      worker threads (one per core)\n"
    "  -L PATH   folders with modules, separated by colons\n"
    "  -P FILE   pid file\n"
    "  -u USER   run as this user     -g GROUP  and this group\n"
    "  -w DIR    working directory    -t DIR    change root to it\n"
    "  -Y DIR    folder of the control socket\n"
    "  -T        no TCP\n"
    "  --alias=NAME[:PORT]  a name that means this server\n"
    "  -A NAME[=VALUE]  #!define, for the script; --subst, --substdef, --substdefs likewise\n"
    "  --loadmodule=NAME  --modparam=MODULE:NAME:TYPE:VALUE  as lines of the script; TYPE is s or i\n"
    "  --document=FOLDER  write the pages about modules, core and language there\n"
    "  --replace-damaged-database  starts with a new one; the damaged file is kept\n"
    "  -V        version              -h        this text\n"
    "Switches of OpenSER and Kamailio without a meaning here (-m -M -x -X -N -W -b -r -R -v …) are "
    "accepted.\n";

/* Names and values of the switches; those not listed in apply_switch mean nothing here. */
static const char switches[] = "f:cCDEdP:G:u:g:w:t:Y:l:n:N:L:m:M:x:X:A:O:W:b:a:TSrRKvVhIeQ:";

enum {
    LONG_ALIAS = 256,
    LONG_DEBUG,
    LONG_IGNORED,
    LONG_SUBST,
    LONG_SUBSTDEF,
    LONG_SUBSTDEFS,
    LONG_LOADMODULE,
    LONG_MODPARAM,
    LONG_SERVER_ID,
    LONG_DOCUMENT,
    LONG_REPLACE_DAMAGED,
};

static const struct option long_switches[] = {
    { "alias", required_argument, NULL, LONG_ALIAS },
    { "debug", required_argument, NULL, LONG_DEBUG },
    { "document", required_argument, NULL, LONG_DOCUMENT },
    { "help", no_argument, NULL, 'h' },
    { "version", no_argument, NULL, 'V' },
    { "atexit", required_argument, NULL, LONG_IGNORED },
    { "server-id", required_argument, NULL, LONG_SERVER_ID },
    { "subst", required_argument, NULL, LONG_SUBST },
    { "substdef", required_argument, NULL, LONG_SUBSTDEF },
    { "substdefs", required_argument, NULL, LONG_SUBSTDEFS },
    { "loadmodule", required_argument, NULL, LONG_LOADMODULE },
    { "modparam", required_argument, NULL, LONG_MODPARAM },
    { "replace-damaged-database", no_argument, NULL, LONG_REPLACE_DAMAGED },
    { "log-engine", required_argument, NULL, LONG_IGNORED },
    { NULL, 0, NULL, 0 },
};

static bool add_listen(struct options *options, const char *text)
{
    if (options->listen_count == LISTENERS_MAX ||
        listen_spec_parse(str_of(text), &options->listen[options->listen_count])) {
        fprintf(stderr, "culvert: -l %s: write it as [udp:|tcp:]address[:port]\n", text);
        return false;
    }
    options->listen_count++;
    return true;
}

static bool add_alias(struct options *options, const char *text)
{
    struct listen_spec spec;

    if (options->alias_count == ALIASES_MAX || listen_spec_parse(str_of(text), &spec)) {
        fprintf(stderr, "culvert: --alias=%s: write it as name or name:port\n", text);
        return false;
    }
    options->aliases[options->alias_count++] = (struct alias){ spec.host, spec.port };
    return true;
}

static bool set_workers(struct options *options, const char *text)
{
    uint64_t number;

    if (str_to_uint(str_of(text), 1, 256, &number)) {
        fprintf(stderr, "culvert: -n %s: workers are from 1 to 256\n", text);
        return false;
    }
    options->workers = (unsigned)number;
    return true;
}

/* ---- what becomes lines of the script ---- */

static bool add_line(char lines[SCRIPT_LINES_MAX], const char *format, ...) PRINTF_LIKE(2, 3);

static bool add_line(char lines[SCRIPT_LINES_MAX], const char *format, ...)
{
    size_t used = strlen(lines);
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(lines + used, SCRIPT_LINES_MAX - used, format, args);
    va_end(args);
    if (length >= 0 && (size_t)length < SCRIPT_LINES_MAX - used)
        return true;
    fputs("culvert: the command line defines too much; put it into a file\n", stderr);
    return false;
}

/* NAME[=VALUE] */
static bool add_define(struct options *options, const char *text)
{
    const char *value = strchr(text, '=');
    int name_length = value ? (int)(value - text) : (int)strlen(text);

    return add_line(options->script_before, "#!define %.*s %s\n", name_length, text,
                    value ? value + 1 : "");
}

/* MODULE:NAME:TYPE:VALUE, where the type is s or i. */
static bool add_modparam(struct options *options, const char *text)
{
    struct str module, name, type, value;
    const char *quote;

    if (!str_split(str_of(text), ':', &module, &value) || !str_split(value, ':', &name, &value) ||
        !str_split(value, ':', &type, &value) ||
        !(str_eq(type, STR("s")) || str_eq(type, STR("i")))) {
        fprintf(stderr, "culvert: --modparam=%s: write it as module:name:s:text or module:name:i:1\n",
                text);
        return false;
    }
    quote = str_eq(type, STR("s")) ? "'" : "";
    return add_line(options->script_after, "modparam('" STR_FMT "', '" STR_FMT "', %s" STR_FMT "%s)\n",
                    STR_ARG(module), STR_ARG(name), quote, STR_ARG(value), quote);
}

static const struct {
    int letter;
    const char *statement;
} quoted_lines[] = {
    { LONG_SUBST, "#!subst" },
    { LONG_SUBSTDEF, "#!substdef" },
    { LONG_SUBSTDEFS, "#!substdefs" },
    { LONG_LOADMODULE, "loadmodule" },
};

/* Other switches than these mean nothing here. */
static bool apply_script_switch(struct options *options, int letter)
{
    for (size_t i = 0; i < sizeof quoted_lines / sizeof *quoted_lines; i++) {
        if (quoted_lines[i].letter == letter)
            return add_line(options->script_before, "%s \"%s\"\n", quoted_lines[i].statement, optarg);
    }
    switch (letter) {
    case 'A':
        return add_define(options, optarg);
    case LONG_MODPARAM:
        return add_modparam(options, optarg);
    case LONG_SERVER_ID:
        return add_line(options->script_after, "server_id = %s\n", optarg);
    case LONG_REPLACE_DAMAGED:
        options->replaces_damaged = true;
        return true;
    default:
        return true;
    }
}

/* Switches that take a text and keep it. */
static const char **text_field(struct options *options, int letter)
{
    switch (letter) {
    case 'f':
        return &options->script;
    case 'P':
        return &options->pid_file;
    case 'u':
        return &options->user;
    case 'g':
        return &options->group;
    case 'w':
        return &options->workdir;
    case 't':
        return &options->chroot;
    case 'L':
        return &options->module_path;
    case 'Y':
        return &options->control;
    case LONG_DOCUMENT:
        return &options->document;
    default:
        return NULL;
    }
}

static bool apply_switch(struct options *options, int letter)
{
    const char **field = text_field(options, letter);

    if (field) {
        *field = optarg;
        return true;
    }
    switch (letter) {
    case 'c':
    case 'C':
        options->checks_only = true;
        return true;
    case 'D':
        options->in_foreground = true;
        return true;
    case 'E':
        options->logs_to_stderr = true;
        return true;
    case 'd':
        options->debug++;
        return true;
    case 'T':
        options->without_tcp = true;
        return true;
    case 'l':
        return add_listen(options, optarg);
    case 'n':
        return set_workers(options, optarg);
    case LONG_ALIAS:
        return add_alias(options, optarg);
    default:
        return apply_script_switch(options, letter);
    }
}

enum options_result options_parse(int argc, char **argv, struct options *out)
{
    int letter;

    *out = (struct options){ .script = "culvert.cfg" };
    while ((letter = getopt_long(argc, argv, switches, long_switches, NULL)) != -1) {
        if (letter == 'h' || letter == 'I') {
            fputs(help, stdout);
            return OPTIONS_DONE;
        }
        if (letter == 'V') {
            printf("culvert %s\n", CULVERT_VERSION);
            return OPTIONS_DONE;
        }
        if (letter == '?' || !apply_switch(out, letter)) {
            fputs("culvert: -h shows the switches\n", stderr);
            return OPTIONS_WRONG;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "culvert: %s is no switch; the script is given with -f\n", argv[optind]);
        return OPTIONS_WRONG;
    }
    return OPTIONS_GO;
}

static void set_text(struct str *field, const char *text)
{
    if (text)
        *field = str_of(text);
}

void options_apply(const struct options *options, struct settings *settings)
{
    set_text(&settings->user, options->user);
    set_text(&settings->group, options->group);
    set_text(&settings->workdir, options->workdir);
    set_text(&settings->chroot, options->chroot);
    set_text(&settings->pid_file, options->pid_file);
    if (options->workers)
        settings->workers = options->workers;
    settings->louder = options->debug;
    if (options->in_foreground)
        settings->fork_into_background = false;
    if (options->logs_to_stderr || options->checks_only)
        settings->log_stderr = true;
    if (options->without_tcp)
        settings->disable_tcp = true;
    if (options->listen_count > 0) {
        memcpy(settings->listen, options->listen, sizeof options->listen);
        settings->listen_count = options->listen_count;
    }
    for (unsigned i = 0; i < options->alias_count && settings->alias_count < ALIASES_MAX; i++)
        settings->aliases[settings->alias_count++] = options->aliases[i];
}
