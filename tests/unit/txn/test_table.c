/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The four state machines against their figures: every order of four events, on datagrams and on
 * streams, each step judged by the rows below (RFC 3261 figures 5 to 8 as RFC 6026 amends them,
 * RFC 4320). What is no row must change nothing and say nothing. A row that is never taken fails
 * the test, and so does a cell of the implementation's tables.
 */
#include "fake.h"
#include "txn/layer.h"

enum {
    DEPTH = 4,
    U = 1, /* over datagrams */
    S = 2, /* over streams */
    GONE = TXN_STATES,
};

enum machine {
    CLIENT_INVITE,
    CLIENT_OTHER,
    SERVER_INVITE,
    SERVER_OTHER,
    MACHINES,
};

struct row {
    enum machine machine;
    unsigned transports;
    unsigned state;
    enum txn_event event;
    unsigned next;
    unsigned sends; /* messages */
    unsigned tells; /* calls of the user, but for the end */
};

static const struct row rows[] = {
    /* figure 5 */
    { CLIENT_INVITE, U | S, CALLING, GOT_1XX, PROCEEDING, 0, 1 },
    { CLIENT_INVITE, U | S, CALLING, GOT_2XX, ACCEPTED, 0, 1 },
    { CLIENT_INVITE, U, CALLING, GOT_FAILURE, COMPLETED, 1, 1 },
    { CLIENT_INVITE, S, CALLING, GOT_FAILURE, ENDED, 1, 1 },
    { CLIENT_INVITE, U | S, CALLING, CANCELLED, CALLING, 0, 0 },
    { CLIENT_INVITE, U, CALLING, TIMER_A, CALLING, 1, 0 },
    { CLIENT_INVITE, U | S, CALLING, TIMER_B, GONE, 0, 1 },
    { CLIENT_INVITE, S, CALLING, UNREACHABLE, GONE, 0, 1 },
    { CLIENT_INVITE, U | S, PROCEEDING, GOT_1XX, PROCEEDING, 0, 1 },
    { CLIENT_INVITE, U | S, PROCEEDING, GOT_2XX, ACCEPTED, 0, 1 },
    { CLIENT_INVITE, U, PROCEEDING, GOT_FAILURE, COMPLETED, 1, 1 },
    { CLIENT_INVITE, S, PROCEEDING, GOT_FAILURE, ENDED, 1, 1 },
    { CLIENT_INVITE, U | S, PROCEEDING, CANCELLED, PROCEEDING, 1, 0 },
    { CLIENT_INVITE, U | S, PROCEEDING, RELEASED, PROCEEDING, 0, 0 },
    { CLIENT_INVITE, U | S, PROCEEDING, TIMER_END, GONE, 0, 1 }, /* RFC 3261 §9.1: after CANCEL */
    { CLIENT_INVITE, S, PROCEEDING, UNREACHABLE, GONE, 0, 1 },
    { CLIENT_INVITE, U | S, ACCEPTED, GOT_2XX, ACCEPTED, 0, 1 },
    { CLIENT_INVITE, U | S, ACCEPTED, TIMER_M, GONE, 0, 0 },
    { CLIENT_INVITE, U, COMPLETED, GOT_FAILURE, COMPLETED, 1, 0 },
    { CLIENT_INVITE, U, COMPLETED, TIMER_D, GONE, 0, 0 },
    { CLIENT_INVITE, S, ENDED, TIMER_D, GONE, 0, 0 },

    /* figure 6 */
    { CLIENT_OTHER, U | S, TRYING, GOT_1XX, PROCEEDING, 0, 1 },
    { CLIENT_OTHER, U, TRYING, GOT_2XX, COMPLETED, 0, 1 },
    { CLIENT_OTHER, S, TRYING, GOT_2XX, ENDED, 0, 1 },
    { CLIENT_OTHER, U, TRYING, GOT_FAILURE, COMPLETED, 0, 1 },
    { CLIENT_OTHER, S, TRYING, GOT_FAILURE, ENDED, 0, 1 },
    { CLIENT_OTHER, U | S, TRYING, RELEASED, TRYING, 0, 0 },
    { CLIENT_OTHER, U, TRYING, TIMER_E, TRYING, 1, 0 },
    { CLIENT_OTHER, U | S, TRYING, TIMER_F, GONE, 0, 1 },
    { CLIENT_OTHER, S, TRYING, UNREACHABLE, GONE, 0, 1 },
    { CLIENT_OTHER, U | S, PROCEEDING, GOT_1XX, PROCEEDING, 0, 1 },
    { CLIENT_OTHER, U, PROCEEDING, GOT_2XX, COMPLETED, 0, 1 },
    { CLIENT_OTHER, S, PROCEEDING, GOT_2XX, ENDED, 0, 1 },
    { CLIENT_OTHER, U, PROCEEDING, GOT_FAILURE, COMPLETED, 0, 1 },
    { CLIENT_OTHER, S, PROCEEDING, GOT_FAILURE, ENDED, 0, 1 },
    { CLIENT_OTHER, U | S, PROCEEDING, RELEASED, PROCEEDING, 0, 0 },
    { CLIENT_OTHER, U, PROCEEDING, TIMER_E, PROCEEDING, 1, 0 },
    { CLIENT_OTHER, U | S, PROCEEDING, TIMER_F, GONE, 0, 1 },
    { CLIENT_OTHER, S, PROCEEDING, UNREACHABLE, GONE, 0, 1 },
    { CLIENT_OTHER, U, COMPLETED, GOT_2XX, COMPLETED, 0, 0 },
    { CLIENT_OTHER, U, COMPLETED, GOT_FAILURE, COMPLETED, 0, 0 },
    { CLIENT_OTHER, U, COMPLETED, TIMER_K, GONE, 0, 0 },
    { CLIENT_OTHER, S, ENDED, TIMER_K, GONE, 0, 0 },

    /* figure 7 */
    { SERVER_INVITE, U | S, PROCEEDING, GOT_REQUEST, PROCEEDING, 1, 0 },
    { SERVER_INVITE, U | S, PROCEEDING, REPLY_1XX, PROCEEDING, 1, 0 },
    { SERVER_INVITE, U | S, PROCEEDING, REPLY_2XX, ACCEPTED, 1, 0 },
    { SERVER_INVITE, U | S, PROCEEDING, REPLY_FAILURE, COMPLETED, 1, 0 },
    { SERVER_INVITE, U | S, PROCEEDING, RELEASED, ABANDONED, 0, 0 },
    { SERVER_INVITE, S, PROCEEDING, UNREACHABLE, PROCEEDING, 0, 1 },
    { SERVER_INVITE, U | S, ACCEPTED, REPLY_2XX, ACCEPTED, 1, 0 },
    { SERVER_INVITE, U | S, ACCEPTED, TIMER_L, GONE, 0, 0 },
    { SERVER_INVITE, U | S, COMPLETED, GOT_REQUEST, COMPLETED, 1, 0 },
    { SERVER_INVITE, U, COMPLETED, GOT_ACK, CONFIRMED, 0, 0 },
    { SERVER_INVITE, S, COMPLETED, GOT_ACK, ENDED, 0, 0 },
    { SERVER_INVITE, U, COMPLETED, TIMER_G, COMPLETED, 1, 0 },
    { SERVER_INVITE, U | S, COMPLETED, TIMER_H, GONE, 0, 1 },
    { SERVER_INVITE, S, COMPLETED, UNREACHABLE, GONE, 0, 1 },
    { SERVER_INVITE, U, CONFIRMED, TIMER_I, GONE, 0, 0 },
    { SERVER_INVITE, S, ENDED, TIMER_I, GONE, 0, 0 },
    { SERVER_INVITE, U | S, ABANDONED, TIMER_END, GONE, 0, 0 },

    /* figure 8 */
    { SERVER_OTHER, U | S, TRYING, REPLY_1XX, PROCEEDING, 1, 0 },
    { SERVER_OTHER, U | S, TRYING, REPLY_2XX, COMPLETED, 1, 0 },
    { SERVER_OTHER, U | S, TRYING, REPLY_FAILURE, COMPLETED, 1, 0 },
    { SERVER_OTHER, U | S, TRYING, RELEASED, ABANDONED, 0, 0 },
    { SERVER_OTHER, U | S, TRYING, TIMER_SLOW, TRYING, 0, 1 }, /* RFC 4320 §4.1 */
    { SERVER_OTHER, U | S, PROCEEDING, GOT_REQUEST, PROCEEDING, 1, 0 },
    { SERVER_OTHER, U | S, PROCEEDING, REPLY_1XX, PROCEEDING, 1, 0 },
    { SERVER_OTHER, U | S, PROCEEDING, REPLY_2XX, COMPLETED, 1, 0 },
    { SERVER_OTHER, U | S, PROCEEDING, REPLY_FAILURE, COMPLETED, 1, 0 },
    { SERVER_OTHER, U | S, PROCEEDING, RELEASED, ABANDONED, 0, 0 },
    { SERVER_OTHER, U | S, COMPLETED, GOT_REQUEST, COMPLETED, 1, 0 },
    { SERVER_OTHER, U | S, COMPLETED, TIMER_J, GONE, 0, 0 },
    { SERVER_OTHER, S, COMPLETED, UNREACHABLE, GONE, 0, 0 },
    { SERVER_OTHER, U | S, ABANDONED, TIMER_END, GONE, 0, 0 },
};

