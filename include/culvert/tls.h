/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * TLS (RFC 3261 §26.3, RFC 5922): which certificates we show and whom we believe, and what a script
 * may ask about the connection that a message came on.
 */
#include <culvert/addr.h>
#include <culvert/arena.h>

struct module;
struct run;
struct server;

enum tls_version {
    TLS_VERSION_ANY, /* 1.2 or newer: nothing older is ever spoken */
    TLS_VERSION_1_2,
    TLS_VERSION_1_3,
};

/* "TLSv1.2+", "TLSv1.3", "SSLv23", "any"…: what is older than 1.2 means 1.2 or newer. ERR_SYNTAX.
 */
MUST_USE enum err tls_method_parse(struct str text, enum tls_version *min, enum tls_version *max);

/* What of the name that a client asked for has to be in `name` (Kamailio's server_name_mode). */
enum tls_name_match {
    TLS_NAME_EXACT,
    TLS_NAME_AND_BELOW, /* the domain and its subdomains */
    TLS_NAME_BELOW,     /* its subdomains alone */
};

/*
 * How to be a TLS server on one of our addresses, or for one of our names; or how to be a client of
 * a peer. Texts are borrowed for the call that takes it.
 */
struct tls_profile {
    struct str where; /* it was written: for messages */
    bool is_client;
    struct addr addr; /* our address, or the peer's; family ADDR_NONE: any; port 0: any */
    struct str name;  /* the name asked for (SNI), or the domain dialled; empty: any */
    enum tls_name_match name_match;
    struct str id;

    struct str certificate; /* PEM files; a chain starts with our own */
    struct str private_key; /* empty: in the file of the certificate */
    struct str ca_list;     /* whom we believe; a client without one believes the system's */
    struct str ca_path;
    struct str crl;
    struct str ciphers; /* of TLS 1.2, in OpenSSL's notation; empty: its own choice */
    enum tls_version min_version, max_version;
    unsigned verify_depth;
    bool verifies_peer; /* a certificate that is not good ends the connection */
    bool requires_peer; /* of a server: a client without one, too */
    bool only_asks;     /* of a server: any certificate will do; the script judges it */
};

/*
 * Sets what a word of Kamailio's TLS configuration means ("certificate", "verify_depth"); the value
 * is borrowed. ERR_NOT_FOUND: no such word; ERR_SYNTAX: not such a value; `why` tells.
 */
MUST_USE enum err tls_profile_set(struct tls_profile *profile, struct str key, struct str value,
                                  struct writer *why);

/*
 * Reads Kamailio's TLS configuration, `text` of the file `name`; `server` and `client` are what its
 * default sections begin as. The texts of the profiles lie in `text` and in the arena.
 */
MUST_USE enum err tls_config_parse(const char *name, struct str text,
                                   const struct tls_profile *server,
                                   const struct tls_profile *client, struct arena *arena,
                                   const struct tls_profile **out, unsigned *count,
                                   struct writer *why);

/*
 * Where profiles come from: called at the start and at each reload, on the thread that reloads.
 * Allocates in `arena`, which lives as long as the call. On failure `why` says what to do.
 */
typedef enum err tls_source_fn(struct module *module, struct arena *arena,
                               const struct tls_profile **out, unsigned *count, struct writer *why);
/* From start() only. Takes the place of the settings tls_certificate and so on. */
void server_set_tls_source(struct server *server, struct module *module, tls_source_fn *source);

/*
 * Makes a key and a certificate that it has signed itself, for these names (comma-separated host
 * names and addresses) and ten years, in one new file that only its owner may read. ERR_EXISTS: the
 * file is there already.
 */
MUST_USE enum err tls_make_self_signed(const char *path, struct str names);

/* ---- what a script may ask ---- */

enum tls_side {
    TLS_PEER,
    TLS_OWN,
};

enum tls_fact {
    TLS_FACT_VERSION,     /* "TLSv1.3" */
    TLS_FACT_DESCRIPTION, /* of the cipher, with all of its parts */
    TLS_FACT_CIPHER,
    TLS_FACT_CIPHER_BITS,
    TLS_FACT_SERVER_NAME, /* that the client asked for */
    TLS_FACT_VERIFIED,    /* 1: the peer showed a certificate and it is good */
    TLS_FACT_REVOKED,
    TLS_FACT_EXPIRED,
    TLS_FACT_SELF_SIGNED,
    /* of the certificate of a side */
    TLS_FACT_CERT_VERSION,
    TLS_FACT_SERIAL,
    TLS_FACT_SUBJECT, /* with `part` empty the whole name, else that attribute: "CN" */
    TLS_FACT_ISSUER,
    TLS_FACT_SAN_EMAIL,
    TLS_FACT_SAN_HOST,
    TLS_FACT_SAN_URI,
    TLS_FACT_SAN_IP,
    TLS_FACT_NOT_BEFORE,
    TLS_FACT_NOT_AFTER,
    TLS_FACT_PEM,
};

struct tls_question {
    enum tls_fact fact;
    enum tls_side side;
    const char *part;
};

/* About the connection that run->source names. ERR_NOT_FOUND: not TLS, gone, or no such thing. */
MUST_USE enum err run_tls_fact(const struct run *run, const struct tls_question *question,
                               struct writer *out);
