/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <culvert/log.h>
#include <culvert/writer.h>

#include "sys/loop.h"

enum {
    BUSY_MSEC_MAX = 1000,                 /* to wait for another process that writes */
    CHECKED_BYTES_MAX = 64 * 1024 * 1024, /* larger files are not read through at the start */
    TEXT_BYTES_MAX = 16 * 1024 * 1024,    /* of one column */
    STEPS_BETWEEN_LOOKS = 10000,          /* of its machine, at the clock: about a millisecond */
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
    case SQLITE_INTERRUPT:
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

void sqlite_log(struct sqlite *sqlite, const char *what)
{
    connection_fault(&sqlite->base,
                     sqlite->has_run_out ? "it took too long" : sqlite3_errmsg(sqlite->handle));
    connection_log(&sqlite->base, what);
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

    (void)b;
    (void)c;
    (void)d;
    if (sqlite->is_trusted)
        return SQLITE_OK;
    switch (action) {
    case SQLITE_PRAGMA:
        return strcmp(a, "table_info") == 0 ? SQLITE_OK : SQLITE_DENY;
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
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

/* Not zero ends the statement. */
static int look_at_clock(void *context)
{
    struct sqlite *sqlite = context;

    sqlite->has_run_out = (sqlite->deadline && clock_monotonic() > sqlite->deadline) ||
                          atomic_load(&sqlite->base.database->interrupt.is_raised);
    return sqlite->has_run_out;
}

/* FULL: what was committed survives a power cut. Writes share transactions, so it is paid by many. */
static int set_up(struct sqlite *sqlite)
{
    int code;

    sqlite3_set_authorizer(sqlite->handle, authorize, sqlite);
    sqlite3_progress_handler(sqlite->handle, STEPS_BETWEEN_LOOKS, look_at_clock, sqlite);
    sqlite3_busy_timeout(sqlite->handle, BUSY_MSEC_MAX);
    sqlite3_limit(sqlite->handle, SQLITE_LIMIT_LENGTH, TEXT_BYTES_MAX);
    sqlite3_db_config(sqlite->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    code = exec(sqlite, "PRAGMA journal_mode=WAL", NULL, NULL);
    if (code == SQLITE_OK)
        code = exec(sqlite, "PRAGMA synchronous=FULL", NULL, NULL);
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

static bool is_damage(int code)
{
    return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

static void log_unusable(struct sqlite *sqlite, const char *path, int code)
{
    if (is_damage(code))
        log_error(
            "store: the database \"%s\" is damaged, or no database (%s). Put a copy back, save "
            "what can be saved (sqlite3 '%s' .recover | sqlite3 new.db), or start culvert with "
            "--replace-damaged-database: it is kept under another name, and a new one is made",
            path, sqlite3_errstr(code), path);
    else
        log_error("store: cannot open the database \"%s\": %s", path,
                  sqlite->handle ? sqlite3_errmsg(sqlite->handle) : sqlite3_errstr(code));
}

/* --- a damaged file --- */

/* "culvert.db.damaged-20260131-235959", and the same of its companions. */
static enum err rename_part(const char *path, const char *mark, const char *suffix)
{
    char from[PATH_MAX];
    char to[PATH_MAX];

    if ((size_t)snprintf(from, sizeof from, "%s%s", path, suffix) >= sizeof from ||
        (size_t)snprintf(to, sizeof to, "%s.%s%s", path, mark, suffix) >= sizeof to)
        return ERR_LIMIT;
    if (rename(from, to) == 0 || (errno == ENOENT && *suffix))
        return ERR_NONE;
    log_error("store: the damaged database \"%s\" cannot be renamed: %s", from, strerror(errno));
    return ERR_IO;
}

static enum err set_aside(const char *path)
{
    static const char *const suffixes[] = { "-wal", "-shm", "" };
    time_t now = time(NULL);
    struct tm parts;
    char mark[64];
    enum err err = ERR_NONE;

    gmtime_r(&now, &parts);
    strftime(mark, sizeof mark, "damaged-%Y%m%d-%H%M%S", &parts);
    for (size_t i = 0; !err && i < sizeof suffixes / sizeof suffixes[0]; i++)
        err = rename_part(path, mark, suffixes[i]);
    if (!err)
        log_warning("store: the damaged database is kept as \"%s.%s\"; a new one is made", path,
                    mark);
    return err;
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

static enum err try_path(struct sqlite *sqlite, const char *path)
{
    enum err err;
    int code;

    if (!is_in_memory(path) && (err = create_file(path)))
        return err;
    code = open_handle(sqlite, path);
    if (code == SQLITE_OK) {
        sqlite->base.is_up = true;
        return ERR_NONE;
    }
    log_unusable(sqlite, path, code);
    sqlite3_close_v2(sqlite->handle);
    sqlite->handle = NULL;
    return is_damage(code) ? ERR_SYNTAX : ERR_IO;
}

/* ERR_SYNTAX of the file itself: it is what is damaged. */
static enum err open_path(struct sqlite *sqlite, const char *path)
{
    enum err err = try_path(sqlite, path);

    if (err == ERR_SYNTAX && sqlite->base.database->replaces_damaged && !(err = set_aside(path)))
        err = try_path(sqlite, path);
    return err ? ERR_IO : ERR_NONE;
}

static enum err sqlite_create(struct database *database, struct connection **out)
{
    struct sqlite *sqlite = calloc(1, sizeof *sqlite);

    if (!sqlite)
        return ERR_NOMEM;
    sqlite->base.database = database;
    prepared_init(&sqlite->prepared, sqlite_close_prepared);
    *out = &sqlite->base;
    return ERR_NONE;
}

static void sqlite_destroy(struct connection *connection)
{
    struct sqlite *sqlite = sqlite_of(connection);

    prepared_forget_all(&sqlite->prepared, connection);
    sqlite3_close_v2(sqlite->handle);
    free(sqlite);
}

static enum err sqlite_connect(struct connection *connection)
{
    struct str path = connection->database->url.path;
    char terminated[PATH_MAX];

    if (path.len >= sizeof terminated || str_find_char(path, '\0'))
        return ERR_LIMIT;
    memcpy(terminated, path.ptr, path.len);
    terminated[path.len] = '\0';
    return open_path(sqlite_of(connection), terminated);
}

/* --- transactions --- */

static enum err sqlite_execute(struct connection *connection, const char *sql)
{
    struct sqlite *sqlite = sqlite_of(connection);
    int code = exec(sqlite, sql, NULL, NULL);

    if (code != SQLITE_OK)
        connection_fault(connection, sqlite3_errmsg(sqlite->handle));
    return sqlite_err(code);
}

static bool sqlite_in_transaction(struct connection *connection)
{
    return !sqlite3_get_autocommit(sqlite_of(connection)->handle);
}

static const struct dialect_word words[] = {
    { STR_INIT("id"), STR_INIT("id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL") },
    { STR_INIT("time"), STR_INIT("DATETIME") },
    { STR_INIT("float"), STR_INIT("FLOAT(10,2)") },
    { STR_INIT("blob"), STR_INIT("BLOB DEFAULT '' NOT NULL") },
    { STR_INIT("text"), STR_INIT("TEXT DEFAULT '' NOT NULL") },
    { STR_INIT("ruid"), STR_INIT("(lower(hex(randomblob(8))))") },
    { STR_INIT("partition"), STR_INIT("partition") },
    { STR_INIT("numbered"), STR_INIT("'row-' || id") },
    { STR_INIT("end"), STR_INIT("") },
    { { 0 }, { 0 } },
};

static const struct dialect dialect = {
    .begin = "BEGIN IMMEDIATE",
    .commit = "COMMIT",
    .rollback = "ROLLBACK",
    .any_table = STR_INIT("SELECT 1 FROM sqlite_master LIMIT 1"),
    .has_table = STR_INIT("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"),
    .has_column = STR_INIT("SELECT 1 FROM pragma_table_info(?) WHERE name = ?"),
    .upsert_front = STR_INIT(" ON CONFLICT ("),
    .upsert_names_key = true,
    .upsert_middle = STR_INIT(") DO UPDATE SET "),
    .upsert_column = "@ = excluded.@",
    .words = words,
};

const struct driver sqlite_driver = {
    .name = "SQLite",
    .dialect = &dialect,
    .is_embedded = true,
    .create = sqlite_create,
    .destroy = sqlite_destroy,
    .connect = sqlite_connect,
    .run = sqlite_run,
    .execute = sqlite_execute,
    .in_transaction = sqlite_in_transaction,
};
