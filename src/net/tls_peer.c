/* SPDX-License-Identifier: Apache-2.0 */
/* What a handshake has shown, kept for scripts: other workers ask while the connection lives. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "net/tls.h"

struct tls_peer {
    atomic_uint users;
    X509 *peer; /* NULL: it showed none */
    X509 *own;
    const SSL_CIPHER *cipher;
    const char *version;
    long verdict; /* X509_V_OK: believed */
    char server_name[TLS_NAME_MAX + 1];
};

/* ---- life ---- */

static void keep_server_name(struct tls_peer *peer, SSL *ssl)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    if (name)
        snprintf(peer->server_name, sizeof peer->server_name, "%s", name);
}

enum err tls_peer_create(SSL *ssl, struct tls_peer **out)
{
    struct tls_peer *peer = calloc(1, sizeof *peer);
    X509 *own = SSL_get_certificate(ssl);

    if (!peer)
        return ERR_NOMEM;
    atomic_init(&peer->users, 1);
    if (own && X509_up_ref(own))
        peer->own = own;
    peer->peer = SSL_get1_peer_certificate(ssl);
    peer->cipher = SSL_get_current_cipher(ssl);
    peer->version = SSL_get_version(ssl);
    peer->verdict = SSL_get_verify_result(ssl);
    keep_server_name(peer, ssl);
    *out = peer;
    return ERR_NONE;
}

struct tls_peer *tls_peer_ref(struct tls_peer *peer)
{
    atomic_fetch_add(&peer->users, 1);
    return peer;
}

void tls_peer_unref(struct tls_peer *peer)
{
    if (!peer || atomic_fetch_sub(&peer->users, 1) > 1)
        return;
    X509_free(peer->peer);
    X509_free(peer->own);
    free(peer);
}

/* ---- text ---- */

/* Certificates are written by others: nothing in them ends a line of ours. */
static void write_clean(struct writer *w, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        write_char(w, (unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i]);
}

static bool write_asn1(struct writer *w, const ASN1_STRING *string)
{
    unsigned char *text;
    int len = ASN1_STRING_to_UTF8(&text, string);

    if (len < 0)
        return false;
    write_clean(w, (const char *)text, (size_t)len);
    OPENSSL_free(text);
    return true;
}

static bool write_bio(struct writer *w, BIO *bio)
{
    char *bytes;
    long len = BIO_get_mem_data(bio, &bytes);

    if (len > 0)
        write_str(w, (struct str){ bytes, (size_t)len });
    BIO_free(bio);
    return len > 0;
}

/* ---- facts of the connection ---- */

struct asked {
    const struct tls_peer *peer;
    X509 *certificate; /* of the side asked for; may be NULL */
    const char *part;
};

static bool write_version(const struct asked *asked, struct writer *w)
{
    write_str(w, str_of(asked->peer->version));
    return true;
}

static bool write_description(const struct asked *asked, struct writer *w)
{
    char text[256];

    if (!asked->peer->cipher || !SSL_CIPHER_description(asked->peer->cipher, text, sizeof text))
        return false;
    write_str(w, str_trim(str_of(text)));
    return true;
}

static bool write_cipher(const struct asked *asked, struct writer *w)
{
    write_str(w, str_of(SSL_CIPHER_get_name(asked->peer->cipher)));
    return true;
}

static bool write_cipher_bits(const struct asked *asked, struct writer *w)
{
    write_uint(w, (uint64_t)SSL_CIPHER_get_bits(asked->peer->cipher, NULL));
    return true;
}

static bool write_server_name(const struct asked *asked, struct writer *w)
{
    struct str name = str_of(asked->peer->server_name);

    write_clean(w, name.ptr, name.len);
    return name.len > 0;
}

/* ---- verdicts ---- */

static bool write_verdict(struct writer *w, bool is_so)
{
    write_char(w, is_so ? '1' : '0');
    return true;
}

static bool write_verified(const struct asked *asked, struct writer *w)
{
    return write_verdict(w, asked->peer->peer && asked->peer->verdict == X509_V_OK);
}

static bool write_revoked(const struct asked *asked, struct writer *w)
{
    return write_verdict(w, asked->peer->verdict == X509_V_ERR_CERT_REVOKED);
}

static bool write_expired(const struct asked *asked, struct writer *w)
{
    return write_verdict(w, asked->peer->verdict == X509_V_ERR_CERT_HAS_EXPIRED);
}

static bool write_self_signed(const struct asked *asked, struct writer *w)
{
    return write_verdict(w, asked->peer->verdict == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
                                asked->peer->verdict == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN);
}

/* ---- facts of a certificate ---- */

static bool write_certificate_version(const struct asked *asked, struct writer *w)
{
    write_uint(w, (uint64_t)X509_get_version(asked->certificate) + 1);
    return true;
}

static bool write_serial(const struct asked *asked, struct writer *w)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(asked->certificate), NULL);
    char *digits = number ? BN_bn2dec(number) : NULL;

    if (digits)
        write_str(w, str_of(digits));
    BN_free(number);
    OPENSSL_free(digits);
    return digits != NULL;
}

