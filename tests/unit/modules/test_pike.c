/* SPDX-License-Identifier: Apache-2.0 */
/* What the module pike makes of sources. */
#include "../../../modules/pike/sources.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct sources_limits limits = { .unit = 1000, .density = 10, .memory = 5000 };

static struct addr address(const char *text)
{
    struct addr addr;

    assert_int_equal(addr_parse_ip(str_of(text), &addr), ERR_NONE);
    return addr;
}

static enum source_state count_times(struct sources *sources, const char *text, unsigned times, msec now)
{
    struct addr addr = address(text);
    enum source_state state = SOURCE_QUIET;

    while (times--)
        state = sources_count(sources, &addr, now);
    return state;
}

static void test_flood_is_told_once_and_ends(void **state)
{
    struct sources *sources;

    (void)state;
    assert_int_equal(sources_create(&limits, 1, &sources), ERR_NONE);
    assert_int_equal(count_times(sources, "192.0.2.1", 10, 1000), SOURCE_QUIET);
    assert_int_equal(count_times(sources, "192.0.2.1", 1, 1999), SOURCE_FLOODS_NOW);
    assert_int_equal(count_times(sources, "192.0.2.1", 1, 1999), SOURCE_FLOODS);
    assert_int_equal(count_times(sources, "192.0.2.2", 1, 1999), SOURCE_QUIET);
    assert_int_equal(count_times(sources, "192.0.2.1", 1, 2000), SOURCE_FLOODS);
    assert_int_equal(count_times(sources, "192.0.2.1", 1, 3000), SOURCE_CALMED);
    assert_int_equal(count_times(sources, "192.0.2.1", 1, 3000), SOURCE_QUIET);
    sources_destroy(sources);
}

static void test_site_counts_as_one(void **state)
{
    struct sources *sources;

    (void)state;
    assert_int_equal(sources_create(&limits, 1, &sources), ERR_NONE);
    assert_int_equal(count_times(sources, "2001:db8::1", 10, 1000), SOURCE_QUIET);
    assert_int_equal(count_times(sources, "2001:db8:0:1::1", 1, 1000), SOURCE_QUIET);
    assert_int_equal(count_times(sources, "2001:db8::2", 1, 1000), SOURCE_FLOODS_NOW);
    sources_destroy(sources);
}

/* Half a million sources, each once: the memory stays what it was, and none of them is blocked. */
static void test_many_sources_are_no_flood(void **state)
{
    struct sources *sources;
    struct addr addr = { .family = ADDR_IPV4 };

    (void)state;
    assert_int_equal(sources_create(&limits, 1, &sources), ERR_NONE);
    for (uint32_t i = 0; i < 500000; i++) {
        memcpy(addr.ip, &i, sizeof i);
        assert_int_equal(sources_count(sources, &addr, 1000 + i / 1000), SOURCE_QUIET);
    }
    sources_destroy(sources);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flood_is_told_once_and_ends),
        cmocka_unit_test(test_site_counts_as_one),
        cmocka_unit_test(test_many_sources_are_no_flood),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
