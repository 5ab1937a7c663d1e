/* SPDX-License-Identifier: Apache-2.0 */
/* What all workers share of TLS: the profiles in force, and the names that peers must prove. */
#include "net/tls.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include "base/hash.h"

enum {
    PROFILES_MEMORY = 1 << 20, /* texts of one generation */
    NAMES_MAX = 4096,          /* domains dialled that are remembered */
};

struct tls_generation {
    atomic_uint users;
    struct arena arena;
    struct tls_row *rows;
    unsigned count;
};

/* A domain that was to be dialled. */
struct name {
    struct table_node node; /* by identity */
    struct list_node age;   /* the one used last at the end */
    uint32_t identity;
    size_t len;
    char text[];
};

struct tls {
    uv_mutex_t lock; /* of all below */
    struct tls_generation *current;
    struct hash_key key;
    struct table names;
    struct list_node ages;
    BIO_METHOD *socket_bio;
    bool has_lock;

    uv_mutex_t loading; /* one loads at a time; of all below */
    bool has_loading;
    X509_STORE *system;
    struct timespec system_changed; /* its file, when it was read */
};

/* ---- the socket as OpenSSL sees it: no signal when the peer is gone ---- */

static int fd_of(BIO *bio)
{
    return (int)(intptr_t)BIO_get_data(bio);
}

static int socket_read(BIO *bio, char *bytes, int size)
{
    ssize_t got = recv(fd_of(bio), bytes, (size_t)size, 0);

    BIO_clear_retry_flags(bio);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_read(bio);
    if (got == 0)
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return (int)got;
}

static int socket_write(BIO *bio, const char *bytes, int size)
{
    ssize_t sent = send(fd_of(bio), bytes, (size_t)size, MSG_NOSIGNAL);

    BIO_clear_retry_flags(bio);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_write(bio);
    return (int)sent;
}

static long socket_control(BIO *bio, int command, long number, void *pointer)
{
    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_EOF)
        return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *make_socket_bio(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");

    if (!method)
        return NULL;
    BIO_meth_set_read(method, socket_read);
    BIO_meth_set_write(method, socket_write);
    BIO_meth_set_ctrl(method, socket_control);
    return method;
}

const BIO_METHOD *tls_socket_bio(const struct tls *tls)
{
    return tls->socket_bio;
}

/* ---- beginning and end ---- */

static enum err fill(struct tls *tls)
{
    struct random_source *random;

    if (uv_mutex_init(&tls->lock))
        return ERR_NOMEM;
    tls->has_lock = true;
    if (uv_mutex_init(&tls->loading))
        return ERR_NOMEM;
    tls->has_loading = true;
    tls->socket_bio = make_socket_bio();
    random = random_system_create();
    if (!tls->socket_bio || !random) {
        random_system_destroy(random);
        return ERR_NOMEM;
    }
    hash_key_random(random, &tls->key);
    random_system_destroy(random);
    return ERR_NONE;
}

enum err tls_create(struct tls **out)
{
    struct tls *tls = calloc(1, sizeof *tls);
    enum err err;

    if (!tls)
        return ERR_NOMEM;
    table_init(&tls->names);
    list_init(&tls->ages);
    if ((err = fill(tls))) {
        tls_destroy(tls);
        return err;
    }
    *out = tls;
    return ERR_NONE;
}

void tls_destroy(struct tls *tls)
{
    struct list_node *node;

    if (!tls)
        return;
    tls_generation_release(tls->current);
    while ((node = list_pop_front(&tls->ages)))
        free(CONTAINER_OF(node, struct name, age));
    table_fini(&tls->names);
    BIO_meth_free(tls->socket_bio);
    X509_STORE_free(tls->system);
    if (tls->has_loading)
        uv_mutex_destroy(&tls->loading);
    if (tls->has_lock)
        uv_mutex_destroy(&tls->lock);
    free(tls);
}

/* ---- the CAs of the system: hundreds of certificates, which rarely change ---- */

static bool has_changed(struct tls *tls)
{
    const char *named = getenv(X509_get_default_cert_file_env());
    struct stat status;

    if (stat(named ? named : X509_get_default_cert_file(), &status) != 0)
        return !tls->system;
    if (tls->system && status.st_mtim.tv_sec == tls->system_changed.tv_sec &&
        status.st_mtim.tv_nsec == tls->system_changed.tv_nsec)
        return false;
    tls->system_changed = status.st_mtim;
    return true;
}

X509_STORE *tls_system_authorities(struct tls *tls)
{
    X509_STORE *store;

    if (!has_changed(tls))
        return tls->system;
    store = X509_STORE_new();
    if (!store || X509_STORE_set_default_paths(store) != 1) {
        X509_STORE_free(store);
        return tls->system;
    }
    X509_STORE_free(tls->system);
    tls->system = store;
    return store;
}

/* ---- generations ---- */

struct tls_generation *tls_generation_take(struct tls *tls)
{
    struct tls_generation *generation;

