/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/watchdog.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include <culvert/log.h>

#include "daemon/pulse.h"

enum {
    PERIOD = 1, /* s */
};

struct watchdog {
    struct workers *workers;
    struct counter *silences;
    msec limit;
    bool aborts;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t ends;
    bool is_ending;
    struct pulse pulses[SERVER_WORKERS_MAX];
};

static void report(struct watchdog *watchdog, unsigned index, enum pulse_news news, msec silence)
{
    unsigned seconds = (unsigned)(silence / 1000);

    if (news == PULSE_BACK)
        log_notice("worker %u goes on after %u s", index, seconds);
    if (news != PULSE_LOST)
        return;
    counter_add(watchdog->silences, 1);
    log_write(LEVEL_ALERT,
              "worker %u has done nothing for %u s, and its calls stand still: please report this "
              "with what `gdb -p PID -batch -ex 'thread apply all bt'` prints",
              index, seconds);
    if (watchdog->aborts)
        abort();
}

static void look(struct watchdog *watchdog, msec now)
{
    for (unsigned i = 0; i < workers_count(watchdog->workers); i++) {
        msec silence;
        uint64_t turns = workers_turns(watchdog->workers, i);
        enum pulse_news news =
            pulse_feel(&watchdog->pulses[i], turns, now, watchdog->limit, &silence);

        report(watchdog, i, news, silence);
        workers_wake(watchdog->workers, i);
    }
}

/* True when it is time to end. */
static bool wait_a_period(struct watchdog *watchdog)
{
    struct timespec until;
    bool is_ending;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PERIOD;
    pthread_mutex_lock(&watchdog->lock);
    if (!watchdog->is_ending)
        pthread_cond_timedwait(&watchdog->ends, &watchdog->lock, &until);
    is_ending = watchdog->is_ending;
    pthread_mutex_unlock(&watchdog->lock);
    return is_ending;
}

static void *run(void *argument)
{
    struct watchdog *watchdog = argument;

    while (!wait_a_period(watchdog))
        look(watchdog, clock_monotonic());
    return NULL;
}

static void free_watchdog(struct watchdog *watchdog)
{
    pthread_mutex_destroy(&watchdog->lock);
    pthread_cond_destroy(&watchdog->ends);
    free(watchdog);
}

enum err watchdog_start(struct server *server, struct workers *workers, struct watchdog **out)
{
    const struct settings *settings = &server->settings;
    struct watchdog *watchdog;
    enum err err;

    *out = NULL;
    if (settings->watchdog_timeout <= 0)
        return ERR_NONE;
    watchdog = calloc(1, sizeof *watchdog);
    if (!watchdog)
        return ERR_NOMEM;
    watchdog->workers = workers;
    watchdog->limit = (msec)settings->watchdog_timeout * 1000;
    watchdog->aborts = settings->watchdog_abort;
    pthread_mutex_init(&watchdog->lock, NULL);
    pthread_cond_init(&watchdog->ends, NULL);
    err = server_counter(server, "core", "silences", &watchdog->silences);
    if (!err && pthread_create(&watchdog->thread, NULL, run, watchdog))
        err = ERR_EXHAUSTED;
    if (err)
        free_watchdog(watchdog);
    else
        *out = watchdog;
    return err;
}

void watchdog_stop(struct watchdog *watchdog)
{
    if (!watchdog)
        return;
    pthread_mutex_lock(&watchdog->lock);
    watchdog->is_ending = true;
    pthread_cond_signal(&watchdog->ends);
    pthread_mutex_unlock(&watchdog->lock);
    pthread_join(watchdog->thread, NULL);
    free_watchdog(watchdog);
}
