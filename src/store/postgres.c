/* SPDX-License-Identifier: Apache-2.0 */
#include "store/postgres.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include <culvert/writer.h>

#include "store/wire.h"
#include "sys/loop.h"

enum {
    MARGIN_MSEC = 500, /* in which the database may still say by itself that it took too long */
};

/* --- what went wrong --- */

/* By the start of SQLSTATE; the longest comes first. */
static const struct {
    struct str code;
    enum err err;
} states[] = {
    { STR_INIT("57014"), ERR_TIMEOUT }, /* statement_timeout */
    { STR_INIT("55P03"), ERR_TIMEOUT }, /* a lock */
    { STR_INIT("22001"), ERR_LIMIT },   /* too long for its column */
    { STR_INIT("22021"), ERR_SYNTAX },  /* not in the encoding */
    { STR_INIT("42501"), ERR_DENIED },  { STR_INIT("25006"), ERR_DENIED }, /* read-only */
    { STR_INIT("53200"), ERR_NOMEM },   { STR_INIT("54"), ERR_LIMIT },
    { STR_INIT("22"), ERR_RANGE },      { STR_INIT("23"), ERR_EXISTS },
    { STR_INIT("28"), ERR_DENIED },     { STR_INIT("42"), ERR_SYNTAX },
};

static enum err err_of_state(const char *state)
{
    for (size_t i = 0; state && i < sizeof states / sizeof states[0]; i++)
        if (str_starts(str_of(state), states[i].code))
            return states[i].err;
    return ERR_IO;
}

void postgres_drop(struct postgres *postgres)
{
    postgres->base.is_up = false;
    prepared_forget_all(&postgres->prepared, &postgres->base);
    PQfinish(postgres->handle);
    postgres->handle = NULL;
}

enum err postgres_failed(struct postgres *postgres, const PGresult *result)
{
    const char *text = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    enum err err = postgres->given_up ? postgres->given_up : err_of_state(state);

    if (postgres->given_up)
        text = err == ERR_TIMEOUT ? "no answer in time" : "the server stops";
    connection_fault(&postgres->base, text ? text : PQerrorMessage(postgres->handle));
    if (postgres->given_up || PQstatus(postgres->handle) != CONNECTION_OK) {
        err = postgres->given_up ? postgres->given_up : ERR_IO;
        postgres_drop(postgres);
    }
    return err;
}

/* --- waiting --- */

void postgres_set_deadline(struct postgres *postgres)
{
    postgres->given_up = ERR_NONE;
    postgres->deadline =
        clock_monotonic() + postgres->base.database->limits.statement + MARGIN_MSEC;
}

static enum err wait_for(struct postgres *postgres, short events)
{
    enum err err =
        wire_wait(&postgres->base, PQsocket(postgres->handle), &events, postgres->deadline);

    if (err == ERR_TIMEOUT || err == ERR_NOT_NOW)
        postgres->given_up = err;
    return err;
}

/* All of it must leave before the answer is waited for; what comes meanwhile makes room for that.
 */
static enum err flush(struct postgres *postgres)
{
    int left;
    enum err err;

    while ((left = PQflush(postgres->handle)) > 0) {
        if ((err = wait_for(postgres, POLLIN | POLLOUT)))
            return err;
        if (!PQconsumeInput(postgres->handle))
            return ERR_IO;
    }
    return left < 0 ? ERR_IO : ERR_NONE;
}

enum err postgres_next_result(struct postgres *postgres, PGresult **out)
{
    enum err err = flush(postgres);

    while (!err && PQisBusy(postgres->handle)) {
        err = wait_for(postgres, POLLIN);
        if (!err && !PQconsumeInput(postgres->handle))
            err = ERR_IO;
    }
    if (!err)
        *out = PQgetResult(postgres->handle);
    return err;
}

void postgres_skip_results(struct postgres *postgres)
{
    PGresult *result = NULL;

    while (postgres->base.is_up) {
        if (postgres_next_result(postgres, &result)) {
            postgres_failed(postgres, NULL);
            return;
        }
        if (!result)
            return;
        PQclear(result);
    }
}

enum err postgres_execute(struct connection *connection, const char *sql)
{
    struct postgres *postgres = postgres_of(connection);
    PGresult *result = NULL;
    enum err err = ERR_NONE;

    if (!postgres->handle)
        return ERR_IO;
    postgres_set_deadline(postgres);
    if (!PQsendQuery(postgres->handle, sql) || postgres_next_result(postgres, &result) || !result)
        return postgres_failed(postgres, NULL);
    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        err = postgres_failed(postgres, result);
    PQclear(result);
    postgres_skip_results(postgres);
    if (!err && !connection->is_up)
        err = ERR_IO;
    return err;
}

/* --- connecting --- */

enum {
    PARTS_MAX = 8,
};

/* What libpq is told: names and terminated texts. */
struct parts {
    const char *names[PARTS_MAX + 1];
    const char *texts[PARTS_MAX + 1];
    unsigned count;
    struct writer w;
    char buffer[URL_BYTES_MAX + 64];
};

static void add_part(struct parts *parts, const char *name, struct str text)
{
    if (str_is_empty(text))
        return;
    parts->names[parts->count] = name;
    parts->texts[parts->count++] = parts->w.at;
    write_str(&parts->w, text);
    write_char(&parts->w, '\0');
}

