/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

struct authority {
    EVP_PKEY *key;
    X509 *certificate;
};

/* ---- certificates ---- */

static void extend(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static X509 *make(EVP_PKEY *key, const char *name, int days)
{
    static long serial = 1000;
    X509 *certificate = X509_new();

    assert_non_null(certificate);
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -7200);
    X509_time_adj_ex(X509_getm_notAfter(certificate), days, -60, NULL);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "O", MBSTRING_UTF8,
                               (const unsigned char *)"Culvert Tests", -1, -1, 0);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_pubkey(certificate, key);
    return certificate;
}

static void save(const char *path, EVP_PKEY *key, X509 *certificate)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    if (key)
        assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(PEM_write_X509(file, certificate), 1);
    fclose(file);
}

struct authority *authority_create(const char *name)
{
    struct authority *authority = calloc(1, sizeof *authority);

    authority->key = EVP_EC_gen("P-256");
    authority->certificate = make(authority->key, name, 30);
    X509_set_issuer_name(authority->certificate, X509_get_subject_name(authority->certificate));
    extend(authority->certificate, authority->certificate, NID_basic_constraints,
           "critical,CA:TRUE");
    extend(authority->certificate, authority->certificate, NID_key_usage,
           "critical,keyCertSign,cRLSign");
    assert_true(X509_sign(authority->certificate, authority->key, EVP_sha256()) > 0);
    return authority;
}

void authority_destroy(struct authority *authority)
{
    X509_free(authority->certificate);
    EVP_PKEY_free(authority->key);
    free(authority);
}

void authority_save(const struct authority *authority, const char *path)
{
    save(path, NULL, authority->certificate);
}

void authority_issue(const struct authority *authority, const char *path, const char *common_name,
                     const char *names, int days)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = make(key, common_name, days);

    X509_set_issuer_name(certificate, X509_get_subject_name(authority->certificate));
    extend(certificate, authority->certificate, NID_basic_constraints, "critical,CA:FALSE");
    if (names)
        extend(certificate, authority->certificate, NID_subject_alt_name, names);
    assert_true(X509_sign(certificate, authority->key, EVP_sha256()) > 0);
    save(path, key, certificate);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

/* ---- ends ---- */

struct tls_end end_client(void)
{
    return (struct tls_end){ .context = SSL_CTX_new(TLS_client_method()), .fd = -1 };
}

struct tls_end end_server(const char *certificate)
{
    struct tls_end end = { .context = SSL_CTX_new(TLS_server_method()), .fd = -1 };

    assert_int_equal(SSL_CTX_use_certificate_chain_file(end.context, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(end.context, certificate, SSL_FILETYPE_PEM), 1);
    return end;
}

static void take_socket(struct tls_end *end, int fd)
{
    struct timeval patience = { .tv_sec = 10 };

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    end->fd = fd;
    end->ssl = SSL_new(end->context);
    SSL_set_fd(end->ssl, fd);
}

bool end_connect(struct tls_end *end, int fd, const char *server_name)
{
    take_socket(end, fd);
    if (server_name)
        SSL_set_tlsext_host_name(end->ssl, server_name);
    return SSL_connect(end->ssl) == 1;
}

bool end_accept(struct tls_end *end, int fd)
{
    take_socket(end, fd);
    return SSL_accept(end->ssl) == 1;
}

void end_send(struct tls_end *end, const char *text)
{
    int len = (int)strlen(text);

    assert_int_equal(SSL_write(end->ssl, text, len), len);
}

void end_expect(struct tls_end *end, const char *text)
{
    size_t len = strlen(text), got = 0;
    char *bytes = calloc(1, len + 1);

    while (got < len) {
        int now = SSL_read(end->ssl, bytes + got, (int)(len - got));

        if (now <= 0)
            fail_msg("the server closed the connection, or sent too little: \"%s\"", bytes);
        got += (size_t)now;
    }
    assert_string_equal(bytes, text);
    free(bytes);
}

bool end_expect_end(struct tls_end *end)
{
    char bytes[4096];
    int got;

    while ((got = SSL_read(end->ssl, bytes, sizeof bytes)) > 0)
        ;
    return SSL_get_error(end->ssl, got) == SSL_ERROR_ZERO_RETURN;
}

const char *end_peer_name(const struct tls_end *end)
{
    static char name[256];
    X509 *certificate = SSL_get0_peer_certificate(end->ssl);

    name[0] = '\0';
    if (certificate)
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name,
                                  sizeof name);
    return name;
}

void end_close(struct tls_end *end, bool says_farewell)
{
    if (end->ssl && says_farewell)
        SSL_shutdown(end->ssl);
    SSL_free(end->ssl);
    SSL_CTX_free(end->context);
    if (end->fd >= 0)
        close(end->fd);
    *end = (struct tls_end){ .fd = -1 };
}
