/* SPDX-License-Identifier: Apache-2.0 */
/* Codecs that are found in session descriptions, and taken out. */
#include "../../../modules/sdpops/codecs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HEAD "v=0\r\no=a 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"

static struct sdp parse(const char *text)
{
    struct sdp sdp;

    assert_int_equal(sdp_parse(str_of(text), &sdp), ERR_NONE);
    return sdp;
}

static void test_codecs_are_removed(void **state)
{
    static const struct {
        const char *what;
        struct codec_choice choice;
        bool keeps;
        const char *before, *after;
    } rows[] = {
        { "by number", { STR_INIT("8"), STR_INIT(""), false }, false, "m=audio 4000 RTP/AVP 0 8\r\na=rtpmap:8 PCMA/8000\r\n",
          "m=audio 4000 RTP/AVP 0\r\n" },
        { "a number is no prefix", { STR_INIT("9"), STR_INIT(""), false }, false,
          "m=audio 4000 RTP/AVP 0 97 98\r\na=rtpmap:97 x/8000\r\n", "m=audio 4000 RTP/AVP 0 97 98\r\na=rtpmap:97 x/8000\r\n" },
        { "by a name in any case", { STR_INIT("opus"), STR_INIT(""), true }, false,
          "m=audio 4000 RTP/AVP 96 0\r\na=rtpmap:96 OPUS/48000/2\r\na=fmtp:96 stereo=1\r\n", "m=audio 4000 RTP/AVP 0\r\n" },
        { "by a name that needs no rtpmap", { STR_INIT("PCMU"), STR_INIT(""), true }, false, "m=audio 4000 RTP/AVP 0 8\r\n",
          "m=audio 4000 RTP/AVP 8\r\n" },
        { "rtpmap goes before", { STR_INIT("PCMU"), STR_INIT(""), true }, false,
          "m=audio 4000 RTP/AVP 0 8\r\na=rtpmap:0 odd/8000\r\n", "m=audio 4000 RTP/AVP 0 8\r\na=rtpmap:0 odd/8000\r\n" },
        { "each stream has its own numbers", { STR_INIT("VP8"), STR_INIT(""), true }, false,
          "m=audio 4000 RTP/AVP 0 96\r\na=rtpmap:96 opus/48000\r\nm=video 4002 RTP/AVP 96 97\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:* pli\r\n",
          "m=audio 4000 RTP/AVP 0 96\r\na=rtpmap:96 opus/48000\r\nm=video 4002 RTP/AVP 97\r\na=rtcp-fb:* pli\r\n" },
        { "of one media", { STR_INIT("96"), STR_INIT("video"), false }, false,
          "m=audio 4000 RTP/AVP 0 96\r\nm=video 4002 RTP/AVP 96 97\r\n", "m=audio 4000 RTP/AVP 0 96\r\nm=video 4002 RTP/AVP 97\r\n" },
        { "all but one", { STR_INIT("0, 101"), STR_INIT(""), false }, true,
          "m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n",
          "m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n" },
        { "none left: refused", { STR_INIT("0"), STR_INIT(""), false }, false, "m=audio 4000 RTP/AVP 0\r\na=ptime:20\r\n",
          "m=audio 0 RTP/AVP 0\r\na=ptime:20\r\n" },
        { "what is not RTP has no codecs", { STR_INIT("0"), STR_INIT(""), false }, true,
          "m=audio 4000 RTP/AVP 0\r\nm=image 4002 udptl t38\r\n", "m=audio 4000 RTP/AVP 0\r\nm=image 4002 udptl t38\r\n" },
        { "lines that end in LF alone", { STR_INIT("8"), STR_INIT(""), false }, false, "m=audio 4000 RTP/AVP 0 8\na=x\n",
          "m=audio 4000 RTP/AVP 0\na=x\n" },
        { "no line end at all", { STR_INIT("8"), STR_INIT(""), false }, false, "m=audio 4000 RTP/AVP 0 8", "m=audio 4000 RTP/AVP 0" },
        { "an empty list", { STR_INIT(""), STR_INIT(""), false }, false, "m=audio 4000 RTP/AVP 0 8\r\n", "m=audio 4000 RTP/AVP 0 8\r\n" },
        { "a list of commas", { STR_INIT(",,,"), STR_INIT(""), true }, false, "m=audio 4000 RTP/AVP 0 8\r\n", "m=audio 4000 RTP/AVP 0 8\r\n" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char before[1024], after[1024], room[1024];
        struct writer w;
        struct sdp sdp;
        snprintf(before, sizeof before, HEAD "%s", rows[i].before);
        snprintf(after, sizeof after, HEAD "%s", rows[i].after);
        sdp = parse(before);
        w = writer_over(room, strlen(before) + 1);
        codecs_write(&w, &sdp, &rows[i].choice, rows[i].keeps);
        if (w.has_overflowed || !str_eq(writer_text(&w), str_of(after)))
            fail_msg("%s: \"%.*s\"", rows[i].what, STR_ARG(writer_text(&w)));
    }
}

static void test_codecs_are_asked_for(void **state)
{
    struct sdp sdp = parse(HEAD "m=audio 4000 RTP/AVP 0 96\r\na=rtpmap:96 opus/48000\r\nm=video 4002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n");
    static const struct {
        struct codec_choice choice;
        enum codec_match match;
    } rows[] = {
        { { STR_INIT("96"), STR_INIT(""), false }, CODECS_ALL },    { { STR_INIT("0"), STR_INIT(""), false }, CODECS_SOME },
        { { STR_INIT("9"), STR_INIT(""), false }, CODECS_NONE },    { { STR_INIT(""), STR_INIT(""), false }, CODECS_NONE },
        { { STR_INIT("vp8"), STR_INIT(""), true }, CODECS_SOME },   { { STR_INIT("speex"), STR_INIT(""), true }, CODECS_NONE },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(codecs_match(&sdp, &rows[i].choice), rows[i].match);
    assert_true(codecs_know_name(&sdp, &(struct codec_choice){ .list = STR("x,OPUS"), .is_by_name = true }));
    assert_true(codecs_know_name(&sdp, &(struct codec_choice){ .list = STR("g729"), .is_by_name = true }));
    assert_false(codecs_know_name(&sdp, &(struct codec_choice){ .list = STR("x"), .is_by_name = true }));
}

/* Thousands of numbers cost no more than those that may be. */
static void test_many_formats_are_bounded(void **state)
{
    static char text[15000];
    struct writer in = writer_over(text, sizeof text), out;
    char *room = malloc(sizeof text);
    struct sdp sdp;

    (void)state;
    write_str(&in, STR(HEAD "m=audio 4000 RTP/AVP"));
    for (unsigned i = 0; i < 3000; i++)
        write_str(&in, STR(" 8"));
    write_str(&in, STR("\r\n"));
    assert_int_equal(sdp_parse(writer_text(&in), &sdp), ERR_NONE);
    out = writer_over(room, sizeof text);
    codecs_write(&out, &sdp, &(struct codec_choice){ .list = STR("0") }, true);
    assert_false(out.has_overflowed);
    free(room);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codecs_are_removed),
        cmocka_unit_test(test_codecs_are_asked_for),
        cmocka_unit_test(test_many_formats_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
