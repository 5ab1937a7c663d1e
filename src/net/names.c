/* SPDX-License-Identifier: Apache-2.0 */
#include "net/names.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <uv.h>

#include <ares.h>

#include <culvert/log.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/table.h"
#include "net/shared.h"

enum {
    NAMES_MAX = 1024,
    WAITERS_MAX = 4096,
    TIMEOUT = 1500, /* ms that the first try waits; the second waits twice as long */
    TRIES = 2,
    STRAYS_MAX = 2, /* answers to another question, before we give up */
    TTL_MIN = 5000, /* ms */
    TTL_MAX = 3600000,
    ABSENCE_TTL = 30000,  /* the name has no such record */
    FAILURE_TTL = 3000,   /* nobody answered */
    STALE_TTL = 86400000, /* an answer of before is used for so long meanwhile */
};

struct names {
    struct loop *loop;
    const struct name_rules *rules;
    struct tally *tally;
    struct random_source *random;
    ares_channel channel;
    bool has_channel;
    uv_timer_t alarm; /* for the timeouts of c-ares */
    struct list_node sockets;
    struct hash_key key;
    struct lock lock;      /* of both below, against names_each and names_clear */
    struct table table;    /* struct name */
    struct list_node ages; /* the same, the one used longest ago first */
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
    enum dns_kind kind;
    bool is_asked;   /* the answer has not come yet */
    bool has_suffix; /* the question may have got a domain behind it */
    unsigned strays;
    msec expires_at;
    msec stale_until; /* until when the records are better than nothing */
    struct list_node waiters;
    struct dns_answer *answer; /* cut off behind its records; NULL: none */
    size_t len;
    char text[DNS_NAME_MAX + 1];  /* lower case */
    char asked[DNS_NAME_MAX + 1]; /* the same in the case of the question */
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

static msec rule(msec value, msec initial)
{
    return value ? value : initial;
}

static uint64_t hash_name(const struct names *names, enum dns_kind kind, struct str text)
{
    return hash_str(&names->key, text) + kind;
}

static struct name *find_name(const struct names *names, enum dns_kind kind, struct str text)
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
    free(name->answer);
    free(name);
}

static void forget(struct name *name)
{
    table_remove(&name->names->table, &name->node);
    list_remove(&name->age);
    free_name(name);
}

/* Forgets the name used longest ago that nobody waits for. */
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

static struct name *add_name(struct names *names, enum dns_kind kind, struct str text)
{
    size_t most = names->rules->names_max ? names->rules->names_max : NAMES_MAX;
    struct name *name;

    if (table_count(&names->table) >= most && !make_room(names))
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

static void note_use(struct name *name)
{
    list_remove(&name->age);
    list_push_back(&name->names->ages, &name->age);
}

/* ---- answers ---- */

static const struct dns_answer *answer_of(const struct name *name)
{
    static const struct dns_answer nothing;

    return name->answer ? name->answer : &nothing;
}

/* Everybody who waits gets the answer; new ones may come to ask meanwhile. */
static void tell_waiters(struct name *name)
{
    struct list_node *node;

    while ((node = list_pop_front(&name->waiters))) {
        struct waiter *waiter = CONTAINER_OF(node, struct waiter, node);

        name->names->waiters--;
        waiter->done(waiter->context, answer_of(name));
        free(waiter);
    }
    name->is_asked = false; /* not before: it might have been forgotten while we were here */
}

static size_t size_of_rows(enum dns_kind kind, unsigned count)
{
    static const size_t sizes[DNS_KINDS] = {
        [DNS_IPV4] = sizeof(struct addr),
        [DNS_IPV6] = sizeof(struct addr),
        [DNS_SERVICE] = sizeof(struct dns_service),
        [DNS_POINTER] = sizeof(struct dns_pointer),
    };

    return sizes[kind] * count;
}

static struct dns_answer *copy_answer(enum dns_kind kind, const struct dns_answer *answer)
{
    size_t size = offsetof(struct dns_answer, addrs) + size_of_rows(kind, answer->count);
    struct dns_answer *copy = answer->count ? malloc(size) : NULL;

