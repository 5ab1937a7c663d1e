/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/log_queue.h"

#include <culvert/writer.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    STOP_SECONDS = 2,
    LINE_MAX_BYTES = 4 * LOG_TEXT_MAX + 1,
};

struct line_head {
    uint32_t len; /* of the line, with its NUL */
    int32_t facility;
    uint8_t level;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t filled, ended;
    char *bytes; /* a ring; NULL: not started */
    size_t at, used;
    uint64_t lost;
    bool is_stopping, has_ended;
    log_sink_fn *out;
    log_lost_fn *on_lost;
    void *context;
    char line[LINE_MAX_BYTES]; /* of the thread */
} queue = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .filled = PTHREAD_COND_INITIALIZER,
    .ended = PTHREAD_COND_INITIALIZER,
};

/* ---- the ring; the lock is held ---- */

static void put_bytes(const void *from, size_t len)
{
    size_t end = (queue.at + queue.used) % LOG_QUEUE_BYTES;
    size_t first = len < LOG_QUEUE_BYTES - end ? len : LOG_QUEUE_BYTES - end;

    memcpy(queue.bytes + end, from, first);
    memcpy(queue.bytes, (const char *)from + first, len - first);
    queue.used += len;
}

static void take_bytes(void *to, size_t len)
{
    size_t first = len < LOG_QUEUE_BYTES - queue.at ? len : LOG_QUEUE_BYTES - queue.at;

    memcpy(to, queue.bytes + queue.at, first);
    memcpy((char *)to + first, queue.bytes, len - first);
    queue.at = (queue.at + len) % LOG_QUEUE_BYTES;
    queue.used -= len;
}

/* ---- whoever logs ---- */

static void put_line(enum log_level level, int facility, const char *line)
{
    struct line_head head = { (uint32_t)strlen(line) + 1, facility, (uint8_t)level };

    pthread_mutex_lock(&queue.lock);
    if (!queue.bytes) { /* stopped meanwhile */
        pthread_mutex_unlock(&queue.lock);
        queue.out(level, facility, line);
        return;
    }
    if (queue.used + sizeof head + head.len > LOG_QUEUE_BYTES || head.len > LINE_MAX_BYTES) {
        queue.lost++;
    } else {
        put_bytes(&head, sizeof head);
        put_bytes(line, head.len);
    }
    pthread_cond_signal(&queue.filled);
    pthread_mutex_unlock(&queue.lock);
}

/* ---- the thread ---- */

static void tell_loss(uint64_t lines)
{
    char text[100];
    struct writer w = writer_over(text, sizeof text - 1);

    write_fmt(&w, "%llu lines of the log were lost: they came faster than they could be written",
              (unsigned long long)lines);
    *w.at = '\0';
    queue.on_lost(queue.context, lines);
    queue.out(LEVEL_WARNING, LOG_OWN_FACILITY, text);
}

/* Waits for something to do; false when there is nothing and there will be no more. */
static bool take_line(struct line_head *head, uint64_t *lost)
{
    pthread_mutex_lock(&queue.lock);
    while (!queue.used && !queue.lost && !queue.is_stopping)
        pthread_cond_wait(&queue.filled, &queue.lock);
    *head = (struct line_head){ 0 };
    if (queue.used) {
        take_bytes(head, sizeof *head);
        take_bytes(queue.line, head->len);
    }
    *lost = queue.lost;
    queue.lost = 0;
    pthread_mutex_unlock(&queue.lock);
    return head->len || *lost;
}

static void *write_lines(void *unused)
{
    struct line_head head;
    uint64_t lost;

    (void)unused;
    while (take_line(&head, &lost)) {
        if (head.len)
            queue.out((enum log_level)head.level, head.facility, queue.line);
        if (lost)
            tell_loss(lost);
    }
    pthread_mutex_lock(&queue.lock);
    queue.has_ended = true;
    pthread_cond_signal(&queue.ended);
    pthread_mutex_unlock(&queue.lock);
    return NULL;
}

enum err log_queue_start(log_sink_fn *out, log_lost_fn *lost, void *context)
{
    pthread_t thread;

    if (queue.bytes)
        return ERR_EXISTS;
    queue.bytes = malloc(LOG_QUEUE_BYTES);
    if (!queue.bytes)
        return ERR_NOMEM;
    queue.at = queue.used = 0;
    queue.is_stopping = queue.has_ended = false;
    queue.out = out;
    queue.on_lost = lost;
    queue.context = context;
    if (pthread_create(&thread, NULL, write_lines, NULL)) {
        free(queue.bytes);
        queue.bytes = NULL;
        return ERR_EXHAUSTED;
    }
    pthread_detach(thread);
    log_set_sink(put_line);
    return ERR_NONE;
}

/* A thread that is stuck in the sink keeps the ring: the process is about to end. */
void log_queue_stop(void)
{
    struct timespec until;
    int err = 0;

    if (!queue.bytes)
        return;
    log_set_sink(queue.out);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += STOP_SECONDS;
    pthread_mutex_lock(&queue.lock);
    queue.is_stopping = true;
    pthread_cond_signal(&queue.filled);
    while (!queue.has_ended && err != ETIMEDOUT)
        err = pthread_cond_timedwait(&queue.ended, &queue.lock, &until);
    if (queue.has_ended) {
        free(queue.bytes);
        queue.bytes = NULL;
    }
    pthread_mutex_unlock(&queue.lock);
}
