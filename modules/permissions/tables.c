/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of addresses and trusted peers, read into lists that are replaced as a whole. */
#include "permissions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    READ_AGAIN = 5000, /* milliseconds; db_mode 0 */
};

/* ---- columns ---- */

static int64_t number_of(const struct value *value, int64_t otherwise)
{
    int64_t number;

    if (value->has_number)
        return value->number;
    return value->has_text && !str_to_int(value->text, INT32_MIN, UINT32_MAX, &number) ? number
                                                                                      : otherwise;
}

static struct str text_of(const struct value *value)
{
    return value->has_text ? value->text : STR("");
}

/* ---- addresses ---- */

static void swap_addresses(struct permissions *permissions, struct address_list *list)
{
    struct address_list *old;

    address_list_sort(list);
    pthread_rwlock_wrlock(&permissions->lock);
    old = permissions->addresses;
    permissions->addresses = list;
    pthread_rwlock_unlock(&permissions->lock);
    address_list_destroy(old);
}

static void complain(const char *table, enum err err)
{
    if (err != ERR_NOT_NOW) /* the server stops */
        log_error("permissions: the table of %s cannot be read: %s", table, err_name(err));
}

static void take_addresses(void *context, const struct store_result *result)
{
    struct address_list *list = result->err ? NULL : address_list_create(result->row_count);

    if (!list) {
        complain("addresses", result->err ? result->err : ERR_NOMEM);
        return;
    }
    for (unsigned i = 0; i < result->row_count; i++) {
        const struct value *columns = result->rows[i].columns;
        address_list_add(list, number_of(&columns[0], 0), text_of(&columns[1]),
                         number_of(&columns[2], 32), number_of(&columns[3], 0),
                         result->rows[i].column_count > 4 ? text_of(&columns[4]) : STR(""));
    }
    swap_addresses(context, list);
}

/* ---- the file of addresses: group address [mask [port [tag]]] ---- */

static struct str take_word(struct str *rest)
{
    struct str line = str_trim(*rest), word = line;

    for (word.len = 0; word.len < line.len && line.ptr[word.len] != ' ' && line.ptr[word.len] != '\t';)
        word.len++;
    *rest = str_skip(line, word.len);
    return word;
}

static bool add_line(struct address_list *list, struct str line)
{
    struct value group = value_of_str(take_word(&line));
    struct str host = take_word(&line);
    struct value mask = value_of_str(take_word(&line)), port = value_of_str(take_word(&line));
    int64_t number = number_of(&group, -1);

    if (number < 0 || str_is_empty(host))
        return false;
    address_list_add(list, number, host, number_of(&mask, -1), number_of(&port, 0), take_word(&line));
    return true;
}

static struct address_list *read_lines(FILE *file, const char *path)
{
    struct address_list *list;
    char *line = NULL;
    size_t room = 0, lines = 0;
    ssize_t length;

    while (getline(&line, &room, file) >= 0)
        lines++;
    rewind(file);
    list = address_list_create(lines);
    for (size_t number = 1; list && number <= lines && (length = getline(&line, &room, file)) >= 0; number++) {
        struct str text = str_trim((struct str){ line, (size_t)length });
        if (text.len && text.ptr[0] != '#' && !add_line(list, text))
            log_error("permissions: %s:%zu is left out: it is not  group address mask port tag", path, number);
    }
    free(line);
    return list;
}

static enum err read_file(struct module *module)
{
    struct permissions *permissions = module_state(module);
    struct arena arena;
    const char *path;
    struct address_list *list = NULL;
    FILE *file = NULL;

    arena_init(&arena, NULL, 65536);
    if (!permissions_path(module, &arena, permissions->address_file, STR(""), &path)) {
        if ((file = fopen(path, "re")))
            list = read_lines(file, path);
        else
            log_error("permissions: %s cannot be read: %s", path, strerror(errno));
    }
    if (file)
        fclose(file);
    arena_fini(&arena);
    if (!list)
        return ERR_IO;
    swap_addresses(permissions, list);
    return ERR_NONE;
}

/* ---- trusted peers ---- */

static void take_trusted(void *context, const struct store_result *result)
{
    struct permissions *permissions = context;
    struct trusted_list *list = result->err ? NULL : trusted_list_create(result->row_count), *old;

    if (!list) {
        complain("trusted peers", result->err ? result->err : ERR_NOMEM);
        return;
    }
    for (unsigned i = 0; i < result->row_count; i++) {
        const struct value *columns = result->rows[i].columns;
        bool is_long = result->rows[i].column_count > 4;
        struct trusted row = { .proto = text_of(&columns[1]), .from_text = text_of(&columns[2]),
                               .tag = text_of(&columns[3]),
                               .ruri_text = is_long ? text_of(&columns[4]) : STR(""),
                               .priority = is_long ? number_of(&columns[5], 0) : 0 };
        trusted_list_add(list, &row, text_of(&columns[0]));
    }
    trusted_list_sort(list);
    pthread_rwlock_wrlock(&permissions->lock);
    old = permissions->trusted;
    permissions->trusted = list;
    pthread_rwlock_unlock(&permissions->lock);
    trusted_list_destroy(old);
}

