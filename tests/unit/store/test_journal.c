/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <pthread.h>
#include <string.h>

#include <sqlite3.h>

#include <culvert/journal.h>

#include "base/prng.h"
#include "store/location_row.h"

enum {
    NOW = 5000000,
};

#define WALL INT64_C(1700000000000) /* 2023-11-14 22:13:20 */

/* A server with a location and its rows; started and stopped as often as a case likes. */
struct server {
    struct rig rig;
    struct prng prng;
    struct location *location;
    struct journal *journal;
    struct arena arena;
    struct binding *bindings;
    unsigned count;
};

/* Socket 3 is "udp:10.0.0.1:5060". */
static enum err find_socket(void *context, struct str name, uint16_t *out)
{
    (void)context;
    if (!str_eq(name, STR("udp:10.0.0.1:5060")))
        return ERR_NOT_FOUND;
    *out = 3;
    return ERR_NONE;
}

static void write_socket(void *context, uint16_t socket, struct writer *w)
{
    (void)context;
    if (socket == 3)
        write_str(w, STR("udp:10.0.0.1:5060"));
}

static struct journal_time time_at(int64_t seconds)
{
    return (struct journal_time){ .now = (msec)(NOW + seconds * 1000),
                                  .wall = WALL + seconds * 1000 };
}

static enum err start_with(struct server *server, enum journal_mode mode, int64_t seconds)
{
    static const struct str tables[] = { STR_INIT("location"), STR_INIT("aliases") };
    struct journal_settings settings = {
        .location = server->location,
        .store = server->rig.store,
        .mode = mode,
        .tables = tables,
        .table_count = 2,
        .uses_domain = true,
        .fetch_rows = 3,
        .sockets = { find_socket, write_socket, NULL },
        .time = time_at(seconds),
    };

    return journal_start(&settings, &server->journal);
}

static void start(struct server *server, enum journal_mode mode, int64_t seconds)
{
    prng_init(&server->prng, (uint64_t)seconds + 1);
    arena_init(&server->arena, NULL, SIZE_MAX);
    if (!server->rig.store)
        rig_open(&server->rig);
    assert_int_equal(location_create(&server->prng.source, &server->location), ERR_NONE);
    assert_int_equal(start_with(server, mode, seconds), ERR_NONE);
}

static void stop(struct server *server)
{
    journal_stop(server->journal);
    location_destroy(server->location);
    arena_fini(&server->arena);
    rig_close(&server->rig);
}

/* As a process that is killed: what the store has, it has, and nothing is left to flush. */
static void drop(struct server *server)
{
    struct journal_counters counters;

    store_drain(server->rig.store);
    journal_read_counters(server->journal, &counters);
    assert_int_equal(counters.waiting, 0);
    stop(server);
}

static struct location_update update_of(const struct location_contact *contact)
{
    return (struct location_update){
        .table = STR("location"),
        .aor = STR("alice@example.com"),
        .contacts = contact,
        .contact_count = 1,
        .call_id = STR("call-1"),
        .cseq = 7,
        .user_agent = STR("phone"),
        .methods = ~0U,
        .flow = { .peer = { .ip = { 192, 0, 2, 1 }, .port = 1024, .family = ADDR_IPV4 },
                  .socket = 3,
                  .transport = TRANSPORT_UDP },
        .now = NOW,
        .cseq_delay = 20000,
    };
}

static struct location_contact contact_of(const char *uri, uint32_t expires)
{
    return (struct location_contact){ .uri = str_of(uri), .q = -1, .expires = expires };
}

static void register_it(struct server *server, const struct location_update *update)
{
    enum location_result result;

    assert_int_equal(location_register(server->location, update, &server->arena, &result,
                                       &server->bindings, &server->count),
                     ERR_NONE);
}

static enum err find(struct server *server, const char *aor, int64_t seconds)
{
    server->count = 0;
    return location_find(server->location, STR("location"), str_of(aor), time_at(seconds).now,
                         &server->arena, &server->bindings, &server->count);
}

