/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include "store/url.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* --- the file --- */

static void test_first_open_makes_a_private_file(void **state)
{
    static const char *const suffixes[] = { "", "-wal", "-shm" };
    struct rig rig;
    char path[80];
    struct stat status;
    mode_t mask = umask(0);

    (void)state;
    rig_init(&rig);
    rig_open(&rig);
    for (unsigned i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", rig.path, suffixes[i]);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
    }
    umask(mask);
    rig_fini(&rig);
}

static const struct {
    const char *table;
    int64_t version;
    const char *columns; /* some that matter to the modules */
} tables[] = {
    { "version", 1, "table_name, table_version" },
    { "subscriber", 6, "id, username, domain, password, ha1, ha1b, rpid, datetime_created" },
    { "domain", 1, "id, domain, last_modified, did" },
    { "location", 9,
      "id, ruid, username, domain, contact, received, path, expires, q, callid, cseq, "
      "last_modified, flags, cflags, user_agent, socket, methods, instance, reg_id, server_id, "
      "connection_id, keepalive, partition, flow" },
    { "aliases", 8, "id, ruid, username, contact, expires" },
    { "acc", 4,
      "id, method, from_tag, to_tag, callid, sip_code, sip_reason, time, src_user, dst_domain" },
    { "missed_calls", 3, "id, method, from_tag, to_tag, callid, sip_code, sip_reason, time" },
    { "acc_cdrs", 2, "id, start_time, end_time, duration" },
    { "ledger", 1, "name, done" },
    { "uri", 1, "id, username, domain, uri_user, last_modified" },
    { "dbaliases", 1, "id, alias_username, alias_domain, username, domain" },
    { "dispatcher", 4, "setid, destination, flags, priority, attrs, description" },
    { "grp", 2, "id, username, domain, grp, last_modified" },
    { "re_grp", 1, "id, reg_exp, group_id" },
    { "speed_dial", 2,
      "id, username, domain, sd_username, sd_domain, new_uri, fname, lname, description" },
    { "trusted", 4, "id, src_ip, proto, from_pattern, tag, ruri_pattern, priority" },
    { "address", 3, "id, grp, ip_addr, mask, port, tag" },
    { "usr_preferences", 2, "id, uuid, username, domain, attribute, type, value" },
    { "silo", 5,
      "id, src_addr, dst_addr, username, domain, inc_time, exp_time, snd_time, ctype, body" },
};

static void test_first_open_makes_the_tables(void **state)
{
    struct rig rig;
    char sql[600];

    (void)state;
    rig_init(&rig);
    rig_open(&rig);
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        print_message("%s\n", tables[i].table);
        snprintf(sql, sizeof sql, "SELECT table_version FROM version WHERE table_name = '%s'",
                 tables[i].table);
        assert_int_equal(rig_number(&rig, sql), tables[i].version);
        snprintf(sql, sizeof sql, "SELECT %s FROM %s", tables[i].columns, tables[i].table);
        assert_int_equal(rig_run(&rig, sql), ERR_NONE);
    }
    rig_fini(&rig);
}

static void test_tables_that_are_there_stay_as_they_are(void **state)
{
    struct rig rig;

    (void)state;
    rig_init(&rig);
    rig_open(&rig);
    assert_int_equal(rig_run(&rig, "DROP TABLE subscriber"), ERR_NONE);
    assert_int_equal(rig_run(&rig, "DELETE FROM version WHERE table_name = 'subscriber'"),
                     ERR_NONE);
    assert_int_equal(rig_run(&rig, "CREATE TABLE subscriber (mine INTEGER)"), ERR_NONE);
    assert_int_equal(rig_run(&rig, "INSERT INTO subscriber VALUES (7)"), ERR_NONE);
    assert_int_equal(rig_run(&rig, "DROP TABLE uri"), ERR_NONE);
    assert_int_equal(rig_run(&rig, "DELETE FROM version WHERE table_name = 'uri'"), ERR_NONE);
    rig_close(&rig);
    rig_open(&rig);
    assert_int_equal(rig_number(&rig, "SELECT mine FROM subscriber"), 7);
    assert_int_equal(rig_number(&rig, "SELECT count(*) FROM version"),
                     sizeof tables / sizeof tables[0] - 1);
    assert_int_equal(rig_run(&rig, "SELECT uri_user FROM uri"), ERR_NONE);
    rig_fini(&rig);
}

