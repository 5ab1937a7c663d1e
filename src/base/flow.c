/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/addr.h>

static const struct transport_traits traits[TRANSPORTS] = {
#define T(id, via, param, port, reliable, secure)                                                  \
    [TRANSPORT_##id] = { STR_INIT(via), STR_INIT(param), port, reliable, secure },
    TRANSPORT_TABLE(T)
#undef T
};

const struct transport_traits *transport_traits(enum transport transport)
{
    return &traits[transport];
}

enum err transport_find(struct str name, enum transport *out)
{
    for (unsigned i = 0; i < TRANSPORTS; i++) {
        if (str_ieq(name, traits[i].param_name)) {
            *out = (enum transport)i;
            return ERR_NONE;
        }
    }
    return ERR_NOT_FOUND;
}

bool flow_eq(const struct flow *a, const struct flow *b)
{
    return a->transport == b->transport && a->socket == b->socket &&
           a->connection == b->connection && a->identity == b->identity &&
           addr_eq(&a->peer, &b->peer);
}

const char *flow_text(const struct flow *flow, char buffer[static FLOW_TEXT_MAX])
{
    struct writer w = writer_over(buffer, FLOW_TEXT_MAX);

    write_str(&w, traits[flow->transport].param_name);
    write_char(&w, ':');
    addr_write(&w, &flow->peer);
    write_char(&w, '\0');
    return buffer;
}
