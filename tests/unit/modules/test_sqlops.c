/* SPDX-License-Identifier: Apache-2.0 */
/* The names of columns, as a statement says them. */
#include "../../../modules/sqlops/sqlops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
    const char *sql;
    unsigned index;
    const char *name;
} rows[] = {
    { "select a from t", 0, "a" },
    { "SELECT a, b FROM t", 1, "b" },
    { "select a, b from t", 2, "" },
    { " \n select distinct t.a as x, t.b\nfrom t", 0, "x" },
    { "select all t.a, t.b\nfrom t", 1, "b" },
    { "select a x, b \"two words\" from t", 1, "two words" },
    { "select `a`, t.`b` from t", 1, "b" },
    { "select count(*), max(a, b) m, count(x)from t", 0, "count(*)" },
    { "select count(*), max(a, b) m, count(x)from t", 1, "m" },
    { "select count(*), max(a, b) m, count(x)from t", 2, "count(x)" },
    { "select (select b from c) as inner, d from t", 0, "inner" },
    { "select (select b from c) as inner, d from t", 1, "d" },
    { "select 'a, from b', c", 1, "c" },
    { "select 'it''s', c", 1, "c" },
    { "select a + b, c||d from t", 0, "a + b" },
    { "select from_user, fromage from t", 0, "from_user" },
    { "select * from t", 0, "" },
    { "select a, * from t", 0, "a" },
    { "select a, * from t", 1, "" },
    { "select t.* from t", 0, "" },
    { "insert into t values (1)", 0, "" },
    { "selected a", 0, "" },
    { "select", 0, "" },
    { "select (((", 0, "(((" },
    { "select ')", 0, "')" },
    { "select ,,", 1, "" },
    { "", 0, "" },
};

static void test_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str name = column_name(str_of(rows[i].sql), rows[i].index);
        if (!str_eq(name, str_of(rows[i].name)))
            fail_msg("column %u of \"%s\" is \"" STR_FMT "\", not \"%s\"", rows[i].index, rows[i].sql, STR_ARG(name),
                     rows[i].name);
    }
}

/* Parentheses within parentheses, as many as there may be: no harm to the stack. */
static void test_deep_nesting(void **state)
{
    static char sql[65536] = "select ";

    (void)state;
    memset(sql + 7, '(', sizeof sql - 7);
    assert_true(column_name((struct str){ sql, sizeof sql }, 0).len <= sizeof sql);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_deep_nesting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
