/* SPDX-License-Identifier: Apache-2.0 */
#include "dialog/party.h"

#include <stdlib.h>

static struct str put(char **at, struct str text)
{
    struct str copy = { *at, text.len };

    if (text.len)
        memcpy(*at, text.ptr, text.len);
    *at += text.len;
    return copy;
}

enum err party_set(struct dialog_party *party, const struct dialog_told *told)
{
    size_t size = told->tag.len + told->uri.len + told->contact.len + told->routes.len;
    char *memory, *at;

    if (size > PARTY_BYTES_MAX)
        return ERR_LIMIT;
    at = memory = malloc(size + 1);
    if (!memory)
        return ERR_NOMEM;
    *party = (struct dialog_party){
        .tag = put(&at, told->tag),
        .uri = put(&at, told->uri),
        .contact = put(&at, told->contact),
        .routes = put(&at, told->routes),
        .cseq = told->cseq,
        .flow = told->flow,
        .memory = memory,
    };
    return ERR_NONE;
}

static struct dialog_told told_by(const struct dialog_party *party)
{
    return (struct dialog_told){ party->tag,  party->uri,  party->contact, party->routes,
                                 party->cseq, party->flow };
}

enum err party_copy(struct dialog_party *to, const struct dialog_party *from)
{
    const struct dialog_told told = told_by(from);

    return party_set(to, &told);
}

enum err party_set_contact(struct dialog_party *party, struct str contact)
{
    struct dialog_told told = told_by(party);
    char *old = party->memory;
    enum err err;

    if (str_eq(contact, party->contact))
        return ERR_NONE;
    told.contact = contact;
    if ((err = party_set(party, &told)))
        return err;
    free(old);
    return ERR_NONE;
}

void party_fini(struct dialog_party *party)
{
    free(party->memory);
    *party = (struct dialog_party){ 0 };
}

size_t party_bytes(const struct dialog_party *party)
{
    return party->memory
               ? party->tag.len + party->uri.len + party->contact.len + party->routes.len + 1
               : 0;
}
