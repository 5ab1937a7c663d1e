/* SPDX-License-Identifier: Apache-2.0 */
#include "net/shared.h"

#include <assert.h>
#include <stdlib.h>
#include <uv.h>

#include <ares.h>

#include <culvert/log.h>

#include "base/hash.h"
#include "base/list.h"
#include "net/connection.h"
#include "net/inside.h"
#include "net/names.h"
#include "net/outages.h"
#include "net/tls.h"

struct net_shared {
    struct net_limits limits;
    unsigned workers;
    struct hash_key key;
    uint64_t first_serial;
    struct tally *tallies; /* one a worker */
    struct tls *tls;       /* borrowed; NULL: no TLS */
    struct outages *outages;
    struct gate *gate;

    uv_mutex_t lock; /* of all below */
    bool has_lock;
    bool has_ares;
    struct table by_id;
    struct table by_peer;
    struct table by_alias;
    struct table sites; /* struct site, by address */
    struct list_node strangers;
    unsigned stranger_count, tls_count;
    struct net **nets; /* one a worker; NULL: not there */
};

/* How many connections one IPv4 address, or one IPv6 /64, has. */
struct site {
    struct table_node node;
    struct addr addr;
    unsigned connections;
};

static enum err make_secrets(struct net_shared *shared)
{
    struct random_source *random = random_system_create();
    enum err err;

    if (!random)
        return ERR_NOMEM;
    hash_key_random(random, &shared->key);
    shared->first_serial = random_u64(random) >> 17;
    err = gate_create(&shared->limits.strangers, random, &shared->gate);
    random_system_destroy(random);
    return err;
}

static enum err fill_shared(struct net_shared *shared)
{
    if (uv_mutex_init(&shared->lock))
        return ERR_NOMEM;
    shared->has_lock = true;
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
        return ERR_NOMEM;
    shared->has_ares = true;
    shared->tallies = calloc(shared->workers, sizeof *shared->tallies);
    shared->nets = calloc(shared->workers, sizeof(struct net *));
    if (!shared->tallies || !shared->nets || outages_create(&shared->outages))
        return ERR_NOMEM;
    return make_secrets(shared);
}

enum err net_shared_create(const struct net_limits *limits, unsigned workers,
                           struct net_shared **out)
{
    struct net_shared *shared = calloc(1, sizeof *shared);
    enum err err;

    if (!shared)
        return ERR_NOMEM;
    shared->limits = *limits;
    shared->workers = workers;
    table_init(&shared->by_id);
    table_init(&shared->by_peer);
    table_init(&shared->by_alias);
    table_init(&shared->sites);
    list_init(&shared->strangers);
    if ((err = fill_shared(shared))) {
        net_shared_destroy(shared);
        return err;
    }
    *out = shared;
    return ERR_NONE;
}

static void free_sites(struct table *sites)
{
    struct table_walk walk = { 0 };
    struct table_node *node;

    while ((node = table_each(sites, &walk)))
        free(CONTAINER_OF(node, struct site, node));
    table_fini(sites);
}

void net_shared_destroy(struct net_shared *shared)
{
    if (!shared)
        return;
    free_sites(&shared->sites);
    table_fini(&shared->by_id);
    table_fini(&shared->by_alias);
    table_fini(&shared->by_peer);
    outages_destroy(shared->outages);
    gate_destroy(shared->gate);
    free(shared->tallies);
    free(shared->nets);
    if (shared->has_ares)
        ares_library_cleanup();
    if (shared->has_lock)
        uv_mutex_destroy(&shared->lock);
    free(shared);
}

void net_shared_use_tls(struct net_shared *shared, struct tls *tls)
{
    shared->tls = tls;
}

struct tls *shared_tls(const struct net_shared *shared)
{
    return shared->tls;
}

const struct net_limits *shared_limits(const struct net_shared *shared)
{
    return &shared->limits;
}

struct tally *shared_tally(struct net_shared *shared, unsigned worker)
{
    assert(worker < shared->workers);
    return &shared->tallies[worker];
}

uint64_t shared_first_serial(struct net_shared *shared)
{
    return shared->first_serial;
}

static void set_net(struct net_shared *shared, unsigned worker, struct net *net)
{
    uv_mutex_lock(&shared->lock);
    shared->nets[worker] = net;
    uv_mutex_unlock(&shared->lock);
}

