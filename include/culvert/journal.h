/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The copy of the location service in a database: rows of `location`, loaded at start, kept up to
 * date afterwards, flows included. Expiry is stored by the wall clock and restored to the monotonic.
 */
#include <culvert/location.h>
#include <culvert/store.h>

struct journal;

struct journal_settings {
    struct location *location;
    struct store *store;      /* borrowed; outlives the journal */
    bool writes_through;      /* every change at once; else collected until journal_flush */
    bool use_domain;
    /* Between a flow's socket and the text in the column: "udp:192.0.2.1:5060". */
    bool (*find_socket)(void *context, struct str name, uint16_t *out);
    struct str (*socket_name)(void *context, uint16_t socket);
    void *context;
    msec now;                 /* the same moment on both clocks */
    uint64_t wall_clock;
};

/* Loads what has not expired, then watches. ERR_IO: the table cannot be read; logged. */
MUST_USE enum err journal_start(const struct journal_settings *settings, struct journal **out);
/* Writes what was collected. From any thread. */
void journal_flush(struct journal *journal);
/* Writes everything and waits for it. NULL is fine. */
void journal_stop(struct journal *journal);
