/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every database must do alike. Called by run.py with a URL and, for a server, the command
 * that kills, pauses and starts it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include <culvert/log.h>
#include <culvert/store.h>

#include "base/lock.h"
#include "store/driver.h"
#include "store/store_internal.h"
#include "sys/loop.h"

static const char *url, *control;
static struct store *store;

static bool is_server(void)
{
    return control[0] != '\0';
}

static bool is_mysql(void)
{
    return strncmp(url, "mysql", 5) == 0;
}

/* --- the log --- */

static char log_lines[65536];
static struct lock log_lock = { PTHREAD_MUTEX_INITIALIZER };

static void keep_log(enum log_level level, int facility, const char *line)
{
    (void)facility;
    size_t used;

    (void)level;
    lock_take(&log_lock);
    used = strlen(log_lines);
    snprintf(log_lines + used, sizeof log_lines - used, "%s\n", line);
    lock_give(&log_lock);
}

static void forget_log(void)
{
    lock_take(&log_lock);
    log_lines[0] = '\0';
    lock_give(&log_lock);
}

static unsigned count_in_log(const char *text)
{
    unsigned count = 0;

    lock_take(&log_lock);
    for (const char *at = log_lines; (at = strstr(at, text)); at++)
        count++;
    lock_give(&log_lock);
    return count;
}

/* --- statements --- */

static enum err run(const char *sql)
{
    return store_run(store, str_of(sql), NULL, 0, NULL, NULL);
}

static void keep_number(void *context, const struct store_result *result)
{
    int64_t *number = context;

    *number = result->row_count ? result->rows[0].columns[0].number : -1;
}

static int64_t number_of(struct store *from, const char *sql)
{
    int64_t number = -2;

    assert_int_equal(store_run(from, str_of(sql), NULL, 0, keep_number, &number), ERR_NONE);
    return number;
}

struct tally {
    struct lock lock;
    unsigned done;
    unsigned counts[ERR_IO + 1];
    msec last;
};

static void tally_init(struct tally *tally)
{
    *tally = (struct tally){ .done = 0 };
    lock_init(&tally->lock);
}

static void count_done(void *context, const struct store_result *result)
{
    struct tally *tally = context;

    lock_take(&tally->lock);
    tally->done++;
    tally->counts[result->err]++;
    tally->last = clock_monotonic();
    lock_give(&tally->lock);
}

static unsigned count_of(struct tally *tally)
{
    unsigned done;

    lock_take(&tally->lock);
    done = tally->done;
    lock_give(&tally->lock);
    return done;
}

static enum err ask(const char *sql, struct tally *tally)
{
    return store_query(store, NULL, str_of(sql), NULL, 0, count_done, tally);
}

static enum err insert(int64_t number, struct tally *tally)
{
    struct value values[] = { value_of_int(number), value_of_str(STR("text")) };

    return store_query(store, NULL, STR("INSERT INTO t (n, a) VALUES (?, ?)"), values, 2,
                       count_done, tally);
}

/* --- life --- */

static void open_with(const char *options)
{
    char text[512];

    snprintf(text, sizeof text, "%s%s", url, is_server() ? options : "");
    assert_int_equal(store_open(str_of(text), &store), ERR_NONE);
}

static int set_up(void **state)
{
    (void)state;
    forget_log();
    log_set_sink(keep_log);
    open_with("");
    run("DROP TABLE t");
    assert_int_equal(run("CREATE TABLE t (n BIGINT NOT NULL PRIMARY KEY, a VARCHAR(64), b TEXT)"),
                     ERR_NONE);
    forget_log();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    store_close(store);
    store = NULL;
    return 0;
}

static void command(const char *what)
{
    char text[1024];

    snprintf(text, sizeof text, "%s %s", control, what);
    assert_int_equal(system(text), 0);
}

/* --- schema --- */

