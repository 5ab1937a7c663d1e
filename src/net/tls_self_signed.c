/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate to begin with, until there is a real one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <culvert/tls.h>

enum {
    DAYS = 3650,
    NAMES_MAX = 4096, /* bytes of all alternative names */
};

static bool add_extension(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;
    bool is_added;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    is_added = extension && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return is_added;
}

/* "DNS:example.com,IP:192.0.2.1" of "example.com,192.0.2.1" */
static struct str list_names(struct writer *w, struct str names)
{
    struct str rest = names, one;
    struct addr ip;

    while (rest.len) {
        if (!str_split(rest, ',', &one, &rest)) {
            one = rest;
            rest = STR("");
        }
        one = str_trim(one);
        if (!one.len)
            continue;
        write_str(w, w->at == w->start ? STR("") : STR(","));
        write_str(w, addr_parse_ip(one, &ip) ? STR("DNS:") : STR("IP:"));
        write_str(w, one);
    }
    write_char(w, '\0');
    return writer_text(w);
}

static bool set_serial(X509 *certificate)
{
    unsigned char bytes[8];
    BIGNUM *number;
    bool is_set;

    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return false;
    bytes[0] &= 0x7f;
    number = BN_bin2bn(bytes, sizeof bytes, NULL);
    is_set = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
    BN_free(number);
    return is_set;
}

static bool describe(X509 *certificate, struct str names)
{
    static const unsigned char common[] = "culvert";
    X509_NAME *subject = X509_get_subject_name(certificate);
    char text[NAMES_MAX];
    struct writer w = writer_over(text, sizeof text);
    struct str list = list_names(&w, names);

    return !w.has_overflowed && set_serial(certificate) &&
           X509_set_version(certificate, X509_VERSION_3) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) &&
           X509_time_adj_ex(X509_getm_notAfter(certificate), DAYS, 0, NULL) &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, common, -1, -1, 0) == 1 &&
           X509_set_issuer_name(certificate, subject) == 1 &&
           add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(certificate, NID_ext_key_usage, "serverAuth,clientAuth") &&
           (list.len <= 1 || add_extension(certificate, NID_subject_alt_name, list.ptr));
}

static X509 *make_certificate(EVP_PKEY *key, struct str names)
{
    X509 *certificate = X509_new();

    if (certificate && X509_set_pubkey(certificate, key) == 1 && describe(certificate, names) &&
        X509_sign(certificate, key, EVP_sha256()) > 0)
        return certificate;
    X509_free(certificate);
    return NULL;
}

static enum err write_file(int fd, const EVP_PKEY *key, const X509 *certificate)
{
    FILE *file = fdopen(fd, "w");
    bool is_written;

    if (!file) {
        close(fd);
        return ERR_IO;
    }
    is_written = PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1 &&
                 PEM_write_X509(file, certificate) == 1;
    is_written = fclose(file) == 0 && is_written;
    return is_written ? ERR_NONE : ERR_IO;
}

/* Only whole files get the name: whoever finds it may use it. */
static enum err save(const char *path, const EVP_PKEY *key, const X509 *certificate)
{
    char temporary[4096];
    enum err err;
    int fd;

    if (snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary)
        return ERR_LIMIT;
    unlink(temporary);
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return errno == EACCES ? ERR_DENIED : ERR_IO;
    err = write_file(fd, key, certificate);
    if (!err && link(temporary, path) != 0)
        err = errno == EEXIST ? ERR_EXISTS : ERR_IO;
    unlink(temporary);
    return err;
}

enum err tls_make_self_signed(const char *path, struct str names)
{
    EVP_PKEY *key;
    X509 *certificate;
    enum err err = ERR_NOMEM;

    if (access(path, F_OK) == 0)
        return ERR_EXISTS;
    key = EVP_EC_gen("P-256");
    certificate = key ? make_certificate(key, names) : NULL;
    if (certificate)
        err = save(path, key, certificate);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return err;
}
