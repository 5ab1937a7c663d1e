/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A proxy with a fake outside, and a user that plays the host: it answers callbacks at once, or
 * keeps them waiting when it is told to. At the end nothing may be left in memory.
 */
#include "../txn/fake.h"
#include "proxy/proxy.h"
#include "proxy/request.h"

enum {
    WAITING_MAX = 64,
    UDP_SOCKET = 0,  /* 9.9.9.9:5060 */
    TCP_SOCKET = 1,  /* 9.9.9.9:5060 */
    SIDE_SOCKET = 2, /* 10.9.9.9:5070, advertised as edge.example.com */
};

struct world;
typedef void world_route_fn(struct world *world, struct request *request);

struct waiting_branch {
    struct branch *branch;
    struct request *request; /* a reference, as a suspended run would hold */
};

struct waiting_reply {
    struct branch *branch;
    struct sip_msg *response;
    struct request *request;
};

struct world {
    struct fake *fake;
    struct txn_layer *layer;
    struct proxy *proxy;
    struct arena_pool pool;
    struct arena arena; /* of the test's own texts */
    struct listener listeners[3];
    uint8_t key[32];
    struct fork_rules rules;

    /* how the user behaves */
    world_route_fn *route;         /* what happens to a new request; NULL: relay */
    world_route_fn *failure_route; /* NULL: none */
    unsigned branch_status;        /* what the branch route says */
    unsigned ready_status;         /* on_branch_ready */
    unsigned forward_status;       /* on_forward */
    unsigned reply_status;         /* what the reply route says */
    const char *reply_header;      /* the reply route appends it */
    const char *core_header;       /* the unnamed reply route does, before a response is matched */
    const char *branch_header;     /* on_branch_ready appends it */
    bool delays_branches, delays_replies, delays_failures;
    bool declines_100;   /* options.no_100 */
    size_t request_room; /* limits of arenas; 0: plenty */
    size_t response_room;
    struct str destination;

    /* what has happened */
    struct request *last; /* the latest request; a reference */
    unsigned done_count;
    enum err done_err, cancel_err;
    unsigned done_status;
    unsigned branches_asked, branches_ready, replies_asked, failures_asked;
    unsigned branch_ends, finals, ends, forwards;
    unsigned final_status;
    bool final_is_own;
    unsigned match; /* enum txn_match of the latest request */
    struct waiting_branch branches[WAITING_MAX];
    unsigned branch_count;
    struct waiting_reply replies[WAITING_MAX];
    unsigned reply_count;
    struct request *failures[WAITING_MAX];
    unsigned failure_count;
};

/* ---- the user ---- */

static inline void world_on_branch(void *context, struct branch *branch)
{
    struct world *world = context;

    world->branches_asked++;
    if (!world->delays_branches || world->branch_count == WAITING_MAX) {
        proxy_branch_continue(branch, world->branch_status);
        return;
    }
    world->branches[world->branch_count++] =
        (struct waiting_branch){ branch, request_ref(branch->request) };
}

static inline unsigned world_on_branch_ready(void *context, struct branch *branch)
{
    struct world *world = context;

    world->branches_ready++;
    if (world->branch_header)
        (void)!sip_edit_append_hdr(&branch->edits, branch->request->msg,
                                   str_of(world->branch_header));
    return world->ready_status;
}

static inline void world_on_reply(void *context, struct branch *branch, struct sip_msg *response,
                                  const struct flow *source, struct sip_edits *edits)
{
    struct world *world = context;

    assert_non_null(source);
    world->replies_asked++;
    if (world->reply_header)
        (void)!sip_edit_append_hdr(edits, response, str_of(world->reply_header));
    if (!world->delays_replies || world->reply_count == WAITING_MAX) {
        proxy_reply_continue(branch, response, world->reply_status);
        return;
    }
    world->replies[world->reply_count++] =
        (struct waiting_reply){ branch, response, request_ref(branch->request) };
}

static inline void world_on_failure(void *context, struct request *request)
{
    struct world *world = context;

    world->failures_asked++;
    if (world->delays_failures && world->failure_count < WAITING_MAX) {
        world->failures[world->failure_count++] = request_ref(request);
        return;
    }
    if (world->failure_route)
        world->failure_route(world, request);
    proxy_failure_continue(request);
}

