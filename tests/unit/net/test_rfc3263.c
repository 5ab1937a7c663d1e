/* SPDX-License-Identifier: Apache-2.0 */
/* The resolver over a fake DNS, whose answers come at once or when the test lets them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/prng.h"
#include "net/outages.h"
#include "net/resolver.h"

enum {
    QUESTIONS_MAX = 64,
};

struct record {
    enum dns_kind kind;
    const char *name;
    const char
        *data; /* address; "priority weight port target"; "order preference flag service …" */
};

struct question {
    enum dns_kind kind;
    char name[DNS_NAME_MAX + 1];
    name_done_fn *done;
    void *context;
};

struct ground {
    struct resolver *resolver;
    struct outages *outages;
    struct wheel wheel;
    struct prng random;
    struct name_rules rules;
    const struct record *records; /* the last has no name */
    bool is_slow;                 /* answers wait for answer() */
    struct question questions[QUESTIONS_MAX];
    unsigned question_count;
    char text[1024]; /* the latest result */
    unsigned results;
};

/* ---- the fake ---- */

static msec tell_now(void *context)
{
    return ((struct ground *)context)->wheel.now;
}

static void start(void *context, struct timer *timer, msec deadline, timer_fn *fire)
{
    timer_start(&((struct ground *)context)->wheel, timer, deadline, fire);
}

static void stop(void *context, struct timer *timer)
{
    timer_stop(&((struct ground *)context)->wheel, timer);
}

static const struct listener listeners[] = {
    { .transport = TRANSPORT_UDP, .bound = { .family = ADDR_IPV4, .ip = { 192, 0, 2, 1 } } },
    { .transport = TRANSPORT_TCP, .bound = { .family = ADDR_IPV4, .ip = { 192, 0, 2, 1 } } },
    { .transport = TRANSPORT_TLS, .bound = { .family = ADDR_IPV4, .ip = { 192, 0, 2, 1 } } },
    { .transport = TRANSPORT_UDP, .bound = { .family = ADDR_IPV6, .ip = { [15] = 1 } } },
};

static uint16_t choose(void *context, enum transport transport, const struct addr *peer)
{
    (void)context;
    for (uint16_t i = 0; i < 4; i++)
        if (listeners[i].transport == transport && listeners[i].bound.family == peer->family)
            return i;
    return SOCKET_ANY;
}

static void add(struct dns_answer *answer, const struct record *record)
{
    struct dns_service *service = &answer->services[answer->count];
    struct dns_pointer *pointer = &answer->pointers[answer->count];
    unsigned a, b, port;
    char text[64] = "";

    if (record->kind == DNS_SERVICE) {
        sscanf(record->data, "%u %u %u %63s", &a, &b, &port, text);
        *service = (struct dns_service){ .priority = (uint16_t)a,
                                         .weight = (uint16_t)b,
                                         .port = (uint16_t)port };
        strcpy(service->target, text);
    } else if (record->kind == DNS_POINTER) {
        *pointer = (struct dns_pointer){ .flag = '\0' };
        sscanf(record->data, "%u %u %c %31s %63s", &a, &b, &pointer->flag, pointer->service, text);
        pointer->order = (uint16_t)a;
        pointer->preference = (uint16_t)b;
        strcpy(pointer->replacement, text);
    } else if (addr_parse_ip(str_of(record->data), &answer->addrs[answer->count])) {
        fail_msg("%s", record->data);
    }
    answer->count++;
}

static void tell(struct ground *ground, const struct question *question)
{
    struct dns_answer answer = { .count = 0 };

    for (const struct record *record = ground->records; record->name; record++)
        if (record->kind == question->kind && strcmp(record->name, question->name) == 0)
            add(&answer, record);
    question->done(question->context, &answer);
}

static void find(void *context, enum dns_kind kind, struct str name, name_done_fn *done,
                 void *done_context)
{
    struct ground *ground = context;
    struct question question = { .kind = kind, .done = done, .context = done_context };

    memcpy(question.name, name.ptr, name.len);
    if (!ground->is_slow) {
        ground->question_count++;
        tell(ground, &question);
        return;
    }
    assert_true(ground->question_count < QUESTIONS_MAX);
    ground->questions[ground->question_count++] = question;
}

