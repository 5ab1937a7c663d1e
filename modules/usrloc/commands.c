/* SPDX-License-Identifier: Apache-2.0 */
/* Asking for bindings, and changing them, from outside: RPC names of Kamailio, MI names of OpenSER. */
#include "usrloc.h"

enum {
    TABLES_MAX = 32,
    LINE_MAX = 2048,
};

/* ---- what is told of a binding ---- */

struct telling {
    struct command *command;
    struct server *server;
    msec now;
    bool is_brief;
    struct str table; /* the one that is told of */
    char aor[512];    /* that is open; is_open says whether one is */
    size_t aor_length;
    bool is_open;
    int64_t count;
};

static struct str or_not_set(struct str text)
{
    return str_is_empty(text) ? STR("[not set]") : text;
}

static struct str socket_name(const struct server *server, const struct flow *flow)
{
    unsigned count;
    const struct listener *listeners = server_listeners(server, &count);

    return flow->socket < count ? listeners[flow->socket].name : (struct str){ 0 };
}

static int64_t seconds_left(const struct binding *binding, msec now)
{
    return binding->expires_at > now ? (int64_t)((binding->expires_at - now) / 1000) : 0;
}

static void tell_expires(const struct telling *telling, const struct binding *binding)
{
    if (binding->expires_at == BINDING_FOREVER)
        command_text(telling->command, "Expires", STR("permanent"));
    else
        command_number(telling->command, "Expires", seconds_left(binding, telling->now));
}

static void tell_q(struct command *command, int q)
{
    char buffer[16];
    struct writer w = writer_over(buffer, sizeof buffer);

    write_fmt(&w, "%d.%03d", q / 1000, q % 1000);
    command_text(command, "Q", q < 0 ? STR("-1") : writer_text(&w));
}

static void tell_contact(const struct telling *telling, const struct binding *binding)
{
    struct command *command = telling->command;
    int64_t wall = (int64_t)server_wall_clock(telling->server);
    int64_t age = ((int64_t)telling->now - (int64_t)binding->updated_at) / 1000;

    command_open_object(command, "");
    command_open_object(command, "Contact");
    command_text(command, "Address", binding->contact);
    tell_expires(telling, binding);
    tell_q(command, binding->q);
    command_text(command, "Call-ID", binding->call_id);
    command_number(command, "CSeq", binding->cseq);
    command_text(command, "User-Agent", or_not_set(binding->user_agent));
    command_text(command, "Received", or_not_set(binding->received));
    command_text(command, "Path", or_not_set(binding->path));
    command_text(command, "State", binding->is_volatile ? STR("CS_NEW") : STR("CS_SYNC"));
    command_number(command, "Flags", binding->flags);
    command_number(command, "CFlags", binding->cflags);
    command_text(command, "Socket",
                 or_not_set(socket_name(telling->server, &binding->flow)));
    command_number(command, "Methods", binding->methods);
    command_text(command, "Ruid", binding->ruid);
    command_text(command, "Instance", or_not_set(binding->instance));
    command_number(command, "Reg-Id", binding->reg_id);
    command_number(command, "Server-Id", 0);
    command_number(command, "Tcpconn-Id",
                   binding->flow.connection == JOURNAL_CONNECTION_GONE
                       ? -1
                       : (int64_t)binding->flow.connection);
    command_number(command, "Keepalive", binding->ping_sent_at ? 1 : 0);
    command_number(command, "KA-Roundtrip", (int64_t)binding->round_trip * 1000);
    command_number(command, "Last-Modified", wall - age);
    command_close(command);
    command_close(command);
}

/* ---- everything ---- */

static void close_aor(struct telling *telling)
{
    if (!telling->is_open)
        return;
    if (!telling->is_brief)
        command_close(telling->command);
    command_close(telling->command);
    command_close(telling->command);
    telling->is_open = false;
}

static void open_aor(struct telling *telling, struct str aor)
{
    telling->aor_length = aor.len < sizeof telling->aor ? aor.len : sizeof telling->aor;
    memcpy(telling->aor, aor.ptr, telling->aor_length);
    telling->is_open = true;
    command_open_object(telling->command, "");
    command_open_object(telling->command, "Info");
    command_text(telling->command, "AoR", aor);
    if (!telling->is_brief)
        command_open_list(telling->command, "Contacts");
}