static inline void world_on_branch_end(void *context, struct branch *branch)
{
    struct world *world = context;

    uintptr_t ended = (uintptr_t)branch->request->slots[0]; /* a bit a branch */
    uintptr_t bit = (uintptr_t)1 << branch->index;

    assert_int_equal(branch->state, BRANCH_DONE);
    assert_false(ended & bit);
    branch->request->slots[0] = (void *)(ended | bit);
    world->branch_ends++;
}

static inline void world_on_final(void *context, struct request *request, unsigned status,
                                  struct str reason, const struct sip_msg *response)
{
    struct world *world = context;

    assert_true(request->is_answered);
    assert_true(reason.len > 0);
    world->finals++;
    world->final_status = status;
    world->final_is_own = response == NULL;
}

static inline void world_on_end(void *context, struct request *request)
{
    struct world *world = context;

    assert_null(request->txn);
    for (unsigned i = 0; i < request->branch_count; i++) {
        assert_int_equal(request->branches[i]->state, BRANCH_DONE);
        assert_null(request->branches[i]->txn);
    }
    world->ends++;
}

static inline unsigned world_on_forward(void *context, struct request *request,
                                        const struct flow *flow, struct sip_edits *edits)
{
    struct world *world = context;

    assert_non_null(flow);
    assert_ptr_equal(edits, &request->edits);
    world->forwards++;
    return world->forward_status;
}

/* ---- life ---- */

static inline struct listener world_listener(enum transport transport, const char *address,
                                             const char *advertised)
{
    struct listener listener = { .transport = transport, .advertised_host = str_of(advertised) };

    assert_int_equal(addr_parse(str_of(address), &listener.bound), ERR_NONE);
    return listener;
}

static inline void world_create_layers(struct world *world, bool is_openser, bool is_multihomed)
{
    const struct txn_timers timers = { 500, 4000, 5000, 32000, 5000 };
    const struct proxy_settings settings = {
        .fr_timer = 30000,
        .fr_inv_timer = 120000,
        .listeners = world->listeners,
        .listener_count = 3,
        .token_key = world->key,
        .is_openser = is_openser,
        .rules = world->rules,
        .server_header = STR("Server: test\r\n"),
        .is_multihomed = is_multihomed,
    };
    const struct proxy_user user = {
        .context = world,
        .on_branch = world_on_branch,
        .on_branch_ready = world_on_branch_ready,
        .on_reply = world_on_reply,
        .on_failure = world_on_failure,
        .on_branch_end = world_on_branch_end,
        .on_final = world_on_final,
        .on_end = world_on_end,
        .on_forward = world_on_forward,
    };

    assert_int_equal(txn_layer_create(&world->fake->wheel, &world->fake->outside,
                                      &world->fake->prng.source, &timers, &world->layer),
                     ERR_NONE);
    assert_int_equal(proxy_create(&settings, &world->fake->wheel, world->layer,
                                  &world->fake->outside, &world->fake->prng.source, &user,
                                  &world->proxy),
                     ERR_NONE);
}

static inline struct world *world_create_with(bool is_openser, const struct fork_rules *rules)
{
    struct world *world = calloc(1, sizeof *world);

    assert_non_null(world);
    world->rules = *rules;
    world->fake = fake_create(7);
    memset(world->key, 0x5a, sizeof world->key);
    arena_pool_init(&world->pool, 0);
    arena_init(&world->arena, NULL, 1 << 22);
    world->listeners[UDP_SOCKET] = world_listener(TRANSPORT_UDP, "9.9.9.9:5060", "");
    world->listeners[TCP_SOCKET] = world_listener(TRANSPORT_TCP, "9.9.9.9:5060", "");
    world->listeners[SIDE_SOCKET] =
        world_listener(TRANSPORT_UDP, "10.9.9.9:5070", "edge.example.com");
    world_create_layers(world, is_openser, false);
    return world;
}

static inline struct world *world_create(bool is_openser)
{
    return world_create_with(is_openser, &(struct fork_rules){ 0 });
}

static inline void world_forget_last(struct world *world)
{
    request_unref(world->last);
    world->last = NULL;
}