/* ---- reading ---- */

enum err permissions_reload_addresses(struct module *module)
{
    struct permissions *permissions = module_state(module);

    if (!(permissions->load_backends & BACKEND_ADDRESS))
        return ERR_UNSUPPORTED;
    permissions->addresses_read_at = server_now(module_server(module));
    if (!str_is_empty(permissions->address_file))
        return read_file(module);
    return store_run(permissions->store, permissions->address_query, NULL, 0, take_addresses,
                     permissions);
}

enum err permissions_reload_trusted(struct module *module)
{
    struct permissions *permissions = module_state(module);

    if (!(permissions->load_backends & BACKEND_TRUSTED))
        return ERR_UNSUPPORTED;
    permissions->trusted_read_at = server_now(module_server(module));
    return store_run(permissions->store, permissions->trusted_query, NULL, 0, take_trusted,
                     permissions);
}

static void take_addresses_again(void *context, const struct store_result *result)
{
    struct permissions *permissions = context;

    take_addresses(permissions, result);
    permissions->reading--;
}

static void take_trusted_again(void *context, const struct store_result *result)
{
    struct permissions *permissions = context;

    take_trusted(permissions, result);
    permissions->reading--;
}

/* On the thread of the store: the lists are made there, and no worker waits for that. */
static void read_again(struct permissions *permissions, struct str query, store_done_fn *done)
{
    permissions->reading++;
    if (store_query(permissions->store, NULL, query, NULL, 0, done, permissions))
        permissions->reading--;
}

void permissions_tick(struct module *module, unsigned index, msec now)
{
    struct permissions *permissions = module_state(module);
    bool is_openser;

    if (index != 0 || permissions->db_mode != 0 || now < permissions->read_again_at ||
        permissions->reading != 0)
        return;
    permissions->read_again_at = now + READ_AGAIN;
    is_openser = server_is_openser(module_server(module)); /* Kamailio keeps addresses in any case */
    if (is_openser && permissions->load_backends & BACKEND_ADDRESS && str_is_empty(permissions->address_file))
        read_again(permissions, permissions->address_query, take_addresses_again);
    if (permissions->load_backends & BACKEND_TRUSTED)
        read_again(permissions, permissions->trusted_query, take_trusted_again);
}

/* The tables of OpenSER lack a few columns. */
static enum err write_queries(struct module *module)
{
    struct permissions *p = module_state(module);
    bool is_openser = server_is_openser(module_server(module));
    struct arena *arena = module_arena(module);
    struct str more = STR(""), tag = STR("");
    enum err err = ERR_NONE;

    if (!is_openser)
        err = str_print(arena, &more, "," STR_FMT "," STR_FMT, STR_ARG(p->ruri_col),
                        STR_ARG(p->priority_col));
    if (!err && !is_openser)
        err = str_print(arena, &tag, "," STR_FMT, STR_ARG(p->tag_col));
    if (!err)
        err = str_print(arena, &p->address_query,
                        "SELECT " STR_FMT "," STR_FMT "," STR_FMT "," STR_FMT STR_FMT " FROM " STR_FMT,
                        STR_ARG(p->grp_col), STR_ARG(p->ip_addr_col), STR_ARG(p->mask_col),
                        STR_ARG(p->port_col), STR_ARG(tag), STR_ARG(p->address_table));
    if (!err)
        err = str_print(arena, &p->trusted_query,
                        "SELECT " STR_FMT "," STR_FMT "," STR_FMT "," STR_FMT STR_FMT " FROM " STR_FMT,
                        STR_ARG(p->source_col), STR_ARG(p->proto_col), STR_ARG(p->from_col),
                        STR_ARG(p->tag_col), STR_ARG(more), STR_ARG(p->trusted_table));
    return err;
}

static bool needs_store(const struct permissions *permissions)
{
    return (permissions->load_backends & BACKEND_TRUSTED) ||
           ((permissions->load_backends & BACKEND_ADDRESS) && str_is_empty(permissions->address_file));
}

enum err permissions_open_tables(struct module *module)
{
    struct permissions *permissions = module_state(module);
    enum err err = write_queries(module);

    pthread_rwlock_init(&permissions->lock, NULL);
    if (!err && needs_store(permissions))
        err = store_open(permissions->db_url, &permissions->store);
    if (err)
        return err;
    if (permissions->load_backends & BACKEND_ADDRESS)
        err = permissions_reload_addresses(module);
    if (!err && permissions->load_backends & BACKEND_TRUSTED)
        err = permissions_reload_trusted(module);
    return err;
}

void permissions_close_tables(struct permissions *permissions)
{
    if (permissions->store)
        store_drain(permissions->store); /* what reads again now and then fills our lists */
    store_close(permissions->store);
    address_list_destroy(permissions->addresses);
    trusted_list_destroy(permissions->trusted);
    pthread_rwlock_destroy(&permissions->lock);
}