enum {
    ROWS = sizeof rows / sizeof *rows,
};

static unsigned rows_taken[ROWS];
static unsigned cells_taken[MACHINES][TXN_STATES][TXN_EVENTS];
static unsigned long steps_taken;

/* ---- one transaction ---- */

static const struct txn_timers timers = { 500, 4000, 5000, 32000, 5000 };

struct world {
    struct fake *fake;
    struct txn_layer *layer;
    struct arena_pool pool;
    struct arena arena;
    enum machine machine;
    bool is_stream;
    struct txn *txn; /* NULL: gone */
    bool is_cancelled, is_released, has_replied;
    unsigned tells, ends;
};

static void tell(struct world *world)
{
    world->tells++;
}

static void on_server_failure(void *context, struct server_txn *txn, enum err why)
{
    (void)txn;
    (void)why;
    tell(context);
}

static void on_server_slow(void *context, struct server_txn *txn)
{
    (void)txn;
    tell(context);
}

static void note_end(struct world *world)
{
    world->ends++;
    world->txn = NULL;
}

static void on_server_end(void *context, struct server_txn *txn)
{
    (void)txn;
    note_end(context);
}

static void on_response(void *context, struct client_txn *txn, struct sip_msg *response,
                        const struct flow *source)
{
    (void)txn;
    (void)response;
    (void)source;
    tell(context);
}

