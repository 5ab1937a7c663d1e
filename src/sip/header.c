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

static bool same_letters(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (char_lower(a[i]) != char_lower(b[i]))
            return false;
    return true;
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
    if (name.len != headers[id].name.len || !same_letters(name.ptr, headers[id].name.ptr, name.len))
        return SIP_HDR_OTHER;
    return id;
}
