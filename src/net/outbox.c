/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "net/connection.h"

enum {
    PIECES_MAX = 16, /* in one call of the kernel */
};

struct piece {
    struct piece *next;
    msec queued_at;
    size_t len;
    size_t sent;
    char bytes[];
};

void outbox_init(struct outbox *outbox)
{
    *outbox = (struct outbox){ .first = NULL };
    outbox->end = &outbox->first;
}

static void drop_first(struct outbox *outbox)
{
    struct piece *piece = outbox->first;

    outbox->first = piece->next;
    if (!outbox->first)
        outbox->end = &outbox->first;
    free(piece);
}

void outbox_free(struct outbox *outbox)
{
    while (outbox->first)
        drop_first(outbox);
    outbox->bytes = 0;
}

msec outbox_since(const struct outbox *outbox)
{
    return outbox->first ? outbox->first->queued_at : MSEC_NEVER;
}

static enum err append(struct outbox *outbox, struct str bytes, msec now)
{
    struct piece *piece = malloc(sizeof *piece + bytes.len);

    if (!piece)
        return ERR_NOMEM;
    *piece = (struct piece){ .queued_at = now, .len = bytes.len };
    memcpy(piece->bytes, bytes.ptr, bytes.len);
    *outbox->end = piece;
    outbox->end = &piece->next;
    outbox->bytes += bytes.len;
    return ERR_NONE;
}

/* How many bytes the kernel took; 0 also when the connection broke. */
static size_t write_pieces(struct connection *connection, const struct iovec *pieces, int count)
{
    ssize_t written = connection->functions->write(connection, pieces, count);

    if (written >= 0) {
        connection->active_at = net_now(connection->net);
        tally_add(&connection->net->tally->bytes_out, (uint64_t)written);
        return (size_t)written;
    }
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        connection_break(connection, ERR_IO);
    return 0;
}

static int gather(const struct outbox *outbox, struct iovec pieces[static PIECES_MAX])
{
    int count = 0;

    for (struct piece *piece = outbox->first; piece && count < PIECES_MAX; piece = piece->next)
        pieces[count++] = (struct iovec){ piece->bytes + piece->sent, piece->len - piece->sent };
    return count;
}

static void mark_sent(struct outbox *outbox, size_t written)
{
    outbox->bytes -= written;
    while (written > 0) {
        struct piece *piece = outbox->first;
        size_t left = piece->len - piece->sent;

        if (written < left) {
            piece->sent += written;
            return;
        }
        written -= left;
        drop_first(outbox);
    }
}

void outbox_flush(struct connection *connection)
{
    struct outbox *outbox = &connection->outbox;
    struct iovec pieces[PIECES_MAX];
    size_t written;

    do {
        int count = gather(outbox, pieces);

        if (count == 0)
            return;
        written = write_pieces(connection, pieces, count);
        mark_sent(outbox, written);
    } while (written > 0);
}

/* Keeps what could not be written. Half a message in the stream is worse than no connection. */
static enum err keep(struct connection *connection, struct str rest, bool is_begun)
{
    struct net *net = connection->net;
    enum err err = ERR_LIMIT;

    if (connection->outbox.bytes + rest.len <= net->limits->write_queue_bytes)
        err = append(&connection->outbox, rest, net_now(net));
    else
        tally_add(&net->tally->queue_full, 1);
    if (err && is_begun)
        connection_break(connection, err);
    return err;
}

enum err connection_send(struct connection *connection, struct str bytes)
{
    struct iovec all = { (char *)bytes.ptr, bytes.len };
    size_t written = 0;
    enum err err = ERR_NONE;

    if (connection->state == CONNECTION_BROKEN)
        return ERR_UNREACHABLE;
    if (connection->state == CONNECTION_OPEN && !connection->outbox.first)
        written = write_pieces(connection, &all, 1);
    if (connection->state == CONNECTION_BROKEN)
        return ERR_UNREACHABLE;
    if (written < bytes.len)
        err = keep(connection, str_skip(bytes, written), written > 0);
    if (connection->state != CONNECTION_BROKEN) {
        connection_watch(connection);
        connection_set_timer(connection);
    }
    return err;
}