static void test_schema_is_made_once(void **state)
{
    (void)state;
    assert_int_equal(store_create_schema(store), ERR_NONE);
    assert_int_equal(store_create_schema(store), ERR_NONE);
    assert_int_equal(
        number_of(store, "SELECT table_version FROM version WHERE table_name = 'location'"), 9);
    assert_int_equal(number_of(store, "SELECT count(*) FROM version"), 19);
    assert_int_equal(run("INSERT INTO subscriber (username, domain, ha1) VALUES ('a', 'b', 'c')"),
                     ERR_NONE);
    assert_int_equal(run("INSERT INTO subscriber (username, domain, ha1) VALUES ('a', 'b', 'd')"),
                     ERR_EXISTS);
    assert_int_equal(run("DELETE FROM subscriber"), ERR_NONE);
    assert_true(store_has_column(store, STR("location"), STR("partition")));
    assert_false(store_has_column(store, STR("location"), STR("nonsense")));
    assert_false(store_has_column(store, STR("nowhere"), STR("ruid")));
}

/* --- values --- */

struct expected {
    const struct value *values;
    unsigned count;
};

static void check_values(void *context, const struct store_result *result)
{
    const struct expected *expected = context;

    assert_int_equal(result->row_count, 1);
    assert_int_equal(result->rows[0].column_count, expected->count);
    for (unsigned i = 0; i < expected->count; i++) {
        const struct value *want = &expected->values[i], *found = &result->rows[0].columns[i];

        assert_int_equal(found->has_text, want->has_text);
        assert_int_equal(found->is_int, want->is_int);
        assert_true(str_eq(found->text, want->text));
        assert_int_equal(found->number, want->number);
    }
}

static void test_values_come_back_as_they_were(void **state)
{
    static char large[10000];
    const struct value texts[] = {
        value_of_str(STR("o'Brien\"; DROP TABLE t; --")),
        value_of_str(STR("100%s%n_% \\' \\\\ \\x41 \\000 ? $1 :a {b}")),
        value_of_str(STR("\xf0\x9f\x93\x9e \xc3\xa9")),
        value_of_str(STR("")),
        value_of_str((struct str){ large, sizeof large }),
        value_null(),
    };

    (void)state;
    memset(large, '\'', sizeof large);
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct value values[] = { value_of_int(i ? i : INT64_MIN), texts[i] };
        struct expected expected = { values, 2 };
        int64_t found = 0;

        assert_int_equal(
            store_run(store, STR("INSERT INTO t (n, b) VALUES (?, ?)"), values, 2, NULL, NULL),
            ERR_NONE);
        assert_int_equal(store_run(store, STR("SELECT n, b FROM t WHERE n = ?"), values, 1,
                                   check_values, &expected),
                         ERR_NONE);
        if (!texts[i].has_text)
            continue;
        assert_int_equal(
            store_run(store, STR("SELECT 5 FROM t WHERE b = ?"), &texts[i], 1, keep_number, &found),
            ERR_NONE);
        assert_int_equal(found, 5);
    }
    assert_int_equal(number_of(store, "SELECT count(*) FROM t WHERE b = 'a ? b' OR b = '?'"), 0);
}

static void test_bytes_of_a_blob_come_back(void **state)
{
    const struct value body[] = { value_of_str(STR("\\x41 \\\\ \\000 '\n\"\t")) };
    struct expected expected = { body, 1 };

    (void)state;
    assert_int_equal(store_create_schema(store), ERR_NONE);
    assert_int_equal(run("DELETE FROM silo"), ERR_NONE);
    assert_int_equal(store_run(store,
                               is_server() && is_mysql()
                                   ? STR("INSERT INTO silo (body, extra_hdrs) VALUES (?, '')")
                                   : STR("INSERT INTO silo (body) VALUES (?)"),
                               body, 1, NULL, NULL),
                     ERR_NONE);
    assert_int_equal(
        store_run(store, STR("SELECT body FROM silo"), NULL, 0, check_values, &expected), ERR_NONE);
    assert_int_equal(run("DELETE FROM silo"), ERR_NONE);
}

static void test_nul_and_broken_encodings_are_refused(void **state)
{
    const struct value values[] = { value_of_str(STR("with\0nul")),
                                    value_of_str(STR("\xff broken")) };

    (void)state;
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(
            store_run(store, STR("SELECT n FROM t WHERE a = ?"), &values[i], 1, NULL, NULL),
            ERR_SYNTAX);
    assert_int_equal(number_of(store, "SELECT count(*) FROM t"), 0);
}

