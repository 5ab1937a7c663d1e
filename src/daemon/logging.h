/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Where log lines go: standard error while starting and with -E, else syslog. */
#include "host/settings.h"

void logging_to_stderr(void);
/* name and facility ("LOG_LOCAL0") as in the settings. */
void logging_to_syslog(struct str name, struct str facility);
