/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The event loop of one thread, over libuv, and what a thread of ours needs from the kernel: clocks,
 * random bytes, a mailbox that other threads post to. Nothing above sys/ and net/ sees libuv.
 */
#include <culvert/err.h>
#include <culvert/random.h>
#include <culvert/timer.h>

struct loop;
struct uv_loop_s;

/* Work posted from another thread: run() is called on the loop's thread, in order of posting. */
struct mail {
    struct mail *next;
    void (*run)(struct mail *mail);  /* owns the mail from then on */
    void (*drop)(struct mail *mail); /* instead of run, by loop_destroy; NULL: nothing to free */
};

MUST_USE enum err loop_create(struct loop **out);
void loop_destroy(struct loop *loop);
/* Runs until loop_stop. */
void loop_run(struct loop *loop);
/* From any thread. */
void loop_stop(struct loop *loop);
/* From any thread; wakes the loop at most once for a burst. ERR_LIMIT when `mailbox_max` wait already. */
MUST_USE enum err loop_post(struct loop *loop, struct mail *mail);
/* Milliseconds as of the start of this turn of the loop. */
msec loop_now(const struct loop *loop);
/* Calls tick at the end of every turn, and at the latest at the time it returned last (MSEC_NEVER: when something happens). */
void loop_on_turn(struct loop *loop, msec (*tick)(void *context, msec now), void *context);
struct uv_loop_s *loop_uv(struct loop *loop);

msec clock_monotonic(void);
uint64_t clock_wall(void); /* seconds since 1970 */
uint64_t clock_fine(void); /* nanoseconds, monotonic */
uint64_t clock_wall_msec(void);
/* The kernel's random bytes, buffered; one instance a thread. */
struct random_source *random_system_create(void);
void random_system_destroy(struct random_source *source);
