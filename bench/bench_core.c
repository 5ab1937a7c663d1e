/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one worker costs without the kernel: REGISTERs and whole calls through a script, between an
 * outside that swallows what is sent. Prints microseconds per operation and what memory stays.
 *
 * usage: bench_core SCRIPT [OPERATIONS]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/prng.h"
#include "host/host.h"

enum {
    MESSAGE_MAX = 8192,
    CALLEE_PORT = 6000,
    CALLER_PORT = 7000,
    MSEC_EACH = 10, /* between operations: transactions of 32 s overlap, and end */
};

/* The last message sent to each side. */
static struct {
    char bytes[MESSAGE_MAX];
    size_t length;
} to_callee, to_caller;

static msec now = 1000;

static enum err swallow(struct outside *outside, const struct flow *flow, struct str bytes)
{
    bool is_callee = flow->peer.port == CALLEE_PORT;

    (void)outside;
    memcpy(is_callee ? to_callee.bytes : to_caller.bytes, bytes.ptr, bytes.len);
    if (is_callee)
        to_callee.length = bytes.len;
    else
        to_caller.length = bytes.len;
    return ERR_NONE;
}

static void resolve_nothing(struct outside *outside, const struct resolve_query *query,
                            resolve_done_fn *done, void *context)
{
    (void)outside;
    (void)query;
    done(context, ERR_UNRESOLVED, NULL, 0);
}

static msec tell_now(void *context)
{
    (void)context;
    return now;
}

static uint64_t tell_wall_msec(void *context)
{
    (void)context;
    return UINT64_C(1700000000) * 1000 + now;
}

static struct flow flow_of(uint16_t port)
{
    struct flow flow = { .transport = TRANSPORT_UDP };

    if (addr_parse(port == CALLEE_PORT ? STR("192.0.2.2:6000") : STR("192.0.2.3:7000"), &flow.peer))
        exit(EXIT_FAILURE);
    return flow;
}

static void deliver(struct worker *worker, uint16_t port, const char *bytes, size_t length)
{
    struct flow flow = flow_of(port);

    worker_receive(worker, &flow, (struct str){ bytes, length }, false);
}

static void send_register(struct worker *worker, unsigned number)
{
    char bytes[MESSAGE_MAX];
    int length = snprintf(bytes, sizeof bytes,
                          "REGISTER sip:192.0.2.1 SIP/2.0\r\n"
                          "Via: SIP/2.0/UDP 192.168.1.2:6000;branch=z9hG4bKr%u;rport\r\n"
                          "From: <sip:bob@192.0.2.1>;tag=r%u\r\nTo: <sip:bob@192.0.2.1>\r\n"
                          "Call-ID: register-bob\r\nCSeq: %u REGISTER\r\nMax-Forwards: 70\r\n"
                          "Contact: <sip:bob@192.168.1.2:6000>\r\nExpires: 600\r\n"
                          "User-Agent: bench\r\nContent-Length: 0\r\n\r\n",
                          number, number, number + 1);

    deliver(worker, CALLEE_PORT, bytes, (size_t)length);
}

static const char offer[] = "v=0\r\no=- 1 1 IN IP4 192.168.1.3\r\ns=-\r\nc=IN IP4 192.168.1.3\r\n"
                            "t=0 0\r\nm=audio 4000 RTP/AVP 8 0\r\na=rtpmap:8 PCMA/8000\r\n";

/* The lines of a header, as they stand in a message that we sent. */
static void copy_headers(char *to, size_t room, const char *message, size_t length, const char *name)
{
    struct str rest = { message, length }, line;
    size_t used = 0;

    to[0] = '\0';
    while (str_split(rest, '\n', &line, &rest) && line.len > 1) {
        if (str_istarts(line, str_of(name)))
            used += (size_t)snprintf(to + used, room - used, "%.*s\n", (int)line.len, line.ptr);
    }
}

static void answer(struct worker *worker, unsigned status, const char *reason, const char *body)
{
    static const char *const copied[] = { "Via:", "Record-Route:", "From:", "Call-ID:", "CSeq:" };
    char bytes[MESSAGE_MAX], lines[2048];
    size_t used = (size_t)snprintf(bytes, sizeof bytes, "SIP/2.0 %u %s\r\n", status, reason);

    for (size_t i = 0; i < sizeof copied / sizeof copied[0]; i++) {
        copy_headers(lines, sizeof lines, to_callee.bytes, to_callee.length, copied[i]);
        used += (size_t)snprintf(bytes + used, sizeof bytes - used, "%s", lines);
    }
    used += (size_t)snprintf(bytes + used, sizeof bytes - used,
                             "To: <sip:bob@192.0.2.1>;tag=callee\r\nContact: <sip:bob@192.168.1.2:6000>\r\n"
                             "%sContent-Length: %zu\r\n\r\n%s",
                             body[0] ? "Content-Type: application/sdp\r\n" : "", strlen(body), body);
    deliver(worker, CALLEE_PORT, bytes, used);
}

