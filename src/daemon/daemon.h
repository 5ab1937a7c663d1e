/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The life of the process: from options to a running server, and back. */
#include "daemon/options.h"

/* Exit status of the process. */
int daemon_run(const struct options *options);
