/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Log lines on their way to a sink that may be slow: a syslog that has stopped reading, a full pipe.
 * Whoever logs puts the line into a bounded queue and goes on; a thread of the queue's own writes it.
 * When the queue is full the line is lost, counted, and the log says so as soon as it can. One queue a
 * process, as there is one log.
 */
#include <stddef.h>

#include <culvert/log.h>

enum {
    LOG_QUEUE_BYTES = 1024 * 1024,
};

/* Hears how many lines were lost, on the queue's thread. */
typedef void log_lost_fn(void *context, uint64_t lines);

/* Becomes the sink of the log; `out` gets the lines. Not when it has been started already. */
MUST_USE enum err log_queue_start(log_sink_fn *out, log_lost_fn *lost, void *context);
/*
 * Writes what is queued, for two seconds at most, and makes `out` the sink again. Harmless when it was
 * not started.
 */
void log_queue_stop(void);
