/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/auth.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "host/host.h"

enum {
    NONCE_TIME = 8,  /* hex digits of the expiry, in seconds since 1970 */
    NONCE_SALT = 8,
    NONCE_MAC = 32,
    MD5_BYTES = 16,
    MD5_HEX = 32,
};

/* ---- outcomes ---- */

enum verdict auth_verdict(const struct run *run, enum auth_outcome outcome)
{
    static const int openser[] = {
        [AUTH_OK] = 1,           [AUTH_FAILED] = -5,      [AUTH_WRONG_PASSWORD] = -2,
        [AUTH_UNKNOWN_USER] = -1, [AUTH_STALE_NONCE] = -3, [AUTH_NO_CREDENTIALS] = -4,
    };
    static const int kamailio[] = {
        [AUTH_OK] = 1,           [AUTH_FAILED] = -1,      [AUTH_WRONG_PASSWORD] = -2,
        [AUTH_UNKNOWN_USER] = -3, [AUTH_STALE_NONCE] = -4, [AUTH_NO_CREDENTIALS] = -5,
    };

    return (enum verdict)(server_is_openser(run->worker->server) ? openser : kamailio)[outcome];
}

bool auth_is_exempt(const struct run *run)
{
    return run->request->msg->method == SIP_ACK || run->request->msg->method == SIP_CANCEL;
}

struct str auth_default_realm(const struct run *run, struct str prefix)
{
    const struct sip_msg *msg = run->request->msg;
    struct str host = msg->method == SIP_REGISTER ? msg->to.uri.host : msg->from.uri.host;

    return str_starts(host, prefix) ? str_skip(host, prefix.len) : host;
}

/* ---- nonces: expiry, salt, and a signature over both ---- */

static bool sign(const struct run *run, struct str text, char hex[static NONCE_MAC])
{
    const uint8_t *secret = run->worker->server->secret;
    unsigned char mac[EVP_MAX_MD_SIZE];
    struct writer w = writer_over(hex, NONCE_MAC);
    unsigned length;

    if (!HMAC(EVP_sha256(), secret, SECRET_BYTES, (const unsigned char *)text.ptr, text.len, mac,
              &length))
        return false;
    write_hex(&w, mac, NONCE_MAC / 2);
    return true;
}

enum err auth_nonce(const struct run *run, unsigned seconds, struct str *out)
{
    const size_t signed_length = NONCE_TIME + NONCE_SALT;
    char *nonce = arena_alloc(run->arena, signed_length + NONCE_MAC);
    uint32_t expiry = (uint32_t)(run_wall_clock(run) + seconds);
    struct writer w;

    if (!nonce)
        return ERR_NOMEM;
    w = writer_over(nonce, signed_length);
    write_fmt(&w, "%08x%08x", expiry, (uint32_t)random_u64(run_random(run)));
    if (!sign(run, (struct str){ nonce, signed_length }, nonce + signed_length))
        return ERR_IO;
    *out = (struct str){ nonce, signed_length + NONCE_MAC };
    return ERR_NONE;
}

static bool read_hex(struct str text, uint32_t *out)
{
    uint32_t value = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = char_lower(text.ptr[i]);
        if ((c < '0' || c > '9') && (c < 'a' || c > 'f'))
            return false;
        value = value << 4 | (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    *out = value;
    return true;
}

static bool nonce_is_good(const struct run *run, struct str nonce)
{
    const size_t signed_length = NONCE_TIME + NONCE_SALT;
    char mac[NONCE_MAC];
    uint32_t expiry;

    if (nonce.len != signed_length + NONCE_MAC ||
        !read_hex((struct str){ nonce.ptr, NONCE_TIME }, &expiry) ||
        !sign(run, (struct str){ nonce.ptr, signed_length }, mac))
        return false;
    return CRYPTO_memcmp(mac, nonce.ptr + signed_length, NONCE_MAC) == 0 &&
           expiry >= (uint32_t)run_wall_clock(run);
}

/* ---- an attempt ---- */

static void split_username(struct auth_attempt *attempt)
{
    attempt->has_domain =
        str_split(attempt->digest.username, '@', &attempt->username, &attempt->domain);
    if (!attempt->has_domain) {
        attempt->username = attempt->digest.username;
        attempt->domain = attempt->digest.realm;
    }
}

enum auth_outcome auth_begin(struct run *run, enum sip_hdr_id id, struct str realm,
                             struct auth_attempt *out)
{
    struct request *request = run->request;

    *out = (struct auth_attempt){ 0 };
    out->hdr = sip_digest_find(request->msg, id, realm, &out->digest);
    if (!out->hdr || str_is_empty(out->digest.username))
        return AUTH_NO_CREDENTIALS;
    if (!str_is_empty(out->digest.algorithm) && !str_ieq(out->digest.algorithm, STR("MD5")))
        return AUTH_NO_CREDENTIALS;
    if (!nonce_is_good(run, out->digest.nonce)) {
        request->has_stale_nonce = true;
        return AUTH_STALE_NONCE;
    }
    split_username(out);
    return AUTH_OK;
}

/* MD5 over parts joined by colons, in hex. */
static bool md5_of(const struct str parts[], unsigned count, char hex[static MD5_HEX])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char digest[EVP_MAX_MD_SIZE];
    struct writer w = writer_over(hex, MD5_HEX);
    bool ok = context && EVP_DigestInit_ex(context, EVP_md5(), NULL);

    for (unsigned i = 0; i < count && ok; i++) {
        ok = (i == 0 || EVP_DigestUpdate(context, ":", 1)) &&
             EVP_DigestUpdate(context, parts[i].ptr, parts[i].len);
    }
    ok = ok && EVP_DigestFinal_ex(context, digest, NULL);
    EVP_MD_CTX_free(context);
    if (ok)
        write_hex(&w, digest, MD5_BYTES);
    return ok;
}

