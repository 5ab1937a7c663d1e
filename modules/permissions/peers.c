/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of addresses and of trusted peers: made as a whole, then only read. */
#include "permissions.h"

#include <stdlib.h>

enum {
    TEXTS_MAX = 256 << 20, /* bytes of names and tags of one list */
};

static unsigned all_bits(const struct addr *addr)
{
    return addr->family == ADDR_IPV6 ? 128 : 32;
}

static int compare_ip(const struct addr *a, const struct addr *b)
{
    return a->family != b->family ? (a->family < b->family ? -1 : 1) : memcmp(a->ip, b->ip, sizeof a->ip);
}

/* The first of `count` rows, each beginning with an address and sorted by it, that is not below. */
static size_t first_from(const void *rows, size_t count, size_t row_size, const struct addr *addr)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const void *row = (const char *)rows + middle * row_size;
        if (compare_ip(row, addr) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- addresses ---- */

struct address_list *address_list_create(size_t room)
{
    struct address_list *list = calloc(1, sizeof *list + room * sizeof list->rows[0]);

    if (list)
        arena_init(&list->arena, NULL, TEXTS_MAX);
    return list;
}

void address_list_destroy(struct address_list *list)
{
    if (list)
        arena_fini(&list->arena);
    free(list);
}

/* The network of a row, a single address when bits are negative; a name has none. False when there is no such. */
static bool set_network(struct address *row, struct str host, int64_t bits)
{
    struct str head, tail;
    uint64_t number;

    if (str_split(host, '/', &head, &tail)) {
        if (str_to_uint(tail, 0, 128, &number))
            return false;
        host = head;
        bits = (int64_t)number;
    }
    if (addr_parse_ip(host, &row->addr)) {
        row->addr = (struct addr){ 0 };
        return host.len > 0;
    }
    row->bits = bits < 0 ? all_bits(&row->addr) : (unsigned)bits;
    return bits <= all_bits(&row->addr);
}

void address_list_add(struct address_list *list, int64_t group, struct str host, int64_t bits,
                      int64_t port, struct str tag)
{
    struct address *row = &list->rows[list->count];

    *row = (struct address){ .group = group, .order = (unsigned)list->count };
    host = str_trim(host);
    if (port < 0 || port > UINT16_MAX || !set_network(row, host, bits)) {
        log_error("permissions: " STR_FMT "/%lld port %lld of group %lld is left out: no such network",
                  STR_ARG(host), (long long)bits, (long long)port, (long long)group);
        return;
    }
    row->port = (uint16_t)port;
    if (str_copy(&list->arena, host, &row->name) || str_copy(&list->arena, tag, &row->tag))
        log_error("permissions: the table of addresses is too large");
    else
        list->count++;
}

enum rank {
    RANK_SINGLE,
    RANK_NETWORK,
    RANK_NAME,
};

static enum rank rank_of(const struct address *row)
{
    if (row->addr.family == ADDR_NONE)
        return RANK_NAME;
    return row->bits == all_bits(&row->addr) ? RANK_SINGLE : RANK_NETWORK;
}

/* Of equal single addresses the later one comes first; networks go by their groups. */
static int compare_addresses(const void *left, const void *right)
{
    const struct address *a = left, *b = right;
    enum rank rank = rank_of(a), other = rank_of(b);
    int order;

    if (rank != other)
        return rank < other ? -1 : 1;
    if (rank == RANK_SINGLE) {
        order = compare_ip(&a->addr, &b->addr);
        return order ? order : a->order > b->order ? -1 : 1;
    }
    if (rank == RANK_NETWORK && a->group != b->group)
        return a->group < b->group ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

void address_list_sort(struct address_list *list)
{
    qsort(list->rows, list->count, sizeof list->rows[0], compare_addresses);
    while (list->networks_at < list->count && rank_of(&list->rows[list->networks_at]) == RANK_SINGLE)
        list->networks_at++;
    list->names_at = list->networks_at;
    while (list->names_at < list->count && rank_of(&list->rows[list->names_at]) == RANK_NETWORK)
        list->names_at++;
}

static bool address_matches(const struct address *row, const struct address_query *query)
{
    if (query->group != GROUP_ANY && query->group != row->group)
        return false;
    if (row->port != 0 && row->port != query->port)
        return false;
    if (row->addr.family == ADDR_NONE)
        return query->addr.family == ADDR_NONE && str_ieq(row->name, query->name);
    return row->addr.family == query->addr.family && addr_in_net(&query->addr, &row->addr, row->bits);
}

const struct address *address_list_find(const struct address_list *list,
                                        const struct address_query *query,
                                        const struct address *after)
{
    size_t i;

    if (!list)
        return NULL;
    i = after ? (size_t)(after - list->rows) + 1
              : first_from(list->rows, list->networks_at, sizeof list->rows[0], &query->addr);
    for (; i < list->count; i++) {
        if (i < list->networks_at && compare_ip(&list->rows[i].addr, &query->addr) != 0)
            i = list->networks_at;
        if (i < list->count && address_matches(&list->rows[i], query))
            return &list->rows[i];
    }
    return NULL;
}

/* ---- trusted peers ---- */

struct trusted_list *trusted_list_create(size_t room)
{
    struct trusted_list *list = calloc(1, sizeof *list + room * sizeof list->rows[0]);

    if (list)
        arena_init(&list->arena, NULL, TEXTS_MAX);
    return list;
}

void trusted_list_destroy(struct trusted_list *list)
{
    for (size_t i = 0; list && i < list->count; i++) {
        regex_destroy(list->rows[i].from);
        regex_destroy(list->rows[i].ruri);
    }
    if (list)
        arena_fini(&list->arena);
    free(list);
}

/*
 * The patterns of this table are basic expressions, in which the extended ones' signs want a backslash.
 * `room` holds twice the text.
 */
static struct str extended_of(struct str basic, char *room, size_t size)
{
    struct writer w = writer_over(room, size);
    bool is_in_set = false;

    for (size_t i = 0; i < basic.len; i++) {
        char c = basic.ptr[i];
        bool is_sign = strchr("(){}+?|", c) != NULL;
        if (!is_in_set && c == '\\' && i + 1 < basic.len) {
            c = basic.ptr[++i];
            if (!strchr("(){}+?|", c))
                write_char(&w, '\\');
        } else if (!is_in_set && is_sign) {
            write_char(&w, '\\');
        } else if (c == '[' || c == ']') {
            is_in_set = c == '[';
        }
        write_char(&w, c);
    }
    return writer_text(&w);
}

static enum err compile_basic(struct trusted_list *list, struct str text, struct regex **out)
{
    size_t size = 2 * text.len + 1;
    char *room = arena_alloc(&list->arena, size);

    return room ? regex_compile(extended_of(text, room, size), REGEX_CASE, out, NULL, 0) : ERR_NOMEM;
}

static enum err take_pattern(struct trusted_list *list, struct str *text, struct regex **out)
{
    enum err err;

    if (str_is_empty(*text))
        return ERR_NONE;
    err = compile_basic(list, *text, out);
    return err ? err : str_copy(&list->arena, *text, text);
}

void trusted_list_add(struct trusted_list *list, const struct trusted *row, struct str host)
{
    struct trusted *to = &list->rows[list->count];
    enum err err;

    *to = *row;
    to->order = (unsigned)list->count;
    if (!(err = addr_parse_ip(str_trim(host), &to->addr)) &&
        !(err = take_pattern(list, &to->from_text, &to->from)) &&
        !(err = take_pattern(list, &to->ruri_text, &to->ruri)) &&
        !(err = str_copy(&list->arena, to->proto, &to->proto)) &&
        !(err = str_copy(&list->arena, to->tag, &to->tag))) {
        list->count++;
        return;
    }
    regex_destroy(to->from);
    regex_destroy(to->ruri);
    log_error("permissions: the trusted peer " STR_FMT " is left out: no address or a bad pattern (%s)",
              STR_ARG(host), err_name(err));
}

static int compare_trusted(const void *left, const void *right)
{
    const struct trusted *a = left, *b = right;
    int order = compare_ip(&a->addr, &b->addr);

    if (order)
        return order;
    if (a->priority != b->priority)
        return a->priority > b->priority ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

void trusted_list_sort(struct trusted_list *list)
{
    qsort(list->rows, list->count, sizeof list->rows[0], compare_trusted);
}

static bool trusted_matches(const struct trusted *row, const struct trusted_query *query)
{
    return (str_ieq(row->proto, STR("any")) || str_ieq(row->proto, query->proto)) &&
           (!row->from || regex_match(row->from, query->from, NULL)) &&
           (!row->ruri || regex_match(row->ruri, query->ruri, NULL));
}

const struct trusted *trusted_list_find(const struct trusted_list *list,
                                        const struct trusted_query *query,
                                        const struct trusted *after)
{
    size_t i;

    if (!list)
        return NULL;
    i = after ? (size_t)(after - list->rows) + 1
              : first_from(list->rows, list->count, sizeof list->rows[0], &query->addr);
    for (; i < list->count && compare_ip(&list->rows[i].addr, &query->addr) == 0; i++)
        if (trusted_matches(&list->rows[i], query))
            return &list->rows[i];
    return NULL;
}
