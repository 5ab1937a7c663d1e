/* SPDX-License-Identifier: Apache-2.0 */
#include "sip/header.h"

#include "sip/header_slots.h"

static const struct {
    struct str name;
    char compact; /* NUL: none */
    bool is_single;
} headers[SIP_HDR_IDS] = {
#define H(id, name, compact, single) [SIP_HDR_##id] = { STR_INIT(name), compact[0], single },
    SIP_HEADER_TABLE(H)
#undef H
        [SIP_HDR_OTHER] = { STR_INIT(""), '\0', false },
};

struct str sip_hdr_name(enum sip_hdr_id id)
{
    return headers[id < SIP_HDR_IDS ? id : SIP_HDR_OTHER].name;
}

bool sip_hdr_is_single(enum sip_hdr_id id)
{
    return headers[id].is_single;
}

/* Most senders spell names as the RFC does, which is quicker to find out. */
static bool is_name(enum sip_hdr_id id, struct str name)
{
    return str_eq(name, headers[id].name) || str_ieq(name, headers[id].name);
}

static bool is_compact_form(enum sip_hdr_id id, char letter)
{
    return headers[id].compact && headers[id].compact == char_lower(letter);
}

enum sip_hdr_id sip_hdr_find_id(struct str name)
{
    enum sip_hdr_id id;

    if (name.len == 0)
        return SIP_HDR_OTHER;
    id = slots[sip_hdr_slot(name, BY_LENGTH, BY_FIRST, BY_LAST)];
    if (name.len == 1)
        return is_compact_form(id, name.ptr[0]) ? id : SIP_HDR_OTHER;
    return is_name(id, name) ? id : SIP_HDR_OTHER;
}
