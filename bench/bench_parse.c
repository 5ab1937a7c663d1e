/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it costs to read and write messages, in nanoseconds per operation: the best of several
 * rounds, since everything that disturbs a round makes it slower.
 */
#include <culvert/edit.h>
#include <culvert/sdp.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    ROUNDS = 400, /* short ones: some of them go undisturbed on a busy machine */
    OPERATIONS = 1000,
};

static const char invite[] =
    "INVITE sip:bob@biloxi.example.com;user=phone SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 192.168.1.20:5060;branch=z9hG4bK-524287-1---74bf9ae9c4a8b3d1;rport\r\n"
    "Max-Forwards: 70\r\n"
    "Contact: <sip:alice@192.168.1.20:5060>\r\n"
    "To: <sip:bob@biloxi.example.com>\r\n"
    "From: \"Alice Liddell\" <sip:alice@atlanta.example.com>;tag=1928301774\r\n"
    "Call-ID: 84432Y2FmYzc5ZjA1MmQ4Nzc3YTdkMDY4MGY\r\n"
    "CSeq: 314159 INVITE\r\n"
    "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, INFO, MESSAGE, UPDATE\r\n"
    "Content-Type: application/sdp\r\n"
    "Supported: replaces, outbound\r\n"
    "User-Agent: Softphone 5.2 release 101\r\n"
    "Content-Length: 139\r\n"
    "\r\n"
    "v=0\r\n"
    "o=- 13 1 IN IP4 192.168.1.20\r\n"
    "s=call\r\n"
    "c=IN IP4 192.168.1.20\r\n"
    "t=0 0\r\n"
    "m=audio 49170 RTP/AVP 0 8 101\r\n"
    "a=rtpmap:101 telephone-event/8000\r\n";

static const char forwarded_via[] =
    "Via: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bKc1d2e3f405162738;rport\r\n";
static const char record_route[] =
    "Record-Route: <sip:203.0.113.5;lr;ft=0123456789abcdef0123456789abcdef>\r\n";

struct bench {
    struct arena_pool pool;
    struct arena arena;
    struct str text;
    struct sip_msg *msg; /* parsed once, for what writes it */
    char buffer[4096];
    size_t sink; /* keeps the work from being optimised away */
};

static void must(enum err err)
{
    if (!err)
        return;
    fprintf(stderr, "bench_parse: %s\n", err_name(err));
    exit(1);
}

static struct sip_msg *parse(struct bench *b, struct arena *arena)
{
    struct sip_fault fault;
    struct sip_msg *msg;

    must(sip_msg_parse(arena, b->text, false, sip_limits_default(), &msg, &fault));
    return msg;
}

static void run_index(struct bench *b)
{
    arena_init(&b->arena, &b->pool, 65536);
    b->sink += parse(b, &b->arena)->hdr_count;
    arena_fini(&b->arena);
}

static void run_peek(struct bench *b)
{
    b->sink += sip_peek_call_id(b->text).len;
}

static void run_frame(struct bench *b)
{
    size_t scanned = 0;
    size_t length = 0;

    b->sink += sip_stream_frame(b->text, sip_limits_default(), &scanned, &length) + length;
}

static void run_request_write(struct bench *b)
{
    struct writer w = writer_over(b->buffer, sizeof b->buffer);
    struct sip_outgoing out = {
        .ruri = STR("sip:bob@198.51.100.7:5062;transport=udp"),
        .via = STR(forwarded_via),
        .record_routes = STR(record_route),
        .max_forwards = 69,
        .received_via = STR("SIP/2.0/UDP 192.168.1.20:5060;branch=z9hG4bK-524287-1---74bf9ae9;"
                            "received=198.51.100.1;rport=1024"),
    };

    must(sip_request_write(&w, b->msg, &out));
    b->sink += writer_text(&w).len;
}

static void run_reply_write(struct bench *b)
{
    struct writer w = writer_over(b->buffer, sizeof b->buffer);

    must(sip_reply_write(&w, b->msg, &(struct sip_reply){ .status = 100 }));
    b->sink += writer_text(&w).len;
}

static void run_sdp_anchor(struct bench *b)
{
    struct writer w = writer_over(b->buffer, sizeof b->buffer);
    struct sdp_anchor anchor = {
        .is_relayed = true,
        .address = { .ip = { 203, 0, 113, 5 }, .port = 30000, .family = ADDR_IPV4 },
        .rtcp_port = 30001,
    };
    struct sdp sdp;

    must(sdp_parse(b->msg->body, &sdp));
    must(sdp_write_anchored(&w, &sdp, &anchor, &(struct sdp_writing){ .replaces_origin = true }));
    b->sink += writer_text(&w).len;
}

static double now_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static double measure(struct bench *b, void (*run)(struct bench *))
{
    double best = 1e18;

    for (int round = 0; round < ROUNDS; round++) {
        double start = now_ns();
        double spent;

        for (int i = 0; i < OPERATIONS; i++)
            run(b);
        spent = (now_ns() - start) / OPERATIONS;
        best = spent < best ? spent : best;
    }
    return best;
}

int main(void)
{
    static const struct {
        const char *name;
        void (*run)(struct bench *);
    } cases[] = {
        { "index an INVITE", run_index },        { "peek at its Call-ID", run_peek },
        { "frame it on a stream", run_frame },   { "write it onwards", run_request_write },
        { "write 100 Trying", run_reply_write }, { "anchor its SDP", run_sdp_anchor },
    };
    static struct bench b;
    struct arena keep;

    arena_pool_init(&b.pool, 16);
    arena_init(&keep, &b.pool, 65536);
    b.text = STR(invite);
    b.msg = parse(&b, &keep);
    printf("INVITE of %zu bytes, %u header fields\n", b.text.len, b.msg->hdr_count);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        printf("%-24s %8.1f ns\n", cases[i].name, measure(&b, cases[i].run));
    arena_fini(&keep);
    arena_pool_fini(&b.pool);
    return b.sink == 0;
}