static void on_client_failure(void *context, struct client_txn *txn, enum err why)
{
    (void)txn;
    (void)why;
    tell(context);
}

static void on_client_end(void *context, struct client_txn *txn)
{
    (void)txn;
    note_end(context);
}

static const struct server_txn_user server_user = { on_server_failure, on_server_end,
                                                    on_server_slow };
static const struct client_txn_user client_user = { on_response, on_client_failure, on_client_end };

static bool is_client(const struct world *world)
{
    return world->machine == CLIENT_INVITE || world->machine == CLIENT_OTHER;
}

static const char *method_of(const struct world *world)
{
    return world->machine == CLIENT_INVITE || world->machine == SERVER_INVITE ? "INVITE"
                                                                              : "OPTIONS";
}

static struct flow flow_of(const struct world *world)
{
    return world->is_stream ? fake_flow(TRANSPORT_TCP, "1.2.3.4:40000", 9)
                            : fake_flow(TRANSPORT_UDP, "1.2.3.4:40000", 0);
}

static struct str write_message(struct world *world, const char *first, const char *method)
{
    struct str text;

    assert_int_equal(str_print(&world->arena, &text,
                               "%s\r\n"
                               "Via: SIP/2.0/UDP 10.0.0.7:5070;rport;branch=z9hG4bKone\r\n"
                               "From: <sip:alice@example.com>;tag=a1\r\n"
                               "To: <sip:bob@example.com>%s\r\n"
                               "Call-ID: call-1\r\nCSeq: 7 %s\r\nMax-Forwards: 70\r\n"
                               "Content-Length: 0\r\n\r\n",
                               first, first[0] == 'S' || first[0] == 'A' ? ";tag=b" : "", method),
                     ERR_NONE);
    return text;
}

