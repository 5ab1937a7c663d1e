/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions on an engine without sockets or threads: every packet and every port is in sight. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/list.h"
#include "base/prng.h"
#include "media/engine.h"
#include "phones.h"

enum {
    SENT_MAX = 64,
    SECOND = 1000,
    MINUTE = 60 * SECOND,
};

/* -- the simulated engine -- */

struct fake_pair {
    struct list_node node;
    struct media_ports ports;
};

/* A packet that left the relay. */
struct sent {
    struct addr from, to;
    size_t count;
};

struct fake_engine {
    struct media_engine base;
    struct list_node pairs;
    unsigned pair_count;
    unsigned opens_left; /* further opens fail with `failure` */
    enum err failure;
    msec now;
    struct sent sent[SENT_MAX];
    unsigned sent_count;
};

static struct fake_engine *fake_of(struct media_engine *engine)
{
    return CONTAINER_OF(engine, struct fake_engine, base);
}

static unsigned choose_lane(struct media_engine *engine)
{
    (void)engine;
    return 0;
}

static enum err open_pair(struct media_engine *engine, unsigned lane, struct leg *leg,
                          const struct addr *local, struct media_ports **out)
{
    struct fake_engine *fake = fake_of(engine);
    struct fake_pair *pair;

    assert_int_equal(lane, 0);
    if (fake->opens_left == 0)
        return fake->failure;
    fake->opens_left--;
    pair = calloc(1, sizeof *pair);
    pair->ports = (struct media_ports){ .leg = leg, .local = *local };
    list_push_back(&fake->pairs, &pair->node);
    fake->pair_count++;
    *out = &pair->ports;
    return ERR_NONE;
}

static void close_pair(struct media_engine *engine, struct media_ports *ports)
{
    struct fake_engine *fake = fake_of(engine);
    struct fake_pair *pair = CONTAINER_OF(ports, struct fake_pair, ports);

    list_remove(&pair->node);
    fake->pair_count--;
    media_closed(ports, fake->now);
    free(pair);
}

static bool send_packet(struct media_engine *engine, struct media_ports *ports,
                        enum media_half half, const struct addr *to,
                        const struct media_packet *packet)
{
    struct fake_engine *fake = fake_of(engine);
    struct sent *sent = &fake->sent[fake->sent_count++ % SENT_MAX];

    *sent = (struct sent){ ports->local, *to, packet->count };
    sent->from.port = (uint16_t)(ports->local.port + half);
    return true;
}

static enum err start(struct media_engine *engine, struct relay *relay)
{
    (void)engine;
    (void)relay;
    return ERR_NONE;
}

static void destroy(struct media_engine *engine)
{
    assert_int_equal(fake_of(engine)->pair_count, 0);
}

/* -- a relay on it, and calls -- */

struct world {
    struct fake_engine fake;
    struct prng prng;
    struct relay *relay;
    unsigned timeouts;
    char ended[32];
    unsigned ended_streams;
};

static void note_timeout(void *context, const struct relay_report *report)
{
    struct world *world = context;

    world->timeouts++;
    snprintf(world->ended, sizeof world->ended, STR_FMT, STR_ARG(report->call_id));
    world->ended_streams = report->stream_count;
    assert_false(relay_has_call(world->relay, report->call_id)); /* no lock is held */
}

static void open_world(struct world *world, uint16_t port_max)
{
    const struct relay_interface interfaces[] = {
        { .local = at("192.0.2.1"), .advertised = at("192.0.2.1") },
        { .local = at("10.0.0.1"), .advertised = at("198.51.100.1") },
        { .local = at("2001:db8:9::1"), .advertised = at("2001:db8:9::1") },
    };
    const struct addr reserved = at("192.0.2.1:5060");
    const struct addr_net denied = { .addr = at("198.18.0.0"), .bits = 15 };
    const struct relay_settings settings = {
        .port_min = 30000,
        .port_max = port_max,
        .port_rest = 5 * SECOND,
        .audio_rate = { .packets = 400, .bytes = 250000 },
        .reserved = &reserved,
        .reserved_count = 1,
        .denied = &denied,
        .denied_count = 1,
        .interfaces = interfaces,
        .interface_count = 3,
    };
    const struct relay_user user = { world, note_timeout };

    *world = (struct world){ 0 };
    world->fake.base =
        (struct media_engine){ 1, choose_lane, open_pair, close_pair, send_packet, start, destroy };
    list_init(&world->fake.pairs);
    world->fake.opens_left = UINT32_MAX;
    world->fake.now = SECOND;
    prng_init(&world->prng, 11);
    assert_int_equal(
        relay_create_on(&world->fake.base, &settings, &world->prng.source, &user, &world->relay),
        ERR_NONE);
}

static struct relay_counters counters_of(struct world *world)
{
    struct relay_counters counters;

    relay_read_counters(world->relay, &counters);
    return counters;
}

static unsigned pairs_used(struct world *world)
{
    assert_int_equal(counters_of(world).ports_used, 2 * world->fake.pair_count);
    return world->fake.pair_count;
}

static void close_world(struct world *world)
{
    relay_destroy(world->relay);
}

/* A phone: what its description says, where its signalling and its media come from. */
struct phone {
    const char *tag;
    struct addr described, signalling, media;
    struct sdp_anchor anchor; /* what it was told last */
};

/* Behind a NAT. */
static struct phone natted(const char *tag, const char *public_ip)
{
    struct phone phone = { .tag = tag, .described = at("192.168.1.5:4000") };

    phone.signalling = at(public_ip);
    phone.media = phone.signalling;
    phone.media.port = 61000;
    return phone;
}

/* One step of offer and answer. */
struct step {
    const char *call, *branch;
    bool is_from_caller, is_answer;
};

static struct relay_party party_of(const struct phone *phone)
{
    return (struct relay_party){ .source = phone->signalling };
}

static struct relay_describe describe_of(struct world *world, struct step step,
                                         const struct phone *from, const struct phone *to,
                                         const struct sdp *sdp)
{
    return (struct relay_describe){
        .call_id = str_of(step.call),
        .sender_tag = str_of(from->tag),
        .receiver_tag = str_of(to->tag),
        .branch = str_of(step.branch),
        .is_from_caller = step.is_from_caller,
        .carrier = step.is_answer ? SDP_CARRIES_ANSWER : SDP_CARRIES_OFFER,
        .sdp = sdp,
        .sender = party_of(from),
        .receiver = party_of(to),
        .now = world->fake.now,
    };
}

static enum err try_sdp(struct world *world, struct step step, const struct phone *from,
                        struct phone *to, const struct sdp *sdp)
{
    struct relay_describe what = describe_of(world, step, from, to, sdp);
    struct sdp_anchor anchors[SDP_STREAMS_MAX];
    enum err err = relay_describe(world->relay, &what, anchors);

    if (!err)
        to->anchor = anchors[0];
    return err;
}

static enum err try_describe(struct world *world, struct step step, const struct phone *from,
                             struct phone *to)
{
    const struct sdp sdp = audio_sdp(&from->described);

    return try_sdp(world, step, from, to, &sdp);
}

static void describe(struct world *world, struct step step, const struct phone *from,
                     struct phone *to)
{
    assert_int_equal(try_describe(world, step, from, to), ERR_NONE);
    assert_true(to->anchor.is_relayed);
}

/* The INVITE's offer on a branch; the callee's tag is not known yet. */
static void offer(struct world *world, const char *branch, const struct phone *caller,
                  struct phone *callee)
{
    struct phone unknown = *callee;

    unknown.tag = "";
    describe(world, (struct step){ "call", branch, true, false }, caller, &unknown);
    callee->anchor = unknown.anchor;
}

static void answer(struct world *world, const char *branch, const struct phone *callee,
                   struct phone *caller)
{
    describe(world, (struct step){ "call", branch, false, true }, callee, caller);
}