static void keep_text(void *context, const struct store_result *result)
{
    char *text = context;

    text[0] = '\0';
    for (unsigned i = 0; result->row_count && i < result->rows[0].column_count; i++) {
        const struct value *value = &result->rows[0].columns[i];
        char *at = text + strlen(text);

        if (value->has_text)
            sprintf(at, STR_FMT "|", STR_ARG(value->text));
        else if (value->has_number)
            sprintf(at, "%lld|", (long long)value->number);
        else
            sprintf(at, "-|");
    }
}

static void assert_row(struct server *server, const char *sql, const char *want)
{
    char text[1000];

    store_drain(server->rig.store);
    assert_int_equal(store_run(server->rig.store, str_of(sql), NULL, 0, keep_text, text), ERR_NONE);
    assert_string_equal(text, want);
}

/* --- rows --- */

static void test_row_has_what_tools_expect(void **state)
{
    struct location_contact contact = { .uri = STR("sip:a@10.1.1.1:5060"),
                                        .instance = STR("<urn:uuid:1>"),
                                        .reg_id = 2,
                                        .q = 250,
                                        .expires = 3600 };
    struct location_update update = update_of(&contact);
    struct server server = { .count = 0 };

    (void)state;
    rig_init(&server.rig);
    start(&server, JOURNAL_WRITE_THROUGH, 0);
    update.received = STR("sip:192.0.2.1:1024");
    update.path = STR("<sip:edge;lr>");
    update.flags = 1;
    update.cflags = 2;
    update.methods = 1;
    register_it(&server, &update);
    assert_row(&server,
               "SELECT username, domain, contact, received, path, expires, q, callid, cseq, "
               "last_modified, flags, cflags, user_agent, socket, methods, instance, reg_id, flow "
               "FROM location",
               "alice|example.com|sip:a@10.1.1.1:5060|sip:192.0.2.1:1024|<sip:edge;lr>|"
               "2023-11-14 23:13:20|0.25|call-1|7|2023-11-14 22:13:20|1|2|phone|udp:10.0.0.1:5060|"
               "1|<urn:uuid:1>|2|udp:192.0.2.1:1024|");
    stop(&server);
    rig_fini(&server.rig);
}

static void test_empty_columns_are_null(void **state)
{
    struct location_contact contact = contact_of("sip:a@h", 60);
    struct location_update update = update_of(&contact);
    struct server server = { .count = 0 };

    (void)state;
    rig_init(&server.rig);
    start(&server, JOURNAL_WRITE_THROUGH, 0);
    update.aor = STR("alice");
    update.flow.socket = SOCKET_ANY;
    register_it(&server, &update);
    assert_row(
        &server,
        "SELECT username, domain, received, path, socket, methods, instance, q FROM location",
        "alice|-|-|-|-|-|-|-1.0|");
    stop(&server);
    rig_fini(&server.rig);
}

static void test_user_agents_of_any_kind_cost_no_row(void **state)
{
    static char large[1000];
    struct location_contact contact = contact_of("sip:a@h", 60);
    struct location_update update = update_of(&contact);
    struct server server = { .count = 0 };

    (void)state;
    memset(large, 'u', sizeof large);
    rig_init(&server.rig);
    start(&server, JOURNAL_WRITE_THROUGH, 0);
    update.user_agent = STR("T\xe9l\xe9phone");
    register_it(&server, &update);
    assert_row(&server, "SELECT user_agent FROM location", "T?l?phone|");
    update.user_agent = (struct str){ large, sizeof large };
    update.cseq++;
    register_it(&server, &update);
    assert_row(&server, "SELECT length(user_agent) FROM location", "255|");
    stop(&server);
    rig_fini(&server.rig);
}

static void test_changes_follow(void **state)
{
    struct location_contact contact = contact_of("sip:a@h", 60);
    struct location_update update = update_of(&contact);
    struct server server = { .count = 0 };

    (void)state;
    rig_init(&server.rig);
    start(&server, JOURNAL_WRITE_THROUGH, 0);
    register_it(&server, &update);
    assert_row(&server, "SELECT count(*), max(cseq) FROM location", "1|7|");
    update.cseq = 8;
    register_it(&server, &update);
    assert_row(&server, "SELECT count(*), max(cseq) FROM location", "1|8|");
    update.cseq = 9;
    contact.uri = STR("sip:b@h");
    register_it(&server, &update);
    assert_row(&server, "SELECT count(*), max(cseq) FROM location", "2|9|");
    assert_int_equal(location_remove_ruid(server.location, server.bindings[0].ruid), ERR_NONE);
    assert_row(&server, "SELECT count(*) FROM location", "1|");
    location_each(server.location, 0, 1, time_at(60).now, NULL, NULL);
    assert_row(&server, "SELECT count(*) FROM location", "0|");
    stop(&server);
    rig_fini(&server.rig);
}