    uv_mutex_lock(&tls->lock);
    generation = tls->current;
    if (generation)
        atomic_fetch_add(&generation->users, 1);
    uv_mutex_unlock(&tls->lock);
    return generation;
}

void tls_generation_release(struct tls_generation *generation)
{
    if (!generation || atomic_fetch_sub(&generation->users, 1) > 1)
        return;
    for (unsigned i = 0; i < generation->count; i++)
        tls_row_close(&generation->rows[i]);
    arena_fini(&generation->arena);
    free(generation);
}

static enum err copy_texts(struct arena *arena, struct tls_profile *profile)
{
    struct str *const texts[] = {
        &profile->where,       &profile->name,        &profile->id,
        &profile->certificate, &profile->private_key, &profile->ca_list,
        &profile->ca_path,     &profile->crl,         &profile->ciphers,
    };
    enum err err = ERR_NONE;

    for (size_t i = 0; i < sizeof texts / sizeof *texts && !err; i++)
        err = str_print(arena, texts[i], STR_FMT "%c", STR_ARG(*texts[i]), 0);
    for (size_t i = 0; i < sizeof texts / sizeof *texts && !err; i++)
        texts[i]->len--; /* the end of text is for OpenSSL */
    return err;
}

static bool is_default_client(const struct tls_profile *profile)
{
    return profile->is_client && profile->addr.family == ADDR_NONE && !profile->name.len;
}

/* Whom nobody gave a profile for is dialled with care: its certificate must be good. */
static const struct tls_profile careful_client = {
    .where = STR_INIT("the default for clients"),
    .is_client = true,
    .verify_depth = 9,
    .verifies_peer = true,
};

static enum err copy_rows(struct tls_generation *generation, const struct tls_profile *profiles,
                          unsigned count)
{
    bool has_client = false;
    enum err err = ERR_NONE;

    generation->rows = arena_zalloc(&generation->arena, (count + 1) * sizeof *generation->rows);
    if (!generation->rows)
        return ERR_NOMEM;
    for (unsigned i = 0; i < count; i++) {
        generation->rows[i].profile = profiles[i];
        has_client = has_client || is_default_client(&profiles[i]);
    }
    generation->count = count;
    if (!has_client)
        generation->rows[generation->count++].profile = careful_client;
    for (unsigned i = 0; i < generation->count && !err; i++)
        err = copy_texts(&generation->arena, &generation->rows[i].profile);
    return err;
}