static const struct step reoffer = { "call", "", false, false };
static const struct step reanswer = { "call", "", false, true };

static struct fake_pair *find_pair(struct world *world, const struct addr *local)
{
    LIST_EACH(node, &world->fake.pairs)
    {
        struct fake_pair *pair = CONTAINER_OF(node, struct fake_pair, node);

        if (pair->ports.local.port == (local->port & ~1) &&
            pair->ports.local.family == local->family)
            return pair;
    }
    return NULL;
}

/* A packet from an address arrives at a port of the relay; what was sent on is counted. */
static unsigned deliver(struct world *world, const struct addr *from, const struct addr *port,
                        const uint8_t *bytes, size_t count)
{
    const struct media_packet packet = { *from, bytes, count };
    struct fake_pair *pair = find_pair(world, port);
    unsigned before = world->fake.sent_count;

    if (pair)
        media_receive(&pair->ports, port->port % 2 ? HALF_RTCP : HALF_RTP, &packet, 1,
                      world->fake.now);
    return world->fake.sent_count - before;
}

static unsigned send_rtp(struct world *world, const struct addr *from, const struct addr *port)
{
    uint8_t bytes[RTP_SIZE];

    return deliver(world, from, port, bytes, fill_rtp(bytes, 1));
}

static unsigned send_rtcp(struct world *world, const struct addr *from, const struct addr *port)
{
    uint8_t bytes[RTP_SIZE];

    return deliver(world, from, port, bytes, fill_rtcp(bytes, 1));
}

static struct addr rtcp_of(const struct addr *rtp)
{
    struct addr rtcp = *rtp;

    rtcp.port++;
    return rtcp;
}

static const struct sent *last_sent(const struct world *world)
{
    assert_true(world->fake.sent_count > 0);
    return &world->fake.sent[(world->fake.sent_count - 1) % SENT_MAX];
}

static bool eq(const struct addr *a, const struct addr *b)
{
    return addr_eq(a, b);
}

/* The phone's RTP reaches the other one, at its real place, from the port that it was told. */
static void expect_hears(struct world *world, const struct phone *from, const struct phone *to)
{
    assert_int_equal(send_rtp(world, &from->media, &from->anchor.address), 1);
    assert_true(eq(&last_sent(world)->to, &to->media));
    assert_true(eq(&last_sent(world)->from, &to->anchor.address));
}

static void expect_two_way(struct world *world, const struct phone *a, const struct phone *b)
{
    send_rtp(world, &a->media, &a->anchor.address); /* may be the first one ever */
    expect_hears(world, b, a);
    expect_hears(world, a, b);
    expect_hears(world, b, a);
}

/* Alice has called Bob, both behind NATs. */
struct call {
    struct world world;
    struct phone a, b;
};

static void set_up(struct call *call)
{
    open_world(&call->world, 39999);
    call->a = natted("alice", "203.0.113.7");
    call->b = natted("bob", "198.51.100.9");
    offer(&call->world, "b1", &call->a, &call->b);
    answer(&call->world, "b1", &call->b, &call->a);
    relay_keep_branch(call->world.relay, STR("call"), STR("alice"), STR("b1"), STR("bob"));
}

static void hang_up(struct call *call)
{
    relay_end(call->world.relay, STR("call"), STR("alice"), STR("bob"));
    assert_int_equal(pairs_used(&call->world), 0);
    assert_int_equal(counters_of(&call->world).sessions, 0);
    close_world(&call->world);
}

/* -- tests -- */

static void test_call_is_two_way(void **state)
{
    struct call call;

    (void)state;
    set_up(&call);
    assert_int_equal(pairs_used(&call.world), 2);
    assert_int_equal(call.a.anchor.address.port % 2, 0);
    assert_int_equal(call.a.anchor.rtcp_port, call.a.anchor.address.port + 1);
    assert_false(eq(&call.a.anchor.address, &call.b.anchor.address));
    expect_two_way(&call.world, &call.a, &call.b);
    hang_up(&call);
}

/* needs 2: never to the private address; forwarding starts at the leg's first valid packet. */
static void test_nothing_goes_to_a_private_description(void **state)
{
    struct call call;
    struct addr callee_rtcp;

    (void)state;
    set_up(&call);
    for (int i = 0; i < 100; i++)
        assert_int_equal(send_rtp(&call.world, &call.a.media, &call.a.anchor.address), 0);
    assert_int_equal(counters_of(&call.world).unsendable, 100);
    expect_hears(&call.world, &call.b, &call.a);
    expect_hears(&call.world, &call.a, &call.b);
    callee_rtcp = rtcp_of(&call.b.anchor.address);
    assert_int_equal(send_rtcp(&call.world, &call.b.media, &callee_rtcp), 0);
    hang_up(&call);
}

static void test_early_media_needs_no_answer(void **state)
{
    struct call call;

    (void)state;
    open_world(&call.world, 39999);
    call.a = natted("alice", "203.0.113.7");
    call.b = natted("bob", "198.51.100.9");
    offer(&call.world, "b1", &call.a, &call.b);
    /* faster than the answer: learned, though nobody hears it yet */
    assert_int_equal(send_rtp(&call.world, &call.b.media, &call.b.anchor.address), 0);
    answer(&call.world, "b1", &call.b, &call.a);
    expect_hears(&call.world, &call.a, &call.b);
    hang_up(&call);
}

static const struct {
    const char *what, *described;
    bool is_direct, is_sent;
} described_rows[] = {
    { "the signalling's address", "198.51.100.9:4000", false, true },
    { "another address", "198.51.100.10:4000", false, false },
    { "another, of a direct party", "198.51.100.10:4000", true, true },
    { "private, of a direct party", "10.9.9.9:4000", true, true },
    { "loopback", "127.0.0.1:5060", true, false },
    { "metadata of a cloud", "169.254.169.254:80", true, false },
    { "multicast", "224.0.0.1:4000", true, false },
    { "broadcast", "255.255.255.255:4000", true, false },
    { "nowhere", "0.0.0.0:4000", true, false },
    { "other family", "[2001:db8::5]:4000", true, false },
};

static void check_described(const char *described, bool is_direct, unsigned want, const char *what)
{
    struct call call;
    struct sdp sdp;
    struct relay_describe describe;
    struct sdp_anchor anchors[SDP_STREAMS_MAX];

    open_world(&call.world, 39999);
    call.a = natted("alice", "203.0.113.7");
    call.b = natted("bob", "198.51.100.9");
    offer(&call.world, "b1", &call.a, &call.b);
    call.b.described = at(described);
    sdp = audio_sdp(&call.b.described);
    describe = describe_of(&call.world, (struct step){ "call", "b1", false, true }, &call.b,
                           &call.a, &sdp);
    describe.sender.is_direct = is_direct;
    assert_int_equal(relay_describe(call.world.relay, &describe, anchors), ERR_NONE);
    call.a.anchor = anchors[0];
    if (send_rtp(&call.world, &call.a.media, &call.a.anchor.address) != want)
        fail_msg("%s", what);
    close_world(&call.world);
}

static void test_where_descriptions_are_believed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof described_rows / sizeof *described_rows; i++)
        check_described(described_rows[i].described, described_rows[i].is_direct,
                        described_rows[i].is_sent, described_rows[i].what);
}

/* needs 24: whatever a description says, the relay does not talk to itself. */
static void test_own_ports_are_no_destination(void **state)
{
    struct call call;
    struct addr own;

    (void)state;
    open_world(&call.world, 39999);
    call.a = natted("alice", "203.0.113.7");
    call.b = natted("bob", "192.0.2.1");
    offer(&call.world, "b1", &call.a, &call.b);
    own = call.b.anchor.address;
    assert_true(relay_owns_port(call.world.relay, &own));
    call.b.described = own;
    answer(&call.world, "b1", &call.b, &call.a);
    assert_int_equal(send_rtp(&call.world, &call.a.media, &call.a.anchor.address), 0);
    /* and from such a port nothing is taken, although the signalling came from that address */
    assert_int_equal(send_rtp(&call.world, &own, &call.b.anchor.address), 0);
    assert_int_equal(counters_of(&call.world).strangers, 1);
    hang_up(&call);
}