static void test_foreign_database_gets_no_tables(void **state)
{
    struct rig rig;
    struct store *same;

    (void)state;
    rig_init(&rig);
    assert_int_equal(store_open(str_of(rig.url), &rig.store), ERR_NONE);
    assert_int_equal(rig_run(&rig, "DROP TABLE silo"), ERR_NONE);
    rig_close(&rig);
    assert_int_equal(store_open(str_of(rig.url), &rig.store), ERR_NONE);
    assert_int_equal(rig_run(&rig, "SELECT * FROM silo"), ERR_SYNTAX);
    /* The embedded one is the same file, and already open. */
    assert_int_equal(store_open(STR(""), &same), ERR_NONE);
    assert_ptr_equal(same, rig.store);
    store_close(same);
    assert_int_equal(rig_run(&rig, "SELECT * FROM acc"), ERR_NONE);
    rig_fini(&rig);
}

static const struct {
    const char *what;
    const char *url;
    enum err err;
    const char *says;
} urls[] = {
    { "no driver", "oracle://openser:openserrw@localhost/openser", ERR_UNSUPPORTED, "sqlite://" },
    { "text files", "text:///etc/openser/dbtext", ERR_UNSUPPORTED, "db.import" },
    { "no database", "mysql://openser:openserrw@localhost", ERR_SYNTAX, "no name of a database" },
    { "no port", "postgres://a:openserrw@h:0/d", ERR_SYNTAX, "a port" },
    { "a large port", "postgres://a:openserrw@h:65536/d", ERR_SYNTAX, "a port" },
    { "half an address", "postgres://a:openserrw@[::1/d", ERR_SYNTAX, "']'" },
    { "behind an address", "postgres://a:openserrw@[::1]5432/d", ERR_SYNTAX, "port" },
    { "another option", "mysql://a:openserrw@h/d?charset=x", ERR_SYNTAX, "an option" },
    { "no value", "mysql://a:openserrw@h/d?socket", ERR_SYNTAX, "an option" },
    { "no connections", "mysql://a:openserrw@h/d?connections=0", ERR_SYNTAX, "1 to 32" },
    { "no time", "mysql://a:openserrw@h/d?timeout=0", ERR_SYNTAX, "seconds" },
    { "a line break", "mysql://a:openserrw@h/d\n", ERR_SYNTAX, "control character" },
    { "no scheme", "/var/lib/culvert.db", ERR_UNSUPPORTED, "sqlite://" },
    { "no path", "sqlite://", ERR_SYNTAX, "" },
    { "no folder", "sqlite:///nonexistent-folder/x/culvert.db", ERR_IO,
      "/nonexistent-folder/x/culvert.db" },
    { "a folder", "sqlite:///tmp", ERR_IO, "/tmp" },
};

static void test_urls_that_cannot_be_opened(void **state)
{
    struct store *store;
    struct rig rig;

    (void)state;
    rig_init(&rig);
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        print_message("%s\n", urls[i].what);
        last_log[0] = '\0';
        assert_int_equal(store_open(str_of(urls[i].url), &store), urls[i].err);
        assert_non_null(strstr(last_log, urls[i].says));
        assert_null(strstr(last_log, "openserrw"));
    }
    rig_fini(&rig);
}

static const struct {
    const char *url;
    struct str user, password, host, database, socket;
    unsigned port, connections, timeout;
    const char *name;
} good_urls[] = {
    { "mysql://openser:openserrw@localhost/openser",
      STR_INIT("openser"),
      STR_INIT("openserrw"),
      STR_INIT("localhost"),
      STR_INIT("openser"),
      { 0 },
      0,
      0,
      0,
      "MySQL at localhost/openser" },
    { "postgresql://u:p:@/?w@d%41@[2001:db8::1]:5433/d?timeout=9&connections=2",
      STR_INIT("u"),
      STR_INIT("p:@/?w@d%41"),
      STR_INIT("2001:db8::1"),
      STR_INIT("d"),
      { 0 },
      5433,
      2,
      9,
      "PostgreSQL at 2001:db8::1:5433/d" },
    { "POSTGRES://u@/d?socket=/run/postgresql",
      STR_INIT("u"),
      { 0 },
      { 0 },
      STR_INIT("d"),
      STR_INIT("/run/postgresql"),
      0,
      0,
      0,
      "PostgreSQL at /run/postgresql/d" },
    { "mariadb://h:1/d",
      { 0 },
      { 0 },
      STR_INIT("h"),
      STR_INIT("d"),
      { 0 },
      1,
      0,
      0,
      "MySQL at h:1/d" },
};