/* Bindings of one address-of-record come one after the other. */
static void tell_in_dump(void *context, const struct binding *binding)
{
    struct telling *telling = context;
    struct str open = { telling->aor, telling->aor_length };

    if (!str_eq(binding->table, telling->table))
        return;
    if (!telling->is_open || !str_eq(open, binding->aor)) {
        close_aor(telling);
        open_aor(telling, binding->aor);
    }
    if (!telling->is_brief)
        tell_contact(telling, binding);
    telling->count++;
}

struct table_names {
    char texts[TABLES_MAX][64];
    struct str names[TABLES_MAX];
    unsigned count;
};

static void note_table(void *context, const struct binding *binding)
{
    struct table_names *tables = context;

    for (unsigned i = 0; i < tables->count; i++)
        if (str_eq(tables->names[i], binding->table))
            return;
    if (tables->count == TABLES_MAX || binding->table.len > sizeof tables->texts[0])
        return;
    memcpy(tables->texts[tables->count], binding->table.ptr, binding->table.len);
    tables->names[tables->count] =
        (struct str){ tables->texts[tables->count], binding->table.len };
    tables->count++;
}

static void dump_table(struct telling *telling, struct str table)
{
    struct command *command = telling->command;

    telling->table = table;
    telling->count = 0;
    command_open_object(command, "");
    command_open_object(command, "Domain");
    command_text(command, "Domain", table);
    command_open_list(command, "AoRs");
    location_each(server_location(telling->server), 0, 1, telling->now, tell_in_dump, telling);
    close_aor(telling);
    command_close(command);
    command_open_object(command, "Stats");
    command_number(command, "Records", telling->count);
    command_close(command);
    command_close(command);
    command_close(command);
}

static struct telling start_telling(struct module *module, struct command *command)
{
    struct server *server = module_server(module);

    return (struct telling){ .command = command, .server = server, .now = server_now(server) };
}

static enum err run_dump(struct module *module, struct command *command)
{
    struct telling telling = start_telling(module, command);
    struct table_names tables = { .count = 0 };

    telling.is_brief = str_ieq(command_arg(command, 0), STR("brief"));
    location_each(server_location(telling.server), 0, 1, telling.now, note_table, &tables);
    command_open_list(command, "Domains");
    for (unsigned i = 0; i < tables.count; i++)
        dump_table(&telling, tables.names[i]);
    command_close(command);
    return ERR_NONE;
}

/* ---- one address-of-record ---- */

/* As the registrar writes them: lower case. A domain is needed where use_domain says so. */
static enum err read_aor(struct module *module, struct command *command, struct arena *arena,
                         struct str *out)
{
    const struct usrloc *usrloc = module_state(module);
    struct str aor = command_arg(command, 1), user, domain;
    char *bytes = arena_alloc(arena, aor.len + 1);

    if (str_is_empty(command_arg(command, 0)) || str_is_empty(aor))
        return command_fail(command, ERR_SYNTAX, "write: table address-of-record");
    if (!bytes)
        return command_fail(command, ERR_NOMEM, "no memory");
    for (size_t i = 0; i < aor.len; i++)
        bytes[i] = char_lower(aor.ptr[i]);
    *out = (struct str){ bytes, aor.len };
    if (str_split(*out, '@', &user, &domain)) {
        if (!usrloc->use_domain)
            *out = user;
    } else if (usrloc->use_domain) {
        return command_fail(command, ERR_SYNTAX, "Domain missing in AOR");
    }
    return ERR_NONE;
}

static enum err not_found(struct command *command)
{
    return command_fail(command, ERR_NOT_FOUND, "AOR not found in location table");
}

/* Finds the bindings that the first two arguments of a command name. */
static enum err find_named(struct module *module, struct command *command, struct arena *arena,
                           struct binding **bindings, unsigned *count)
{
    struct server *server = module_server(module);
    struct str aor;
    enum err err = read_aor(module, command, arena, &aor);

    if (err)
        return err;
    if (location_find(server_location(server), command_arg(command, 0), aor, server_now(server),
                      arena, bindings, count))
        return not_found(command);
    return ERR_NONE;
}

static enum err tell_lookup(struct module *module, struct command *command, struct arena *arena)
{
    struct telling telling = start_telling(module, command);
    struct binding *bindings;
    unsigned count;
    enum err err = find_named(module, command, arena, &bindings, &count);