static struct str hex_str(const char hex[static MD5_HEX])
{
    return (struct str){ hex, MD5_HEX };
}

static bool make_ha1(const struct sip_digest *digest, struct str password, char ha1[static MD5_HEX])
{
    const struct str parts[] = { digest->username, digest->realm, password };

    return md5_of(parts, 3, ha1);
}

/* RFC 7616 §3.4.1, with and without qop; auth-int covers the body. */
static bool expected_response(const struct run *run, const struct sip_digest *digest, struct str ha1,
                              char response[static MD5_HEX])
{
    const struct sip_msg *msg = run->request->msg;
    char body[MD5_HEX], ha2[MD5_HEX];
    const struct str of_request[] = { msg->method_name, digest->uri, hex_str(body) };
    bool is_integrity = str_ieq(digest->qop, STR("auth-int"));

    if (!md5_of(&msg->body, 1, body) || !md5_of(of_request, is_integrity ? 3 : 2, ha2))
        return false;
    if (str_is_empty(digest->qop)) {
        const struct str parts[] = { ha1, digest->nonce, hex_str(ha2) };
        return md5_of(parts, 3, response);
    }
    const struct str parts[] = { ha1, digest->nonce, digest->nc, digest->cnonce, digest->qop,
                                 hex_str(ha2) };
    return md5_of(parts, 6, response);
}

enum auth_outcome auth_finish(struct run *run, const struct auth_attempt *attempt, struct str secret,
                              bool is_clear)
{
    const struct sip_digest *digest = &attempt->digest;
    char ha1[MD5_HEX], response[MD5_HEX];

    if (is_clear) {
        if (!make_ha1(digest, secret, ha1))
            return AUTH_FAILED;
        secret = hex_str(ha1);
    }
    if (!expected_response(run, digest, secret, response))
        return AUTH_FAILED;
    if (digest->response.len != MD5_HEX ||
        CRYPTO_memcmp(digest->response.ptr, response, MD5_HEX) != 0)
        return AUTH_WRONG_PASSWORD;
    run->request->credentials = attempt->hdr;
    run_trust_source(run);
    return AUTH_OK;
}

/* ---- challenges ---- */

static enum err challenge_header(struct run *run, enum sip_hdr_id id, struct str realm,
                                 struct str qop, unsigned seconds, struct str *out)
{
    bool is_stale = run->request->has_stale_nonce;
    struct str nonce;
    enum err err = auth_nonce(run, seconds, &nonce);

    if (err)
        return err;
    return str_print(run->arena, out,
                     STR_FMT ": Digest realm=\"" STR_FMT "\", nonce=\"" STR_FMT "\"%s" STR_FMT "%s%s\r\n",
                     STR_ARG(sip_hdr_name(id)), STR_ARG(realm), STR_ARG(nonce),
                     qop.len ? ", qop=\"" : "", STR_ARG(qop), qop.len ? "\"" : "",
                     is_stale ? ", stale=true" : "");
}

enum verdict auth_challenge(struct run *run, enum sip_hdr_id id, struct str realm, struct str qop,
                            unsigned seconds)
{
    bool is_proxy = id == SIP_HDR_PROXY_AUTHENTICATE;
    struct str line;

    if (challenge_header(run, id, realm, qop, seconds, &line) || run_add_reply_header(run, line) ||
        run_reply(run, is_proxy ? 407 : 401,
                  is_proxy ? STR("Proxy Authentication Required") : STR("Unauthorized")))
        return VERDICT_ERROR;
    return server_is_openser(run->worker->server) ? VERDICT_STOP : VERDICT_TRUE;
}