static void test_other_tables_are_not_written(void **state)
{
    struct location_contact contact = contact_of("sip:a@h", 60);
    struct location_update update = update_of(&contact);
    struct server server = { .count = 0 };

    (void)state;
    rig_init(&server.rig);
    start(&server, JOURNAL_WRITE_THROUGH, 0);
    update.table = STR("silo");
    register_it(&server, &update);
    update.table = STR("aliases");
    register_it(&server, &update);
    assert_row(&server, "SELECT count(*) FROM location", "0|");
    assert_row(&server, "SELECT count(*) FROM silo", "0|");
    assert_row(&server, "SELECT count(*) FROM aliases", "1|");
    stop(&server);
    rig_fini(&server.rig);
}

/* --- restarts --- */

static void test_restart_brings_bindings_back(void **state)
{
    struct location_contact contact = { .uri = STR("sip:a@10.1.1.1:5060"),
                                        .instance = STR("<urn:uuid:1>"),
                                        .reg_id = 2,
                                        .q = 250,
                                        .expires = 3600 };
    struct location_update update = update_of(&contact);
    struct server server = { .count = 0 };
    const struct binding *b;
    char ruid[RUID_MAX + 1];

    (void)state;
    rig_init(&server.rig);
    start(&server, JOURNAL_WRITE_THROUGH, 0);
    update.received = STR("sip:192.0.2.1:1024");
    update.path = STR("<sip:edge;lr>");
    update.flags = 1;
    update.cflags = 2;
    update.methods = 5;
    register_it(&server, &update);
    snprintf(ruid, sizeof ruid, STR_FMT, STR_ARG(server.bindings[0].ruid));
    drop(&server);
    start(&server, JOURNAL_WRITE_THROUGH, 600);
    assert_int_equal(find(&server, "alice@example.com", 600), ERR_NONE);
    assert_int_equal(server.count, 1);
    b = &server.bindings[0];
    assert_true(str_eq(b->ruid, str_of(ruid)));
    assert_true(str_eq(b->contact, contact.uri));
    assert_true(str_eq(b->received, update.received));
    assert_true(str_eq(b->path, update.path));
    assert_true(str_eq(b->call_id, update.call_id));
    assert_true(str_eq(b->user_agent, update.user_agent));
    assert_true(str_eq(b->instance, contact.instance));
    assert_int_equal(b->cseq, 7);
    assert_int_equal(b->flags, 1);
    assert_int_equal(b->cflags, 2);
    assert_int_equal(b->methods, 5);
    assert_int_equal(b->reg_id, 2);
    assert_int_equal(b->q, 250);
    assert_int_equal(b->expires_at, NOW + 3600000);
    assert_int_equal(b->updated_at, NOW);
    assert_true(flow_eq(&b->flow, &update.flow));
    /* It goes on with the same row. */
    update.cseq = 8;
    update.now = time_at(600).now;
    register_it(&server, &update);
    assert_row(&server, "SELECT count(*), max(cseq), max(expires) FROM location",
               "1|8|2023-11-14 23:23:20|");
    stop(&server);
    rig_fini(&server.rig);
}

