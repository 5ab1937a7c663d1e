/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <sqlite3.h>

enum {
    QUEUE_MAX = 65536, /* as promised */
};

static enum err insert(struct store *store, int64_t number, store_done_fn *done, void *context)
{
    struct value values[] = { value_of_int(number), value_of_str(STR("a")) };

    return store_query(store, NULL, STR("INSERT INTO t (n, a) VALUES (?, ?)"), values, 2, done,
                       context);
}

static void make_table(struct rig *rig)
{
    assert_int_equal(rig_run(rig, "CREATE TABLE t (n INTEGER UNIQUE, a TEXT)"), ERR_NONE);
}

struct tally {
    _Atomic unsigned done;
    _Atomic unsigned failed;
    int64_t number;
};

static void count_done(void *context, const struct store_result *result)
{
    struct tally *tally = context;

    atomic_fetch_add(&tally->done, 1);
    if (result->err)
        atomic_fetch_add(&tally->failed, 1);
}

static void count_and_keep(void *context, const struct store_result *result)
{
    struct tally *tally = context;

    keep_number(&tally->number, result);
    count_done(context, result);
}

static void test_reads_see_the_writes_before_them(void **state)
{
    struct rig rig;
    struct tally tally = { .number = -1 };

    (void)state;
    rig_init(&rig);
    rig_open(&rig);
    make_table(&rig);
    for (int i = 1; i <= 1000; i++) {
        assert_int_equal(insert(rig.store, i, count_done, &tally), ERR_NONE);
        if (i % 100 == 0) {
            assert_int_equal(store_query(rig.store, NULL, STR("SELECT count(*) FROM t"), NULL, 0,
                                         count_and_keep, &tally),
                             ERR_NONE);
            store_drain(rig.store);
            assert_int_equal(tally.number, i);
        }
    }
    assert_int_equal(tally.done, 1010);
    assert_int_equal(tally.failed, 0);
    rig_fini(&rig);
}

struct settling {
    struct tally writes;
    unsigned written;
    struct tally tally;
};

static void note_written(void *context, const struct store_result *result)
{
    struct settling *settling = context;

    settling->written = atomic_load(&settling->writes.done);
    count_done(&settling->tally, result);
}

static void test_settling_comes_after_the_writes_before(void **state)
{
    enum { WRITES = 2000 };
    struct rig rig;
    struct settling settling = { .written = 0 };

    (void)state;
    rig_init(&rig);
    rig_open(&rig);
    make_table(&rig);
    for (int64_t i = 0; i < WRITES; i++)
        assert_int_equal(insert(rig.store, i, count_done, &settling.writes), ERR_NONE);
    assert_int_equal(store_settle(rig.store, NULL, note_written, &settling), ERR_NONE);
    store_drain(rig.store);
    assert_int_equal(settling.written, WRITES);
    assert_int_equal(settling.tally.done, 1);
    assert_int_equal(settling.tally.failed, 0);
    rig_close(&rig);
    rig_fini(&rig);
}

static void test_failed_write_leaves_its_neighbours(void **state)
{
    struct rig rig;
    struct tally tally = { .number = -1 };

    (void)state;
    rig_init(&rig);
    rig_open(&rig);
    make_table(&rig);
    for (int i = 0; i < 100; i++)
        assert_int_equal(insert(rig.store, i / 2, count_done, &tally), ERR_NONE);
    store_drain(rig.store);
    assert_int_equal(tally.done, 100);
    assert_int_equal(tally.failed, 50);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM t"), 50);
    rig_fini(&rig);
}

static void test_closing_runs_what_waits(void **state)
{
    struct rig rig;
    struct tally tally = { .number = -1 };

    (void)state;
    rig_init(&rig);
    rig_open(&rig);
    make_table(&rig);
    for (int i = 0; i < 3000; i++)
        assert_int_equal(insert(rig.store, i, count_done, &tally), ERR_NONE);
    rig_close(&rig);
    assert_int_equal(tally.done, 3000);
    rig_open(&rig);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM t"), 3000);
    rig_fini(&rig);
}

static void wait_for_gate(void *context, const struct store_result *result)
{
    (void)result;
    sem_wait(context);
}