/* SQLite has no lengths; whoever has them refuses, and does not cut. */
static void test_what_does_not_fit_is_refused(void **state)
{
    static char large[10000];
    struct value value = value_of_str((struct str){ large, sizeof large });

    (void)state;
    memset(large, 'x', sizeof large);
    assert_int_equal(
        store_run(store, STR("INSERT INTO t (n, a) VALUES (1, ?)"), &value, 1, NULL, NULL),
        is_server() ? ERR_LIMIT : ERR_NONE);
    assert_int_equal(number_of(store, "SELECT count(*) FROM t"), is_server() ? 0 : 1);
}

static const struct {
    const char *what;
    const char *sql;
    unsigned param_count;
    enum err err;
} refused[] = {
    { "nonsense", "SELEKT 1", 0, ERR_SYNTAX },
    { "nothing", "", 0, ERR_SYNTAX },
    { "no such table", "SELECT * FROM nowhere", 0, ERR_SYNTAX },
    { "no such column", "SELECT nothing FROM t", 0, ERR_SYNTAX },
    { "two statements", "SELECT 1; DELETE FROM t", 0, ERR_SYNTAX },
    { "a parameter too few", "SELECT n FROM t WHERE n = ?", 0, ERR_SYNTAX },
    { "a parameter too many", "SELECT 1", 1, ERR_SYNTAX },
    { "a transaction", "BEGIN", 0, ERR_DENIED },
    { "its end", " rollback", 0, ERR_DENIED },
    { "the same key again", "INSERT INTO t (n) VALUES (7)", 0, ERR_EXISTS },
    { "no value where one must be", "INSERT INTO t (n) VALUES (NULL)", 0, ERR_EXISTS },
};

static void test_statements_that_are_refused(void **state)
{
    struct value param = value_of_int(1);

    (void)state;
    assert_int_equal(run("INSERT INTO t (n) VALUES (7)"), ERR_NONE);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        print_message("%s\n", refused[i].what);
        if (!is_server() && strstr(refused[i].sql, "NULL"))
            continue; /* a key of SQLite takes it */
        assert_int_equal(
            store_run(store, str_of(refused[i].sql), &param, refused[i].param_count, NULL, NULL),
            refused[i].err);
    }
    assert_int_equal(number_of(store, "SELECT count(*) FROM t"), 1);
}

static void keep_affected(void *context, const struct store_result *result)
{
    *(int64_t *)context = result->affected;
}

static void test_affected_rows_are_counted(void **state)
{
    int64_t affected = -1;

    (void)state;
    assert_int_equal(run("INSERT INTO t (n, a) VALUES (1, 'x'), (2, 'x'), (3, 'y')"), ERR_NONE);
    assert_int_equal(
        store_run(store, STR("UPDATE t SET a = 'x'"), NULL, 0, keep_affected, &affected), ERR_NONE);
    assert_int_equal(affected, 3); /* those that were so before too */
    assert_int_equal(
        store_run(store, STR("DELETE FROM t WHERE n > 1"), NULL, 0, keep_affected, &affected),
        ERR_NONE);
    assert_int_equal(affected, 2);
    assert_int_equal(store_run(store, STR("SELECT * FROM t"), NULL, 0, keep_affected, &affected),
                     ERR_NONE);
    assert_int_equal(affected, 0);
}

static void test_more_statements_than_are_kept_ready(void **state)
{
    char sql[60];

    (void)state;
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 300; i++) {
            snprintf(sql, sizeof sql, "SELECT %d FROM t WHERE n = -1 OR 1 = 1", i);
            assert_int_equal(run(sql), ERR_NONE);
        }
}

/* --- writing --- */

