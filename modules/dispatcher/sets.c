/* SPDX-License-Identifier: Apache-2.0 */
/* From rows to sets. */
#include "sets.h"

#include <stdlib.h>

#include <culvert/cursor.h>
#include <culvert/log.h>
#include <culvert/uri.h>

enum {
    ROWS_MAX = 65536,
    ROWS_MEMORY_MAX = 64 * 1024 * 1024,
};

/* ---- rows ---- */

struct listing *listing_create(void)
{
    struct listing *rows = calloc(1, sizeof *rows);

    if (rows)
        arena_init(&rows->arena, NULL, ROWS_MEMORY_MAX);
    return rows;
}

void listing_destroy(struct listing *rows)
{
    if (!rows)
        return;
    arena_fini(&rows->arena);
    free(rows->items);
    free(rows);
}

static enum err make_room(struct listing *rows)
{
    size_t room = rows->room ? 2 * rows->room : 16;
    struct row *items;

    if (rows->count < rows->room)
        return ERR_NONE;
    if (room > ROWS_MAX || !(items = realloc(rows->items, room * sizeof *items)))
        return ERR_NOMEM;
    rows->items = items;
    rows->room = room;
    return ERR_NONE;
}

enum err listing_add(struct listing *rows, const struct row *row)
{
    struct row copy = *row;
    struct sip_uri uri;
    enum err err;

    if (sip_uri_parse(row->uri, &uri) || uri.scheme > URI_SIPS || str_is_empty(uri.host))
        return ERR_SYNTAX;
    if ((err = make_room(rows)) || (err = str_copy(&rows->arena, row->uri, &copy.uri)) ||
        (err = str_copy(&rows->arena, row->attrs, &copy.attrs)))
        return err;
    rows->items[rows->count++] = copy;
    return ERR_NONE;
}

static struct str take_word(struct str *rest)
{
    struct str line = str_trim(*rest);
    size_t length = 0;

    while (length < line.len && line.ptr[length] != ' ' && line.ptr[length] != '\t')
        length++;
    *rest = str_trim(str_skip(line, length));
    return (struct str){ line.ptr, length };
}

static bool take_number(struct str *rest, int64_t min, int64_t max, int64_t *out)
{
    struct str word = take_word(rest);

    return str_is_empty(word) || !str_to_int(word, min, max, out);
}

enum err listing_add_line(struct listing *rows, struct str line)
{
    const char *hash = str_find_char(line, '#');
    struct row row = { .set = -1 };
    int64_t flags = 0;

    if (hash && (hash == line.ptr || hash[-1] == ' ' || hash[-1] == '\t'))
        line = str_between(line.ptr, hash);
    line = str_trim(line);
    if (str_is_empty(line))
        return ERR_NOT_FOUND;
    if (!take_number(&line, 0, INT32_MAX, &row.set))
        return ERR_SYNTAX;
    row.uri = take_word(&line);
    if (!take_number(&line, 0, DEST_FLAGS, &flags) ||
        !take_number(&line, INT32_MIN, INT32_MAX, &row.priority))
        return ERR_SYNTAX;
    row.flags = (unsigned)flags;
    row.attrs = sip_unquote(line);
    return listing_add(rows, &row);
}

/* ---- attributes ---- */

static int64_t number_of(struct str attrs, struct str name)
{
    int64_t number = 0;

    return str_to_int(sip_param_value(attrs, name), 0, INT32_MAX, &number) ? 0 : number;
}

static void read_attrs(struct dest *dest)
{
    struct str attrs = dest->attrs;

    dest->duid = sip_param_value(attrs, STR("duid"));
    dest->socket = sip_param_value(attrs, STR("socket"));
    dest->sockname = sip_param_value(attrs, STR("sockname"));
    dest->ping_from = sip_param_value(attrs, STR("ping_from"));
    dest->obproxy = sip_param_value(attrs, STR("obproxy"));
    dest->maxload = number_of(attrs, STR("maxload"));
    dest->weight = number_of(attrs, STR("weight"));
    dest->rweight = number_of(attrs, STR("rweight"));
    dest->has_congestion_control = number_of(attrs, STR("cc")) == 1;
}

/* ---- destinations ---- */

static void read_uri(struct dest *dest, const struct row *row, const struct sets_rules *rules)
{
    struct sip_uri uri;

    if (sip_uri_parse(dest->uri, &uri)) /* as listing_add() has seen, it is one */
        return;
    dest->hostport = str_between(uri.host.ptr, dest->uri.ptr + dest->uri.len);
    dest->port = uri.port;
    dest->transport = sip_param_value(uri.params, STR("transport"));
    if (!addr_parse_ip(uri.host, &dest->addrs[0]))
        dest->addr_count = 1;
    else if (rules->resolve && !(row->flags & DEST_NO_DNS))
        dest->addr_count = rules->resolve(uri.host, dest->addrs);
}

