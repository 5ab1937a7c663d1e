/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "media/rtp.h"

/* Bytes in hexadecimal, blanks ignored. */
static size_t from_hex(const char *text, uint8_t bytes[static 64])
{
    static const char digits[] = "0123456789abcdef";
    size_t count = 0;

    while (*text) {
        if (*text == ' ') {
            text++;
            continue;
        }
        bytes[count++] =
            (uint8_t)((strchr(digits, text[0]) - digits) << 4 | (strchr(digits, text[1]) - digits));
        text += 2;
    }
    return count;
}

#define RTP_REST "0001 00000000 11111111"
#define RR "80c90001 11111111"
#define SR "80c80006 11111111 00000000 00000000 00000000 00000000 00000000"
#define SDES "81ca0002 11111111 01000000"

static const struct {
    const char *what;
    enum rtp_profile profile;
    const char *bytes;
    enum rtp_kind want;
} rows[] = {
    { "empty", RTP_PLAIN, "", RTP_INVALID },
    { "header alone", RTP_PLAIN, "8000" RTP_REST, RTP_MEDIA },
    { "with payload", RTP_PLAIN, "8000" RTP_REST "d5d5", RTP_MEDIA },
    { "marked, dynamic type", RTP_PLAIN, "80e0" RTP_REST "d5", RTP_MEDIA },
    { "too short", RTP_PLAIN, "8000 0001 00000000 111111", RTP_INVALID },
    { "version 1", RTP_PLAIN, "4000" RTP_REST "d5d5", RTP_INVALID },
    { "version 3", RTP_PLAIN, "c000" RTP_REST "d5d5", RTP_INVALID },
    { "version 0", RTP_PLAIN, "0000" RTP_REST "d5d5", RTP_INVALID },
    { "one source", RTP_PLAIN, "8100" RTP_REST "22222222", RTP_MEDIA },
    { "one source, missing", RTP_PLAIN, "8100" RTP_REST "222222", RTP_INVALID },
    { "extension", RTP_PLAIN, "9000" RTP_REST "bede0001 00000000", RTP_MEDIA },
    { "extension of no words", RTP_PLAIN, "9000" RTP_REST "bede0000", RTP_MEDIA },
    { "extension, cut", RTP_PLAIN, "9000" RTP_REST "bede0001 000000", RTP_INVALID },
    { "extension, no room for its length", RTP_PLAIN, "9000" RTP_REST "bede", RTP_INVALID },
    { "extension that lies", RTP_PLAIN, "9000" RTP_REST "bedeffff 00000000", RTP_INVALID },
    { "padding", RTP_PLAIN, "a000" RTP_REST "d5000002", RTP_MEDIA },
    { "padding alone", RTP_PLAIN, "a000" RTP_REST "00000004", RTP_MEDIA },
    { "padding beyond the payload", RTP_PLAIN, "a000" RTP_REST "00000005", RTP_INVALID },
    { "padding of nothing", RTP_PLAIN, "a000" RTP_REST "d5000000", RTP_INVALID },
    { "padding encrypted", RTP_SECURE, "a000" RTP_REST "d50000ff", RTP_MEDIA },

    { "receiver report", RTP_PLAIN, RR, RTP_CONTROL },
    { "sender report, sdes", RTP_PLAIN, SR SDES, RTP_CONTROL },
    { "feedback first", RTP_PLAIN, "81ce0002 11111111 22222222", RTP_CONTROL },
    { "last type", RTP_PLAIN, "80df0001 11111111", RTP_CONTROL },
    { "a type below", RTP_PLAIN, "80bf0001 11111111", RTP_INVALID },
    { "no marker: type 73", RTP_PLAIN, "80490001 11111111 22222222", RTP_INVALID },
    { "block of four bytes", RTP_PLAIN, "80cb0000", RTP_INVALID },
    { "short block behind", RTP_PLAIN, RR "80cb0000", RTP_INVALID },
    { "bytes behind", RTP_PLAIN, RR "00", RTP_INVALID },
    { "longer than the datagram", RTP_PLAIN, "80c90002 11111111", RTP_INVALID },
    { "second longer than the datagram", RTP_PLAIN, RR "80c90002 11111111", RTP_INVALID },
    { "second of version 1", RTP_PLAIN, RR "40c90001 11111111", RTP_INVALID },
    { "second is no RTCP", RTP_PLAIN, RR "80000001 11111111", RTP_INVALID },
    { "padded", RTP_PLAIN, "a0c90002 11111111 00000004", RTP_CONTROL },
    { "padded in the middle", RTP_PLAIN, "a0c90002 11111111 00000004" RR, RTP_INVALID },
    { "padding is no word", RTP_PLAIN, "a0c90002 11111111 00000003", RTP_INVALID },
    { "padding beyond the block", RTP_PLAIN, "a0c90002 11111111 0000000c", RTP_INVALID },
    { "encrypted", RTP_SECURE, RR "80000001 0000000000000000", RTP_CONTROL },
    { "encrypted, without index", RTP_SECURE, RR "800000", RTP_INVALID },

    { "ZRTP", RTP_PLAIN, "10000001 5a525450 11111111 50", RTP_OTHER },
    { "STUN where none is spoken", RTP_PLAIN, "00010000 2112a442 00000000 00000000 00000000",
      RTP_INVALID },
    { "STUN", RTP_DTLS, "00010000 2112a442 00000000 00000000 00000000", RTP_OTHER },
    { "STUN without cookie", RTP_DTLS, "00010000 2112a443 00000000 00000000 00000000",
      RTP_INVALID },
    { "DTLS", RTP_DTLS, "16feff0000000000000000 0001 00", RTP_OTHER },
    { "DTLS where none is spoken", RTP_SECURE, "16feff0000000000000000 0001 00", RTP_INVALID },
    { "RTP beside DTLS", RTP_DTLS, "8000" RTP_REST, RTP_MEDIA },
    { "SRTCP beside DTLS", RTP_DTLS, RR "80000001 0000000000000000", RTP_CONTROL },
    { "TURN channel beside DTLS", RTP_DTLS, "40000004 00000000 00000000 00000000", RTP_INVALID },

    { "fax", RTP_OPAQUE, "0001", RTP_OTHER },
    { "empty fax", RTP_OPAQUE, "", RTP_INVALID },
};

