/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever is read from credentials lies within them. */
#include "fuzz.h"

#include <culvert/sip.h>

static void check_within(struct str text, struct str part)
{
    must(part.len == 0 || (part.ptr >= text.ptr && part.ptr + part.len <= text.ptr + text.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct str text = { (const char *)bytes, size };
    struct sip_digest digest;

    if (sip_digest_parse(text, &digest))
        return 0;
    check_within(text, digest.username);
    check_within(text, digest.realm);
    check_within(text, digest.nonce);
    check_within(text, digest.uri);
    check_within(text, digest.response);
    check_within(text, digest.qop);
    check_within(text, digest.nc);
    return 0;
}