/* security ROUTE-3: nothing is sent to such a place, and nothing is learned from it. */
static void expect_refused(const char *place)
{
    struct call call;

    open_world(&call.world, 39999);
    call.a = natted("alice", "203.0.113.7");
    call.b = natted("bob", "198.51.100.9");
    call.b.signalling = call.b.described = call.b.media = at(place);
    offer(&call.world, "b1", &call.a, &call.b);
    answer(&call.world, "b1", &call.b, &call.a);
    assert_int_equal(send_rtp(&call.world, &call.a.media, &call.a.anchor.address), 0);
    assert_int_equal(send_rtp(&call.world, &call.b.media, &call.b.anchor.address), 0);
    assert_int_equal(counters_of(&call.world).strangers, 1);
    relay_end(call.world.relay, STR("call"), STR(""), STR(""));
    close_world(&call.world);
}

static void test_places_that_nothing_is_sent_to(void **state)
{
    (void)state;
    expect_refused("192.0.2.1:5060");    /* our own signalling */
    expect_refused("198.51.100.1:5060"); /* the same port under another name of ours */
    expect_refused("198.19.255.1:4000"); /* denied by the operator */
    expect_refused("127.0.0.1:4000");
    expect_refused("169.254.169.254:80");
    expect_refused("224.0.0.1:4000");
}

/* Sends to every open port what a stranger can send. */
static void spray(struct world *world, const struct addr *from)
{
    LIST_EACH(node, &world->fake.pairs)
    {
        struct addr port = CONTAINER_OF(node, struct fake_pair, node)->ports.local;

        send_rtp(world, from, &port);
        port.port++;
        send_rtcp(world, from, &port);
    }
}

static unsigned sent_to(const struct world *world, unsigned since, const struct addr *to)
{
    unsigned count = 0;

    assert_true(world->fake.sent_count - since <= SENT_MAX);
    for (unsigned i = since; i < world->fake.sent_count; i++)
        count += addr_eq(&world->fake.sent[i % SENT_MAX].to, to);
    return count;
}

/* How many packets the sprayer got, and how many of its own were taken, in a minute of a call. */
static void spray_call(const char *sprayer, unsigned *got, unsigned *injected)
{
    struct addr from = at(sprayer);
    struct call call;

    *got = *injected = 0;
    set_up(&call);
    for (int i = 0; i < 60 * 50; i++) {
        unsigned since = call.world.fake.sent_count;

        for (int n = 0; n < 10; n++)
            spray(&call.world, &from);
        *injected += call.world.fake.sent_count - since;
        if (i > 5) { /* the phones are slower */
            send_rtp(&call.world, &call.a.media, &call.a.anchor.address);
            send_rtp(&call.world, &call.b.media, &call.b.anchor.address);
        }
        *got += sent_to(&call.world, since, &from);
        call.world.fake.now += 20;
    }
    expect_two_way(&call.world, &call.a, &call.b);
    hang_up(&call);
}

/* security MEDIA-2: a sprayer that is there first and never stops. */
static void test_sprayer_from_elsewhere_gets_and_says_nothing(void **state)
{
    unsigned got, injected;

    (void)state;
    spray_call("192.0.2.66:9", &got, &injected);
    assert_int_equal(got, 0);
    assert_int_equal(injected, 0);
}

/* What a script says of an asymmetric client: it listens where it says, and sends from elsewhere.
 */
static void test_asymmetric_party_is_sent_to_where_it_says(void **state)
{
    struct call call;
    struct sdp sdp;
    struct relay_describe what;
    struct sdp_anchor anchors[SDP_STREAMS_MAX];

    (void)state;
    set_up(&call);
    call.b.described = at("198.51.100.9:7000");
    sdp = audio_sdp(&call.b.described);
    what = describe_of(&call.world, reanswer, &call.b, &call.a, &sdp);
    what.sender.is_asymmetric = true;
    describe(&call.world, reoffer, &call.a, &call.b);
    assert_int_equal(relay_describe(call.world.relay, &what, anchors), ERR_NONE);
    send_rtp(&call.world, &call.b.media, &call.b.anchor.address);
    assert_int_equal(send_rtp(&call.world, &call.a.media, &call.a.anchor.address), 1);
    assert_true(eq(&last_sent(&call.world)->to, &call.b.described));
    hang_up(&call);
}

/* security MEDIA-9: a party that floods gets its cap, and the other call all it sends. */
static void test_flood_is_capped(void **state)
{
    struct call call;
    unsigned passed = 0;

    (void)state;
    set_up(&call);
    expect_two_way(&call.world, &call.a, &call.b);
    for (int i = 0; i < 10000; i++, call.world.fake.now += i % 5 == 0) {
        passed += send_rtp(&call.world, &call.a.media, &call.a.anchor.address);
        if (i % 100 == 0)
            expect_hears(&call.world, &call.b, &call.a);
    }
    assert_in_range(passed, 1000, 1300); /* two seconds at 400, and a burst */
    assert_int_equal(counters_of(&call.world).excess, 10000 - passed);
    hang_up(&call);
}

static void test_own_ports_are_known_by_both_names(void **state)
{
    struct world world;
    struct phone a = natted("alice", "10.0.0.7"), b = natted("bob", "10.0.0.8");
    struct addr outside, inside;

    (void)state;
    open_world(&world, 39999);
    b.described = at("10.0.0.8:4000");
    /* our address on that side chooses the interface */
    {
        const struct sdp sdp = audio_sdp(&a.described);
        struct relay_describe what =
            describe_of(&world, (struct step){ "call", "b1", true, false }, &a, &b, &sdp);
        struct sdp_anchor anchors[SDP_STREAMS_MAX];

        what.receiver.local = at("10.0.0.1");
        assert_int_equal(relay_describe(world.relay, &what, anchors), ERR_NONE);
        outside = anchors[0].address;
    }
    inside = at("10.0.0.1");
    inside.port = outside.port;
    assert_true(relay_owns_port(world.relay, &outside));
    assert_true(relay_owns_port(world.relay, &inside));
    outside.ip[3]++;
    assert_false(relay_owns_port(world.relay, &outside));
    close_world(&world);
}

/* needs 5: A sends 183, B answers 200, C is cancelled. */
static void check_fork(const unsigned order[3])
{
    struct world world;
    struct phone caller = natted("alice", "203.0.113.7");
    struct phone callees[3] = { natted("a", "198.51.100.1"), natted("b", "198.51.100.2"),
                                natted("c", "198.51.100.3") };
    static const char *const branches[] = { "b1", "b2", "b3" };

    open_world(&world, 39999);
    for (unsigned i = 0; i < 3; i++)
        offer(&world, branches[i], &caller, &callees[i]);
    assert_int_equal(pairs_used(&world), 3);
    for (unsigned i = 0; i < 3; i++) {
        switch (order[i]) {
        case 0: /* 183, too late when there is a winner */
            if (relay_has_call(world.relay, STR("call")))
                (void)try_describe(&world, (struct step){ "call", "b1", false, true }, &callees[0],
                                   &caller);
            break;
        case 1:
            answer(&world, "b2", &callees[1], &caller);
            relay_keep_branch(world.relay, STR("call"), STR("alice"), STR("b2"), STR("b"));
            break;
        default:
            relay_end_branch(world.relay, STR("call"), STR("alice"), STR("b3"));
        }
    }
    assert_int_equal(pairs_used(&world), 2);
    assert_int_equal(counters_of(&world).sessions, 1);
    if (order[2] != 0)
        expect_two_way(&world, &caller, &callees[1]);
    /* the dialog is found by its tags now */
    describe(&world, reoffer, &callees[1], &caller);
    describe(&world, reanswer, &caller, &callees[1]);
    expect_two_way(&world, &caller, &callees[1]);
    assert_int_equal(pairs_used(&world), 2);
    close_world(&world);
}

