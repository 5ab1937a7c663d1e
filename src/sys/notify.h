/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The notification protocol of systemd: one datagram to the socket that NOTIFY_SOCKET names. */
#include <stdbool.h>

/* Connects now: after a chroot the name would mean another file. */
void notify_keep(void);
/* "READY=1", "STOPPING=1"…; false when nobody listens. */
bool notify_send(const char *state);
