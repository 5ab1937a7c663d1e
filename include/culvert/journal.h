/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Keeps the bindings of some location tables in a database, as usrloc does by its db_mode: loads
 * them at the start, and writes what changes.
 *
 * Each binding that differs from its row waits in a set, in its latest form, until a statement for
 * it was committed; so a busy or broken database loses nothing but time, and statements for one
 * binding never overtake each other.
 */
#include <culvert/location.h>
#include <culvert/store.h>
#include <culvert/writer.h>

struct journal;

enum journal_mode {
    JOURNAL_WRITE_THROUGH = 1, /* a statement at each change */
    JOURNAL_WRITE_BACK = 2,    /* what changed, at each journal_tick() */
    JOURNAL_DATABASE_ONLY = 3, /* the same, and who looks for bindings asks: others write too */
    JOURNAL_READ_ONLY = 4,     /* loaded at the start, and left alone */
};

/* One moment on both clocks. Rows have wall-clock time; bindings do not, so that a clock that is
 * set neither ends nor prolongs them. */
struct journal_time {
    msec now;
    int64_t wall; /* milliseconds since 1970, UTC */
};

/* Our listen sockets have other indexes after a restart: rows name them "udp:192.0.2.1:5060". Both
 * functions are called from any thread, the second one under a lock of the location. */
struct journal_sockets {
    enum err (*find)(void *context, struct str name, uint16_t *out);
    void (*write)(void *context, uint16_t socket, struct writer *w);
    void *context;
};

struct journal_settings {
    struct location *location;
    struct store *store;
    enum journal_mode mode;
    struct random_source *random; /* for the keys of hashes; NULL in tests */
    const struct str *tables; /* letters, digits and '_' */
    unsigned table_count;
    unsigned needed_count; /* the first of them must be there; 0: all */
    bool uses_domain;    /* AoRs are user@domain: two columns */
    unsigned fetch_rows; /* at once, while loading; 0: 2000 */
    bool loads_behind;   /* while the server works: journal_must_ask() */
    struct journal_sockets sockets;
    struct journal_time time;
};

enum {
    JOURNAL_TABLES_MAX = 16,
};

/* The connection of a stream flow that was loaded: it is gone, and never dialled. */
#define JOURNAL_CONNECTION_GONE UINT64_MAX

/*
 * Loads the bindings that are not over, deletes the rows that are, then watches. Blocks: for the
 * start, unless it loads behind. ERR_UNSUPPORTED: a table lacks columns, as the log line says. Settings are copied;
 * location and store must outlive the journal. With a database that is away it succeeds: its
 * bindings are loaded when it is back; what was registered meanwhile wins.
 */
MUST_USE enum err journal_start(const struct journal_settings *settings, struct journal **out);
/* To be called regularly, from one thread: every timer_interval with write-back, which writes then
 * what has changed; every second else, for what failed before. */
void journal_tick(struct journal *journal, struct journal_time time);
/* Cheap, to be called often, from the same thread: does at once what waited for a database that was
 * away, as loading at the start. */
void journal_look(struct journal *journal, struct journal_time time);
/* Stops watching, writes what waits and waits for it. */
void journal_stop(struct journal *journal);

/*
 * Must the database be asked before the bindings of an AoR are known? While they are loaded, and
 * always with JOURNAL_DATABASE_ONLY. From any thread. Then: the question, whose texts are borrowed, and
 * its answer, after which the location has them. False for a ruid in a table that has none.
 */
bool journal_must_ask(const struct journal *journal, struct str table);

struct journal_question {
    struct str sql;
    struct value params[2];
    unsigned param_count;
};

void journal_ask(const struct journal *journal, struct str table, struct str aor,
                 struct journal_question *out);
bool journal_ask_ruid(const struct journal *journal, struct str table, struct str ruid,
                      struct journal_question *out);

struct journal_lesson {
    struct str table;
    struct str aor; /* empty: a ruid was asked for */
    msec asked_at;
};

void journal_learn(struct journal *journal, const struct journal_lesson *lesson,
                   const struct store_result *result);

/* Has the database what the location has of this AoR? From any thread. */
bool journal_has_written(struct journal *journal, struct str table, struct str aor);
/* Changes are handed in as they happen, so that it is worth waiting for them: store_settle(). */
bool journal_is_prompt(const struct journal *journal);
struct store *journal_store(const struct journal *journal);

struct journal_counters {
    uint64_t loaded, written, failed; /* failed: given up */
    uint64_t waiting;                 /* bindings whose rows are not up to date */
    uint64_t loading;                 /* 1: not all have been loaded */
};

void journal_read_counters(struct journal *journal, struct journal_counters *out);