/* The answer to the question asked last or first of those that wait. */
static void answer(struct ground *ground, bool is_last)
{
    unsigned i = is_last ? ground->question_count - 1 : 0;
    struct question question = ground->questions[i];

    ground->question_count--;
    memmove(&ground->questions[i], &ground->questions[i + 1],
            (ground->question_count - i) * sizeof question);
    tell(ground, &question);
}

static void on_resolved(void *context, enum err err, const struct flow *hops, unsigned count)
{
    struct ground *ground = context;
    struct writer w = writer_over(ground->text, sizeof ground->text - 1);
    char text[FLOW_TEXT_MAX];

    if (err)
        write_str(&w, str_of(err_name(err)));
    for (unsigned i = 0; i < count; i++)
        write_fmt(&w, "%s%s", i ? " " : "", flow_text(&hops[i], text));
    *w.at = '\0';
    ground->results++;
}

static struct ground *make_ground(const struct record *records)
{
    struct ground *ground = calloc(1, sizeof *ground);
    struct resolver_ground it = {
        .context = ground,
        .listeners = listeners,
        .listener_count = 4,
        .now = tell_now,
        .start_timer = start,
        .stop_timer = stop,
        .choose_socket = choose,
        .find_name = find,
    };

    assert_non_null(ground);
    ground->records = records;
    wheel_init(&ground->wheel, 1000);
    prng_init(&ground->random, 3);
    assert_int_equal(outages_create(&ground->outages), ERR_NONE);
    it.random = &ground->random.source;
    it.rules = &ground->rules;
    it.outages = ground->outages;
    assert_int_equal(resolver_create(&it, &ground->resolver), ERR_NONE);
    return ground;
}

static void end_ground(struct ground *ground)
{
    resolver_destroy(ground->resolver);
    outages_destroy(ground->outages);
    assert_int_equal(ground->wheel.count, 0);
    free(ground);
}

static void resolve(struct ground *ground, const char *host, bool is_secure)
{
    struct resolve_query query = { .host = str_of(host),
                                   .transport = is_secure ? TRANSPORT_TLS : TRANSPORT_UDP,
                                   .is_secure = is_secure,
                                   .socket = SOCKET_ANY };

    resolver_resolve(ground->resolver, &query, on_resolved, ground);
}

static void expect(struct ground *ground, const char *host, const char *want)
{
    resolve(ground, host, false);
    if (strcmp(ground->text, want) != 0)
        fail_msg("%s: %s instead of %s", host, ground->text, want);
}

/* ---- the tests ---- */

static const struct record records[] = {
    { DNS_POINTER, "full.test", "20 10 s SIP+D2U _sip._udp.full.test" },
    { DNS_POINTER, "full.test", "10 20 s SIP+D2T _sip._tcp.full.test" },
    { DNS_POINTER, "full.test", "10 10 s SIPS+D2T _sips._tcp.full.test" },
    { DNS_POINTER, "full.test", "1 1 s SIP+D2W _sip._ws.full.test" },
    { DNS_POINTER, "full.test", "1 1 x SIP+D2U _sip._udp.full.test" },
    { DNS_SERVICE, "_sip._udp.full.test", "1 0 5060 one.test" },
    { DNS_SERVICE, "_sip._tcp.full.test", "1 0 5060 one.test" },
    { DNS_SERVICE, "_sips._tcp.full.test", "1 0 5061 one.test" },
    { DNS_IPV4, "one.test", "203.0.113.1" },
    { DNS_SERVICE, "_sip._udp.both.test", "1 0 5060 both.test" },
    { DNS_IPV4, "both.test", "203.0.113.2" },
    { DNS_IPV6, "both.test", "2001:db8::2" },
    { DNS_SERVICE, "_sip._udp.twice.test", "1 0 5060 one.test" },
    { DNS_SERVICE, "_sip._udp.twice.test", "2 0 5060 one.test" },
    { DNS_SERVICE, "_sip._udp.twice.test", "3 0 5070 one.test" },
    { DNS_SERVICE, "_sip._udp.load.test", "10 0 1000 one.test" },
    { DNS_SERVICE, "_sip._udp.load.test", "10 10 1010 one.test" },
    { DNS_SERVICE, "_sip._udp.load.test", "10 30 1030 one.test" },
    { DNS_SERVICE, "_sip._udp.load.test", "10 60 1060 one.test" },
    { DNS_SERVICE, "_sip._udp.load.test", "5 1 999 one.test" },
    { DNS_POINTER, "empty.test", "1 1 s SIP+D2U _sip._udp.nothing.test" },
    { DNS_SERVICE, "_sip._tcp.empty.test", "1 0 5060 one.test" },
    { 0 },
};

