/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The classic helpers of scripts that handle NAT by themselves: tests that guess from a message
 * whether its sender is behind a NAT, and the repair of its Contact. Shared by nathelper and
 * mediaproxy.
 */
#include <culvert/run.h>

/* nat_uac_test()'s bits, of both dialects, in the order of evaluation. */
#define NAT_TEST_TABLE(T)                                                                          \
    T(SOURCE_PORT, 16, "the source port is not that of the topmost Via")                           \
    T(SOURCE_ADDRESS, 2, "the source address is not that of the topmost Via, or it was noted")     \
    T(CONTACT_PRIVATE, 1, "the host of the first Contact is private")                              \
    T(SDP_PRIVATE, 8, "an address in the session description is private")                          \
    T(VIA_PRIVATE, 4, "the host of the topmost Via is private")                                    \
    T(SOURCE_PRIVATE, 32, "the source address is private")                                         \
    T(WEBSOCKET, 64, "it came over a WebSocket")                                                   \
    T(CONTACT_PORT, 128, "the port of the first Contact is not the source port")                   \
    T(SDP_ELSEWHERE, 256, "the session's address is not the source address")                       \
    T(NEXT_HOP, 512, "the next hop is not what the URI, or the second Via, says")

enum nat_test {
#define T(name, bit, doc) NAT_TEST_##name = bit,
    NAT_TEST_TABLE(T)
#undef T
};

/* The first of the wanted tests that holds for run->msg; 0: none. */
unsigned nat_test(struct run *run, unsigned wanted);
/* RFC 1918, carrier-grade NAT and 192.0.0.0/24; IPv6 addresses are not private. */
bool nat_is_private(const struct addr *addr);
/* The first Contact with a URI that has a host. */
bool nat_find_contact(const struct sip_msg *msg, struct sip_nameaddr *out);
/* host [ ":" port ] as it stands in a URI: what a repair replaces. */
struct str nat_hostport(const struct sip_uri *uri);
/*
 * Replaces host and port of the first Contact by the source of the message, in what is sent on and
 * for save(). ERR_NOT_FOUND: no Contact. ERR_EXISTS: it has been replaced already.
 */
MUST_USE enum err nat_fix_contact(struct run *run);