static void test_packets(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t bytes[64];
        size_t count = from_hex(rows[i].bytes, bytes);

        if (rtp_classify(rows[i].profile, bytes, count) != rows[i].want)
            fail_msg("%s", rows[i].what);
    }
}

static const struct {
    const char *proto, *section;
    enum rtp_profile want;
} profiles[] = {
    { "RTP/AVP", "m=audio\r\na=sendrecv\r\n", RTP_PLAIN },
    { "rtp/avpf", "m=audio\r\n", RTP_PLAIN },
    { "RTP/SAVP", "m=audio\r\n", RTP_SECURE },
    { "RTP/SAVPF", "m=audio\r\n", RTP_SECURE },
    { "UDP/TLS/RTP/SAVPF", "m=audio\r\n", RTP_DTLS },
    { "RTP/AVP", "m=audio\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n", RTP_SECURE },
    { "RTP/AVP", "m=audio\r\na=fingerprint:sha-256 00\r\n", RTP_DTLS },
    { "udptl", "m=image\r\n", RTP_OPAQUE },
    { "UDPTL", "m=image\r\n", RTP_OPAQUE },
    { "UDP", "m=application\r\n", RTP_OPAQUE },
};

static void test_profiles(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++)
        if (rtp_profile_of(str_of(profiles[i].proto), str_of(profiles[i].section)) !=
            profiles[i].want)
            fail_msg("%s: %s", profiles[i].proto, profiles[i].section);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packets),
        cmocka_unit_test(test_profiles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
