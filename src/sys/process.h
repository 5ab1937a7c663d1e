/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a daemon does with its process: detaching, pid file, privileges, limits, readiness. Errors are
 * logged where they happen, with what to do; the functions answer whether they worked.
 */
#include <stdbool.h>

#include <culvert/addr.h>
#include <culvert/err.h>

/*
 * Forks into the background. The parent does not return from this call: it waits until the child
 * calls process_ready or dies, prints the reason, and exits 0 or 1.
 */
struct daemonizing;
MUST_USE enum err process_detach(struct daemonizing **out);
/*
 * Tells the waiting parent, and systemd (NOTIFY_SOCKET), that the server is up. NULL is fine. Lets go
 * of the parent's output; standard error only when nothing is to be logged there.
 */
void process_ready(struct daemonizing *waiting, bool keeps_stderr);
/* The same for failure; `reason` is shown on the parent's terminal. */
void process_failed(struct daemonizing *waiting, const char *reason);
/* systemd: STOPPING=1. */
void process_stopping(void);

/* ERR_EXISTS when the file names a living process. Removed by pidfile_remove. */
MUST_USE enum err pidfile_write(const char *path);
void pidfile_remove(const char *path);

/* Names or numbers; NULL leaves as is. Groups first; verifies that it worked. */
MUST_USE enum err process_drop_privileges(const char *user, const char *group);
MUST_USE enum err process_chroot(const char *path);
MUST_USE enum err process_chdir(const char *path);
/* Raises the descriptor limit as far as allowed; the result is what it is now. */
unsigned long process_raise_files(unsigned long wanted);

/* Names the process in the way of an address ("kamailio, pid 123"), for an error message; false if
 * unknown. */
bool process_holding(bool is_udp, const struct addr *wanted, char *text, unsigned long size);
