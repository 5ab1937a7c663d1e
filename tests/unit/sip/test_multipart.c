/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <time.h>

#include <culvert/multipart.h>

#define SDP_PART "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n"
#define MIXED "multipart/mixed;boundary=b"

static const struct {
    const char *what, *type, *body;
    enum err want;
    const char *contents; /* each ended by | */
} splits[] = {
    { "no multipart", "text/plain", "--b\r\n\r\nx", ERR_NONE, "--b\r\n\r\nx|" },
    { "two parts", MIXED, "--b\r\nA: 1\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n", ERR_NONE,
      "one|two|" },
    { "quoted boundary", "Multipart/Related; x=\"boundary=c\"; BOUNDARY=\"b\"",
      "--b\r\n\r\none\r\n--b--", ERR_NONE, "one|" },
    { "preamble and epilogue", MIXED, "say\r\n--b\r\n\r\none\r\n--b--\r\n--b\r\n\r\ntwo\r\n",
      ERR_NONE, "one|" },
    { "LF only", MIXED, "--b\n\none\n--b\n\ntwo\n--b--\n", ERR_NONE, "one|two|" },
    { "not closed", MIXED, "--b\r\n\r\none\r\n", ERR_NONE, "one\r\n|" },
    { "blanks behind it", MIXED, "--b \t\r\n\r\none\r\n--b-- \r\n", ERR_NONE, "one|" },
    { "a longer word", MIXED, "--b\r\n\r\n--bb\r\n--b-x\r\n--b--x\r\n--b--", ERR_NONE,
      "--bb\r\n--b-x\r\n--b--x|" },
    { "not at the start of a line", MIXED, "--b\r\n\r\nx--b--\r\n--b--", ERR_NONE, "x--b--|" },
    { "characters of patterns", "multipart/mixed;boundary=\".*+(\"",
      "--.*+(\r\n\r\none\r\n--aaa(\r\n--.*+(--", ERR_NONE, "one\r\n--aaa(|" },
    { "empty parts", MIXED, "--b\r\n--b\r\n\r\n--b\r\n\r\n\r\n--b--", ERR_NONE, "|||" },
    { "no empty line", MIXED, "--b\r\nA: 1\r\n--b--", ERR_NONE, "|" },
    { "closed at once", MIXED, "--b--\r\n--b\r\n\r\none\r\n--b--", ERR_NONE, "one|" },
    { "nested", MIXED,
      "--b\r\nContent-Type: "
      "multipart/"
      "alternative;boundary=c\r\n\r\n--c\r\n\r\none\r\n--c\r\n\r\ntwo\r\n--c--\r\n--"
      "b\r\n\r\nthree\r\n--b--",
      ERR_NONE, "one|two|three|" },
    { "nested, its boundary a longer one", MIXED,
      "--b\r\nContent-Type: multipart/mixed;boundary=bb\r\n\r\n--bb\r\n\r\none\r\n--bb--\r\n--b--",
      ERR_NONE, "one|" },
    { "nested without a boundary is one part", MIXED,
      "--b\r\nContent-Type: multipart/mixed\r\n\r\n--c\r\n\r\none\r\n--c--\r\n--b--", ERR_NONE,
      "--c\r\n\r\none\r\n--c--|" },
    { "no boundary", "multipart/mixed", "--b\r\n\r\none\r\n--b--", ERR_SYNTAX, "" },
    { "an empty one", "multipart/mixed;boundary=\"\"", "--\r\n\r\none\r\n----", ERR_SYNTAX, "" },
    { "one that ends in a blank", "multipart/mixed;boundary=\"b \"", "--b \r\n\r\none\r\n--b --",
      ERR_SYNTAX, "" },
    { "one that is not there", "multipart/mixed;boundary=c", "--b\r\n\r\none\r\n--b--", ERR_SYNTAX,
      "" },
};

static void test_splits(void **state)
{
    struct sip_parts parts;
    char found[512];

    (void)state;
    for (size_t i = 0; i < sizeof splits / sizeof splits[0]; i++) {
        struct writer w = writer_over(found, sizeof found);
        enum err err = sip_body_split(str_of(splits[i].type), str_of(splits[i].body), &parts);

        for (unsigned part = 0; !err && part < parts.count; part++)
            write_fmt(&w, STR_FMT "|", STR_ARG(parts.parts[part].content));
        if (err != splits[i].want || !str_eq(writer_text(&w), str_of(splits[i].contents)))
            fail_msg("%s: %s, " STR_FMT, splits[i].what, err_name(err), STR_ARG(writer_text(&w)));
    }
}