static void test_full_queue_refuses_and_recovers(void **state)
{
    struct rig rig;
    struct tally tally = { .number = -1 };
    unsigned taken = 0;
    sem_t gate;

    (void)state;
    rig_init(&rig);
    rig_open(&rig);
    make_table(&rig);
    sem_init(&gate, 0, 0);
    assert_int_equal(store_query(rig.store, NULL, STR("SELECT 1"), NULL, 0, wait_for_gate, &gate),
                     ERR_NONE);
    while (!insert(rig.store, taken, count_done, &tally))
        taken++;
    assert_in_range(taken, QUEUE_MAX - 1, QUEUE_MAX);
    assert_int_equal(insert(rig.store, -1, count_done, &tally), ERR_LIMIT);
    sem_post(&gate);
    store_drain(rig.store);
    assert_int_equal(tally.done, taken);
    assert_int_equal(tally.failed, 0);
    assert_int_equal(insert(rig.store, -1, count_done, &tally), ERR_NONE);
    store_drain(rig.store);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM t"), taken + 1);
    sem_destroy(&gate);
    rig_fini(&rig);
}

static void test_waiting_bytes_are_limited_too(void **state)
{
    static char large[1024 * 1024];
    struct value value = value_of_str((struct str){ large, sizeof large });
    struct rig rig;
    unsigned taken = 0;
    sem_t gate;

    (void)state;
    memset(large, 'x', sizeof large);
    rig_init(&rig);
    rig_open(&rig);
    sem_init(&gate, 0, 0);
    assert_int_equal(store_query(rig.store, NULL, STR("SELECT 1"), NULL, 0, wait_for_gate, &gate),
                     ERR_NONE);
    while (!store_query(rig.store, NULL, STR("SELECT ?"), &value, 1, NULL, NULL))
        taken++;
    assert_in_range(taken, 62, 65);
    sem_post(&gate);
    store_drain(rig.store);
    sem_destroy(&gate);
    rig_fini(&rig);
}

