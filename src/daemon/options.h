/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The command line, with the switches of OpenSER and Kamailio. */
#include <stdbool.h>

#include "host/settings.h"

enum {
    SCRIPT_LINES_MAX = 8192, /* bytes of what the command line adds to the script */
};

struct options {
    const char *script;      /* -f */
    char script_before[SCRIPT_LINES_MAX]; /* -A, --subst…, --loadmodule as lines of a script */
    char script_after[SCRIPT_LINES_MAX];  /* --modparam */
    bool checks_only;        /* -c, -C */
    const char *document;    /* --document: the folder to write pages into */
    bool in_foreground;      /* -D */
    bool logs_to_stderr;     /* -E */
    unsigned debug;          /* -d: how often */
    const char *pid_file;    /* -P */
    const char *user, *group;
    const char *workdir, *chroot;
    const char *module_path; /* -L */
    const char *control;     /* -Y folder of the control socket */
    unsigned workers;        /* -n; 0: as the script says */
    bool without_tcp;        /* -T */
    bool replaces_damaged;   /* --replace-damaged-database */
    struct listen_spec listen[LISTENERS_MAX];
    unsigned listen_count;
    struct alias aliases[ALIASES_MAX];
    unsigned alias_count;
};

enum options_result {
    OPTIONS_GO,
    OPTIONS_DONE,  /* help or version was printed */
    OPTIONS_WRONG, /* said so on stderr */
};

enum options_result options_parse(int argc, char **argv, struct options *out);
/* What the command line says wins over the script. */
void options_apply(const struct options *options, struct settings *settings);
