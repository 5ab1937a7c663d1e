/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <culvert/log.h>
#include <culvert/writer.h>

enum {
    BUSY_MSEC_MAX = 1000,                 /* to wait for another process that writes */
    CHECKED_BYTES_MAX = 64 * 1024 * 1024, /* larger files are not read through at the start */
    TEXT_BYTES_MAX = 16 * 1024 * 1024,    /* of one column */
    QUIET_MSEC = 1000,
};

enum err sqlite_err(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return ERR_NONE;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR_TIMEOUT;
    case SQLITE_NOMEM:
        return ERR_NOMEM;
    case SQLITE_CONSTRAINT:
        return ERR_EXISTS;
    case SQLITE_TOOBIG:
        return ERR_LIMIT;
    case SQLITE_AUTH:
    case SQLITE_PERM:
    case SQLITE_READONLY:
        return ERR_DENIED;
    case SQLITE_ERROR:
        return ERR_SYNTAX;
    case SQLITE_RANGE:
    case SQLITE_MISMATCH:
        return ERR_RANGE;
    default:
        return ERR_IO;
    }
}

static uint64_t now_msec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void sqlite_log(struct sqlite *sqlite, const char *what)
{
    uint64_t now = now_msec();

    if (now < sqlite->quiet_until) {
        sqlite->unlogged++;
        return;
    }
    log_error("store: %s: %s%s", what, sqlite3_errmsg(sqlite->handle),
              sqlite->unlogged ? " (and more before, not logged)" : "");
    sqlite->quiet_until = now + QUIET_MSEC;
    sqlite->unlogged = 0;
}

/* --- the file --- */

static bool is_in_memory(const char *path)
{
    return strcmp(path, ":memory:") == 0;
}

static bool folder_exists(const char *path)
{
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX];
    struct writer w = writer_over(folder, sizeof folder - 1);
    struct stat status;

    if (!slash)
        return true;
    write_str(&w, slash == path ? STR("/") : str_between(path, slash));
    *w.at = '\0';
    return stat(folder, &status) == 0 && S_ISDIR(status.st_mode);
}

/* A new file belongs to us alone: there are passwords in it. SQLite gives its companions the same
 * mode. */
static enum err create_file(const char *path)
{
    int file;

    if (!folder_exists(path)) {
        log_error("store: the folder of the database \"%s\" does not exist. Create it, or set the "
                  "path of the database to a folder that does",
                  path);
        return ERR_IO;
    }
    file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file >= 0) {
        close(file);
        return ERR_NONE;
    }
    if (errno == EEXIST)
        return ERR_NONE;
    log_error("store: cannot create the database \"%s\": %s. The user that culvert runs as must be "
              "able to write to its folder",
              path, strerror(errno));
    return ERR_IO;
}

static bool is_quick_to_check(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && status.st_size <= CHECKED_BYTES_MAX;
}

/* --- opening --- */

/* Statements come from modules and scripts: what reaches beyond the tables of this file is ours. */
static int authorize(void *context, int action, const char *a, const char *b, const char *c,
                     const char *d)
{
    const struct sqlite *sqlite = context;

    (void)a;
    (void)b;
    (void)c;
    (void)d;
    if (sqlite->is_trusted)
        return SQLITE_OK;
    switch (action) {
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
    case SQLITE_PRAGMA:
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
        return SQLITE_DENY;
    default:
        return SQLITE_OK;
    }
}

typedef int exec_row_fn(void *context, int columns, char **values, char **names);

/* Runs a statement of our own. */
static int exec(struct sqlite *sqlite, const char *sql, exec_row_fn *row, void *context)
{
    int code;

    sqlite->is_trusted = true;
    code = sqlite3_exec(sqlite->handle, sql, row, context, NULL);
    sqlite->is_trusted = false;
    return code;
}

/* NORMAL: a commit survives the end of the process at once, and a power cut once the log is synced.
 */