static void test_parts_of_urls(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good_urls / sizeof good_urls[0]; i++) {
        char name[URL_NAME_MAX];
        struct url url;

        print_message("%s\n", good_urls[i].url);
        assert_int_equal(url_parse(str_of(good_urls[i].url), &url), ERR_NONE);
        assert_true(str_eq(url.user, good_urls[i].user));
        assert_true(str_eq(url.password, good_urls[i].password));
        assert_true(str_eq(url.host, good_urls[i].host));
        assert_true(str_eq(url.database, good_urls[i].database));
        assert_true(str_eq(url.socket, good_urls[i].socket));
        assert_int_equal(url.port, good_urls[i].port);
        assert_int_equal(url.connections, good_urls[i].connections);
        assert_int_equal(url.timeout, good_urls[i].timeout);
        assert_string_equal(url_name(&url, name), good_urls[i].name);
    }
}

static void write_file(const char *path, const char *bytes, size_t count)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(file >= 0);
    assert_int_equal(write(file, bytes, count), count);
    close(file);
}

static void test_damaged_file_is_refused_by_name(void **state)
{
    char garbage[4096];
    struct store *store;
    struct stat status;
    struct rig rig;

    (void)state;
    rig_init(&rig);
    memset(garbage, 'x', sizeof garbage);
    write_file(rig.path, garbage, sizeof garbage);
    assert_int_equal(store_open(STR(""), &store), ERR_IO);
    assert_non_null(strstr(last_log, rig.path));
    assert_non_null(strstr(last_log, "--replace-damaged-database"));
    unlink(rig.path);
    rig_open(&rig);
    rig_close(&rig);
    assert_int_equal(stat(rig.path, &status), 0);
    assert_int_equal(truncate(rig.path, status.st_size / 2), 0);
    last_log[0] = '\0';
    assert_int_equal(store_open(STR(""), &store), ERR_IO);
    assert_non_null(strstr(last_log, rig.path));
    rig_fini(&rig);
}

/* --- values --- */

struct expected {
    const struct value *values;
    unsigned count;
    unsigned rows;
};

static void check_values(void *context, const struct store_result *result)
{
    struct expected *expected = context;

    assert_int_equal(result->err, ERR_NONE);
    expected->rows = result->row_count;
    assert_int_equal(result->row_count, 1);
    assert_int_equal(result->rows[0].column_count, expected->count);
    for (unsigned i = 0; i < expected->count; i++) {
        const struct value *want = &expected->values[i];
        const struct value *found = &result->rows[0].columns[i];

        assert_int_equal(found->has_text, want->has_text);
        assert_int_equal(found->is_int, want->is_int);
        assert_true(str_eq(found->text, want->text));
        assert_int_equal(found->number, want->number);
    }
}