/* Everything must have ended by itself. */
static inline void world_destroy(struct world *world)
{
    world_forget_last(world);
    fake_wait(world->fake, 400000);
    assert_int_equal(txn_read_counters(world->layer)->servers, 0);
    assert_int_equal(txn_read_counters(world->layer)->clients, 0);
    assert_int_equal(txn_read_counters(world->layer)->servers_total, world->ends);
    assert_int_equal(txn_read_counters(world->layer)->bytes, 0);
    assert_int_equal(world->fake->wheel.count, 0);
    assert_int_equal(world->pool.live_bytes, 0);
    proxy_destroy(world->proxy);
    txn_layer_destroy(world->layer);
    arena_fini(&world->arena);
    arena_pool_fini(&world->pool);
    fake_destroy(world->fake);
    free(world);
}

/* ---- requests ---- */

static inline void world_done(void *context, enum err err, unsigned status)
{
    struct world *world = context;

    assert_int_equal(err == ERR_NONE, status == 0);
    world->done_count++;
    world->done_err = err;
    world->done_status = status;
}

static inline void world_relay(struct world *world, struct request *request, bool with_ruri)
{
    struct relay_options options = { .no_100 = world->declines_100,
                                     .destination = world->destination };

    proxy_relay(world->proxy, request, with_ruri, &options, world_done, world);
}

static inline void world_add_target(struct request *request, const char *uri)
{
    struct target target = { .uri = str_of(uri), .socket = SOCKET_ANY, .q = -1 };

    assert_int_equal(request_add_target(request, &target), ERR_NONE);
}

static inline void world_route_request(struct world *world, struct request *request)
{
    if (world->route)
        world->route(world, request);
    else
        world_relay(world, request, true);
}

/* What the host does with bytes that arrive. */
static inline struct request *world_receive_on(struct world *world, struct str bytes,
                                               const struct flow *flow)
{
    struct request *request =
        request_create(&world->pool, world->request_room ? world->request_room : 1 << 20);
    struct server_txn *txn = NULL;

    assert_non_null(request);
    request->msg = fake_parse(&request->arena, bytes);
    request->source = *flow;
    request->received_at = world->fake->wheel.now;
    world->match = txn_receive_request(world->layer, request->msg, flow, &txn);
    if (world->match == TXN_CANCELS) {
        request->invite = request_ref(server_txn_context(txn));
        world->cancel_err = proxy_cancel(world->proxy, request, request->invite);
    } else if (world->match == TXN_NEW || world->match == TXN_ACKS_2XX) {
        world_route_request(world, request);
    }
    request_unref(world->last);
    world->last = request;
    return request;
}

static inline struct flow world_caller(void)
{
    struct flow flow = fake_flow(TRANSPORT_UDP, "1.2.3.4:40000", 0);

    flow.socket = UDP_SOCKET;
    return flow;
}

struct request_parts {
    const char *method;
    const char *ruri;
    const char *via;     /* whole lines; NULL: the usual one */
    const char *to_tag;  /* with ";tag=" */
    const char *headers; /* whole lines */
    unsigned cseq;
};

static inline struct str world_print(struct world *world, const struct request_parts *parts)
{
    struct str text;

    assert_int_equal(
        str_print(&world->arena, &text,
                  "%s %s SIP/2.0\r\n"
                  "%s"
                  "From: <sip:alice@example.com>;tag=a1\r\n"
                  "To: <sip:bob@example.com>%s\r\n"
                  "Call-ID: call-1\r\n"
                  "CSeq: %u %s\r\n"
                  "%s"
                  "Content-Length: 0\r\n\r\n",
                  parts->method, parts->ruri ? parts->ruri : "sip:bob@192.0.2.1",
                  parts->via ? parts->via
                             : "Via: SIP/2.0/UDP 10.0.0.7:5070;rport;branch=z9hG4bKone\r\n",
                  parts->to_tag ? parts->to_tag : "", parts->cseq ? parts->cseq : 7, parts->method,
                  parts->headers ? parts->headers : "Max-Forwards: 70\r\n"),
        ERR_NONE);
    return text;
}

static inline struct request *world_receive(struct world *world, const struct request_parts *parts)
{
    struct flow flow = world_caller();

    return world_receive_on(world, world_print(world, parts), &flow);
}