/* A session that began where nobody had to prove himself must not be resumed where one has to. */
static void forbid_resumption(struct tls_generation *generation)
{
    bool verifies = false;

    for (unsigned i = 0; i < generation->count; i++)
        verifies = verifies || (!generation->rows[i].profile.is_client &&
                                generation->rows[i].profile.verifies_peer);
    for (unsigned i = 0; i < generation->count && verifies; i++) {
        SSL_CTX_set_options(generation->rows[i].context, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(generation->rows[i].context, 0);
    }
}

static enum err open_rows(struct tls *tls, struct tls_generation *generation, struct writer *why)
{
    enum err err = ERR_NONE;

    uv_mutex_lock(&tls->loading);
    for (unsigned i = 0; i < generation->count && !err; i++)
        err = tls_row_open(tls, &generation->rows[i], why);
    uv_mutex_unlock(&tls->loading);
    if (!err)
        forbid_resumption(generation);
    return err;
}

enum err tls_load(struct tls *tls, const struct tls_profile *profiles, unsigned count,
                  struct writer *why)
{
    struct tls_generation *generation = calloc(1, sizeof *generation), *old;
    enum err err;

    if (!generation)
        return ERR_NOMEM;
    atomic_init(&generation->users, 1);
    arena_init(&generation->arena, NULL, PROFILES_MEMORY);
    if ((err = copy_rows(generation, profiles, count)) || (err = open_rows(tls, generation, why))) {
        tls_generation_release(generation);
        return err;
    }
    uv_mutex_lock(&tls->lock);
    old = tls->current;
    tls->current = generation;
    uv_mutex_unlock(&tls->lock);
    tls_generation_release(old);
    return ERR_NONE;
}

bool tls_can_serve(struct tls *tls)
{
    struct tls_generation *generation = tls_generation_take(tls);
    bool can = false;

    for (unsigned i = 0; generation && i < generation->count; i++)
        can = can || !generation->rows[i].profile.is_client;
    tls_generation_release(generation);
    return can;
}

void tls_each_row(struct tls *tls, void (*visit)(void *context, const struct tls_row *row),
                  void *context)
{
    struct tls_generation *generation = tls_generation_take(tls);

    for (unsigned i = 0; generation && i < generation->count; i++)
        visit(context, &generation->rows[i]);
    tls_generation_release(generation);
}

/* ---- the profile of a connection ---- */

static bool is_below(struct str name, struct str domain)
{
    return name.len > domain.len + 1 && name.ptr[name.len - domain.len - 1] == '.' &&
           str_ieq(str_skip(name, name.len - domain.len), domain);
}

static bool fits_name(const struct tls_profile *profile, struct str name)
{
    bool is_it = profile->name_match != TLS_NAME_BELOW && str_ieq(profile->name, name);

    return is_it || (profile->name_match != TLS_NAME_EXACT && is_below(name, profile->name));
}

/* The name in a client's profile for an address is what to call that peer, whatever was dialled. */
static bool is_of_address(const struct tls_profile *profile)
{
    return profile->is_client && profile->addr.family != ADDR_NONE;
}

/* 0: not at all; an address counts less than a name, and an exact port more than any. */
static unsigned rank(const struct tls_profile *profile, const struct addr *addr, struct str name)
{
    unsigned rank = 1;

    if (profile->addr.family != ADDR_NONE) {
        if (!addr_same_ip(&profile->addr, addr) ||
            (profile->addr.port && profile->addr.port != addr->port))
            return 0;
        rank += profile->addr.port ? 4 : 3;
    }
    if (profile->name.len && !is_of_address(profile)) {
        if (!fits_name(profile, name))
            return 0;
        rank += 8; /* who is asked for by name is more than where */
    }
    return rank;
}

static const struct tls_row *find_row(const struct tls_generation *generation, bool is_client,
                                      const struct addr *addr, struct str name)
{
    const struct tls_row *best = NULL;
    unsigned best_rank = 0;

    for (unsigned i = 0; generation && i < generation->count; i++) {
        const struct tls_row *row = &generation->rows[i];
        unsigned its = row->profile.is_client == is_client ? rank(&row->profile, addr, name) : 0;

        if (its > best_rank) {
            best = row;
            best_rank = its;
        }
    }
    return best;
}

/* Whoever asks for no name of ours gets the first certificate there is. */
static const struct tls_row *find_any_server(const struct tls_generation *generation)
{
    for (unsigned i = 0; generation && i < generation->count; i++)
        if (!generation->rows[i].profile.is_client)
            return &generation->rows[i];
    return NULL;
}

const struct tls_row *tls_find_server(const struct tls_generation *generation,
                                      const struct addr *bound, struct str name)
{
    const struct tls_row *row = find_row(generation, false, bound, name);

    return row ? row : find_any_server(generation);
}

const struct tls_row *tls_find_client(const struct tls_generation *generation,
                                      const struct addr *peer, struct str name)
{
    return find_row(generation, true, peer, name);
}

/* ---- names ---- */

static struct name *find_name(const struct tls *tls, uint32_t identity)
{
    struct table_node *node = table_find_first(&tls->names, identity);

    return node ? CONTAINER_OF(node, struct name, node) : NULL;
}

static void forget_oldest(struct tls *tls)
{
    struct name *oldest = CONTAINER_OF(list_pop_front(&tls->ages), struct name, age);

    table_remove(&tls->names, &oldest->node);
    free(oldest);
}

static struct name *add_name(struct tls *tls, uint32_t identity, struct str text)
{
    struct name *name = calloc(1, sizeof *name + text.len + 1);

    if (!name)
        return NULL;
    name->identity = identity;
    name->len = text.len;
    memcpy(name->text, text.ptr, text.len);
    if (table_insert(&tls->names, &name->node, identity)) {
        free(name);
        return NULL;
    }
    if (table_count(&tls->names) > NAMES_MAX)
        forget_oldest(tls);
    return name;
}

/* Two names of one number get two numbers. */
static uint32_t enter_name(struct tls *tls, struct str text)
{
    uint32_t identity = (uint32_t)hash_str(&tls->key, text);
    struct name *name;

    for (;; identity++) {
        name = identity ? find_name(tls, identity) : NULL;
        if (name && !str_eq((struct str){ name->text, name->len }, text))
            continue;
        if (identity)
            break;
    }
    if (!name)
        name = add_name(tls, identity, text);
    if (!name)
        return 0;
    list_remove(&name->age);
    list_push_back(&tls->ages, &name->age);
    return identity;
}

uint32_t tls_identity(struct tls *tls, struct str name)
{
    char lower[TLS_NAME_MAX];
    uint32_t identity;

    if (name.len > 0 && name.ptr[name.len - 1] == '.')
        name.len--;
    if (name.len == 0 || name.len > sizeof lower)
        return 0;
    for (size_t i = 0; i < name.len; i++)
        lower[i] = char_lower(name.ptr[i]);
    uv_mutex_lock(&tls->lock);
    identity = enter_name(tls, (struct str){ lower, name.len });
    uv_mutex_unlock(&tls->lock);
    return identity;
}

bool tls_identity_name(struct tls *tls, uint32_t identity, char out[static TLS_NAME_MAX + 1])
{
    struct name *name;

    uv_mutex_lock(&tls->lock);
    name = find_name(tls, identity);
    if (name)
        memcpy(out, name->text, name->len + 1);
    uv_mutex_unlock(&tls->lock);
    return name != NULL;
}
