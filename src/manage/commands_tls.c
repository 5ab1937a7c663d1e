/* SPDX-License-Identifier: Apache-2.0 */
#include "manage/commands_tls.h"

#include <stdlib.h>

#include <openssl/ssl.h>

#include "net/tls.h"

enum {
    TEXT_MAX = 1024,
};

enum err tls_run_reload(struct module *module, struct command *command)
{
    char text[TEXT_MAX];
    struct writer why = writer_over(text, sizeof text);
    enum err err = server_tls_reload(command->context->server, &why);
    struct str reason = writer_text(&why);

    (void)module;
    if (err) {
        log_warning("TLS: certificates stay as they are: " STR_FMT, STR_ARG(reason));
        return command_fail(command, err, "nothing has changed: " STR_FMT, STR_ARG(reason));
    }
    log_notice("TLS: certificates read again");
    command_text(command, "state", STR("certificates read again"));
    return ERR_NONE;
}

/* ---- connections ---- */

struct listing {
    struct flow *flows;
    unsigned count, room;
};

/* With the lock of all connections held: only copies. */
static void note_flow(void *context, const struct flow *flow, msec age, bool is_dialled)
{
    struct listing *listing = context;
    struct flow *flows;

    (void)age;
    (void)is_dialled;
    if (!transport_traits(flow->transport)->is_secure)
        return;
    if (listing->count == listing->room) {
        listing->room = listing->room ? 2 * listing->room : 64;
        flows = realloc(listing->flows, listing->room * sizeof *flows);
        if (!flows) {
            listing->room = listing->count;
            return;
        }
        listing->flows = flows;
    }
    listing->flows[listing->count++] = *flow;
}

static void put_fact(struct command *command, const struct tls_peer *peer, const char *name,
                     struct tls_question question)
{
    char text[TEXT_MAX];
    struct writer w = writer_over(text, sizeof text);

    if (!tls_peer_write(peer, &question, &w))
        command_text(command, name, writer_text(&w));
}

static void put_connection(struct command *command, const struct flow *flow)
{
    struct tls_peer *peer = shared_take_peer(command->context->net, flow);
    char text[FLOW_TEXT_MAX];

    command_open_object(command, "");
    command_text(command, "peer", str_of(flow_text(flow, text)));
    command_number(command, "id", (int64_t)flow->connection);
    if (peer) {
        put_fact(command, peer, "version", (struct tls_question){ .fact = TLS_FACT_VERSION });
        put_fact(command, peer, "cipher", (struct tls_question){ .fact = TLS_FACT_CIPHER });
        put_fact(command, peer, "name", (struct tls_question){ .fact = TLS_FACT_SERVER_NAME });
        put_fact(command, peer, "verified", (struct tls_question){ .fact = TLS_FACT_VERIFIED });
        put_fact(command, peer, "certificate", (struct tls_question){ .fact = TLS_FACT_SUBJECT });
    } else {
        command_text(command, "state", STR("in its handshake"));
    }
    command_close(command);
    tls_peer_unref(peer);
}

enum err tls_run_list(struct module *module, struct command *command)
{
    struct listing listing = { 0 };

    (void)module;
    command_open_list(command, "connections");
    if (command->context->net)
        net_each_connection(command->context->net, note_flow, &listing);
    for (unsigned i = 0; i < listing.count; i++)
        put_connection(command, &listing.flows[i]);
    free(listing.flows);
    command_close(command);
    return ERR_NONE;
}

/* ---- profiles ---- */

static void put_certificate(struct command *command, const struct tls_row *row)
{
    const X509 *certificate = SSL_CTX_get0_certificate(row->context);
    char *subject;
    BIO *bio;
    char *bytes;
    long len;

    if (!certificate)
        return;
    subject = X509_NAME_oneline(X509_get_subject_name(certificate), NULL, 0);
    command_text(command, "certificate", row->profile.certificate);
    command_text(command, "subject", str_of(subject ? subject : ""));
    OPENSSL_free(subject);
    bio = BIO_new(BIO_s_mem());
    if (!bio)
        return;
    ASN1_TIME_print(bio, X509_get0_notAfter(certificate));
    len = BIO_get_mem_data(bio, &bytes);
    command_text(command, "good_until", (struct str){ bytes, len > 0 ? (size_t)len : 0 });
    BIO_free(bio);
}

static struct str verification(const struct tls_profile *profile)
{
    if (profile->only_asks)
        return STR("peers are asked for a certificate, any will do");
    if (!profile->verifies_peer)
        return STR("none");
    return profile->requires_peer || profile->is_client ? STR("a good certificate is needed")
                                                        : STR("a certificate must be good");
}

static void put_row(void *context, const struct tls_row *row)
{
    struct command *command = context;
    const struct tls_profile *profile = &row->profile;
    char address[ADDR_TEXT_MAX];

    command_open_object(command, "");
    command_text(command, "from", profile->where);
    command_text(command, "side", profile->is_client ? STR("client") : STR("server"));
    if (profile->addr.family != ADDR_NONE)
        command_text(command, "address", str_of(addr_text(&profile->addr, address)));
    if (profile->name.len)
        command_text(command, "name", profile->name);
    put_certificate(command, row);
    command_text(command, "verification", verification(profile));
    command_close(command);
}

enum err tls_run_info(struct module *module, struct command *command)
{
    struct tls *tls = command->context->server->tls;

    (void)module;
    command_text(command, "library", str_of(OpenSSL_version(OPENSSL_VERSION)));
    command_open_list(command, "profiles");
    if (tls)
        tls_each_row(tls, put_row, command);
    command_close(command);
    return ERR_NONE;
}
