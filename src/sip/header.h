/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The header table: names, compact forms and how often a header may occur. The lookup by name is a
 * perfect hash over length, first and last letter, found at build time by header_slots.c.
 */
#include <culvert/sip.h>

enum {
    SIP_HDR_SLOTS = 256,
};

/* The slot of a name that is not empty; the multipliers are what the build searches for. */
static inline unsigned sip_hdr_slot(struct str name, unsigned by_length, unsigned by_first,
                                    unsigned by_last)
{
    unsigned first = (unsigned char)name.ptr[0] | 0x20u;
    unsigned last = (unsigned char)name.ptr[name.len - 1] | 0x20u;

    return ((unsigned)name.len * by_length + first * by_first + last * by_last) % SIP_HDR_SLOTS;
}

/* True when a message may carry the header at most once. */
bool sip_hdr_is_single(enum sip_hdr_id id);
