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