static void test_monotonic_clock_of_another_boot(void **state)
{
    struct location_contact contact = contact_of("sip:a@h", 3600);
    struct location_update update = update_of(&contact);
    struct server server = { .count = 0 };

    (void)state;
    rig_init(&server.rig);
    start(&server, JOURNAL_WRITE_THROUGH, 0);
    register_it(&server, &update);
    stop(&server);
    /* Ten minutes later, two seconds after the machine came up. */
    rig_open(&server.rig);
    prng_init(&server.prng, 9);
    assert_int_equal(location_create(&server.prng.source, &server.location), ERR_NONE);
    {
        static const struct str tables[] = { STR_INIT("location") };
        struct journal_settings settings = { .location = server.location,
                                             .store = server.rig.store,
                                             .mode = JOURNAL_WRITE_THROUGH,
                                             .tables = tables,
                                             .table_count = 1,
                                             .uses_domain = true,
                                             .time = { .now = 2000, .wall = WALL + 600000 } };

        assert_int_equal(journal_start(&settings, &server.journal), ERR_NONE);
    }
    assert_int_equal(location_find(server.location, STR("location"), STR("alice@example.com"), 2000,
                                   &server.arena, &server.bindings, &server.count),
                     ERR_NONE);
    assert_int_equal(server.bindings[0].expires_at, 2000 + 3000000);
    assert_int_equal(server.bindings[0].flow.socket, SOCKET_ANY);
    stop(&server);
    rig_fini(&server.rig);
}

static void test_wall_clock_set_while_running(void **state)
{
    struct location_contact contact = contact_of("sip:a@h", 3600);
    struct location_update update = update_of(&contact);
    struct server server = { .count = 0 };
    struct journal_time later = time_at(60);

    (void)state;
    rig_init(&server.rig);
    start(&server, JOURNAL_WRITE_THROUGH, 0);
    later.wall += 3600000; /* an hour forward */
    journal_tick(server.journal, later);
    update.now = later.now;
    register_it(&server, &update);
    assert_row(&server, "SELECT expires FROM location", "2023-11-15 00:14:20|");
    stop(&server);
    rig_fini(&server.rig);
}

static void test_stream_flows_come_back_as_gone(void **state)
{
    struct location_contact contact = contact_of("sip:a@10.1.1.1;transport=tcp", 3600);
    struct location_update update = update_of(&contact);
    struct server server = { .count = 0 };

    (void)state;
    rig_init(&server.rig);
    start(&server, JOURNAL_WRITE_THROUGH, 0);
    update.flow.transport = TRANSPORT_TCP;
    update.flow.connection = 77;
    register_it(&server, &update);
    drop(&server);
    start(&server, JOURNAL_WRITE_THROUGH, 1);
    assert_int_equal(find(&server, "alice@example.com", 1), ERR_NONE);
    assert_int_equal(server.bindings[0].flow.transport, TRANSPORT_TCP);
    assert_true(server.bindings[0].flow.connection == JOURNAL_CONNECTION_GONE);
    stop(&server);
    rig_fini(&server.rig);
}

static void test_loading_leaves_out_what_is_over(void **state)
{
    struct server server = { .count = 0 };
    struct journal_counters counters;

    (void)state;
    rig_init(&server.rig);
    rig_open(&server.rig);
    assert_int_equal(
        rig_run(&server.rig,
                "INSERT INTO location (ruid, username, domain, contact, expires) VALUES "
                "('r1', 'a', 'h', 'sip:over@192.0.2.9', '2023-11-14 22:13:19'), "
                "('r2', 'a', 'h', 'sip:now@192.0.2.9', '2023-11-14 22:13:20'), "
                "('r3', 'a', 'h', 'sip:valid@192.0.2.9', '2023-11-14 22:13:21'), "
                "('r4', 'a', 'h', 'sip:ever@192.0.2.9', '1970-01-01 00:00:00'), "
                "('r5', 'a', 'h', '', '2023-11-14 22:13:21'), "
                "('r6', 'a', 'h', 'sip:odd@192.0.2.9', 'tomorrow'), "
                "('', 'a', 'h', 'sip:nameless@192.0.2.9', '2023-11-14 22:13:21'), "
                "('a-ruid-that-is-longer-than-ours-ever-are', 'a', 'h', 'sip:long@h', "
                "'2023-11-14 22:13:21')"),
        ERR_NONE);
    start(&server, JOURNAL_WRITE_THROUGH, 0);
    assert_int_equal(find(&server, "a@h", 0), ERR_NONE);
    assert_int_equal(server.count, 4);
    assert_int_equal(find(&server, "a@h", 1), ERR_NONE);
    assert_int_equal(server.count, 1);
    assert_true(str_eq(server.bindings[0].contact, STR("sip:ever@192.0.2.9")));
    journal_read_counters(server.journal, &counters);
    assert_int_equal(counters.loaded, 4);
    assert_row(&server, "SELECT count(*) FROM location WHERE ruid = 'r1'", "0|");
    assert_row(&server, "SELECT count(*) FROM location WHERE ruid LIKE 'row-%'", "2|");
    location_each(server.location, 0, 1, time_at(1).now, NULL, NULL);
    assert_row(&server, "SELECT count(*) FROM location WHERE contact LIKE 'sip:nameless%'", "0|");
    stop(&server);
    rig_fini(&server.rig);
}