void shared_join(struct net_shared *shared, struct net *net, unsigned worker)
{
    set_net(shared, worker, net);
}

void shared_leave(struct net_shared *shared, unsigned worker)
{
    set_net(shared, worker, NULL);
}

struct net *shared_net(struct net_shared *shared, unsigned worker)
{
    struct net *net;

    uv_mutex_lock(&shared->lock);
    net = shared->nets[worker];
    uv_mutex_unlock(&shared->lock);
    return net;
}

/* ---- connections by address ---- */

static struct addr site_of(const struct addr *peer)
{
    struct addr site = *peer;

    site.port = 0;
    if (site.family == ADDR_IPV6)
        memset(site.ip + 8, 0, 8);
    return site;
}

static uint64_t hash_addr(const struct net_shared *shared, const struct addr *addr)
{
    uint8_t bytes[sizeof addr->ip + sizeof addr->port];

    memcpy(bytes, addr->ip, sizeof addr->ip);
    memcpy(bytes + sizeof addr->ip, &addr->port, sizeof addr->port);
    return hash_bytes(&shared->key, bytes, sizeof bytes);
}

static struct site *find_site(const struct net_shared *shared, const struct addr *addr)
{
    struct table_node *node = table_find_first(&shared->sites, hash_addr(shared, addr));

    for (; node; node = table_find_next(node)) {
        struct site *site = CONTAINER_OF(node, struct site, node);

        if (addr_eq(&site->addr, addr))
            return site;
    }
    return NULL;
}

static struct site *make_site(struct net_shared *shared, const struct addr *addr)
{
    struct site *site = calloc(1, sizeof *site);

    if (!site)
        return NULL;
    site->addr = *addr;
    if (table_insert(&shared->sites, &site->node, hash_addr(shared, addr))) {
        free(site);
        return NULL;
    }
    return site;
}

static void leave_site(struct net_shared *shared, const struct addr *peer)
{
    struct addr addr = site_of(peer);
    struct site *site = find_site(shared, &addr);

    if (!site || --site->connections > 0)
        return;
    table_remove(&shared->sites, &site->node);
    free(site);
}

static enum err join_site(struct net_shared *shared, const struct shared_entry *entry)
{
    struct addr addr = site_of(&entry->flow.peer);
    struct site *site = find_site(shared, &addr);
    unsigned connections = site ? site->connections : 0;

    if (!entry->is_dialled && connections >= shared->limits.connections_per_ip)
        return ERR_LIMIT;
    if (!site)
        site = make_site(shared, &addr);
    if (!site)
        return ERR_NOMEM;
    site->connections++;
    return ERR_NONE;
}

/* ---- the index ---- */

static bool is_tls(const struct shared_entry *entry)
{
    return entry->flow.transport == TRANSPORT_TLS;
}

static void forget_stranger(struct net_shared *shared, struct shared_entry *entry)
{
    if (!list_is_linked(&entry->age))
        return;
    list_remove(&entry->age);
    shared->stranger_count--;
}

static void remove_locked(struct net_shared *shared, struct shared_entry *entry)
{
    if (!entry->is_entered)
        return;
    entry->is_entered = false;
    table_remove(&shared->by_id, &entry->by_id);
    table_remove(&shared->by_peer, &entry->by_peer);
    if (entry->alias.family != ADDR_NONE)
        table_remove(&shared->by_alias, &entry->by_alias);
    leave_site(shared, &entry->flow.peer);
    forget_stranger(shared, entry);
    shared->tls_count -= is_tls(entry);
}

static enum err index_locked(struct net_shared *shared, struct shared_entry *entry)
{
    enum err err = table_insert(&shared->by_id, &entry->by_id, entry->flow.connection);

    if (err)
        return err;
    err = table_insert(&shared->by_peer, &entry->by_peer, hash_addr(shared, &entry->flow.peer));
    if (err)
        table_remove(&shared->by_id, &entry->by_id);
    return err;
}

static bool is_full(const struct net_shared *shared, const struct shared_entry *entry)
{
    const struct net_limits *limits = &shared->limits;

    return table_count(&shared->by_id) >= limits->connections_max ||
           (is_tls(entry) && limits->tls_connections_max &&
            shared->tls_count >= limits->tls_connections_max) ||
           (!entry->is_dialled && limits->strangers_max &&
            shared->stranger_count >= limits->strangers_max);
}

static bool give_up_stranger(struct net_shared *shared);