static void write_parts(struct writer *w, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        write_str(w, STR("--b\r\n\r\nx\r\n"));
    write_str(w, STR("--b--"));
}

static void test_sixteen_parts_and_no_more(void **state)
{
    struct sip_parts parts;
    char body[1024];

    (void)state;
    for (unsigned count = 1; count <= SIP_PARTS_MAX + 1; count++) {
        struct writer w = writer_over(body, sizeof body);

        write_parts(&w, count);
        assert_int_equal(sip_body_split(STR(MIXED), writer_text(&w), &parts),
                         count > SIP_PARTS_MAX ? ERR_LIMIT : ERR_NONE);
        if (count <= SIP_PARTS_MAX)
            assert_int_equal(parts.count, count);
    }
}

static void write_nested(struct writer *w, unsigned depth, unsigned left)
{
    write_fmt(w, "--%u\r\n", depth);
    if (left > 0) {
        write_fmt(w, "Content-Type: multipart/mixed;boundary=%u\r\n\r\n", depth + 1);
        write_nested(w, depth + 1, left - 1);
    } else {
        write_str(w, STR("\r\nheart"));
    }
    write_fmt(w, "\r\n--%u--\r\n", depth);
}

static void test_nesting(void **state)
{
    struct sip_parts parts;
    char body[1024];

    (void)state;
    for (unsigned depth = 0; depth <= SIP_PART_NESTING_MAX + 1; depth++) {
        struct writer w = writer_over(body, sizeof body);
        enum err err;

        write_nested(&w, 0, depth);
        err = sip_body_split(STR("multipart/mixed;boundary=0"), writer_text(&w), &parts);
        assert_int_equal(err, depth > SIP_PART_NESTING_MAX ? ERR_LIMIT : ERR_NONE);
        if (!err)
            assert_true(str_eq(parts.parts[0].content, STR("heart")));
    }
}

static void test_boundary_has_70_characters_at_most(void **state)
{
    static char boundary[1025], type[1100], body[4096];
    struct sip_parts parts;

    (void)state;
    for (unsigned length = SIP_BOUNDARY_MAX; length <= 1024; length += 1024 - SIP_BOUNDARY_MAX) {
        struct writer w = writer_over(type, sizeof type), b = writer_over(body, sizeof body);

        memset(boundary, 'x', length);
        write_fmt(&w, "multipart/mixed;boundary=%.*s", (int)length, boundary);
        write_fmt(&b, "--%.*s\r\n\r\none\r\n--%.*s--", (int)length, boundary, (int)length,
                  boundary);
        assert_int_equal(sip_body_split(writer_text(&w), writer_text(&b), &parts),
                         length > SIP_BOUNDARY_MAX ? ERR_SYNTAX : ERR_NONE);
    }
}

/* 100 kB of lines that are nearly delimiters: one pass, not one a line. */
static void test_time_is_linear(void **state)
{
    static char body[100000];
    struct sip_parts parts;
    clock_t start = clock();

    (void)state;
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = "--\n"[i % 3];
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(sip_body_split(STR("multipart/mixed;boundary=\"-\""),
                                        (struct str){ body, sizeof body }, &parts),
                         ERR_SYNTAX);
    assert_true((clock() - start) * 1000 / CLOCKS_PER_SEC < 20 * 5);
}