static void test_fork_to_three_in_any_order(void **state)
{
    static const unsigned orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
                                           { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };

    (void)state;
    for (unsigned i = 0; i < 6; i++)
        check_fork(orders[i]);
}

static void test_branches_of_a_fork_do_not_hear_each_other(void **state)
{
    struct world world;
    struct phone caller = natted("alice", "203.0.113.7"), first, second;

    (void)state;
    open_world(&world, 39999);
    first = natted("a", "198.51.100.1");
    second = natted("b", "198.51.100.2");
    offer(&world, "b1", &caller, &first);
    offer(&world, "b2", &caller, &second);
    assert_int_equal(send_rtp(&world, &second.media, &first.anchor.address), 0);
    assert_int_equal(counters_of(&world).strangers, 1);
    close_world(&world);
}

/* The INVITE has no offer; the callee's 200 has it, and the ACK the answer. */
static void test_late_offer(void **state)
{
    struct call call;

    (void)state;
    open_world(&call.world, 39999);
    call.a = natted("alice", "203.0.113.7");
    call.b = natted("bob", "198.51.100.9");
    describe(&call.world, (struct step){ "call", "b1", false, false }, &call.b, &call.a);
    relay_keep_branch(call.world.relay, STR("call"), STR("alice"), STR("b1"), STR("bob"));
    describe(&call.world, reanswer, &call.a, &call.b);
    expect_two_way(&call.world, &call.a, &call.b);
    hang_up(&call);
}

static void test_answer_without_session_is_not_found(void **state)
{
    struct world world;
    struct phone a = natted("alice", "203.0.113.7"), b = natted("bob", "198.51.100.9");

    (void)state;
    open_world(&world, 39999);
    assert_int_equal(try_describe(&world, reanswer, &a, &b), ERR_NOT_FOUND);
    assert_int_equal(pairs_used(&world), 0);
    close_world(&world);
}

/* After a restart only the tags are known. */
static void test_offer_inside_a_dialog_opens_a_session(void **state)
{
    struct call call;

    (void)state;
    open_world(&call.world, 39999);
    call.a = natted("alice", "203.0.113.7");
    call.b = natted("bob", "198.51.100.9");
    describe(&call.world, reoffer, &call.b, &call.a);
    describe(&call.world, reanswer, &call.a, &call.b);
    expect_two_way(&call.world, &call.a, &call.b);
    describe(&call.world, reoffer, &call.a, &call.b);
    assert_int_equal(counters_of(&call.world).sessions, 1);
    hang_up(&call);
}

static void test_reoffer_keeps_the_ports_from_either_side(void **state)
{
    struct call call;
    struct addr at_a, at_b;

    (void)state;
    set_up(&call);
    at_a = call.a.anchor.address;
    at_b = call.b.anchor.address;
    for (int i = 0; i < 10; i++) {
        describe(&call.world, reoffer, i % 2 ? &call.a : &call.b, i % 2 ? &call.b : &call.a);
        describe(&call.world, reanswer, i % 2 ? &call.b : &call.a, i % 2 ? &call.a : &call.b);
        assert_true(eq(&call.a.anchor.address, &at_a));
        assert_true(eq(&call.b.anchor.address, &at_b));
        expect_two_way(&call.world, &call.a, &call.b);
    }
    assert_int_equal(pairs_used(&call.world), 2);
    hang_up(&call);
}

/* needs 15: a quarter of an hour on hold, then two-way again. */
static void check_hold(enum sdp_direction direction, const char *address)
{
    struct call call;
    struct addr at_b;
    struct sdp sdp;

    set_up(&call);
    at_b = call.b.anchor.address;
    expect_two_way(&call.world, &call.a, &call.b);
    sdp = audio_sdp(&call.a.described);
    sdp.streams[0].direction = (uint8_t)direction;
    if (address)
        sdp.streams[0].address = at(address);
    assert_int_equal(try_sdp(&call.world, reoffer, &call.a, &call.b, &sdp), ERR_NONE);
    sdp = audio_sdp(&call.b.described);
    sdp.streams[0].direction = (uint8_t)(direction == SDP_SENDONLY ? SDP_RECVONLY : direction);
    assert_int_equal(try_sdp(&call.world, reanswer, &call.b, &call.a, &sdp), ERR_NONE);
    for (int i = 0; i < 15 * 60; i++) {
        call.world.fake.now += SECOND;
        media_sweep(call.world.relay, 0, call.world.fake.now);
    }
    describe(&call.world, reoffer, &call.a, &call.b);
    describe(&call.world, reanswer, &call.b, &call.a);
    assert_true(eq(&call.b.anchor.address, &at_b));
    expect_hears(&call.world, &call.a, &call.b); /* each latch was kept */
    expect_hears(&call.world, &call.b, &call.a);
    assert_int_equal(call.world.timeouts, 0);
    hang_up(&call);
}

static void test_hold_for_a_quarter_of_an_hour(void **state)
{
    (void)state;
    check_hold(SDP_SENDONLY, NULL);
    check_hold(SDP_INACTIVE, NULL);
    check_hold(SDP_SENDRECV, "0.0.0.0");
}

static void sweep_at(struct world *world, msec now)
{
    world->fake.now = now;
    media_sweep(world->relay, 0, now);
}

static void test_hold_ends_too(void **state)
{
    struct call call;
    struct sdp sdp;

    (void)state;
    set_up(&call);
    sdp = audio_sdp(&call.a.described);
    sdp.streams[0].direction = SDP_INACTIVE;
    assert_int_equal(try_sdp(&call.world, reoffer, &call.a, &call.b, &sdp), ERR_NONE);
    sweep_at(&call.world, SECOND + 60 * MINUTE - 1);
    assert_int_equal(call.world.timeouts, 0);
    sweep_at(&call.world, SECOND + 60 * MINUTE);
    assert_int_equal(call.world.timeouts, 1);
    hang_up(&call);
}

static void test_silence_ends_a_call_once(void **state)
{
    struct call call;

    (void)state;
    set_up(&call);
    expect_two_way(&call.world, &call.a, &call.b);
    sweep_at(&call.world, MINUTE);
    send_rtp(&call.world, &call.b.media, &call.b.anchor.address); /* one direction is enough */
    sweep_at(&call.world, 2 * MINUTE - 1);
    assert_int_equal(call.world.timeouts, 0);
    sweep_at(&call.world, 2 * MINUTE);
    sweep_at(&call.world, 3 * MINUTE);
    assert_int_equal(call.world.timeouts, 1);
    assert_string_equal(call.world.ended, "call");
    assert_int_equal(call.world.ended_streams, 1);
    assert_int_equal(counters_of(&call.world).timeouts, 1);
    hang_up(&call);
}

/* MEDIA-11: strangers and nonsense keep no call alive. */
static void test_strangers_do_not_keep_a_call_alive(void **state)
{
    struct addr stranger = at("198.51.100.66:61000");
    struct call call;

    (void)state;
    set_up(&call);
    expect_two_way(&call.world, &call.a, &call.b);
    for (msec now = SECOND; now <= SECOND + MINUTE; now += SECOND) {
        assert_int_equal(send_rtp(&call.world, &stranger, &call.a.anchor.address), 0);
        assert_int_equal(deliver(&call.world, &call.a.media, &call.a.anchor.address,
                                 (const uint8_t *)"nonsense", 8),
                         0);
        sweep_at(&call.world, now);
    }
    assert_int_equal(call.world.timeouts, 1);
    assert_int_equal(counters_of(&call.world).strangers, 61);
    assert_int_equal(counters_of(&call.world).invalid, 61);
    hang_up(&call);
}

