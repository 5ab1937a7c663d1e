/* SPDX-License-Identifier: Apache-2.0 */
#include "mangle.h"

/* Copies what lies between the place and the one before it. */
static void write_up_to(struct writer *w, const char **from, const char *to)
{
    write_str(w, str_between(*from, to));
    *from = to;
}

static void write_instead(struct writer *w, const char **from, struct str place, struct str text)
{
    write_up_to(w, from, place.ptr);
    write_str(w, text);
    *from = place.ptr + place.len;
}

static bool is_meant(struct str place, const struct addr_net *net)
{
    struct addr addr;

    return place.len && !addr_parse_ip(place, &addr) && addr.family == net->addr.family &&
           addr_in_net(&addr, &net->addr, net->bits);
}

unsigned mangle_addresses(struct writer *w, const struct sdp *sdp, const struct addr_net *net, struct str text)
{
    const char *from = sdp->text.ptr;
    unsigned count = 0;

    for (unsigned i = 0; i <= sdp->stream_count; i++) {
        struct str place = i == 0 ? sdp->session_connection : sdp->streams[i - 1].connection;
        if (!is_meant(place, net))
            continue;
        write_instead(w, &from, place, text);
        count++;
    }
    write_up_to(w, &from, sdp->text.ptr + sdp->text.len);
    return count;
}

unsigned mangle_ports(struct writer *w, const struct sdp *sdp, int64_t change)
{
    const char *from = sdp->text.ptr;
    unsigned count = 0;

    for (unsigned i = 0; i < sdp->stream_count; i++) {
        const struct sdp_stream *stream = &sdp->streams[i];
        int64_t port = change > 0 ? change : stream->port + change;
        if (stream->port == 0 || port < 1 || port > UINT16_MAX)
            continue;
        write_up_to(w, &from, stream->port_text.ptr);
        write_uint(w, (uint64_t)port);
        from += stream->port_text.len;
        count++;
    }
    write_up_to(w, &from, sdp->text.ptr + sdp->text.len);
    return count;
}