    if (err)
        return err;
    command_text(command, "AoR", bindings[0].aor);
    command_open_list(command, "Contacts");
    for (unsigned i = 0; i < count; i++)
        tell_contact(&telling, &bindings[i]);
    command_close(command);
    return ERR_NONE;
}

static void write_line(struct writer *w, const struct telling *telling,
                       const struct binding *binding)
{
    write_fmt(w, "<" STR_FMT ">", STR_ARG(binding->contact));
    if (binding->q >= 0)
        write_fmt(w, ";q=%d.%03d", binding->q / 1000, binding->q % 1000);
    write_fmt(w, ";expires=%lld;flags=0x%X;cflags=0x%X",
              (long long)seconds_left(binding, telling->now), binding->flags, binding->cflags);
    write_fmt(w, ";socket=<" STR_FMT ">;methods=0x%X",
              STR_ARG(socket_name(telling->server, &binding->flow)), binding->methods);
    if (binding->received.len)
        write_fmt(w, ";received=<" STR_FMT ">", STR_ARG(binding->received));
    if (binding->user_agent.len)
        write_fmt(w, ";user_agent=<" STR_FMT ">", STR_ARG(binding->user_agent));
    if (binding->path.len)
        write_fmt(w, ";path=<" STR_FMT ">", STR_ARG(binding->path));
}

static enum err tell_lines(struct module *module, struct command *command, struct arena *arena)
{
    struct telling telling = start_telling(module, command);
    struct binding *bindings;
    char buffer[LINE_MAX];
    unsigned count;
    enum err err = find_named(module, command, arena, &bindings, &count);

    if (err)
        return err;
    command_open_list(command, "Contact");
    for (unsigned i = 0; i < count; i++) {
        struct writer w = writer_over(buffer, sizeof buffer);

        write_line(&w, &telling, &bindings[i]);
        command_text(command, "", writer_text(&w));
    }
    command_close(command);
    return ERR_NONE;
}

static enum err remove_aor(struct module *module, struct command *command, struct arena *arena)
{
    struct location *location = server_location(module_server(module));
    struct str aor;
    enum err err = read_aor(module, command, arena, &aor);

    if (err)
        return err;
    return location_remove(location, command_arg(command, 0), aor) ? not_found(command) : ERR_NONE;
}

static enum err remove_contact(struct module *module, struct command *command, struct arena *arena)
{
    struct location *location = server_location(module_server(module));
    struct binding *bindings;
    unsigned count;
    enum err err = find_named(module, command, arena, &bindings, &count);

    if (err)
        return err;
    err = ERR_NOT_FOUND;
    for (unsigned i = 0; i < count; i++)
        if (str_eq(bindings[i].contact, command_arg(command, 2)))
            err = location_remove_ruid(location, bindings[i].ruid);
    return err ? command_fail(command, err, "Contact not found") : ERR_NONE;
}

/* ---- adding ---- */

enum add_arg {
    ADD_TABLE,
    ADD_AOR,
    ADD_CONTACT,
    ADD_EXPIRES,
    ADD_Q,
    ADD_PATH,
    ADD_FLAGS,
    ADD_CFLAGS,
    ADD_METHODS,
    ADD_RECEIVED,
    ADD_SOCKET,
};

static uint32_t number_arg(const struct command *command, enum add_arg index, uint32_t initial)
{
    uint64_t number;

    return str_to_uint(command_arg(command, index), 0, UINT32_MAX, &number) ? initial
                                                                            : (uint32_t)number;
}

/* OpenSER's has no path, and says "0" there. */
static struct str text_arg(const struct command *command, enum add_arg index)
{
    struct str text = command_arg(command, index);

    return str_eq(text, STR("0")) ? (struct str){ 0 } : text;
}

/* "0.5" as 500; anything below 0 is no q. */
static int q_arg(const struct command *command)
{
    struct str text = command_arg(command, ADD_Q), whole = text, part = { 0 };
    uint64_t units = 0, digits = 0;

    if (str_split(text, '.', &whole, &part) && part.len > 3)
        part.len = 3;
    if (str_to_uint(whole, 0, 1, &units) || (part.len && str_to_uint(part, 0, 999, &digits)))
        return -1;
    for (size_t i = part.len; i < 3; i++)
        digits *= 10;
    return units ? 1000 : (int)digits;
}

/* Nothing has come from there: it is reached by what its URIs say. */
static struct flow unknown_flow(struct server *server, const struct command *command)
{
    struct flow flow = { .socket = SOCKET_ANY };
    uint16_t socket;

