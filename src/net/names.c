/* SPDX-License-Identifier: Apache-2.0 */
#include "net/names.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <uv.h>

#include <ares.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/table.h"

enum {
    NAMES_MAX = 1024,
    WAITERS_MAX = 4096,
    TIMEOUT = 1500, /* ms that the first try waits; the second waits twice as long */
    TRIES = 2,
    TTL_MIN = 5000, /* ms */
    TTL_MAX = 3600000,
    SERVICE_TTL = 60000, /* c-ares does not tell that of SRV */
    ABSENCE_TTL = 30000, /* the name has no such record */
    FAILURE_TTL = 3000,  /* nobody answered */
};

struct names {
    struct loop *loop;
    ares_channel channel;
    bool has_channel;
    uv_timer_t alarm; /* for the timeouts of c-ares */
    struct list_node sockets;
    struct hash_key key;
    struct table table;    /* struct name */
    struct list_node ages; /* the same, the oldest first */
    unsigned waiters;
    unsigned handles; /* of libuv, not yet closed; the last one's end frees all */
};

/* A socket of c-ares in our loop. */
struct name_socket {
    struct list_node node;
    struct names *names;
    uv_poll_t poll;
    ares_socket_t fd;
};

struct waiter {
    struct list_node node;
    name_done_fn *done;
    void *context;
};

struct name {
    struct table_node node;
    struct list_node age;
    struct names *names;
    enum name_kind kind;
    bool is_asked; /* the answer has not come yet */
    msec expires_at;
    struct list_node waiters;
    struct name_answer answer;
    void *records; /* what the answer points to */
    size_t len;
    char text[NAME_MAX_BYTES + 1]; /* lower case */
};

/* ---- c-ares in the loop ---- */

static void release(struct names *names)
{
    if (--names->handles == 0)
        free(names);
}

static void on_alarm(uv_timer_t *alarm);

static void set_alarm(struct names *names)
{
    struct timeval buffer;
    struct timeval *wait = ares_timeout(names->channel, NULL, &buffer);

    if (!wait)
        uv_timer_stop(&names->alarm);
    else
        uv_timer_start(&names->alarm, on_alarm,
                       (uint64_t)wait->tv_sec * 1000 + (uint64_t)wait->tv_usec / 1000 + 1, 0);
}

static void on_alarm(uv_timer_t *alarm)
{
    struct names *names = alarm->data;

    ares_process_fd(names->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_alarm(names);
}

static void on_socket_event(uv_poll_t *poll, int status, int events)
{
    struct name_socket *entry = poll->data;
    struct names *names = entry->names;
    bool is_broken = status < 0; /* c-ares finds out when it reads */
    ares_socket_t fd = entry->fd;

    ares_process_fd(names->channel, is_broken || events & UV_READABLE ? fd : ARES_SOCKET_BAD,
                    is_broken || events & UV_WRITABLE ? fd : ARES_SOCKET_BAD);
    set_alarm(names);
}

static struct name_socket *find_socket(struct names *names, ares_socket_t fd)
{
    LIST_EACH(node, &names->sockets)
    {
        struct name_socket *entry = CONTAINER_OF(node, struct name_socket, node);

        if (entry->fd == fd)
            return entry;
    }
    return NULL;
}

static struct name_socket *add_socket(struct names *names, ares_socket_t fd)
{
    struct name_socket *entry = calloc(1, sizeof *entry);

    if (!entry)
        return NULL;
    entry->names = names;
    entry->fd = fd;
    if (uv_poll_init(loop_uv(names->loop), &entry->poll, fd)) {
        free(entry);
        return NULL;
    }
    entry->poll.data = entry;
    names->handles++;
    list_push_back(&names->sockets, &entry->node);
    return entry;
}

static void on_socket_closed(uv_handle_t *handle)
{
    struct name_socket *entry = handle->data;
    struct names *names = entry->names;

    free(entry);
    release(names);
}

static void remove_socket(struct name_socket *entry)
{
    list_remove(&entry->node);
    uv_close((uv_handle_t *)&entry->poll, on_socket_closed);
}

/* c-ares tells which events it wants of a socket; none: it closes it now. */
static void on_socket_state(void *context, ares_socket_t fd, int readable, int writable)
{
    struct names *names = context;
    struct name_socket *entry = find_socket(names, fd);

    if (!readable && !writable) {
        if (entry)
            remove_socket(entry);
        return;
    }
    if (!entry)
        entry = add_socket(names, fd);
    if (entry) /* without memory for it the question runs into its timeout */
        uv_poll_start(&entry->poll, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0),
                      on_socket_event);
}

/* ---- the cache ---- */

static uint64_t hash_name(const struct names *names, enum name_kind kind, struct str text)
{
    return hash_str(&names->key, text) + kind;
}

static struct name *find_name(const struct names *names, enum name_kind kind, struct str text)
{
    struct table_node *node = table_find_first(&names->table, hash_name(names, kind, text));

