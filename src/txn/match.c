/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which transaction a message belongs to (RFC 3261 §17.1.3, §17.2.3). A request is found by a hash
 * over all that must be equal: branch, sent-by, Call-ID, From tag, CSeq number and method, plus the
 * Request-URI when the client knows no magic cookie. What an ACK or CANCEL may have different
 * (sent-by changed by a NAT, the branch of an ACK to 2xx) is found through `calls`, by Call-ID,
 * From tag and CSeq; since others choose those, at most CALL_MAX transactions are entered there
 * under one key.
 */
#include "txn/layer.h"

enum {
    CALL_MAX = 16,
};

/* ACK belongs to the INVITE that it ends. */
static enum sip_method owner_of(enum sip_method method)
{
    return method == SIP_ACK ? SIP_INVITE : method;
}

/* The number that goes with the texts of a request. */
static uint64_t number_of(const struct sip_msg *msg, enum sip_method method, uint16_t port)
{
    return (uint64_t)msg->cseq << 32 | (uint64_t)port << 16 | (uint64_t)owner_of(method);
}

uint64_t txn_request_hash(const struct txn_layer *layer, const struct sip_msg *request,
                          enum sip_method method)
{
    const struct sip_via *via = &request->via;
    struct str pieces[] = { via->branch, via->host, request->call_id, request->from_tag,
                            request->ruri };
    unsigned count = sizeof pieces / sizeof *pieces;

    if (via->is_rfc3261)
        count--;
    return txn_identity_hash(&layer->key, pieces, count, number_of(request, method, via->port));
}

static uint64_t call_hash(const struct txn_layer *layer, const struct sip_msg *request,
                          enum sip_method method)
{
    struct str pieces[] = { request->call_id, request->from_tag };

    return txn_identity_hash(&layer->key, pieces, sizeof pieces / sizeof *pieces,
                             number_of(request, method, 0));
}

uint64_t txn_branch_hash(const struct txn_layer *layer, struct str branch, enum sip_method method)
{
    return hash_str(&layer->key, branch) ^ (uint64_t)method * UINT64_C(0x9e3779b97f4a7c15);
}

/* Methods that we do not know share a number, so their names count. */
static bool is_method(const struct sip_msg *own, const struct sip_msg *request,
                      enum sip_method method)
{
    if (own->method != owner_of(method))
        return false;
    return method != SIP_UNKNOWN_METHOD || str_eq(own->method_name, request->method_name);
}

static bool is_same_call(const struct sip_msg *own, const struct sip_msg *request,
                         enum sip_method method)
{
    return own->cseq == request->cseq && is_method(own, request, method) &&
           str_eq(own->call_id, request->call_id) && str_eq(own->from_tag, request->from_tag);
}

static bool is_same_sender(const struct sip_msg *own, const struct sip_msg *request)
{
    return own->via.port == request->via.port && str_eq(own->via.host, request->via.host) &&
           str_eq(own->via.branch, request->via.branch);
}

/* The To tag of the last response that went out. */
static bool is_tag_of_reply(struct server_txn *txn, struct str tag)
{
    struct arena scratch;
    struct sip_msg *reply = txn_parse_own(&txn->txn, &scratch, txn_bytes_text(&txn->txn.bytes));
    bool is_equal = reply && str_eq(reply->to_tag, tag);

    arena_fini(&scratch);
    return is_equal;
}

/* What RFC 3261 §17.2.3 asks for when there is no magic cookie. */
static bool is_same_rfc2543(struct server_txn *txn, const struct sip_msg *request)
{
    if (!str_eq(txn->request->ruri, request->ruri))
        return false;
    if (request->method == SIP_ACK)
        return is_tag_of_reply(txn, request->to_tag);
    return str_eq(txn->request->to_tag, request->to_tag);
}

static bool is_owner(struct server_txn *txn, const struct sip_msg *request, enum sip_method method)
{
    return is_same_call(txn->request, request, method) && is_same_sender(txn->request, request) &&
           (request->via.is_rfc3261 || is_same_rfc2543(txn, request));
}

static struct server_txn *server_of_node(struct table_node *node)
{
    return CONTAINER_OF(CONTAINER_OF(node, struct txn, node), struct server_txn, txn);
}

struct server_txn *txn_find_server(const struct txn_layer *layer, const struct sip_msg *request,
                                   enum sip_method method, uint64_t hash)
{
    struct table_node *node = table_find_first(&layer->servers, hash);

    for (; node; node = table_find_next(node))
        if (is_owner(server_of_node(node), request, method))
            return server_of_node(node);
    return NULL;
}

struct client_txn *txn_find_client(const struct txn_layer *layer, struct str branch,
                                   enum sip_method method)
{
    struct table_node *node =
        table_find_first(&layer->clients, txn_branch_hash(layer, branch, method));

    for (; node; node = table_find_next(node)) {
        struct client_txn *txn =
            CONTAINER_OF(CONTAINER_OF(node, struct txn, node), struct client_txn, txn);

        if (txn->method == method && str_eq((struct str){ txn->branch, txn->branch_len }, branch))
            return txn;
    }
    return NULL;
}

/* ---- by call ---- */