static bool write_attribute(const X509_NAME *name, const char *part, struct writer *w)
{
    int at = X509_NAME_get_index_by_NID(name, OBJ_txt2nid(part), -1);

    return at >= 0 && write_asn1(w, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
}

static bool write_name(const X509_NAME *name, const char *part, struct writer *w)
{
    char *text;

    if (part)
        return write_attribute(name, part, w);
    text = X509_NAME_oneline(name, NULL, 0);
    if (!text)
        return false;
    write_clean(w, text, strlen(text));
    OPENSSL_free(text);
    return true;
}

static bool write_subject(const struct asked *asked, struct writer *w)
{
    return write_name(X509_get_subject_name(asked->certificate), asked->part, w);
}

static bool write_issuer(const struct asked *asked, struct writer *w)
{
    return write_name(X509_get_issuer_name(asked->certificate), asked->part, w);
}

/* The address in an alternative name: 4 bytes or 16. */
static bool write_ip(struct writer *w, const ASN1_OCTET_STRING *bytes)
{
    struct addr addr = { .family = ASN1_STRING_length(bytes) == 16 ? ADDR_IPV6 : ADDR_IPV4 };
    int length = ASN1_STRING_length(bytes);

    if (length != 4 && length != 16)
        return false;
    memcpy(addr.ip, ASN1_STRING_get0_data(bytes), (size_t)length);
    addr_write_ip(w, &addr, false);
    return true;
}

/* The first alternative name of a type. */
static bool write_alternative(const struct asked *asked, int type, struct writer *w)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(asked->certificate, NID_subject_alt_name, NULL, NULL);
    bool is_found = false;

    for (int i = 0; names && i < sk_GENERAL_NAME_num(names) && !is_found; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type == type)
            is_found = type == GEN_IPADD ? write_ip(w, name->d.ip) : write_asn1(w, name->d.ia5);
    }
    GENERAL_NAMES_free(names);
    return is_found;
}

static bool write_san_email(const struct asked *asked, struct writer *w)
{
    return write_alternative(asked, GEN_EMAIL, w);
}

static bool write_san_host(const struct asked *asked, struct writer *w)
{
    return write_alternative(asked, GEN_DNS, w);
}

static bool write_san_uri(const struct asked *asked, struct writer *w)
{
    return write_alternative(asked, GEN_URI, w);
}

static bool write_san_ip(const struct asked *asked, struct writer *w)
{
    return write_alternative(asked, GEN_IPADD, w);
}

static bool write_time(const ASN1_TIME *time, struct writer *w)
{
    BIO *bio = BIO_new(BIO_s_mem());

    if (!bio)
        return false;
    ASN1_TIME_print(bio, time);
    return write_bio(w, bio);
}

static bool write_not_before(const struct asked *asked, struct writer *w)
{
    return write_time(X509_get0_notBefore(asked->certificate), w);
}

static bool write_not_after(const struct asked *asked, struct writer *w)
{
    return write_time(X509_get0_notAfter(asked->certificate), w);
}

static bool write_pem(const struct asked *asked, struct writer *w)
{
    BIO *bio = BIO_new(BIO_s_mem());

    if (!bio)
        return false;
    PEM_write_bio_X509(bio, asked->certificate);
    return write_bio(w, bio);
}

/* ---- all of them ---- */

static const struct {
    bool (*write)(const struct asked *asked, struct writer *w);
    bool is_of_certificate;
} rows[] = {
    [TLS_FACT_VERSION] = { write_version, false },
    [TLS_FACT_DESCRIPTION] = { write_description, false },
    [TLS_FACT_CIPHER] = { write_cipher, false },
    [TLS_FACT_CIPHER_BITS] = { write_cipher_bits, false },
    [TLS_FACT_SERVER_NAME] = { write_server_name, false },
    [TLS_FACT_VERIFIED] = { write_verified, false },
    [TLS_FACT_REVOKED] = { write_revoked, false },
    [TLS_FACT_EXPIRED] = { write_expired, false },
    [TLS_FACT_SELF_SIGNED] = { write_self_signed, false },
    [TLS_FACT_CERT_VERSION] = { write_certificate_version, true },
    [TLS_FACT_SERIAL] = { write_serial, true },
    [TLS_FACT_SUBJECT] = { write_subject, true },
    [TLS_FACT_ISSUER] = { write_issuer, true },
    [TLS_FACT_SAN_EMAIL] = { write_san_email, true },
    [TLS_FACT_SAN_HOST] = { write_san_host, true },
    [TLS_FACT_SAN_URI] = { write_san_uri, true },
    [TLS_FACT_SAN_IP] = { write_san_ip, true },
    [TLS_FACT_NOT_BEFORE] = { write_not_before, true },
    [TLS_FACT_NOT_AFTER] = { write_not_after, true },
    [TLS_FACT_PEM] = { write_pem, true },
};

enum err tls_peer_write(const struct tls_peer *peer, const struct tls_question *question,
                        struct writer *out)
{
    const struct asked asked = {
        .peer = peer,
        .certificate = question->side == TLS_PEER ? peer->peer : peer->own,
        .part = question->part,
    };

    if (rows[question->fact].is_of_certificate && !asked.certificate)
        return ERR_NOT_FOUND;
    return rows[question->fact].write(&asked, out) ? ERR_NONE : ERR_NOT_FOUND;
}