static const struct {
    const char *what;
    const char *contact, *received, *flow;
    enum transport transport;
    const char *peer;
} flow_rows[] = {
    { "by flow", "sip:a@10.0.0.9", "sip:192.0.2.8:9", "udp:192.0.2.7:1024", TRANSPORT_UDP,
      "192.0.2.7:1024" },
    { "by received", "sip:a@10.0.0.9", "sip:192.0.2.8:1025;transport=tcp", "", TRANSPORT_TCP,
      "192.0.2.8:1025" },
    { "by contact", "sip:a@192.0.2.9:1026;transport=tls", "", "", TRANSPORT_TLS, "192.0.2.9:1026" },
    { "the default port", "sip:a@192.0.2.9", "", "", TRANSPORT_UDP, "192.0.2.9:5060" },
    { "IPv6", "sip:a@[2001:db8::1]:1027", "", "", TRANSPORT_UDP, "[2001:db8::1]:1027" },
    { "IPv6 by flow", "sip:a@10.0.0.9", "", "tls:[2001:db8::2]:1028", TRANSPORT_TLS,
      "[2001:db8::2]:1028" },
    { "a broken flow", "sip:a@192.0.2.9", "", "udp:192.0.2.7:x", TRANSPORT_UDP, "192.0.2.9:5060" },
};

static void test_flows_of_rows_that_others_wrote(void **state)
{
    struct row_rules rules = { .uses_domain = true };
    struct arena arena;

    (void)state;
    arena_init(&arena, NULL, SIZE_MAX);
    for (size_t i = 0; i < sizeof flow_rows / sizeof flow_rows[0]; i++) {
        struct value row[ROW_COLUMNS] = { { .is_int = false } };
        struct binding binding;
        char peer[ADDR_TEXT_MAX];

        print_message("%s\n", flow_rows[i].what);
        row[ROW_USERNAME] = value_of_str(STR("a"));
        row[ROW_EXPIRES] = value_of_int(1700000000); /* usrloc expires_type 1 */
        row[ROW_CONTACT] = value_of_str(str_of(flow_rows[i].contact));
        row[ROW_RECEIVED] = value_of_str(str_of(flow_rows[i].received));
        row[ROW_FLOW] = value_of_str(str_of(flow_rows[i].flow));
        assert_int_equal(row_read(&rules, row, 1, &arena, &binding), ERR_NONE);
        assert_int_equal(binding.flow.transport, flow_rows[i].transport);
        assert_string_equal(addr_text(&binding.flow.peer, peer), flow_rows[i].peer);
        assert_true(binding.expires_at == WALL);
        assert_int_equal(binding.methods, ~0U);
    }
    arena_fini(&arena);
}

/* --- the database is not as it should be --- */

static void test_table_of_kamailio_without_flow(void **state)
{
    struct location_contact contact = contact_of("sip:a@192.0.2.9:1026", 3600);
    struct location_update update = update_of(&contact);
    struct server server = { .count = 0 };

    (void)state;
    rig_init(&server.rig);
    rig_open(&server.rig);
    assert_int_equal(rig_run(&server.rig, "ALTER TABLE location DROP COLUMN flow"), ERR_NONE);
    start(&server, JOURNAL_WRITE_THROUGH, 0);
    register_it(&server, &update);
    drop(&server);
    start(&server, JOURNAL_WRITE_THROUGH, 1);
    assert_int_equal(find(&server, "alice@example.com", 1), ERR_NONE);
    assert_int_equal(server.bindings[0].flow.peer.port, 1026);
    stop(&server);
    rig_fini(&server.rig);
}

