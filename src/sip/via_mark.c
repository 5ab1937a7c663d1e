/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/edit.h>

#include "sip/splice.h"

struct marks {
    const struct addr *source;
    bool needs_received;
    bool needs_rport;
};

/* A sent-by that is a name, or another address than the packet's (RFC 3261 §18.2.1). */
static bool sent_by_differs(const struct sip_via *via, const struct addr *source)
{
    struct addr sent_by;

    return addr_parse_ip(via->host, &sent_by) || !addr_same_ip(&sent_by, source);
}

static bool is_marked(const struct sip_via *via)
{
    return via->received.ptr || via->rport;
}

/* What a client says of its own address is no use: it is left out, whether we say it or not. */
static bool is_mark(struct str name)
{
    return str_ieq(name, STR("received")) || str_ieq(name, STR("rport"));
}

static void write_marks(struct writer *w, const struct marks *marks)
{
    if (marks->needs_received) {
        write_str(w, STR(";received="));
        addr_write_ip(w, marks->source, false);
    }
    if (marks->needs_rport) {
        write_str(w, STR(";rport="));
        write_uint(w, marks->source->port);
    }
}

enum err sip_via_mark(const struct sip_msg *request, const struct addr *source, bool force_rport,
                      struct str *out)
{
    const struct sip_via *via = &request->via;
    struct marks marks = { .source = source, .needs_rport = via->has_rport || force_rport };
    size_t size = via->text.len + sizeof ";received=;rport=65535" + ADDR_TEXT_MAX;
    struct writer w;
    char *buffer;

    marks.needs_received = marks.needs_rport || sent_by_differs(via, source);
    if (!marks.needs_received && !is_marked(via)) {
        *out = via->text;
        return ERR_NONE;
    }
    buffer = arena_alloc(request->arena, size);
    if (!buffer)
        return ERR_NOMEM;
    w = writer_over(buffer, size);
    sip_write_without(&w, via->text, via->params, is_mark);
    write_marks(&w, &marks);
    return writer_finish(&w, out);
}
