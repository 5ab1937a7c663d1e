/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The MAC of flow tokens: the one file of this area that knows OpenSSL. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TOKEN_MAC_KEY = 32,
    TOKEN_MAC_BYTES = 12,
};

/* HMAC-SHA-256, cut. False when the library fails. */
bool token_mac_make(const uint8_t key[static TOKEN_MAC_KEY], const uint8_t *bytes, size_t count,
                    uint8_t out[static TOKEN_MAC_BYTES]);
/* Takes the same time whatever the bytes are. */
bool token_mac_check(const uint8_t key[static TOKEN_MAC_KEY], const uint8_t *bytes, size_t count,
                     const uint8_t mac[static TOKEN_MAC_BYTES]);