static void test_call_without_media_ends_after_setup_timeout(void **state)
{
    struct call call;

    (void)state;
    set_up(&call);
    sweep_at(&call.world, SECOND + 3 * MINUTE - 1);
    assert_int_equal(call.world.timeouts, 0);
    sweep_at(&call.world, SECOND + 3 * MINUTE);
    assert_int_equal(call.world.timeouts, 1);
    hang_up(&call);
}

/* Ringing for long, with early media that stops. */
static void test_unanswered_call_is_given_the_setup_timeout(void **state)
{
    struct call call;

    (void)state;
    open_world(&call.world, 39999);
    call.a = natted("alice", "203.0.113.7");
    call.b = natted("bob", "198.51.100.9");
    offer(&call.world, "b1", &call.a, &call.b);
    send_rtp(&call.world, &call.b.media, &call.b.anchor.address);
    sweep_at(&call.world, SECOND + 3 * MINUTE - 1);
    assert_int_equal(call.world.timeouts, 0);
    sweep_at(&call.world, SECOND + 3 * MINUTE);
    assert_int_equal(call.world.timeouts, 1);
    hang_up(&call);
}

static void test_tags_in_either_order(void **state)
{
    static const struct {
        const char *tag, *other;
        unsigned left;
    } rows[] = {
        { "alice", "bob", 0 }, { "bob", "alice", 0 }, { "", "", 0 },       { "alice", "", 0 },
        { "", "bob", 0 },      { "bob", "bob", 1 },   { "alice", "x", 1 }, { "x", "", 1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct call call;

        set_up(&call);
        relay_end(call.world.relay, STR("other"), STR("alice"), STR("bob"));
        relay_end(call.world.relay, STR("call"), str_of(rows[i].tag), str_of(rows[i].other));
        assert_int_equal(counters_of(&call.world).sessions, rows[i].left);
        hang_up(&call);
    }
}

/* needs 18: the phone changes its network in the middle of the call. */
static void test_network_change(void **state)
{
    struct call call;
    struct phone moved;

    (void)state;
    set_up(&call);
    expect_two_way(&call.world, &call.a, &call.b);
    moved = call.a;
    moved.signalling = at("100.64.3.4");
    moved.media = at("100.64.3.4:1025");
    /* before the re-INVITE it is a stranger */
    assert_int_equal(send_rtp(&call.world, &moved.media, &moved.anchor.address), 0);
    describe(&call.world, reoffer, &moved, &call.b);
    describe(&call.world, reanswer, &call.b, &moved);
    expect_two_way(&call.world, &moved, &call.b);
    assert_int_equal(send_rtp(&call.world, &call.a.media, &call.a.anchor.address), 0);
    hang_up(&call);
}

/* A party that only listens cannot prove its new place: its word must do, where it may. */
static void test_listener_moves_by_description(void **state)
{
    struct call call;
    struct addr there = at("198.51.100.9:5002");

    (void)state;
    set_up(&call);
    expect_two_way(&call.world, &call.a, &call.b);
    call.b.described = there;
    describe(&call.world, reoffer, &call.b, &call.a);
    expect_hears(&call.world, &call.a, &call.b); /* still heard where it was */
    call.world.fake.now += 2 * SECOND;
    assert_int_equal(send_rtp(&call.world, &call.a.media, &call.a.anchor.address), 1);
    assert_true(eq(&last_sent(&call.world)->to, &there));
    call.b.media.port = 61002; /* then it speaks: from elsewhere, as NATs have it */
    expect_hears(&call.world, &call.b, &call.a);
    expect_hears(&call.world, &call.a, &call.b);
    hang_up(&call);
}

static void add_stream(struct sdp *sdp, struct sdp_stream stream)
{
    sdp->streams[sdp->stream_count++] = stream;
}

static void test_exhaustion_leaves_nothing(void **state)
{
    struct world world;
    struct phone a = natted("alice", "203.0.113.7"), b = natted("bob", "198.51.100.9");
    struct sdp sdp = audio_sdp(&a.described);

    (void)state;
    open_world(&world, 30005); /* three pairs */
    for (int i = 0; i < 3; i++)
        add_stream(&sdp, audio_at(&a.described));
    assert_int_equal(try_sdp(&world, (struct step){ "call", "b1", true, false }, &a, &b, &sdp),
                     ERR_EXHAUSTED);
    assert_int_equal(pairs_used(&world), 0);
    assert_false(relay_has_call(world.relay, STR("call")));
    assert_int_equal(counters_of(&world).exhausted, 1);
    /* the ports rest, although nobody used them */
    world.fake.now += 5 * SECOND;
    offer(&world, "b1", &a, &b);
    /* an existing session keeps what it had */
    assert_int_equal(try_sdp(&world, (struct step){ "call", "b1", true, false }, &a, &b, &sdp),
                     ERR_EXHAUSTED);
    assert_int_equal(pairs_used(&world), 1);
    world.fake.now += 5 * SECOND;
    answer(&world, "b1", &b, &a);
    expect_two_way(&world, &a, &b);
    close_world(&world);
}

static void test_failure_of_the_kernel_leaves_nothing(void **state)
{
    struct world world;
    struct phone a = natted("alice", "203.0.113.7"), b = natted("bob", "198.51.100.9");
    struct sdp sdp = audio_sdp(&a.described);

    (void)state;
    open_world(&world, 39999);
    add_stream(&sdp, audio_at(&a.described));
    world.fake.opens_left = 1;
    world.fake.failure = ERR_IO;
    assert_int_equal(try_sdp(&world, (struct step){ "call", "b1", true, false }, &a, &b, &sdp),
                     ERR_IO);
    assert_int_equal(pairs_used(&world), 0);
    /* all ports are in use by others */
    world.fake.failure = ERR_EXISTS;
    assert_int_equal(try_sdp(&world, (struct step){ "call", "b1", true, false }, &a, &b, &sdp),
                     ERR_EXHAUSTED);
    assert_int_equal(pairs_used(&world), 0);
    close_world(&world);
}

static void test_streams_come_and_go(void **state)
{
    struct call call;
    struct sdp one, two;
    struct sdp_anchor before;

    (void)state;
    set_up(&call);
    one = audio_sdp(&call.a.described);
    two = one;
    add_stream(&two, audio_at(&call.a.described));
    /* video is added */
    assert_int_equal(try_sdp(&call.world, reoffer, &call.a, &call.b, &two), ERR_NONE);
    assert_int_equal(pairs_used(&call.world), 3);
    assert_int_equal(try_sdp(&call.world, reanswer, &call.b, &call.a, &two), ERR_NONE);
    assert_int_equal(pairs_used(&call.world), 4);
    before = call.a.anchor;
    /* and off again: only the answer makes it so */
    two.streams[1].port = 0;
    assert_int_equal(try_sdp(&call.world, reoffer, &call.a, &call.b, &two), ERR_NONE);
    assert_int_equal(pairs_used(&call.world), 4);
    assert_int_equal(try_sdp(&call.world, reanswer, &call.b, &call.a, &two), ERR_NONE);
    assert_int_equal(pairs_used(&call.world), 2);
    assert_true(eq(&call.a.anchor.address, &before.address));
    /* and on */
    two.streams[1].port = 4000;
    assert_int_equal(try_sdp(&call.world, reoffer, &call.b, &call.a, &two), ERR_NONE);
    assert_int_equal(try_sdp(&call.world, reanswer, &call.a, &call.b, &two), ERR_NONE);
    assert_int_equal(pairs_used(&call.world), 4);
    expect_two_way(&call.world, &call.a, &call.b);
    hang_up(&call);
}

static void test_what_cannot_be_relayed_is_left_alone(void **state)
{
    struct world world;
    struct phone a = natted("alice", "203.0.113.7"), b = natted("bob", "198.51.100.9");
    struct sdp sdp = audio_sdp(&a.described);

    (void)state;
    open_world(&world, 39999);
    sdp.streams[0].is_relayable = false;
    assert_int_equal(try_sdp(&world, (struct step){ "call", "b1", true, false }, &a, &b, &sdp),
                     ERR_NONE);
    assert_false(b.anchor.is_relayed);
    assert_int_equal(try_sdp(&world, (struct step){ "call", "b1", false, true }, &b, &a, &sdp),
                     ERR_NONE);
    /* forgotten some day, but nothing died */
    sweep_at(&world, 61 * MINUTE);
    assert_int_equal(world.timeouts, 0);
    assert_false(relay_has_call(world.relay, STR("call")));
    close_world(&world);
}

static struct sdp muxing(const struct phone *phone)
{
    struct sdp sdp = audio_sdp(&phone->described);

    sdp.streams[0].has_rtcp_mux = true;
    return sdp;
}

/* Alice multiplexes, Bob does not. */
static void test_rtcp_crosses_over(void **state)
{
    struct call call;
    struct sdp sdp;
    struct addr rtcp_media, rtcp_port;

    (void)state;
    open_world(&call.world, 39999);
    call.a = natted("alice", "203.0.113.7");
    call.b = natted("bob", "198.51.100.9");
    sdp = muxing(&call.a);
    assert_int_equal(
        try_sdp(&call.world, (struct step){ "call", "b1", true, false }, &call.a, &call.b, &sdp),
        ERR_NONE);
    assert_int_equal(call.b.anchor.rtcp_port, call.b.anchor.address.port + 1);
    answer(&call.world, "b1", &call.b, &call.a);
    assert_int_equal(call.a.anchor.rtcp_port, call.a.anchor.address.port + 1);
    expect_two_way(&call.world, &call.a, &call.b);
    rtcp_media = at("198.51.100.9:61001");
    rtcp_port = rtcp_of(&call.b.anchor.address);
    assert_int_equal(send_rtcp(&call.world, &rtcp_media, &rtcp_port), 1);
    assert_true(eq(&last_sent(&call.world)->to, &call.a.media));
    assert_true(eq(&last_sent(&call.world)->from, &call.a.anchor.address));
    assert_int_equal(send_rtcp(&call.world, &call.a.media, &call.a.anchor.address), 1);
    assert_true(eq(&last_sent(&call.world)->to, &rtcp_media));
    assert_true(eq(&last_sent(&call.world)->from, &rtcp_port));
    /* then her packets say that she does not, after all */
    rtcp_media = at("203.0.113.7:61001");
    rtcp_port = rtcp_of(&call.a.anchor.address);
    assert_int_equal(send_rtcp(&call.world, &rtcp_media, &rtcp_port), 1);
    assert_int_equal(send_rtcp(&call.world, &(struct addr){ 0 }, &rtcp_port), 0);
    {
        struct addr bob = at("198.51.100.9:61001"), port = rtcp_of(&call.b.anchor.address);

        assert_int_equal(send_rtcp(&call.world, &bob, &port), 1);
    }
    assert_true(eq(&last_sent(&call.world)->to, &rtcp_media));
    assert_true(eq(&last_sent(&call.world)->from, &rtcp_port));
    hang_up(&call);
}

static void test_mux_on_both_sides(void **state)
{
    struct call call;
    struct sdp sdp;

    (void)state;
    open_world(&call.world, 39999);
    call.a = natted("alice", "203.0.113.7");
    call.b = natted("bob", "198.51.100.9");
    sdp = muxing(&call.a);
    assert_int_equal(
        try_sdp(&call.world, (struct step){ "call", "b1", true, false }, &call.a, &call.b, &sdp),
        ERR_NONE);
    sdp = muxing(&call.b);
    assert_int_equal(
        try_sdp(&call.world, (struct step){ "call", "b1", false, true }, &call.b, &call.a, &sdp),
        ERR_NONE);
    assert_int_equal(call.a.anchor.rtcp_port, call.a.anchor.address.port);
    expect_two_way(&call.world, &call.a, &call.b);
    assert_int_equal(send_rtcp(&call.world, &call.a.media, &call.a.anchor.address), 1);
    assert_true(eq(&last_sent(&call.world)->to, &call.b.media));
    assert_true(eq(&last_sent(&call.world)->from, &call.b.anchor.address));
    hang_up(&call);
}

static void test_rtp_at_the_rtcp_port_is_refused(void **state)
{
    struct call call;
    struct addr port;

    (void)state;
    set_up(&call);
    expect_two_way(&call.world, &call.a, &call.b);
    port = rtcp_of(&call.a.anchor.address);
    assert_int_equal(send_rtp(&call.world, &call.a.media, &port), 0);
    assert_int_equal(counters_of(&call.world).invalid, 1);
    hang_up(&call);
}

/* A fax: the audio becomes T.38 on the same ports. */
static void test_fax(void **state)
{
    static const uint8_t fax[] = { 0x00, 0x01, 0x00 };
    struct call call;
    struct sdp sdp;

    (void)state;
    set_up(&call);
    expect_two_way(&call.world, &call.a, &call.b);
    assert_int_equal(deliver(&call.world, &call.a.media, &call.a.anchor.address, fax, 3), 0);
    sdp = audio_sdp(&call.b.described);
    sdp.streams[0].media = STR("image");
    sdp.streams[0].proto = STR("udptl");
    assert_int_equal(try_sdp(&call.world, reoffer, &call.b, &call.a, &sdp), ERR_NONE);
    sdp.streams[0].address = call.a.described;
    assert_int_equal(try_sdp(&call.world, reanswer, &call.a, &call.b, &sdp), ERR_NONE);
    assert_int_equal(deliver(&call.world, &call.a.media, &call.a.anchor.address, fax, 3), 1);
    assert_true(eq(&last_sent(&call.world)->to, &call.b.media));
    hang_up(&call);
}

static void test_one_to_one_nat_advertises_the_outside(void **state)
{
    struct world world;
    struct phone a = natted("alice", "203.0.113.7"), b = natted("bob", "198.51.100.9");
    const struct sdp sdp = audio_sdp(&a.described);
    struct relay_describe what;
    struct sdp_anchor anchors[SDP_STREAMS_MAX];
    struct addr outside = at("198.51.100.1");

    (void)state;
    open_world(&world, 39999);
    what = describe_of(&world, (struct step){ "call", "b1", true, false }, &a, &b, &sdp);
    what.receiver.local = at("10.0.0.1:5060");
    assert_int_equal(relay_describe(world.relay, &what, anchors), ERR_NONE);
    assert_true(addr_same_ip(&anchors[0].address, &outside));
    assert_non_null(find_pair(&world, &anchors[0].address));
    close_world(&world);
}

static void test_each_leg_has_its_family(void **state)
{
    struct call call;

    (void)state;
    open_world(&call.world, 39999);
    call.a = natted("alice", "203.0.113.7");
    call.b = natted("bob", "2001:db8::5");
    offer(&call.world, "b1", &call.a, &call.b);
    answer(&call.world, "b1", &call.b, &call.a);
    assert_int_equal(call.a.anchor.address.family, ADDR_IPV4);
    assert_int_equal(call.b.anchor.address.family, ADDR_IPV6);
    expect_two_way(&call.world, &call.a, &call.b);
    hang_up(&call);
}

/* needs 18 and 21: from a network of one family into one of the other. */
static void test_party_moves_to_the_other_family(void **state)
{
    struct call call;
    struct addr at_b;

    (void)state;
    set_up(&call);
    expect_two_way(&call.world, &call.a, &call.b);
    at_b = call.b.anchor.address;
    call.a.signalling = at("2001:db8::7");
    call.a.media = at("[2001:db8::7]:4000");
    describe(&call.world, reoffer, &call.a, &call.b);
    describe(&call.world, reanswer, &call.b, &call.a);
    assert_int_equal(call.a.anchor.address.family, ADDR_IPV6);
    assert_true(eq(&call.b.anchor.address, &at_b));
    assert_int_equal(pairs_used(&call.world), 2);
    expect_two_way(&call.world, &call.a, &call.b);
    hang_up(&call);
}

static void test_any_address_is_not_advertised(void **state)
{
    const struct relay_interface any = { .local = at("0.0.0.0") };
    const struct relay_settings settings = { .interfaces = &any, .interface_count = 1 };
    const struct relay_user user = { 0 };
    struct world world;
    struct phone a = natted("alice", "203.0.113.7"), b = natted("bob", "198.51.100.9");

    (void)state;
    open_world(&world, 39999);
    close_world(&world);
    assert_int_equal(
        relay_create_on(&world.fake.base, &settings, &world.prng.source, &user, &world.relay),
        ERR_NONE);
    assert_int_equal(try_describe(&world, (struct step){ "call", "b1", true, false }, &a, &b),
                     ERR_UNSUPPORTED);
    close_world(&world);
}

static void test_no_interface_of_the_family(void **state)
{
    struct world world;
    struct phone a = natted("alice", "203.0.113.7"), b = { .tag = "bob" };

    (void)state;
    open_world(&world, 39999);
    assert_int_equal(try_describe(&world, (struct step){ "call", "b1", true, false }, &a, &b),
                     ERR_UNSUPPORTED);
    assert_int_equal(pairs_used(&world), 0);
    assert_false(relay_has_call(world.relay, STR("call")));
    close_world(&world);
}

/* From one description as text to the other. */
static void test_description_is_rewritten(void **state)
{
    static const char text[] = "v=0\r\n"
                               "o=- 1 1 IN IP4 192.168.1.5\r\n"
                               "s=-\r\n"
                               "c=IN IP4 192.168.1.5\r\n"
                               "t=0 0\r\n"
                               "m=audio 4000 RTP/AVP 0\r\n"
                               "a=rtcp:4003\r\n"
                               "m=image 0 udptl t38\r\n"
                               "m=message 4010 TCP/MSRP *\r\n";
    struct world world;
    struct phone a = natted("alice", "203.0.113.7"), b = natted("bob", "2001:db8::5");
    struct sdp_anchor anchors[SDP_STREAMS_MAX];
    struct relay_describe what;
    struct sdp received, rewritten;
    char buffer[1024];
    struct writer w = writer_over(buffer, sizeof buffer);

    (void)state;
    open_world(&world, 39999);
    assert_int_equal(sdp_parse(str_of(text), &received), ERR_NONE);
    what = describe_of(&world, (struct step){ "call", "b1", true, false }, &a, &b, &received);
    assert_int_equal(relay_describe(world.relay, &what, anchors), ERR_NONE);
    assert_true(anchors[0].is_relayed);
    assert_false(anchors[1].is_relayed);
    assert_false(anchors[2].is_relayed);
    assert_int_equal(pairs_used(&world), 1);
    assert_int_equal(sdp_write_anchored(&w, &received, anchors,
                                        &(struct sdp_writing){ .replaces_origin = true }),
                     ERR_NONE);
    assert_int_equal(sdp_parse(writer_text(&w), &rewritten), ERR_NONE);
    assert_true(addr_same_ip(&rewritten.streams[0].address, &anchors[0].address));
    assert_int_equal(rewritten.streams[0].port, anchors[0].address.port);
    assert_int_equal(rewritten.streams[0].rtcp_port, anchors[0].address.port + 1);
    close_world(&world);
}

static void count_reports(void *context, const struct relay_report *report)
{
    unsigned *count = context;

    (*count)++;
    assert_true(report->is_answered);
    assert_true(str_eq(report->callee_tag, STR("bob")));
    assert_int_equal(report->stream_count, 1);
    assert_string_equal(report->streams[0].media, "audio");
    assert_int_equal(report->streams[0].legs[RELAY_CALLER].rtp.packets, 1);
    assert_int_equal(report->streams[0].legs[RELAY_CALLER].rtp.unsendable, 1);
    assert_int_equal(report->streams[0].legs[RELAY_CALLEE].rtp.bytes, 2 * RTP_SIZE);
    assert_int_equal(report->streams[0].legs[RELAY_CALLEE].latched.port, 61000);
    assert_int_equal(report->streams[0].legs[RELAY_CALLEE].described.port, 4000);
    assert_int_equal(report->streams[0].legs[RELAY_CALLEE].last_packet, SECOND);
}

static void test_report(void **state)
{
    struct call call;
    unsigned count = 0;

    (void)state;
    set_up(&call);
    expect_two_way(&call.world, &call.a, &call.b);
    relay_each(call.world.relay, call.world.fake.now + SECOND, count_reports, &count);
    assert_int_equal(count, 1);
    hang_up(&call);
}

/* needs 27: whatever happens to calls in whatever order, no port is lost. */
static void test_random_lives_leak_no_port(void **state)
{
    static const char *const calls[] = { "call-1", "call-2", "call-3" };
    static const char *const branches[] = { "", "b1", "b2", "b3" };
    struct world world;
    struct phone a = natted("alice", "203.0.113.7"), b = natted("bob", "198.51.100.9");

    (void)state;
    open_world(&world, 30063);
    for (int i = 0; i < 200000; i++) {
        struct str call = str_of(calls[random_below(&world.prng.source, 3)]);
        struct str branch = str_of(branches[random_below(&world.prng.source, 4)]);
        bool is_from_caller = random_below(&world.prng.source, 2);
        struct step step = { call.ptr, branch.ptr, is_from_caller,
                             random_below(&world.prng.source, 2) };
        struct sdp sdp = audio_sdp(&a.described);

        world.fake.now += random_below(&world.prng.source, 500);
        world.fake.opens_left = random_below(&world.prng.source, 10) ? 100 : 1;
        world.fake.failure = random_below(&world.prng.source, 2) ? ERR_IO : ERR_EXISTS;
        sdp.streams[0].port = random_below(&world.prng.source, 5) ? 4000 : 0;
        for (uint32_t n = random_below(&world.prng.source, 3); n > 0; n--)
            add_stream(&sdp, audio_at(&a.described));
        switch (random_below(&world.prng.source, 12)) {
        case 0:
            relay_end_branch(world.relay, call, STR("alice"), branch);
            break;
        case 1:
            relay_keep_branch(world.relay, call, STR("alice"), branch, STR("bob"));
            break;
        case 2:
            relay_end(world.relay, call, STR("bob"), STR("alice"));
            break;
        case 3:
            media_sweep(world.relay, 0, world.fake.now);
            break;
        default:
            (void)try_sdp(&world, step, is_from_caller ? &a : &b, is_from_caller ? &b : &a, &sdp);
            send_rtp(&world, &a.media, &a.anchor.address);
            send_rtp(&world, &b.media, &b.anchor.address);
        }
        assert_int_equal(pairs_used(&world), world.fake.pair_count);
    }
    for (int i = 0; i < 3; i++)
        relay_end(world.relay, str_of(calls[i]), STR(""), STR(""));
    assert_int_equal(pairs_used(&world), 0);
    assert_int_equal(counters_of(&world).sessions, 0);
    close_world(&world);
}

/* What the two parties have agreed on, kept by hand: an offer counts once it is answered. */
struct turns {
    struct call call;
    uint32_t cseq;
    struct addr at_a, at_b; /* the ports that they were told at first */
    bool has_video, offers_video;
};

static enum err turn(struct turns *turns, bool is_from_a, enum sdp_carrier carrier,
                     bool is_response, bool has_video)
{
    struct phone *from = is_from_a ? &turns->call.a : &turns->call.b;
    struct phone *to = is_from_a ? &turns->call.b : &turns->call.a;
    struct sdp sdp = audio_sdp(&from->described);
    struct relay_describe what = describe_of(&turns->call.world, reoffer, from, to, &sdp);
    struct sdp_anchor anchors[SDP_STREAMS_MAX];
    enum err err;

    what.carrier = carrier;
    what.is_response = is_response;
    what.cseq = turns->cseq;
    if (has_video)
        add_stream(&sdp, audio_at(&from->described));
    if (carrier == SDP_REFUSES || carrier == SDP_ACCEPTS) {
        relay_note(turns->call.world.relay, &what);
        return ERR_NONE;
    }
    err = relay_describe(turns->call.world.relay, &what, anchors);
    if (!err)
        to->anchor = anchors[0];
    return err;
}

/* The phone opens another port, as seen from outside its NAT too. */
static void move(struct turns *turns, struct phone *phone)
{
    phone->described.port =
        (uint16_t)(4000 + 2 * random_below(&turns->call.world.prng.source, 1000));
    phone->media.port = (uint16_t)(50000 + 2 * random_below(&turns->call.world.prng.source, 5000));
}

static void speak(struct turns *turns, const struct phone *a_was, const struct phone *b_was)
{
    struct world *world = &turns->call.world;

    for (uint32_t n = random_below(&world->prng.source, 6); n > 0; n--) {
        bool is_a = random_below(&world->prng.source, 2),
             is_late = random_below(&world->prng.source, 3) == 0;
        const struct phone *phone = is_a ? &turns->call.a : &turns->call.b;

        world->fake.now += random_below(&world->prng.source, 40);
        send_rtp(world, is_late ? &(is_a ? a_was : b_was)->media : &phone->media,
                 &phone->anchor.address);
    }
}

/* One offer with what becomes of it, the parties moving and speaking meanwhile. */
static void take_turns(struct turns *turns)
{
    struct random_source *random = &turns->call.world.prng.source;
    struct phone a_was = turns->call.a, b_was = turns->call.b;
    bool is_from_a = random_below(random, 2), is_late_offer = random_below(random, 4) == 0;
    bool wants_video = random_below(random, 2);
    struct phone *offerer = is_from_a ? &turns->call.a : &turns->call.b;
    struct phone *answerer = is_from_a ? &turns->call.b : &turns->call.a;

    turns->cseq++;
    if (random_below(random, 2))
        move(turns, offerer);
    turn(turns, is_from_a, is_late_offer ? SDP_CARRIES_EITHER : SDP_CARRIES_OFFER, is_late_offer,
         wants_video);
    speak(turns, &a_was, &b_was);
    if (!is_late_offer && random_below(random, 3) == 0)
        turn(turns, !is_from_a, SDP_CARRIES_PREVIEW, true, wants_video);
    if (random_below(random, 4) == 0) { /* refused: both go back to where they were */
        turn(turns, is_late_offer ? is_from_a : !is_from_a, SDP_REFUSES, true, false);
        turns->call.a.described = a_was.described;
        turns->call.b.described = b_was.described;
        turns->call.a.media = a_was.media;
        turns->call.b.media = b_was.media;
        return;
    }
    if (random_below(random, 2))
        move(turns, answerer);
    turn(turns, !is_from_a, SDP_CARRIES_ANSWER, !is_late_offer, wants_video);
    turns->has_video |= wants_video;
    speak(turns, &a_was, &b_was);
}

/* needs 1, 14, 15: whatever was offered, refused, answered, moved and late, in any order: the ports
 * stay, none is lost, and within 10 packets both hear each other where they are. */
static void test_random_turns_settle(void **state)
{
    struct turns turns = { .cseq = 1 };

    (void)state;
    set_up(&turns.call);
    prng_init(&turns.call.world.prng, 15);
    turns.at_a = turns.call.a.anchor.address;
    turns.at_b = turns.call.b.anchor.address;
    for (int i = 0; i < 10000; i++) {
        take_turns(&turns);
        assert_true(eq(&turns.call.a.anchor.address, &turns.at_a));
        assert_true(eq(&turns.call.b.anchor.address, &turns.at_b));
        assert_int_equal(pairs_used(&turns.call.world), turns.has_video ? 4 : 2);
        turns.call.world.fake.now += 500;
        for (int n = 0; n < 10; n++) {
            turns.call.world.fake.now += 20;
            send_rtp(&turns.call.world, &turns.call.a.media, &turns.at_a);
            send_rtp(&turns.call.world, &turns.call.b.media, &turns.at_b);
        }
        expect_hears(&turns.call.world, &turns.call.a, &turns.call.b);
        expect_hears(&turns.call.world, &turns.call.b, &turns.call.a);
    }
    hang_up(&turns.call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_call_is_two_way),
        cmocka_unit_test(test_nothing_goes_to_a_private_description),
        cmocka_unit_test(test_early_media_needs_no_answer),
        cmocka_unit_test(test_where_descriptions_are_believed),
        cmocka_unit_test(test_own_ports_are_no_destination),
        cmocka_unit_test(test_places_that_nothing_is_sent_to),
        cmocka_unit_test(test_asymmetric_party_is_sent_to_where_it_says),
        cmocka_unit_test(test_sprayer_from_elsewhere_gets_and_says_nothing),
        cmocka_unit_test(test_flood_is_capped),
        cmocka_unit_test(test_own_ports_are_known_by_both_names),
        cmocka_unit_test(test_fork_to_three_in_any_order),
        cmocka_unit_test(test_branches_of_a_fork_do_not_hear_each_other),
        cmocka_unit_test(test_late_offer),
        cmocka_unit_test(test_answer_without_session_is_not_found),
        cmocka_unit_test(test_offer_inside_a_dialog_opens_a_session),
        cmocka_unit_test(test_reoffer_keeps_the_ports_from_either_side),
        cmocka_unit_test(test_hold_for_a_quarter_of_an_hour),
        cmocka_unit_test(test_hold_ends_too),
        cmocka_unit_test(test_silence_ends_a_call_once),
        cmocka_unit_test(test_strangers_do_not_keep_a_call_alive),
        cmocka_unit_test(test_call_without_media_ends_after_setup_timeout),
        cmocka_unit_test(test_unanswered_call_is_given_the_setup_timeout),
        cmocka_unit_test(test_tags_in_either_order),
        cmocka_unit_test(test_network_change),
        cmocka_unit_test(test_listener_moves_by_description),
        cmocka_unit_test(test_exhaustion_leaves_nothing),
        cmocka_unit_test(test_failure_of_the_kernel_leaves_nothing),
        cmocka_unit_test(test_streams_come_and_go),
        cmocka_unit_test(test_what_cannot_be_relayed_is_left_alone),
        cmocka_unit_test(test_rtcp_crosses_over),
        cmocka_unit_test(test_mux_on_both_sides),
        cmocka_unit_test(test_rtp_at_the_rtcp_port_is_refused),
        cmocka_unit_test(test_fax),
        cmocka_unit_test(test_one_to_one_nat_advertises_the_outside),
        cmocka_unit_test(test_each_leg_has_its_family),
        cmocka_unit_test(test_party_moves_to_the_other_family),
        cmocka_unit_test(test_any_address_is_not_advertised),
        cmocka_unit_test(test_no_interface_of_the_family),
        cmocka_unit_test(test_description_is_rewritten),
        cmocka_unit_test(test_report),
        cmocka_unit_test(test_random_lives_leak_no_port),
        cmocka_unit_test(test_random_turns_settle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
