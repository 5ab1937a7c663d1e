/* SPDX-License-Identifier: Apache-2.0 */
#include "dialog/mac.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

bool token_mac_make(const uint8_t key[static TOKEN_MAC_KEY], const uint8_t *bytes, size_t count,
                    uint8_t out[static TOKEN_MAC_BYTES])
{
    uint8_t full[EVP_MAX_MD_SIZE];
    unsigned length = 0;

    if (!HMAC(EVP_sha256(), key, TOKEN_MAC_KEY, bytes, count, full, &length))
        return false;
    memcpy(out, full, TOKEN_MAC_BYTES);
    return true;
}

bool token_mac_check(const uint8_t key[static TOKEN_MAC_KEY], const uint8_t *bytes, size_t count,
                     const uint8_t mac[static TOKEN_MAC_BYTES])
{
    uint8_t own[TOKEN_MAC_BYTES];

    return token_mac_make(key, bytes, count, own) && CRYPTO_memcmp(own, mac, sizeof own) == 0;
}
