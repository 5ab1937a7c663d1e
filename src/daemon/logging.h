/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Where log lines go: standard error while starting and with -E, else syslog. */
#include "host/host.h"

void logging_to_stderr(void);
/*
 * From now on lines go where the settings say, through a queue: nobody waits for the log. Lines that
 * did not find room are in the counter core:log_lines_lost.
 */
MUST_USE enum err logging_start(struct server *server);
/* Writes what is queued; before the server is destroyed. */
void logging_stop(void);
