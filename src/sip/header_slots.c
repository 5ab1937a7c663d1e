/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs at build time: searches multipliers that give every name of the header table a slot of its
 * own, and prints the table that header.c includes. Exit status 1 when there are none.
 */
#include "sip/header.h"

#include <stdio.h>

enum {
    FACTOR_MAX = 64,
};

static const struct {
    struct str name;
    unsigned id;
} names[] = {
#define H(id, name, compact, single)                                                               \
    { STR_INIT(name), SIP_HDR_##id }, { STR_INIT(compact), SIP_HDR_##id },
    SIP_HEADER_TABLE(H)
#undef H
};

static bool fill_slots(unsigned char slots[SIP_HDR_SLOTS], unsigned a, unsigned b, unsigned c)
{
    memset(slots, SIP_HDR_OTHER, SIP_HDR_SLOTS);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        unsigned slot;

        if (names[i].name.len == 0)
            continue;
        slot = sip_hdr_slot(names[i].name, a, b, c);
        if (slots[slot] != SIP_HDR_OTHER)
            return false;
        slots[slot] = (unsigned char)names[i].id;
    }
    return true;
}

static void print_slots(const unsigned char slots[SIP_HDR_SLOTS], unsigned a, unsigned b,
                        unsigned c)
{
    printf("/* Made by header_slots.c. */\n");
    printf("enum { BY_LENGTH = %u, BY_FIRST = %u, BY_LAST = %u };\n\n", a, b, c);
    printf("static const unsigned char slots[SIP_HDR_SLOTS] = {");
    for (unsigned i = 0; i < SIP_HDR_SLOTS; i++)
        printf("%s%u,", i % 16 ? " " : "\n    ", (unsigned)slots[i]);
    printf("\n};\n");
}

int main(void)
{
    unsigned char slots[SIP_HDR_SLOTS];

    for (unsigned a = 1; a < FACTOR_MAX; a++)
        for (unsigned b = 1; b < FACTOR_MAX; b++)
            for (unsigned c = 1; c < FACTOR_MAX; c++)
                if (fill_slots(slots, a, b, c)) {
                    print_slots(slots, a, b, c);
                    return 0;
                }
    fprintf(stderr, "no perfect hash for the header names: enlarge SIP_HDR_SLOTS\n");
    return 1;
}
