/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#define TAIL "X-A: one\r\nX-B: two\r\nX-C: three\r\nContent-Length: 4\r\n\r\nbody"

/* The request with the edits applied and Max-Forwards as it comes. */
static struct str written(struct fixture *f, const struct sip_edits *first,
                          const struct sip_edits *second)
{
    struct sip_outgoing out = { .max_forwards = 70, .edits = { first, second } };
    struct str text;

    f->w = writer_over(f->buffer, sizeof f->buffer);
    assert_int_equal(sip_request_write(&f->w, f->msg, &out), ERR_NONE);
    assert_int_equal(writer_finish(&f->w, &text), ERR_NONE);
    return text;
}

static struct str value_of(const struct fixture *f, const char *name)
{
    const struct sip_hdr *hdr = sip_msg_find_name(f->msg, str_of(name), NULL);

    assert_non_null(hdr);
    return hdr->value;
}

static const struct sip_hdr *hdr_of(const struct fixture *f, const char *name)
{
    return sip_msg_find_name(f->msg, str_of(name), NULL);
}

static void assert_ends(struct str text, const char *tail)
{
    size_t len = strlen(tail);

    if (text.len < len || !str_eq(str_skip(text, text.len - len), str_of(tail)))
        fail_msg(STR_FMT "does not end in\n%s", STR_ARG(text), tail);
}

static void test_a_value_is_replaced(void **state)
{
    struct fixture f;
    struct sip_edits edits = { 0 };

    (void)state;
    fixture_open(&f, REQUEST_HEAD TAIL);
    assert_int_equal(sip_edit_replace(&edits, f.msg, value_of(&f, "X-B"), STR("2")), ERR_NONE);
    assert_ends(written(&f, &edits, NULL),
                "X-A: one\r\nX-B: 2\r\nX-C: three\r\nContent-Length: 4\r\n\r\nbody");
    assert_false(edits.has_body);
    fixture_close(&f);
}

static void test_headers_are_removed_and_added(void **state)
{
    struct fixture f;
    struct sip_edits edits = { 0 };

    (void)state;
    fixture_open(&f, REQUEST_HEAD TAIL);
    assert_int_equal(sip_edit_append_hdr(&edits, f.msg, STR("X-D: 4\r\n")), ERR_NONE);
    assert_int_equal(sip_edit_remove_hdr(&edits, f.msg, hdr_of(&f, "X-A")), ERR_NONE);
    assert_int_equal(sip_edit_append_hdr(&edits, f.msg, STR("X-E: 5\r\nX-F: 6\r\n")), ERR_NONE);
    assert_int_equal(sip_edit_insert(&edits, f.msg, hdr_of(&f, "X-B")->line.ptr, STR("X-0: 0\r\n")),
                     ERR_NONE);
    assert_true(sip_edits_remove(&edits, hdr_of(&f, "X-A")));
    assert_false(sip_edits_remove(&edits, hdr_of(&f, "X-B")));
    assert_ends(written(&f, &edits, NULL),
                "X-0: 0\r\nX-B: two\r\nX-C: three\r\nContent-Length: 4\r\n"
                "X-D: 4\r\nX-E: 5\r\nX-F: 6\r\n\r\nbody");
    fixture_close(&f);
}

static void test_insertions_at_one_place_keep_their_order(void **state)
{
    struct fixture f;
    struct sip_edits edits = { 0 };
    const struct sip_hdr *hdr;

    (void)state;
    fixture_open(&f, REQUEST_HEAD TAIL);
    hdr = hdr_of(&f, "X-A");
    assert_int_equal(sip_edit_insert(&edits, f.msg, hdr->value.ptr, STR("1")), ERR_NONE);
    assert_int_equal(sip_edit_replace(&edits, f.msg, hdr->value, STR("v")), ERR_NONE);
    assert_int_equal(sip_edit_insert(&edits, f.msg, hdr->value.ptr, STR("2")), ERR_NONE);
    assert_int_equal(sip_edit_insert(&edits, f.msg, hdr->value.ptr, STR("3")), ERR_NONE);
    assert_non_null(str_find(written(&f, &edits, NULL), STR("\r\nX-A: 123v\r\nX-B")));
    fixture_close(&f);
}

