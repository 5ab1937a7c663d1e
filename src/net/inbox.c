/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "net/connection.h"

enum {
    INBOX_MIN = 2048,
};

void inbox_free(struct inbox *inbox)
{
    free(inbox->bytes);
    *inbox = (struct inbox){ 0 };
}

/* Line ends are pings and pongs; they may come in any number of parts, and take their time. */
bool inbox_has_message(const struct inbox *inbox)
{
    return inbox->len > 0 && inbox->bytes[0] != '\r';
}

/* Room for at least one byte more; false when the message is too long, or memory is short. */
static bool grow(struct inbox *inbox, size_t size_max)
{
    size_t size = inbox->size ? 2 * inbox->size : INBOX_MIN;
    char *bytes;

    if (inbox->len < inbox->size)
        return true;
    if (inbox->size >= size_max)
        return false;
    if (size > size_max)
        size = size_max;
    bytes = realloc(inbox->bytes, size);
    if (!bytes)
        return false;
    inbox->bytes = bytes;
    inbox->size = size;
    return true;
}

/* What is left of `bytes` waits for more. They are either the inbox's own, or somebody else's. */
static bool keep(struct inbox *inbox, struct str rest)
{
    size_t scanned = inbox->scanned;
    msec since = inbox->since;

    if (rest.len == 0) {
        inbox_free(inbox);
        return true;
    }
    if (!inbox->bytes) {
        inbox->size = rest.len > INBOX_MIN ? rest.len : INBOX_MIN;
        inbox->bytes = malloc(inbox->size);
        if (!inbox->bytes)
            return false;
    }
    memmove(inbox->bytes, rest.ptr, rest.len);
    inbox->len = rest.len;
    inbox->scanned = scanned;
    inbox->since = since;
    return true;
}

static void on_message(struct connection *connection, struct str message)
{
    struct net *net = connection->net;

    connection->has_spoken = true;
    connection->spoken_at = net_now(net);
    shared_heard(net->shared, &connection->entry);
    net->user.on_message(net->user.context, &connection->entry.flow, message, true);
}

static void on_keepalive(struct connection *connection, struct str keepalive)
{
    enum err err = connection_send(connection, STR("\r\n"));

    (void)keepalive;
    (void)err; /* a peer that does not read its pongs is closed by the age of the queue */
}

static void on_noise(struct connection *connection, struct str noise)
{
    (void)connection;
    (void)noise;
}

typedef void frame_fn(struct connection *connection, struct str bytes);

static frame_fn *const frame_rows[] = {
    [SIP_FRAME_MESSAGE] = on_message,
    [SIP_FRAME_KEEPALIVE] = on_keepalive,
    [SIP_FRAME_SKIP] = on_noise,
};

/* Takes one frame off *rest; false when there is none. */
static bool deliver_one(struct connection *connection, struct str *rest)
{
    struct inbox *inbox = &connection->inbox;
    size_t length = 0;
    enum sip_frame frame;

    frame = connection->functions->frame(*rest, &connection->net->frame_limits, &inbox->scanned,
                                         &length);
    if (frame == SIP_FRAME_MORE)
        return false;
    if (frame == SIP_FRAME_BROKEN) {
        connection_break(connection, ERR_SYNTAX);
        return false;
    }
    assert(length > 0 && length <= rest->len);
    inbox->scanned = 0;
    inbox->since = net_now(connection->net);
    frame_rows[frame](connection, (struct str){ rest->ptr, length });
    *rest = str_skip(*rest, length);
    return connection->state == CONNECTION_OPEN;
}

static void deliver(struct connection *connection, struct str bytes)
{
    struct inbox *inbox = &connection->inbox;

    if (inbox->len == 0)
        inbox->since = net_now(connection->net);
    while (bytes.len > 0 && deliver_one(connection, &bytes))
        ;
    if (connection->state == CONNECTION_OPEN && !keep(inbox, bytes))
        connection_break(connection, ERR_NOMEM);
}

static void on_read_error(struct connection *connection)
{
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        connection_break(connection, ERR_IO);
}

/* Where to read to: the worker's buffer, unless the beginning of a message is waiting. */
static bool find_room(struct connection *connection, char **room, size_t *size)
{
    struct inbox *inbox = &connection->inbox;

    *room = connection->net->stream_buffer;
    *size = STREAM_BUFFER;
    if (inbox->len == 0)
        return true;
    if (!grow(inbox, connection->net->limits->message_bytes))
        return false;
    *room = inbox->bytes + inbox->len;
    *size = inbox->size - inbox->len;
    return true;
}

static void read_once(struct connection *connection)
{
    struct net *net = connection->net;
    char *room;
    size_t size;
    ssize_t got;

    if (!find_room(connection, &room, &size)) {
        connection_break(connection, ERR_LIMIT);
        return;
    }
    got = connection->functions->read(connection, room, size);
    if (got < 0) {
        on_read_error(connection);
    } else if (got == 0) {
        connection_break(connection, ERR_NONE);
    } else {
        connection->active_at = net_now(net);
        tally_add(&net->tally->bytes_in, (uint64_t)got);
        deliver(connection, str_between(room - connection->inbox.len, room + got));
    }
}

/* What has left the kernel will not be announced again. */
static bool has_more(const struct connection *connection)
{
    return connection->state == CONNECTION_OPEN && connection->functions->has_more &&
           connection->functions->has_more(connection);
}

void inbox_read(struct connection *connection)
{
    do {
        read_once(connection);
    } while (has_more(connection));
}
