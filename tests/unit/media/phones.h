/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Two parties' descriptions, and packets, as the tests of the relay need them. */
#include <stdlib.h>

#include "media/relay.h"

static inline struct addr at(const char *text)
{
    struct addr addr = { 0 };

    if (addr_parse(str_of(text), &addr))
        abort();
    return addr;
}

/* An audio stream at an address and port. */
static inline struct sdp_stream audio_at(const struct addr *where)
{
    struct sdp_stream stream = {
        .media = STR_INIT("audio"),
        .proto = STR_INIT("RTP/AVP"),
        .port = where->port,
        .address = *where,
        .rtcp_port = (uint16_t)(where->port + 1),
        .rtcp_address = *where,
        .is_relayable = true,
        .section = STR_INIT("m=audio\r\n"),
    };

    stream.address.port = 0;
    stream.rtcp_address.port = 0;
    return stream;
}

static inline struct sdp audio_sdp(const struct addr *where)
{
    return (struct sdp){ .streams = { audio_at(where) }, .stream_count = 1 };
}

/* An RTP packet (G.711, 20 ms) whose sequence number is `number`; the result is its size. */
enum {
    RTP_SIZE = 172,
    RTCP_SIZE = 8,
};

static inline size_t fill_rtp(uint8_t bytes[static RTP_SIZE], unsigned number)
{
    memset(bytes, 0, RTP_SIZE);
    bytes[0] = 0x80;
    bytes[2] = (uint8_t)(number >> 8);
    bytes[3] = (uint8_t)number;
    return RTP_SIZE;
}

/* An empty receiver report. */
static inline size_t fill_rtcp(uint8_t bytes[static RTP_SIZE], unsigned number)
{
    memset(bytes, 0, RTCP_SIZE);
    bytes[0] = 0x80;
    bytes[1] = 201;
    bytes[3] = 1;
    bytes[7] = (uint8_t)number;
    return RTCP_SIZE;
}