static void test_writes_keep_their_order(void **state)
{
    static struct tally tally;

    (void)state;
    tally_init(&tally);
    assert_int_equal(insert(0, &tally), ERR_NONE);
    for (int64_t i = 1; i <= 2000; i++) {
        struct value values[] = { value_of_int(i), value_of_int(i - 1) };

        assert_int_equal(store_query(store, NULL, STR("UPDATE t SET n = ? WHERE n = ?"), values, 2,
                                     count_done, &tally),
                         ERR_NONE);
    }
    store_drain(store);
    assert_int_equal(tally.counts[ERR_NONE], 2001);
    assert_int_equal(number_of(store, "SELECT n FROM t"), 2000);
}

static void test_failed_writes_leave_their_neighbours(void **state)
{
    static struct tally tally;

    (void)state;
    tally_init(&tally);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(insert(i % 10 == 9 ? 0 : i, &tally), ERR_NONE);
    assert_int_equal(ask("INSERT INTO nowhere VALUES (1)", &tally), ERR_NONE);
    assert_int_equal(insert(5000, &tally), ERR_NONE);
    store_drain(store);
    assert_int_equal(tally.counts[ERR_NONE], 901);
    assert_int_equal(tally.counts[ERR_EXISTS], 100);
    assert_int_equal(tally.counts[ERR_SYNTAX], 1);
    assert_int_equal(number_of(store, "SELECT count(*) FROM t"), 901);
}

static void test_tables_are_made_between_writes(void **state)
{
    static struct tally tally;

    (void)state;
    run("DROP TABLE u");
    tally_init(&tally);
    assert_int_equal(insert(1, &tally), ERR_NONE);
    assert_int_equal(ask("CREATE TABLE u (n INTEGER)", &tally), ERR_NONE);
    assert_int_equal(ask("INSERT INTO u VALUES (1)", &tally), ERR_NONE);
    assert_int_equal(insert(1, &tally), ERR_NONE);
    assert_int_equal(insert(2, &tally), ERR_NONE);
    store_drain(store);
    assert_int_equal(tally.counts[ERR_NONE], 4);
    assert_int_equal(tally.counts[ERR_EXISTS], 1);
    assert_int_equal(number_of(store, "SELECT count(*) FROM t"), 2);
    assert_int_equal(number_of(store, "SELECT count(*) FROM u"), 1);
    assert_int_equal(run("DROP TABLE u"), ERR_NONE);
}

struct witness {
    struct store *other;
    unsigned seen, unseen;
};

static struct witness witness;

static void look_from_elsewhere(void *context, const struct store_result *result)
{
    char sql[60];

    assert_int_equal(result->err, ERR_NONE);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM t WHERE n = %d", (int)(intptr_t)context);
    if (number_of(witness.other, sql) == 1)
        witness.seen++;
    else
        witness.unseen++;
}

static void test_who_is_told_finds_it_committed(void **state)
{
    char text[512];

    (void)state;
    witness = (struct witness){ NULL, 0, 0 };
    if (is_server())
        snprintf(text, sizeof text, "%s?connections=1", url);
    else
        snprintf(text, sizeof text, "sqlite:///.%s", url + strlen("sqlite://"));
    assert_int_equal(store_open(str_of(text), &witness.other), ERR_NONE);
    for (int i = 0; i < 300; i++) {
        struct value number = value_of_int(i);

        assert_int_equal(store_query(store, NULL, STR("INSERT INTO t (n) VALUES (?)"), &number, 1,
                                     look_from_elsewhere, (void *)(intptr_t)i),
                         ERR_NONE);
    }
    store_drain(store);
    assert_int_equal(witness.seen, 300);
    assert_int_equal(witness.unseen, 0);
    store_close(witness.other);
}

/* --- time --- */

static const char *slow(int tenths)
{
    static char sql[120];

    if (!is_server())
        snprintf(sql, sizeof sql,
                 "WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r WHERE x < "
                 "%d00000) SELECT "
                 "count(*) FROM r",
                 tenths * 10);
    else
        snprintf(sql, sizeof sql, is_mysql() ? "SELECT SLEEP(%d.%d)" : "SELECT pg_sleep(%d.%d)",
                 tenths / 10, tenths % 10);
    return sql;
}

