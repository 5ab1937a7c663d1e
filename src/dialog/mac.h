/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The MAC of flow tokens: HMAC-SHA-256, cut. */
#include "dialog/token.h"

enum {
    TOKEN_MAC_BYTES = 12,
};

/* False when the library fails. */
bool flow_signer_sign(struct flow_signer *signer, const uint8_t *bytes, size_t count,
                      uint8_t out[static TOKEN_MAC_BYTES]);
/* Takes the same time whatever the bytes are. */
bool flow_signer_check(struct flow_signer *signer, const uint8_t *bytes, size_t count,
                       const uint8_t mac[static TOKEN_MAC_BYTES]);
