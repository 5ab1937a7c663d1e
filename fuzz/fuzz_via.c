/* SPDX-License-Identifier: Apache-2.0 */
/* A via-parm that is marked says where the packet came from, and keeps its branch. */
#include "fuzz.h"

#include <culvert/edit.h>

static void check_mark(const struct sip_via *via, struct arena *arena)
{
    struct addr source = { .ip = { 192, 0, 2, 1 }, .port = 1024, .family = ADDR_IPV4 };
    struct sip_msg msg = { .arena = arena, .via = *via };
    struct sip_via marked;
    struct str text;

    must(!sip_via_mark(&msg, &source, true, &text));
    must(!sip_via_parse(text, &marked));
    must(marked.rport == 1024 && str_eq(marked.received, STR("192.0.2.1")));
    must(str_eq(marked.host, via->host) && marked.port == via->port);
    must(str_eq(marked.branch, via->branch) || str_find_char(via->branch, '\n'));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct str rest = { (const char *)bytes, size };
    struct arena arena;
    struct sip_via via;
    struct str value;

    arena_init(&arena, NULL, 1 << 24);
    if (!sip_via_parse(rest, &via))
        check_mark(&via, &arena);
    while (sip_list_next(&rest, &value))
        if (!sip_via_parse(value, &via))
            check_mark(&via, &arena);
    arena_fini(&arena);
    return 0;
}
