/* SPDX-License-Identifier: Apache-2.0 */
/* A phone's life: what it is, what it hears, and how its bytes travel. */
#include "support/phone.h"

#include <stdio.h>
#include <stdlib.h>

#include "support/phone_inside.h"
#include "support/simnat.h"

/* ---- what is heard ---- */

static bool is_ping(struct str bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        if (bytes.ptr[i] != '\r' && bytes.ptr[i] != '\n' && bytes.ptr[i] != '\0')
            return false;
    return true;
}

static void count_ping(struct phone *phone)
{
    msec now = world_now(phone->world);

    if (phone->pings++ == 0)
        phone->first_ping = now;
    else if (now - phone->last_ping > phone->longest_pause)
        phone->longest_pause = now - phone->last_ping;
    phone->last_ping = now;
}

struct str phone_keep(struct phone *phone, struct str text)
{
    struct str kept;

    if (str_copy(&phone->arena, text, &kept))
        abort();
    return kept;
}

static bool was_heard(const struct phone *phone, struct str bytes)
{
    for (const struct heard *heard = phone->heard; heard; heard = heard->next)
        if (str_eq(heard->text.bytes, bytes))
            return true;
    return false;
}

static void note_fault(struct phone *phone, const char *fault, struct str bytes)
{
    if (phone->fault)
        return;
    phone->fault = fault;
    phone->faulty = bytes;
}

static void note_challenge(struct phone *phone, const struct siptext *text)
{
    bool is_proxy = text->status == 407;
    struct str challenge =
        siptext_value(text, is_proxy ? STR("Proxy-Authenticate") : STR("WWW-Authenticate"));

    if (!challenge.len)
        return;
    phone->is_proxy_challenge = is_proxy;
    phone->challenge = challenge;
    phone->nonce_count = 0;
}

static void answer_by_reflex(struct phone *phone, struct heard *heard)
{
    struct draft draft;

    for (unsigned i = 0; i < phone->reflex_count && heard->text.is_request; i++)
        if (str_eq(phone->reflexes[i], heard->text.method)) {
            heard->is_read = true;
            phone_response(phone, &draft, heard, 200, STR(""), SAY_USUAL);
            phone_send_draft(&draft);
            return;
        }
}

static void hear(struct phone *phone, struct str bytes)
{
    struct heard *heard;
    const char *fault;

    if (is_ping(bytes)) {
        count_ping(phone);
        return;
    }
    heard = arena_zalloc(&phone->arena, sizeof *heard);
    if (!heard)
        abort();
    heard->at = world_now(phone->world);
    heard->is_repeat = was_heard(phone, bytes);
    bytes = phone_keep(phone, bytes);
    if ((fault = siptext_read(bytes, &heard->text)))
        note_fault(phone, fault, bytes);
    *phone->heard_end = heard;
    phone->heard_end = &heard->next;
    phone->heard_count++;
    if (fault)
        return;
    answer_by_reflex(phone, heard);
    if (heard->is_repeat)
        return;
    if (heard->text.status == 401 || heard->text.status == 407)
        note_challenge(phone, &heard->text);
    phone_follow(phone, &heard->text);
}

static void on_datagram(struct sim_socket *socket, const struct addr *from, struct str bytes)
{
    (void)from;
    hear(socket->owner, bytes);
}

/* ---- streams ---- */

static size_t frame_length(struct str bytes)
{
    const char *end = str_find(bytes, STR("\r\n\r\n"));
    struct siptext text = { 0 };
    uint64_t length;

    if (str_starts(bytes, STR("\r\n")))
        return 2;
    if (!end)
        return 0;
    text.headers = str_between(bytes.ptr, end + 2);
    if (str_to_uint(siptext_value(&text, STR("Content-Length")), 0, 65535, &length))
        return bytes.len;
    length += (size_t)(end + 4 - bytes.ptr);
    return length <= bytes.len ? length : 0;
}

static void on_bytes(struct sim_end *end, struct str bytes)
{
    struct phone *phone = end->owner;
    size_t length;

    phone->partial = realloc(phone->partial, phone->partial_length + bytes.len);
    if (!phone->partial)
        abort();
    memcpy(phone->partial + phone->partial_length, bytes.ptr, bytes.len);
    phone->partial_length += bytes.len;
    while ((length = frame_length((struct str){ phone->partial, phone->partial_length }))) {
        hear(phone, (struct str){ phone->partial, length });
        phone->partial_length -= length;
        memmove(phone->partial, phone->partial + length, phone->partial_length);
    }
}