static void test_questions_do_not_wait_for_each_other(void **state)
{
    static struct tally tally;
    msec start = clock_monotonic();

    (void)state;
    if (!is_server())
        skip();
    tally_init(&tally);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ask(slow(10), &tally), ERR_NONE);
    assert_int_equal(insert(1, &tally), ERR_NONE); /* has a lane of its own */
    while (count_of(&tally) == 0)
        usleep(1000);
    assert_in_range(clock_monotonic() - start, 0, 800);
    store_drain(store);
    assert_int_equal(tally.counts[ERR_NONE], 4);
    assert_in_range(tally.last - start, 1000, 2500);
}

static void test_slow_statements_end(void **state)
{
    static struct tally tally;
    msec start = clock_monotonic();

    (void)state;
    store_close(store);
    store_set_limits(4, 1000);
    open_with("");
    tally_init(&tally);
    assert_int_equal(ask(slow(3000), &tally), ERR_NONE);
    store_drain(store);
    /* MySQL's SLEEP() is interrupted, and says 1. */
    assert_int_equal(tally.counts[ERR_TIMEOUT] + (is_mysql() ? tally.counts[ERR_NONE] : 0), 1);
    assert_in_range(clock_monotonic() - start, 900, 2500);
    assert_int_equal(insert(1, &tally), ERR_NONE);
    store_drain(store);
    assert_int_equal(number_of(store, "SELECT count(*) FROM t"), 1);
    store_set_limits(4, 5000);
}

static void test_results_have_a_limit(void **state)
{
    struct value value;
    static char large[1000000];

    (void)state;
    memset(large, 'x', sizeof large);
    value = value_of_str((struct str){ large, is_mysql() ? 60000 : sizeof large });
    assert_int_equal(run("INSERT INTO t (n) VALUES (1)"), ERR_NONE);
    assert_int_equal(store_run(store, STR("UPDATE t SET b = ?"), &value, 1, NULL, NULL), ERR_NONE);
    for (int i = 0; i < (is_mysql() ? 11 : 7); i++) {
        value = value_of_int(1 << i);
        assert_int_equal(store_run(store, STR("INSERT INTO t (n, b) SELECT n + ?, b FROM t"),
                                   &value, 1, NULL, NULL),
                         ERR_NONE);
    }
    assert_int_equal(run("SELECT * FROM t"), ERR_LIMIT);
    assert_int_equal(count_in_log("a result is larger than"), 1);
    assert_in_range(number_of(store, "SELECT count(*) FROM t"), 128, 2048);
}

/* --- outages --- */

static void wait_until_back(void)
{
    msec start = clock_monotonic();

    while (!count_in_log("is back after")) {
        assert_in_range(clock_monotonic() - start, 0, 15000);
        usleep(10000);
    }
}

static void test_lost_connections_are_made_again(void **state)
{
    static struct tally tally;

    (void)state;
    if (!is_server())
        skip();
    tally_init(&tally);
    for (int i = 0; i < 20; i++)
        assert_int_equal(ask("SELECT 1", &tally), ERR_NONE);
    store_drain(store);
    command("kill");
    command("start");
    for (int i = 0; i < 5; i++)
        assert_int_equal(insert(i, &tally), ERR_NONE);
    assert_int_equal(ask("SELECT 1", &tally), ERR_NONE);
    store_drain(store);
    assert_int_equal(tally.counts[ERR_NONE], 26);
    assert_int_equal(number_of(store, "SELECT count(*) FROM t"), 5);
    assert_int_equal(count_in_log("cannot be used"), 0);
}

static void test_away_at_the_start(void **state)
{
    static struct tally tally;
    msec start;

    (void)state;
    if (!is_server())
        skip();
    store_close(store);
    command("kill");
    start = clock_monotonic();
    open_with("");
    assert_in_range(clock_monotonic() - start, 0, 1000);
    tally_init(&tally);
    for (int i = 0; i < 100; i++)
        assert_int_equal(insert(i, &tally), ERR_IO);
    assert_int_equal(run("SELECT 1"), ERR_IO);
    assert_int_equal(count_in_log("cannot be used"), 1);
    assert_int_equal(count_in_log("secret"), 0);
    command("start");
    wait_until_back();
    assert_int_equal(insert(1, &tally), ERR_NONE);
    store_drain(store);
    assert_int_equal(tally.counts[ERR_NONE], 1);
    assert_int_equal(count_in_log("is back after"), 1);
}

