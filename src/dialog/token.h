/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Flow tokens: both flows of a dialog, signed with the server's key, carried in the user part of
 * our Record-Route. They bring in-dialog requests to the right flow without a dialog table, also
 * after a restart. A token that we did not sign is nothing.
 *
 * Hop tokens name one flow, that of a client: an edge proxy carries them in Path (RFC 5626 §5.1).
 */
#include <culvert/addr.h>

enum {
    FLOW_TOKEN_MAX = 160,
    FLOW_TOKEN_KEY = 32,
};

struct flow_token {
    struct flow caller; /* who sent the dialog-creating request */
    struct flow callee;
    uint32_t caller_tag; /* hash of the caller's tag: tells the direction of later requests */
};

/* The key, made ready once; one a worker. */
struct flow_signer;
MUST_USE enum err flow_signer_create(const uint8_t key[static FLOW_TOKEN_KEY],
                                     struct flow_signer **out);
void flow_signer_destroy(struct flow_signer *signer);

/* The text is URL-safe. HMAC-SHA-256 cut to 12 bytes. */
void flow_token_write(struct writer *w, struct flow_signer *signer, const struct flow_token *token);
/* ERR_DENIED: not ours, or altered. */
MUST_USE enum err flow_token_read(struct str text, struct flow_signer *signer,
                                  struct flow_token *out);
/* Reads like a token, ours or not: what ordinary user parts do not. */
bool flow_token_is_like(struct str text);

void hop_token_write(struct writer *w, struct flow_signer *signer, const struct flow *flow);
/* ERR_DENIED: not ours, or altered. */
MUST_USE enum err hop_token_read(struct str text, struct flow_signer *signer, struct flow *out);
/* Reads like a hop token, ours or not. */
bool hop_token_is_like(struct str text);

uint32_t flow_token_tag_hash(struct str tag);
