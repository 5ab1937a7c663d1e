/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* From listen settings to listeners: names looked up, interfaces and wildcards expanded. */
#include "host/settings.h"

/*
 * The texts are in `arena`. With no listen setting every address of the machine is taken, for UDP and
 * TCP. Errors are logged, with what to do.
 */
MUST_USE enum err listeners_make(const struct settings *settings, struct arena *arena,
                                 struct listener **out, unsigned *count);
/* Writes the name of each listener from its bound address. */
MUST_USE enum err listeners_name(struct listener *listeners, unsigned count, struct arena *arena);
