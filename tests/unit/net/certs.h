/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Certificates for tests, made on the spot, and a blocking TLS peer. Include after cmocka.h. */
#include <openssl/ssl.h>

#include <culvert/addr.h>

struct authority; /* a CA */

struct authority *authority_create(const char *name);
void authority_destroy(struct authority *authority);
/* Its own certificate. */
void authority_save(const struct authority *authority, const char *path);
/*
 * A key and a certificate for `days` from now, both in that file; `names` are alternative names in
 * OpenSSL's notation ("DNS:a.test,IP:127.0.0.1"), NULL for none.
 */
void authority_issue(const struct authority *authority, const char *path, const char *common_name,
                     const char *names, int days);

/* ---- the other side ---- */

struct tls_end {
    SSL_CTX *context;
    SSL *ssl;
    int fd;
};

/* A client that believes everything; to be changed before end_connect. */
struct tls_end end_client(void);
/* A server with the certificate of a file. */
struct tls_end end_server(const char *certificate);
/* The handshake; false when it fails. */
bool end_connect(struct tls_end *end, int fd, const char *server_name);
bool end_accept(struct tls_end *end, int fd);
void end_send(struct tls_end *end, const char *text);
/* Exactly these bytes come next. */
void end_expect(struct tls_end *end, const char *text);
/* The other side closes; true when it said farewell. */
bool end_expect_end(struct tls_end *end);
/* The common name that the other side has shown. */
const char *end_peer_name(const struct tls_end *end);
/* With a farewell, or without. */
void end_close(struct tls_end *end, bool says_farewell);
