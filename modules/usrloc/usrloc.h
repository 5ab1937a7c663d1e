/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of the module share. */
#include <culvert/journal.h>
#include <culvert/module.h>
#include <culvert/server.h>

/* What the journal counts, as the server's counters tell it: at most a tick old. */
#define JOURNAL_COUNTERS(X) X(loaded) X(written) X(failed) X(waiting) X(loading)

enum { WORKERS_MAX = 256 };

struct usrloc {
    int64_t nat_bflag, use_domain, matching_mode, cseq_delay;
    int64_t db_mode, db_needed, timer_interval;
    int64_t desc_time_order, handle_lost_tcp, max_bindings;
    struct str db_url;
    struct str tables[JOURNAL_TABLES_MAX]; /* to be loaded and written */
    unsigned table_count, needed_count;
    struct store *store;
    struct journal *journal;
    struct journal_counters told;
#define X(name) struct counter *count_##name;
    JOURNAL_COUNTERS(X)
#undef X
    struct counter *users, *contacts, *expires;
    struct location_counters told_location;
    unsigned turns[WORKERS_MAX]; /* ticks so far, one a worker */
};

extern const struct mod_command usrloc_commands[];
struct journal_time usrloc_time(struct server *server);
