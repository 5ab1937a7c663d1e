/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The key that signs flow tokens and nonces. It is kept in a file beside the database, so that calls
 * go on after a restart; without a writable folder it is new each time.
 */
#include <stdint.h>

#include <culvert/random.h>

#include "host/host.h"

void secret_load(const char *path, struct random_source *random, uint8_t secret[static SECRET_BYTES]);
