/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a datagram on a media port is, judged by its headers alone (RFC 3550, 5761, 7983). Only what
 * is well formed is relayed or learned from. Pure.
 */
#include <culvert/str.h>

/* What a stream carries, from the m= line. */
enum rtp_profile {
    RTP_PLAIN,  /* RTP/AVP, RTP/AVPF */
    RTP_SECURE, /* the same encrypted: headers are readable, padding and later RTCP blocks are not
                 */
    RTP_DTLS,   /* UDP/TLS/RTP/…: encrypted, with DTLS and STUN on the same port */
    RTP_OPAQUE, /* udptl and others: any datagram */
};

enum rtp_kind {
    RTP_INVALID,
    RTP_MEDIA,   /* an RTP packet */
    RTP_CONTROL, /* an RTCP packet */
    RTP_OTHER,   /* passes from port to port as it came: opaque, DTLS, STUN, ZRTP */
};

/* `section` is the media section of the description: a=crypto and its kin make RTP/AVP secure. */
enum rtp_profile rtp_profile_of(struct str proto, struct str section);
enum rtp_kind rtp_classify(enum rtp_profile profile, const uint8_t *bytes, size_t count);
