/* SPDX-License-Identifier: Apache-2.0 */
#include "net/gate.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/hash.h"

enum {
    PLACES = 1 << 16,
    KNOWN_SETS = 1 << 15,
    KNOWN_WAYS = 4,
    KNOWN_TIME = 7200,   /* seconds that a word is good for */
    KNOWN_RENEWAL = 60,  /* … and after which it is written again */
    BURST = 2,           /* seconds of the rate that may come at once */
    WINDOW = 32,         /* seconds: 64*T1, the life of a transaction */
    CREDIT_FIRST = 2048, /* bytes that each place of a source owns when a window begins */
    CREDIT_MAX = 1 << 20,
    SHARE = 95,         /* per cent of what came that may go back */
    SHARE_INVITE = 285, /* an INVITE's answers are repeated */
    TAG_BITS = 40,
};

struct gate {
    struct gate_rules rules;
    struct hash_key key;
    _Atomic uint64_t known[KNOWN_SETS][KNOWN_WAYS]; /* tag, and when the word was given */
    _Atomic uint64_t arrivals[PLACES];              /* µs until when the place is taken */
    _Atomic uint64_t credits[PLACES];               /* when the window began, and bytes left */
};

enum err gate_create(const struct gate_rules *rules, struct random_source *random,
                     struct gate **out)
{
    struct gate *gate = calloc(1, sizeof *gate);

    if (!gate)
        return ERR_NOMEM;
    gate->rules = *rules;
    hash_key_random(random, &gate->key);
    *out = gate;
    return ERR_NONE;
}

void gate_destroy(struct gate *gate)
{
    free(gate);
}

/* Races between workers cost a datagram more or less, and nothing else. */
static uint64_t load(_Atomic uint64_t *number)
{
    return atomic_load_explicit(number, memory_order_relaxed);
}

static void store(_Atomic uint64_t *number, uint64_t value)
{
    atomic_store_explicit(number, value, memory_order_relaxed);
}

static uint64_t hash_source(const struct gate *gate, const struct addr *source)
{
    return hash_bytes(&gate->key, source->ip, source->family == ADDR_IPV6 ? 8 : 4);
}

static _Atomic uint64_t *place(_Atomic uint64_t places[static PLACES], uint64_t hash,
                               unsigned which)
{
    return &places[hash >> (16 * which) & (PLACES - 1)];
}

/* ---- those we know: a tag of 40 bits, and 24 bits of seconds ---- */

static uint64_t tag_of(uint64_t hash)
{
    return hash >> (64 - TAG_BITS) << (64 - TAG_BITS);
}

static uint64_t seconds_of(msec now)
{
    return now / 1000 & ((UINT64_C(1) << (64 - TAG_BITS)) - 1);
}

/* How long ago the word was given; more than KNOWN_TIME: it is not good any more. */
static uint64_t age_of(uint64_t word, msec now)
{
    return (seconds_of(now) - word) & ((UINT64_C(1) << (64 - TAG_BITS)) - 1);
}

static _Atomic uint64_t *set_of(struct gate *gate, uint64_t hash)
{
    return gate->known[hash & (KNOWN_SETS - 1)];
}

static bool is_known(struct gate *gate, uint64_t hash, msec now)
{
    _Atomic uint64_t *set = set_of(gate, hash);

    for (unsigned i = 0; i < KNOWN_WAYS; i++) {
        uint64_t word = load(&set[i]);

        if (word && tag_of(word) == tag_of(hash) && age_of(word, now) <= KNOWN_TIME)
            return true;
    }
    return false;
}

void gate_vouch(struct gate *gate, const struct addr *source, msec now)
{
    uint64_t hash = hash_source(gate, source);
    _Atomic uint64_t *set = set_of(gate, hash), *oldest = &set[0];

    for (unsigned i = 0; i < KNOWN_WAYS; i++) {
        uint64_t word = load(&set[i]);

        if (word && tag_of(word) == tag_of(hash)) {
            if (age_of(word, now) >= KNOWN_RENEWAL)
                store(&set[i], tag_of(hash) | seconds_of(now));
            return;
        }
        if (!word || (load(oldest) && age_of(word, now) > age_of(load(oldest), now)))
            oldest = &set[i];
    }
    store(oldest, tag_of(hash) | seconds_of(now));
}

/* ---- how many may come ---- */

