/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The notification protocol of systemd: one datagram to the socket that NOTIFY_SOCKET names. */
#include <stdbool.h>

/* "READY=1", "STOPPING=1"…; false when nobody listens. */
bool notify_send(const char *state);