    if (!server_find_listener(server, command_arg(command, ADD_SOCKET), &socket))
        flow.socket = socket;
    return flow;
}

static enum err add_contact(struct module *module, struct command *command, struct arena *arena)
{
    struct server *server = module_server(module);
    struct location_contact contact = {
        .uri = command_arg(command, ADD_CONTACT),
        .q = q_arg(command),
        .expires = number_arg(command, ADD_EXPIRES, 0),
    };
    struct location_update update = {
        .table = command_arg(command, ADD_TABLE),
        .contacts = &contact,
        .contact_count = 1,
        .call_id = STR("ul.add@culvert"),
        .cseq = (uint32_t)server_wall_clock(server),
        .user_agent = STR("culvertctl"),
        .received = text_arg(command, ADD_RECEIVED),
        .path = text_arg(command, ADD_PATH),
        .flags = number_arg(command, ADD_FLAGS, 0),
        .cflags = number_arg(command, ADD_CFLAGS, 0),
        .methods = number_arg(command, ADD_METHODS, UINT32_MAX),
        .flow = unknown_flow(server, command),
        .cseq_delay = 1000,
        .now = server_now(server),
    };
    enum location_result result;
    struct binding *bindings;
    struct sip_uri uri;
    unsigned count;
    enum err err;

    if ((err = read_aor(module, command, arena, &update.aor)))
        return err;
    if (sip_uri_parse(contact.uri, &uri) || str_has_line_break(update.path))
        return command_fail(command, ERR_SYNTAX,
                            "write: table aor contact expires q path flags cflags methods");
    contact.is_permanent = contact.expires == 0;
    err = location_register(server_location(server), &update, arena, &result, &bindings, &count);
    return err ? command_fail(command, err, "the contact cannot be added") : ERR_NONE;
}

/* ---- the rest ---- */

static enum err flush(struct module *module, struct command *command, struct arena *arena)
{
    struct usrloc *usrloc = module_state(module);

    (void)arena;
    (void)command;
    if (usrloc->journal)
        journal_tick(usrloc->journal, usrloc_time(module_server(module)));
    return ERR_NONE;
}

typedef enum err command_fn(struct module *module, struct command *command, struct arena *arena);

/* Each command has memory of its own. */
static enum err with_memory(struct module *module, struct command *command, command_fn *run)
{
    struct arena arena;
    enum err err;

    arena_init(&arena, NULL, 1 << 24);
    err = run(module, command, &arena);
    arena_fini(&arena);
    return err;
}

#define WITH_MEMORY(name, run)                                                    \
    static enum err name(struct module *module, struct command *command)          \
    {                                                                             \
        return with_memory(module, command, run);                                 \
    }

WITH_MEMORY(run_lookup, tell_lookup)
WITH_MEMORY(run_show_contact, tell_lines)
WITH_MEMORY(run_rm, remove_aor)
WITH_MEMORY(run_rm_contact, remove_contact)
WITH_MEMORY(run_add, add_contact)
WITH_MEMORY(run_flush, flush)

#define AOR "table aor"
#define NEW_CONTACT "table aor contact expires q path flags cflags methods [received [socket]]"
#define SAME_AS(name) "As " name "."

const struct mod_command usrloc_commands[] = {
    { "ul.dump", "[brief]", "All bindings; brief: addresses-of-record alone.", run_dump },
    { "ul.lookup", AOR, "The bindings of an address-of-record.", run_lookup },
    { "ul.rm", AOR, "Removes all bindings of an address-of-record.", run_rm },
    { "ul.rm_contact", AOR " contact", "Removes one binding.", run_rm_contact },
    { "ul.add", NEW_CONTACT, "Adds a binding; expires 0: for ever.", run_add },
    { "ul.flush", "", "Writes what waits for the database.", run_flush },
    { "ul_dump", "[brief]", SAME_AS("ul.dump"), run_dump },
    { "ul_show_contact", AOR, "The bindings of an address-of-record, a line each.",
      run_show_contact },
    { "ul_rm", AOR, SAME_AS("ul.rm"), run_rm },
    { "ul_rm_contact", AOR " contact", SAME_AS("ul.rm_contact"), run_rm_contact },
    { "ul_add", NEW_CONTACT, SAME_AS("ul.add"), run_add },
    { "ul_flush", "", SAME_AS("ul.flush"), run_flush },
    { 0 },
};
