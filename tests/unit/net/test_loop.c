/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>

#include "base/list.h"
#include "sys/loop.h"

enum {
    SENDERS = 4,
    LETTERS = 5000, /* of each sender */
};

static struct loop *open_loop(void)
{
    struct loop *loop = NULL;

    assert_int_equal(loop_create(&loop), ERR_NONE);
    return loop;
}

/* ---- the mailbox ---- */

struct office {
    struct loop *loop;
    unsigned expected[SENDERS]; /* the number of the next letter of each */
    unsigned received;
    bool is_out_of_order;
};

struct letter {
    struct mail mail;
    struct office *office;
    unsigned sender;
    unsigned number;
};

struct sender {
    struct office *office;
    pthread_t thread;
    unsigned index;
};

static void receive(struct mail *mail)
{
    struct letter *letter = CONTAINER_OF(mail, struct letter, mail);
    struct office *office = letter->office;

    if (office->expected[letter->sender]++ != letter->number)
        office->is_out_of_order = true;
    if (++office->received == SENDERS * LETTERS)
        loop_stop(office->loop);
    free(letter);
}

static void *send_all(void *context)
{
    struct sender *sender = context;

    for (unsigned i = 0; i < LETTERS; i++) {
        struct letter *letter = calloc(1, sizeof *letter);

        *letter = (struct letter){ .office = sender->office, .sender = sender->index, .number = i };
        letter->mail.run = receive;
        if (loop_post(sender->office->loop, &letter->mail))
            abort();
    }
    return NULL;
}

static void test_mail_arrives_in_order_of_posting(void **state)
{
    struct office office = { .loop = open_loop() };
    struct sender senders[SENDERS];

    (void)state;
    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){ .office = &office, .index = i };
        pthread_create(&senders[i].thread, NULL, send_all, &senders[i]);
    }
    loop_run(office.loop);
    for (unsigned i = 0; i < SENDERS; i++)
        pthread_join(senders[i].thread, NULL);
    assert_int_equal(office.received, SENDERS * LETTERS);
    assert_false(office.is_out_of_order);
    loop_destroy(office.loop);
}

struct note {
    struct mail mail;
    struct loop *loop;
    struct note *answer; /* posted when this one is read */
    unsigned *runs;
    unsigned *drops;
};

static void read_note(struct mail *mail)
{
    struct note *note = CONTAINER_OF(mail, struct note, mail);

    ++*note->runs;
    if (note->answer)
        assert_int_equal(loop_post(note->loop, &note->answer->mail), ERR_NONE);
    else
        loop_stop(note->loop);
}

static void drop_note(struct mail *mail)
{
    ++*CONTAINER_OF(mail, struct note, mail)->drops;
}

static void test_mail_may_post_mail(void **state)
{
    struct loop *loop = open_loop();
    unsigned runs = 0;
    struct note last = { .mail.run = read_note, .loop = loop, .runs = &runs };
    struct note first = { .mail.run = read_note, .loop = loop, .runs = &runs, .answer = &last };

    (void)state;
    assert_int_equal(loop_post(loop, &first.mail), ERR_NONE);
    loop_run(loop);
    assert_int_equal(runs, 2);
    loop_destroy(loop);
}

static void test_mail_that_never_ran_is_dropped(void **state)
{
    struct loop *loop = open_loop();
    unsigned runs = 0, drops = 0;
    struct note notes[2] = {
        { .mail = { .run = read_note, .drop = drop_note }, .runs = &runs, .drops = &drops },
        { .mail = { .run = read_note }, .runs = &runs },
    };

    (void)state;
    assert_int_equal(loop_post(loop, &notes[0].mail), ERR_NONE);
    assert_int_equal(loop_post(loop, &notes[1].mail), ERR_NONE);
    loop_destroy(loop);
    assert_int_equal(runs, 0);
    assert_int_equal(drops, 1);
}

static void test_a_full_mailbox_refuses(void **state)
{
    enum { ENOUGH = 1 << 20 };
    struct loop *loop = open_loop();
    unsigned posted = 0, runs = 0;
    struct note *notes = calloc(ENOUGH, sizeof *notes);

    (void)state;
    while (posted < ENOUGH) {
        notes[posted] = (struct note){ .mail.run = read_note, .loop = loop, .runs = &runs };
        if (loop_post(loop, &notes[posted].mail) == ERR_LIMIT)
            break;
        posted++;
    }
    assert_in_range(posted, 1, ENOUGH - 1);
    loop_run(loop);
    assert_int_equal(runs, posted);
    assert_int_equal(loop_post(loop, &notes[0].mail), ERR_NONE);
    loop_run(loop);
    loop_destroy(loop);
    free(notes);
}