static void send_from_caller(struct worker *worker, const char *method, unsigned call, unsigned cseq,
                             const char *route, const char *body)
{
    bool is_inside = strcmp(method, "INVITE") != 0;
    char bytes[MESSAGE_MAX];
    int length = snprintf(
        bytes, sizeof bytes,
        "%s sip:bob@%s SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.1.3:7000;branch=z9hG4bK%s%u;rport\r\n"
        "From: \"Alice\" <sip:alice@192.0.2.1>;tag=caller%u\r\nTo: <sip:bob@192.0.2.1>%s\r\n"
        "Call-ID: call-%u@192.168.1.3\r\nCSeq: %u %s\r\nMax-Forwards: 70\r\n%s"
        "Contact: <sip:alice@192.168.1.3:7000>\r\nUser-Agent: bench\r\n%sContent-Length: %zu\r\n\r\n%s",
        method, is_inside ? "192.168.1.2:6000" : "192.0.2.1", method, call, call,
        is_inside ? ";tag=callee" : "", call, cseq, strcmp(method, "ACK") ? method : "ACK", route,
        body[0] ? "Content-Type: application/sdp\r\n" : "", strlen(body), body);

    deliver(worker, CALLER_PORT, bytes, (size_t)length);
}

static void make_call(struct worker *worker, unsigned call)
{
    char record[2048], route[2100];

    send_from_caller(worker, "INVITE", call, 1, "", offer);
    answer(worker, 180, "Ringing", "");
    answer(worker, 200, "OK", offer);
    copy_headers(record, sizeof record, to_caller.bytes, to_caller.length, "Record-Route:");
    snprintf(route, sizeof route, "%s%s", record[0] ? "Route" : "",
             record[0] ? record + strlen("Record-Route") : "");
    send_from_caller(worker, "ACK", call, 1, route, "");
    send_from_caller(worker, "BYE", call, 2, route, "");
    answer(worker, 200, "OK", "");
}

static double seconds(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

typedef void operation_fn(struct worker *worker, unsigned number);

static void measure(struct worker *worker, const char *name, operation_fn *operation, unsigned count)
{
    double start = seconds();

    for (unsigned i = 0; i < count; i++) {
        operation(worker, i);
        worker_advance(worker, now += MSEC_EACH);
    }
    printf("%-10s %8.2f us  (%u times, %zu KB live)\n", name, (seconds() - start) * 1e6 / count,
           count, worker->pool.live_bytes / 1024);
}

/* There is no relay here; scripts with the nat module shall do without. */
static void leave_media_alone(struct server *server)
{
    const struct value off = value_of_int(0);

    if (server_find_module(server, STR("nat")) &&
        server_set_param(server, STR("nat"), STR("relay_media"), &off, NULL))
        exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
    struct outside outside = { .send = swallow, .resolve = resolve_nothing };
    unsigned count = argc > 2 ? (unsigned)atoi(argv[2]) : 20000;
    struct listener listener = { .transport = TRANSPORT_UDP, .name = STR("udp:192.0.2.1:5060") };
    struct server *server;
    struct worker *worker;
    struct prng prng;
    const struct server_world world = {
        .random = &prng.source,
        .location_random = &prng.source,
        .media_random = &prng.source,
        .now = tell_now,
        .wall_msec = tell_wall_msec,
    };

    if (argc < 2) {
        fprintf(stderr, "usage: bench_core SCRIPT [OPERATIONS]\n");
        return EXIT_FAILURE;
    }
    prng_init(&prng, 1);
    log_set_threshold(LEVEL_ERROR);
    if (addr_parse(STR("192.0.2.1:5060"), &listener.bound) || server_create(&world, &server))
        return EXIT_FAILURE;
    server->settings.module_path = str_of(MODULE_FOLDER);
    if (server_load(server, argv[1], NULL, DIALECT_AUTO))
        return EXIT_FAILURE;
    leave_media_alone(server);
    server_set_listeners(server, &listener, 1);
    if (server_start(server, 1) || worker_create(server, 0, &outside, &prng.source, now, &worker))
        return EXIT_FAILURE;
    measure(worker, "REGISTER", send_register, count);
    measure(worker, "call", make_call, count);
    printf("requests %" PRIdFAST64 "  forwarded %" PRIdFAST64 "  unmatched %" PRIdFAST64
           "  dropped %" PRIdFAST64 "\n",
           atomic_load(&server->count.requests->value), atomic_load(&server->count.forwarded->value),
           atomic_load(&server->count.unmatched->value), atomic_load(&server->count.dropped->value));
    worker_destroy(worker);
    server_destroy(server);
    return EXIT_SUCCESS;
}
