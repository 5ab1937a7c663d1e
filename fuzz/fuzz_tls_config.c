/* SPDX-License-Identifier: Apache-2.0 */
/* What is read from a TLS configuration lies within it, and a refusal says why. */
#include "fuzz.h"

#include <culvert/tls.h>

static void check_within(struct str text, struct str part)
{
    must(part.len == 0 || (part.ptr >= text.ptr && part.ptr + part.len <= text.ptr + text.len));
}

static void check(struct str text, const struct tls_profile *profile)
{
    check_within(text, profile->certificate);
    check_within(text, profile->private_key);
    check_within(text, profile->ca_list);
    check_within(text, profile->ciphers);
    check_within(text, profile->name);
    must(profile->verify_depth <= 100);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const struct tls_profile server = { .is_client = false }, client = { .is_client = true };
    struct str text = { (const char *)bytes, size };
    const struct tls_profile *list;
    char buffer[256];
    struct writer why = writer_over(buffer, sizeof buffer);
    struct arena arena;
    unsigned count;

    arena_init(&arena, NULL, 4 << 20);
    if (tls_config_parse("x", text, &server, &client, &arena, &list, &count, &why)) {
        must(why.at > why.start);
    } else {
        must(count >= 1 && list[0].is_client);
        for (unsigned i = 0; i < count; i++)
            check(text, &list[i]);
    }
    arena_fini(&arena);
    return 0;
}