static struct str write_request(struct world *world, const char *method)
{
    char first[64];

    snprintf(first, sizeof first, "%s sip:bob@example.com SIP/2.0", method);
    return write_message(world, first, method);
}

static struct str write_response(struct world *world, unsigned status)
{
    char first[64];

    snprintf(first, sizeof first, "SIP/2.0 %u Reason", status);
    return write_message(world, first, method_of(world));
}

static void open_server(struct world *world)
{
    struct flow flow = flow_of(world);
    struct server_txn *txn;
    struct sip_msg *request = fake_parse(&world->arena, write_request(world, method_of(world)));

    assert_int_equal(server_txn_open(world->layer, request, &flow, &server_user, world, &txn),
                     ERR_NONE);
    world->txn = &txn->txn;
}

static void open_client(struct world *world)
{
    struct client_request request = { .method = sip_method_find(str_of(method_of(world))),
                                      .branch = STR("z9hG4bKone"),
                                      .bytes = write_request(world, method_of(world)),
                                      .flow = flow_of(world) };
    struct client_txn *txn;

    assert_int_equal(client_txn_open(world->layer, &request, &client_user, world, &txn), ERR_NONE);
    world->txn = &txn->txn;
}

static void open_world(struct world *world, enum machine machine, bool is_stream)
{
    *world = (struct world){ .fake = fake_create(1), .machine = machine, .is_stream = is_stream };
    arena_pool_init(&world->pool, 8);
    arena_init(&world->arena, &world->pool, 1 << 20);
    assert_int_equal(txn_layer_create(&world->fake->wheel, &world->fake->outside,
                                      &world->fake->prng.source, &timers, &world->layer),
                     ERR_NONE);
    if (is_client(world))
        open_client(world);
    else
        open_server(world);
    fake_forget_sent(world->fake);
}

static void close_world(struct world *world)
{
    txn_layer_destroy(world->layer);
    assert_int_equal(world->fake->wheel.count, 0);
    arena_fini(&world->arena);
    arena_pool_fini(&world->pool);
    fake_destroy(world->fake);
}

/* ---- events ---- */

static struct server_txn *server_of(struct world *world)
{
    return CONTAINER_OF(world->txn, struct server_txn, txn);
}

static struct client_txn *client_of(struct world *world)
{
    return CONTAINER_OF(world->txn, struct client_txn, txn);
}

static void receive_request(struct world *world, const char *method)
{
    struct flow flow = flow_of(world);
    struct server_txn *out;

    (void)txn_receive_request(world->layer, fake_parse(&world->arena, write_request(world, method)),
                              &flow, &out);
}

static void reply(struct world *world, unsigned status)
{
    if (server_txn_reply(server_of(world), status, write_response(world, status)) == ERR_NONE)
        world->has_replied = true;
}

static void receive_response(struct world *world, unsigned status)
{
    struct flow flow = flow_of(world);

    (void)txn_receive_response(world->layer,
                               fake_parse(&world->arena, write_response(world, status)), &flow);
}

static void release(struct world *world)
{
    if (is_client(world)) {
        client_txn_detach(client_of(world));
        world->is_released = true;
    } else {
        server_txn_release(server_of(world));
    }
}