static void test_overlaps_in_one_list(void **state)
{
    struct fixture f;
    struct sip_edits edits = { 0 };
    struct str value;

    (void)state;
    fixture_open(&f, REQUEST_HEAD TAIL);
    value = value_of(&f, "X-C"); /* three */
    assert_int_equal(sip_edit_replace(&edits, f.msg, (struct str){ value.ptr, 3 }, STR("AB")),
                     ERR_NONE);
    assert_int_equal(sip_edit_replace(&edits, f.msg, (struct str){ value.ptr + 2, 3 }, STR("CD")),
                     ERR_NONE);
    assert_non_null(str_find(written(&f, &edits, NULL), STR("X-C: ABCD\r\n")));
    /* Inside of what is cut: nothing left to do. */
    assert_int_equal(sip_edit_replace(&edits, f.msg, (struct str){ value.ptr + 1, 1 }, STR("!")),
                     ERR_NONE);
    assert_int_equal(sip_edit_insert(&edits, f.msg, value.ptr + 1, STR("!")), ERR_NONE);
    assert_non_null(str_find(written(&f, &edits, NULL), STR("X-C: ABCD\r\n")));
    /* All of it again: the last wins. */
    assert_int_equal(sip_edit_replace(&edits, f.msg, value, STR("x")), ERR_NONE);
    assert_non_null(str_find(written(&f, &edits, NULL), STR("X-C: x\r\n")));
    assert_int_equal(sip_edit_remove_hdr(&edits, f.msg, hdr_of(&f, "X-C")), ERR_NONE);
    assert_ends(written(&f, &edits, NULL), "X-B: two\r\nContent-Length: 4\r\n\r\nbody");
    fixture_close(&f);
}

static void test_the_branch_wins_over_the_request(void **state)
{
    struct fixture f;
    struct sip_edits request = { 0 };
    struct sip_edits branch = { 0 };

    (void)state;
    fixture_open(&f, REQUEST_HEAD TAIL);
    assert_int_equal(sip_edit_replace(&request, f.msg, value_of(&f, "X-A"), STR("r")), ERR_NONE);
    assert_int_equal(sip_edit_replace(&branch, f.msg, value_of(&f, "X-A"), STR("b")), ERR_NONE);
    assert_int_equal(sip_edit_remove_hdr(&request, f.msg, hdr_of(&f, "X-B")), ERR_NONE);
    assert_int_equal(sip_edit_replace(&branch, f.msg, value_of(&f, "X-B"), STR("gone")), ERR_NONE);
    assert_int_equal(sip_edit_append_hdr(&request, f.msg, STR("X-R: r\r\n")), ERR_NONE);
    assert_int_equal(sip_edit_append_hdr(&branch, f.msg, STR("X-S: s\r\n")), ERR_NONE);
    assert_ends(written(&f, &request, &branch),
                "X-A: b\r\nX-C: three\r\nContent-Length: 4\r\nX-S: s\r\nX-R: r\r\n\r\nbody");
    fixture_close(&f);
}

static void test_bodies(void **state)
{
    struct fixture f;
    struct sip_edits edits = { 0 };

    (void)state;
    fixture_open(&f, REQUEST_HEAD TAIL);
    assert_int_equal(
        sip_edit_replace(&edits, f.msg, (struct str){ f.msg->body.ptr, 1 }, STR("B\n")), ERR_NONE);
    assert_int_equal(sip_edit_insert(&edits, f.msg, f.msg->body.ptr + 4, STR("\r\n\r\n")),
                     ERR_NONE);
    assert_true(edits.has_body);
    assert_ends(written(&f, &edits, NULL), "Content-Length: 9\r\n\r\nB\nody\r\n\r\n");
    assert_int_equal(sip_edit_set_body(&edits, f.msg, STR("new body")), ERR_NONE);
    assert_ends(written(&f, &edits, NULL), "Content-Length: 8\r\n\r\nnew body");
    assert_int_equal(sip_edit_set_body(&edits, f.msg, STR("")), ERR_NONE);
    assert_ends(written(&f, &edits, NULL), "Content-Length: 0\r\n\r\n");
    fixture_close(&f);
    fixture_open(&f, REQUEST_HEAD "\r\n");
    edits = (struct sip_edits){ 0 };
    assert_int_equal(sip_edit_set_body(&edits, f.msg, STR("abc")), ERR_NONE);
    assert_ends(written(&f, &edits, NULL), "Content-Length: 3\r\n\r\nabc");
    fixture_close(&f);
}

