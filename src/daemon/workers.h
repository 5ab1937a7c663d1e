/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The worker threads: each has a loop, its sockets and a worker of host/. A message that lands on
 * the wrong one is passed on through the owner's mailbox.
 */
#include "host/host.h"
#include "net/net.h"

struct workers;

MUST_USE enum err workers_start(struct server *server, struct net_sockets *sockets,
                                struct net_shared *shared, struct workers **out);
/* Stops the loops and joins the threads. Twice is fine. */
void workers_stop(struct workers *workers);
/* Once stopped, and once nobody posts any more: runs what was posted, on the thread of the caller. */
void workers_finish(struct workers *workers);
/* Stops, and frees everything. Stores must be closed by then: they post to the loops. */
void workers_destroy(struct workers *workers);
unsigned workers_count(const struct workers *workers);
/* Turns of its loop that a worker has finished. */
uint64_t workers_turns(const struct workers *workers, unsigned index);
/* Makes an idle worker take a turn. */
void workers_wake(struct workers *workers, unsigned index);
/* Runs a function on a worker's thread: what store/ needs to deliver results. */
void workers_post(struct worker *worker, void (*run)(void *argument), void *argument);
