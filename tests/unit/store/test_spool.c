/* SPDX-License-Identifier: Apache-2.0 */
/* The file of records that wait for a database: whole, torn, spoilt, full, and left by others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>

#include <cmocka.h>

#include <culvert/log.h>

#include "base/prng.h"
#include "store/spool.h"

static char folder[32], path[64];
static struct prng prng;

static void forget_log(enum log_level level, int facility, const char *line)
{
    (void)level;
    (void)facility;
    (void)line;
}

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/culvert-spool-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/spool", folder);
    prng_init(&prng, 7);
    log_set_sink(forget_log);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static enum err open_again(struct spool *spool)
{
    return spool_open(spool, str_of(path), 1 << 20, &prng.source);
}

static struct str text_of(char buffer[16], unsigned number)
{
    int length = snprintf(buffer, 16, "record %u", number);

    return (struct str){ buffer, (size_t)length };
}

static void append_some(struct spool *spool, unsigned from, unsigned to)
{
    char buffer[16];

    for (unsigned i = from; i <= to; i++)
        assert_int_equal(spool_append(spool, text_of(buffer, i)), ERR_NONE);
}

/* Reads and ends all; what is there must be these, except for `missing` of them. */
static void expect_all(struct spool *spool, unsigned from, unsigned to, unsigned missing)
{
    struct spool_record records[8];
    char buffer[16];
    unsigned count;

    while ((count = spool_read(spool, records, 8)) > 0) {
        for (unsigned i = 0; i < count; i++, from++) {
            while (missing && !str_eq(records[i].payload, text_of(buffer, from))) {
                missing--;
                from++;
            }
            assert_true(str_eq(records[i].payload, text_of(buffer, from)));
        }
        spool_note_done(spool, records[count - 1].number);
    }
    assert_int_equal(from + missing, to + 1);
    assert_true(spool_is_empty(spool));
}

