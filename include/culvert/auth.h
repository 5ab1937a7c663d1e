/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Digest authentication (RFC 7616), the part that auth, auth_db and uri_db share: nonces that carry
 * their own expiry and signature, so that none is remembered, and the check of a response.
 */
#include <culvert/run.h>

enum {
    HA1_MAX = 64, /* hex digits */
};

/* How an attempt ended, apart from the numbers that each dialect's scripts see. */
enum auth_outcome {
    AUTH_OK,
    AUTH_FAILED,         /* something of ours did not work */
    AUTH_WRONG_PASSWORD,
    AUTH_UNKNOWN_USER,
    AUTH_STALE_NONCE,    /* ours, but too old; or of another server */
    AUTH_NO_CREDENTIALS,
};

/* The code that a script of the server's dialect gets. */
enum verdict auth_verdict(const struct run *run, enum auth_outcome outcome);

/* ACK and CANCEL carry no credentials of their own and are never challenged. */
bool auth_is_exempt(const struct run *run);

/* The realm when a script gives "": To's domain for REGISTER, else From's, without `prefix`. */
struct str auth_default_realm(const struct run *run, struct str prefix);

/* A nonce that is good for `seconds`; in the run's arena. */
MUST_USE enum err auth_nonce(const struct run *run, unsigned seconds, struct str *out);

struct auth_attempt {
    const struct sip_hdr *hdr;
    struct sip_digest digest;
    struct str username; /* the user part of digest.username */
    struct str domain;   /* what follows its '@', else the realm */
    bool has_domain;     /* there was an '@' */
};

/*
 * Finds the credentials for a realm in Authorization or Proxy-Authorization and checks all that needs
 * no password: the nonce, and that the digest's uri names this request. AUTH_STALE_NONCE is also
 * remembered for the next challenge.
 */
enum auth_outcome auth_begin(struct run *run, enum sip_hdr_id id, struct str realm,
                             struct auth_attempt *out);
/*
 * Compares the response with what the secret yields, in constant time. `secret` is HA1 in hex, or the
 * clear password when `is_clear`. On AUTH_OK the credentials are remembered in the request.
 */
enum auth_outcome auth_finish(struct run *run, const struct auth_attempt *attempt, struct str secret,
                              bool is_clear);

/* Adds the challenge and answers 401 or 407. VERDICT_STOP when sent (OpenSER), 1 (Kamailio). */
enum verdict auth_challenge(struct run *run, enum sip_hdr_id id, struct str realm, struct str qop,
                            unsigned seconds);
