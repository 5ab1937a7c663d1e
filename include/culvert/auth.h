/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Digest authentication (RFC 7616, RFC 8760), the part that auth, auth_db and uri_db share: nonces
 * that carry their own expiry and signature, the check of a response, replays, and guessing.
 */
#include <culvert/digest.h>
#include <culvert/run.h>

/* How an attempt ended, apart from the numbers that each dialect's scripts see. */
enum auth_outcome {
    AUTH_OK,
    AUTH_FAILED,         /* something of ours did not work, or the credentials cannot be understood */
    AUTH_WRONG_PASSWORD, /* also: that source has tried too many, and has to wait */
    AUTH_UNKNOWN_USER,
    AUTH_STALE_NONCE,    /* ours, but expired, or its count was used before */
    AUTH_NO_CREDENTIALS,
    AUTH_REUSED_NONCE,   /* one_time_nonce: used before */
    AUTH_FORGED_NONCE,   /* not ours, or of an earlier start */
    AUTH_WRONG_USER,     /* proved who he is, but speaks for somebody else */
    AUTH_UNSURE,         /* wrong by a secret that may be old: nothing was counted, ask again */
};

enum {
    AUTH_ALGORITHMS_MAX = 3,
};

/* What modparam("auth", …) says. Texts live as long as the module. */
struct auth_rules {
    int64_t nonce_expire;     /* seconds */
    int64_t checks_register;  /* bits of what a nonce is bound to, by kind of request: */
    int64_t checks_no_dialog; /* 1 Request-URI, 2 Call-ID, 4 From tag, 8 source address */
    int64_t checks_in_dialog;
    int64_t counts_nonces;    /* each nonce count is good once */
    int64_t one_time_nonce;   /* a nonce is good once */
    int64_t nonces_remembered;
    int64_t adds_info;        /* Authentication-Info in our own answers */
    int64_t failures_allowed; /* wrong passwords in a row; 0: any number */
    struct str secret;        /* of the nonces; empty: random */
    struct str realm_prefix;  /* cut off realms */
    /* Offered in this order; without `names_algorithm` the challenge does not say "algorithm". */
    const struct digest_algorithm *algorithms[AUTH_ALGORITHMS_MAX];
    unsigned algorithm_count;
    bool names_algorithm;
};

/* From start() of auth: the others may be used from then on. */
MUST_USE enum err server_open_auth(struct server *server, const struct auth_rules *rules);

/* The code that a script of the server's dialect gets. */
enum verdict auth_verdict(const struct run *run, enum auth_outcome outcome);

/* ACK and CANCEL carry no credentials of their own and are never challenged. */
bool auth_is_exempt(const struct run *run);

/*
 * The realm that a script names, without realm_prefix; for "" To's domain of a REGISTER, else
 * From's.
 */
struct str auth_realm(const struct run *run, struct str named);

struct auth_attempt {
    const struct sip_hdr *hdr;
    struct sip_digest digest;
    const struct digest_algorithm *algorithm;
    struct str username; /* the user part of digest.username */
    struct str domain;   /* what follows its '@', else the realm */
    bool has_domain;     /* there was an '@' */
};

/*
 * Finds the credentials for a realm in Authorization or Proxy-Authorization and checks all that needs
 * no password: algorithm, nonce, and whether this source may try.
 */
enum auth_outcome auth_begin(struct run *run, enum sip_hdr_id id, struct str realm,
                             struct auth_attempt *out);

struct auth_secret {
    struct str text;   /* HA1 in hex, of the attempt's algorithm; or the password */
    bool is_clear;
    bool may_be_old;   /* remembered from an earlier question */
    bool is_nobody;    /* there is no such user: costs the same, fails in any case */
    struct str method; /* instead of that of the request; empty: it is that */
};
/*
 * Compares the response with what the secret yields, in constant time. On AUTH_OK the credentials are remembered in the request, their count is
 * used up, and the source is at home with the account.
 */
enum auth_outcome auth_finish(struct run *run, const struct auth_attempt *attempt,
                              const struct auth_secret *secret);

/*
 * True when the user of the credentials (and the domain) is the one that the request names: in To and
 * From of a REGISTER, in From of others, for PUBLISH in the Request-URI too.
 */
bool auth_names_sender(const struct run *run, const struct auth_attempt *attempt, bool with_domain);

/* What a challenge offers. */
struct auth_challenge {
    enum sip_hdr_id id; /* SIP_HDR_WWW_AUTHENTICATE or SIP_HDR_PROXY_AUTHENTICATE */
    struct str realm;
    struct str qop;     /* empty: none */
    bool is_stale;      /* in any case; else when the nonce of this request was */
};
/* The header lines, one an algorithm, each with its CRLF; in the run's arena. */
MUST_USE enum err auth_challenge_lines(const struct run *run, const struct auth_challenge *challenge,
                                       struct str *out);
/* Answers 401 or 407 with them. VERDICT_STOP when sent (OpenSER), 1 (Kamailio). */
enum verdict auth_send_challenge(struct run *run, const struct auth_challenge *challenge);
