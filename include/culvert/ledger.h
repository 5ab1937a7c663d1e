/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Rows that must not be lost: records of calls. Handing one in never waits for a database. It goes
 * to a file, the spool, and from there in order and in batches to the store; while that is away it
 * waits in the file, also over a restart and the death of the process.
 *
 * A row is written once when the database has the table `ledger` (the embedded one has): its batch
 * and the mark how far the spool is done are one transaction. Without that table a row is written
 * at least once: a batch that was under way when the process or the connection died may come twice.
 * What was handed in within the last milliseconds before a kill -9 is lost, and before a power cut
 * that of the last second. A statement that the database refuses for itself, for a table that is
 * not there, is written to the log in full instead.
 */
#include <culvert/random.h>
#include <culvert/store.h>

struct ledger;

struct ledger_settings {
    struct store *store; /* must outlive the ledger */
    struct str path;     /* of the spool; made when it is not there */
    uint64_t bytes_max;  /* of the spool: what does not fit is dropped, counted, and said */
    struct random_source *random; /* of start(); borrowed for the call */
};

enum {
    LEDGER_PARAMS_MAX = 64,
    LEDGER_ROW_MAX = 32000, /* bytes of a statement with its values */
};

/* Nothing is opened yet. Settings are copied. */
MUST_USE enum err ledger_create(const struct ledger_settings *settings, struct ledger **out);
/*
 * Opens the spool and begins to write: not before the server runs, so that looking at a
 * configuration touches no file. Twice is fine; any thread.
 */
void ledger_start(struct ledger *ledger);
/* Writes what waits, for a while; the rest stays in the spool. NULL is fine. */
void ledger_destroy(struct ledger *ledger);

/*
 * A statement with '?' parameters; texts are copied, any thread. ERR_SYNTAX: not UTF-8. ERR_LIMIT:
 * too large, or too much is waiting: counted.
 */
MUST_USE enum err ledger_write(struct ledger *ledger, struct str sql, const struct value params[],
                               unsigned param_count);

struct ledger_counters {
    uint64_t written, refused, dropped;
    uint64_t waiting; /* handed in, not yet written */
    uint64_t bytes;   /* of the spool */
};

void ledger_read_counters(struct ledger *ledger, struct ledger_counters *out);
