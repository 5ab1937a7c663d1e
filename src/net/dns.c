/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dns.h"

#include <arpa/nameser.h>

enum {
    POINTER_BITS = 0xc0, /* of a label: the name goes on elsewhere (RFC 1035 §4.1.4) */
    LABEL_MAX = 63,
    HEADER_BYTES = 12,
    RCODE_BITS = 0x000f,
    IS_ANSWER = 0x8000,
    RECORDS_READ_MAX = 128, /* of a message; the rest is not looked at */
};

int dns_type(enum dns_kind kind)
{
    static const int types[DNS_KINDS] = {
        [DNS_IPV4] = ns_t_a,
        [DNS_IPV6] = ns_t_aaaa,
        [DNS_SERVICE] = ns_t_srv,
        [DNS_POINTER] = ns_t_naptr,
    };

    return types[kind];
}

/* ---- reading bytes ---- */

/* A position in a message. After its first failure it reads zeros. */
struct reader {
    struct str all; /* the whole message, for names that go on elsewhere */
    size_t at;
    size_t end;
    bool has_failed;
};

static void fail(struct reader *r)
{
    r->has_failed = true;
    r->at = r->end;
}

static struct str take(struct reader *r, size_t count)
{
    struct str bytes = { r->all.ptr + r->at, count };

    if (r->end - r->at < count) {
        fail(r);
        return (struct str){ r->all.ptr, 0 };
    }
    r->at += count;
    return bytes;
}

/* A number of one, two or four bytes. */
static uint32_t take_number(struct reader *r, size_t count)
{
    struct str bytes = take(r, count);
    uint32_t number = 0;

    for (size_t i = 0; i < bytes.len; i++)
        number = number << 8 | (uint8_t)bytes.ptr[i];
    return number;
}

/* character-string = length *OCTET */
static struct str take_string(struct reader *r)
{
    return take(r, take_number(r, 1));
}

/* ---- names ---- */

struct name_text {
    char bytes[DNS_NAME_MAX + 1];
    size_t len;
};

static struct str text_of(const struct name_text *name)
{
    return (struct str){ name->bytes, name->len };
}

/* Host names and services are made of these; a dot within a label would forge another name. */
static bool is_label(struct str label)
{
    for (size_t i = 0; i < label.len; i++)
        if (label.ptr[i] <= ' ' || label.ptr[i] > '~' || label.ptr[i] == '.')
            return false;
    return true;
}

static void append_label(struct reader *r, struct str label, struct name_text *out)
{
    if (!is_label(label) || out->len + label.len + 1 > DNS_NAME_MAX) {
        fail(r);
        return;
    }
    if (out->len > 0)
        out->bytes[out->len++] = '.';
    memcpy(out->bytes + out->len, label.ptr, label.len);
    out->len += label.len;
}

/* Labels up to the root or a pointer; true when the name goes on at *next. */
static bool take_labels(struct reader *r, struct name_text *out, size_t *next)
{
    uint32_t length;

    while ((length = take_number(r, 1)) != 0) {
        if (length >= POINTER_BITS) {
            *next = (length & ~(uint32_t)POINTER_BITS) << 8 | take_number(r, 1);
            return !r->has_failed;
        }
        if (length > LABEL_MAX)
            fail(r);
        else
            append_label(r, take(r, length), out);
    }
    return false;
}

/* Each pointer must lead to before the labels that end in it, so that there is an end. */
static void take_name(struct reader *r, struct name_text *out)
{
    size_t start = r->at, next = 0;
    struct reader part;
    bool goes_on;

    *out = (struct name_text){ .len = 0 };
    goes_on = take_labels(r, out, &next);
    part = *r;
    part.end = r->all.len;
    while (goes_on && next < start) {
        part.at = start = next;
        goes_on = take_labels(&part, out, &next);
    }
    if (goes_on || part.has_failed)
        fail(r);
    out->bytes[out->len] = '\0';
}

/* ---- records ---- */

struct record {
    struct name_text owner;
    uint32_t type, class, ttl;
    struct reader data;
};

static void take_record(struct reader *r, struct record *out)
{
    size_t length;

    take_name(r, &out->owner);
    out->type = take_number(r, 2);
    out->class = take_number(r, 2);
    out->ttl = take_number(r, 4);
    length = take_number(r, 2);
    out->data = *r;
    take(r, length);
    out->data.end = r->has_failed ? out->data.at : out->data.at + length;
}

typedef bool read_fn(struct reader *data, struct dns_answer *out);

static bool read_addr(struct reader *data, struct dns_answer *out, uint8_t family, size_t size)
{
    struct addr *addr = &out->addrs[out->count];
    struct str bytes = take(data, size);

    if (data->has_failed || data->at != data->end)
        return false;
    *addr = (struct addr){ .family = family };
    memcpy(addr->ip, bytes.ptr, size);
    return true;
}

static bool read_ipv4(struct reader *data, struct dns_answer *out)
{
    return read_addr(data, out, ADDR_IPV4, 4);
}

static bool read_ipv6(struct reader *data, struct dns_answer *out)
{
    return read_addr(data, out, ADDR_IPV6, 16);
}