    for (; node; node = table_find_next(node)) {
        struct name *name = CONTAINER_OF(node, struct name, node);

        if (name->kind == kind && str_eq((struct str){ name->text, name->len }, text))
            return name;
    }
    return NULL;
}

static void free_name(struct name *name)
{
    struct list_node *node;

    while ((node = list_pop_front(&name->waiters)))
        free(CONTAINER_OF(node, struct waiter, node));
    free(name->records);
    free(name);
}

static void forget(struct name *name)
{
    table_remove(&name->names->table, &name->node);
    list_remove(&name->age);
    free_name(name);
}

/* Forgets the oldest name that nobody waits for. */
static bool make_room(struct names *names)
{
    LIST_EACH(node, &names->ages)
    {
        struct name *name = CONTAINER_OF(node, struct name, age);

        if (name->is_asked)
            continue;
        forget(name);
        return true;
    }
    return false;
}

static struct name *add_name(struct names *names, enum name_kind kind, struct str text)
{
    struct name *name;

    if (table_count(&names->table) >= NAMES_MAX && !make_room(names))
        return NULL;
    name = calloc(1, sizeof *name);
    if (!name)
        return NULL;
    name->names = names;
    name->kind = kind;
    name->len = text.len;
    memcpy(name->text, text.ptr, text.len);
    list_init(&name->waiters);
    if (table_insert(&names->table, &name->node, hash_name(names, kind, text))) {
        free(name);
        return NULL;
    }
    list_push_back(&names->ages, &name->age);
    return name;
}

/* ---- answers ---- */

/* Everybody who waits gets the answer; new ones may come to ask meanwhile. */
static void tell_waiters(struct name *name)
{
    struct list_node *node;

    name->is_asked = true; /* so that it is not forgotten while we are here */
    while ((node = list_pop_front(&name->waiters))) {
        struct waiter *waiter = CONTAINER_OF(node, struct waiter, node);

        name->names->waiters--;
        waiter->done(waiter->context, &name->answer);
        free(waiter);
    }
    name->is_asked = false;
}

static msec clamp_ttl(msec ttl)
{
    if (ttl < TTL_MIN)
        return TTL_MIN;
    return ttl < TTL_MAX ? ttl : TTL_MAX;
}

static void finish(struct name *name, int status, msec ttl)
{
    bool is_absent = status == ARES_SUCCESS || status == ARES_ENODATA || status == ARES_ENOTFOUND;

    if (name->answer.count == 0)
        ttl = is_absent ? ABSENCE_TTL : FAILURE_TTL;
    name->expires_at = loop_now(name->names->loop) + ttl;
    tell_waiters(name);
}

/* Copies at most NAME_RECORDS_MAX addresses; the smallest time to live is the result. */
static msec copy_addrs(const struct ares_addrinfo_node *node, struct addr *addrs, unsigned *count)
{
    msec ttl = TTL_MAX;

    for (; node && *count < NAME_RECORDS_MAX; node = node->ai_next) {
        struct sockaddr_storage address = { 0 };
        struct addr *addr = &addrs[*count];

        if (node->ai_addrlen > sizeof address)
            continue;
        memcpy(&address, node->ai_addr, node->ai_addrlen);
        addr_from_sockaddr(&address, addr);
        addr->port = 0;
        *count += addr->family != ADDR_NONE;
        if (node->ai_ttl >= 0 && (msec)node->ai_ttl * 1000 < ttl)
            ttl = (msec)node->ai_ttl * 1000;
    }
    return clamp_ttl(ttl);
}

static void on_addrs(void *context, int status, int timeouts, struct ares_addrinfo *info)
{
    struct name *name = context;
    struct addr *addrs;
    msec ttl = 0;

    (void)timeouts;
    if (status == ARES_EDESTRUCTION)
        return;
    addrs = calloc(NAME_RECORDS_MAX, sizeof *addrs);
    if (status == ARES_SUCCESS && addrs)
        ttl = copy_addrs(info->nodes, addrs, &name->answer.count);
    if (info)
        ares_freeaddrinfo(info);
    name->records = addrs;
    name->answer.addrs = addrs;
    finish(name, status, ttl);
}

static void copy_services(const struct ares_srv_reply *reply, struct name_service *services,
                          unsigned *count)
{
    for (; reply && *count < NAME_RECORDS_MAX; reply = reply->next) {
        struct name_service *service = &services[*count];
        size_t len = strlen(reply->host);

        if (len > NAME_MAX_BYTES)
            continue;
        memcpy(service->target, reply->host, len + 1);
        service->port = reply->port;
        service->priority = reply->priority;
        service->weight = reply->weight;
        ++*count;
    }
}

