/* SPDX-License-Identifier: Apache-2.0 */
#include "media/rtp.h"

enum {
    RTP_HEADER = 12,
    RTCP_BLOCK_MIN = 8,
    SRTCP_TRAILER = 4, /* E bit and index; the tag that follows varies */
    RTCP_FIRST = 192,  /* the packet types of RTCP: RTP payload types 64–95 with the marker bit */
    RTCP_LAST = 223,
    ZRTP_HEADER = 12,
};

static unsigned read_u16(const uint8_t *bytes)
{
    return (unsigned)(bytes[0] << 8 | bytes[1]);
}

enum rtp_profile rtp_profile_of(struct str proto, struct str section)
{
    if (str_istarts(proto, STR("UDP/TLS/RTP/")))
        return RTP_DTLS;
    if (str_istarts(proto, STR("RTP/SAVP")))
        return RTP_SECURE;
    if (!str_istarts(proto, STR("RTP/")))
        return RTP_OPAQUE;
    if (str_ifind(section, STR("\na=crypto:")) || str_ifind(section, STR("\na=key-mgmt:")))
        return RTP_SECURE;
    return str_ifind(section, STR("\na=fingerprint:")) ? RTP_DTLS : RTP_PLAIN;
}

/* RFC 3550 §5.1 and §A.1. The padding of an encrypted packet cannot be seen. */
static bool is_rtp(const uint8_t *bytes, size_t count, bool is_encrypted)
{
    size_t header = RTP_HEADER;
    bool has_padding = bytes[0] & 0x20;
    bool has_extension = bytes[0] & 0x10;

    header += 4 * (size_t)(bytes[0] & 0x0f);
    if (has_extension) {
        if (count < header + 4)
            return false;
        header += 4 + 4 * (size_t)read_u16(bytes + header + 2);
    }
    if (count < header)
        return false;
    if (!has_padding || is_encrypted)
        return true;
    return bytes[count - 1] > 0 && bytes[count - 1] <= count - header;
}

/* The size of the RTCP block at the start of the bytes; 0 when there is none. */
static size_t rtcp_block(const uint8_t *bytes, size_t count)
{
    size_t size;

    if (count < RTCP_BLOCK_MIN || bytes[0] >> 6 != 2)
        return 0;
    if (bytes[1] < RTCP_FIRST || bytes[1] > RTCP_LAST)
        return 0;
    size = 4 * ((size_t)read_u16(bytes + 2) + 1);
    return size >= RTCP_BLOCK_MIN && size <= count ? size : 0;
}

/* Padding belongs to the last block alone, and lies within it (RFC 3550 §6.4.1). */
static bool has_sane_padding(const uint8_t *block, size_t size, bool is_last)
{
    uint8_t padding = block[size - 1];

    if (!(block[0] & 0x20))
        return true;
    return is_last && padding > 0 && padding % 4 == 0 && padding <= size - 4;
}

/* A compound packet: blocks that fill the datagram to the last byte. */
static bool is_rtcp(const uint8_t *bytes, size_t count)
{
    while (count > 0) {
        size_t size = rtcp_block(bytes, count);

        if (size == 0 || !has_sane_padding(bytes, size, size == count))
            return false;
        bytes += size;
        count -= size;
    }
    return true;
}

/* RFC 3711 §3.4: the first eight bytes are readable, the rest may be encrypted. */
static bool is_srtcp(const uint8_t *bytes, size_t count)
{
    return count >= RTCP_BLOCK_MIN + SRTCP_TRAILER && rtcp_block(bytes, count - SRTCP_TRAILER) > 0;
}

/* RFC 6189 §5: key agreement in the media path, told from RTP by version 0 and a magic cookie. */
static bool is_zrtp(const uint8_t *bytes, size_t count)
{
    return count > ZRTP_HEADER && bytes[0] == 0x10 && memcmp(bytes + 4, "ZRTP", 4) == 0;
}

/* RFC 7983 §7: STUN starts with 0–3, DTLS with 20–63. */
static bool is_stun_or_dtls(const uint8_t *bytes, size_t count)
{
    if (bytes[0] <= 3)
        return count >= 20 && bytes[0] <= 1 && memcmp(bytes + 4, "\x21\x12\xa4\x42", 4) == 0;
    return bytes[0] >= 20 && bytes[0] <= 63 && count >= 13;
}

enum rtp_kind rtp_classify(enum rtp_profile profile, const uint8_t *bytes, size_t count)
{
    bool is_encrypted = profile != RTP_PLAIN;

    if (profile == RTP_OPAQUE)
        return count > 0 ? RTP_OTHER : RTP_INVALID;
    if (count < RTCP_BLOCK_MIN)
        return RTP_INVALID;
    if (bytes[0] >> 6 != 2) {
        if (is_zrtp(bytes, count) || (profile == RTP_DTLS && is_stun_or_dtls(bytes, count)))
            return RTP_OTHER;
        return RTP_INVALID;
    }
    /* RFC 5761 §4: payload types 64–95 are never media */
    if ((bytes[1] & 0x7f) >= 64 && (bytes[1] & 0x7f) <= 95)
        return (is_encrypted ? is_srtcp(bytes, count) : is_rtcp(bytes, count)) ? RTP_CONTROL
                                                                               : RTP_INVALID;
    return is_rtp(bytes, count, is_encrypted) ? RTP_MEDIA : RTP_INVALID;
}