static void test_a_removed_content_length_is_written_again(void **state)
{
    struct fixture f;
    struct sip_edits edits = { 0 };

    (void)state;
    fixture_open(&f, REQUEST_HEAD TAIL);
    assert_int_equal(sip_edit_remove_hdr(&edits, f.msg, hdr_of(&f, "Content-Length")), ERR_NONE);
    assert_ends(written(&f, &edits, NULL), "X-C: three\r\nContent-Length: 4\r\n\r\nbody");
    fixture_close(&f);
}

static void test_lines_that_would_break_the_message(void **state)
{
    static const char *const lines[] = {
        "",
        "X: y",
        "X: y\n",
        "X: y\r",
        "X: y\r\n\r\n",
        "\r\nX: y\r\n",
        "X: y\r\n\r\nZ: y\r\n",
        "X: y\rZ: y\r\n",
        "X: y\nZ: y\r\n",
        " folded\r\n",
        "X: y\r\n z\r\n",
        "no colon\r\n",
        ": y\r\n",
        "X Y: z\r\n",
    };
    struct fixture f;
    struct sip_edits edits = { 0 };

    (void)state;
    fixture_open(&f, REQUEST_HEAD TAIL);
    for (size_t i = 0; i < ROWS(lines); i++)
        if (sip_edit_append_hdr(&edits, f.msg, str_of(lines[i])) != ERR_SYNTAX)
            fail_msg("'%s' was accepted", lines[i]);
    assert_int_equal(sip_edit_append_hdr(&edits, f.msg, (struct str){ "X: \0\r\n", 6 }),
                     ERR_SYNTAX);
    assert_null(edits.first);
    fixture_close(&f);
}

enum {
    INTO_BODY = 1000,
};

/* `from` and `to` count from the X-A line; the text takes the place of what is between. */
static void test_replacements_that_would_break_the_message(void **state)
{
    static const struct {
        const char *what;
        size_t from, to;
        const char *insert;
        enum err err;
    } rows[] = {
        { "a value", 5, 8, "x", ERR_NONE },
        { "a value by more lines", 5, 8, "x\r\nX-N: y", ERR_NONE },
        { "a line", 0, 10, "X-N: y\r\n", ERR_NONE },
        { "a line without its end", 0, 8, "X-N: y", ERR_NONE },
        { "LF in a value", 5, 8, "x\ny", ERR_SYNTAX },
        { "CR in a value", 5, 8, "x\ry", ERR_SYNTAX },
        { "CR at the end of a value", 5, 8, "x\r", ERR_SYNTAX },
        { "an empty line", 5, 8, "x\r\n\r\ny", ERR_SYNTAX },
        { "a line end before a line end", 5, 8, "x\r\n", ERR_SYNTAX },
        { "a fold", 5, 8, "x\r\n y", ERR_SYNTAX },
        { "a line end at the start of a line", 0, 0, "\r\nX: y\r\n", ERR_SYNTAX },
        { "half a line at the start of a line", 0, 0, "X: y", ERR_SYNTAX },
        { "a line by half a line", 0, 10, "X: y", ERR_SYNTAX },
        { "a blank at the start of a line", 0, 10, " x\r\n", ERR_SYNTAX },
        { "a value with its line end by nothing", 5, 10, "", ERR_SYNTAX },
        { "a line end by half", 9, 10, "", ERR_RANGE },
        { "half a line end", 8, 9, "", ERR_RANGE },
        { "head and body", 5, INTO_BODY, "", ERR_RANGE },
    };
    struct fixture f;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct sip_edits edits = { 0 };
        const char *line;
        enum err err;

        fixture_open(&f, REQUEST_HEAD TAIL);
        line = hdr_of(&f, "X-A")->line.ptr;
        err = sip_edit_replace(&edits, f.msg,
                               str_between(line + rows[i].from, rows[i].to == INTO_BODY
                                                                    ? f.msg->body.ptr + 1
                                                                    : line + rows[i].to),
                               str_of(rows[i].insert));
        if (err != rows[i].err)
            fail_msg("%s: %s", rows[i].what, err_name(err));
        fixture_close(&f);
    }
}