static enum err fill_dest(struct dest *dest, const struct row *row, struct book *book,
                          const struct sets_rules *rules)
{
    bool is_new = false;

    *dest = (struct dest){ .uri = row->uri, .attrs = row->attrs, .priority = row->priority };
    dest->live = book_find(book, row->set, row->uri, &is_new);
    if (!dest->live)
        return ERR_NOMEM;
    if (is_new || dest->live->listed != row->flags)
        atomic_store(&dest->live->state, state_of(row->flags));
    dest->live->listed = row->flags;
    read_attrs(dest);
    read_uri(dest, row, rules);
    return ERR_NONE;
}

/* ---- sets ---- */

struct placed {
    const struct row *row;
    size_t at;
};

static int compare_sets(const struct placed *a, const struct placed *b)
{
    return (a->row->set > b->row->set) - (a->row->set < b->row->set);
}

static int in_file_order(const void *left, const void *right)
{
    const struct placed *a = left, *b = right;
    int order = compare_sets(a, b);

    return order ? order : (a->at > b->at) - (a->at < b->at);
}

static int by_priority(const void *left, const void *right)
{
    const struct placed *a = left, *b = right;
    int order = compare_sets(a, b);

    if (order == 0)
        order = (b->row->priority > a->row->priority) - (b->row->priority < a->row->priority);
    return order ? order : (b->at > a->at) - (b->at < a->at);
}

static struct placed *sort_rows(const struct listing *rows, const struct sets_rules *rules)
{
    struct placed *placed = malloc((rows->count + 1) * sizeof *placed);

    for (size_t i = 0; placed && i < rows->count; i++)
        placed[i] = (struct placed){ &rows->items[i], i };
    if (placed)
        qsort(placed, rows->count, sizeof *placed, rules->is_file_order ? in_file_order : by_priority);
    return placed;
}

/* The same destination twice in a set is one. */
static bool is_known(const struct set *set, struct str uri)
{
    return set && set_find(set, uri) != NULL;
}

static enum err place(struct sets *sets, struct dest *dest, const struct row *row, struct book *book,
                      const struct sets_rules *rules)
{
    struct set *last = sets->count ? &sets->items[sets->count - 1] : NULL;
    enum err err;

    if (last && last->id != row->set)
        last = NULL;
    if (is_known(last, row->uri))
        return ERR_NONE;
    if ((err = fill_dest(dest, row, book, rules)))
        return err;
    if (!last) {
        last = &sets->items[sets->count++];
        *last = (struct set){ .id = row->set, .dests = dest };
    }
    last->count++;
    sets->dest_count++;
    return ERR_NONE;
}

static enum err fill(struct sets *sets, struct book *book, const struct sets_rules *rules)
{
    struct arena *arena = &sets->rows->arena;
    size_t count = sets->rows->count;
    struct placed *placed = sort_rows(sets->rows, rules);
    struct dest *dests = arena_alloc(arena, (count + 1) * sizeof *dests);
    enum err err = placed && dests ? ERR_NONE : ERR_NOMEM;

    sets->items = arena_alloc(arena, (count + 1) * sizeof *sets->items);
    if (!sets->items)
        err = ERR_NOMEM;
    for (size_t i = 0; !err && i < count; i++)
        err = place(sets, &dests[sets->dest_count], placed[i].row, book, rules);
    free(placed);
    return err;
}

enum err sets_create(struct listing *rows, struct book *book, const struct sets_rules *rules,
                     struct sets **out)
{
    struct sets *sets = calloc(1, sizeof *sets);
    enum err err = ERR_NOMEM;

    if (!sets) {
        listing_destroy(rows);
        return err;
    }
    sets->rows = rows;
    if ((err = fill(sets, book, rules))) {
        sets_destroy(sets);
        return err;
    }
    *out = sets;
    return ERR_NONE;
}

void sets_destroy(struct sets *sets)
{
    if (!sets)
        return;
    listing_destroy(sets->rows);
    free(sets);
}

struct set *sets_find(const struct sets *sets, int64_t id)
{
    size_t low = 0, high = sets ? sets->count : 0;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sets->items[middle].id == id)
            return &sets->items[middle];
        if (sets->items[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

struct dest *set_find(const struct set *set, struct str uri)
{
    for (unsigned i = 0; i < set->count; i++)
        if (str_eq(set->dests[i].uri, uri))
            return &set->dests[i];
    return NULL;
}
