/* SPDX-License-Identifier: Apache-2.0 */
/* TLS profiles from parameters and from Kamailio's configuration file. TLS itself is in the core.
 */
#include <culvert/tls.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <culvert/server.h>

#include "facts.h"

enum {
    CONFIG_MAX = 1 << 20, /* bytes of the file */
    UNSET = -1,
};

struct tls_module {
    struct str config;
    struct str method, certificate, private_key, ca_list, ca_path, crl, cipher_list;
    struct str verify_client, self_signed;
    int64_t verify_certificate, require_certificate, verify_depth;
};

/* ---- profiles of the parameters ---- */

static enum err set(struct tls_profile *profile, const char *key, struct str value,
                    struct writer *why)
{
    enum err err = value.len ? tls_profile_set(profile, str_of(key), value, why) : ERR_NONE;

    if (err)
        write_str(why, STR(" (a parameter of the module tls)"));
    return err;
}

static enum err fill(const struct tls_module *tls, struct tls_profile *profile, struct writer *why)
{
    profile->certificate = tls->certificate;
    profile->private_key = tls->private_key;
    profile->ca_list = tls->ca_list;
    profile->ca_path = tls->ca_path;
    profile->crl = tls->crl;
    profile->ciphers = tls->cipher_list;
    profile->verify_depth = (unsigned)tls->verify_depth;
    if (tls->verify_certificate != UNSET)
        profile->verifies_peer = tls->verify_certificate != 0;
    return set(profile, "method", tls->method, why);
}

static enum err make_server(const struct tls_module *tls, struct tls_profile *profile,
                            struct writer *why)
{
    *profile = (struct tls_profile){ .where = STR("the parameters of tls") };
    if (fill(tls, profile, why))
        return ERR_SYNTAX;
    profile->requires_peer = tls->require_certificate > 0;
    return set(profile, "verify_client", tls->verify_client, why);
}

/* Unless told otherwise we believe nobody whose certificate is not good. */
static enum err make_client(const struct tls_module *tls, struct tls_profile *profile,
                            struct writer *why)
{
    *profile = (struct tls_profile){ .where = STR("the parameters of tls, for clients"),
                                     .is_client = true,
                                     .verifies_peer = true };
    return fill(tls, profile, why);
}

/* ---- a certificate to begin with ---- */

/* The names that phones may use for us, as far as listen addresses tell them. */
static void list_names(const struct module *module, struct writer *w)
{
    unsigned count;
    const struct listener *listeners = server_listeners(module_server(module), &count);

    for (unsigned i = 0; i < count; i++) {
        if (listeners[i].transport != TRANSPORT_TLS)
            continue;
        addr_write_ip(w, &listeners[i].bound, false);
        write_char(w, ',');
        if (listeners[i].advertised_host.len) {
            write_str(w, listeners[i].advertised_host);
            write_char(w, ',');
        }
    }
}

static enum err make_self_signed(const struct module *module, struct str path, struct writer *why)
{
    char names[2048], name[PATH_MAX];
    struct writer w = writer_over(names, sizeof names);
    enum err err;

    list_names(module, &w);
    snprintf(name, sizeof name, STR_FMT, STR_ARG(path));
    err = tls_make_self_signed(name, writer_text(&w));
    if (!err)
        log_notice("TLS: made a key and a certificate that nobody vouches for, in %s; README says "
                   "how to use your own",
                   name);
    if (err && err != ERR_EXISTS)
        write_fmt(why, "\"self_signed\": cannot write %s in the working directory: %s", name,
                  err_name(err));
    return err == ERR_EXISTS ? ERR_NONE : err;
}

static enum err use_self_signed(const struct module *module, struct tls_profile *server,
                                struct writer *why)
{
    const struct tls_module *tls = module_state(module);

    if (server->certificate.len || !tls->self_signed.len)
        return ERR_NONE;
    server->certificate = tls->self_signed;
    return make_self_signed(module, tls->self_signed, why);
}

/* ---- the file ---- */

static enum err read_from(int fd, struct arena *arena, struct str *out)
{
    char *bytes = arena_alloc(arena, CONFIG_MAX);
    size_t len = 0;
    ssize_t got = bytes ? 1 : -1;

    while (got > 0 && len < CONFIG_MAX) {
        got = read(fd, bytes + len, CONFIG_MAX - len);
        if (got > 0)
            len += (size_t)got;
    }
    *out = (struct str){ bytes, len };
    return got == 0 ? ERR_NONE : ERR_IO;
}

static enum err read_config(const char *name, struct arena *arena, struct str *out,
                            struct writer *why)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    enum err err = fd < 0 ? ERR_IO : read_from(fd, arena, out);

    if (err)
        write_fmt(why, "cannot read %s: %s", name,
                  fd < 0 ? strerror(errno) : "it is larger than a megabyte, or no file");
    if (fd >= 0)
        close(fd);
    return err;
}

static enum err list_parameters(struct arena *arena, const struct tls_profile *server,
                                const struct tls_profile *client, const struct tls_profile **out,
                                unsigned *count)
{
    struct tls_profile *list = arena_alloc(arena, 2 * sizeof *list);

    if (!list)
        return ERR_NOMEM;
    list[0] = *client;
    list[1] = *server;
    *out = list;
    *count = server->certificate.len ? 2 : 1;
    return ERR_NONE;
}

