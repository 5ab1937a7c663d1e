/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the tests of script functions share: a run over one message, as if it had come in, on a
 * server that does nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "host/core.h"
#include "host/host.h"
#include "proxy/request.h"

#define ROWS(array) (sizeof(array) / sizeof *(array))

struct rig {
    struct server server;
    struct worker worker;
    struct listener listeners[2];
    struct request *request;
    struct run run;
};

static inline msec rig_now(void *context)
{
    (void)context;
    return 123456;
}

/* 2001-09-09 01:46:40 UTC */
static inline uint64_t rig_wall_msec(void *context)
{
    (void)context;
    return UINT64_C(1000000000) * 1000;
}

static inline struct addr rig_addr(const char *text)
{
    struct addr addr;

    assert_int_equal(addr_parse(str_of(text), &addr), ERR_NONE);
    return addr;
}

static inline void rig_listen(struct rig *rig)
{
    rig->listeners[0] = (struct listener){ .transport = TRANSPORT_UDP,
                                           .bound = rig_addr("203.0.113.1:5060"),
                                           .name = STR("udp:203.0.113.1:5060") };
    rig->listeners[1] = (struct listener){ .transport = TRANSPORT_TCP,
                                           .bound = rig_addr("203.0.113.1:5070"),
                                           .advertised_host = STR("sip.example.com"),
                                           .name = STR("tcp:203.0.113.1:5070") };
    rig->server.listeners = rig->listeners;
    rig->server.listener_count = 2;
    rig->server.world.now = rig_now;
    rig->server.world.wall_msec = rig_wall_msec;
}

/* `source` is "udp:192.0.2.1:5060"; responses stand in for their request. */
static inline void rig_open(struct rig *rig, const char *text, const char *source)
{
    struct sip_fault fault = { 0 };
    struct str transport_name, address;
    enum transport transport;

    *rig = (struct rig){ 0 };
    rig_listen(rig);
    rig->worker.server = &rig->server;
    rig->request = request_create(NULL, 1 << 20);
    assert_non_null(rig->request);
    if (sip_msg_parse(&rig->request->arena, str_of(text), false, sip_limits_default(),
                      &rig->request->msg, &fault))
        fail_msg("%s", fault.what);
    assert_true(str_split(str_of(source), ':', &transport_name, &address));
    assert_int_equal(transport_find(transport_name, &transport), ERR_NONE);
    rig->request->worker = &rig->worker;
    rig->request->target.uri = rig->request->msg->ruri;
    rig->request->source = (struct flow){ .transport = (uint8_t)transport,
                                          .socket = transport == TRANSPORT_UDP ? 0 : 1 };
    assert_int_equal(addr_parse(address, &rig->request->source.peer), ERR_NONE);
    rig->run = (struct run){
        .worker = &rig->worker,
        .request = rig->request,
        .stage = rig->request->msg->is_request ? STAGE_REQUEST : STAGE_REPLY,
        .msg = rig->request->msg,
        .source = rig->request->source,
        .edits = &rig->request->edits,
        .arena = &rig->request->arena,
    };
}

static inline void rig_close(struct rig *rig)
{
    request_unref(rig->request);
}

static inline void assert_text(struct str got, const char *want)
{
    if (!str_eq(got, str_of(want)))
        fail_msg("got '" STR_FMT "', not '%s'", STR_ARG(got), want);
}

/* The request with its edits. */
static inline struct str rig_written(struct rig *rig, char *buffer, size_t size)
{
    struct sip_outgoing out = { .max_forwards = 70, .edits = { rig->run.edits, NULL } };
    struct writer w = writer_over(buffer, size);
    struct str text;

    assert_int_equal(sip_request_write(&w, rig->run.msg, &out), ERR_NONE);
    assert_int_equal(writer_finish(&w, &text), ERR_NONE);
    return text;
}

#define SDP_BODY(session, media)                                                                   \
    "v=0\r\no=- 1 1 IN IP4 " session "\r\ns=-\r\nc=IN IP4 " session "\r\nt=0 0\r\n"                \
    "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 " media "\r\n"

/* An INVITE of alice; the Via's sent-by, the Contact and the rest are given. */
#define INVITE(sent_by, contact, headers, body)                                                    \
    "INVITE sip:bob@example.com;x=1 SIP/2.0\r\n"                                                   \
    "Via: SIP/2.0/UDP " sent_by ";branch=z9hG4bK1\r\n"                                             \
    "Max-Forwards: 70\r\n"                                                                         \
    "From: \"Alice\" <sip:alice@example.org>;tag=a1\r\n"                                           \
    "To: <sip:bob@example.com>\r\n"                                                                \
    "Call-ID: call-1\r\n"                                                                          \
    "CSeq: 7 INVITE\r\n"                                                                           \
    "Contact: " contact "\r\n" headers "\r\n" body
