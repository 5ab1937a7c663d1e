/* SPDX-License-Identifier: Apache-2.0 */
#include "dialog/mac.h"

#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

/* Looking the algorithm up and setting the key cost four times as much as a MAC itself. */
struct flow_signer {
    EVP_MAC *algorithm;
    EVP_MAC_CTX *keyed;
};

static bool set_key(struct flow_signer *signer, const uint8_t key[static FLOW_TOKEN_KEY])
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };

    signer->algorithm = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (signer->algorithm)
        signer->keyed = EVP_MAC_CTX_new(signer->algorithm);
    return signer->keyed && EVP_MAC_init(signer->keyed, key, FLOW_TOKEN_KEY, params);
}

enum err flow_signer_create(const uint8_t key[static FLOW_TOKEN_KEY], struct flow_signer **out)
{
    struct flow_signer *signer = calloc(1, sizeof *signer);

    if (!signer)
        return ERR_NOMEM;
    if (!set_key(signer, key)) {
        flow_signer_destroy(signer);
        return ERR_NOMEM;
    }
    *out = signer;
    return ERR_NONE;
}

void flow_signer_destroy(struct flow_signer *signer)
{
    if (!signer)
        return;
    EVP_MAC_CTX_free(signer->keyed);
    EVP_MAC_free(signer->algorithm);
    free(signer);
}

bool flow_signer_sign(struct flow_signer *signer, const uint8_t *bytes, size_t count,
                      uint8_t out[static TOKEN_MAC_BYTES])
{
    uint8_t full[EVP_MAX_MD_SIZE];
    size_t length;

    if (!EVP_MAC_init(signer->keyed, NULL, 0, NULL) ||
        !EVP_MAC_update(signer->keyed, bytes, count) ||
        !EVP_MAC_final(signer->keyed, full, &length, sizeof full) || length < TOKEN_MAC_BYTES)
        return false;
    memcpy(out, full, TOKEN_MAC_BYTES);
    return true;
}

bool flow_signer_check(struct flow_signer *signer, const uint8_t *bytes, size_t count,
                       const uint8_t mac[static TOKEN_MAC_BYTES])
{
    uint8_t own[TOKEN_MAC_BYTES];

    return flow_signer_sign(signer, bytes, count, own) && CRYPTO_memcmp(own, mac, sizeof own) == 0;
}