/* The time until which a place is taken moves on with each datagram; it may be ahead by a burst. */
static bool take_turn(_Atomic uint64_t *until, uint64_t interval, uint64_t now)
{
    uint64_t start = load(until);

    if (start < now)
        start = now;
    if (start - now > BURST * UINT64_C(1000000))
        return false;
    store(until, start + interval);
    return true;
}

/* Each of the two places has half of the rate. */
static bool has_turn(struct gate *gate, uint64_t hash, msec now)
{
    uint64_t interval = UINT64_C(2000000) / gate->rules.rate;

    return take_turn(place(gate->arrivals, hash, 0), interval, now * 1000) ||
           take_turn(place(gate->arrivals, hash, 1), interval, now * 1000);
}

/* ---- how much may go back ---- */

/* The seconds in the upper half of an account say when its window began. */
static bool is_over(uint64_t account, msec now)
{
    return account == 0 || (uint32_t)(now / 1000) - (uint32_t)(account >> 32) > WINDOW;
}

static uint32_t credit_of(uint64_t account, msec now)
{
    return is_over(account, now) ? CREDIT_FIRST : (uint32_t)account;
}

static void set_credit(_Atomic uint64_t *account, uint32_t credit, msec now)
{
    uint64_t old = load(account);
    uint64_t began = is_over(old, now) ? now / 1000 : old >> 32;

    store(account, began << 32 | credit);
}

static void earn(struct gate *gate, uint64_t hash, struct str bytes, msec now)
{
    unsigned share = str_starts(bytes, STR("INVITE ")) ? SHARE_INVITE : SHARE;

    for (unsigned i = 0; i < 2; i++) {
        _Atomic uint64_t *account = place(gate->credits, hash, i);
        uint64_t credit = credit_of(load(account), now) + bytes.len * share / 200;

        set_credit(account, credit < CREDIT_MAX ? (uint32_t)credit : CREDIT_MAX, now);
    }
}

/* Out of both purses; false when they do not hold enough. */
static bool pay(struct gate *gate, uint64_t hash, size_t price, msec now)
{
    _Atomic uint64_t *first = place(gate->credits, hash, 0);
    _Atomic uint64_t *second = place(gate->credits, hash, 1);
    uint32_t purse = credit_of(load(first), now), other = credit_of(load(second), now);

    if (first == second)
        other = 0;
    if (purse + other < price)
        return false;
    if (purse >= price) {
        set_credit(first, purse - (uint32_t)price, now);
        return true;
    }
    set_credit(first, 0, now);
    if (first != second)
        set_credit(second, other - (uint32_t)(price - purse), now);
    return true;
}

/* Failures, and 200 to OPTIONS: what a stranger gets for nothing. */
static bool is_charged(struct str bytes)
{
    const char *cseq;
    struct str rest;

    if (bytes.len < 12 || !str_starts(bytes, STR("SIP/2.0 ")))
        return false;
    if (bytes.ptr[8] >= '3')
        return true;
    cseq = bytes.ptr[8] == '2' ? str_ifind(bytes, STR("\nCSeq:")) : NULL;
    if (!cseq)
        return false;
    bytes = str_skip(bytes, (size_t)(cseq - bytes.ptr) + 1);
    str_split(bytes, '\r', &bytes, &rest);
    return str_find(bytes, STR("OPTIONS"));
}

/* ---- the two ways ---- */

bool gate_admits(struct gate *gate, const struct addr *source, struct str bytes, msec now)
{
    uint64_t hash;

    if (gate->rules.rate == 0 && gate->rules.is_open)
        return true;
    hash = hash_source(gate, source);
    if (is_known(gate, hash, now))
        return true;
    if (gate->rules.rate && !has_turn(gate, hash, now))
        return false;
    if (!gate->rules.is_open)
        earn(gate, hash, bytes, now);
    return true;
}

bool gate_lets_out(struct gate *gate, const struct addr *to, struct str bytes, msec now)
{
    bool is_trying = str_starts(bytes, STR("SIP/2.0 100"));
    uint64_t hash;

    if (gate->rules.is_open || (!is_trying && !is_charged(bytes)))
        return true;
    hash = hash_source(gate, to);
    if (is_known(gate, hash, now))
        return true;
    return pay(gate, hash, bytes.len, now) || is_trying;
}