static void add_parts(struct parts *parts, const struct url *url)
{
    char port[8];

    snprintf(port, sizeof port, "%u", (unsigned)url->port);
    add_part(parts, "host", url->socket.len ? url->socket : url->host);
    add_part(parts, "port", url->port ? str_of(port) : STR(""));
    add_part(parts, "user", url->user);
    add_part(parts, "password", url->password);
    add_part(parts, "dbname", url->database);
    add_part(parts, "client_encoding", STR("UTF8"));
    add_part(parts, "application_name", STR("culvert"));
}

static void ignore_notice(void *context, const char *text)
{
    (void)context;
    (void)text;
}

static enum err poll_until_connected(struct postgres *postgres)
{
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    enum err err;

    while (state == PGRES_POLLING_READING || state == PGRES_POLLING_WRITING) {
        if ((err = wait_for(postgres, state == PGRES_POLLING_READING ? POLLIN : POLLOUT)))
            return err;
        state = PQconnectPoll(postgres->handle);
    }
    return state == PGRES_POLLING_OK ? ERR_NONE : ERR_IO;
}

static enum err set_up(struct postgres *postgres)
{
    char sql[160];

    snprintf(sql, sizeof sql,
             "SET statement_timeout = %llu; SET DateStyle = ISO; SET bytea_output = hex; "
             "SET standard_conforming_strings = on",
             (unsigned long long)postgres->base.database->limits.statement);
    PQsetnonblocking(postgres->handle, 1);
    postgres->base.is_up = true;
    return postgres_execute(&postgres->base, sql);
}

static enum err postgres_connect(struct connection *connection)
{
    struct postgres *postgres = postgres_of(connection);
    struct parts parts = { .count = 0 };

    postgres_drop(postgres);
    postgres->given_up = ERR_NONE;
    parts.w = writer_over(parts.buffer, sizeof parts.buffer);
    add_parts(&parts, &connection->database->url);
    postgres->handle = PQconnectStartParams(parts.names, parts.texts, 0);
    explicit_bzero(parts.buffer, sizeof parts.buffer);
    if (!postgres->handle)
        return ERR_NOMEM;
    PQsetNoticeProcessor(postgres->handle, ignore_notice, NULL);
    postgres->deadline = clock_monotonic() + connection->database->limits.connect;
    if (PQstatus(postgres->handle) == CONNECTION_BAD || poll_until_connected(postgres)) {
        enum err err = postgres_failed(postgres, NULL);

        postgres_drop(postgres);
        return err;
    }
    return set_up(postgres);
}

static enum err postgres_create(struct database *database, struct connection **out)
{
    struct postgres *postgres = calloc(1, sizeof *postgres);

    if (!postgres)
        return ERR_NOMEM;
    postgres->base.database = database;
    prepared_init(&postgres->prepared, postgres_close_prepared);
    *out = &postgres->base;
    return ERR_NONE;
}

static void postgres_destroy(struct connection *connection)
{
    postgres_drop(postgres_of(connection));
    free(connection);
}

static bool postgres_in_transaction(struct connection *connection)
{
    return PQtransactionStatus(postgres_of(connection)->handle) == PQTRANS_INTRANS;
}

/* --- the dialect --- */

static const struct dialect_word words[] = {
    { STR_INIT("id"), STR_INIT("id SERIAL PRIMARY KEY NOT NULL") },
    { STR_INIT("time"), STR_INIT("TIMESTAMP WITHOUT TIME ZONE") },
    { STR_INIT("float"), STR_INIT("REAL") },
    { STR_INIT("blob"), STR_INIT("BYTEA DEFAULT '' NOT NULL") },
    { STR_INIT("text"), STR_INIT("TEXT DEFAULT '' NOT NULL") },
    { STR_INIT("ruid"), STR_INIT("md5(random()::text || clock_timestamp()::text)") },
    { STR_INIT("partition"), STR_INIT("partition") },
    { STR_INIT("numbered"), STR_INIT("'row-' || id") },
    { STR_INIT("end"), STR_INIT("") },
    { { 0 }, { 0 } },
};

static const struct dialect dialect = {
    .begin = "BEGIN",
    .commit = "COMMIT",
    .rollback = "ROLLBACK",
    .mark = "SAVEPOINT before_statement",
    .back_to_mark = "ROLLBACK TO SAVEPOINT before_statement",
    .any_table = STR_INIT("SELECT 1 FROM information_schema.tables WHERE table_schema = "
                          "current_schema() LIMIT 1"),
    .has_table = STR_INIT("SELECT 1 FROM information_schema.tables WHERE table_schema = ANY "
                          "(current_schemas(false)) AND table_name = ?"),
    .has_column = STR_INIT("SELECT 1 FROM information_schema.columns WHERE table_schema = ANY "
                           "(current_schemas(false)) AND table_name = ? AND column_name = ?"),
    .upsert_front = STR_INIT(" ON CONFLICT ("),
    .upsert_names_key = true,
    .upsert_middle = STR_INIT(") DO UPDATE SET "),
    .upsert_column = "@ = excluded.@",
    .words = words,
};

const struct driver postgres_driver = {
    .name = "PostgreSQL",
    .dialect = &dialect,
    .create = postgres_create,
    .destroy = postgres_destroy,
    .connect = postgres_connect,
    .run = postgres_run,
    .execute = postgres_execute,
    .in_transaction = postgres_in_transaction,
};
