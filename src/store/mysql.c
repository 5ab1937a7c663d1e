/* SPDX-License-Identifier: Apache-2.0 */
#include "store/mysql.h"

#include <errmsg.h>
#include <mysqld_error.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "store/wire.h"
#include "sys/loop.h"

enum {
    MARGIN_MSEC = 500, /* in which the database may still say by itself that it took too long */
    ER_STATEMENT_TIME = 1969,   /* max_statement_time of MariaDB */
    ER_EXECUTION_TIME = 3024,   /* max_execution_time of MySQL */
    ER_CHECK_VIOLATED = 4025,   /* in MariaDB */
    ER_CHECK_VIOLATED_8 = 3819, /* in MySQL */
};

/* --- what went wrong --- */

static const struct {
    unsigned code;
    enum err err;
} codes[] = {
    { ER_DUP_ENTRY, ERR_EXISTS },
    { ER_DUP_KEY, ERR_EXISTS },
    { ER_BAD_NULL_ERROR, ERR_EXISTS }, /* a constraint, as elsewhere */
    { ER_NO_DEFAULT_FOR_FIELD, ERR_EXISTS },
    { ER_NO_REFERENCED_ROW_2, ERR_EXISTS },
    { ER_ROW_IS_REFERENCED_2, ERR_EXISTS },
    { ER_CHECK_VIOLATED, ERR_EXISTS },
    { ER_CHECK_VIOLATED_8, ERR_EXISTS },
    { ER_DATA_TOO_LONG, ERR_LIMIT },
    { ER_NET_PACKET_TOO_LARGE, ERR_LIMIT },
    { CR_NET_PACKET_TOO_LARGE, ERR_LIMIT },
    { ER_WARN_DATA_OUT_OF_RANGE, ERR_RANGE },
    { ER_TRUNCATED_WRONG_VALUE, ERR_RANGE },
    { ER_TRUNCATED_WRONG_VALUE_FOR_FIELD, ERR_RANGE },
    { WARN_DATA_TRUNCATED, ERR_RANGE },
    { ER_ACCESS_DENIED_ERROR, ERR_DENIED },
    { ER_DBACCESS_DENIED_ERROR, ERR_DENIED },
    { ER_TABLEACCESS_DENIED_ERROR, ERR_DENIED },
    { ER_COLUMNACCESS_DENIED_ERROR, ERR_DENIED },
    { ER_SPECIFIC_ACCESS_DENIED_ERROR, ERR_DENIED },
    { ER_OPTION_PREVENTS_STATEMENT, ERR_DENIED }, /* read-only */
    { ER_PARSE_ERROR, ERR_SYNTAX },
    { ER_EMPTY_QUERY, ERR_SYNTAX },
    { ER_SYNTAX_ERROR, ERR_SYNTAX },
    { ER_NO_SUCH_TABLE, ERR_SYNTAX },
    { ER_BAD_TABLE_ERROR, ERR_SYNTAX },
    { ER_BAD_FIELD_ERROR, ERR_SYNTAX },
    { ER_WRONG_VALUE_COUNT_ON_ROW, ERR_SYNTAX },
    { ER_TABLE_EXISTS_ERROR, ERR_SYNTAX },
    { ER_DUP_FIELDNAME, ERR_SYNTAX },
    { ER_UNSUPPORTED_PS, ERR_UNSUPPORTED },
    { ER_LOCK_WAIT_TIMEOUT, ERR_TIMEOUT },
    { ER_STATEMENT_TIME, ERR_TIMEOUT },
    { ER_EXECUTION_TIME, ERR_TIMEOUT },
    { ER_QUERY_INTERRUPTED, ERR_TIMEOUT },
    { CR_OUT_OF_MEMORY, ERR_NOMEM },
};

static enum err err_of_code(unsigned code)
{
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].code == code)
            return codes[i].err;
    return ERR_IO;
}

/* Those of the library, and those with which the server says good-bye. */
static bool is_fatal(unsigned code)
{
    return (code >= CR_MIN_ERROR && code <= CR_MAX_ERROR && code != CR_NET_PACKET_TOO_LARGE) ||
           code == ER_SERVER_SHUTDOWN || code == ER_NET_READ_INTERRUPTED ||
           code == ER_NET_READ_ERROR || code == ER_CONNECTION_KILLED;
}

