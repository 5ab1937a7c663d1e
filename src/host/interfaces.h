/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The addresses that media may use: from media_address, else from the listen sockets. */
#include "host/host.h"

/* The array is the caller's, to be freed. ERR_SYNTAX: media_address is wrong, logged. */
MUST_USE enum err relay_interfaces_make(const struct server *server, struct relay_interface **out,
                                        unsigned *count);
