/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of tests/torture: each gets the verdict of verdicts.txt, and with all its
 * truncations and with any byte replaced by one of those that parsers stumble over it does no harm.
 */
#include "fixture.h"

enum {
    NAME_MAX_LEN = 64,
    MESSAGE_MAX = 65536,
};

struct row {
    char name[NAME_MAX_LEN];
    char datagram[16];
    char stream[16];
    struct str text;
};

struct torture {
    struct row rows[128];
    unsigned count;
};

static struct str read_file(const char *name, const char *suffix)
{
    static char bytes[MESSAGE_MAX];
    char path[512];
    size_t len;
    FILE *file;

    snprintf(path, sizeof path, "%s/%s%s", TORTURE_DIR, name, suffix);
    file = fopen(path, "rb");
    if (!file)
        fail_msg("cannot open %s", path);
    len = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    return (struct str){ exact_copy((struct str){ bytes, len }), len };
}

static bool read_row(struct str line, struct row *row)
{
    char text[256];

    if (line.len == 0 || line.ptr[0] == '#')
        return false;
    snprintf(text, sizeof text, STR_FMT, STR_ARG(line));
    assert_int_equal(sscanf(text, "%63s %15s %15s", row->name, row->datagram, row->stream), 3);
    row->text = read_file(row->name, ".sip");
    return true;
}

static int read_all(void **state)
{
    static struct torture torture;
    struct str table = read_file("verdicts", ".txt");
    struct str rest = table;
    struct str line;

    while (str_split(rest, '\n', &line, &rest)) {
        assert_true(torture.count < ROWS(torture.rows));
        torture.count += read_row(line, &torture.rows[torture.count]);
    }
    free((char *)(uintptr_t)table.ptr);
    *state = &torture;
    return 0;
}

static int free_all(void **state)
{
    struct torture *torture = *state;

    for (unsigned i = 0; i < torture->count; i++)
        free((char *)(uintptr_t)torture->rows[i].text.ptr);
    return 0;
}

/* "ok", or the status of the fault. */
static void parse_verdict(struct str text, bool is_stream, char verdict[static 16])
{
    struct sip_fault fault = { 0 };
    struct sip_msg *msg;
    struct arena arena;
    enum err err;

    arena_init(&arena, NULL, 1 << 20);
    err = sip_msg_parse(&arena, text, is_stream, sip_limits_default(), &msg, &fault);
    if (err)
        snprintf(verdict, 16, "%u", fault.status);
    else
        snprintf(verdict, 16, "ok");
    arena_fini(&arena);
}

static void stream_verdict(struct str text, char verdict[static 16])
{
    static const char *const names[] = {
        [SIP_FRAME_MORE] = "more",
        [SIP_FRAME_KEEPALIVE] = "keepalive",
        [SIP_FRAME_SKIP] = "skip",
        [SIP_FRAME_BROKEN] = "broken",
    };
    enum sip_frame frame = SIP_FRAME_SKIP;
    size_t scanned = 0;
    size_t length = 0;

    while ((frame == SIP_FRAME_SKIP || frame == SIP_FRAME_KEEPALIVE) && length < text.len) {
        text = str_skip(text, length);
        length = 0;
        frame = sip_stream_frame(text, sip_limits_default(), &scanned, &length);
    }
    if (frame == SIP_FRAME_MESSAGE)
        parse_verdict((struct str){ text.ptr, length }, true, verdict);
    else
        snprintf(verdict, 16, "%s", names[frame]);
}

static void test_verdicts(void **state)
{
    const struct torture *torture = *state;
    char verdict[16];
    int wrong = 0;

    for (unsigned i = 0; i < torture->count; i++) {
        const struct row *row = &torture->rows[i];

        parse_verdict(row->text, false, verdict);
        if (strcmp(verdict, row->datagram) != 0 && ++wrong)
            print_error("%s as a datagram: %s, not %s\n", row->name, verdict, row->datagram);
        stream_verdict(row->text, verdict);
        if (strcmp(verdict, row->stream) != 0 && ++wrong)
            print_error("%s as a stream: %s, not %s\n", row->name, verdict, row->stream);
    }
    assert_int_equal(wrong, 0);
}