void mysql_drop(struct mysql *mysql)
{
    MYSQL *handle = mysql->handle;

    mysql->base.is_up = false;
    if (!handle)
        return;
    if (mysql->given_up && mysql_get_socket(handle) != MARIADB_INVALID_SOCKET)
        shutdown(mysql_get_socket(handle), SHUT_RDWR); /* a farewell could block */
    prepared_forget_all(&mysql->prepared, &mysql->base);
    mysql_close(handle);
    mysql->handle = NULL;
}

enum err mysql_failed(struct mysql *mysql, unsigned code, const char *text)
{
    enum err err = mysql->given_up ? mysql->given_up : err_of_code(code);

    if (mysql->given_up)
        text = err == ERR_TIMEOUT ? "no answer in time" : "the server stops";
    connection_fault(&mysql->base, text);
    mysql->has_lost_transaction = code == ER_LOCK_DEADLOCK;
    if (!mysql->given_up && !is_fatal(code))
        return err;
    mysql_drop(mysql);
    return err == ERR_TIMEOUT || err == ERR_NOT_NOW ? err : ERR_IO;
}

/* --- waiting --- */

void mysql_set_deadline(struct mysql *mysql)
{
    mysql->given_up = ERR_NONE;
    mysql->deadline = clock_monotonic() + mysql->base.database->limits.statement + MARGIN_MSEC;
}

static short to_poll(int what)
{
    return (short)((what & MYSQL_WAIT_READ ? POLLIN : 0) | (what & MYSQL_WAIT_WRITE ? POLLOUT : 0) |
                   (what & MYSQL_WAIT_EXCEPT ? POLLPRI : 0));
}

static int from_poll(short events, int what)
{
    int ready = (events & POLLIN ? MYSQL_WAIT_READ : 0) |
                (events & POLLOUT ? MYSQL_WAIT_WRITE : 0) |
                (events & POLLPRI ? MYSQL_WAIT_EXCEPT : 0);

    return ready ? ready : what & ~MYSQL_WAIT_TIMEOUT; /* an error: let it be found */
}

int mysql_wait_for(struct mysql *mysql, int what)
{
    short events = to_poll(what);
    enum err err =
        wire_wait(&mysql->base, mysql_get_socket(mysql->handle), &events, mysql->deadline);

    if (!err)
        return from_poll(events, what);
    mysql->given_up = err;
    return MYSQL_WAIT_TIMEOUT;
}

static enum err mysql_execute(struct connection *connection, const char *sql)
{
    struct mysql *mysql = mysql_of(connection);
    int failed = 0;

    if (!mysql->handle)
        return ERR_IO;
    mysql_set_deadline(mysql);
    mysql->has_lost_transaction = false;
    MYSQL_AWAIT(mysql, &failed, mysql_real_query, mysql->handle, mysql->handle, sql, strlen(sql));
    if (failed)
        return mysql_failed(mysql, mysql_errno(mysql->handle), mysql_error(mysql->handle));
    return ERR_NONE;
}

/* --- connecting --- */

/* With a NUL at its end; NULL for an empty text. */
static const char *terminate(struct str text, char **at)
{
    char *to = *at;

    if (str_is_empty(text))
        return NULL;
    memcpy(to, text.ptr, text.len);
    to[text.len] = '\0';
    *at += text.len + 1;
    return to;
}

static MYSQL *connect_to(struct mysql *mysql)
{
    const struct url *url = &mysql->base.database->url;
    char buffer[URL_BYTES_MAX + 8], *at = buffer;
    const char *host = terminate(url->host, &at);
    const char *user = terminate(url->user, &at);
    const char *password = terminate(url->password, &at);
    const char *database = terminate(url->database, &at);
    const char *socket_path = terminate(url->socket, &at);
    MYSQL *connected = NULL;

    MYSQL_AWAIT(mysql, &connected, mysql_real_connect, mysql->handle, mysql->handle, host, user,
                password, database, (unsigned)url->port, socket_path, CLIENT_FOUND_ROWS);
    explicit_bzero(buffer, sizeof buffer);
    return connected;
}

