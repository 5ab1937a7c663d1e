/* SPDX-License-Identifier: Apache-2.0 */
/* The words that a profile is written with: Kamailio's. */
#include <culvert/tls.h>

enum {
    SHOWN_MAX = 80,
};

struct key_row {
    const char *name;
    enum err (*set)(struct tls_profile *profile, const struct key_row *row, struct str value);
    size_t offset; /* of the member */
    const char *wants;
};

static void *member(struct tls_profile *profile, const struct key_row *row)
{
    return (char *)profile + row->offset;
}

static enum err set_text(struct tls_profile *profile, const struct key_row *row, struct str value)
{
    struct str *text = member(profile, row);

    *text = value;
    return ERR_NONE;
}

static enum err set_bool(struct tls_profile *profile, const struct key_row *row, struct str value)
{
    static const struct {
        struct str word;
        bool is_true;
    } words[] = {
        { STR_INIT("1"), true },    { STR_INIT("0"), false },     { STR_INIT("yes"), true },
        { STR_INIT("no"), false },  { STR_INIT("on"), true },     { STR_INIT("off"), false },
        { STR_INIT("true"), true }, { STR_INIT("false"), false },
    };
    bool *is_set = member(profile, row);

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!str_ieq(value, words[i].word))
            continue;
        *is_set = words[i].is_true;
        return ERR_NONE;
    }
    return ERR_SYNTAX;
}

static enum err set_depth(struct tls_profile *profile, const struct key_row *row, struct str value)
{
    uint64_t depth;

    (void)row;
    if (str_to_uint(value, 0, 100, &depth))
        return ERR_SYNTAX;
    profile->verify_depth = (unsigned)depth;
    return ERR_NONE;
}

static enum err set_name_match(struct tls_profile *profile, const struct key_row *row,
                               struct str value)
{
    uint64_t match;

    (void)row;
    if (str_to_uint(value, TLS_NAME_EXACT, TLS_NAME_BELOW, &match))
        return ERR_SYNTAX;
    profile->name_match = (enum tls_name_match)match;
    return ERR_NONE;
}

static enum err set_method(struct tls_profile *profile, const struct key_row *row, struct str value)
{
    (void)row;
    return tls_method_parse(value, &profile->min_version, &profile->max_version);
}

/* In one word what verify_certificate and require_certificate say in two. */
static enum err set_verify_client(struct tls_profile *profile, const struct key_row *row,
                                  struct str value)
{
    static const struct {
        struct str word;
        bool verifies, requires, only_asks;
    } words[] = {
        { STR_INIT("off"), false, false, false },
        { STR_INIT("on"), true, true, false },
        { STR_INIT("optional"), true, false, false },
        { STR_INIT("optional_no_ca"), false, false, true },
    };

    (void)row;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!str_ieq(value, words[i].word))
            continue;
        profile->verifies_peer = words[i].verifies;
        profile->requires_peer = words[i].requires;
        profile->only_asks = words[i].only_asks;
        return ERR_NONE;
    }
    return ERR_SYNTAX;
}

#define MEMBER(name) offsetof(struct tls_profile, name)

static const struct key_row rows[] = {
    { "method", set_method, 0, "TLSv1.2, TLSv1.2+, TLSv1.3 or TLSv1.3+" },
    { "tls_method", set_method, 0, "TLSv1.2, TLSv1.2+, TLSv1.3 or TLSv1.3+" },
    { "certificate", set_text, MEMBER(certificate), NULL },
    { "private_key", set_text, MEMBER(private_key), NULL },
    { "ca_list", set_text, MEMBER(ca_list), NULL },
    { "ca_path", set_text, MEMBER(ca_path), NULL },
    { "crl", set_text, MEMBER(crl), NULL },
    { "cipher_list", set_text, MEMBER(ciphers), NULL },
    { "ciphers_list", set_text, MEMBER(ciphers), NULL },
    { "server_name", set_text, MEMBER(name), NULL },
    { "server_name_mode", set_name_match, 0, "0, 1 or 2" },
    { "server_id", set_text, MEMBER(id), NULL },
    { "verify_depth", set_depth, 0, "a number up to 100" },
    { "verify_certificate", set_bool, MEMBER(verifies_peer), "yes or no" },
    { "require_certificate", set_bool, MEMBER(requires_peer), "yes or no" },
    { "verify_client", set_verify_client, 0, "off, on, optional or optional_no_ca" },
};

/* As much as a message shows. */
static struct str shorten(struct str text)
{
    return text.len > SHOWN_MAX ? (struct str){ text.ptr, SHOWN_MAX } : text;
}

enum err tls_profile_set(struct tls_profile *profile, struct str key, struct str value,
                         struct writer *why)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!str_eq(key, str_of(rows[i].name)))
            continue;
        if (!rows[i].set(profile, &rows[i], value))
            return ERR_NONE;
        value = shorten(value);
        write_fmt(why, "%s is %s, not \"" STR_FMT "\"", rows[i].name, rows[i].wants,
                  STR_ARG(value));
        return ERR_SYNTAX;
    }
    key = shorten(key);
    write_fmt(why, "there is no setting \"" STR_FMT "\"", STR_ARG(key));
    return ERR_NOT_FOUND;
}