/* ---- turns ---- */

struct ticking {
    struct loop *loop;
    unsigned ticks;
    unsigned ticks_wanted;
    msec pause;
    msec first, last;
};

static msec tick(void *context, msec now)
{
    struct ticking *ticking = context;

    if (ticking->ticks++ == 0)
        ticking->first = now;
    ticking->last = now;
    if (ticking->ticks == ticking->ticks_wanted)
        loop_stop(ticking->loop);
    return ticking->pause == MSEC_NEVER ? MSEC_NEVER : now + ticking->pause;
}

static void test_ticks_come_when_they_are_due(void **state)
{
    struct ticking ticking = { .loop = open_loop(), .ticks_wanted = 5, .pause = 3 };

    (void)state;
    loop_on_turn(ticking.loop, tick, &ticking);
    loop_run(ticking.loop);
    assert_true(ticking.last - ticking.first >= 4 * 3);
    assert_true(ticking.last <= clock_monotonic());
    loop_destroy(ticking.loop);
}

static void test_a_tick_follows_every_turn(void **state)
{
    struct ticking ticking = { .loop = open_loop(), .ticks_wanted = 2, .pause = MSEC_NEVER };
    unsigned runs = 0;
    struct note nothing = { .mail.run = read_note, .loop = ticking.loop, .runs = &runs };
    struct note note = { .mail.run = read_note, .loop = ticking.loop, .runs = &runs };

    (void)state;
    note.answer = &nothing;
    ticking.ticks_wanted = UINT32_MAX;
    loop_on_turn(ticking.loop, tick, &ticking);
    assert_int_equal(loop_post(ticking.loop, &note.mail), ERR_NONE);
    loop_run(ticking.loop);
    assert_int_equal(runs, 2);
    assert_true(ticking.ticks >= 2);
    loop_destroy(ticking.loop);
}

/* ---- stopping ---- */

static void *stop_it(void *loop)
{
    loop_stop(loop);
    return NULL;
}

static void test_another_thread_stops_the_loop_and_it_may_run_again(void **state)
{
    struct loop *loop = open_loop();

    (void)state;
    for (int i = 0; i < 100; i++) {
        pthread_t thread;

        pthread_create(&thread, NULL, stop_it, loop); /* perhaps before it runs */
        loop_run(loop);
        pthread_join(thread, NULL);
    }
    loop_destroy(loop);
    loop_destroy(NULL);
}

/* ---- clocks, random bytes ---- */

static void test_clocks_agree(void **state)
{
    struct loop *loop = open_loop();
    msec before = clock_monotonic();

    (void)state;
    assert_true(clock_monotonic() >= before);
    assert_true(loop_now(loop) <= before + 1);
    assert_true(before - loop_now(loop) < 10000);
    assert_true(clock_wall() > 1700000000);
    loop_destroy(loop);
}

static void test_random_bytes_differ_however_they_are_asked_for(void **state)
{
    struct random_source *source = random_system_create();
    unsigned char large[4096] = { 0 };
    uint64_t numbers[1000];
    unsigned zeros = 0;

    (void)state;
    assert_non_null(source);
    for (int i = 0; i < 1000; i++) {
        numbers[i] = random_u64(source);
        for (int j = 0; j < i; j++)
            assert_true(numbers[i] != numbers[j]);
    }
    source->fill(source, large, sizeof large);
    for (size_t i = 0; i < sizeof large; i++)
        zeros += large[i] == 0;
    assert_true(zeros < 100);
    random_system_destroy(source);
    random_system_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mail_arrives_in_order_of_posting),
        cmocka_unit_test(test_mail_may_post_mail),
        cmocka_unit_test(test_mail_that_never_ran_is_dropped),
        cmocka_unit_test(test_a_full_mailbox_refuses),
        cmocka_unit_test(test_ticks_come_when_they_are_due),
        cmocka_unit_test(test_a_tick_follows_every_turn),
        cmocka_unit_test(test_another_thread_stops_the_loop_and_it_may_run_again),
        cmocka_unit_test(test_clocks_agree),
        cmocka_unit_test(test_random_bytes_differ_however_they_are_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
