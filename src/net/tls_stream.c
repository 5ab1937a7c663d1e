/* SPDX-License-Identifier: Apache-2.0 */
/* TLS between a connection and its socket. Messages are framed and queued as on TCP. */
#include "net/tls_stream.h"

#include <errno.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <culvert/log.h>

#include "net/connection.h"
#include "net/tcp.h"
#include "net/tls.h"

enum {
    RECORD_MAX = 16384, /* bytes of a record (RFC 8446 §5.1) */
};

struct tls_session {
    SSL *ssl;
    struct tls_generation *generation;
    const struct tls_row *row;     /* of a client */
    char domain[TLS_NAME_MAX + 1]; /* that the peer must be; empty: an address will do */
    bool wants_writable;
    bool is_broken; /* nothing more may be written, not even a farewell */
};

static const struct addr *bound_of(const struct connection *connection)
{
    return &connection->net->listeners[connection->entry.flow.socket].bound;
}

/* ---- failures ---- */

static const char *reason_of(const struct tls_session *session)
{
    long verdict = session ? SSL_get_verify_result(session->ssl) : X509_V_OK;
    unsigned long error = ERR_peek_error();

    if (verdict != X509_V_OK)
        return X509_verify_cert_error_string(verdict);
    return error ? ERR_reason_error_string(error) : "the connection was closed";
}

/* What somebody dials is worth a line; anybody can provoke the other kind. */
static void tell_failure(const struct connection *connection, const char *reason)
{
    const struct tls_session *session = connection->tls;
    const struct flow *flow = &connection->entry.flow;
    char text[FLOW_TEXT_MAX];

    if (!connection->entry.is_dialled)
        log_debug("%s: no TLS: %s", flow_text(flow, text), reason);
    else if (net_may_complain(connection->net))
        log_warning("%s is no TLS peer for us%s%s: %s; if its certificate is to be believed, put "
                    "its CA into ca_list of the client profile (more in the next minute are not "
                    "logged)",
                    flow_text(flow, text), session && session->domain[0] ? " as " : "",
                    session ? session->domain : "", reason ? reason : "unknown failure");
}

static enum err break_session(struct connection *connection)
{
    connection->tls->is_broken = true;
    tell_failure(connection, reason_of(connection->tls));
    ERR_clear_error();
    return ERR_IO;
}

/* ---- the beginning ---- */

static void use_socket(struct connection *connection, const struct tls *tls)
{
    BIO *bio = BIO_new(tls_socket_bio(tls));

    if (!bio)
        return;
    BIO_set_data(bio, (void *)(intptr_t)connection->fd);
    BIO_set_init(bio, 1);
    SSL_set_bio(connection->tls->ssl, bio, bio);
}

/* A peer that was dialled by its address may have a name in its profile. */
static void take_name(struct tls_session *session, struct str name)
{
    if (name.len > TLS_NAME_MAX)
        name.len = 0;
    memcpy(session->domain, name.ptr, name.len);
    session->domain[name.len] = '\0';
}

/* Whom we dial, and what it must show. */
static const struct tls_row *choose_client(struct connection *connection, struct tls *tls)
{
    struct tls_session *session = connection->tls;
    const struct flow *flow = &connection->entry.flow;

    if (flow->identity && !tls_identity_name(tls, flow->identity, session->domain))
        return NULL;
    session->row = tls_find_client(session->generation, &flow->peer, str_of(session->domain));
    if (session->row && !session->domain[0])
        take_name(session, session->row->profile.name);
    return session->row;
}

static const struct tls_row *choose_row(struct connection *connection, struct tls *tls)
{
    if (connection->entry.is_dialled)
        return choose_client(connection, tls);
    return tls_find_server(connection->tls->generation, bound_of(connection), STR(""));
}

static bool make_ssl(struct connection *connection, struct tls *tls)
{
    struct tls_session *session = connection->tls;
    const struct tls_row *row;

    session->generation = tls_generation_take(tls);
    row = choose_row(connection, tls);
    session->ssl = row ? SSL_new(row->context) : NULL;
    if (!session->ssl)
        return false;
    use_socket(connection, tls);
    SSL_set_app_data(session->ssl, connection);
    if (!connection->entry.is_dialled) {
        SSL_set_accept_state(session->ssl);
        return true;
    }
    SSL_set_connect_state(session->ssl);
    return !session->domain[0] || SSL_set_tlsext_host_name(session->ssl, session->domain) == 1;
}

static void free_session(struct tls_session *session)
{
    SSL_free(session->ssl);
    tls_generation_release(session->generation);
    free(session);
}

/* Only when the first byte has come: who only connects costs nothing. */
static enum err begin(struct connection *connection)
{
    struct tls *tls = shared_tls(connection->net->shared);

    connection->tls = tls ? calloc(1, sizeof *connection->tls) : NULL;
    if (!connection->tls)
        return ERR_NOMEM;
    if (make_ssl(connection, tls))
        return ERR_NONE;
    tell_failure(connection, "there is no certificate, or its name is forgotten");
    free_session(connection->tls);
    connection->tls = NULL;
    return ERR_IO;
}