static void break_connection(struct world *world)
{
    struct flow flow = flow_of(world);

    txn_unreachable(world->layer, &flow);
    if (world->txn->is_lost)
        fake_wait(world->fake, 0);
}

static void fire(struct world *world, struct timer *timer)
{
    struct timer *other = timer == &world->txn->end ? &world->txn->retransmit : &world->txn->end;

    if (timer_is_armed(other) && other->deadline <= timer->deadline)
        timer_stop(&world->fake->wheel, other);
    wheel_advance(&world->fake->wheel, timer->deadline);
}

/* Whoever has let go is not told of the end. */
static bool find_released(const struct world *world)
{
    enum sip_method method = sip_method_find(str_of(method_of(world)));

    return txn_find_client(world->layer, STR("z9hG4bKone"), method) != NULL;
}

/* False when it cannot happen now. */
static bool perform(struct world *world, enum txn_event event)
{
    switch (event) {
    case GOT_REQUEST:
        receive_request(world, method_of(world));
        return true;
    case GOT_ACK:
        receive_request(world, "ACK");
        return true;
    case REPLY_1XX:
        reply(world, 180);
        return true;
    case REPLY_2XX:
        reply(world, 200);
        return true;
    case REPLY_FAILURE:
        reply(world, 404);
        return true;
    case GOT_1XX:
        receive_response(world, 180);
        return true;
    case GOT_2XX:
        receive_response(world, 200);
        return true;
    case GOT_FAILURE:
        receive_response(world, 486);
        return true;
    case CANCELLED:
        client_txn_cancel(client_of(world), STR(""));
        return true;
    case RELEASED:
        release(world);
        return true;
    case UNREACHABLE:
        if (world->is_stream)
            break_connection(world);
        return world->is_stream;
    case TIMER_RETRANSMIT:
        if (!timer_is_armed(&world->txn->retransmit))
            return false;
        fire(world, &world->txn->retransmit);
        return true;
    case TIMER_END:
        if (!timer_is_armed(&world->txn->end))
            return false;
        fire(world, &world->txn->end);
        return true;
    default:
        return false;
    }
}

static bool belongs(const struct world *world, enum txn_event event)
{
    if (event >= RELEASED)
        return true;
    if (event == GOT_ACK && world->machine != SERVER_INVITE)
        return false;
    return is_client(world) ? event >= GOT_1XX : event < GOT_1XX;
}

/* ---- the judge ---- */

static const struct row *find_row(const struct world *world, unsigned state, enum txn_event event)
{
    unsigned transport = world->is_stream ? S : U;

    for (unsigned i = 0; i < ROWS; i++)
        if (rows[i].machine == world->machine && rows[i].transports & transport &&
            rows[i].state == state && rows[i].event == event) {
            rows_taken[i]++;
            return &rows[i];
        }
    return NULL;
}

/* What a row cannot say: a CANCEL goes out once, and what was never said is not repeated. */
static unsigned wanted_sends(const struct world *before, const struct row *row)
{
    unsigned sends = row ? row->sends : 0;

    if (!row || row->state == ENDED)
        return sends;
    if (row->machine == CLIENT_INVITE && row->event == CANCELLED)
        return row->state == PROCEEDING && !before->is_cancelled;
    if (row->machine == CLIENT_INVITE && row->event == GOT_1XX && row->state == CALLING)
        return before->is_cancelled;
    if (row->event == GOT_REQUEST && !before->has_replied)
        return 0;
    return sends;
}

/* Messages of the CANCEL that the transaction has made have timers of their own. */
static unsigned count_sent(const struct world *world, enum txn_event event)
{
    unsigned count = 0;

    for (unsigned i = 0; i < world->fake->count; i++)
        count +=
            event < TIMER_RETRANSMIT || !str_starts(world->fake->sent[i].bytes, STR("CANCEL "));
    return count;
}