#define OPENSER_LOCATION                                                                           \
    "CREATE TABLE location (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, username VARCHAR(64) "  \
    "DEFAULT '' NOT NULL, domain VARCHAR(64) DEFAULT NULL, contact VARCHAR(255) DEFAULT '' NOT "   \
    "NULL, received VARCHAR(128) DEFAULT NULL, path VARCHAR(128) DEFAULT NULL, expires DATETIME "  \
    "DEFAULT '2020-05-28 21:32:15' NOT NULL, q FLOAT(10,2) DEFAULT 1.0 NOT NULL, callid "          \
    "VARCHAR(255) DEFAULT 'Default-Call-ID' NOT NULL, cseq INTEGER DEFAULT 13 NOT NULL, "          \
    "last_modified DATETIME DEFAULT '1900-01-01 00:00:01' NOT NULL, flags INTEGER DEFAULT 0 NOT "  \
    "NULL, cflags INTEGER DEFAULT 0 NOT NULL, user_agent VARCHAR(255) DEFAULT '' NOT NULL, "       \
    "socket VARCHAR(64) DEFAULT NULL, methods INTEGER DEFAULT NULL)"

static void test_table_of_openser(void **state)
{
    struct location_contact contact = contact_of("sip:a@192.0.2.9:1026", 3600);
    struct location_contact other = contact_of("sip:b@192.0.2.9:1027", 3600);
    struct location_update update = update_of(&contact);
    struct server server = { .count = 0 };

    (void)state;
    rig_init(&server.rig);
    rig_open(&server.rig);
    assert_int_equal(rig_run(&server.rig, "DROP TABLE location"), ERR_NONE);
    assert_int_equal(rig_run(&server.rig, OPENSER_LOCATION), ERR_NONE);
    start(&server, JOURNAL_WRITE_THROUGH, 0);
    for (int i = 0; i < 3; i++, update.cseq++)
        register_it(&server, &update);
    update.contacts = &other;
    register_it(&server, &update);
    assert_row(&server, "SELECT count(*), max(cseq), min(domain) FROM location",
               "2|10|example.com|");
    drop(&server);
    start(&server, JOURNAL_WRITE_THROUGH, 1);
    assert_int_equal(find(&server, "alice@example.com", 1), ERR_NONE);
    assert_int_equal(server.count, 2);
    assert_int_equal(server.bindings[0].flow.peer.port + server.bindings[1].flow.peer.port,
                     1026 + 1027);
    other.expires = 0;
    update.cseq = 100;
    register_it(&server, &update);
    assert_row(&server, "SELECT count(*), max(contact) FROM location", "1|sip:a@192.0.2.9:1026|");
    stop(&server);
    rig_fini(&server.rig);
}

static void test_table_without_a_column_is_refused_by_it(void **state)
{
    struct server server = { .count = 0 };

    (void)state;
    rig_init(&server.rig);
    rig_open(&server.rig);
    assert_int_equal(rig_run(&server.rig, "ALTER TABLE location DROP COLUMN callid"), ERR_NONE);
    prng_init(&server.prng, 1);
    assert_int_equal(location_create(&server.prng.source, &server.location), ERR_NONE);
    assert_int_equal(start_with(&server, JOURNAL_WRITE_THROUGH, 0), ERR_UNSUPPORTED);
    assert_non_null(strstr(last_log, "\"callid\""));
    assert_non_null(strstr(last_log, "db.migrate"));
    location_destroy(server.location);
    rig_fini(&server.rig);
}

static void test_writes_that_fail_for_good_are_given_up(void **state)
{
    struct location_contact contact = contact_of("sip:a@h", 3600);
    struct location_update update = update_of(&contact);
    struct server server = { .count = 0 };
    struct journal_counters counters;

    (void)state;
    rig_init(&server.rig);
    start(&server, JOURNAL_WRITE_THROUGH, 0);
    assert_int_equal(rig_run(&server.rig, "ALTER TABLE location RENAME TO elsewhere"), ERR_NONE);
    register_it(&server, &update);
    store_drain(server.rig.store);
    journal_read_counters(server.journal, &counters);
    assert_int_equal(counters.failed, 1);
    assert_int_equal(counters.waiting, 0);
    assert_false(journal_has_written(server.journal, update.table, update.aor));
    assert_int_equal(rig_run(&server.rig, "ALTER TABLE elsewhere RENAME TO location"), ERR_NONE);
    update.cseq = 8;
    register_it(&server, &update);
    store_drain(server.rig.store);
    assert_true(journal_has_written(server.journal, update.table, update.aor));
    stop(&server);
    rig_fini(&server.rig);
}