    if (copy)
        memcpy(copy, answer, size);
    return copy;
}

static msec lifetime_of(const struct names *names, const struct dns_answer *answer)
{
    const struct name_rules *rules = names->rules;
    msec ttl = (msec)answer->ttl * 1000;
    msec least = rule(rules->ttl_min, TTL_MIN), most = rule(rules->ttl_max, TTL_MAX);

    if (answer->count == 0)
        return rule(rules->absence_ttl, ABSENCE_TTL);
    if (ttl < least)
        return least;
    return ttl < most ? ttl : most;
}

static void keep_answer(struct name *name, const struct dns_answer *answer)
{
    struct names *names = name->names;
    msec now = loop_now(names->loop);

    lock_take(&names->lock);
    free(name->answer);
    name->answer = copy_answer(name->kind, answer);
    name->expires_at = names->rules->no_cache ? now : now + lifetime_of(names, answer);
    name->stale_until = name->expires_at + rule(names->rules->stale_ttl, STALE_TTL);
    lock_give(&names->lock);
    tell_waiters(name);
}

/* RFC 8767: what was true before is better than nothing while nobody answers. */
static void keep_failure(struct name *name)
{
    struct names *names = name->names;
    msec now = loop_now(names->loop);

    tally_add(&names->tally->names_failed, 1);
    lock_take(&names->lock);
    if (now >= name->stale_until || names->rules->no_cache) {
        free(name->answer);
        name->answer = NULL;
    }
    name->expires_at = names->rules->no_cache ? now : now + FAILURE_TTL;
    lock_give(&names->lock);
    tell_waiters(name);
}

static bool is_absence(int status)
{
    return status == ARES_ENODATA || status == ARES_ENOTFOUND;
}

static void ask(struct names *names, struct name *name);

static void on_answer(void *context, int status, int timeouts, unsigned char *bytes, int size)
{
    static const struct dns_answer nothing;
    struct name *name = context;
    struct dns_answer answer;
    enum err err = is_absence(status) ? ERR_NOT_FOUND : ERR_UNSUPPORTED;

    (void)timeouts;
    if (status == ARES_EDESTRUCTION)
        return;
    if (bytes && (status == ARES_SUCCESS || is_absence(status)))
        err = dns_read((struct str){ (char *)bytes, (size_t)size }, name->kind,
                       (struct str){ name->asked, name->len }, name->has_suffix, &answer);
    if (err == ERR_DENIED && name->strays++ < STRAYS_MAX)
        ask(name->names, name);
    else if (err == ERR_NOT_FOUND)
        keep_answer(name, &nothing);
    else if (err)
        keep_failure(name);
    else
        keep_answer(name, &answer);
}

/* ---- questions ---- */

/* Each letter in upper or lower case as it falls out. */
static void spell(struct names *names, struct name *name)
{
    uint64_t bits = 0;

    for (size_t i = 0; i < name->len; i++) {
        char c = name->text[i];

        if (i % 64 == 0)
            bits = random_u64(names->random);
        name->asked[i] = (char)(c >= 'a' && c <= 'z' && bits >> i % 64 & 1 ? c - 'a' + 'A' : c);
    }
}

static int family_of(enum dns_kind kind)
{
    return kind == DNS_IPV4 ? AF_INET : kind == DNS_IPV6 ? AF_INET6 : AF_UNSPEC;
}

static void copy_host(const struct hostent *host, uint8_t family, struct dns_answer *out)
{
    for (char **at = host->h_addr_list; *at && out->count < DNS_RECORDS_MAX; at++) {
        struct addr *addr = &out->addrs[out->count++];

        *addr = (struct addr){ .family = family };
        memcpy(addr->ip, *at, family == ADDR_IPV4 ? 4 : 16);
    }
}

/* The table of hosts of the machine knows addresses, and comes first. */
static bool find_in_hosts(struct names *names, struct name *name)
{
    struct dns_answer answer = { .ttl = 0 };
    struct hostent *host = NULL;

    if (family_of(name->kind) == AF_UNSPEC ||
        ares_gethostbyname_file(names->channel, name->text, family_of(name->kind), &host))
        return false;
    copy_host(host, name->kind == DNS_IPV4 ? ADDR_IPV4 : ADDR_IPV6, &answer);
    ares_free_hostent(host);
    if (answer.count == 0)
        return false;
    keep_answer(name, &answer);
    return true;
}

/* Domains of resolv.conf are tried for hosts, not for services, which are always whole names. */
static void ask(struct names *names, struct name *name)
{
    int type = dns_type(name->kind);

    tally_add(&names->tally->names_asked, 1);
    name->has_suffix = family_of(name->kind) != AF_UNSPEC && !names->rules->no_search;
    spell(names, name);
    if (name->has_suffix)
        ares_search(names->channel, name->asked, ns_c_in, type, on_answer, name);
    else
        ares_query(names->channel, name->asked, ns_c_in, type, on_answer, name);
    set_alarm(names);
}

static void begin(struct names *names, struct name *name)
{
    name->is_asked = true;
    name->strays = 0;
    if (!find_in_hosts(names, name))
        ask(names, name);
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

/* A name with room for its NUL, in lower case, without the dot of the root; false when it is none.
 */
static bool normalise(struct str name, char text[static DNS_NAME_MAX + 1], size_t *length)
{
    if (name.len > 0 && name.ptr[name.len - 1] == '.')
        name.len--;
    if (name.len == 0 || name.len > DNS_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] <= ' ' || name.ptr[i] > '~' || name.ptr[i] == '\\')
            return false;
        text[i] = char_lower(name.ptr[i]);
    }
    text[name.len] = '\0';
    *length = name.len;
    return true;
}

