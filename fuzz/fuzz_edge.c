/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clients bring back of what we gave them (temporary GRUUs, hop tokens), and STUN on the port of
 * SIP: nothing that we did not make is taken, and no answer is longer than it may be.
 */
#include "fuzz.h"

#include <culvert/gruu.h>

#include "dialog/token.h"
#include "host/stun.h"

static const uint8_t key[32] = "the key of the fuzzer, 32 bytes";

static void check_gruu(struct str user)
{
    struct binding binding = { .ruid = STR("0123456789abcdef"), .call_id = user };
    char buffer[RUID_MAX];
    struct str ruid;

    if (!gruu_read_ruid(user, key, buffer, &ruid))
        must(ruid.len == 16 && gruu_is_like(user));
    must(!gruu_is_for(user, key, &binding));
}

static void check_token(struct str user)
{
    struct flow_signer *signer;
    struct flow flow;

    must(!flow_signer_create(key, &signer));
    must(hop_token_read(user, signer, &flow));
    flow_signer_destroy(signer);
}

static void check_stun(struct str request)
{
    const struct addr source = { .ip = { 192, 0, 2, 1 }, .port = 5060, .family = ADDR_IPV6 };
    char buffer[STUN_ANSWER_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);

    if (stun_write_answer(&w, request, &source)) {
        must(stun_is_like(request) && !w.has_overflowed);
        must(stun_is_like(writer_text(&w)) && writer_text(&w).len <= request.len + 24);
    } else {
        must(writer_text(&w).len == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct str input = { (const char *)bytes, size };

    check_gruu(input);
    check_token(input);
    check_stun(input);
    return 0;
}