/* The room must be of the right kind; a few strangers are tried. */
static enum err make_room(struct net_shared *shared, const struct shared_entry *entry)
{
    while (is_full(shared, entry))
        if (!give_up_stranger(shared))
            return ERR_EXHAUSTED;
    return ERR_NONE;
}

static enum err enter_locked(struct net_shared *shared, struct shared_entry *entry)
{
    enum err err = join_site(shared, entry);

    if (err)
        return err;
    if ((err = make_room(shared, entry)) || (err = index_locked(shared, entry))) {
        leave_site(shared, &entry->flow.peer);
        return err;
    }
    entry->is_entered = true;
    atomic_store(&entry->is_trusted, entry->is_dialled);
    shared->tls_count += is_tls(entry);
    if (entry->is_dialled)
        return ERR_NONE;
    list_push_back(&shared->strangers, &entry->age);
    shared->stranger_count++;
    return ERR_NONE;
}

enum err shared_enter(struct net_shared *shared, struct shared_entry *entry)
{
    enum err err;

    uv_mutex_lock(&shared->lock);
    err = enter_locked(shared, entry);
    uv_mutex_unlock(&shared->lock);
    return err;
}

void shared_remove(struct net_shared *shared, struct shared_entry *entry)
{
    uv_mutex_lock(&shared->lock);
    remove_locked(shared, entry);
    uv_mutex_unlock(&shared->lock);
}

static struct shared_entry *find_id(const struct net_shared *shared, uint64_t id)
{
    struct table_node *node = table_find_first(&shared->by_id, id);

    return node ? CONTAINER_OF(node, struct shared_entry, by_id) : NULL;
}

/* An entry on the socket that was asked for, else any. */
static const struct shared_entry *find_peer(const struct net_shared *shared,
                                            const struct flow *flow)
{
    struct table_node *node = table_find_first(&shared->by_peer, hash_addr(shared, &flow->peer));
    const struct shared_entry *found = NULL;

    for (; node; node = table_find_next(node)) {
        const struct shared_entry *entry = CONTAINER_OF(node, struct shared_entry, by_peer);

        if (entry->flow.transport != flow->transport || entry->flow.identity != flow->identity ||
            !addr_eq(&entry->flow.peer, &flow->peer))
            continue;
        if (entry->flow.socket == flow->socket)
            return entry;
        found = entry;
    }
    return found;
}

static const struct shared_entry *find_alias(const struct net_shared *shared, unsigned transport,
                                             const struct addr *alias)
{
    struct table_node *node = table_find_first(&shared->by_alias, hash_addr(shared, alias));

    for (; node; node = table_find_next(node)) {
        const struct shared_entry *entry = CONTAINER_OF(node, struct shared_entry, by_alias);

        if (entry->flow.transport == transport && addr_eq(&entry->alias, alias))
            return entry;
    }
    return NULL;
}

bool shared_find_peer(struct net_shared *shared, const struct flow *flow, struct flow *out)
{
    const struct shared_entry *entry;

    uv_mutex_lock(&shared->lock);
    entry = find_peer(shared, flow);
    if (!entry && flow->identity == 0) /* an alias is no proof of a name */
        entry = find_alias(shared, flow->transport, &flow->peer);
    if (entry)
        *out = entry->flow;
    uv_mutex_unlock(&shared->lock);
    return entry != NULL;
}

static void alias_locked(struct net_shared *shared, const struct flow *flow, uint16_t port)
{
    struct shared_entry *entry = find_id(shared, flow->connection);
    struct addr alias = flow->peer;

    alias.port = port;
    if (!entry || entry->alias.family != ADDR_NONE || find_alias(shared, flow->transport, &alias) ||
        table_insert(&shared->by_alias, &entry->by_alias, hash_addr(shared, &alias)))
        return;
    entry->alias = alias;
}

void shared_alias(struct net_shared *shared, const struct flow *flow, uint16_t port)
{
    uv_mutex_lock(&shared->lock);
    alias_locked(shared, flow, port);
    uv_mutex_unlock(&shared->lock);
}

/* ---- whom we know ---- */

/* NULL when the flow's connection is gone, or not one to its peer. */
static struct shared_entry *find_flow(const struct net_shared *shared, const struct flow *flow)
{
    struct shared_entry *entry = flow->connection ? find_id(shared, flow->connection) : NULL;

    if (!entry || entry->flow.transport != flow->transport ||
        !addr_eq(&entry->flow.peer, &flow->peer))
        return NULL;
    return entry;
}

