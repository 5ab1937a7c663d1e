/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows that must not be lost, and a server that is killed while they are written. Called by run.py
 * with a URL and, for a server, the command that kills and starts it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <culvert/ledger.h>
#include <culvert/log.h>

#include "base/prng.h"
#include "store/store_internal.h"

enum {
    SOME = 3000,
    PATIENCE_MSEC = 40000,
};

static const char *url, *control;
static struct store *store;
static struct ledger *ledger;
static char folder[32], path[64];
static struct prng prng;

static void forget_log(enum log_level level, int facility, const char *line)
{
    (void)level;
    (void)facility;
    (void)line;
}

static void run(const char *sql)
{
    (void)!store_run(store, str_of(sql), NULL, 0, NULL, NULL);
}

static void keep_number(void *context, const struct store_result *result)
{
    int64_t *number = context;

    *number = result->row_count ? result->rows[0].columns[0].number : -1;
}

static int64_t number_of(const char *sql)
{
    int64_t number = -2;

    assert_int_equal(store_run(store, str_of(sql), NULL, 0, keep_number, &number), ERR_NONE);
    return number;
}

static void open_ledger(void)
{
    const struct ledger_settings settings = {
        .store = store,
        .path = str_of(path),
        .bytes_max = 8 << 20,
        .random = &prng.source,
    };

    assert_int_equal(ledger_create(&settings, &ledger), ERR_NONE);
    ledger_start(ledger);
}

static int set_up(void **state)
{
    static uint64_t seed; /* a new spool has a new name in the table of marks */

    (void)state;
    log_set_sink(forget_log);
    prng_init(&prng, ++seed);
    strcpy(folder, "/tmp/culvert-ledger-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/spool", folder);
    assert_int_equal(store_open(str_of(url), &store), ERR_NONE);
    assert_int_equal(store_create_schema(store), ERR_NONE);
    run("DROP TABLE r");
    run("CREATE TABLE r (n BIGINT NOT NULL, a VARCHAR(64), d DECIMAL(10,3), t VARCHAR(64))");
    open_ledger();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ledger_destroy(ledger);
    store_close(store);
    unlink(path);
    return rmdir(folder);
}

static void put_some(int64_t from, int64_t to)
{
    for (int64_t i = from; i <= to; i++) {
        const struct value values[] = { value_of_int(i), value_of_str(STR("it's \xc3\xa4")),
                                        value_of_str(STR("0.342")), value_null() };

        assert_int_equal(ledger_write(ledger, STR("INSERT INTO r (n, a, d, t) VALUES (?, ?, ?, ?)"),
                                      values, 4),
                         ERR_NONE);
    }
}

static void pause_briefly(void)
{
    const struct timespec time = { 0, 10000000 };

    nanosleep(&time, NULL);
}

static struct ledger_counters counters(void)
{
    struct ledger_counters now;

    ledger_read_counters(ledger, &now);
    return now;
}

static void wait_until_written(void)
{
    for (unsigned i = 0; i < PATIENCE_MSEC / 10 && counters().waiting; i++)
        pause_briefly();
    assert_int_equal(counters().waiting, 0);
    assert_int_equal(counters().refused, 0);
    assert_int_equal(counters().dropped, 0);
}

static void command(const char *what)
{
    char text[1024];

    snprintf(text, sizeof text, "%s %s", control, what);
    assert_int_equal(system(text), 0);
}

/* As by a power cut, with a batch on its way, whose fate only the mark tells. */
static void outlive_the_server(void)
{
    put_some(1, SOME);
    for (unsigned i = 0; i < 1000 && counters().written < SOME / 10; i++)
        pause_briefly();
    command("kill");
    put_some(SOME + 1, 2 * SOME);
    command("start");
    wait_until_written();
}

static void test_rows_arrive(void **state)
{
    (void)state;
    put_some(1, SOME);
    wait_until_written();
    assert_int_equal(number_of("SELECT COUNT(*) FROM r WHERE a = 'it''s \xc3\xa4' AND d > 0.34 AND "
                               "d < 0.35 AND t IS NULL"),
                     SOME);
    assert_int_equal(number_of("SELECT COUNT(DISTINCT n) FROM r"), SOME);
}

static void test_a_killed_server_gets_each_row_once(void **state)
{
    (void)state;
    if (!control[0])
        skip();
    outlive_the_server();
    assert_int_equal(number_of("SELECT COUNT(*) FROM r"), 2 * SOME);
    assert_int_equal(number_of("SELECT COUNT(DISTINCT n) FROM r"), 2 * SOME);
}

static void test_without_marks_it_gets_each_row_at_least_once(void **state)
{
    (void)state;
    if (!control[0])
        skip();
    ledger_destroy(ledger);
    run("DROP TABLE ledger");
    open_ledger();
    outlive_the_server();
    assert_int_equal(number_of("SELECT COUNT(DISTINCT n) FROM r"), 2 * SOME);
    run("DELETE FROM version WHERE table_name = 'ledger'");
}

int main(int count, char *words[])
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows_arrive, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_killed_server_gets_each_row_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_marks_it_gets_each_row_at_least_once, set_up,
                                        tear_down),
    };

    if (count != 3) {
        fprintf(stderr, "usage: %s URL COMMAND\n", words[0]);
        return 2;
    }
    url = words[1];
    control = words[2];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
