/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/cursor.h>
#include <culvert/sip.h>

#include <stddef.h>

static const struct {
    struct str name;
    size_t place;
} fields[] = {
    { STR_INIT("username"), offsetof(struct sip_digest, username) },
    { STR_INIT("realm"), offsetof(struct sip_digest, realm) },
    { STR_INIT("nonce"), offsetof(struct sip_digest, nonce) },
    { STR_INIT("uri"), offsetof(struct sip_digest, uri) },
    { STR_INIT("response"), offsetof(struct sip_digest, response) },
    { STR_INIT("algorithm"), offsetof(struct sip_digest, algorithm) },
    { STR_INIT("cnonce"), offsetof(struct sip_digest, cnonce) },
    { STR_INIT("opaque"), offsetof(struct sip_digest, opaque) },
    { STR_INIT("qop"), offsetof(struct sip_digest, qop) },
    { STR_INIT("nc"), offsetof(struct sip_digest, nc) },
};

static struct str *place_of(struct sip_digest *digest, struct str name)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (str_ieq(fields[i].name, name))
            return (struct str *)((char *)digest + fields[i].place);
    return NULL;
}

static bool ends_value(char c)
{
    return c == ',' || c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '"';
}

/* token / quoted-string, without its quotes; unquoted values may hold what a URI holds. */
static struct str take_value(struct cursor *c)
{
    const char *start = c->at;

    if (cursor_peek(c) == '"')
        return sip_unquote(cursor_take_quoted(c));
    while (c->at < c->end && !ends_value(*c->at))
        c->at++;
    if (c->at == start)
        cursor_fail(c);
    return str_between(start, c->at);
}

/* auth-param = auth-param-name EQUAL ( token / quoted-string ) */
static void parse_auth_param(struct cursor *c, struct sip_digest *digest, bool *has_stale)
{
    struct str name = cursor_take(c, class_token);
    struct str value = { 0 };
    struct str *place;

    if (!cursor_skip_sep(c, '='))
        cursor_fail(c);
    if (!c->fault)
        value = take_value(c);
    if (c->fault)
        return;
    place = place_of(digest, name);
    if (place && place->ptr)
        cursor_fail(c);
    if (place)
        *place = value;
    if (str_ieq(name, STR("stale"))) {
        if (*has_stale)
            cursor_fail(c);
        *has_stale = true;
        digest->is_stale = str_ieq(value, STR("true"));
    }
}

/* "Digest" LWS digest-param *( COMMA digest-param ); empty elements are let through. */
enum err sip_digest_parse(struct str value, struct sip_digest *out)
{
    struct cursor c = cursor_over(str_trim(value));
    struct str scheme = cursor_take(&c, class_token);
    struct sip_digest digest = { 0 };
    bool has_stale = false;

    if (!str_ieq(scheme, STR("Digest")))
        return c.fault ? ERR_SYNTAX : ERR_UNSUPPORTED;
    cursor_skip_lws(&c);
    do {
        while (cursor_skip_sep(&c, ','))
            continue;
        if (!cursor_at_end(&c))
            parse_auth_param(&c, &digest, &has_stale);
    } while (cursor_skip_sep(&c, ','));
    if (cursor_finish(&c))
        return ERR_SYNTAX;
    *out = digest;
    return ERR_NONE;
}

const struct sip_hdr *sip_digest_find(const struct sip_msg *msg, enum sip_hdr_id id,
                                      struct str realm, struct sip_digest *out)
{
    const struct sip_hdr *hdr = NULL;
    struct sip_digest digest;

    while ((hdr = sip_msg_find(msg, id, hdr))) {
        if (!sip_digest_parse(hdr->value, &digest) && str_eq(digest.realm, realm)) {
            *out = digest;
            return hdr;
        }
    }
    return NULL;
}