static bool step(struct world *world, enum txn_event event, const char *what)
{
    const struct world before = *world;
    unsigned state = world->txn->state, next;
    const struct row *row;

    fake_forget_sent(world->fake);
    world->tells = 0;
    if (!belongs(world, event) || !perform(world, event))
        return false;
    steps_taken++;
    if (world->is_released && !find_released(world))
        world->txn = NULL;
    row = find_row(&before, state, event);
    cells_taken[world->machine][state][event]++;
    next = world->txn ? world->txn->state : GONE;
    if (next != (row ? row->next : state) ||
        count_sent(world, event) != wanted_sends(&before, row) ||
        world->tells != (row && !before.is_released ? row->tells : 0))
        fail_msg("machine %u, %s: state %u, event %u: state %u, %u sent, told %u; after %s",
                 world->machine, world->is_stream ? "stream" : "datagrams", state, event, next,
                 count_sent(world, event), world->tells, what);
    if (event == CANCELLED)
        world->is_cancelled = true;
    if (!world->txn && !before.is_released)
        assert_int_equal(world->ends, 1);
    return world->txn != NULL;
}

/* ---- every order ---- */

static void describe(const enum txn_event *events, char *text, size_t size)
{
    size_t used = 0;

    for (unsigned i = 0; i < DEPTH; i++)
        used += (size_t)snprintf(text + used, size - used, "%u ", events[i]);
}

static void perform_order(enum machine machine, bool is_stream, const enum txn_event *events)
{
    struct world world;
    char text[64];

    describe(events, text, sizeof text);
    open_world(&world, machine, is_stream);
    for (unsigned i = 0; i < DEPTH; i++)
        if (!step(&world, events[i], text))
            break;
    close_world(&world);
}

static void perform_all(enum machine machine, bool is_stream)
{
    enum txn_event events[DEPTH];
    unsigned count = 1;

    for (unsigned i = 0; i < DEPTH; i++)
        count *= TXN_EVENTS;
    for (unsigned number = 0; number < count; number++) {
        struct world probe = { .machine = machine };
        unsigned rest = number;
        bool is_possible = true;

        for (unsigned i = 0; i < DEPTH; i++, rest /= TXN_EVENTS) {
            events[i] = (enum txn_event)(rest % TXN_EVENTS);
            is_possible &= belongs(&probe, events[i]) && (is_stream || events[i] != UNREACHABLE);
        }
        if (is_possible)
            perform_order(machine, is_stream, events);
    }
}

static void test_every_order_of_four_events(void **state)
{
    (void)state;
    for (unsigned machine = 0; machine < MACHINES; machine++) {
        perform_all((enum machine)machine, false);
        perform_all((enum machine)machine, true);
    }
    print_message("%lu steps\n", steps_taken);
}

static void test_every_row_was_taken(void **state)
{
    unsigned missing = 0;

    (void)state;
    for (unsigned i = 0; i < ROWS; i++)
        if (!rows_taken[i]) {
            missing++;
            print_error("never taken: machine %u, state %u, event %u\n", rows[i].machine,
                        rows[i].state, rows[i].event);
        }
    print_message("%u rows\n", (unsigned)ROWS);
    assert_int_equal(missing, 0);
}

static void test_every_cell_was_taken(void **state)
{
    static const txn_table *const tables[] = { &txn_client_invite, &txn_client_other,
                                               &txn_server_invite, &txn_server_other };
    unsigned missing = 0, cells = 0;

    (void)state;
    for (unsigned machine = 0; machine < MACHINES; machine++)
        for (unsigned i = 0; i < TXN_STATES; i++)
            for (unsigned event = 0; event < TXN_EVENTS; event++) {
                cells += (*tables[machine])[i][event] != NULL;
                if (!(*tables[machine])[i][event] || cells_taken[machine][i][event])
                    continue;
                missing++;
                print_error("never taken: machine %u, state %u, event %u\n", machine, i, event);
            }
    print_message("%u cells\n", cells);
    assert_int_equal(missing, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_order_of_four_events),
        cmocka_unit_test(test_every_row_was_taken),
        cmocka_unit_test(test_every_cell_was_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