/* What was acknowledged is there; what was not may be, when the answer was lost. */
static void test_killed_in_the_middle(void **state)
{
    static struct tally tally;
    unsigned taken = 0;
    int64_t rows;
    msec start;

    (void)state;
    if (!is_server())
        skip();
    tally_init(&tally);
    for (int i = 0; i < 20000; i++)
        taken += !insert(i, &tally);
    command("kill");
    for (int i = 20000; i < 21000; i++)
        taken += !insert(i, &tally);
    start = clock_monotonic();
    store_drain(store);
    assert_in_range(clock_monotonic() - start, 0, 12000);
    assert_int_equal(tally.done, taken);
    command("start");
    if (count_in_log("cannot be used"))
        wait_until_back();
    rows = number_of(store, "SELECT count(*) FROM t");
    print_message("%u taken, %u acknowledged, %d there\n", taken, tally.counts[ERR_NONE],
                  (int)rows);
    assert_in_range(rows, tally.counts[ERR_NONE], taken);
    assert_int_equal(tally.counts[ERR_NONE] + tally.counts[ERR_IO], taken);
}

static void test_silent_database(void **state)
{
    static struct tally tally;
    msec start;

    (void)state;
    if (!is_server())
        skip();
    store_close(store);
    store_set_limits(2, 1000);
    open_with("");
    tally_init(&tally);
    assert_int_equal(run("SELECT 1"), ERR_NONE);
    command("pause");
    start = clock_monotonic();
    for (int i = 0; i < 1000; i++)
        assert_int_equal(insert(i, &tally), ERR_NONE);
    store_drain(store);
    assert_in_range(clock_monotonic() - start, 1000, 8000);
    assert_int_equal(tally.done, 1000);
    assert_int_equal(tally.counts[ERR_NONE], 0);
    while (!count_in_log("cannot be used")) {
        assert_in_range(clock_monotonic() - start, 0, 8000);
        usleep(10000);
    }
    start = clock_monotonic();
    assert_int_equal(insert(1, &tally), ERR_IO); /* and nobody waits any more */
    assert_in_range(clock_monotonic() - start, 0, 50);
    assert_int_equal(count_in_log("cannot be used"), 1);
    command("resume");
    wait_until_back();
    assert_int_equal(insert(9999, &tally), ERR_NONE);
    store_drain(store);
    assert_int_equal(tally.counts[ERR_NONE], 1);
    store_set_limits(4, 5000);
}

/* Until a row is refused; how many were taken. */
static unsigned fill_table(const struct value *text, unsigned rows_max, enum err *err)
{
    unsigned count = 0;

    for (*err = ERR_NONE; !*err && count < rows_max; count += !*err) {
        struct value values[] = { value_of_int(count), *text };

        *err = store_run(store, STR("INSERT INTO t (n, b) VALUES (?, ?)"), values, 2, NULL, NULL);
    }
    return count;
}

static void test_full_disk(void **state)
{
    static char large[60000];
    struct value text = value_of_str((struct str){ large, sizeof large });
    char command_line[1024];
    unsigned taken;
    enum err err;
    msec start;

    (void)state;
    snprintf(command_line, sizeof command_line, "%s fill 2>/dev/null", control);
    if (!is_server() || system(command_line))
        skip();
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (char)('!' + (i * i * 7 + i / 93) % 90);
    taken = fill_table(&text, 10000, &err);
    print_message("%u rows taken before: %s\n", taken, err_name(err));
    assert_true(err == ERR_IO || err == ERR_TIMEOUT);
    command("free");
    if (is_mysql()) { /* MariaDB ends, or waits for minutes: whoever looks after it starts it again
                       */
        command("kill");
        command("start");
    }
    start = clock_monotonic();
    while (run("INSERT INTO t (n) VALUES (-1)")) {
        assert_in_range(clock_monotonic() - start, 0, 60000);
        usleep(100000);
    }
    assert_in_range(number_of(store, "SELECT count(*) FROM t"), taken + 1, taken + 2);
}

