/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls.h"

#include "host/host.h"
#include "host/tls.h"

enum {
    PROFILES_MEMORY = 4 << 20, /* while they are read */
    WHY_MAX = 1024,
};

static bool listens(const struct server *server)
{
    for (unsigned i = 0; i < server->listener_count; i++)
        if (server->listeners[i].transport == TRANSPORT_TLS)
            return true;
    return false;
}

void server_set_tls_source(struct server *server, struct module *module, tls_source_fn *source)
{
    server->tls_source = (struct tls_source){ module, source };
}

static enum err list_profiles(struct server *server, struct arena *arena,
                              const struct tls_profile **out, unsigned *count, struct writer *why)
{
    const struct tls_source *source = &server->tls_source;

    if (source->find)
        return source->find(source->module, arena, out, count, why);
    return tls_settings_list(&server->settings.tls, arena, out, count);
}

static enum err load(struct server *server, struct writer *why)
{
    const struct tls_profile *profiles;
    struct arena arena;
    unsigned count;
    enum err err;

    arena_init(&arena, NULL, PROFILES_MEMORY);
    err = list_profiles(server, &arena, &profiles, &count, why);
    if (!err)
        err = tls_load(server->tls, profiles, count, why);
    arena_fini(&arena);
    return err;
}

enum err server_tls_reload(struct server *server, struct writer *why)
{
    if (!server->tls) {
        write_str(why, STR("the server runs without TLS; listen=tls:address or enable_tls=yes"));
        return ERR_NOT_NOW;
    }
    return load(server, why);
}

/* OpenSER's defaults are strict: who forgets them wonders why no phone gets in. */
static void warn_of_strictness(const struct server *server)
{
    const struct tls_profile *profile = &server->settings.tls.server;

    if (!server->tls_source.find && profile->certificate.len && profile->requires_peer)
        log_notice("TLS clients must show a certificate, as OpenSER wants it by default; "
                   "tls_require_client_certificate=0 lets others in");
}

static enum err read_certificates(struct server *server)
{
    char text[WHY_MAX];
    struct writer why = writer_over(text, sizeof text);
    enum err err = load(server, &why);
    struct str reason = writer_text(&why);

    if (err) {
        log_error("TLS: " STR_FMT, STR_ARG(reason));
        return err;
    }
    if (listens(server) && !tls_can_serve(server->tls)) {
        log_error("TLS is asked for (listen=tls:… or enable_tls), but there is no certificate: "
                  "set tls_certificate and tls_private_key, or load the module tls and give it "
                  "\"certificate\" and \"private_key\" (PEM files), or \"self_signed\" for one "
                  "that is made at the first start; disable_tls=yes does without TLS");
        return ERR_NOT_FOUND;
    }
    warn_of_strictness(server);
    return ERR_NONE;
}

enum err server_tls_open(struct server *server)
{
    enum err err;

    if (!listens(server) && !server->tls_source.find && !server->settings.tls.is_used)
        return ERR_NONE;
    if (server->tls_source.find && server->settings.tls.is_used)
        log_warning("tls_certificate and the like have no effect: the module tls is loaded and "
                    "has parameters of its own");
    if ((err = tls_create(&server->tls)))
        return err;
    return read_certificates(server);
}

void server_tls_close(struct server *server)
{
    tls_destroy(server->tls);
    server->tls = NULL;
}

/* ---- for scripts ---- */

enum err run_tls_fact(const struct run *run, const struct tls_question *question,
                      struct writer *out)
{
    struct outside *outside = run->worker->outside;

    if (!outside->tls_fact || !transport_traits(run->source.transport)->is_secure)
        return ERR_NOT_FOUND;
    return outside->tls_fact(outside, &run->source, question, out);
}