static enum err list_profiles(struct module *module, struct arena *arena,
                              const struct tls_profile **out, unsigned *count, struct writer *why)
{
    const struct tls_module *tls = module_state(module);
    struct tls_profile server, client;
    char name[PATH_MAX];
    struct str text;
    enum err err;

    if ((err = make_server(tls, &server, why)) || (err = make_client(tls, &client, why)) ||
        (err = use_self_signed(module, &server, why)))
        return err;
    if (!tls->config.len)
        return list_parameters(arena, &server, &client, out, count);
    snprintf(name, sizeof name, STR_FMT, STR_ARG(tls->config));
    if ((err = read_config(name, arena, &text, why)))
        return err;
    return tls_config_parse(name, text, &server, &client, arena, out, count, why);
}

/* ---- the module ---- */

#define TEXT(name_, field, doc_)                                                                   \
    {                                                                                              \
        .name = name_, .type = PARAM_STR, .offset = offsetof(struct tls_module, field),            \
        .initial_text = "", .doc = doc_                                                            \
    }
#define NUMBER(name_, field, initial_, max_, doc_)                                                 \
    {                                                                                              \
        .name = name_, .type = PARAM_INT, .offset = offsetof(struct tls_module, field), .min = -1, \
        .max = max_, .initial = initial_, .doc = doc_                                              \
    }
#define IGNORED(name_, doc_)                                                                       \
    {                                                                                              \
        .name = name_, .type = PARAM_IGNORED, .doc = doc_                                          \
    }

#define OWN_BUFFERS "buffers are given back when they are empty, queues are those of TCP"
#define NO_ENGINE "keys are read from PEM files"
#define NO_CACHE "sessions are resumed by tickets, where no client has to prove itself"

static const struct mod_param params[] = {
    TEXT("config", config, "File of profiles, in Kamailio's format."),
    TEXT("tls_method", method, "TLSv1.2, TLSv1.2+, TLSv1.3: nothing older is spoken."),
    TEXT("certificate", certificate, "PEM file of our certificate, with the chain behind it."),
    TEXT("private_key", private_key, "PEM file of its key; empty: in the same file."),
    TEXT("ca_list", ca_list, "PEM file of the CAs that we believe; empty: the system's."),
    TEXT("ca_path", ca_path, "Folder of such CAs."),
    TEXT("crl", crl, "PEM file of revocations."),
    TEXT("cipher_list", cipher_list, "Ciphers of TLS 1.2, as OpenSSL writes them."),
    IGNORED("server_name", "the default profile is for every name; others are in the config file"),
    TEXT("verify_client", verify_client, "off, on, optional, optional_no_ca."),
    TEXT("self_signed", self_signed,
         "Without a certificate: this file, which is made when it is not there."),
    NUMBER("verify_certificate", verify_certificate, UNSET, 1,
           "Peers' certificates must be good; unset: those of the servers that we dial."),
    NUMBER("require_certificate", require_certificate, UNSET, 1, "Clients must show one."),
    NUMBER("verify_depth", verify_depth, 9, 100, "Longest chain of CAs."),
    IGNORED("connection_timeout", "tcp_connection_lifetime holds for TLS too"),
    IGNORED("handshake_timeout", "set tls_handshake_timeout"),
    IGNORED("send_timeout", "tcp_send_timeout holds for TLS too"),
    IGNORED("engine", NO_ENGINE),
    IGNORED("engine_config", NO_ENGINE),
    IGNORED("engine_algorithms", NO_ENGINE),
    IGNORED("provider_quirks", NO_ENGINE),
    IGNORED("rand_engine", "the random bytes are the kernel's"),
    IGNORED("tls_log", "log lines have one format; debug shows more"),
    IGNORED("tls_debug", "log lines have one format; debug shows more"),
    IGNORED("session_cache", NO_CACHE),
    IGNORED("session_id", NO_CACHE),
    IGNORED("tls_disable_compression", "nothing is compressed"),
    IGNORED("ssl_release_buffers", OWN_BUFFERS),
    IGNORED("ssl_freelist_max_len", OWN_BUFFERS),
    IGNORED("ssl_max_send_fragment", OWN_BUFFERS),
    IGNORED("ssl_read_ahead", OWN_BUFFERS),
    IGNORED("con_ct_wq_max", OWN_BUFFERS),
    IGNORED("ct_wq_max", OWN_BUFFERS),
    IGNORED("ct_wq_blk_size", OWN_BUFFERS),
    IGNORED("low_mem_threshold1", OWN_BUFFERS),
    IGNORED("low_mem_threshold2", OWN_BUFFERS),
    IGNORED("send_close_notify", "it is always sent"),
    IGNORED("tls_force_run", "the library is the one that was built with"),
    IGNORED("init_mode", "one process needs none"),
    IGNORED("renegotiation", "there is none"),
    IGNORED("xavp_cfg", "the profile is that of the peer's domain or address"),
    IGNORED("event_callback", "routing is defined by this script"),
    { 0 },
};

static enum err start(struct module *module)
{
    server_set_tls_source(module_server(module), module, list_profiles);
    return ERR_NONE;
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "tls",
    .summary = "Says which certificates TLS shows and believes, and what a script may know of it.",
    .state_size = sizeof(struct tls_module),
    .functions = tls_functions,
    .variables = tls_variables,
    .params = params,
    .start = start,
};
