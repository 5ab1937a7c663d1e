/* SPDX-License-Identifier: Apache-2.0 */
/* A profile becomes a context of OpenSSL: files are read, and judged, here. */
#include "net/tls.h"

#include <stdio.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <culvert/log.h>

#include "net/tls_stream.h"

enum {
    CERTIFICATES_MAX = 65536, /* bytes of the chain that a peer may show */
};

/* ---- saying what went wrong ---- */

/* The newest reason of OpenSSL, or of the system. */
static void explain(struct writer *why, const struct tls_row *row, const char *what,
                    struct str file)
{
    unsigned long error = ERR_peek_last_error();
    const char *reason = ERR_GET_LIB(error) == ERR_LIB_SYS ? strerror(ERR_GET_REASON(error))
                                                           : ERR_reason_error_string(error);

    if (ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_SYS)
        reason = strerror(ERR_GET_REASON(ERR_peek_error()));
    write_fmt(why, STR_FMT ": %s \"" STR_FMT "\": %s", STR_ARG(row->profile.where), what,
              STR_ARG(file), reason ? reason : "it cannot be used");
    ERR_clear_error();
}

/* ---- what the profile names ---- */

/* Passwords are asked for on a terminal by default; a server has none. */
static int refuse_password(char *buffer, int size, int writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

static enum err use_certificate(struct tls_row *row, struct writer *why)
{
    const struct tls_profile *profile = &row->profile;
    struct str key = profile->private_key.len ? profile->private_key : profile->certificate;

    if (!profile->certificate.len)
        return ERR_NONE;
    SSL_CTX_set_default_passwd_cb(row->context, refuse_password);
    if (SSL_CTX_use_certificate_chain_file(row->context, profile->certificate.ptr) != 1) {
        explain(why, row, "certificate", profile->certificate);
        return ERR_IO;
    }
    if (SSL_CTX_use_PrivateKey_file(row->context, key.ptr, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(row->context) != 1) {
        explain(why, row, "private key", key);
        return ERR_IO;
    }
    return ERR_NONE;
}

/* A warning only: whether it is believed is the peer's business. */
static void check_dates(const struct tls_row *row)
{
    const X509 *certificate = SSL_CTX_get0_certificate(row->context);

    if (certificate && X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0)
        log_warning(STR_FMT ": the certificate in \"" STR_FMT
                            "\" has expired; peers will refuse it",
                    STR_ARG(row->profile.where), STR_ARG(row->profile.certificate));
}

/* Those of the system; of its own where revocations are to be added. */
static void use_system_authorities(struct tls *tls, struct tls_row *row)
{
    X509_STORE *store = row->profile.crl.len ? NULL : tls_system_authorities(tls);

    if (store)
        SSL_CTX_set1_cert_store(row->context, store);
    else
        SSL_CTX_set_default_verify_paths(row->context);
}

static enum err use_authorities(struct tls *tls, struct tls_row *row, struct writer *why)
{
    const struct tls_profile *profile = &row->profile;
    STACK_OF(X509_NAME) * names;

    if (!profile->ca_list.len && !profile->ca_path.len) {
        use_system_authorities(tls, row);
        return ERR_NONE;
    }
    if (profile->ca_path.len && SSL_CTX_load_verify_dir(row->context, profile->ca_path.ptr) != 1) {
        explain(why, row, "folder of CAs", profile->ca_path);
        return ERR_IO;
    }
    if (!profile->ca_list.len)
        return ERR_NONE;
    names = SSL_load_client_CA_file(profile->ca_list.ptr);
    if (!names || SSL_CTX_load_verify_file(row->context, profile->ca_list.ptr) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        explain(why, row, "list of CAs", profile->ca_list);
        return ERR_IO;
    }
    if (profile->is_client)
        sk_X509_NAME_pop_free(names, X509_NAME_free);
    else
        SSL_CTX_set_client_CA_list(row->context, names);
    return ERR_NONE;
}

static enum err use_revocations(struct tls_row *row, struct writer *why)
{
    X509_STORE *store = SSL_CTX_get_cert_store(row->context);

    if (!row->profile.crl.len)
        return ERR_NONE;
    if (X509_STORE_load_file(store, row->profile.crl.ptr) != 1) {
        explain(why, row, "list of revocations", row->profile.crl);
        return ERR_IO;
    }
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    return ERR_NONE;
}

static enum err use_ciphers(struct tls_row *row, struct writer *why)
{
    if (!row->profile.ciphers.len ||
        SSL_CTX_set_cipher_list(row->context, row->profile.ciphers.ptr) == 1)
        return ERR_NONE;
    explain(why, row, "list of ciphers", row->profile.ciphers);
    return ERR_SYNTAX;
}

/* ---- what holds for all ---- */

static int number_of(enum tls_version version)
{
    static const int numbers[] = {
        [TLS_VERSION_ANY] = 0,
        [TLS_VERSION_1_2] = TLS1_2_VERSION,
        [TLS_VERSION_1_3] = TLS1_3_VERSION,
    };

    return numbers[version];
}

static void set_versions(const struct tls_row *row)
{
    int min = number_of(row->profile.min_version);

    SSL_CTX_set_min_proto_version(row->context, min ? min : TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(row->context, number_of(row->profile.max_version));
}

static int believe(int is_good, X509_STORE_CTX *context)
{
    (void)is_good;
    (void)context;
    return 1;
}

static void set_verification(const struct tls_row *row)
{
    const struct tls_profile *profile = &row->profile;
    int mode = SSL_VERIFY_NONE;

    if (profile->verifies_peer || profile->only_asks)
        mode = SSL_VERIFY_PEER;
    if (profile->requires_peer)
        mode |= SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(row->context, mode, profile->only_asks ? believe : NULL);
    SSL_CTX_set_verify_depth(row->context, (int)profile->verify_depth);
}

/* No renegotiation, no compression, no early data; as little memory as can be. */
static void set_options(const struct tls_row *row)
{
    static const unsigned char owner[] = "culvert";

    SSL_CTX_set_options(row->context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                          SSL_OP_IGNORE_UNEXPECTED_EOF |
                                          SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(row->context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                       SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_max_early_data(row->context, 0);
    SSL_CTX_set_max_cert_list(row->context, CERTIFICATES_MAX);
    SSL_CTX_set_session_cache_mode(row->context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(row->context, owner, sizeof owner - 1);
    if (!row->profile.is_client)
        SSL_CTX_set_tlsext_servername_callback(row->context, tls_on_server_name);
}

enum err tls_row_open(struct tls *tls, struct tls_row *row, struct writer *why)
{
    const struct tls_profile *profile = &row->profile;
    enum err err;

    ERR_clear_error();
    if (!profile->is_client && !profile->certificate.len) {
        write_fmt(why, STR_FMT ": a server needs a certificate; name its PEM file",
                  STR_ARG(profile->where));
        return ERR_NOT_FOUND;
    }
    row->context = SSL_CTX_new(profile->is_client ? TLS_client_method() : TLS_server_method());
    if (!row->context)
        return ERR_NOMEM;
    set_options(row);
    set_versions(row);
    set_verification(row);
    if ((err = use_certificate(row, why)) || (err = use_authorities(tls, row, why)) ||
        (err = use_revocations(row, why)) || (err = use_ciphers(row, why)))
        return err;
    check_dates(row);
    ERR_clear_error();
    return ERR_NONE;
}

void tls_row_close(struct tls_row *row)
{
    SSL_CTX_free(row->context);
    row->context = NULL;
}

/* ---- names of versions ---- */

enum err tls_method_parse(struct str text, enum tls_version *min, enum tls_version *max)
{
    static const struct {
        struct str name;
        enum tls_version min, max;
    } rows[] = {
        { STR_INIT("TLSv1.2"), TLS_VERSION_1_2, TLS_VERSION_1_2 },
        { STR_INIT("TLSv1.3"), TLS_VERSION_1_3, TLS_VERSION_ANY },
        { STR_INIT("TLSv1.3+"), TLS_VERSION_1_3, TLS_VERSION_ANY },
        { STR_INIT("TLSv1.2+"), TLS_VERSION_1_2, TLS_VERSION_ANY },
        { STR_INIT("any"), TLS_VERSION_ANY, TLS_VERSION_ANY },
        { STR_INIT("SSLv2"), TLS_VERSION_ANY, TLS_VERSION_ANY },
        { STR_INIT("SSLv3"), TLS_VERSION_ANY, TLS_VERSION_ANY },
        { STR_INIT("SSLv23"), TLS_VERSION_ANY, TLS_VERSION_ANY },
        { STR_INIT("TLSv1"), TLS_VERSION_ANY, TLS_VERSION_ANY },
        { STR_INIT("TLSv1+"), TLS_VERSION_ANY, TLS_VERSION_ANY },
        { STR_INIT("TLSv1.0"), TLS_VERSION_ANY, TLS_VERSION_ANY },
        { STR_INIT("TLSv1.0+"), TLS_VERSION_ANY, TLS_VERSION_ANY },
        { STR_INIT("TLSv1.1"), TLS_VERSION_ANY, TLS_VERSION_ANY },
        { STR_INIT("TLSv1.1+"), TLS_VERSION_ANY, TLS_VERSION_ANY },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!str_ieq(text, rows[i].name))
            continue;
        *min = rows[i].min;
        *max = rows[i].max;
        return ERR_NONE;
    }
    return ERR_SYNTAX;
}
