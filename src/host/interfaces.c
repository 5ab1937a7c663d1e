/* SPDX-License-Identifier: Apache-2.0 */
#include "host/interfaces.h"

#include <stdlib.h>

static bool is_known(const struct relay_interface *interfaces, unsigned count, const struct addr *local)
{
    for (unsigned i = 0; i < count; i++) {
        if (addr_same_ip(&interfaces[i].local, local))
            return true;
    }
    return false;
}

/* One interface for each local address; a name in advertised_address cannot stand in SDP. */
static unsigned from_listeners(const struct server *server, struct relay_interface *interfaces)
{
    unsigned count = 0;

    for (unsigned i = 0; i < server->listener_count; i++) {
        const struct listener *listener = &server->listeners[i];
        struct relay_interface *interface = &interfaces[count];

        if (is_known(interfaces, count, &listener->bound))
            continue;
        interface->local = listener->bound;
        interface->local.port = 0;
        if (addr_parse_ip(listener->advertised_host, &interface->advertised) ||
            interface->advertised.family != interface->local.family)
            interface->advertised = interface->local;
        count++;
    }
    return count;
}

/* "10.0.0.5/203.0.113.9" or "10.0.0.5" */
static enum err parse_interface(struct str text, struct relay_interface *out)
{
    struct str local, advertised;

    if (!str_split(text, '/', &local, &advertised))
        local = advertised = text;
    if (addr_parse_ip(str_trim(local), &out->local) ||
        addr_parse_ip(str_trim(advertised), &out->advertised) ||
        out->local.family != out->advertised.family) {
        log_error("media_address: \"" STR_FMT "\" is wrong; write local or local/advertised addresses",
                  STR_ARG(text));
        return ERR_SYNTAX;
    }
    return ERR_NONE;
}

enum err relay_interfaces_make(const struct server *server, struct relay_interface **out,
                               unsigned *count)
{
    struct relay_interface *interfaces = calloc(LISTENERS_MAX, sizeof *interfaces);
    struct str rest = server->settings.media_address, one;
    unsigned made = 0;

    if (!interfaces)
        return ERR_NOMEM;
    if (str_is_empty(rest))
        made = from_listeners(server, interfaces);
    while (sip_list_next(&rest, &one) && made < LISTENERS_MAX) {
        enum err err = parse_interface(one, &interfaces[made++]);
        if (err) {
            free(interfaces);
            return err;
        }
    }
    *out = interfaces;
    *count = made;
    return ERR_NONE;
}