static void test_places_outside_of_the_message(void **state)
{
    struct fixture f;
    struct sip_edits edits = { 0 };
    static const char elsewhere[] = "X: y\r\n";

    (void)state;
    fixture_open(&f, REQUEST_HEAD TAIL);
    assert_int_equal(sip_edit_insert(&edits, f.msg, f.msg->bytes.ptr, STR("X: y\r\n")), ERR_RANGE);
    assert_int_equal(sip_edit_insert(&edits, f.msg, f.msg->body.ptr + 5, STR("x")), ERR_RANGE);
    assert_int_equal(sip_edit_replace(&edits, f.msg, STR(elsewhere), STR("x")), ERR_RANGE);
    assert_int_equal(sip_edit_replace(&edits, f.msg, (struct str){ f.msg->body.ptr, 5 }, STR("x")),
                     ERR_RANGE);
    assert_int_equal(sip_edit_replace(&edits, f.msg, (struct str){ 0 }, STR("x")), ERR_RANGE);
    fixture_close(&f);
}

/* What the checks of single edits cannot see is mended when the message is written. */
static void test_no_empty_line_comes_to_be(void **state)
{
    struct fixture f;
    struct sip_edits edits = { 0 };
    const struct sip_hdr *hdr;

    (void)state;
    fixture_open(&f, REQUEST_HEAD TAIL);
    hdr = hdr_of(&f, "X-A");
    assert_int_equal(
        sip_edit_replace(&edits, f.msg, (struct str){ hdr->line.ptr, hdr->line.len - 2 }, STR("")),
        ERR_NONE);
    hdr = hdr_of(&f, "X-C");
    assert_int_equal(sip_edit_replace(&edits, f.msg, (struct str){ hdr->line.ptr, 4 }, STR("")),
                     ERR_NONE);
    assert_ends(written(&f, &edits, NULL), "CSeq: 1 OPTIONS\r\nX-B: two three\r\n"
                                           "Content-Length: 4\r\n\r\nbody");
    fixture_close(&f);
}

static void test_out_of_memory(void **state)
{
    struct fixture f;
    struct sip_edits edits = { 0 };

    (void)state;
    fixture_open(&f, REQUEST_HEAD TAIL);
    f.arena.limit = f.arena.total;
    while (!sip_edit_append_hdr(&edits, f.msg, STR("X: y\r\n")))
        continue;
    assert_int_equal(sip_edit_append_hdr(&edits, f.msg, STR("X: y\r\n")), ERR_NOMEM);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_value_is_replaced),
        cmocka_unit_test(test_headers_are_removed_and_added),
        cmocka_unit_test(test_insertions_at_one_place_keep_their_order),
        cmocka_unit_test(test_overlaps_in_one_list),
        cmocka_unit_test(test_the_branch_wins_over_the_request),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_a_removed_content_length_is_written_again),
        cmocka_unit_test(test_lines_that_would_break_the_message),
        cmocka_unit_test(test_replacements_that_would_break_the_message),
        cmocka_unit_test(test_places_outside_of_the_message),
        cmocka_unit_test(test_no_empty_line_comes_to_be),
        cmocka_unit_test(test_out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
