/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The journal of bindings, for the files that it is made of. */
#include <pthread.h>
#include <stdatomic.h>

#include <culvert/journal.h>

#include "base/hash.h"
#include "base/lock.h"
#include "base/table.h"
#include "store/location_table.h"
#include "store/statement.h"

/* A binding whose row is not up to date. */
struct pending {
    struct table_node node;   /* by ruid */
    struct table_node of_aor; /* by table and AoR */
    struct statement *latest; /* what brings it up to date; NULL while that is under way */
    bool is_under_way;
    bool is_gone;     /* the latest removes it */
    bool is_settled;  /* nothing to do: kept while rows are loaded, which are older */
    bool is_given_up; /* the database refuses the latest, for good: until there is a later one */
    uint8_t ruid_length;
    char ruid[RUID_MAX];
};

enum load_state {
    LOAD_DONE,
    LOAD_WAITS, /* for a database that is away, or another try */
    LOAD_RUNS,
    LOAD_ENDED, /* to be joined */
};

/* The thread that loads the tables, while the server does its work. */
struct loader {
    _Atomic enum load_state state;
    atomic_bool is_stopping;
    enum err err;
    bool is_behind;    /* the tables are open, and who looks for a binding must ask */
    msec began, retry_at;
    struct journal_time time;
    bool was_away; /* when we looked last */
    pthread_t thread;
};

struct journal {
    struct location *location;
    struct store *store;
    enum journal_mode mode;
    struct row_rules rules; /* all but the offset, which moves */
    _Atomic int64_t wall_offset;
    struct arena arena; /* names and statements */
    struct str names[JOURNAL_TABLES_MAX];
    unsigned name_count, needed_count, fetch_rows;
    bool loads_behind;
    struct journal_table tables[JOURNAL_TABLES_MAX];
    atomic_uint table_count; /* that have been opened; changes of others are not written */
    struct loader loader;
    struct lock lock; /* of what follows; after the locks of the location, before none */
    struct table pending;
    struct table aors; /* the same, by their AoRs */
    struct hash_key key;
    unsigned given_up_count, settled_count; /* of what is in these tables */
    msec clean_at; /* rows that are over are deleted: where others write too */
    struct journal_counters counters;
};

/* ---- location_journal.c ---- */

/* What the location has and the database has not: as if it had been inserted now. */
void journal_note_all(struct journal *journal, msec now);
/* What was done with a binding since loading began, for the rows of before. */
enum row_news journal_news(void *context, struct str ruid);
/* That is no longer needed: all rows are loaded. */
void journal_forget_news(struct journal *journal);

/* ---- location_load.c ---- */

/* Loads the tables, or begins to: at once, behind, or when the database is there. */
MUST_USE enum err journal_load(struct journal *journal);
/* From time to time: goes on with what could not be done. */
void journal_look_at_loading(struct journal *journal, struct journal_time time);
/* Whatever is under way comes to its end. */
void journal_end_loading(struct journal *journal);
bool journal_is_loading(const struct journal *journal);