static bool read_service(struct reader *data, struct dns_answer *out)
{
    struct dns_service *service = &out->services[out->count];
    struct name_text target;

    service->priority = (uint16_t)take_number(data, 2);
    service->weight = (uint16_t)take_number(data, 2);
    service->port = (uint16_t)take_number(data, 2);
    take_name(data, &target);
    memcpy(service->target, target.bytes, sizeof service->target);
    return !data->has_failed;
}

static bool read_pointer(struct reader *data, struct dns_answer *out)
{
    struct dns_pointer *pointer = &out->pointers[out->count];
    struct str flags, service, expression;
    struct name_text replacement;

    pointer->order = (uint16_t)take_number(data, 2);
    pointer->preference = (uint16_t)take_number(data, 2);
    flags = take_string(data);
    service = take_string(data);
    expression = take_string(data);
    take_name(data, &replacement);
    if (data->has_failed || flags.len > 1 || service.len > DNS_SERVICE_MAX || expression.len > 0)
        return false;
    pointer->flag = flags.len ? char_lower(flags.ptr[0]) : '\0';
    memcpy(pointer->service, service.ptr, service.len);
    pointer->service[service.len] = '\0';
    memcpy(pointer->replacement, replacement.bytes, sizeof pointer->replacement);
    return true;
}

static read_fn *const readers[DNS_KINDS] = {
    [DNS_IPV4] = read_ipv4,
    [DNS_IPV6] = read_ipv6,
    [DNS_SERVICE] = read_service,
    [DNS_POINTER] = read_pointer,
};

/* ---- the message ---- */

struct message {
    struct reader records; /* at the first one */
    unsigned count;
    unsigned rcode;
    struct name_text name; /* that was asked, then what it is an alias of */
};

static bool is_asked(struct str name, struct str asked, bool has_suffix)
{
    if (!has_suffix)
        return str_eq(name, asked);
    return str_starts(name, asked) && (name.len == asked.len || name.ptr[asked.len] == '.');
}

static enum err read_head(struct reader *r, enum dns_kind kind, struct str asked, bool has_suffix,
                          struct message *out)
{
    uint32_t flags, questions, type, class;

    take_number(r, 2); /* the id: whoever read the bytes has compared it */
    flags = take_number(r, 2);
    questions = take_number(r, 2);
    out->count = take_number(r, 2);
    take(r, 4);
    if (questions != 1 || !(flags & IS_ANSWER))
        return ERR_SYNTAX;
    take_name(r, &out->name);
    type = take_number(r, 2);
    class = take_number(r, 2);
    if (r->has_failed)
        return ERR_SYNTAX;
    if (type != (uint32_t)dns_type(kind) || class != ns_c_in ||
        !is_asked(text_of(&out->name), asked, has_suffix))
        return ERR_DENIED;
    out->rcode = flags & RCODE_BITS;
    out->records = *r;
    if (out->count > RECORDS_READ_MAX)
        out->count = RECORDS_READ_MAX;
    return ERR_NONE;
}

static void note_ttl(struct dns_answer *out, uint32_t ttl)
{
    if (ttl < out->ttl)
        out->ttl = ttl;
}

/* Is there an alias for the name? Then it is the name from now on. */
static bool follow_alias(struct message *message, struct dns_answer *out)
{
    struct reader r = message->records;
    struct record record;

    for (unsigned i = 0; i < message->count && !r.has_failed; i++) {
        struct name_text target;

        take_record(&r, &record);
        if (r.has_failed || record.type != ns_t_cname || record.class != ns_c_in ||
            !str_ieq(text_of(&record.owner), text_of(&message->name)))
            continue;
        take_name(&record.data, &target);
        if (record.data.has_failed)
            return false;
        message->name = target;
        note_ttl(out, record.ttl);
        return true;
    }
    return false;
}

static enum err follow_aliases(struct message *message, struct dns_answer *out)
{
    for (unsigned i = 0; i <= DNS_ALIASES_MAX; i++)
        if (!follow_alias(message, out))
            return ERR_NONE;
    return ERR_LIMIT;
}

static void collect(const struct message *message, enum dns_kind kind, struct dns_answer *out)
{
    struct reader r = message->records;
    struct record record;

    for (unsigned i = 0; i < message->count && out->count < DNS_RECORDS_MAX; i++) {
        take_record(&r, &record);
        if (r.has_failed)
            return;
        if (record.type != (uint32_t)dns_type(kind) || record.class != ns_c_in ||
            !str_ieq(text_of(&record.owner), text_of(&message->name)) ||
            !readers[kind](&record.data, out))
            continue;
        out->count++;
        note_ttl(out, record.ttl);
    }
}

enum err dns_read(struct str bytes, enum dns_kind kind, struct str asked, bool has_suffix,
                  struct dns_answer *out)
{
    struct reader r = { .all = bytes, .end = bytes.len };
    struct message message;
    enum err err = read_head(&r, kind, asked, has_suffix, &message);

    out->count = 0;
    out->ttl = INT32_MAX; /* RFC 2181 §8 */
    if (err)
        return err;
    if (message.rcode != ns_r_noerror)
        return message.rcode == ns_r_nxdomain ? ERR_NOT_FOUND : ERR_UNSUPPORTED;
    if ((err = follow_aliases(&message, out)))
        return err;
    collect(&message, kind, out);
    return ERR_NONE;
}
