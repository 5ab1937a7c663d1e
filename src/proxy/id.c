/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The branch parameter of our Vias:
 *
 *     z9hG4bK unique(16) loop(12) check(8) . index . socket [ . attempt ]
 *
 * all in hexadecimal. `unique` is random and ends in the mark of this process, or, without a
 * transaction, made from the request, so that its retransmission and its CANCEL get the same
 * (RFC 3261 §16.11). `loop` is the hash of §16.6
 * step 8 with the corrections of RFC 5393: our own Via must not count, and the address that the
 * request came from does, for scripts route by it. Nor does the To tag: an ACK to a failure has one,
 * its INVITE had none, and both go by the same name when there is no transaction. `check` is a keyed hash over all that is before
 * the attempt: nobody else can make such a parameter, so finding one is proof that it went through
 * us.
 */
#include "proxy/flight.h"
#include "txn/identity.h"

#define COOKIE "z9hG4bK"

enum {
    COOKIE_LENGTH = sizeof(COOKIE) - 1,
    UNIQUE_DIGITS = 16,
    LOOP_DIGITS = 12,
    CHECK_DIGITS = 8,
    STATELESS = 0xff, /* in place of an index, which never gets so high */
};

_Static_assert((int)LEGS_MAX <= (int)STATELESS, "an index looks like none");

#define MARK_MASK UINT64_C(0xffff)
#define LOOP_MASK ((UINT64_C(1) << 4 * LOOP_DIGITS) - 1)

/* ---- writing ---- */

static uint32_t check_of(const struct proxy *proxy, uint64_t unique, uint64_t loop, unsigned index,
                         unsigned socket)
{
    uint64_t words[] = { unique, loop, (uint64_t)index << 32 | socket };

    return (uint32_t)hash_bytes(&proxy->key, words, sizeof words);
}

/* All values of a header that may decide where a request goes. */
static uint64_t hash_values(const struct proxy *proxy, const struct sip_msg *msg,
                            enum sip_hdr_id id)
{
    const struct sip_hdr *hdr = NULL;
    uint64_t hash = 0;

    while ((hdr = sip_msg_find(msg, id, hdr)))
        hash = txn_identity_hash(&proxy->key, &hdr->value, 1, hash);
    return hash;
}

/* The port of a stream's peer says nothing. */
static uint64_t hash_source(const struct proxy *proxy, const struct flow *source)
{
    struct addr peer = { .family = source->peer.family, .scope = source->peer.scope };

    memcpy(peer.ip, source->peer.ip, sizeof peer.ip);
    if (!transport_traits((enum transport)source->transport)->is_reliable)
        peer.port = source->peer.port;
    return hash_bytes(&proxy->key, &peer, sizeof peer);
}

static uint64_t loop_hash(struct flight *flight)
{
    const struct proxy *proxy = flight->proxy;
    const struct sip_msg *msg = flight->request.msg;

    if (!flight->has_loop_hash) {
        struct str texts[] = { msg->ruri, msg->call_id, msg->from_tag };
        uint64_t words[] = {
            hash_values(proxy, msg, SIP_HDR_ROUTE),
            hash_values(proxy, msg, SIP_HDR_PROXY_REQUIRE),
            hash_values(proxy, msg, SIP_HDR_PROXY_AUTHORIZATION),
            hash_source(proxy, &flight->request.source),
            txn_identity_hash(&proxy->key, texts, sizeof texts / sizeof *texts, msg->cseq),
        };
        flight->loop_hash = hash_bytes(&proxy->key, words, sizeof words) & LOOP_MASK;
        flight->has_loop_hash = true;
    }
    return flight->loop_hash;
}

static void write_number(struct writer *w, uint64_t number, unsigned digits)
{
    static const char hex[] = "0123456789abcdef";

    while (digits--)
        write_char(w, hex[number >> (4 * digits) & 15]);
}

static enum err print_id(struct flight *flight, uint64_t unique, unsigned index, struct str *out)
{
    uint64_t loop = loop_hash(flight);
    unsigned socket = flight->request.source.socket;
    char buffer[BRANCH_ID_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);

    write_str(&w, STR(COOKIE));
    write_number(&w, unique, UNIQUE_DIGITS);
    write_number(&w, loop, LOOP_DIGITS);
    write_number(&w, check_of(flight->proxy, unique, loop, index, socket), CHECK_DIGITS);
    write_char(&w, '.');
    write_number(&w, index, index > 15 ? 2 : 1);
    write_char(&w, '.');
    write_number(&w, socket, socket > 15 ? 4 : 1);
    return str_copy(&flight->request.arena, writer_text(&w), out);
}

