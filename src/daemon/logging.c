/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/logging.h"

#include <culvert/log.h>

#include <stdio.h>
#include <syslog.h>

static const struct {
    const char *name;
    int facility;
} facilities[] = {
    { "LOG_DAEMON", LOG_DAEMON }, { "LOG_AUTH", LOG_AUTH },     { "LOG_MAIL", LOG_MAIL },
    { "LOG_SYSLOG", LOG_SYSLOG }, { "LOG_USER", LOG_USER },     { "LOG_LOCAL0", LOG_LOCAL0 },
    { "LOG_LOCAL1", LOG_LOCAL1 }, { "LOG_LOCAL2", LOG_LOCAL2 }, { "LOG_LOCAL3", LOG_LOCAL3 },
    { "LOG_LOCAL4", LOG_LOCAL4 }, { "LOG_LOCAL5", LOG_LOCAL5 }, { "LOG_LOCAL6", LOG_LOCAL6 },
    { "LOG_LOCAL7", LOG_LOCAL7 },
};

/* enum log_level follows syslog but for emergencies, which we do not have. */
static void write_syslog(enum log_level level, const char *line)
{
    syslog((int)level + LOG_ALERT, "%s", line);
}

void logging_to_stderr(void)
{
    log_set_sink(NULL);
}

void logging_to_syslog(struct str name, struct str facility)
{
    static char ident[64]; /* openlog keeps the pointer */
    int number = LOG_DAEMON;

    for (size_t i = 0; i < sizeof facilities / sizeof facilities[0]; i++) {
        if (str_ieq(facility, str_of(facilities[i].name)))
            number = facilities[i].facility;
    }
    snprintf(ident, sizeof ident, STR_FMT, STR_ARG(name));
    openlog(ident, LOG_PID | LOG_NDELAY, number);
    log_set_sink(write_syslog);
}