static void change_byte(off_t at, char by)
{
    int fd = open(path, O_RDWR);
    char byte;

    assert_true(fd >= 0);
    if (at < 0)
        at += lseek(fd, 0, SEEK_END);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte = (char)(byte ^ by);
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static off_t size_of_file(void)
{
    struct stat status;

    assert_int_equal(stat(path, &status), 0);
    return status.st_size;
}

static void test_records_come_back_in_order_after_a_restart(void **state)
{
    struct spool spool;

    (void)state;
    assert_int_equal(open_again(&spool), ERR_NONE);
    append_some(&spool, 1, 100);
    spool_close(&spool);
    assert_int_equal(open_again(&spool), ERR_NONE);
    append_some(&spool, 101, 120);
    expect_all(&spool, 1, 120, 0);
    spool_close(&spool);
}

static void test_what_is_done_does_not_come_back(void **state)
{
    struct spool spool;
    struct spool_record records[4];

    (void)state;
    assert_int_equal(open_again(&spool), ERR_NONE);
    append_some(&spool, 1, 10);
    assert_int_equal(spool_read(&spool, records, 4), 4);
    spool_note_done(&spool, records[3].number);
    spool_close(&spool);
    assert_int_equal(open_again(&spool), ERR_NONE);
    expect_all(&spool, 5, 10, 0);
    append_some(&spool, 11, 11);
    spool_close(&spool);
    assert_int_equal(open_again(&spool), ERR_NONE);
    expect_all(&spool, 11, 11, 0);
    spool_close(&spool);
}

/* A power cut has taken records along that the database has: their numbers do not come again. */
static void test_lost_numbers_do_not_come_again(void **state)
{
    struct spool spool;
    struct spool_record records[8];
    uint64_t newest;

    (void)state;
    assert_int_equal(open_again(&spool), ERR_NONE);
    append_some(&spool, 1, 5);
    newest = spool.last;
    spool_close(&spool);
    assert_int_equal(truncate(path, size_of_file() - 2 * (24 + 8)), 0);
    assert_int_equal(open_again(&spool), ERR_NONE);
    assert_int_equal(spool.waiting, 3);
    append_some(&spool, 6, 6);
    assert_true(spool.last > newest);
    spool_note_done(&spool, newest);
    assert_int_equal(spool.waiting, 1);
    assert_int_equal(spool_read(&spool, records, 8), 1);
    assert_true(str_eq(records[0].payload, STR("record 6")));
    spool_close(&spool);
}

static void test_the_file_becomes_short_when_all_is_done(void **state)
{
    struct spool spool;
    off_t empty;

    (void)state;
    assert_int_equal(open_again(&spool), ERR_NONE);
    empty = size_of_file();
    append_some(&spool, 1, 1000);
    assert_true(size_of_file() > empty);
    expect_all(&spool, 1, 1000, 0);
    assert_int_equal(size_of_file(), empty);
    spool_close(&spool);
}

/* Never empty: what is done is given back all the same. */
static void test_a_busy_spool_does_not_grow_for_ever(void **state)
{
    static const char bytes[8000];
    struct spool spool;
    struct spool_record records[2];
    uint64_t expected = 1;

    (void)state;
    assert_int_equal(spool_open(&spool, str_of(path), 4 << 20, &prng.source), ERR_NONE);
    assert_int_equal(spool_append(&spool, (struct str){ bytes, sizeof bytes }), ERR_NONE);
    for (unsigned i = 0; i < 3000; i++) {
        assert_int_equal(spool_append(&spool, (struct str){ bytes, sizeof bytes }), ERR_NONE);
        assert_int_equal(spool_read(&spool, records, 1), 1);
        assert_int_equal(records[0].number, expected++);
        spool_note_done(&spool, records[0].number);
    }
    assert_true(size_of_file() < 4 << 20);
    spool_close(&spool);
}

static void test_a_torn_last_record_loses_only_itself(void **state)
{
    (void)state;
    for (off_t torn = 1; torn < 32; torn++) {
        struct spool spool;

        unlink(path);
        assert_int_equal(open_again(&spool), ERR_NONE);
        append_some(&spool, 1, 9);
        spool_close(&spool);
        assert_int_equal(truncate(path, size_of_file() - torn), 0);
        assert_int_equal(open_again(&spool), ERR_NONE);
        append_some(&spool, 10, 12);
        expect_all(&spool, 1, 12, 1);
        spool_close(&spool);
    }
}

/* Wherever a byte is another, all records but one are there. */
static void test_a_spoilt_record_loses_only_itself(void **state)
{
    struct spool spool;
    off_t head, size;

    (void)state;
    assert_int_equal(open_again(&spool), ERR_NONE);
    head = size_of_file();
    append_some(&spool, 1, 9);
    size = size_of_file();
    spool_close(&spool);
    for (off_t at = head; at < size; at++) {
        change_byte(at, 0x55);
        assert_int_equal(open_again(&spool), ERR_NONE);
        assert_int_equal(spool.lost, 1);
        spool_close(&spool);
        if (at < size - (size - head) / 9) /* that of the last one is cut off */
            change_byte(at, 0x55);
        else
            break;
    }
    assert_int_equal(open_again(&spool), ERR_NONE);
    expect_all(&spool, 1, 9, 1);
    spool_close(&spool);
}

static void test_a_strange_file_is_left_alone(void **state)
{
    static const char text[] =
        "these are somebody's notes, and no spool; they are long enough for a head";
    struct spool spool;
    FILE *file = fopen(path, "w");

    (void)state;
    fwrite(text, 1, sizeof text, file);
    fclose(file);
    assert_int_equal(open_again(&spool), ERR_SYNTAX);
    assert_int_equal(size_of_file(), sizeof text);
}

static void test_a_spoilt_front_is_seen(void **state)
{
    struct spool spool;

    (void)state;
    assert_int_equal(open_again(&spool), ERR_NONE);
    append_some(&spool, 1, 3);
    spool_close(&spool);
    change_byte(10, 1);
    assert_int_equal(open_again(&spool), ERR_SYNTAX);
}

static void test_only_one_has_it_and_nobody_else_reads_it(void **state)
{
    struct spool spool, other;
    struct stat status;

    (void)state;
    assert_int_equal(open_again(&spool), ERR_NONE);
    assert_int_equal(open_again(&other), ERR_EXISTS);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    spool_close(&spool);
    assert_int_equal(open_again(&other), ERR_NONE);
    spool_close(&other);
}

static void test_no_more_than_there_is_room_for(void **state)
{
    static const char bytes[SPOOL_RECORD_MAX + 1];
    struct spool spool;
    enum err err;

    (void)state;
    assert_int_equal(open_again(&spool), ERR_NONE);
    assert_int_equal(spool_append(&spool, (struct str){ bytes, sizeof bytes }), ERR_LIMIT);
    do
        err = spool_append(&spool, (struct str){ bytes, SPOOL_RECORD_MAX });
    while (!err);
    assert_int_equal(err, ERR_LIMIT);
    assert_true(size_of_file() <= 1 << 20);
    spool_close(&spool);
}

/* A caller who knows what records look like writes one into his name. */
static void test_records_within_records_are_not_believed(void **state)
{
    struct spool spool;
    char bytes[256];
    size_t size;
    FILE *file;

    (void)state;
    assert_int_equal(open_again(&spool), ERR_NONE);
    append_some(&spool, 1, 1);
    file = fopen(path, "r");
    fseek(file, sizeof spool.head, SEEK_SET);
    size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    spool_close(&spool);
    unlink(path);
    assert_int_equal(open_again(&spool), ERR_NONE);
    assert_int_equal(spool_append(&spool, (struct str){ bytes, size }), ERR_NONE);
    append_some(&spool, 2, 2);
    spool_close(&spool);
    change_byte((off_t)sizeof spool.head + 5, 1);
    assert_int_equal(open_again(&spool), ERR_NONE);
    expect_all(&spool, 2, 2, 0);
    spool_close(&spool);
}

static void test_a_nameless_one_works_too(void **state)
{
    struct spool spool;

    (void)state;
    assert_int_equal(spool_open(&spool, STR(""), 1 << 20, &prng.source), ERR_NONE);
    append_some(&spool, 1, 20);
    expect_all(&spool, 1, 20, 0);
    spool_close(&spool);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_records_come_back_in_order_after_a_restart),
        TEST(test_what_is_done_does_not_come_back),
        TEST(test_lost_numbers_do_not_come_again),
        TEST(test_the_file_becomes_short_when_all_is_done),
        TEST(test_a_busy_spool_does_not_grow_for_ever),
        TEST(test_a_torn_last_record_loses_only_itself),
        TEST(test_a_spoilt_record_loses_only_itself),
        TEST(test_a_strange_file_is_left_alone),
        TEST(test_a_spoilt_front_is_seen),
        TEST(test_only_one_has_it_and_nobody_else_reads_it),
        TEST(test_no_more_than_there_is_room_for),
        TEST(test_records_within_records_are_not_believed),
        TEST(test_a_nameless_one_works_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
