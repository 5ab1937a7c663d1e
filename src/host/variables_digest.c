/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials: $au and its like. Null for ACK and CANCEL, which are not challenged. */
#include "host/variables.h"

static bool find_digest(const struct variable_use *use, struct sip_digest *out)
{
    const struct sip_msg *msg = use->run->msg;
    const enum sip_hdr_id ids[] = { SIP_HDR_AUTHORIZATION, SIP_HDR_PROXY_AUTHORIZATION };

    if (!msg->is_request || msg->method == SIP_ACK || msg->method == SIP_CANCEL)
        return false;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        const struct sip_hdr *hdr = sip_msg_find(msg, ids[i], NULL);
        if (hdr && !sip_digest_parse(hdr->value, out))
            return true;
    }
    return false;
}

static struct str user_of(struct str username)
{
    struct str user, domain;

    return str_split(username, '@', &user, &domain) ? user : username;
}

#define GETTER(name, field)                                                                        \
    static enum err get_##name(const struct variable_use *use, struct value *out)                  \
    {                                                                                              \
        struct sip_digest digest;                                                                  \
                                                                                                   \
        return find_digest(use, &digest) ? give_text_or_null(out, field) : give_null(out);         \
    }

GETTER(aU, digest.username)
GETTER(au, user_of(digest.username))
GETTER(ar, digest.realm)
GETTER(adu, digest.uri)
GETTER(aa, digest.algorithm)
GETTER(adn, digest.nonce)
GETTER(adc, digest.cnonce)
GETTER(adr, digest.response)
GETTER(ado, digest.opaque)

/* The domain of the username; empty when it has none. */
static enum err get_ad(const struct variable_use *use, struct value *out)
{
    struct sip_digest digest;
    struct str user, domain;

    if (!find_digest(use, &digest))
        return give_null(out);
    return give_text(out, str_split(digest.username, '@', &user, &domain) ? domain : STR(""));
}

/* user@realm of the credentials, else user@domain of From. */
static enum err get_Au(const struct variable_use *use, struct value *out)
{
    const struct sip_uri *from = &use->run->msg->from.uri;
    struct str user = from->user, domain = from->host, text;
    struct sip_digest digest;
    enum err err;

    if (find_digest(use, &digest)) {
        user = user_of(digest.username);
        domain = digest.realm;
    }
    err = str_print(use->run->arena, &text, STR_FMT "@" STR_FMT, STR_ARG(user), STR_ARG(domain));
    return err ? err : give_text(out, text);
}

static enum err get_AU(const struct variable_use *use, struct value *out)
{
    struct sip_digest digest;

    return give_text_or_null(out, find_digest(use, &digest) ? user_of(digest.username)
                                                            : use->run->msg->from.uri.user);
}

/* clang-format off */
#define R(name_, getter, doc_) { .name = name_, .get = getter, .doc = doc_ }

const struct mod_variable digest_variables[] = {
    R("aU", get_aU, "Username of the credentials."),
    R("au", get_au, "Its part before the @."),
    R("ad", get_ad, "Its part behind the @, else the realm."),
    R("ar", get_ar, "Realm of the credentials."),
    R("adu", get_adu, "URI of the credentials."),
    R("aa", get_aa, "Algorithm of the credentials."),
    R("adn", get_adn, "Nonce of the credentials."),
    R("adc", get_adc, "Client nonce of the credentials."),
    R("adr", get_adr, "Response of the credentials."),
    R("ado", get_ado, "Opaque of the credentials."),
    R("Au", get_Au, "user@realm of the credentials, else user@domain of From."),
    R("AU", get_AU, "User of the credentials, else of From."),
    { 0 },
};
