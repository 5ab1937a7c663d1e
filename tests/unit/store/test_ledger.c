/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that must not be lost: while the database is locked, away, or the process is killed. */
#include "rig.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <sqlite3.h>

#include <culvert/ledger.h>

#include "base/prng.h"

enum {
    MANY = 2000,
    PATIENCE_MSEC = 20000,
};

struct books {
    struct rig rig;
    char path[64];
    struct prng prng;
    struct ledger *ledger;
};

static void open_books(struct books *books)
{
    const struct ledger_settings settings = {
        .store = books->rig.store,
        .path = str_of(books->path),
        .bytes_max = 1 << 20,
        .random = &books->prng.source,
    };

    assert_int_equal(ledger_create(&settings, &books->ledger), ERR_NONE);
    ledger_start(books->ledger);
}

static void books_init(struct books *books)
{
    rig_init(&books->rig);
    store_set_limits(4, 200);
    snprintf(books->path, sizeof books->path, "%s/spool", books->rig.folder);
    prng_init(&books->prng, 3);
    rig_open(&books->rig);
    assert_int_equal(rig_run(&books->rig, "CREATE TABLE t (n INTEGER, a TEXT, b TEXT)"), ERR_NONE);
    open_books(books);
}

static void books_fini(struct books *books)
{
    ledger_destroy(books->ledger);
    unlink(books->path);
    rig_fini(&books->rig);
}

static enum err put(struct books *books, int64_t number, struct str text)
{
    const struct value values[] = { value_of_int(number), value_of_str(text), value_null() };

    return ledger_write(books->ledger, STR("INSERT INTO t (n, a, b) VALUES (?, ?, ?)"), values, 3);
}

static void put_some(struct books *books, int64_t from, int64_t to)
{
    for (int64_t i = from; i <= to; i++)
        assert_int_equal(put(books, i, STR("it's text")), ERR_NONE);
}

static void pause_briefly(void)
{
    const struct timespec time = { 0, 5000000 };

    nanosleep(&time, NULL);
}

static uint64_t waiting(struct books *books)
{
    struct ledger_counters counters;

    ledger_read_counters(books->ledger, &counters);
    return counters.waiting;
}

static void wait_until_written(struct books *books)
{
    for (unsigned i = 0; i < PATIENCE_MSEC / 5 && waiting(books); i++)
        pause_briefly();
    assert_int_equal(waiting(books), 0);
}

/* Each number once, none missing. */
static void expect_rows(struct books *books, int64_t count)
{
    assert_int_equal(rig_number(&books->rig, "SELECT COUNT(*) FROM t"), count);
    assert_int_equal(rig_number(&books->rig, "SELECT COUNT(DISTINCT n) FROM t"), count);
    assert_int_equal(rig_number(&books->rig, "SELECT COUNT(*) FROM t WHERE a = 'it''s text' AND "
                                             "b IS NULL"),
                     count);
}

static void test_rows_arrive_in_order(void **state)
{
    struct books books;

    (void)state;
    books_init(&books);
    put_some(&books, 1, MANY);
    wait_until_written(&books);
    expect_rows(&books, MANY);
    assert_int_equal(rig_number(&books.rig, "SELECT COUNT(*) FROM t WHERE n != rowid"), 0);
    books_fini(&books);
}

static void test_a_clean_end_writes_all(void **state)
{
    struct books books;

    (void)state;
    books_init(&books);
    put_some(&books, 1, MANY);
    ledger_destroy(books.ledger);
    books.ledger = NULL;
    expect_rows(&books, MANY);
    books_fini(&books);
}