static void on_services(void *context, int status, int timeouts, unsigned char *bytes, int size)
{
    struct name *name = context;
    struct ares_srv_reply *reply = NULL;
    struct name_service *services;

    (void)timeouts;
    if (status == ARES_EDESTRUCTION)
        return;
    services = calloc(NAME_RECORDS_MAX, sizeof *services);
    if (status == ARES_SUCCESS)
        status = ares_parse_srv_reply(bytes, size, &reply);
    if (services)
        copy_services(reply, services, &name->answer.count);
    if (reply)
        ares_free_data(reply);
    name->records = services;
    name->answer.services = services;
    finish(name, status, SERVICE_TTL);
}

/* ---- questions ---- */

static void ask(struct names *names, struct name *name)
{
    static const int families[] = {
        [NAME_IPV4] = AF_INET, [NAME_IPV6] = AF_INET6, [NAME_IP] = AF_UNSPEC
    };
    struct ares_addrinfo_hints hints = { .ai_flags = ARES_AI_NOSORT * (name->kind != NAME_IP) };

    name->is_asked = true;
    free(name->records);
    name->records = NULL;
    name->answer = (struct name_answer){ 0 };
    if (name->kind == NAME_SERVICE) {
        ares_query(names->channel, name->text, ns_c_in, ns_t_srv, on_services, name);
    } else {
        hints.ai_family = families[name->kind];
        hints.ai_socktype = SOCK_DGRAM; /* any one: an address is wanted once */
        ares_getaddrinfo(names->channel, name->text, NULL, &hints, on_addrs, name);
    }
    set_alarm(names);
}

static bool wait_for(struct names *names, struct name *name, name_done_fn *done, void *context)
{
    struct waiter *waiter = names->waiters < WAITERS_MAX ? calloc(1, sizeof *waiter) : NULL;

    if (!waiter)
        return false;
    names->waiters++;
    waiter->done = done;
    waiter->context = context;
    list_push_back(&name->waiters, &waiter->node);
    return true;
}

/* A name with room for its NUL, in lower case; false when it is no name. */
static bool normalise(struct str name, char text[static NAME_MAX_BYTES + 1])
{
    if (name.len == 0 || name.len > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '\0')
            return false;
        text[i] = char_lower(name.ptr[i]);
    }
    text[name.len] = '\0';
    return true;
}

/* False when the answer cannot be had. */
static bool find_or_ask(struct names *names, enum name_kind kind, struct str text,
                        name_done_fn *done, void *context)
{
    struct name *name = find_name(names, kind, text);

    if (name && !name->is_asked && loop_now(names->loop) < name->expires_at) {
        done(context, &name->answer);
        return true;
    }
    if (!name)
        name = add_name(names, kind, text);
    if (!name || !wait_for(names, name, done, context))
        return false;
    if (!name->is_asked)
        ask(names, name);
    return true;
}

void names_find(struct names *names, enum name_kind kind, struct str name, name_done_fn *done,
                void *context)
{
    static const struct name_answer nothing = { 0 };
    char text[NAME_MAX_BYTES + 1];

    if (!normalise(name, text) ||
        !find_or_ask(names, kind, (struct str){ text, name.len }, done, context))
        done(context, &nothing);
}

/* ---- beginning and end ---- */

static enum err open_channel(struct names *names)
{
    struct ares_options options = {
        .timeout = TIMEOUT,
        .tries = TRIES,
        .lookups = "fb",
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = names,
    };
    int which = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;

    if (ares_init_options(&names->channel, &options, which) != ARES_SUCCESS)
        return ERR_IO;
    names->has_channel = true;
    return ERR_NONE;
}

static enum err make_key(struct names *names)
{
    struct random_source *random = random_system_create();

    if (!random)
        return ERR_NOMEM;
    hash_key_random(random, &names->key);
    random_system_destroy(random);
    return ERR_NONE;
}

enum err names_create(struct loop *loop, struct names **out)
{
    struct names *names = calloc(1, sizeof *names);
    enum err err;

    if (!names)
        return ERR_NOMEM;
    names->loop = loop;
    list_init(&names->sockets);
    list_init(&names->ages);
    table_init(&names->table);
    uv_timer_init(loop_uv(loop), &names->alarm);
    names->alarm.data = names;
    names->handles = 1;
    err = make_key(names);
    if (!err)
        err = open_channel(names);
    if (err) {
        names_destroy(names);
        return err;
    }
    *out = names;
    return ERR_NONE;
}

static void on_alarm_closed(uv_handle_t *handle)
{
    release(handle->data);
}

void names_destroy(struct names *names)
{
    struct list_node *node;

    if (!names)
        return;
    if (names->has_channel)
        ares_destroy(names->channel);
    while ((node = list_first(&names->ages)))
        forget(CONTAINER_OF(node, struct name, age));
    table_fini(&names->table);
    uv_close((uv_handle_t *)&names->alarm, on_alarm_closed);
}

enum err names_set_servers(struct names *names, const char *servers)
{
    return ares_set_servers_ports_csv(names->channel, servers) == ARES_SUCCESS ? ERR_NONE
                                                                               : ERR_SYNTAX;
}