static void set_options(MYSQL *handle)
{
    unsigned no_local_files = 0;

    mysql_options(handle, MYSQL_OPT_NONBLOCK, 0);
    mysql_options(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_options(handle, MYSQL_OPT_LOCAL_INFILE, &no_local_files);
}

/* Which of the two limits there is tells MariaDB from MySQL. */
static enum err limit_statements(struct mysql *mysql)
{
    unsigned long long limit = mysql->base.database->limits.statement;
    char sql[160];

    snprintf(sql, sizeof sql, "SET SESSION max_statement_time = %llu.%03llu", limit / 1000,
             limit % 1000);
    if (!mysql_execute(&mysql->base, sql) || !mysql->base.is_up)
        return mysql->base.is_up ? ERR_NONE : ERR_IO;
    snprintf(sql, sizeof sql, "SET SESSION max_execution_time = %llu", limit);
    return mysql_execute(&mysql->base, sql);
}

static enum err set_up(struct mysql *mysql)
{
    char sql[200];
    enum err err;

    mysql->base.is_up = true;
    snprintf(sql, sizeof sql,
             "SET SESSION autocommit = 1, innodb_lock_wait_timeout = %llu, "
             "sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')",
             ((unsigned long long)mysql->base.database->limits.statement + 999) / 1000);
    err = mysql_execute(&mysql->base, sql);
    return err ? err : limit_statements(mysql);
}

static enum err mysql_driver_connect(struct connection *connection)
{
    struct mysql *mysql = mysql_of(connection);
    enum err err;

    mysql_drop(mysql);
    mysql->given_up = ERR_NONE;
    mysql->handle = mysql_init(NULL);
    if (!mysql->handle)
        return ERR_NOMEM;
    set_options(mysql->handle);
    mysql->deadline = clock_monotonic() + connection->database->limits.connect;
    if (!connect_to(mysql)) {
        err = mysql_failed(mysql, mysql_errno(mysql->handle), mysql_error(mysql->handle));
        mysql_drop(mysql);
        return err;
    }
    if ((err = set_up(mysql)))
        mysql_drop(mysql);
    return err;
}

static enum err mysql_create(struct database *database, struct connection **out)
{
    struct mysql *mysql = calloc(1, sizeof *mysql);

    if (!mysql)
        return ERR_NOMEM;
    mysql_library_init(0, NULL, NULL); /* the first time; stores are opened one after another */
    mysql->base.database = database;
    prepared_init(&mysql->prepared, mysql_close_prepared);
    *out = &mysql->base;
    return ERR_NONE;
}

static void mysql_destroy(struct connection *connection)
{
    mysql_drop(mysql_of(connection));
    free(connection);
}

static bool mysql_in_transaction(struct connection *connection)
{
    struct mysql *mysql = mysql_of(connection);
    unsigned status = 0;

    mariadb_get_infov(mysql->handle, MARIADB_CONNECTION_SERVER_STATUS, &status);
    return !mysql->has_lost_transaction && status & SERVER_STATUS_IN_TRANS;
}

/* --- the dialect --- */

static const struct dialect_word words[] = {
    { STR_INIT("id"), STR_INIT("id INT(10) UNSIGNED AUTO_INCREMENT PRIMARY KEY NOT NULL") },
    { STR_INIT("time"), STR_INIT("DATETIME") },
    { STR_INIT("float"), STR_INIT("FLOAT(10,2)") },
    { STR_INIT("blob"), STR_INIT("BLOB NOT NULL") },
    { STR_INIT("text"), STR_INIT("TEXT NOT NULL") },
    { STR_INIT("ruid"), STR_INIT("''") },
    { STR_INIT("partition"), STR_INIT("`partition`") },
    { STR_INIT("numbered"), STR_INIT("CONCAT('row-', id)") },
    { STR_INIT("end"), STR_INIT(" ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin") },
    { { 0 }, { 0 } },
};

static const struct dialect dialect = {
    .begin = "START TRANSACTION",
    .commit = "COMMIT",
    .rollback = "ROLLBACK",
    .any_table = STR_INIT("SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() "
                          "LIMIT 1"),
    .has_table = STR_INIT("SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() "
                          "AND table_name = ?"),
    .has_column = STR_INIT("SELECT 1 FROM information_schema.columns WHERE table_schema = "
                           "DATABASE() AND table_name = ? AND column_name = ?"),
    .upsert_front = STR_INIT(" ON DUPLICATE KEY UPDATE "),
    .upsert_column = "@ = VALUES(@)",
    .words = words,
};

const struct driver mysql_driver = {
    .name = "MySQL",
    .dialect = &dialect,
    .create = mysql_create,
    .destroy = mysql_destroy,
    .connect = mysql_driver_connect,
    .run = mysql_run,
    .execute = mysql_execute,
    .in_transaction = mysql_in_transaction,
};
