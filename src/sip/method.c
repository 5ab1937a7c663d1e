/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/sip.h>

static const struct str names[SIP_METHODS] = {
#define M(id, dialog) [SIP_##id] = STR_INIT(#id),
    SIP_METHOD_TABLE(M)
#undef M
        [SIP_UNKNOWN_METHOD] = STR_INIT("UNKNOWN"),
};

struct str sip_method_name(enum sip_method method)
{
    return names[method < SIP_METHODS ? method : SIP_UNKNOWN_METHOD];
}

enum sip_method sip_method_find(struct str name)
{
    enum sip_method method = 0;

    while (method < SIP_UNKNOWN_METHOD && !str_eq(names[method], name))
        method++;
    return method;
}

uint32_t sip_method_bit(struct str name)
{
    static const char *const by_bit[] = { "INVITE",   "CANCEL",    "ACK",    "BYE",     "INFO",
                                         "REGISTER", "SUBSCRIBE", "NOTIFY", "MESSAGE", "OPTIONS",
                                         "PRACK",    "UPDATE",    "REFER",  "PUBLISH" };
    enum { OTHER = 19 };

    for (unsigned i = 0; i < sizeof by_bit / sizeof *by_bit; i++)
        if (str_eq(name, str_of(by_bit[i])))
            return 1u << i;
    return 1u << OTHER;
}
