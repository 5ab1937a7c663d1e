/* SPDX-License-Identifier: Apache-2.0 */
#include "host/ping.h"

#include <culvert/cursor.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

/* ---- the mark ---- */

enum {
    SIGNED_MAX = 64,
    SECRET_SIZE = 32,
};

/* HMAC-SHA-256. What is signed says what for: no other signature of ours looks like it. */
static bool sign(const uint8_t *secret, struct str ruid, uint8_t mac[static EVP_MAX_MD_SIZE])
{
    char buffer[SIGNED_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct str text;
    unsigned size;

    write_str(&w, STR("keepalive "));
    write_str(&w, ruid);
    return !writer_finish(&w, &text) &&
           HMAC(EVP_sha256(), secret, SECRET_SIZE, (const uint8_t *)text.ptr, text.len, mac, &size);
}

static bool is_token(struct str text)
{
    struct cursor c = cursor_over(text);

    cursor_take(&c, class_token);
    return cursor_finish(&c) == ERR_NONE;
}

static enum err write_mark(struct writer *w, const uint8_t *secret, struct str ruid)
{
    uint8_t mac[EVP_MAX_MD_SIZE];

    if (!is_token(ruid))
        return ERR_SYNTAX;
    if (!sign(secret, ruid, mac))
        return ERR_NOMEM;
    write_hex(w, mac, PING_MAC_BYTES);
    write_char(w, '-');
    write_str(w, ruid);
    return ERR_NONE;
}

/* ---- the request ---- */

static void write_host(struct writer *w, const struct listener *listener)
{
    uint16_t port = listener->advertised_port ? listener->advertised_port : listener->bound.port;

    if (str_is_empty(listener->advertised_host))
        addr_write_ip(w, &listener->bound, true);
    else
        write_str(w, listener->advertised_host);
    if (port != transport_traits(listener->transport)->default_port)
        write_fmt(w, ":%u", port);
}

static void write_start(struct writer *w, const struct ping *ping)
{
    write_str(w, ping->method);
    write_char(w, ' ');
    write_str(w, ping->binding->contact);
    write_str(w, STR(" SIP/2.0\r\n"));
}

static void write_via(struct writer *w, const struct ping *ping, struct str mark)
{
    write_str(w, STR("Via: SIP/2.0/"));
    write_str(w, transport_traits(ping->listener->transport)->via_name);
    write_char(w, ' ');
    write_host(w, ping->listener);
    write_fmt(w, ";branch=z9hG4bK" STR_FMT ".%llx;rport\r\n", STR_ARG(mark),
              (unsigned long long)ping->number);
}

static void write_route(struct writer *w, struct str path)
{
    if (str_is_empty(path))
        return;
    write_str(w, STR("Route: "));
    write_str(w, path);
    write_str(w, STR("\r\n"));
}

static void write_parties(struct writer *w, const struct ping *ping, struct str mark)
{
    write_str(w, STR("From: <"));
    if (str_is_empty(ping->from)) {
        write_str(w, STR("sip:keepalive@"));
        write_host(w, ping->listener);
    } else {
        write_str(w, ping->from);
    }
    write_fmt(w, ">;tag=" STR_FMT "\r\nTo: <" STR_FMT ">\r\n", STR_ARG(mark),
              STR_ARG(ping->binding->contact));
}

enum err ping_write(struct writer *w, const struct ping *ping)
{
    char buffer[PING_MARK_MAX];
    struct writer mark_writer = writer_over(buffer, sizeof buffer);
    struct str mark, text;
    enum err err = write_mark(&mark_writer, ping->secret, ping->binding->ruid);

    if (!err)
        err = writer_finish(&mark_writer, &mark);
    if (err)
        return err;
    write_start(w, ping);
    write_via(w, ping, mark);
    write_str(w, STR("Max-Forwards: 70\r\n"));
    write_route(w, ping->binding->path);
    write_parties(w, ping, mark);
    write_fmt(w, "Call-ID: " STR_FMT ".%llx\r\nCSeq: 1 " STR_FMT "\r\nContent-Length: 0\r\n\r\n",
              STR_ARG(mark), (unsigned long long)ping->number, STR_ARG(ping->method));
    return writer_finish(w, &text);
}

/* ---- the answer ---- */

bool ping_read_answer(const struct sip_msg *response, const uint8_t *secret, struct str *ruid)
{
    char buffer[PING_MARK_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct str mac, rest, expected;

    if (response->is_request || !str_split(response->from_tag, '-', &mac, &rest) ||
        mac.len != 2 * PING_MAC_BYTES || rest.len > RUID_MAX)
        return false;
    if (write_mark(&w, secret, rest) || writer_finish(&w, &expected) ||
        CRYPTO_memcmp(expected.ptr, mac.ptr, mac.len) != 0)
        return false;
    *ruid = rest;
    return true;
}

/* ---- the pace ---- */

/*
 * As many turns in an interval as there are ticks, but no more slices than shards. Workers begin a
 * part of a turn apart, so that they do not all send at once.
 */
void ping_pace_init(struct ping_pace *pace, msec now, msec interval, unsigned tick, unsigned index,
                    unsigned count)
{
    unsigned turns = (unsigned)(interval / tick);

    if (turns > PING_SLICES_MAX / count)
        turns = PING_SLICES_MAX / count;
    if (turns == 0)
        turns = 1;
    *pace = (struct ping_pace){
        .start = now + interval * index / ((msec)turns * count),
        .interval = interval,
        .turns = turns,
        .index = index,
        .count = count,
    };
}

unsigned ping_pace_slices(const struct ping_pace *pace)
{
    return pace->turns * pace->count;
}

/* After a long pause the turns that were missed are not made up for more than one interval. */
static void skip_missed(struct ping_pace *pace, msec now)
{
    uint64_t intervals;

    if (now < pace->start)
        return;
    intervals = (now - pace->start) / pace->interval;
    if (intervals > 0 && pace->done < (intervals - 1) * pace->turns)
        pace->done = (intervals - 1) * pace->turns;
}

bool ping_pace_next(struct ping_pace *pace, msec now, unsigned *slice)
{
    skip_missed(pace, now);
    if (pace->start + pace->done * pace->interval / pace->turns > now)
        return false;
    *slice = (unsigned)(pace->done++ % pace->turns) * pace->count + pace->index;
    return true;
}