static void test_naptr_goes_by_order_then_preference(void **state)
{
    struct ground *ground = make_ground(records);

    (void)state;
    expect(ground, "full.test", "tls:203.0.113.1:5061 tcp:203.0.113.1:5060 udp:203.0.113.1:5060");
    ground->rules.ignores_order = true;
    ground->rules.preference[TRANSPORT_UDP] = 30;
    ground->rules.preference[TRANSPORT_TCP] = 20;
    ground->rules.preference[TRANSPORT_TLS] = 10;
    expect(ground, "full.test", "udp:203.0.113.1:5060 tcp:203.0.113.1:5060 tls:203.0.113.1:5061");
    ground->rules.no_naptr = true;
    expect(ground, "full.test", "udp:203.0.113.1:5060");
    end_ground(ground);
}

static void test_sips_goes_by_tls_alone(void **state)
{
    struct ground *ground = make_ground(records);

    (void)state;
    resolve(ground, "full.test", true);
    assert_string_equal(ground->text, "tls:203.0.113.1:5061");
    resolve(ground, "203.0.113.9", true);
    assert_string_equal(ground->text, "tls:203.0.113.9:5061");
    resolve(ground, "one.test", true);
    assert_string_equal(ground->text, "tls:203.0.113.1:5061");
    end_ground(ground);
}

static void test_pointers_to_nothing_are_passed_over(void **state)
{
    struct ground *ground = make_ground(records);

    (void)state;
    expect(ground, "empty.test", "tcp:203.0.113.1:5060");
    end_ground(ground);
}

static void test_the_family_that_is_preferred_comes_first(void **state)
{
    struct ground *ground = make_ground(records);

    (void)state;
    expect(ground, "both.test", "udp:203.0.113.2:5060 udp:[2001:db8::2]:5060");
    ground->rules.prefers_ipv6 = true;
    expect(ground, "both.test", "udp:[2001:db8::2]:5060 udp:203.0.113.2:5060");
    ground->rules.no_ipv6 = true;
    expect(ground, "both.test", "udp:203.0.113.2:5060");
    ground->rules.no_ipv6 = false;
    ground->rules.no_ipv4 = true;
    expect(ground, "both.test", "udp:[2001:db8::2]:5060");
    end_ground(ground);
}

static void test_no_hop_comes_twice(void **state)
{
    struct ground *ground = make_ground(records);

    (void)state;
    expect(ground, "twice.test", "udp:203.0.113.1:5060 udp:203.0.113.1:5070");
    end_ground(ground);
}

static void test_weights_share_the_load(void **state)
{
    struct ground *ground = make_ground(records);
    unsigned counts[2000] = { 0 };

    (void)state;
    for (int i = 0; i < 10000; i++) {
        char port[6] = "";

        resolve(ground, "load.test", false);
        assert_memory_equal(ground->text, "udp:203.0.113.1:999 ", 20);
        memcpy(port, ground->text + 20 + strlen("udp:203.0.113.1:"), 4);
        counts[strtoul(port, NULL, 10)]++;
    }
    assert_in_range(counts[1060], 5500, 6500);
    assert_in_range(counts[1030], 2600, 3400);
    assert_in_range(counts[1010], 700, 1300);
    assert_in_range(counts[1000], 1, 300);
    ground->rules.ignores_weight = true;
    expect(ground, "load.test",
           "udp:203.0.113.1:999 udp:203.0.113.1:1060 udp:203.0.113.1:1030 udp:203.0.113.1:1010 "
           "udp:203.0.113.1:1000");
    end_ground(ground);
}

/* The answers may come in any order: that of the hops stays. */
static void test_late_answers_find_their_place(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 64; seed++) {
        struct ground *ground = make_ground(records);

        ground->is_slow = true;
        resolve(ground, "full.test", false);
        for (unsigned step = 0; ground->question_count > 0; step++)
            answer(ground, seed >> step % 6 & 1);
        assert_int_equal(ground->results, 1);
        assert_string_equal(ground->text,
                            "tls:203.0.113.1:5061 tcp:203.0.113.1:5060 udp:203.0.113.1:5060");
        end_ground(ground);
    }
}