static sqlite3 *lock_database(struct books *books)
{
    sqlite3 *handle;

    assert_int_equal(sqlite3_open(books->rig.path, &handle), SQLITE_OK);
    sqlite3_busy_timeout(handle, 5000);
    assert_int_equal(sqlite3_exec(handle, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    return handle;
}

static void unlock_database(sqlite3 *handle)
{
    assert_int_equal(sqlite3_exec(handle, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(handle);
}

static void test_rows_wait_for_a_locked_database(void **state)
{
    struct books books;
    sqlite3 *handle;

    (void)state;
    books_init(&books);
    put_some(&books, 1, 100);
    handle = lock_database(&books);
    put_some(&books, 101, MANY);
    for (unsigned i = 0; i < 100; i++)
        pause_briefly();
    assert_true(waiting(&books) >= MANY - 100);
    unlock_database(handle);
    wait_until_written(&books);
    expect_rows(&books, MANY);
    books_fini(&books);
}

static void test_rows_wait_in_the_spool_over_a_clean_end(void **state)
{
    struct books books;
    sqlite3 *handle;

    (void)state;
    books_init(&books);
    handle = lock_database(&books);
    put_some(&books, 1, 50);
    ledger_destroy(books.ledger);
    unlock_database(handle);
    open_books(&books);
    put_some(&books, 51, 60);
    wait_until_written(&books);
    expect_rows(&books, 60);
    books_fini(&books);
}

/* A server that dies while it writes; what was handed in well before is not lost. */
static void die_while_writing(struct books *books, int64_t from, int64_t to)
{
    put_some(books, from, to);
    for (unsigned i = 0; i < 4; i++)
        pause_briefly();
    raise(SIGKILL);
}

static void test_nothing_is_lost_or_doubled_by_deaths(void **state)
{
    struct books books;
    int64_t next = 1;

    (void)state;
    books_init(&books);
    ledger_destroy(books.ledger);
    rig_close(&books.rig);
    for (unsigned round = 0; round < 8; round++, next += 300) {
        int status;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
            rig_open(&books.rig);
            open_books(&books);
            die_while_writing(&books, next, next + 299);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
    rig_open(&books.rig);
    open_books(&books);
    wait_until_written(&books);
    expect_rows(&books, next - 1);
    books_fini(&books);
}

/* The batch was committed, and the process died before it could say so in the spool. */
static void test_the_mark_in_the_database_counts(void **state)
{
    struct books books;
    char before[96], command[256];

    (void)state;
    books_init(&books);
    snprintf(before, sizeof before, "%s.before", books.path);
    wait_until_written(&books);
    ledger_destroy(books.ledger);
    sqlite3 *handle = lock_database(&books);
    open_books(&books);
    put_some(&books, 1, 10);
    ledger_destroy(books.ledger);
    unlock_database(handle);
    snprintf(command, sizeof command, "cp %s %s", books.path, before);
    assert_int_equal(system(command), 0);
    open_books(&books);
    wait_until_written(&books);
    ledger_destroy(books.ledger);
    assert_int_equal(rename(before, books.path), 0);
    open_books(&books);
    put_some(&books, 11, 20);
    wait_until_written(&books);
    expect_rows(&books, 20);
    books_fini(&books);
}

static void test_without_marks_rows_arrive_too(void **state)
{
    struct books books;

    (void)state;
    books_init(&books);
    ledger_destroy(books.ledger);
    assert_int_equal(rig_run(&books.rig, "DROP TABLE ledger"), ERR_NONE);
    open_books(&books);
    put_some(&books, 1, 500);
    wait_until_written(&books);
    expect_rows(&books, 500);
    books_fini(&books);
}

static void test_a_refused_row_holds_nothing_up(void **state)
{
    const struct value value = value_of_str(STR("lost\nbut said"));
    struct ledger_counters counters;
    struct books books;

    (void)state;
    books_init(&books);
    put_some(&books, 1, 5);
    assert_int_equal(
        ledger_write(books.ledger, STR("INSERT INTO nosuch (a) VALUES (?)"), &value, 1), ERR_NONE);
    put_some(&books, 6, 9);
    wait_until_written(&books);
    expect_rows(&books, 9);
    ledger_read_counters(books.ledger, &counters);
    assert_int_equal(counters.refused, 1);
    assert_int_equal(counters.written, 9);
    assert_non_null(strstr(last_log, "INSERT INTO nosuch (a) VALUES (?): 'lost\\x0abut said'"));
    books_fini(&books);
}

static void test_a_full_spool_drops_and_says_so(void **state)
{
    static char text[30000];
    struct ledger_counters counters;
    struct books books;
    sqlite3 *handle;

    (void)state;
    memset(text, 'x', sizeof text);
    books_init(&books);
    handle = lock_database(&books);
    for (int64_t i = 0; i < 100; i++)
        assert_int_equal(put(&books, i, (struct str){ text, sizeof text }), ERR_NONE);
    do {
        pause_briefly();
        ledger_read_counters(books.ledger, &counters);
    } while (counters.waiting + counters.dropped < 100 || counters.waiting > 40);
    assert_true(counters.dropped > 50);
    assert_true(counters.bytes <= 1 << 20);
    unlock_database(handle);
    wait_until_written(&books);
    assert_int_equal(rig_number(&books.rig, "SELECT COUNT(*) FROM t") + (int64_t)counters.dropped,
                     100);
    books_fini(&books);
}

static void test_what_no_database_takes_is_refused_at_once(void **state)
{
    static char text[LEDGER_ROW_MAX];
    struct books books;

    (void)state;
    books_init(&books);
    assert_int_equal(put(&books, 1, STR("\xff")), ERR_SYNTAX);
    assert_int_equal(put(&books, 1, STR("a\0b")), ERR_SYNTAX);
    memset(text, 'x', sizeof text);
    assert_int_equal(put(&books, 1, (struct str){ text, sizeof text }), ERR_LIMIT);
    expect_rows(&books, 0);
    books_fini(&books);
}

static void test_a_spoilt_spool_is_set_aside(void **state)
{
    struct books books;
    char bad[96];
    FILE *file;

    (void)state;
    books_init(&books);
    ledger_destroy(books.ledger);
    file = fopen(books.path, "w");
    fputs("this was a spool before somebody wrote his notes into it, many of them", file);
    fclose(file);
    open_books(&books);
    put_some(&books, 1, 3);
    wait_until_written(&books);
    expect_rows(&books, 3);
    snprintf(bad, sizeof bad, "%s.bad", books.path);
    assert_int_equal(unlink(bad), 0);
    books_fini(&books);
}

/* Nobody may write there: rows arrive all the same. */
static void test_without_a_file_memory_serves(void **state)
{
    struct books books;

    (void)state;
    books_init(&books);
    ledger_destroy(books.ledger);
    unlink(books.path);
    snprintf(books.path, sizeof books.path, "/nosuch/folder/spool");
    open_books(&books);
    put_some(&books, 1, 300);
    wait_until_written(&books);
    expect_rows(&books, 300);
    books_fini(&books);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_arrive_in_order),
        cmocka_unit_test(test_a_clean_end_writes_all),
        cmocka_unit_test(test_rows_wait_for_a_locked_database),
        cmocka_unit_test(test_rows_wait_in_the_spool_over_a_clean_end),
        cmocka_unit_test(test_nothing_is_lost_or_doubled_by_deaths),
        cmocka_unit_test(test_the_mark_in_the_database_counts),
        cmocka_unit_test(test_without_marks_rows_arrive_too),
        cmocka_unit_test(test_a_refused_row_holds_nothing_up),
        cmocka_unit_test(test_a_full_spool_drops_and_says_so),
        cmocka_unit_test(test_what_no_database_takes_is_refused_at_once),
        cmocka_unit_test(test_a_spoilt_spool_is_set_aside),
        cmocka_unit_test(test_without_a_file_memory_serves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
