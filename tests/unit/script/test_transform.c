/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in braces behind a variable. */
#include "fake_host.h"

#include "script/transform.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

/* A text shows nothing when a transformation fails. */
static const struct {
    const char *text;
    const char *transformations;
    const char *result;
} rows[] = {
    { "hello", "{s.len}", "5" },
    { "", "{s.len}", "0" },
    { "12", "{s.int}", "12" },
    { "1x", "{s.int}", "" },
    { "hello", "{s.substr,1,3}", "ell" },
    { "hello", "{s.substr,-3,2}", "ll" },
    { "hello", "{s.substr,2,0}", "llo" },
    { "hello", "{s.substr,9,1}", "" },
    { "hello", "{s.substr,3,9}", "lo" },
    { "hello", "{s.substr,-9,1}", "" },
    { "a,b,c", "{s.select,0,,}", "a" },
    { "a;b;c", "{s.select,2,;}", "c" },
    { "a;b;c", "{s.select,-2,;}", "b" },
    { "a;b;c", "{s.select,7,;}", "" },
    { "AbC", "{s.tolower}", "abc" },
    { "AbC", "{s.toupper}", "ABC" },
    { "AbC", "{S.TOUPPER}", "ABC" },
    { "+49 (30) 1", "{s.numeric}", "49301" },
    { " a b ", "{s.trim}", "a b" },
    { " a b ", "{s.ltrim}", "a b " },
    { " a b ", "{s.rtrim}", " a b" },
    { " a b ", "{s.rmws}", "ab" },
    { "hello", "{s.strip,2}", "llo" },
    { "hello", "{s.striptail,2}", "hel" },
    { "hello", "{s.strip,9}", "" },
    { "a@b", "{s.stripto,@}", "@b" },
    { "banana", "{s.rm,an}", "ba" },
    { "banana", "{s.replace,an,X}", "bXXa" },
    { "banana", "{s.replace,a,long}", "blongnlongnlong" },
    { "\\\"q\\\"", "{s.unquote}", "q" },
    { "<u>", "{s.unbracket}", "u" },
    { "banana", "{s.count,a}", "3" },
    { "a=b=c", "{s.before,=}", "a" },
    { "a=b=c", "{s.after,=}", "b=c" },
    { "a=b=c", "{s.rbefore,=}", "a=b" },
    { "a=b=c", "{s.rafter,=}", "c" },
    { "abc", "{s.after,=}", "" },
    { "123", "{s.prefixes}", "1,12,123" },
    { "1234", "{s.prefixes.quoted,2}", "'1','12'" },
    { "abc", "{s.md5}", "900150983cd24fb0d6963f7d28e17f72" },
    { "abc", "{s.sha256}", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { "a~b", "{s.encode.hexa}", "617e62" },
    { "617e62", "{s.decode.hexa}", "a~b" },
    { "alice", "{s.encode.base58}{s.decode.base58}", "alice" },
    { "11", "{s.decode.base58}{s.len}", "2" },
    { "a0b", "{s.decode.base58}", "" },
    { "alice", "{s.encode.7bit}{s.decode.7bit}", "alice" },
    { "12345678", "{s.encode.7bit}{s.decode.7bit}", "12345678" },
    { "6", "{s.decode.7bit}", "" },
    { "alice", "{s.fmtlines,2,1}{s.encode.hexa}", "616c0d0a2069630d0a2065" },
    { "alice", "{s.fmtlines,0,1}", "" },
    { "alice", "{s.corehash,1}", "0" },
    { "sip:h:5070;transport=tls", "{urialias.encode}", "h~5070~3" },
    { "h~5070~3", "{urialias.decode}", "sip:h:5070;transport=tls" },
    { "h~5070~9", "{urialias.decode}", "" },
    { "61x", "{s.decode.hexa}", "a" },
    { "6x", "{s.decode.hexa}", "" },
    { "a'b\\\\c", "{s.escape.common}", "a\\'b\\\\c" },
    { "a'b\\\\c", "{s.escape.common}{s.unescape.common}", "a'b\\c" },
    { "a b@c", "{s.escape.user}", "a%20b%40c" },
    { "a%20b", "{s.unescape.user}", "a b" },
    { "a%0d%0ab", "{s.unescape.user}", "" },
    { "a b", "{s.escape.param}", "a%20b" },
    { "a+b%21", "{s.urldecode.param}", "a b!" },
    { "a\\\"b", "{s.escape.csv}", "\"a\"\"b\"" },
    { "any carnal", "{s.encode.base64}", "YW55IGNhcm5hbA==" },
    { "any carnal", "{s.encode.base64t}", "YW55IGNhcm5hbA" },
    { "YW55IGNhcm5hbA==", "{s.decode.base64}", "any carnal" },
    { "a?>", "{s.encode.base64url}", "YT8-" },
    { "sip:bob@a.org", "{re.subst,/^sip:(.+)@.*$/\\1, it is/}", "bob, it is" },
    { "banana", "{re.subst,/AN/x/gi}", "bxxa" },
    { "a\nb\nc", "{line.count}", "3" },
    { "a\nb\nc", "{line.at,1}", "b" },
    { "a\nb\nc", "{line.at,-1}", "c" },
    { "x=1\ny=2", "{line.sw,y}", "y=2" },
    { "a\nb", "{val.json}", "a\\nb" },
    { "a", "{val.jsonqe}", "\"a\"" },

    { "sip:bob:pw@host.org:5070;transport=tcp;lr?x=y", "{uri.user}", "bob" },
    { "sip:bob:pw@host.org:5070;transport=tcp;lr?x=y", "{uri.passwd}", "pw" },
    { "sip:bob@host.org", "{uri.host}", "host.org" },
    { "sip:bob@host.org", "{uri.domain}", "host.org" },
    { "sip:bob@host.org:5070", "{uri.port}", "5070" },
    { "sip:bob@host.org", "{uri.port}", "" },
    { "sip:bob@host.org;transport=tcp;a=b", "{uri.params}", "transport=tcp;a=b" },
    { "sip:bob@host.org;transport=tcp;a=b", "{uri.param,a}", "b" },
    { "sip:bob@host.org;transport=tcp;a=b", "{uri.transport}", "tcp" },
    { "sips:bob@host.org:5070", "{uri.saor}", "sips:bob@host.org" },
    { "sip:bob@host.org:5070;transport=tcp;x=y", "{uri.suri}",
      "sip:bob@host.org:5070;transport=tcp" },
    { "sip:bob@host.org", "{uri.tosocket}", "" },
    { "sip:bob@host.org:5060;transport=udp", "{uri.tosocket}", "udp:host.org:5060" },
    { "bob", "{uri.user}", "" },
    { "a=1;b=\\\"2\\\";c", "{param.value,b}", "2" },
    { "a=1,b=2", "{param.value,b,,}", "2" },
    { "a=1;b=2", "{param.in,b}", "1" },
    { "a=1;b=2", "{param.in,z}", "0" },
    { "a=1;b=2", "{param.valueat,1}", "2" },
    { "a=1;b=2", "{param.name,-1}", "b" },
    { "a=1;b=2", "{param.count}", "2" },
    { "\\\"Bob\\\" <sip:bob@h>;tag=x", "{nameaddr.uri}", "sip:bob@h" },
    { "\\\"Bob\\\" <sip:bob@h>;tag=x", "{nameaddr.name}", "\"Bob\" " },
    { "<sip:bob@h>;tag=x;y", "{tobody.tag}", "x" },
    { "<sip:bob@h>;tag=x;y", "{tobody.user}", "bob" },
    { "<sip:bob@h>;tag=x;y", "{tobody.params}", "tag=x;y" },
};

static bool check_row(size_t row)
{
    struct fake_host fake;
    struct fake_run run;
    struct program *program;
    char script[512], expected[256];
    bool is_right;

    snprintf(script, sizeof script,
             "#!KAMAILIO\nroute { $var(t) = \"%s\"; say(\"[$(var(t)%s)]\"); }", rows[row].text,
             rows[row].transformations);
    snprintf(expected, sizeof expected, "[%s] ", rows[row].result);
    fake_init(&fake);
    program = fake_compile(&fake, script, DIALECT_AUTO);
    fake_run_init(&run, &fake, STAGE_REQUEST);
    if (program)
        fake_run_start(&run, program, program_route(program, STAGE_REQUEST, STR("")), NULL);
    is_right = program && strcmp(fake.trace, expected) == 0;
    if (!is_right)
        print_error("%s on \"%s\": expected %s not %s\n%s", rows[row].transformations,
                    rows[row].text, expected, fake.trace, fake.reports);
    fake_run_fini(&run);
    program_unref(program);
    fake_fini(&fake);
    return is_right;
}

static void test_transformations_give_what_the_table_says(void **state)
{
    unsigned wrong = 0;

    (void)state;
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++)
        wrong += !check_row(row);
    assert_int_equal(wrong, 0);
}

static const struct transform_doc *find_doc(const char *name)
{
    const struct transform_doc *doc = transform_docs;

    while (doc->name && strcmp(doc->name, name) != 0)
        doc++;
    return doc->name ? doc : NULL;
}

static void count_undocumented(void *visitor, struct str class, struct str name)
{
    unsigned *count = visitor;
    char whole[64];

    snprintf(whole, sizeof whole, STR_FMT "." STR_FMT, STR_ARG(class), STR_ARG(name));
    if (find_doc(whole))
        return;
    print_error("{%s} has no sentence in transform_docs.c\n", whole);
    ++*count;
}

static void count_one(void *visitor, struct str class, struct str name)
{
    unsigned *count = visitor;

    (void)class;
    (void)name;
    ++*count;
}

static void test_every_transformation_has_a_sentence(void **state)
{
    unsigned undocumented = 0, known = 0, documented = 0;

    (void)state;
    transform_each(count_undocumented, &undocumented);
    transform_each(count_one, &known);
    for (const struct transform_doc *doc = transform_docs; doc->name; doc++)
        documented++;
    assert_int_equal(undocumented, 0);
    assert_int_equal(documented, known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transformations_give_what_the_table_says),
        cmocka_unit_test(test_every_transformation_has_a_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