/* What was written must be read back without a fault, in one piece, in the canonical form. */
static void assert_reads_back(struct str text, unsigned hdr_count)
{
    struct sip_fault fault;
    struct sip_msg *msg;
    struct arena arena;

    arena_init(&arena, NULL, 1 << 20);
    if (sip_msg_parse_in_place(&arena, text, true, sip_limits_default(), &msg, &fault))
        fail_msg("%s:\n" STR_FMT, fault.what, STR_ARG(text));
    assert_true(msg->is_canonical);
    assert_int_equal(msg->bytes.len, text.len);
    if (hdr_count > 0)
        assert_int_equal(msg->hdr_count, hdr_count);
    arena_fini(&arena);
}

static void assert_writes_well(const struct sip_msg *msg)
{
    static char buffer[MESSAGE_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    unsigned added = !sip_msg_find(msg, SIP_HDR_CONTENT_LENGTH, NULL);

    if (!msg->is_request) {
        if (sip_values_next(&(struct sip_values){ .msg = msg, .id = SIP_HDR_VIA }) &&
            sip_msg_find(msg, SIP_HDR_VIA, sip_msg_find(msg, SIP_HDR_VIA, NULL)))
            assert_int_equal(sip_response_forward(&w, msg, msg->status, (struct str){ 0 }, NULL),
                             ERR_NONE);
        return;
    }
    added += !msg->has_max_forwards;
    assert_int_equal(sip_request_write(&w, msg, &(struct sip_outgoing){ .max_forwards = -1 }),
                     ERR_NONE);
    assert_reads_back(writer_text(&w), msg->hdr_count + added);
    w = writer_over(buffer, sizeof buffer);
    assert_int_equal(
        sip_reply_write(&w, msg, &(struct sip_reply){ .status = 404, .to_tag = STR("x") }),
        ERR_NONE);
    assert_reads_back(writer_text(&w), 0);
}

/* Parses what is in a block of exactly its size, and writes what could be parsed. */
static void try_bytes(struct str bytes, bool also_writes)
{
    size_t scanned = 0;
    size_t length = 0;
    struct sip_fault fault;
    struct sip_msg *msg;
    struct arena arena;
    enum err err;

    arena_init(&arena, NULL, 1 << 20);
    (void)sip_peek_call_id(bytes);
    (void)sip_stream_frame(bytes, sip_limits_default(), &scanned, &length);
    err = sip_msg_parse_in_place(&arena, bytes, false, sip_limits_default(), &msg, &fault);
    if (!err && also_writes)
        assert_writes_well(msg);
    arena_fini(&arena);
}

static void test_truncations(void **state)
{
    const struct torture *torture = *state;

    for (unsigned i = 0; i < torture->count; i++) {
        for (size_t len = 0; len < torture->rows[i].text.len; len++) {
            struct str part = { torture->rows[i].text.ptr, len };
            char *bytes = exact_copy(part);

            try_bytes((struct str){ bytes, len }, false);
            free(bytes);
        }
    }
}

static void test_replaced_bytes(void **state)
{
    static const unsigned char replacements[] = { 0x00, 0x0a, 0x0d, 0x20, 0x22, 0x2c, 0x3a,
                                                  0x3b, 0x3c, 0x3e, 0x40, 0x5b, 0x80, 0xff };
    const struct torture *torture = *state;

    for (unsigned i = 0; i < torture->count; i++) {
        struct str text = torture->rows[i].text;
        char *bytes = exact_copy(text);

        for (size_t at = 0; at < text.len; at++) {
            for (size_t k = 0; k < ROWS(replacements); k++) {
                bytes[at] = (char)replacements[k];
                try_bytes((struct str){ bytes, text.len }, true);
            }
            bytes[at] = text.ptr[at];
        }
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_truncations),
        cmocka_unit_test(test_replaced_bytes),
    };

    return cmocka_run_group_tests(tests, read_all, free_all);
}
