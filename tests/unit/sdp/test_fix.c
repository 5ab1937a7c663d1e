/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#define HEAD "v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\n"
#define AUDIO "t=0 0\r\nm=audio 5000 RTP/AVP 0\r\n"

static const struct {
    const char *what;
    const char *text;
    struct sdp_fix fix;
    const char *address;
    enum err err;
    const char *want;
} rows[] = {
    { "a line at the end",
      HEAD AUDIO,
      { .add_direction_active = true },
      "192.0.2.1",
      ERR_NONE,
      HEAD AUDIO "a=direction:active\r\n" },
    { "an extra line behind a missing line end",
      HEAD "t=0 0",
      { .extra_line = STR_INIT("a=nortpproxy:yes\r\n") },
      "192.0.2.1",
      ERR_NONE,
      HEAD "t=0 0\r\na=nortpproxy:yes\r\n" },
    { "every c=",
      HEAD "c=IN IP4 10.0.0.1\r\n" AUDIO "c=IN IP4 10.0.0.2\r\n",
      { .replace_connections = true },
      "192.0.2.1",
      ERR_NONE,
      HEAD "c=IN IP4 192.0.2.1\r\n" AUDIO "c=IN IP4 192.0.2.1\r\n" },
    { "the old addresses are kept",
      HEAD "c=IN IP4 10.0.0.1\r\n" AUDIO,
      { .replace_connections = true,
        .replace_origin = true,
        .add_old_address = true,
        .add_direction_active = true },
      "192.0.2.1",
      ERR_NONE,
      "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\n" AUDIO
      "a=direction:active\r\na=oldmediaip:10.0.0.1\r\na=oldmediaip:10.0.0.9\r\n" },
    { "hold and what is right already stay",
      HEAD "c=IN IP4 0.0.0.0\r\n" AUDIO "c=IN IP4 192.0.2.1\r\n",
      { .replace_connections = true, .add_old_address = true },
      "192.0.2.1",
      ERR_NONE,
      HEAD "c=IN IP4 0.0.0.0\r\n" AUDIO "c=IN IP4 192.0.2.1\r\n" },
    { "LF line ends",
      "v=0\nc=IN IP4 10.0.0.1\n",
      { .replace_connections = true, .add_old_address = true },
      "192.0.2.1",
      ERR_NONE,
      "v=0\nc=IN IP4 192.0.2.1\na=oldmediaip:10.0.0.1\n" },
    { "IPv6",
      "v=0\r\nc=IN IP6 fd00::1\r\n",
      { .replace_connections = true },
      "2001:db8::1",
      ERR_NONE,
      "v=0\r\nc=IN IP6 2001:db8::1\r\n" },
    { "no c=", HEAD AUDIO, { .replace_connections = true }, "192.0.2.1", ERR_NOT_FOUND, "" },
    { "no o=",
      "v=0\r\nc=IN IP4 10.0.0.1\r\n",
      { .replace_connections = true, .replace_origin = true },
      "192.0.2.1",
      ERR_NOT_FOUND,
      "" },
    { "a name is no address",
      "v=0\r\nc=IN IP4 h.example.com\r\n",
      { .replace_connections = true },
      "192.0.2.1",
      ERR_NOT_FOUND,
      "" },
    { "another family",
      HEAD "c=IN IP6 fd00::1\r\n",
      { .replace_connections = true },
      "192.0.2.1",
      ERR_UNSUPPORTED,
      "" },
    { "two families",
      HEAD "c=IN IP4 10.0.0.1\r\nm=x 1 RTP/AVP 1\r\nc=IN IP6 fd00::1\r\n",
      { .replace_connections = true },
      "192.0.2.1",
      ERR_UNSUPPORTED,
      "" },
};

static void test_fixes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char *bytes = exact_copy(str_of(rows[i].text));
        char buffer[1024];
        struct writer w = writer_over(buffer, sizeof buffer);
        struct sdp_fix fix = rows[i].fix;
        enum err err;

        fix.address = address(rows[i].address);
        err = sdp_write_fixed(&w, (struct str){ bytes, strlen(rows[i].text) }, &fix);
        if (err != rows[i].err)
            fail_msg("%s: %s", rows[i].what, err_name(err));
        if (!err && !str_eq(writer_text(&w), str_of(rows[i].want)))
            fail_msg("%s:\n" STR_FMT, rows[i].what, STR_ARG(writer_text(&w)));
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