static inline struct request *world_invite(struct world *world)
{
    return world_receive(world, &(struct request_parts){ .method = "INVITE" });
}

/* ---- responses ---- */

/* Made by somebody who got `sent`, and received by us. False when no transaction took it. */
static inline bool world_answer_with(struct world *world, struct str sent, unsigned status,
                                     const char *tag, const char *headers)
{
    struct flow flow = fake_flow(TRANSPORT_UDP, "192.0.2.1:5060", 0);
    struct sip_reply reply = { .status = status,
                               .to_tag = str_of(tag),
                               .headers = str_of(headers) };
    char buffer[4096];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct sip_edits edits = { 0 };
    struct arena arena, own;
    struct sip_msg *request, *response;
    bool is_taken;

    arena_init(&arena, NULL, 1 << 16);
    request = fake_parse(&arena, sent);
    assert_int_equal(sip_reply_write(&w, request, &reply), ERR_NONE);
    arena_init(&own, &world->pool, world->response_room ? world->response_room : 1 << 16);
    response = fake_parse(&own, writer_text(&w));
    if (world->core_header)
        assert_int_equal(sip_edit_append_hdr(&edits, response, str_of(world->core_header)), 0);
    is_taken = proxy_receive_response(world->proxy, response, &flow, &edits);
    arena_fini(&own);
    arena_fini(&arena);
    return is_taken;
}

static inline struct str world_sent(const struct world *world, unsigned index)
{
    assert_true(index < world->fake->count);
    return world->fake->sent[index].bytes;
}

static inline bool world_answer(struct world *world, unsigned sent, unsigned status,
                                const char *tag)
{
    return world_answer_with(world, world_sent(world, sent), status, tag, "");
}

/* ---- looking at what was sent ---- */

static inline unsigned world_count(const struct world *world, const char *start)
{
    unsigned count = 0;

    for (unsigned i = 0; i < world->fake->count; i++)
        count += str_starts(world->fake->sent[i].bytes, str_of(start));
    return count;
}

/* The n-th message (from 0) that starts so. */
static inline unsigned world_find(const struct world *world, const char *start, unsigned n)
{
    for (unsigned i = 0; i < world->fake->count; i++)
        if (str_starts(world->fake->sent[i].bytes, str_of(start)) && n-- == 0)
            return i;
    fail_msg("nothing was sent that starts with %s", start);
    return 0;
}

static inline struct str world_nth(const struct world *world, const char *start, unsigned n)
{
    return world->fake->sent[world_find(world, start, n)].bytes;
}

static inline void assert_peer(const struct flow *flow, const char *address)
{
    struct addr want;
    char text[FLOW_TEXT_MAX];

    assert_int_equal(addr_parse(str_of(address), &want), ERR_NONE);
    if (!addr_eq(&flow->peer, &want))
        fail_msg("%s, not %s", flow_text(flow, text), address);
}

/* ---- what waits ---- */

static inline void world_continue_branch(struct world *world, unsigned index, unsigned status)
{
    struct waiting_branch waiting = world->branches[index];

    assert_true(index < world->branch_count);
    world->branch_count--;
    memmove(world->branches + index, world->branches + index + 1,
            (world->branch_count - index) * sizeof *world->branches);
    proxy_branch_continue(waiting.branch, status);
    request_unref(waiting.request);
}

static inline void world_continue_reply(struct world *world, unsigned index, unsigned status)
{
    struct waiting_reply waiting = world->replies[index];

    assert_true(index < world->reply_count);
    world->reply_count--;
    memmove(world->replies + index, world->replies + index + 1,
            (world->reply_count - index) * sizeof *world->replies);
    proxy_reply_continue(waiting.branch, waiting.response, status);
    request_unref(waiting.request);
}

static inline void world_continue_failure(struct world *world, unsigned index)
{
    struct request *request = world->failures[index];

    assert_true(index < world->failure_count);
    world->failure_count--;
    memmove(world->failures + index, world->failures + index + 1,
            (world->failure_count - index) * sizeof *world->failures);
    if (world->failure_route)
        world->failure_route(world, request);
    proxy_failure_continue(request);
    request_unref(request);
}
