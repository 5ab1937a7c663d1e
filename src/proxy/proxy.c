/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "dialog/token.h"
#include "proxy/flight.h"

/* Every worker derives the same key, also after a restart: it is asked to know its own again. */
static void derive_key(const uint8_t *secret, struct hash_key *out)
{
    struct hash_key raw;

    memcpy(&raw, secret, sizeof raw);
    out->k[0] = hash_str(&raw, STR("branch 0"));
    out->k[1] = hash_str(&raw, STR("branch 1"));
}

enum err proxy_create(const struct proxy_settings *settings, struct wheel *wheel,
                      struct txn_layer *layer, struct outside *outside,
                      struct random_source *random, const struct proxy_user *user,
                      struct proxy **out)
{
    struct proxy *proxy = malloc(sizeof *proxy);

    if (!proxy)
        return ERR_NOMEM;
    proxy->settings = *settings;
    proxy->user = *user;
    proxy->wheel = wheel;
    proxy->made_at = wheel->now;
    proxy->mark = proxy_id_new_mark(random, wheel->now);
    proxy->arriving = NULL;
    proxy->labels = 0;
    proxy->layer = layer;
    proxy->outside = outside;
    proxy->random = random;
    if (flow_signer_create(settings->token_key, &proxy->signer)) {
        free(proxy);
        return ERR_NOMEM;
    }
    derive_key(settings->token_key, &proxy->key);
    list_init(&proxy->flights);
    list_init(&proxy->asks);
    proxy_moves_init(&proxy->moves);
    *out = proxy;
    return ERR_NONE;
}

static void free_queue(struct leg *leg)
{
    struct held *held;

    while ((held = leg->queue)) {
        leg->queue = held->next;
        proxy_held_free(held);
    }
    proxy_held_free(leg->final);
    leg->final = NULL;
}

/* Drops all holds at once, without a word to the user. */
static void abandon(struct flight *flight)
{
    struct request *request = &flight->request;
    unsigned holds = flight->holds;

    for (unsigned i = 0; i < request->branch_count; i++) {
        struct leg *leg = leg_of(request->branches[i]);

        timer_stop(flight->proxy->wheel, &leg->branch.timer);
        if (leg->branch.txn)
            client_txn_detach(leg->branch.txn);
        free_queue(leg);
    }
    list_remove(&flight->node);
    while (holds--)
        request_unref(request);
}

void proxy_destroy(struct proxy *proxy)
{
    struct list_node *node;

    if (!proxy)
        return;
    while ((node = list_first(&proxy->flights)))
        abandon(CONTAINER_OF(node, struct flight, node));
    proxy_asks_fini(proxy);
    proxy_moves_fini(&proxy->moves);
    flow_signer_destroy(proxy->signer);
    free(proxy);
}