static void on_closed(struct sim_end *end, bool was_refused)
{
    struct phone *phone = end->owner;

    (void)was_refused;
    if (phone->stream == end)
        phone->stream = NULL;
    phone->partial_length = 0;
}

static const struct sim_stream_user stream_user = { on_bytes, on_closed };

void phone_connect(struct phone *phone)
{
    phone_hang_up(phone);
    phone->port++;
    phone->stream = sim_connect(&phone->world->net, &phone->host, phone->port, &phone->proxy,
                                &stream_user, phone);
}

void phone_hang_up(struct phone *phone)
{
    if (phone->stream)
        sim_close(&phone->world->net, phone->stream);
    phone->stream = NULL;
    phone->partial_length = 0;
}

static void on_accepted(struct sim_listener *listener, struct sim_end *end)
{
    struct phone *phone = listener->owner;

    end->user = &stream_user;
    end->owner = phone;
    if (!phone->stream)
        phone->stream = end;
}

void phone_listen(struct phone *phone)
{
    phone->listener = (struct sim_listener){
        .host = &phone->host, .local = phone->host.ip, .accepted = on_accepted, .owner = phone
    };
    phone->listener.local.port = phone->socket.local.port;
    sim_listen(&phone->world->net, &phone->listener);
}

/* ---- sending ---- */

void phone_send(struct phone *phone, struct str bytes)
{
    phone->last_sent = phone_keep(phone, bytes);
    if (phone->transport == TRANSPORT_UDP) {
        sim_send(&phone->world->net, &phone->socket, &phone->proxy, bytes);
        return;
    }
    if (!phone->stream)
        phone_connect(phone);
    sim_write(&phone->world->net, phone->stream, bytes);
}

void phone_send_slowly(struct phone *phone, struct str bytes)
{
    if (!phone->stream)
        phone_connect(phone);
    for (size_t i = 0; i < bytes.len; i++)
        sim_write(&phone->world->net, phone->stream, (struct str){ bytes.ptr + i, 1 });
}

void phone_send_draft(struct draft *draft)
{
    phone_send(draft->phone, draft_write(draft));
}

/* ---- life ---- */

void phone_init(struct phone *phone, struct world *world, const struct phone_options *options)
{
    *phone = (struct phone){
        .name = options->name,
        .world = world,
        .host = { .name = options->name, .realm = options->realm, .ip = options->ip },
        .proxy = options->proxy,
        .transport = options->transport,
        .user = str_of(options->user),
        .domain = str_of(options->domain),
        .password = str_of(options->password),
        .port = options->port ? options->port : 5060,
    };
    arena_init(&phone->arena, NULL, SIZE_MAX);
    phone->heard_end = &phone->heard;
    phone->host.ip.port = 0;
    simnet_add_host(&world->net, &phone->host);
    phone->socket = (struct sim_socket){
        .host = &phone->host, .local = phone->host.ip, .receive = on_datagram, .owner = phone
    };
    phone->socket.local.port = phone->port;
    sim_socket_open(&world->net, &phone->socket);
    if (phone->transport != TRANSPORT_UDP)
        phone->port = (uint16_t)(phone->port + 40000);
}

static void close_media(struct phone *phone)
{
    for (struct phone_call *call = phone->calls; call; call = call->next)
        if (call->has_audio) {
            sim_socket_close(&phone->world->net, &call->audio);
            sim_socket_close(&phone->world->net, &call->control);
        }
}

void phone_forget(struct phone *phone)
{
    close_media(phone);
    arena_fini(&phone->arena);
    phone->calls = NULL;
    phone->heard = NULL;
    phone->heard_end = &phone->heard;
    phone->heard_count = 0;
    phone->asked = NULL;
    phone->registration_id = phone->challenge = phone->last_sent = STR("");
}

void phone_fini(struct phone *phone)
{
    phone_forget(phone);
    phone_hang_up(phone);
    if (list_is_linked(&phone->listener.node))
        sim_unlisten(&phone->listener);
    sim_socket_close(&phone->world->net, &phone->socket);
    list_remove(&phone->host.node);
    free(phone->partial);
}