static void test_parameters_come_back_as_they_were(void **state)
{
    static char large[10000];
    struct value values[] = {
        value_of_str(STR("o'Brien\"; DROP TABLE subscriber; --")),
        value_of_str(STR("100%s%n_%")),
        value_of_str(STR("\xf0\x9f\x93\x9e")),
        value_of_str((struct str){ large, sizeof large }),
        value_of_str(STR("")),
        value_of_int(INT64_MIN),
        value_null(),
    };
    enum { COUNT = sizeof values / sizeof values[0] };
    struct expected expected = { .values = values, .count = COUNT };
    struct rig rig;

    (void)state;
    rig_init(&rig);
    rig_open(&rig);
    memset(large, '\'', sizeof large);
    assert_int_equal(rig_run(&rig,
                             "CREATE TABLE t (a TEXT, b TEXT, c TEXT, d TEXT, e TEXT, f INTEGER, "
                             "g TEXT)"),
                     ERR_NONE);
    assert_int_equal(store_run(rig.store, STR("INSERT INTO t VALUES (?,?,?,?,?,?,?)"), values,
                               COUNT, NULL, NULL),
                     ERR_NONE);
    assert_int_equal(store_run(rig.store, STR("SELECT * FROM t"), NULL, 0, check_values, &expected),
                     ERR_NONE);
    assert_int_equal(expected.rows, 1);
    /* And each of them can be asked for. */
    for (unsigned i = 0; i < 5; i++) {
        char sql[60];
        int64_t number = 0;

        snprintf(sql, sizeof sql, "SELECT 5 FROM t WHERE %c = ?", 'a' + (int)i);
        assert_int_equal(store_run(rig.store, str_of(sql), &values[i], 1, keep_number, &number),
                         ERR_NONE);
        assert_int_equal(number, 5);
    }
    assert_int_equal(rig_run(&rig, "SELECT * FROM subscriber"), ERR_NONE);
    rig_fini(&rig);
}

static const struct {
    const char *what;
    struct str text;
    bool is_taken;
} bytes[] = {
    { "two bytes", STR_INIT("\xc3\xa9"), true },
    { "three bytes", STR_INIT("\xe2\x82\xac"), true },
    { "the last of all", STR_INIT("\xf4\x8f\xbf\xbf"), true },
    { "a NUL", STR_INIT("with\0nul"), false },
    { "a byte that starts nothing", STR_INIT("\xff\xfe broken \x80"), false },
    { "Latin 1", STR_INIT("caf\xe9"), false },
    { "half of one", STR_INIT("\xe2\x82"), false },
    { "longer than need be", STR_INIT("\xc0\xaf"), false },
    { "longer than need be, three", STR_INIT("\xe0\x80\xaf"), false },
    { "longer than need be, four", STR_INIT("\xf0\x80\x80\xaf"), false },
    { "half of a pair", STR_INIT("\xed\xa0\x80"), false },
    { "behind the last", STR_INIT("\xf4\x90\x80\x80"), false },
};

static void test_what_no_database_takes_is_refused(void **state)
{
    struct rig rig;

    (void)state;
    rig_init(&rig);
    rig_open(&rig);
    for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++) {
        struct value value = value_of_str(bytes[i].text);
        enum err want = bytes[i].is_taken ? ERR_NONE : ERR_SYNTAX;

        print_message("%s\n", bytes[i].what);
        assert_int_equal(store_run(rig.store, STR("SELECT ?"), &value, 1, NULL, NULL), want);
        assert_int_equal(store_query(rig.store, NULL, STR("SELECT ?"), &value, 1, NULL, NULL),
                         want);
    }
    assert_int_equal(rig_run(&rig, "SELECT '\xff'"), ERR_SYNTAX);
    rig_fini(&rig);
}

static void test_fractions_come_as_text(void **state)
{
    struct value q = value_of_str(STR("0.25"));
    struct value want = value_of_str(STR("0.25"));
    struct expected expected = { .values = &want, .count = 1 };
    struct rig rig;

    (void)state;
    rig_init(&rig);
    rig_open(&rig);
    assert_int_equal(
        store_run(rig.store, STR("INSERT INTO location (q) VALUES (?)"), &q, 1, NULL, NULL),
        ERR_NONE);
    assert_int_equal(
        store_run(rig.store, STR("SELECT q FROM location"), NULL, 0, check_values, &expected),
        ERR_NONE);
    rig_fini(&rig);
}

static void test_rows_without_ruid_get_one(void **state)
{
    struct rig rig;

    (void)state;
    rig_init(&rig);
    rig_open(&rig);
    assert_int_equal(rig_run(&rig, "INSERT INTO location (username) VALUES ('a'), ('b')"),
                     ERR_NONE);
    assert_int_equal(rig_number(&rig, "SELECT count(DISTINCT ruid) FROM location "
                                      "WHERE length(ruid) = 16"),
                     2);
    rig_fini(&rig);
}

static void keep_affected(void *context, const struct store_result *result)
{
    *(int64_t *)context = result->affected;
}

