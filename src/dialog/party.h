/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The texts of a party, kept together in one piece of memory. */
#include "dialog/dialogs.h"

enum {
    PARTY_BYTES_MAX = 4096,
};

/* ERR_LIMIT: too long. On failure *party is as it was. */
MUST_USE enum err party_set(struct dialog_party *party, const struct dialog_told *told);
MUST_USE enum err party_copy(struct dialog_party *to, const struct dialog_party *from);
MUST_USE enum err party_set_contact(struct dialog_party *party, struct str contact);
void party_fini(struct dialog_party *party);
size_t party_bytes(const struct dialog_party *party);