void shared_trust(struct net_shared *shared, const struct flow *flow)
{
    struct shared_entry *entry;

    uv_mutex_lock(&shared->lock);
    entry = find_flow(shared, flow);
    if (entry) {
        forget_stranger(shared, entry);
        atomic_store(&entry->is_trusted, true);
    }
    uv_mutex_unlock(&shared->lock);
}

void shared_heard(struct net_shared *shared, struct shared_entry *entry)
{
    if (atomic_load_explicit(&entry->is_trusted, memory_order_relaxed))
        return;
    uv_mutex_lock(&shared->lock);
    if (list_is_linked(&entry->age)) {
        list_remove(&entry->age);
        list_push_back(&shared->strangers, &entry->age);
    }
    uv_mutex_unlock(&shared->lock);
}

void shared_set_peer(struct net_shared *shared, struct shared_entry *entry, struct tls_peer *peer)
{
    uv_mutex_lock(&shared->lock);
    entry->peer = peer;
    uv_mutex_unlock(&shared->lock);
}

struct tls_peer *shared_take_peer(struct net_shared *shared, const struct flow *flow)
{
    struct shared_entry *entry;
    struct tls_peer *peer;

    uv_mutex_lock(&shared->lock);
    entry = find_flow(shared, flow);
    peer = entry && entry->peer ? tls_peer_ref(entry->peer) : NULL;
    uv_mutex_unlock(&shared->lock);
    return peer;
}

/* ---- mail between workers ---- */

struct parcel {
    struct mail mail;
    struct net_shared *shared;
    struct flow flow;
    unsigned worker; /* who shall open it */
    enum err why;    /* for news of a loss */
    size_t size;
    char bytes[];
};

static void drop_parcel(struct mail *mail)
{
    free(CONTAINER_OF(mail, struct parcel, mail));
}

static void send_parcel(struct mail *mail)
{
    struct parcel *parcel = CONTAINER_OF(mail, struct parcel, mail);
    struct net *net = shared_net(parcel->shared, parcel->worker);

    if (net)
        connection_send_for_another(net, &parcel->flow,
                                    (struct str){ parcel->bytes, parcel->size });
    free(parcel);
}

static void tell_loss(struct mail *mail)
{
    struct parcel *parcel = CONTAINER_OF(mail, struct parcel, mail);
    struct net *net = shared_net(parcel->shared, parcel->worker);

    if (net)
        net->user.on_closed(net->user.context, &parcel->flow, parcel->why);
    free(parcel);
}

static struct parcel *make_parcel(struct net_shared *shared, unsigned worker,
                                  const struct flow *flow, struct str bytes)
{
    struct parcel *parcel = malloc(sizeof *parcel + bytes.len);

    if (!parcel)
        return NULL;
    *parcel = (struct parcel){ .shared = shared, .flow = *flow, .worker = worker };
    parcel->mail.drop = drop_parcel;
    parcel->size = bytes.len;
    if (bytes.len > 0)
        memcpy(parcel->bytes, bytes.ptr, bytes.len);
    return parcel;
}

/* With the lock held, so that the receiver cannot leave meanwhile. */
static enum err post_locked(struct net_shared *shared, struct parcel *parcel)
{
    struct net *net = shared->nets[parcel->worker];

    return net ? loop_post(net->loop, &parcel->mail) : ERR_UNREACHABLE;
}

static enum err forward_locked(struct net_shared *shared, unsigned sender, struct parcel *parcel)
{
    struct shared_entry *entry = find_flow(shared, &parcel->flow);

    if (!entry)
        return ERR_UNREACHABLE;
    entry->users |= UINT64_C(1) << sender % 64;
    return post_locked(shared, parcel);
}

enum err shared_forward(struct net_shared *shared, unsigned sender, const struct flow *flow,
                        struct str bytes)
{
    unsigned owner = connection_owner(flow->connection);
    struct parcel *parcel;
    enum err err;

    if (owner >= shared->workers)
        return ERR_UNREACHABLE;
    parcel = make_parcel(shared, owner, flow, bytes);
    if (!parcel)
        return ERR_NOMEM;
    parcel->mail.run = send_parcel;
    parcel->worker = owner;
    uv_mutex_lock(&shared->lock);
    err = forward_locked(shared, sender, parcel);
    uv_mutex_unlock(&shared->lock);
    if (err)
        free(parcel);
    return err;
}

