/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/cursor.h>
#include <culvert/sip.h>

static const struct sip_hdr *first_of(const struct sip_msg *msg, const struct sip_hdr *after)
{
    return after ? after + 1 : msg->hdrs;
}

const struct sip_hdr *sip_msg_find(const struct sip_msg *msg, enum sip_hdr_id id,
                                   const struct sip_hdr *after)
{
    const struct sip_hdr *end = msg->hdrs + msg->hdr_count;

    if (!(msg->present >> id & 1))
        return NULL;
    for (const struct sip_hdr *hdr = first_of(msg, after); hdr < end; hdr++)
        if (hdr->id == id)
            return hdr;
    return NULL;
}

const struct sip_hdr *sip_msg_find_name(const struct sip_msg *msg, struct str name,
                                        const struct sip_hdr *after)
{
    enum sip_hdr_id id = sip_hdr_find_id(name);
    const struct sip_hdr *hdr = sip_msg_find(msg, id, after);

    while (hdr && id == SIP_HDR_OTHER && !str_ieq(hdr->name, name))
        hdr = sip_msg_find(msg, id, hdr);
    return hdr;
}

unsigned sip_msg_count_name(const struct sip_msg *msg, struct str name)
{
    const struct sip_hdr *hdr = NULL;
    unsigned count = 0;

    while ((hdr = sip_msg_find_name(msg, name, hdr)))
        count++;
    return count;
}

struct str sip_msg_value(const struct sip_msg *msg, enum sip_hdr_id id)
{
    const struct sip_hdr *hdr = sip_msg_find(msg, id, NULL);

    return hdr ? hdr->value : (struct str){ 0 };
}

/* The closing quote, or the end when there is none. */
static const char *skip_quoted(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++)
        if (*at == '\\' && end - at > 1)
            at++;
    return at;
}

static const char *skip_bracketed(const char *at, const char *end)
{
    while (at < end && *at != '>')
        at++;
    return at;
}

/* The comma that ends the first value, or the end. */
static const char *find_comma(const char *at, const char *end)
{
    if (!memchr(at, ',', (size_t)(end - at)))
        return end;
    for (; at < end && *at != ','; at++) {
        if (*at == '"')
            at = skip_quoted(at, end);
        else if (*at == '<')
            at = skip_bracketed(at, end);
        if (at == end)
            break;
    }
    return at;
}

bool sip_list_next(struct str *rest, struct str *out)
{
    while (rest->len > 0) {
        const char *end = rest->ptr + rest->len;
        const char *comma = find_comma(rest->ptr, end);
        struct str value = str_trim(str_between(rest->ptr, comma));

        *rest = comma < end ? str_between(comma + 1, end) : (struct str){ end, 0 };
        if (value.len > 0) {
            *out = value;
            return true;
        }
    }
    return false;
}

struct sip_values sip_values_of(const struct sip_msg *msg, enum sip_hdr_id id)
{
    return (struct sip_values){ .msg = msg, .id = id };
}

bool sip_values_next(struct sip_values *values)
{
    while (!sip_list_next(&values->rest, &values->value)) {
        values->hdr = sip_msg_find(values->msg, values->id, values->hdr);
        if (!values->hdr)
            return false;
        values->rest = values->hdr->value;
    }
    return true;
}

bool sip_msg_has_content_type(const struct sip_msg *msg, struct str type)
{
    struct str value = sip_msg_value(msg, SIP_HDR_CONTENT_TYPE);
    const char *semicolon = str_find_char(value, ';');

    if (semicolon)
        value = str_trim(str_between(value.ptr, semicolon));
    return str_ieq(value, type);
}
