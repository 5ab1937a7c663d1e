/* SPDX-License-Identifier: Apache-2.0 */
#include "store/schema.h"

#include <culvert/log.h>
#include <culvert/writer.h>

/* clang-format off */
#define ID "{id}"
#define TEXT(name, size) ", " #name " VARCHAR(" #size ") DEFAULT '' NOT NULL"
#define TEXT_OR_NULL(name, size) ", " #name " VARCHAR(" #size ") DEFAULT NULL"
#define NUMBER(name, initial) ", " #name " INTEGER DEFAULT " #initial " NOT NULL"
#define NUMBER_OR_NULL(name) ", " #name " INTEGER DEFAULT NULL"
#define TIME(name, initial) ", " #name " {time} DEFAULT '" initial "' NOT NULL"
#define UNIQUE(columns) ", UNIQUE (" columns ")"
#define INDEX(table, name, columns) \
    STR_INIT("CREATE INDEX " #table "_" #name "_idx ON " #table " (" columns ")")
#define TABLE(name, version, columns, ...) \
    { STR_INIT(#name), version, STR_INIT(columns), { __VA_ARGS__ } }
#define NO_INDEX { 0 }
#define EPOCH "1900-01-01 00:00:01"

/* Version 9 of Kamailio. `flow` is ours: transport and peer that the REGISTER came from. */
#define BINDING_COLUMNS                                                   \
    ID                                                                    \
    ", ruid VARCHAR(64) DEFAULT {ruid} NOT NULL"                          \
    TEXT(username, 64)                                                    \
    TEXT_OR_NULL(domain, 64)                                              \
    TEXT(contact, 512)                                                    \
    TEXT_OR_NULL(received, 128)                                           \
    TEXT_OR_NULL(path, 512)                                               \
    TIME(expires, "2030-05-28 21:32:15")                                  \
    ", q {float} DEFAULT 1.0 NOT NULL"                                    \
    ", callid VARCHAR(255) DEFAULT 'Default-Call-ID' NOT NULL"            \
    NUMBER(cseq, 1)                                                       \
    TIME(last_modified, "2000-01-01 00:00:01")                            \
    NUMBER(flags, 0)                                                      \
    NUMBER(cflags, 0)                                                     \
    TEXT(user_agent, 255)                                                 \
    TEXT_OR_NULL(socket, 64)                                              \
    NUMBER_OR_NULL(methods)                                               \
    TEXT_OR_NULL(instance, 255)                                           \
    NUMBER(reg_id, 0)                                                     \
    NUMBER(server_id, 0)                                                  \
    NUMBER(connection_id, 0)                                              \
    NUMBER(keepalive, 0)                                                  \
    ", {partition} INTEGER DEFAULT 0 NOT NULL"                            \
    TEXT_OR_NULL(flow, 128)                                               \
    UNIQUE("ruid")

/* The second half is what the default configuration of Kamailio adds to tell who called whom. */
#define CALL_COLUMNS            \
    ID                          \
    TEXT(method, 16)            \
    TEXT(from_tag, 128)         \
    TEXT(to_tag, 128)           \
    TEXT(callid, 255)           \
    TEXT(sip_code, 3)           \
    TEXT(sip_reason, 128)       \
    ", time {time} NOT NULL"    \
    TEXT(src_user, 64)          \
    TEXT(src_domain, 128)       \
    TEXT(src_ip, 64)            \
    TEXT(dst_ouser, 64)         \
    TEXT(dst_user, 64)          \
    TEXT(dst_domain, 128)

const struct table_schema schema_tables[] = {
    TABLE(version, 1,
        "table_name VARCHAR(32) NOT NULL"
        NUMBER(table_version, 0)
        UNIQUE("table_name"),
        NO_INDEX),
    TABLE(subscriber, 6,
        ID
        TEXT(username, 64)
        TEXT(domain, 64)
        TEXT(password, 25)
        TEXT(first_name, 64)
        TEXT(last_name, 64)
        TEXT(email_address, 64)
        TIME(datetime_created, EPOCH)
        TEXT(ha1, 64)
        TEXT(ha1b, 64)
        TEXT_OR_NULL(timezone, 64)
        TEXT_OR_NULL(rpid, 64)
        UNIQUE("username, domain"),
        INDEX(subscriber, username, "username")),
    TABLE(domain, 1,
        ID
        TEXT(domain, 64)
        TIME(last_modified, EPOCH)
        TEXT_OR_NULL(did, 64)
        UNIQUE("domain"),
        NO_INDEX),
    TABLE(location, 9,
        BINDING_COLUMNS,
        INDEX(location, account_contact, "username, domain, contact"),
        INDEX(location, expires, "expires")),
    TABLE(aliases, 8,
        BINDING_COLUMNS,
        INDEX(aliases, alias, "username, domain, contact")),
    TABLE(acc, 4,
        CALL_COLUMNS,
        INDEX(acc, callid, "callid")),
    TABLE(missed_calls, 3,
        CALL_COLUMNS,
        INDEX(missed_calls, callid, "callid")),
    TABLE(acc_cdrs, 2,
        ID
        TIME(start_time, "2000-01-01 00:00:00")
        TIME(end_time, "2000-01-01 00:00:00")
        ", duration DECIMAL(10,3) DEFAULT 0 NOT NULL",
        INDEX(acc_cdrs, start_time, "start_time")),
    TABLE(ledger, 1,
        "name VARCHAR(64) NOT NULL"
        ", done BIGINT DEFAULT 0 NOT NULL"
        UNIQUE("name"),
        NO_INDEX),
    TABLE(uri, 1,
        ID
        TEXT(username, 64)
        TEXT(domain, 64)
        TEXT(uri_user, 64)
        TIME(last_modified, EPOCH)
        UNIQUE("username, domain, uri_user"),
        NO_INDEX),
    TABLE(dbaliases, 1,
        ID
        TEXT(alias_username, 64)
        TEXT(alias_domain, 64)
        TEXT(username, 64)
        TEXT(domain, 64)
        UNIQUE("alias_username, alias_domain"),
        INDEX(dbaliases, target, "username, domain")),
    TABLE(grp, 2,
        ID
        TEXT(username, 64)
        TEXT(domain, 64)
        TEXT(grp, 64)
        TIME(last_modified, EPOCH)
        UNIQUE("username, domain, grp"),
        NO_INDEX),
    TABLE(dispatcher, 4,
        ID
        NUMBER(setid, 0)
        TEXT(destination, 192)
        NUMBER(flags, 0)
        NUMBER(priority, 0)
        TEXT(attrs, 128)
        TEXT(description, 64),
        NO_INDEX),
    TABLE(re_grp, 1,
        ID
        TEXT(reg_exp, 128)
        NUMBER(group_id, 0),
        INDEX(re_grp, group, "group_id")),
    TABLE(speed_dial, 2,
        ID
        TEXT(username, 64)
        TEXT(domain, 64)
        TEXT(sd_username, 64)
        TEXT(sd_domain, 64)
        TEXT(new_uri, 128)
        TEXT(fname, 64)
        TEXT(lname, 64)
        TEXT(description, 64)
        UNIQUE("username, domain, sd_domain, sd_username"),
        NO_INDEX),
    TABLE(trusted, 4,
        ID
        TEXT(src_ip, 50)
        TEXT(proto, 4)
        TEXT_OR_NULL(from_pattern, 64)
        TEXT(tag, 32)
        TEXT_OR_NULL(ruri_pattern, 64)
        NUMBER(priority, 0),
        INDEX(trusted, peer, "src_ip")),
    TABLE(address, 3,
        ID
        NUMBER(grp, 0)
        TEXT(ip_addr, 50)
        NUMBER(mask, 32)
        NUMBER(port, 0)
        TEXT(tag, 64),
        NO_INDEX),
    TABLE(usr_preferences, 2,
        ID
        TEXT(uuid, 64)
        ", username VARCHAR(128) DEFAULT '0' NOT NULL"
        TEXT(domain, 64)
        TEXT(attribute, 32)
        NUMBER(type, 0)
        TEXT(value, 128)
        TIME(last_modified, EPOCH),
        INDEX(usr_preferences, ua, "uuid, attribute"),
        INDEX(usr_preferences, uda, "username, domain, attribute")),
    TABLE(silo, 5,
        ID
        TEXT(src_addr, 128)
        TEXT(dst_addr, 128)
        TEXT(username, 64)
        TEXT(domain, 64)
        NUMBER(inc_time, 0)
        NUMBER(exp_time, 0)
        NUMBER(snd_time, 0)
        ", ctype VARCHAR(32) DEFAULT 'text/plain' NOT NULL"
        ", body {blob}"
        ", extra_hdrs {text}"
        TEXT(callid, 128)
        NUMBER(status, 0),
        INDEX(silo, account, "username, domain")),
    { { 0 }, 0, { 0 }, { { 0 } } },
};
/* clang-format on */

/* --- texts --- */

static struct str find_word(const struct dialect *dialect, struct str name)
{
    const struct dialect_word *word = dialect->words;

    while (word->name.len && !str_eq(word->name, name))
        word++;
    return word->text;
}

void schema_write(struct writer *w, const struct dialect *dialect, struct str text)
{
    struct str before, name, rest;

    while (str_split(text, '{', &before, &rest) && str_split(rest, '}', &name, &text)) {
        write_str(w, before);
        write_str(w, find_word(dialect, name));
    }
    write_str(w, text);
}

enum err schema_run(struct connection *connection, const struct writer *w)
{
    struct query query;
    enum err err = writer_finish(w, &query.sql);

    query.params = NULL;
    query.param_count = 0;
    return err ? err : connection_ask(connection, &query, NULL);
}

/* --- creating --- */

static enum err note_version(struct connection *connection, const struct table_schema *table)
{
    struct value params[] = { value_of_str(table->name), value_of_int(table->version) };
    struct query query = { STR("INSERT INTO version (table_name, table_version) VALUES (?, ?)"),
                           params, 2 };

    return connection_ask(connection, &query, NULL);
}

static enum err create_indexes(struct connection *connection, const struct table_schema *table)
{
    enum err err;

    for (unsigned i = 0; i < INDEXES_MAX && table->indexes[i].len; i++) {
        struct query query = { .sql = table->indexes[i] };

        if ((err = connection_ask(connection, &query, NULL)))
            return err;
    }
    return ERR_NONE;
}

static enum err create_table(struct connection *connection, const struct table_schema *table)
{
    const struct dialect *dialect = connection->database->driver->dialect;
    char buffer[SCHEMA_SQL_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    enum err err;

    write_fmt(&w, "CREATE TABLE " STR_FMT " (", STR_ARG(table->name));
    schema_write(&w, dialect, table->columns);
    schema_write(&w, dialect, STR("){end}"));
    if ((err = schema_run(connection, &w)))
        return err;
    if ((err = create_indexes(connection, table)))
        return err;
    return note_version(connection, table);
}

static enum err create_if_missing(struct connection *connection, const struct table_schema *table)
{
    enum err err;

    if (connection_has_table(connection, table->name))
        return ERR_NONE;
    err = create_table(connection, table);
    if (err)
        log_error("store: cannot create the table \"" STR_FMT "\": %s", STR_ARG(table->name),
                  err_name(err));
    return err;
}

static enum err create_missing(struct connection *connection)
{
    enum err err;

    for (const struct table_schema *table = schema_tables; table->name.len; table++)
        if ((err = create_if_missing(connection, table)))
            return err;
    return ERR_NONE;
}

/* Where CREATE TABLE ends a transaction, what was made stays. */
static enum err end_transaction(struct connection *connection, bool is_good)
{
    const struct driver *driver = connection->database->driver;

    if (!connection->is_up || !driver->in_transaction(connection))
        return is_good ? ERR_NONE : driver->execute(connection, driver->dialect->rollback);
    return driver->execute(connection,
                           is_good ? driver->dialect->commit : driver->dialect->rollback);
}

enum err schema_create(struct connection *connection)
{
    const struct driver *driver = connection->database->driver;
    enum err err = driver->execute(connection, driver->dialect->begin);
    enum err end;

    if (!err) {
        err = create_missing(connection);
        end = end_transaction(connection, !err);
        err = err ? err : end;
    }
    return err;
}
