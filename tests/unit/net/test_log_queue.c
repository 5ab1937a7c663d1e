/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever logs never waits for the log, and the log says what it has lost. */
#include "sys/log_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* held: the sink is stuck */
static _Atomic uint64_t written, told, lost_told;
static _Atomic int last_number, last_facility;

static void slow_sink(enum log_level level, int facility, const char *line)
{
    (void)level;
    pthread_mutex_lock(&gate);
    if (strncmp(line, "line ", 5) == 0) {
        written++;
        last_facility = facility;
        last_number = atoi(line + 5);
    } else {
        lost_told += strtoull(line, NULL, 10);
    }
    pthread_mutex_unlock(&gate);
}

static void count_lost(void *context, uint64_t lines)
{
    assert_ptr_equal(context, &told);
    told += lines;
}

static int start(void **state)
{
    (void)state;
    written = told = lost_told = 0;
    log_set_threshold(LEVEL_INFO);
    return log_queue_start(slow_sink, count_lost, &told);
}

static int stop(void **state)
{
    (void)state;
    log_queue_stop();
    log_set_sink(NULL);
    return 0;
}

static void log_numbers(int count)
{
    for (int i = 1; i <= count; i++)
        log_info("line %d %01000d", i, 0);
}

static void test_lines_come_in_order_and_whole(void **state)
{
    (void)state;
    log_numbers(100);
    log_text(LEVEL_INFO, 8, false, STR("line 101"));
    log_queue_stop();
    assert_int_equal(written, 101);
    assert_int_equal(last_number, 101);
    assert_int_equal(last_facility, 8);
    assert_int_equal(told, 0);
}

static void test_a_stuck_sink_stops_nobody(void **state)
{
    enum { LINES = 5000 }; /* far more bytes than the queue takes */

    (void)state;
    pthread_mutex_lock(&gate);
    log_numbers(LINES);
    pthread_mutex_unlock(&gate);
    log_queue_stop();
    assert_in_range(written, 1, LINES - 1);
    assert_int_equal(written + told, LINES);
    assert_int_equal(lost_told, told);
}

static void test_the_ring_is_used_again_and_again(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        uint64_t before = written;

        log_numbers(200);
        while (written < before + 200)
            sched_yield();
    }
    log_queue_stop();
    assert_int_equal(written, 20 * 200);
    assert_int_equal(told, 0);
}

static void test_it_starts_once(void **state)
{
    (void)state;
    assert_int_equal(log_queue_start(slow_sink, count_lost, &told), ERR_EXISTS);
    log_queue_stop();
    log_queue_stop();
    log_info("line 7");
    assert_int_equal(last_number, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines_come_in_order_and_whole, start, stop),
        cmocka_unit_test_setup_teardown(test_a_stuck_sink_stops_nobody, start, stop),
        cmocka_unit_test_setup_teardown(test_the_ring_is_used_again_and_again, start, stop),
        cmocka_unit_test_setup_teardown(test_it_starts_once, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