enum err proxy_id_make(struct flight *flight, unsigned index, struct str *out)
{
    if (!flight->has_unique)
        flight->unique = (random_u64(flight->proxy->random) & ~MARK_MASK) | flight->proxy->mark;
    flight->has_unique = true;
    return print_id(flight, flight->unique, index, out);
}

enum err proxy_id_make_stateless(struct flight *flight, struct str *out)
{
    const struct proxy *proxy = flight->proxy;
    const struct sip_msg *msg = flight->request.msg;
    struct str texts[] = { msg->via.branch, msg->via.host, msg->call_id, msg->from_tag };
    uint64_t number = (uint64_t)msg->cseq << 16 | msg->via.port;

    return print_id(flight,
                    txn_identity_hash(&proxy->key, texts, sizeof texts / sizeof *texts, number),
                    STATELESS, out);
}

/* ---- reading ---- */

static bool take_hex(struct str *rest, unsigned digits_min, unsigned digits_max, uint64_t *out)
{
    unsigned taken = 0;

    *out = 0;
    for (; taken < digits_max && taken < rest->len; taken++) {
        char c = rest->ptr[taken];

        if (c >= '0' && c <= '9')
            *out = *out << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            *out = *out << 4 | (uint64_t)(c - 'a' + 10);
        else
            break;
    }
    *rest = str_skip(*rest, taken);
    return taken >= digits_min;
}

static bool take_dot(struct str *rest)
{
    if (!rest->len || rest->ptr[0] != '.')
        return false;
    *rest = str_skip(*rest, 1);
    return true;
}

struct id {
    uint64_t unique, loop, check, index, socket;
};

static bool parse_id(struct str branch, struct id *out)
{
    struct str rest = str_skip(branch, COOKIE_LENGTH);

    return str_starts(branch, STR(COOKIE)) &&
           take_hex(&rest, UNIQUE_DIGITS, UNIQUE_DIGITS, &out->unique) &&
           take_hex(&rest, LOOP_DIGITS, LOOP_DIGITS, &out->loop) &&
           take_hex(&rest, CHECK_DIGITS, CHECK_DIGITS, &out->check) && take_dot(&rest) &&
           take_hex(&rest, 1, 4, &out->index) && take_dot(&rest) &&
           take_hex(&rest, 1, 4, &out->socket);
}

static bool is_own(const struct proxy *proxy, struct str branch, struct id *out)
{
    return parse_id(branch, out) &&
           out->check ==
               check_of(proxy, out->unique, out->loop, (unsigned)out->index, (unsigned)out->socket);
}

uint64_t proxy_id_new_mark(struct random_source *random, msec now)
{
    return (random_u64(random) ^ (uint64_t)now) & MARK_MASK;
}

bool proxy_id_read(const struct proxy *proxy, struct str branch, uint16_t *socket,
                   enum id_maker *maker)
{
    struct id id;

    if (!is_own(proxy, branch, &id))
        return false;
    *socket = (uint16_t)id.socket;
    *maker = id.index == STATELESS                    ? ID_OF_FORWARDING
             : (id.unique & MARK_MASK) == proxy->mark ? ID_OF_TRANSACTION
                                                      : ID_OF_EARLIER_PROCESS;
    return true;
}

bool proxy_id_finds_loop(struct flight *flight)
{
    struct sip_values vias = sip_values_of(flight->request.msg, SIP_HDR_VIA);
    struct sip_via via;
    struct id id;

    while (sip_values_next(&vias))
        if (sip_via_parse(vias.value, &via) == ERR_NONE && is_own(flight->proxy, via.branch, &id) &&
            id.loop == loop_hash(flight))
            return true;
    return false;
}

/* ---- tags ---- */

/* The same for an INVITE, its retransmissions and its CANCEL. */
struct str proxy_id_tag(struct flight *flight)
{
    const struct sip_msg *msg = flight->request.msg;
    struct str texts[] = { msg->via.branch, msg->call_id, msg->from_tag };
    struct writer w = writer_over(flight->tag, sizeof flight->tag);

    if (!flight->has_tag)
        write_number(
            &w, txn_identity_hash(&flight->proxy->key, texts, sizeof texts / sizeof *texts, 't'),
            TAG_MAX);
    flight->has_tag = true;
    return (struct str){ flight->tag, TAG_MAX };
}