static void test_what_is_known_at_the_deadline_is_used(void **state)
{
    struct ground *ground = make_ground(records);

    (void)state;
    ground->is_slow = true;
    resolve(ground, "both.test", false);
    answer(ground, false); /* NAPTR */
    answer(ground, false); /* SRV */
    answer(ground, false); /* A */
    assert_int_equal(ground->results, 0);
    wheel_advance(&ground->wheel, 10000);
    assert_int_equal(ground->results, 1);
    assert_string_equal(ground->text, "udp:203.0.113.2:5060");
    answer(ground, false); /* AAAA finds nobody */
    assert_int_equal(ground->results, 1);
    end_ground(ground);
}

static void test_what_is_under_way_at_the_end_is_forgotten(void **state)
{
    struct ground *ground = make_ground(records);

    (void)state;
    ground->is_slow = true;
    resolve(ground, "both.test", false);
    assert_int_equal(ground->results, 0);
    end_ground(ground);
}

static void test_those_who_failed_come_last_for_a_while(void **state)
{
    struct ground *ground = make_ground(records);
    struct flow tls = { .transport = TRANSPORT_TLS,
                        .peer = { .ip = { 203, 0, 113, 1 }, .port = 5061, .family = ADDR_IPV4 } };
    struct flow tcp = tls;

    (void)state;
    tcp.transport = TRANSPORT_TCP;
    tcp.peer.port = 5060;
    outages_note(ground->outages, &tls, ERR_TIMEOUT, 1000, 5000);
    expect(ground, "full.test", "tcp:203.0.113.1:5060 udp:203.0.113.1:5060 tls:203.0.113.1:5061");
    outages_note(ground->outages, &tcp, ERR_TIMEOUT, 1000, 1000);
    expect(ground, "full.test", "udp:203.0.113.1:5060 tls:203.0.113.1:5061 tcp:203.0.113.1:5060");
    wheel_advance(&ground->wheel, 2000);
    expect(ground, "full.test", "tcp:203.0.113.1:5060 udp:203.0.113.1:5060 tls:203.0.113.1:5061");
    outages_forgive(ground->outages, &tls);
    expect(ground, "full.test", "tls:203.0.113.1:5061 tcp:203.0.113.1:5060 udp:203.0.113.1:5060");
    end_ground(ground);
}

static void count_outage(void *context, const struct flow *hop, enum err why, msec left)
{
    (void)hop;
    (void)why;
    assert_in_range(left, 1, OUTAGE_TIME_MAX);
    ++*(unsigned *)context;
}

static void test_the_list_of_failures_is_bounded(void **state)
{
    struct outages *outages = NULL;
    struct flow hop = { .peer = { .family = ADDR_IPV4, .port = 1 } };
    unsigned count = 0;

    (void)state;
    assert_int_equal(outages_create(&outages), ERR_NONE);
    for (unsigned i = 0; i < 10000; i++) {
        hop.peer.ip[2] = (uint8_t)(i >> 8);
        hop.peer.ip[3] = (uint8_t)i;
        outages_note(outages, &hop, ERR_TIMEOUT, 1000, 1000000000);
    }
    assert_true(outages_has(outages, &hop, 1001));
    outages_each(outages, 1001, count_outage, &count);
    assert_int_equal(count, OUTAGES_MAX);
    assert_false(outages_has(outages, &hop, 1001 + OUTAGE_TIME_MAX));
    assert_int_equal(outages_clear(outages), OUTAGES_MAX);
    assert_false(outages_has(outages, &hop, 1001));
    outages_destroy(outages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_naptr_goes_by_order_then_preference),
        cmocka_unit_test(test_sips_goes_by_tls_alone),
        cmocka_unit_test(test_pointers_to_nothing_are_passed_over),
        cmocka_unit_test(test_the_family_that_is_preferred_comes_first),
        cmocka_unit_test(test_no_hop_comes_twice),
        cmocka_unit_test(test_weights_share_the_load),
        cmocka_unit_test(test_late_answers_find_their_place),
        cmocka_unit_test(test_what_is_known_at_the_deadline_is_used),
        cmocka_unit_test(test_what_is_under_way_at_the_end_is_forgotten),
        cmocka_unit_test(test_those_who_failed_come_last_for_a_while),
        cmocka_unit_test(test_the_list_of_failures_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
