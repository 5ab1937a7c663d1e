/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/logging.h"

#include <culvert/log.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "sys/log_queue.h"

/* enum log_level follows syslog but for emergencies, which we do not have. */
static void write_syslog(enum log_level level, int facility, const char *line)
{
    syslog(((int)level + LOG_ALERT) | (facility == LOG_OWN_FACILITY ? 0 : facility), "%s", line);
}

/* $JOURNAL_STREAM is the device and inode of the stream that systemd gave us as standard error. */
static bool is_stderr_a_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat status;

    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           !fstat(STDERR_FILENO, &status) && status.st_dev == (dev_t)device &&
           status.st_ino == (ino_t)inode;
}

void logging_to_stderr(void)
{
    log_mark_levels_for_journal(is_stderr_a_journal());
    log_set_sink(NULL);
}

static void open_syslog(struct str name, struct str facility)
{
    static char ident[64]; /* openlog keeps the pointer */
    int number = LOG_DAEMON;

    if (!log_find_facility(facility, &number))
        log_warning("log_facility \"" STR_FMT "\" is none that syslog has; LOG_DAEMON is taken",
                    STR_ARG(facility));
    snprintf(ident, sizeof ident, STR_FMT, STR_ARG(name));
    openlog(ident, LOG_PID | LOG_NDELAY, number);
}

static void count_lost(void *context, uint64_t lines)
{
    counter_add(context, (int64_t)lines);
}

enum err logging_start(struct server *server)
{
    const struct settings *settings = &server->settings;
    struct counter *lost;
    enum err err = server_counter(server, "core", "log_lines_lost", &lost);

    if (err)
        return err;
    if (!settings->log_stderr)
        open_syslog(settings->log_name, settings->log_facility);
    return log_queue_start(settings->log_stderr ? log_to_stderr : write_syslog, count_lost, lost);
}

void logging_stop(void)
{
    log_queue_stop();
}
