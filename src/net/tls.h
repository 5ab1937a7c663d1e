/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * TLS on the connections of net/. `struct tls` is shared by all workers: the profiles, which a
 * reload replaces as a whole, and the names that peers must prove. A connection keeps the profiles
 * that it began with. All functions may be called from any thread.
 */
#include <culvert/tls.h>

#include "net/inside.h"

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;
typedef struct x509_st X509;
typedef struct x509_store_st X509_STORE;
typedef struct bio_method_st BIO_METHOD;

enum {
    TLS_NAME_MAX = 255, /* of a host name */
};

struct tls;
struct tls_generation; /* profiles that were read together */

/* A profile with its certificates read. */
struct tls_row {
    struct tls_profile profile; /* texts live as long as the generation */
    SSL_CTX *context;
};

MUST_USE enum err tls_create(struct tls **out);
void tls_destroy(struct tls *tls);
/*
 * Reads all certificates and, when every one is good, puts them in force. Otherwise nothing has
 * changed, and `why` says which file is to blame.
 */
MUST_USE enum err tls_load(struct tls *tls, const struct tls_profile *profiles, unsigned count,
                           struct writer *why);
/* Is there a certificate to show? */
bool tls_can_serve(struct tls *tls);
/* Each profile in force. The texts are borrowed for the call. */
void tls_each_row(struct tls *tls, void (*visit)(void *context, const struct tls_row *row),
                  void *context);
const BIO_METHOD *tls_socket_bio(const struct tls *tls);
/* The CAs of the system, read once and again when their file has changed; NULL: none can be read. */
X509_STORE *tls_system_authorities(struct tls *tls);

/* The profiles in force; NULL when none were loaded. */
struct tls_generation *tls_generation_take(struct tls *tls);
void tls_generation_release(struct tls_generation *generation);
/* The server profile for a listen address and the name asked for (may be empty); NULL: none. */
const struct tls_row *tls_find_server(const struct tls_generation *generation,
                                      const struct addr *bound, struct str name);
/* The client profile for a peer and the domain dialled (may be empty). */
const struct tls_row *tls_find_client(const struct tls_generation *generation,
                                      const struct addr *peer, struct str name);

/* The number that flow.identity names a domain by; 0 when memory is short. */
uint32_t tls_identity(struct tls *tls, struct str name);
/* False when it is not, or no longer, known. */
bool tls_identity_name(struct tls *tls, uint32_t identity, char out[static TLS_NAME_MAX + 1]);

/* ---- tls_profile.c ---- */

/* Reads the files of a profile. */
MUST_USE enum err tls_row_open(struct tls *tls, struct tls_row *row, struct writer *why);
void tls_row_close(struct tls_row *row);

/* ---- tls_identity.c: names in certificates ---- */

/* RFC 5922 §7: is this a certificate of the domain, or of the address? */
bool tls_names_domain(X509 *certificate, struct str domain);
bool tls_names_addr(X509 *certificate, const struct addr *addr);

/* ---- tls_peer.c: what is known of both sides after the handshake; unchanging ---- */

struct tls_peer;

MUST_USE enum err tls_peer_create(SSL *ssl, struct tls_peer **out);
struct tls_peer *tls_peer_ref(struct tls_peer *peer);
void tls_peer_unref(struct tls_peer *peer);
/* ERR_NOT_FOUND: nothing of the kind. */
MUST_USE enum err tls_peer_write(const struct tls_peer *peer, const struct tls_question *question,
                                 struct writer *out);