static int set_up(struct sqlite *sqlite)
{
    int code;

    sqlite3_set_authorizer(sqlite->handle, authorize, sqlite);
    sqlite3_busy_timeout(sqlite->handle, BUSY_MSEC_MAX);
    sqlite3_limit(sqlite->handle, SQLITE_LIMIT_LENGTH, TEXT_BYTES_MAX);
    sqlite3_db_config(sqlite->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    code = exec(sqlite, "PRAGMA journal_mode=WAL", NULL, NULL);
    if (code == SQLITE_OK)
        code = exec(sqlite, "PRAGMA synchronous=NORMAL", NULL, NULL);
    if (code == SQLITE_OK)
        code = exec(sqlite, "PRAGMA trusted_schema=OFF", NULL, NULL);
    if (code == SQLITE_OK)
        code = exec(sqlite, "SELECT count(*) FROM sqlite_master", NULL, NULL);
    return code;
}

static int note_fault(void *context, int columns, char **values, char **names)
{
    bool *is_sound = context;

    (void)names;
    *is_sound = columns == 1 && values[0] && strcmp(values[0], "ok") == 0;
    return 0;
}

static int check_pages(struct sqlite *sqlite, const char *path)
{
    bool is_sound = false;
    int code;

    if (is_in_memory(path) || !is_quick_to_check(path))
        return SQLITE_OK;
    code = exec(sqlite, "PRAGMA quick_check(1)", note_fault, &is_sound);
    if (code != SQLITE_OK)
        return code;
    return is_sound ? SQLITE_OK : SQLITE_CORRUPT;
}

static void log_unusable(struct sqlite *sqlite, const char *path, int code)
{
    if ((code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB)
        log_error(
            "store: the database \"%s\" is damaged, or no database (%s). Put a copy back, save "
            "what can be saved (sqlite3 '%s' .recover | sqlite3 new.db), or move the file away "
            "and a new one is made",
            path, sqlite3_errstr(code), path);
    else
        log_error("store: cannot open the database \"%s\": %s", path,
                  sqlite->handle ? sqlite3_errmsg(sqlite->handle) : sqlite3_errstr(code));
}

static void sqlite_close(struct connection *connection)
{
    struct sqlite *sqlite = sqlite_of(connection);

    sqlite_forget_prepared(sqlite);
    sqlite3_close_v2(sqlite->handle);
    free(sqlite);
}

static int open_handle(struct sqlite *sqlite, const char *path)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    int code = sqlite3_open_v2(path, &sqlite->handle, flags, NULL);

    if (code == SQLITE_OK)
        code = set_up(sqlite);
    if (code == SQLITE_OK)
        code = check_pages(sqlite, path);
    return code;
}

static enum err open_path(const char *path, struct connection **out)
{
    struct sqlite *sqlite;
    enum err err;
    int code;

    if (!is_in_memory(path) && (err = create_file(path)))
        return err;
    sqlite = calloc(1, sizeof *sqlite);
    if (!sqlite)
        return ERR_NOMEM;
    sqlite->base.driver = &sqlite_driver;
    list_init(&sqlite->prepared);
    code = open_handle(sqlite, path);
    if (code != SQLITE_OK) {
        log_unusable(sqlite, path, code);
        sqlite_close(&sqlite->base);
        return ERR_IO;
    }
    *out = &sqlite->base;
    return ERR_NONE;
}

/* With a NUL at its end; false when it does not fit, or has one inside. */
static bool terminate(struct str text, char *buffer, size_t size)
{
    if (text.len >= size || str_find_char(text, '\0'))
        return false;
    if (text.len)
        memcpy(buffer, text.ptr, text.len);
    buffer[text.len] = '\0';
    return true;
}

static enum err sqlite_open(struct str path, struct connection **out)
{
    char terminated[PATH_MAX];

    if (!terminate(path, terminated, sizeof terminated))
        return ERR_LIMIT;
    return open_path(terminated, out);
}

static bool sqlite_has_column(struct connection *connection, struct str table, struct str column)
{
    char table_name[NAME_MAX];
    char column_name[NAME_MAX];

    return terminate(table, table_name, sizeof table_name) &&
           terminate(column, column_name, sizeof column_name) &&
           sqlite3_table_column_metadata(sqlite_of(connection)->handle, NULL, table_name,
                                         column_name, NULL, NULL, NULL, NULL, NULL) == SQLITE_OK;
}

static int note_count(void *context, int columns, char **values, char **names)
{
    bool *is_empty = context;

    (void)columns;
    (void)names;
    *is_empty = values[0] && strcmp(values[0], "0") == 0;
    return 0;
}

static bool sqlite_is_empty(struct connection *connection)
{
    bool is_empty = false;

    exec(sqlite_of(connection), "SELECT count(*) FROM sqlite_master", note_count, &is_empty);
    return is_empty;
}

/* --- transactions --- */

static void sqlite_rollback(struct connection *connection)
{
    if (!sqlite3_get_autocommit(sqlite_of(connection)->handle))
        exec(sqlite_of(connection), "ROLLBACK", NULL, NULL);
}

static enum err sqlite_begin(struct connection *connection)
{
    struct sqlite *sqlite = sqlite_of(connection);
    int code = exec(sqlite, "BEGIN IMMEDIATE", NULL, NULL);

    if (code != SQLITE_OK)
        sqlite_log(sqlite, "cannot begin to write");
    return sqlite_err(code);
}

static enum err sqlite_commit(struct connection *connection)
{
    struct sqlite *sqlite = sqlite_of(connection);
    int code = exec(sqlite, "COMMIT", NULL, NULL);

    if (code != SQLITE_OK) {
        sqlite_log(sqlite, "cannot commit");
        sqlite_rollback(connection);
    }
    return sqlite_err(code);
}

static bool sqlite_in_transaction(struct connection *connection)
{
    return !sqlite3_get_autocommit(sqlite_of(connection)->handle);
}

const struct driver sqlite_driver = {
    .scheme = STR_INIT("sqlite"),
    .open = sqlite_open,
    .close = sqlite_close,
    .is_empty = sqlite_is_empty,
    .has_column = sqlite_has_column,
    .writes = sqlite_writes,
    .run = sqlite_run,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .in_transaction = sqlite_in_transaction,
};
