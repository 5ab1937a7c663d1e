/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of destinations that requests are kept from. */
#include "host/blacklist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct world {
    struct arena arena;
    struct blacklists lists;
};

static void open_world(struct world *world)
{
    *world = (struct world){ 0 };
    arena_init(&world->arena, NULL, 1024 * 1024);
}

static struct flow flow_to(const char *address, enum transport transport)
{
    struct flow flow = { .transport = (uint8_t)transport };

    assert_int_equal(addr_parse(str_of(address), &flow.peer), ERR_NONE);
    return flow;
}

static void test_rules_decide(void **state)
{
    static const struct {
        const char *what, *rules, *address;
        enum transport transport;
        bool is_refused;
    } rows[] = {
        { "an address", "{ ( udp , 192.0.2.1 , 5060 , \"\" ) }", "192.0.2.1:5060", TRANSPORT_UDP, true },
        { "another port", "{ ( udp , 192.0.2.1 , 5060 , \"\" ) }", "192.0.2.1:5061", TRANSPORT_UDP, false },
        { "another transport", "{ ( udp , 192.0.2.1 , 5060 , \"\" ) }", "192.0.2.1:5060", TRANSPORT_TCP, false },
        { "any of it", "(any,192.0.2.0/24,any,\"\")", "192.0.2.77:9", TRANSPORT_TLS, true },
        { "all there is", "(any,any,any,\"\")", "[2001:db8::1]:5060", TRANSPORT_UDP, true },
        { "another family", "(any,0.0.0.0/0,any,\"\")", "[2001:db8::1]:5060", TRANSPORT_UDP, false },
        { "an exception before", "!(any,192.0.2.1,any,\"\"),(any,192.0.2.0/24,any,\"\")", "192.0.2.1:5060", TRANSPORT_UDP, false },
        { "an exception too late", "(any,192.0.2.0/24,any,\"\"),!(any,192.0.2.1,any,\"\")", "192.0.2.1:5060", TRANSPORT_UDP, true },
        { "what is in the message", "(any,any,any,\"*a) bomb, x*\")", "192.0.2.1:5060", TRANSPORT_UDP, true },
        { "what is not", "(any,any,any,\"*peace*\")", "192.0.2.1:5060", TRANSPORT_UDP, false },
        { "the whole of it", "(any,any,any,\"INVITE*\")", "192.0.2.1:5060", TRANSPORT_UDP, true },
        { "a part is not the whole", "(any,any,any,\"INVITE\")", "192.0.2.1:5060", TRANSPORT_UDP, false },
        { "three fields", "(any,192.0.2.1,5060)", "192.0.2.1:5060", TRANSPORT_UDP, true },
        { "no rules", "{ }", "192.0.2.1:5060", TRANSPORT_UDP, false },
    };
    const struct str message = STR("INVITE sip:b SIP/2.0\r\nSubject: a) bomb, x\r\n");

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world world;
        struct flow flow = flow_to(rows[i].address, rows[i].transport);
        struct str fault;
        open_world(&world);
        assert_int_equal(blacklists_add(&world.lists, &world.arena, STR("x"), str_of(rows[i].rules), &fault), ERR_NONE);
        if (blacklists_refuse(&world.lists, 1, &flow, message) != rows[i].is_refused)
            fail_msg("%s is wrong", rows[i].what);
        assert_false(blacklists_refuse(&world.lists, 0, &flow, message));
        arena_fini(&world.arena);
    }
}

static void test_bad_rules_are_told(void **state)
{
    static const char *const rows[] = { "nonsense", "(sctpx,any,any)", "(udp,300.1.1.1,any)", "(udp,any,99999)", "(udp", "(udp,any,any,\"x)", "!", "()(" };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world world;
        struct str fault = STR("");
        open_world(&world);
        if (blacklists_add(&world.lists, &world.arena, STR("x"), str_of(rows[i]), &fault) != ERR_SYNTAX)
            fail_msg("\"%s\" is taken", rows[i]);
        assert_true(fault.len > 0);
        arena_fini(&world.arena);
    }
}

static void test_lists_have_names_and_a_limit(void **state)
{
    struct world world;
    struct str fault;
    char name[] = "a";

    (void)state;
    open_world(&world);
    for (unsigned i = 0; i < BLACKLISTS_MAX; i++, name[0]++)
        assert_int_equal(blacklists_add(&world.lists, &world.arena, str_of(name), STR("(any,any,any)"), &fault), ERR_NONE);
    assert_int_equal(blacklists_find(&world.lists, STR("A")), 1);
    assert_int_equal(blacklists_find(&world.lists, STR("none")), 0);
    /* more rules for one that is there */
    assert_int_equal(blacklists_add(&world.lists, &world.arena, STR("a"), STR("(udp,any,any)"), &fault), ERR_NONE);
    assert_non_null(world.lists.lists[0].rules->next);
    assert_int_equal(blacklists_add(&world.lists, &world.arena, STR("one more"), STR("(any,any,any)"), &fault), ERR_LIMIT);
    arena_fini(&world.arena);
}

/* A pattern of stars takes no longer than its length times that of the message. */
static void test_patterns_are_never_slow(void **state)
{
    struct world world;
    struct flow flow = flow_to("192.0.2.1:5060", TRANSPORT_UDP);
    static char text[20000];
    struct str fault;

    (void)state;
    memset(text, 'a', sizeof text);
    open_world(&world);
    assert_int_equal(blacklists_add(&world.lists, &world.arena, STR("x"),
                                    STR("(any,any,any,\"*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b\")"), &fault), ERR_NONE);
    assert_false(blacklists_refuse(&world.lists, 1, &flow, (struct str){ text, sizeof text }));
    arena_fini(&world.arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_decide),
        cmocka_unit_test(test_bad_rules_are_told),
        cmocka_unit_test(test_lists_have_names_and_a_limit),
        cmocka_unit_test(test_patterns_are_never_slow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