int tls_on_server_name(SSL *ssl, int *alert, void *context)
{
    const struct connection *connection = SSL_get_app_data(ssl);
    struct str name = str_of(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
    const struct tls_row *row =
        tls_find_server(connection->tls->generation, bound_of(connection), name);

    (void)alert;
    (void)context;
    if (!row || row->context == SSL_get_SSL_CTX(ssl))
        return SSL_TLSEXT_ERR_OK;
    SSL_set_SSL_CTX(ssl, row->context);
    SSL_set_verify(ssl, SSL_CTX_get_verify_mode(row->context),
                   SSL_CTX_get_verify_callback(row->context));
    SSL_set_verify_depth(ssl, SSL_CTX_get_verify_depth(row->context));
    return SSL_TLSEXT_ERR_OK;
}

/* ---- the handshake ---- */

/* The chain was judged in the handshake; this asks whose it is (RFC 5922 §7.3). */
static bool is_whom_we_dialled(const struct connection *connection)
{
    const struct tls_session *session = connection->tls;
    X509 *certificate;

    if (!connection->entry.is_dialled || !session->row->profile.verifies_peer)
        return true;
    certificate = SSL_get0_peer_certificate(session->ssl);
    if (!certificate)
        return false;
    return session->domain[0] ? tls_names_domain(certificate, str_of(session->domain))
                              : tls_names_addr(certificate, &connection->entry.flow.peer);
}

static enum err finish(struct connection *connection)
{
    struct tls_session *session = connection->tls;
    struct tls_peer *peer;
    enum err err;

    session->wants_writable = false;
    if (!is_whom_we_dialled(connection)) {
        tell_failure(connection, "its certificate is of somebody else");
        return ERR_IO;
    }
    if ((err = tls_peer_create(session->ssl, &peer)))
        return err;
    shared_set_peer(connection->net->shared, &connection->entry, peer);
    return ERR_NONE;
}

static enum err tls_shake(struct connection *connection)
{
    enum err err = connection->tls ? ERR_NONE : begin(connection);
    int result;

    if (err)
        return err;
    ERR_clear_error();
    result = SSL_do_handshake(connection->tls->ssl);
    if (result == 1)
        return finish(connection);
    switch (SSL_get_error(connection->tls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        connection->tls->wants_writable = false;
        return ERR_NOT_NOW;
    case SSL_ERROR_WANT_WRITE:
        connection->tls->wants_writable = true;
        return ERR_NOT_NOW;
    default:
        return break_session(connection);
    }
}

/* ---- bytes ---- */

/* What SSL_read or SSL_write answered, in the manner of recv and sendmsg. */
static ssize_t judge(struct connection *connection, int result)
{
    struct tls_session *session = connection->tls;

    session->wants_writable = false;
    switch (SSL_get_error(session->ssl, result)) {
    case SSL_ERROR_NONE:
        return result;
    case SSL_ERROR_WANT_WRITE:
        session->wants_writable = true;
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_WANT_READ:
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        break_session(connection);
        errno = EPROTO;
        return -1;
    }
}

static ssize_t tls_read(struct connection *connection, char *bytes, size_t size)
{
    ERR_clear_error();
    return judge(connection, SSL_read(connection->tls->ssl, bytes, (int)size));
}

/* The front of what waits, in one stretch: a record is made of it. */
static struct str gather(struct net *net, const struct iovec *pieces, int count)
{
    size_t len = 0;

    if (count == 1 || pieces[0].iov_len >= RECORD_MAX)
        return (struct str){ pieces[0].iov_base,
                             pieces[0].iov_len > RECORD_MAX ? RECORD_MAX : pieces[0].iov_len };
    for (int i = 0; i < count && len < RECORD_MAX; i++) {
        size_t part = pieces[i].iov_len > RECORD_MAX - len ? RECORD_MAX - len : pieces[i].iov_len;

        memcpy(net->record + len, pieces[i].iov_base, part);
        len += part;
    }
    return (struct str){ net->record, len };
}

/* One record; what a full socket did not take comes again, with at least these bytes in front. */
static ssize_t tls_write(struct connection *connection, const struct iovec *pieces, int count)
{
    struct str bytes = gather(connection->net, pieces, count);

    ERR_clear_error();
    return judge(connection, SSL_write(connection->tls->ssl, bytes.ptr, (int)bytes.len));
}

static bool tls_has_more(const struct connection *connection)
{
    return SSL_pending(connection->tls->ssl) > 0;
}

/* Who dials speaks first: until it has, nothing will come to be read. */
static bool tls_wants_writable(const struct connection *connection)
{
    return connection->tls ? connection->tls->wants_writable : connection->entry.is_dialled;
}

static void tls_end(struct connection *connection)
{
    struct tls_session *session = connection->tls;

    if (!session)
        return;
    ERR_clear_error();
    if (!session->is_broken && !SSL_in_init(session->ssl))
        SSL_shutdown(session->ssl);
    ERR_clear_error();
    free_session(session);
    connection->tls = NULL;
}

static const struct stream_functions tls_stream = {
    .read = tls_read,
    .write = tls_write,
    .frame = sip_stream_frame,
    .shake = tls_shake,
    .has_more = tls_has_more,
    .wants_writable = tls_wants_writable,
    .end = tls_end,
};

const struct transport_functions tls_functions = {
    .socket_type = SOCK_STREAM,
    .on_readable = stream_accept,
    .send = stream_send,
    .stream = &tls_stream,
};
