/* SPDX-License-Identifier: Apache-2.0 */
/* A URI that is written from its pieces has the same pieces. */
#include "fuzz.h"

#include <culvert/uri.h>

static void check_same(const struct sip_uri *a, const struct sip_uri *b)
{
    must(a->scheme == b->scheme && a->has_port == b->has_port && a->port == b->port);
    must(str_eq(a->user, b->user) && str_eq(a->password, b->password) && str_eq(a->host, b->host));
    must(str_eq(a->params, b->params) && str_eq(a->headers, b->headers));
    must(sip_uri_equal(a, b) || str_find_char(a->params, ';'));
}

static void check_unescape(struct str user)
{
    struct arena arena;
    struct str plain;

    arena_init(&arena, NULL, 1 << 20);
    if (!sip_unescape(&arena, user, &plain))
        must(plain.len <= user.len && !str_has_line_break(plain));
    arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct str text = { (const char *)bytes, size };
    char buffer[4096];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct sip_nameaddr addr;
    struct sip_uri uri;
    struct sip_uri again;
    enum transport transport;

    if (!sip_nameaddr_parse(text, &addr))
        must(addr.text.len <= size);
    if (size > sizeof buffer - 16 || sip_uri_parse(text, &uri))
        return 0;
    sip_uri_write(&w, &uri);
    must(!w.has_overflowed && !sip_uri_parse(writer_text(&w), &again));
    check_same(&uri, &again);
    check_unescape(uri.user);
    (void)sip_uri_port(&uri);
    (void)!sip_uri_transport(&uri, &transport);
    return 0;
}