static void test_affected_rows_are_counted(void **state)
{
    int64_t affected = -1;
    struct rig rig;

    (void)state;
    rig_init(&rig);
    rig_open(&rig);
    assert_int_equal(rig_run(&rig, "INSERT INTO grp (username) VALUES ('a'), ('b')"), ERR_NONE);
    assert_int_equal(
        store_run(rig.store, STR("UPDATE grp SET grp = 'x'"), NULL, 0, keep_affected, &affected),
        ERR_NONE);
    assert_int_equal(affected, 2);
    assert_int_equal(store_run(rig.store, STR("SELECT 1"), NULL, 0, keep_affected, &affected),
                     ERR_NONE);
    assert_int_equal(affected, 0);
    rig_fini(&rig);
}

static const struct {
    const char *what;
    const char *sql;
    unsigned param_count;
    enum err err;
} refused[] = {
    { "nonsense", "SELEKT 1", 0, ERR_SYNTAX },
    { "nothing", "", 0, ERR_SYNTAX },
    { "a comment", "-- x", 0, ERR_SYNTAX },
    { "no such table", "SELECT * FROM nowhere", 0, ERR_SYNTAX },
    { "two statements", "SELECT 1; DELETE FROM subscriber", 0, ERR_SYNTAX },
    { "a parameter too few", "SELECT ?", 0, ERR_SYNTAX },
    { "a parameter too many", "SELECT 1", 1, ERR_SYNTAX },
    { "a transaction", "BEGIN", 0, ERR_DENIED },
    { "a savepoint", "SAVEPOINT x", 0, ERR_DENIED },
    { "another file", "ATTACH DATABASE '/tmp/x' AS x", 0, ERR_DENIED },
    { "a setting", "PRAGMA journal_mode = DELETE", 0, ERR_DENIED },
    { "a transaction in small letters", " begin", 0, ERR_DENIED },
    { "the end of one", "COMMIT", 0, ERR_DENIED },
    { "the same version again", "INSERT INTO version VALUES ('location', 1)", 0, ERR_EXISTS },
};

static void test_statements_that_are_refused(void **state)
{
    struct value param = value_of_int(1);
    struct rig rig;

    (void)state;
    rig_init(&rig);
    rig_open(&rig);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        print_message("%s\n", refused[i].what);
        assert_int_equal(store_run(rig.store, str_of(refused[i].sql), &param,
                                   refused[i].param_count, NULL, NULL),
                         refused[i].err);
    }
    assert_int_equal(rig_run(&rig, "SELECT 1 ; "), ERR_NONE);
    rig_fini(&rig);
}

static void test_more_statements_than_are_kept_ready(void **state)
{
    struct rig rig;
    char sql[40];

    (void)state;
    rig_init(&rig);
    rig_open(&rig);
    for (unsigned round = 0; round < 2; round++) {
        for (int i = 0; i < 300; i++) {
            snprintf(sql, sizeof sql, "SELECT %d", i);
            assert_int_equal(rig_number(&rig, sql), i);
        }
    }
    rig_fini(&rig);
}

int main(void)
{
    static const struct CMUnitTest tests_of_sqlite[] = {
        cmocka_unit_test(test_first_open_makes_a_private_file),
        cmocka_unit_test(test_first_open_makes_the_tables),
        cmocka_unit_test(test_tables_that_are_there_stay_as_they_are),
        cmocka_unit_test(test_foreign_database_gets_no_tables),
        cmocka_unit_test(test_urls_that_cannot_be_opened),
        cmocka_unit_test(test_parts_of_urls),
        cmocka_unit_test(test_damaged_file_is_refused_by_name),
        cmocka_unit_test(test_parameters_come_back_as_they_were),
        cmocka_unit_test(test_what_no_database_takes_is_refused),
        cmocka_unit_test(test_fractions_come_as_text),
        cmocka_unit_test(test_rows_without_ruid_get_one),
        cmocka_unit_test(test_affected_rows_are_counted),
        cmocka_unit_test(test_statements_that_are_refused),
        cmocka_unit_test(test_more_statements_than_are_kept_ready),
    };

    return cmocka_run_group_tests(tests_of_sqlite, NULL, NULL);
}