static const struct {
    const char *what, *type, *encoding, *body;
    enum err want;
} finds[] = {
    { "plain", "application/sdp", "", "v=0", ERR_NONE },
    { "no type", "", "", "v=0", ERR_NONE },
    { "other case, parameters", "APPLICATION/sdp ;charset=utf-8", "identity", "v=0", ERR_NONE },
    { "other type", "application/sdpng", "", "v=0", ERR_NOT_FOUND },
    { "compressed", "application/sdp", "gzip", "v=0", ERR_NOT_FOUND },
    { "nothing", "application/sdp", "", "", ERR_NOT_FOUND },
    { "in a part", MIXED, "", SDP_PART "--b--", ERR_NONE },
    { "beside another", MIXED, "", "--b\r\nc: application/isup\r\n\r\n\x01\r\n" SDP_PART "--b--",
      ERR_NONE },
    { "twice", MIXED, "", SDP_PART SDP_PART "--b--", ERR_EXISTS },
    { "in base64", MIXED, "",
      "--b\r\nContent-Type: application/sdp\r\nContent-Transfer-Encoding: "
      "base64\r\n\r\ndj0w\r\n--b--",
      ERR_NOT_FOUND },
    { "in 7bit", MIXED, "",
      "--b\r\nContent-Type: application/sdp\r\nContent-Transfer-Encoding: 7bit\r\n\r\nv=0\r\n--b--",
      ERR_NONE },
    { "for the session", MIXED, "",
      "--b\r\nContent-Disposition: session;handling=required\r\nContent-Type: "
      "application/sdp\r\n\r\nv=0\r\n--b--",
      ERR_NONE },
    { "for something else", MIXED, "",
      "--b\r\nContent-Disposition: early-session\r\nContent-Type: "
      "application/sdp\r\n\r\nv=0\r\n--b--",
      ERR_NOT_FOUND },
    { "empty", MIXED, "", "--b\r\nContent-Type: application/sdp\r\n\r\n\r\n--b--", ERR_NOT_FOUND },
    { "without an empty line", MIXED, "", "--b\r\nContent-Type: application/sdp\r\n--b--",
      ERR_NOT_FOUND },
    { "only in the preamble", MIXED, "", "v=0\r\n--b\r\n\r\nx\r\n--b--", ERR_NOT_FOUND },
};

static void test_finds(void **state)
{
    struct sip_part part;

    (void)state;
    for (size_t i = 0; i < sizeof finds / sizeof finds[0]; i++) {
        const struct sip_body body = { str_of(finds[i].type), str_of(finds[i].encoding),
                                       str_of(finds[i].body) };
        enum err err = sip_body_find(&body, STR("application/sdp"), &part);

        if (err != finds[i].want || (!err && !str_eq(part.content, STR("v=0"))))
            fail_msg("%s: %s", finds[i].what, err_name(err));
    }
}

#define HEAD "Content-Type: " MIXED "\r\n"
#define BEFORE                                                                                     \
    "--b\r\nContent-Type: application/isup\r\n\r\n\x01\x10\r\n--b\r\nContent-Type: "               \
    "application/sdp\r\n"
#define BEHIND "\r\n--b--\r\nepilogue"

/* One part is changed, and a Content-Length of its own with it; all other bytes stay. */
static void test_one_part_changes(void **state)
{
    struct fixture f;
    struct sip_edits edits = { 0 };
    const struct sip_edits *const lists[2] = { &edits, NULL };
    struct sip_body body;
    struct sip_part part;
    struct str text;

    (void)state;
    fixture_open(&f, REQUEST_HEAD HEAD "\r\n" BEFORE "Content-Length: 3\r\n\r\nv=0" BEHIND);
    body = sip_msg_body(f.msg);
    assert_int_equal(sip_body_find(&body, STR("application/sdp"), &part), ERR_NONE);
    assert_int_equal(sip_edit_set_part(&edits, f.msg, &part, STR("v=0 and more")), ERR_NONE);
    assert_true(edits.has_body);
    assert_int_equal(sip_edits_body(f.msg, lists, &text), ERR_NONE);
    assert_true(str_eq(text, STR(BEFORE "Content-Length: 12\r\n\r\nv=0 and more" BEHIND)));
    f.w = writer_over(f.buffer, sizeof f.buffer);
    sip_body_write(&f.w, &body, &part, STR("v=0 and more"));
    assert_true(str_eq(writer_text(&f.w), text));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_splits),
        cmocka_unit_test(test_sixteen_parts_and_no_more),
        cmocka_unit_test(test_nesting),
        cmocka_unit_test(test_boundary_has_70_characters_at_most),
        cmocka_unit_test(test_time_is_linear),
        cmocka_unit_test(test_finds),
        cmocka_unit_test(test_one_part_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
