/* SPDX-License-Identifier: Apache-2.0 */
#include "store/wire.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sys/loop.h"

enum err interrupt_init(struct interrupt *interrupt)
{
    atomic_init(&interrupt->is_raised, false);
    interrupt->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return interrupt->fd < 0 ? ERR_EXHAUSTED : ERR_NONE;
}

void interrupt_fini(struct interrupt *interrupt)
{
    if (interrupt->fd >= 0)
        close(interrupt->fd);
}

void interrupt_raise(struct interrupt *interrupt)
{
    atomic_store(&interrupt->is_raised, true);
    eventfd_write(interrupt->fd, 1);
}

static int time_left(msec deadline)
{
    msec now = clock_monotonic();

    if (now >= deadline)
        return 0;
    return deadline - now < INT_MAX ? (int)(deadline - now) : INT_MAX;
}

enum err wire_wait(const struct connection *connection, int fd, short *events, msec deadline)
{
    struct pollfd waits[] = { { .fd = connection->database->interrupt.fd, .events = POLLIN },
                              { .fd = fd, .events = *events } };
    int ready;

    do
        ready = poll(waits, 2, time_left(deadline));
    while (ready < 0 && errno == EINTR);
    if (ready < 0)
        return ERR_IO;
    if (waits[0].revents)
        return ERR_NOT_NOW;
    *events = waits[1].revents;
    return waits[1].revents ? ERR_NONE : ERR_TIMEOUT;
}
