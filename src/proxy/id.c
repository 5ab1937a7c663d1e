/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The branch parameter of our Vias:
 *
 *     z9hG4bK unique(16) loop(12) check(8) . index . socket [ . attempt ]
 *
 * all in hexadecimal. `unique` is random, or, without a transaction, made from the request, so that
 * its retransmission and its CANCEL get the same (RFC 3261 §16.11). `loop` is the hash of §16.6
 * step 8 with the corrections of RFC 5393: our own Via must not count, and the address that the
 * request came from does, for scripts route by it. `check` is a keyed hash over all that is before
 * the attempt: nobody else can make such a parameter, so finding one is proof that it went through
 * us.
 */
#include "proxy/flight.h"

#define COOKIE "z9hG4bK"

enum {
    COOKIE_LENGTH = sizeof(COOKIE) - 1,
    UNIQUE_DIGITS = 16,
    LOOP_DIGITS = 12,
    CHECK_DIGITS = 8,
};

#define LOOP_MASK ((UINT64_C(1) << 4 * LOOP_DIGITS) - 1)

static uint64_t hash_words(const struct proxy *proxy, const uint64_t *words, size_t count)
{
    return hash_bytes(&proxy->key, words, count * sizeof *words);
}

/* ---- writing ---- */

static uint32_t check_of(const struct proxy *proxy, uint64_t unique, uint64_t loop, unsigned index,
                         unsigned socket)
{
    uint64_t words[] = { unique, loop, (uint64_t)index << 32 | socket, 'c' };

    return (uint32_t)hash_words(proxy, words, sizeof words / sizeof *words);
}

/* All values of a header that may decide where a request goes. */
static uint64_t hash_values(const struct proxy *proxy, const struct sip_msg *msg,
                            enum sip_hdr_id id)
{
    const struct sip_hdr *hdr = NULL;
    uint64_t words[2] = { 0 };

    while ((hdr = sip_msg_find(msg, id, hdr))) {
        words[1] = hash_str(&proxy->key, hdr->value);
        words[0] = hash_words(proxy, words, 2);
    }
    return words[0];
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
        uint64_t words[] = {
            hash_str(&proxy->key, msg->ruri),
            hash_str(&proxy->key, msg->call_id),
            hash_str(&proxy->key, msg->from_tag),
            hash_str(&proxy->key, msg->to_tag),
            hash_values(proxy, msg, SIP_HDR_ROUTE),
            hash_values(proxy, msg, SIP_HDR_PROXY_REQUIRE),
            hash_values(proxy, msg, SIP_HDR_PROXY_AUTHORIZATION),
            hash_source(proxy, &flight->request.source),
            msg->cseq,
        };
        flight->loop_hash = hash_words(proxy, words, sizeof words / sizeof *words) & LOOP_MASK;
        flight->has_loop_hash = true;
    }
    return flight->loop_hash;
}

static enum err print_id(struct flight *flight, uint64_t unique, unsigned index, struct str *out)
{
    uint64_t loop = loop_hash(flight);
    unsigned socket = flight->request.source.socket;

    return str_print(&flight->request.arena, out, COOKIE "%016llx%012llx%08x.%x.%x",
                     (unsigned long long)unique, (unsigned long long)loop,
                     check_of(flight->proxy, unique, loop, index, socket), index, socket);
}

enum err id_make(struct flight *flight, unsigned index, struct str *out)
{
    if (!flight->has_unique)
        flight->unique = random_u64(flight->proxy->random);
    flight->has_unique = true;
    return print_id(flight, flight->unique, index, out);
}

enum err id_make_stateless(struct flight *flight, struct str *out)
{
    const struct proxy *proxy = flight->proxy;
    const struct sip_msg *msg = flight->request.msg;
    uint64_t words[] = {
        hash_str(&proxy->key, msg->via.branch),    hash_str(&proxy->key, msg->via.host),
        hash_str(&proxy->key, msg->call_id),       hash_str(&proxy->key, msg->from_tag),
        (uint64_t)msg->cseq << 16 | msg->via.port,
    };

    return print_id(flight, hash_words(proxy, words, sizeof words / sizeof *words), 0, out);
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

bool id_read(const struct proxy *proxy, struct str branch, uint16_t *socket)
{
    struct id id;

    if (!is_own(proxy, branch, &id))
        return false;
    *socket = (uint16_t)id.socket;
    return true;
}

bool id_finds_loop(struct flight *flight)
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
struct str id_tag(struct flight *flight)
{
    const struct sip_msg *msg = flight->request.msg;
    struct writer w = writer_over(flight->tag, sizeof flight->tag);
    uint64_t words[4];

    if (!flight->has_tag) {
        words[0] = hash_str(&flight->proxy->key, msg->via.branch);
        words[1] = hash_str(&flight->proxy->key, msg->call_id);
        words[2] = hash_str(&flight->proxy->key, msg->from_tag);
        words[3] = 't';
        write_fmt(&w, "%016llx", (unsigned long long)hash_words(flight->proxy, words, 4));
        flight->has_tag = true;
    }
    return (struct str){ flight->tag, TAG_MAX - 1 };
}