/* Somebody else writes, and does not come to an end. */
static void test_locked_database_fails_all_that_wait(void **state)
{
    struct rig rig;
    struct tally tally = { .number = -1 };
    sqlite3 *other;
    sem_t gate;

    (void)state;
    rig_init(&rig);
    rig_open(&rig);
    make_table(&rig);
    sem_init(&gate, 0, 0);
    assert_int_equal(sqlite3_open(rig.path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(store_query(rig.store, NULL, STR("SELECT 1"), NULL, 0, wait_for_gate, &gate),
                     ERR_NONE);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(insert(rig.store, i, count_done, &tally), ERR_NONE);
    sem_post(&gate);
    store_drain(rig.store);
    assert_int_equal(tally.failed, 5000);
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    assert_int_equal(insert(rig.store, 1, count_done, &tally), ERR_NONE);
    store_drain(rig.store);
    assert_int_equal(tally.failed, 5000);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM t"), 1);
    sem_destroy(&gate);
    rig_fini(&rig);
}

/* --- delivery --- */

struct worker {
    unsigned posts;
    void (*run)(void *argument);
    void *argument;
};

static void post_to(struct worker *worker, void (*run)(void *argument), void *argument)
{
    worker->posts++;
    worker->run = run;
    worker->argument = argument;
}

static void test_results_go_to_the_worker_that_asked(void **state)
{
    struct rig rig;
    struct worker worker = { .posts = 0 };
    struct tally tally = { .number = -1 };

    (void)state;
    rig_init(&rig);
    store_set_poster(post_to);
    rig_open(&rig);
    assert_int_equal(
        store_query(rig.store, &worker, STR("SELECT 42"), NULL, 0, count_and_keep, &tally),
        ERR_NONE);
    store_drain(rig.store);
    assert_int_equal(worker.posts, 1);
    assert_int_equal(tally.done, 0);
    rig_close(&rig); /* the result outlives its store */
    worker.run(worker.argument);
    assert_int_equal(tally.number, 42);
    store_set_poster(NULL);
    rig_fini(&rig);
}

static enum err ask_as_worker(struct store *store, struct tally *tally)
{
    return store_query(store, (struct worker *)tally, STR("SELECT 1"), NULL, 0, count_done, tally);
}

static void test_the_end_answers_every_worker(void **state)
{
    struct rig rig;
    struct tally tally = { .number = -1 }, writes = { .number = -1 };
    sem_t gate;

    (void)state;
    rig_init(&rig);
    rig_open(&rig);
    make_table(&rig);
    sem_init(&gate, 0, 0);
    assert_int_equal(store_query(rig.store, NULL, STR("SELECT 1"), NULL, 0, wait_for_gate, &gate),
                     ERR_NONE);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(ask_as_worker(rig.store, &tally), ERR_NONE);
        assert_int_equal(insert(rig.store, i, count_done, &writes), ERR_NONE);
    }
    sem_post(&gate);
    store_close_to_workers();
    assert_int_equal(tally.done, 10);
    assert_int_equal(ask_as_worker(rig.store, &tally), ERR_NOT_NOW);
    assert_int_equal(insert(rig.store, 10, count_done, &writes), ERR_NONE);
    store_drain(rig.store);
    assert_int_equal(writes.done, 11);
    assert_int_equal(writes.failed, 0);
    sem_destroy(&gate);
    rig_fini(&rig);
}

static void ask_again(void *context, const struct store_result *result)
{
    struct rig *rig = context;

    assert_int_equal(result->err, ERR_NONE);
    if (result->rows[0].columns[0].number == 1)
        assert_int_equal(store_query(rig->store, NULL, STR("SELECT 2"), NULL, 0, ask_again, rig),
                         ERR_NONE);
}

static void test_synchronous_store_answers_at_once(void **state)
{
    struct rig rig;
    struct tally tally = { .number = -1 };

    (void)state;
    rig_init(&rig);
    store_set_synchronous(true);
    store_set_embedded_path(":memory:");
    rig_open(&rig);
    assert_int_equal(
        store_query(rig.store, NULL, STR("SELECT 42"), NULL, 0, count_and_keep, &tally), ERR_NONE);
    assert_int_equal(tally.number, 42);
    assert_int_equal(store_query(rig.store, NULL, STR("SELECT 1"), NULL, 0, ask_again, &rig),
                     ERR_NONE);
    store_drain(rig.store);
    store_set_synchronous(false);
    rig_fini(&rig);
}

static void test_done_may_ask_again(void **state)
{
    struct rig rig;

    (void)state;
    rig_init(&rig);
    rig_open(&rig);
    assert_int_equal(store_query(rig.store, NULL, STR("SELECT 1"), NULL, 0, ask_again, &rig),
                     ERR_NONE);
    store_drain(rig.store);
    rig_fini(&rig);
}

/* --- many at once --- */

enum {
    THREADS = 8,
    EACH = 500,
};

struct hammer {
    pthread_t thread;
    struct store *store;
    struct tally *tally;
    int64_t first;
};

static void *hammer(void *argument)
{
    struct hammer *h = argument;

    for (int64_t i = 0; i < EACH; i++) {
        assert_int_equal(insert(h->store, h->first + i, count_done, h->tally), ERR_NONE);
        if (i % 50 == 0)
            assert_int_equal(
                store_run(h->store, STR("SELECT count(*) FROM t"), NULL, 0, NULL, NULL), ERR_NONE);
    }
    return NULL;
}

static void test_many_threads_hand_in(void **state)
{
    struct rig rig;
    struct tally tally = { .number = -1 };
    struct hammer hammers[THREADS];

    (void)state;
    rig_init(&rig);
    rig_open(&rig);
    make_table(&rig);
    for (int i = 0; i < THREADS; i++) {
        hammers[i] = (struct hammer){ .store = rig.store, .tally = &tally, .first = i * EACH };
        assert_int_equal(pthread_create(&hammers[i].thread, NULL, hammer, &hammers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(hammers[i].thread, NULL);
    store_drain(rig.store);
    assert_int_equal(tally.done, THREADS * EACH);
    assert_int_equal(tally.failed, 0);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM t"), THREADS * EACH);
    rig_fini(&rig);
}

/* --- what was acknowledged is there --- */

struct note {
    int pipe;
    int64_t number;
};

static void acknowledge(void *context, const struct store_result *result)
{
    struct note *note = context;

    if (!result->err && write(note->pipe, &note->number, sizeof note->number) < 0)
        _exit(2);
    free(note);
}

/* In the child: writes until it is killed. */
static void write_for_ever(struct rig *rig, int pipe)
{
    rig_open(rig);
    make_table(rig);
    for (int64_t i = 0;; i++) {
        struct note *note = malloc(sizeof *note);

        *note = (struct note){ pipe, i };
        while (insert(rig->store, i, acknowledge, note))
            usleep(100);
    }
}

static void test_killed_process_keeps_what_it_acknowledged(void **state)
{
    static const int kill_after[] = { 1, 100, 2000 };
    int64_t number = -1;
    int64_t last = -1;
    int ends[2];
    pid_t child;

    (void)state;
    for (size_t i = 0; i < sizeof kill_after / sizeof kill_after[0]; i++) {
        struct rig rig;

        rig_init(&rig);
        assert_int_equal(pipe(ends), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0)
            write_for_ever(&rig, ends[1]);
        close(ends[1]);
        for (int acks = 0; read(ends[0], &number, sizeof number) == sizeof number;) {
            last = number;
            if (++acks == kill_after[i])
                kill(child, SIGKILL);
        }
        close(ends[0]);
        waitpid(child, NULL, 0);
        rig_open(&rig);
        assert_true(rig_number(&rig, "SELECT max(n) FROM t") >= last);
        assert_int_equal(rig_number(&rig, "SELECT max(n) + 1 - count(*) FROM t"), 0);
        rig_fini(&rig);
    }
}

static size_t read_file(const char *path, char **out)
{
    struct stat status;
    int file = open(path, O_RDONLY);

    assert_true(file >= 0);
    assert_int_equal(fstat(file, &status), 0);
    *out = malloc((size_t)status.st_size + 1);
    assert_int_equal(read(file, *out, (size_t)status.st_size), status.st_size);
    close(file);
    return (size_t)status.st_size;
}

static void write_file(const char *path, const char *bytes, size_t count)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(file >= 0);
    assert_int_equal(write(file, bytes, count), count);
    close(file);
}

/* The log of SQLite as it was when the power went, cut at many places. */
static void test_torn_log_loses_only_its_end(void **state)
{
    enum { ROWS = 12, STEP = 911 };
    struct rig rig;
    struct rig torn;
    char wal[80], torn_wal[80];
    char *db_bytes, *wal_bytes;
    size_t db_size, wal_size;
    int64_t before = 0;

    (void)state;
    rig_init(&rig);
    rig_open(&rig);
    make_table(&rig);
    rig_close(&rig);
    rig_open(&rig);
    for (int i = 0; i < ROWS; i++) {
        assert_int_equal(insert(rig.store, i, NULL, NULL), ERR_NONE);
        store_drain(rig.store);
    }
    snprintf(wal, sizeof wal, "%s-wal", rig.path);
    db_size = read_file(rig.path, &db_bytes);
    wal_size = read_file(wal, &wal_bytes);
    rig_fini(&rig);
    rig_init(&torn);
    snprintf(torn_wal, sizeof torn_wal, "%s-wal", torn.path);
    for (size_t cut = 0; cut < wal_size + STEP; cut += STEP) {
        int64_t rows;

        write_file(torn.path, db_bytes, db_size);
        write_file(torn_wal, wal_bytes, cut < wal_size ? cut : wal_size);
        rig_open(&torn);
        rows = rig_number(&torn, "SELECT count(*) FROM t");
        assert_true(rows >= before);
        assert_int_equal(rig_number(&torn, "SELECT coalesce(max(n), -1) FROM t"), rows - 1);
        before = rows;
        rig_close(&torn);
    }
    assert_int_equal(before, ROWS);
    free(db_bytes);
    free(wal_bytes);
    rig_fini(&torn);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_process_keeps_what_it_acknowledged),
        cmocka_unit_test(test_torn_log_loses_only_its_end),
        cmocka_unit_test(test_reads_see_the_writes_before_them),
        cmocka_unit_test(test_settling_comes_after_the_writes_before),
        cmocka_unit_test(test_failed_write_leaves_its_neighbours),
        cmocka_unit_test(test_closing_runs_what_waits),
        cmocka_unit_test(test_full_queue_refuses_and_recovers),
        cmocka_unit_test(test_waiting_bytes_are_limited_too),
        cmocka_unit_test(test_locked_database_fails_all_that_wait),
        cmocka_unit_test(test_results_go_to_the_worker_that_asked),
        cmocka_unit_test(test_the_end_answers_every_worker),
        cmocka_unit_test(test_synchronous_store_answers_at_once),
        cmocka_unit_test(test_done_may_ask_again),
        cmocka_unit_test(test_many_threads_hand_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
