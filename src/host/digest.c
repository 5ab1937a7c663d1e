/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/digest.h>

#include <openssl/evp.h>

#include <culvert/writer.h>

struct digest_algorithm {
    struct str name;
    const EVP_MD *(*hash)(void);
    size_t hex_length;
};

static const struct digest_algorithm algorithms[] = {
    { STR_INIT("MD5"), EVP_md5, 32 },
    { STR_INIT("SHA-256"), EVP_sha256, 64 },
    { STR_INIT("SHA-512-256"), EVP_sha512_256, 64 },
};

const struct digest_algorithm *digest_algorithm_find(struct str name)
{
    if (str_is_empty(name))
        return &algorithms[0];
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++) {
        if (str_ieq(name, algorithms[i].name))
            return &algorithms[i];
    }
    return NULL;
}

const char *digest_algorithm_name(const struct digest_algorithm *algorithm)
{
    return algorithm->name.ptr;
}

size_t digest_algorithm_length(const struct digest_algorithm *algorithm)
{
    return algorithm->hex_length;
}

/* The hash of parts joined by colons. */
static bool hash_parts(const struct digest_algorithm *algorithm, const struct str parts[],
                       unsigned count, struct digest_hex *out)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char hash[EVP_MAX_MD_SIZE];
    struct writer w = writer_over(out->text, sizeof out->text);
    bool ok = context && EVP_DigestInit_ex(context, algorithm->hash(), NULL);

    for (unsigned i = 0; i < count && ok; i++) {
        ok = (i == 0 || EVP_DigestUpdate(context, ":", 1)) &&
             EVP_DigestUpdate(context, parts[i].ptr, parts[i].len);
    }
    ok = ok && EVP_DigestFinal_ex(context, hash, NULL);
    EVP_MD_CTX_free(context);
    out->len = ok ? algorithm->hex_length : 0;
    if (ok)
        write_hex(&w, hash, algorithm->hex_length / 2);
    return ok;
}

bool digest_ha1(const struct digest_algorithm *algorithm, struct str user, struct str realm,
                struct str password, struct digest_hex *out)
{
    const struct str parts[] = { user, realm, password };

    return hash_parts(algorithm, parts, 3, out);
}

/* A2 = method:uri, with qop=auth-int also the hash of the body. */
static bool hash_request(const struct digest_algorithm *algorithm,
                         const struct digest_question *question, struct digest_hex *out)
{
    struct digest_hex body;
    bool covers_body = str_ieq(question->digest->qop, STR("auth-int"));

    if (covers_body && !hash_parts(algorithm, &question->body, 1, &body))
        return false;
    const struct str parts[] = { question->method, question->digest->uri,
                                 covers_body ? digest_str(&body) : STR("") };
    return hash_parts(algorithm, parts, covers_body ? 3 : 2, out);
}

bool digest_response(const struct digest_algorithm *algorithm, struct str ha1,
                     const struct digest_question *question, struct digest_hex *out)
{
    const struct sip_digest *digest = question->digest;
    struct digest_hex ha2;

    if (!hash_request(algorithm, question, &ha2))
        return false;
    const struct str old[] = { ha1, digest->nonce, digest_str(&ha2) };
    const struct str usual[] = { ha1,           digest->nonce, digest->nc,
                                 digest->cnonce, digest->qop,   digest_str(&ha2) };
    return str_is_empty(digest->qop) ? hash_parts(algorithm, old, 3, out)
                                     : hash_parts(algorithm, usual, 6, out);
}