/* NULL: no room. *is_known: what is remembered may be used. */
static struct name *find_or_add(struct names *names, enum dns_kind kind, struct str text,
                                bool *is_known)
{
    struct name *name;

    lock_take(&names->lock);
    name = find_name(names, kind, text);
    if (name)
        note_use(name);
    else
        name = add_name(names, kind, text);
    *is_known = name && !name->is_asked && loop_now(names->loop) < name->expires_at;
    lock_give(&names->lock);
    return name;
}

/* False when the answer cannot be had. */
static bool find_or_ask(struct names *names, enum dns_kind kind, struct str text,
                        name_done_fn *done, void *context)
{
    bool is_known;
    struct name *name = find_or_add(names, kind, text, &is_known);

    if (is_known) {
        done(context, answer_of(name));
        return true;
    }
    if (!name || !wait_for(names, name, done, context))
        return false;
    if (!name->is_asked)
        begin(names, name);
    return true;
}

void names_find(struct names *names, enum dns_kind kind, struct str name, name_done_fn *done,
                void *context)
{
    static const struct dns_answer nothing;
    char text[DNS_NAME_MAX + 1];
    size_t length;

    if (!normalise(name, text, &length) ||
        !find_or_ask(names, kind, (struct str){ text, length }, done, context))
        done(context, &nothing);
}

/* ---- for anyone who asks ---- */

void names_each(struct names *names, void (*visit)(void *context, const struct name_report *report),
                void *context)
{
    msec now = clock_monotonic();

    lock_take(&names->lock);
    LIST_EACH(node, &names->ages)
    {
        const struct name *name = CONTAINER_OF(node, struct name, age);
        struct name_report report = {
            .kind = name->kind,
            .name = { name->text, name->len },
            .answer = answer_of(name),
            .left = name->expires_at > now ? name->expires_at - now : 0,
            .is_asked = name->expires_at == 0,
        };

        visit(context, &report);
    }
    lock_give(&names->lock);
}

unsigned names_clear(struct names *names)
{
    unsigned count = 0;

    lock_take(&names->lock);
    LIST_EACH(node, &names->ages)
    {
        struct name *name = CONTAINER_OF(node, struct name, age);

        name->expires_at = 0;
        name->stale_until = 0;
        count++;
    }
    lock_give(&names->lock);
    return count;
}

/* ---- beginning and end ---- */

/* The first servers of the machine, when not all of them are to be asked. */
static enum err limit_servers(struct names *names)
{
    struct ares_addr_port_node *servers = NULL, *last;
    unsigned most = names->rules->servers_max;
    int status;

    if (most == 0 || ares_get_servers_ports(names->channel, &servers) != ARES_SUCCESS)
        return ERR_NONE;
    last = servers;
    for (unsigned i = 1; last && i < most; i++)
        last = last->next;
    if (!last || !last->next) {
        ares_free_data(servers);
        return ERR_NONE;
    }
    struct ares_addr_port_node *rest = last->next;

    last->next = NULL;
    status = ares_set_servers_ports(names->channel, servers);
    last->next = rest;
    ares_free_data(servers);
    return status == ARES_SUCCESS ? ERR_NONE : ERR_NOMEM;
}

static enum err choose_servers(struct names *names)
{
    enum err err;

    if (!names->rules->servers)
        return limit_servers(names);
    err = names_set_servers(names, names->rules->servers);
    if (err)
        log_error("dns_servers: \"%s\" is no list of addresses; write 192.0.2.53,[2001:db8::53]:53",
                  names->rules->servers);
    return err;
}

static enum err open_channel(struct names *names)
{
    struct ares_options options = {
        .timeout = (int)rule(names->rules->timeout, TIMEOUT),
        .tries = names->rules->tries ? (int)names->rules->tries : TRIES,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = names,
    };
    int which = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;

    if (ares_init_options(&names->channel, &options, which) != ARES_SUCCESS)
        return ERR_IO;
    names->has_channel = true;
    return choose_servers(names);
}

static enum err open_names(struct names *names)
{
    names->random = random_system_create();
    if (!names->random)
        return ERR_NOMEM;
    hash_key_random(names->random, &names->key);
    return open_channel(names);
}

enum err names_create(struct loop *loop, const struct name_rules *rules, struct tally *tally,
                      struct names **out)
{
    struct names *names = calloc(1, sizeof *names);
    enum err err;

    if (!names)
        return ERR_NOMEM;
    names->loop = loop;
    names->rules = rules;
    names->tally = tally;
    list_init(&names->sockets);
    list_init(&names->ages);
    table_init(&names->table);
    lock_init(&names->lock);
    uv_timer_init(loop_uv(loop), &names->alarm);
    names->alarm.data = names;
    names->handles = 1;
    err = open_names(names);
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
    lock_fini(&names->lock);
    random_system_destroy(names->random);
    uv_close((uv_handle_t *)&names->alarm, on_alarm_closed);
}

enum err names_set_servers(struct names *names, const char *servers)
{
    return ares_set_servers_ports_csv(names->channel, servers) == ARES_SUCCESS ? ERR_NONE
                                                                               : ERR_SYNTAX;
}