/* ---- making room ---- */

static void break_stranger(struct mail *mail)
{
    struct parcel *parcel = CONTAINER_OF(mail, struct parcel, mail);
    struct net *net = shared_net(parcel->shared, parcel->worker);
    struct connection *connection = net ? connection_find(net, &parcel->flow) : NULL;

    if (connection) {
        tally_add(&net->tally->evicted, 1);
        connection_break(connection, ERR_EXHAUSTED);
    }
    free(parcel);
}

/* Nobody finds it any more from now on; its worker closes it. Where the mail fails, time will. */
static bool give_up_stranger(struct net_shared *shared)
{
    struct list_node *oldest = list_first(&shared->strangers);
    struct shared_entry *entry;
    struct parcel *parcel;

    if (!oldest)
        return false;
    entry = CONTAINER_OF(oldest, struct shared_entry, age);
    parcel = make_parcel(shared, connection_owner(entry->flow.connection), &entry->flow,
                         (struct str){ 0 });
    remove_locked(shared, entry);
    if (!parcel)
        return true;
    parcel->mail.run = break_stranger;
    if (post_locked(shared, parcel))
        free(parcel);
    return true;
}

/* ---- news of a loss ---- */

static void tell_one(struct net_shared *shared, unsigned worker, const struct shared_entry *entry,
                     enum err why)
{
    struct parcel *parcel = make_parcel(shared, worker, &entry->flow, (struct str){ 0 });
    enum err err;

    if (!parcel)
        return;
    parcel->mail.run = tell_loss;
    parcel->why = why;
    uv_mutex_lock(&shared->lock);
    err = post_locked(shared, parcel);
    uv_mutex_unlock(&shared->lock);
    if (err)
        free(parcel);
}

void shared_tell(struct net_shared *shared, const struct shared_entry *entry, enum err why)
{
    unsigned owner = connection_owner(entry->flow.connection);

    if (entry->users == 0)
        return;
    for (unsigned worker = 0; worker < shared->workers; worker++)
        if (worker != owner && entry->users >> worker % 64 & 1)
            tell_one(shared, worker, entry, why);
}

/* ---- for anyone who asks ---- */

void net_read_counters(struct net_shared *shared, struct net_counters *out)
{
    *out = (struct net_counters){ 0 };
    for (unsigned worker = 0; worker < shared->workers; worker++) {
        struct tally *tally = &shared->tallies[worker];

#define T(name) out->name += atomic_load_explicit(&tally->name, memory_order_relaxed);
        NET_TALLY_TABLE(T)
#undef T
    }
    uv_mutex_lock(&shared->lock);
    out->connections = table_count(&shared->by_id);
    out->strangers = shared->stranger_count;
    uv_mutex_unlock(&shared->lock);
}

void net_each_connection(struct net_shared *shared,
                         void (*visit)(void *context, const struct flow *flow, msec age,
                                       bool is_dialled),
                         void *context)
{
    struct table_walk walk = { 0 };
    struct table_node *node;
    msec now = clock_monotonic();

    uv_mutex_lock(&shared->lock);
    while ((node = table_each(&shared->by_id, &walk))) {
        const struct shared_entry *entry = CONTAINER_OF(node, struct shared_entry, by_id);
        msec age = now > entry->opened_at ? now - entry->opened_at : 0;

        visit(context, &entry->flow, age, entry->is_dialled);
    }
    uv_mutex_unlock(&shared->lock);
}

void net_each_name(struct net_shared *shared,
                   void (*visit)(void *context, const struct name_report *report), void *context)
{
    uv_mutex_lock(&shared->lock);
    for (unsigned worker = 0; worker < shared->workers; worker++)
        if (shared->nets[worker])
            names_each(shared->nets[worker]->names, visit, context);
    uv_mutex_unlock(&shared->lock);
}

unsigned net_clear_names(struct net_shared *shared)
{
    unsigned count = 0;

    uv_mutex_lock(&shared->lock);
    for (unsigned worker = 0; worker < shared->workers; worker++)
        if (shared->nets[worker])
            count += names_clear(shared->nets[worker]->names);
    uv_mutex_unlock(&shared->lock);
    return count;
}

struct gate *shared_gate(const struct net_shared *shared)
{
    return shared->gate;
}

struct outages *net_outages(struct net_shared *shared)
{
    return shared->outages;
}