static void test_locked_database_costs_time_only(void **state)
{
    struct location_contact contact = contact_of("sip:a@h", 3600);
    struct location_update update = update_of(&contact);
    struct server server = { .count = 0 };
    struct journal_counters counters;
    sqlite3 *other;

    (void)state;
    rig_init(&server.rig);
    start(&server, JOURNAL_WRITE_THROUGH, 0);
    assert_int_equal(sqlite3_open(server.rig.path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    register_it(&server, &update);
    update.cseq = 8;
    register_it(&server, &update);
    store_drain(server.rig.store);
    journal_read_counters(server.journal, &counters);
    assert_int_equal(counters.waiting, 1);
    assert_int_equal(counters.failed, 0);
    assert_false(journal_has_written(server.journal, update.table, update.aor));
    assert_true(journal_has_written(server.journal, update.table, STR("bob@example.com")));
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    journal_tick(server.journal, time_at(1));
    assert_row(&server, "SELECT count(*), max(cseq) FROM location", "1|8|");
    journal_read_counters(server.journal, &counters);
    assert_int_equal(counters.waiting, 0);
    assert_true(journal_has_written(server.journal, update.table, update.aor));
    stop(&server);
    rig_fini(&server.rig);
}

/* --- write-back --- */

static void test_write_back_writes_at_the_tick(void **state)
{
    struct location_contact contact = contact_of("sip:a@h", 3600);
    struct location_update update = update_of(&contact);
    struct server server = { .count = 0 };
    struct journal_counters counters;

    (void)state;
    rig_init(&server.rig);
    start(&server, JOURNAL_WRITE_BACK, 0);
    for (unsigned i = 0; i < 50; i++) {
        update.cseq++;
        register_it(&server, &update);
    }
    assert_row(&server, "SELECT count(*) FROM location", "0|");
    journal_read_counters(server.journal, &counters);
    assert_int_equal(counters.waiting, 1);
    journal_tick(server.journal, time_at(60));
    assert_row(&server, "SELECT count(*), max(cseq) FROM location", "1|57|");
    journal_read_counters(server.journal, &counters);
    assert_int_equal(counters.waiting, 0);
    assert_int_equal(counters.written, 1);
    assert_int_equal(location_remove(server.location, update.table, update.aor), ERR_NONE);
    assert_row(&server, "SELECT count(*) FROM location", "1|");
    journal_tick(server.journal, time_at(120));
    assert_row(&server, "SELECT count(*) FROM location", "0|");
    stop(&server);
    rig_fini(&server.rig);
}

static void test_stop_writes_what_waits(void **state)
{
    struct server server = { .count = 0 };

    (void)state;
    rig_init(&server.rig);
    start(&server, JOURNAL_WRITE_BACK, 0);
    for (unsigned i = 0; i < 500; i++) {
        struct location_contact contact = contact_of("sip:a@h", 3600);
        struct location_update update = update_of(&contact);
        char aor[30];

        snprintf(aor, sizeof aor, "user-%u@example.com", i);
        update.aor = str_of(aor);
        register_it(&server, &update);
    }
    stop(&server);
    start(&server, JOURNAL_WRITE_BACK, 1);
    assert_row(&server, "SELECT count(*) FROM location", "500|");
    assert_int_equal(find(&server, "user-499@example.com", 1), ERR_NONE);
    stop(&server);
    rig_fini(&server.rig);
}

/* --- many threads --- */

enum {
    THREADS = 8,
    ROUNDS = 300,
};

struct phone {
    pthread_t thread;
    struct location *location;
    unsigned index;
};

static void *register_often(void *argument)
{
    struct phone *phone = argument;
    char aor[30];

    for (unsigned i = 0; i < ROUNDS; i++) {
        struct location_contact contact = contact_of("sip:a@h", i % 10 == 9 ? 0 : 3600);
        struct location_update update = update_of(&contact);
        enum location_result result;
        struct binding *bindings;
        struct arena arena;
        unsigned count;

        snprintf(aor, sizeof aor, "user-%u", (phone->index + i) % 5);
        update.aor = str_of(aor);
        update.call_id = str_of(aor);
        update.cseq = i;
        update.now = NOW + i;
        update.cseq_delay = 0;
        arena_init(&arena, NULL, SIZE_MAX);
        (void)!location_register(phone->location, &update, &arena, &result, &bindings, &count);
        arena_fini(&arena);
    }
    return NULL;
}

static void check_in_database(void *context, const struct binding *binding)
{
    struct server *server = context;
    struct value params[] = { value_of_str(binding->ruid), value_of_int(binding->cseq) };
    int64_t number = 0;

    assert_int_equal(store_run(server->rig.store,
                               STR("SELECT 1 FROM location WHERE ruid = ? AND cseq = ?"), params, 2,
                               keep_number, &number),
                     ERR_NONE);
    assert_int_equal(number, 1);
}

static void hammer(enum journal_mode mode)
{
    struct phone phones[THREADS];
    struct location_counters counters;
    struct server server = { .count = 0 };

    rig_init(&server.rig);
    start(&server, mode, 0);
    for (unsigned i = 0; i < THREADS; i++) {
        phones[i] = (struct phone){ .location = server.location, .index = i };
        assert_int_equal(pthread_create(&phones[i].thread, NULL, register_often, &phones[i]), 0);
    }
    for (unsigned i = 0; i < 20; i++)
        journal_tick(server.journal, time_at(0));
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(phones[i].thread, NULL);
    for (unsigned i = 0; i < 2; i++) {
        store_drain(server.rig.store);
        journal_tick(server.journal, time_at(0));
    }
    store_drain(server.rig.store);
    location_read_counters(server.location, &counters);
    assert_int_equal(rig_number(&server.rig, "SELECT count(*) FROM location"), counters.bindings);
    location_each(server.location, 0, 1, NOW, check_in_database, &server);
    stop(&server);
    rig_fini(&server.rig);
}

static void test_rows_agree_with_bindings_after_a_storm(void **state)
{
    (void)state;
    hammer(JOURNAL_WRITE_THROUGH);
    hammer(JOURNAL_WRITE_BACK);
}

static void test_synchronous_store(void **state)
{
    struct location_contact contact = contact_of("sip:a@h", 60);
    struct location_update update = update_of(&contact);
    struct server server = { .count = 0 };

    (void)state;
    rig_init(&server.rig);
    store_set_synchronous(true);
    start(&server, JOURNAL_DATABASE_ONLY, 0);
    register_it(&server, &update);
    assert_int_equal(rig_number(&server.rig, "SELECT count(*) FROM location"), 1);
    stop(&server);
    store_set_synchronous(false);
    rig_fini(&server.rig);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row_has_what_tools_expect),
        cmocka_unit_test(test_empty_columns_are_null),
        cmocka_unit_test(test_user_agents_of_any_kind_cost_no_row),
        cmocka_unit_test(test_changes_follow),
        cmocka_unit_test(test_other_tables_are_not_written),
        cmocka_unit_test(test_restart_brings_bindings_back),
        cmocka_unit_test(test_monotonic_clock_of_another_boot),
        cmocka_unit_test(test_wall_clock_set_while_running),
        cmocka_unit_test(test_stream_flows_come_back_as_gone),
        cmocka_unit_test(test_loading_leaves_out_what_is_over),
        cmocka_unit_test(test_flows_of_rows_that_others_wrote),
        cmocka_unit_test(test_table_of_kamailio_without_flow),
        cmocka_unit_test(test_table_of_openser),
        cmocka_unit_test(test_table_without_a_column_is_refused_by_it),
        cmocka_unit_test(test_writes_that_fail_for_good_are_given_up),
        cmocka_unit_test(test_locked_database_costs_time_only),
        cmocka_unit_test(test_write_back_writes_at_the_tick),
        cmocka_unit_test(test_stop_writes_what_waits),
        cmocka_unit_test(test_rows_agree_with_bindings_after_a_storm),
        cmocka_unit_test(test_synchronous_store),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