void txn_track_call(struct server_txn *txn)
{
    struct txn_layer *layer = txn->txn.layer;
    uint64_t hash = call_hash(layer, txn->request, txn->request->method);
    struct table_node *node = table_find_first(&layer->calls, hash);
    unsigned count = 0;

    if (txn->request->method != SIP_INVITE && txn->request->to_tag.len)
        return;
    for (; node && count < CALL_MAX; node = table_find_next(node))
        count++;
    if (count < CALL_MAX)
        txn->is_in_calls = table_insert(&layer->calls, &txn->call, hash) == ERR_NONE;
}

typedef bool accepts_fn(struct server_txn *txn, const struct sip_msg *request);

static struct server_txn *find_in_calls(const struct txn_layer *layer,
                                        const struct sip_msg *request, enum sip_method method,
                                        accepts_fn *accepts)
{
    struct table_node *node = table_find_first(&layer->calls, call_hash(layer, request, method));

    for (; node; node = table_find_next(node)) {
        struct server_txn *txn = CONTAINER_OF(node, struct server_txn, call);

        if (is_same_call(txn->request, request, method) && accepts(txn, request))
            return txn;
    }
    return NULL;
}

/* Behind some NATs sent-by changes between an INVITE and its CANCEL or ACK. */
static bool has_same_branch(struct server_txn *txn, const struct sip_msg *request)
{
    return request->via.is_rfc3261 && str_eq(txn->request->via.branch, request->via.branch);
}

static bool has_accepted(struct server_txn *txn, const struct sip_msg *request)
{
    (void)request;
    return txn->txn.state == ACCEPTED;
}

static struct server_txn *find_invite(const struct txn_layer *layer, const struct sip_msg *request)
{
    uint64_t hash = txn_request_hash(layer, request, SIP_INVITE);
    struct server_txn *txn = txn_find_server(layer, request, SIP_INVITE, hash);

    return txn ? txn : find_in_calls(layer, request, SIP_INVITE, has_same_branch);
}

/* Usually an INVITE; a CANCEL of anything else has no effect, but it matches (RFC 3261 §9.2). */
static struct server_txn *find_cancelled(const struct txn_layer *layer,
                                         const struct sip_msg *request)
{
    struct server_txn *txn = find_invite(layer, request);

    for (int method = 0; !txn && method < SIP_METHODS; method++)
        if (method != SIP_CANCEL && method != SIP_ACK)
            txn = txn_find_server(layer, request, (enum sip_method)method,
                                  txn_request_hash(layer, request, (enum sip_method)method));
    return txn;
}

/* One of the Vias below the topmost names a client transaction of ours: it went through us before.
 */
static bool has_spiralled(const struct txn_layer *layer, const struct sip_msg *request)
{
    struct sip_values vias = sip_values_of(request, SIP_HDR_VIA);
    struct sip_via via;

    while (sip_values_next(&vias))
        if (sip_via_parse(vias.value, &via) == ERR_NONE &&
            txn_find_client(layer, via.branch, request->method))
            return true;
    return false;
}

/*
 * RFC 3261 §8.2.2.2. Other targets of the same fork upstream have other Request-URIs; and after a
 * failure a client may try again by another way.
 */
static bool is_merged(struct server_txn *txn, const struct sip_msg *request)
{
    return !txn->has_failed && !txn->request->to_tag.len &&
           str_eq(txn->request->ruri, request->ruri) && !is_same_sender(txn->request, request) &&
           !has_spiralled(txn->txn.layer, request);
}

/* ---- requests ---- */

static enum txn_match match_ack(struct txn_layer *layer, const struct sip_msg *ack,
                                struct server_txn **out)
{
    struct server_txn *txn = find_invite(layer, ack);

    if (txn && txn->txn.state != ACCEPTED) {
        txn_handle(&txn->txn, GOT_ACK, &(struct txn_input){ 0 });
        return TXN_ABSORBED;
    }
    if (!txn)
        txn = find_in_calls(layer, ack, SIP_INVITE, has_accepted);
    if (!txn)
        return TXN_NEW;
    *out = txn;
    return TXN_ACKS_2XX;
}

static enum txn_match match_new(struct txn_layer *layer, const struct sip_msg *request,
                                struct server_txn **out)
{
    struct server_txn *txn = NULL;

    if (request->method == SIP_CANCEL) {
        txn = find_cancelled(layer, request);
        if (txn)
            *out = txn;
        return txn ? TXN_CANCELS : TXN_NEW;
    }
    if (!request->to_tag.len)
        txn = find_in_calls(layer, request, request->method, is_merged);
    if (!txn)
        return TXN_NEW;
    layer->counters.merged++;
    *out = txn;
    return TXN_MERGED;
}

enum txn_match txn_receive_request(struct txn_layer *layer, const struct sip_msg *request,
                                   const struct flow *source, struct server_txn **out)
{
    struct server_txn *txn;

    (void)source;
    if (request->method == SIP_ACK)
        return match_ack(layer, request, out);
    txn = txn_find_server(layer, request, request->method,
                          txn_request_hash(layer, request, request->method));
    if (!txn)
        return match_new(layer, request, out);
    layer->counters.retransmissions_in++;
    txn_handle(&txn->txn, GOT_REQUEST, &(struct txn_input){ 0 });
    *out = txn;
    return TXN_ABSORBED;
}