static void test_end_does_not_wait_for_ever(void **state)
{
    static struct tally tally;
    msec start;

    (void)state;
    store_close(store);
    store_set_limits(2, 3600 * 1000);
    open_with("");
    tally_init(&tally);
    assert_int_equal(ask(slow(36000), &tally), ERR_NONE);
    usleep(200000);
    start = clock_monotonic();
    store_close(store);
    store = NULL;
    assert_in_range(clock_monotonic() - start, 9000, 12000);
    assert_int_equal(tally.done, 1);
    assert_int_equal(tally.counts[ERR_NONE], 0);
    store_set_limits(4, 5000);
}

enum {
    HELD_MAX = 30,
};

static void test_no_connections_left(void **state)
{
    struct store *held[HELD_MAX];
    static struct tally tally;
    unsigned count = 0;

    (void)state;
    if (!is_server())
        skip();
    store_close(store);
    for (; count < HELD_MAX && !count_in_log("cannot be used"); count++) {
        char text[512];

        snprintf(text, sizeof text, "%s?timeout=%u&connections=1", url, count + 100);
        assert_int_equal(store_open(str_of(text), &held[count]), ERR_NONE);
    }
    assert_in_range(count, 10, HELD_MAX);
    open_with("");
    tally_init(&tally);
    assert_int_equal(ask("SELECT 1", &tally), ERR_IO);
    while (count > 5)
        store_close(held[--count]);
    wait_until_back();
    assert_int_equal(ask("SELECT 1", &tally), ERR_NONE);
    store_drain(store);
    assert_int_equal(tally.counts[ERR_NONE], 1);
    while (count)
        store_close(held[--count]);
}

static void test_wrong_password_is_said_and_not_shown(void **state)
{
    char text[512];
    const char *at = strrchr(url, '@');
    struct store *other;

    (void)state;
    if (!is_server())
        skip();
    snprintf(text, sizeof text, "%s://culvert:opensesame%s", is_mysql() ? "mysql" : "postgres", at);
    assert_int_equal(store_open(str_of(text), &other), ERR_NONE);
    assert_int_equal(store_run(other, STR("SELECT 1"), NULL, 0, NULL, NULL), ERR_IO);
    assert_int_equal(count_in_log("cannot be used"), 1);
    assert_int_equal(count_in_log("opensesame"), 0);
    assert_true(count_in_log("127.0.0.1") > 0);
    store_close(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest quick[] = {
        TEST(test_schema_is_made_once),
        TEST(test_values_come_back_as_they_were),
        TEST(test_bytes_of_a_blob_come_back),
        TEST(test_nul_and_broken_encodings_are_refused),
        TEST(test_what_does_not_fit_is_refused),
        TEST(test_statements_that_are_refused),
        TEST(test_affected_rows_are_counted),
        TEST(test_more_statements_than_are_kept_ready),
        TEST(test_writes_keep_their_order),
        TEST(test_failed_writes_leave_their_neighbours),
        TEST(test_tables_are_made_between_writes),
        TEST(test_who_is_told_finds_it_committed),
        TEST(test_questions_do_not_wait_for_each_other),
        TEST(test_slow_statements_end),
        TEST(test_lost_connections_are_made_again),
        TEST(test_away_at_the_start),
        TEST(test_wrong_password_is_said_and_not_shown),
    };
    const struct CMUnitTest slow_ones[] = {
        TEST(test_results_have_a_limit),
        TEST(test_killed_in_the_middle),
        TEST(test_silent_database),
        TEST(test_no_connections_left),
        TEST(test_full_disk),
        TEST(test_end_does_not_wait_for_ever),
    };
    const char *extent = getenv("CULVERT_EXTENT");
    int failed;

    if (argc < 3) {
        fprintf(stderr, "usage: test_driver URL CONTROL\n");
        return 2;
    }
    url = argv[1];
    control = argv[2];
    failed = cmocka_run_group_tests(quick, NULL, NULL);
    if (extent && strcmp(extent, "all") == 0)
        failed += cmocka_run_group_tests(slow_ones, NULL, NULL);
    return failed;
}
