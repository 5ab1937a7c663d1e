/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A thread that looks after the workers: it wakes each of them once a second, and reports those
 * that have not finished a turn for `watchdog_timeout` seconds. With `watchdog_abort` the process
 * ends there, with a core for who wants to know why, and its supervisor starts another one.
 */
#include "daemon/workers.h"

struct watchdog;

/* The workers must outlive it. *out is NULL when it is turned off. */
MUST_USE enum err watchdog_start(struct server *server, struct workers *workers,
                                 struct watchdog **out);
/* Joins the thread; NULL is fine. */
void watchdog_stop(struct watchdog *watchdog);
