/* SPDX-License-Identifier: Apache-2.0 */
#include "store/url.h"

#include <culvert/log.h>
#include <culvert/writer.h>

#include "store/driver.h"

enum {
    CONNECTIONS_MAX = 32,
    TIMEOUT_SECONDS_MAX = 3600,
};

#ifdef HAVE_POSTGRES
#define POSTGRES &postgres_driver
#else
#define POSTGRES NULL
#endif
#ifdef HAVE_MYSQL
#define MYSQL &mysql_driver
#else
#define MYSQL NULL
#endif

static const struct {
    struct str name;
    const struct driver *driver; /* NULL: this build does without it */
    const char *option;          /* of the build */
} schemes[] = {
    { STR_INIT("sqlite"), &sqlite_driver, "" },
    { STR_INIT("postgres"), POSTGRES, "postgres" },
    { STR_INIT("postgresql"), POSTGRES, "postgres" },
    { STR_INIT("mysql"), MYSQL, "mysql" },
    { STR_INIT("mariadb"), MYSQL, "mysql" },
};

static enum err refuse_scheme(struct str scheme)
{
    if (str_ieq(scheme, STR("text")) || str_ieq(scheme, STR("dbtext")))
        log_error("store: tables in text files (\"" STR_FMT
                  "://\") are read once, not used as they "
                  "are: \"culvertctl db.import FOLDER sqlite:///path/to/file.db\" takes them over; "
                  "then set db_url to that database",
                  STR_ARG(scheme));
    else
        log_error(
            "store: no driver for \"" STR_FMT "://\". Set db_url to "
            "\"mysql://user:password@host/database\", \"postgres://user:password@host/database\","
            " \"sqlite:///path/to/file.db\", or to \"\" for the embedded database",
            STR_ARG(scheme));
    return ERR_UNSUPPORTED;
}

static enum err refuse_option(struct str scheme, const char *option)
{
    log_error("store: this culvert was built without what \"" STR_FMT "://\" needs. Build it with "
              "\"meson configure -D%s=enabled\", or use another database",
              STR_ARG(scheme), option);
    return ERR_UNSUPPORTED;
}

static enum err refuse_part(const char *what)
{
    log_error("store: a db_url has %s. It is written as scheme://user:password@host:port/database",
              what);
    return ERR_SYNTAX;
}

static enum err find_driver(struct str scheme, const struct driver **out)
{
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (!str_ieq(scheme, schemes[i].name))
            continue;
        if (!schemes[i].driver)
            return refuse_option(scheme, schemes[i].option);
        *out = schemes[i].driver;
        return ERR_NONE;
    }
    return refuse_scheme(scheme);
}

/* --- the parts --- */

/* The last one; false, and nothing written, when there is none. */
static bool split_at_last(struct str text, char separator, struct str *head, struct str *tail)
{
    for (size_t at = text.len; at > 0; at--) {
        if (text.ptr[at - 1] != separator)
            continue;
        *head = (struct str){ text.ptr, at - 1 };
        *tail = str_skip(text, at);
        return true;
    }
    return false;
}

/* option=value */
static enum err read_option(struct url *url, struct str option)
{
    struct str name, value;

    if (!str_split(option, '=', &name, &value))
        return refuse_part("an option without a value");
    if (str_eq(name, STR("socket")))
        url->socket = value;
    else if (str_eq(name, STR("connections")))
        return str_to_uint(value, 1, CONNECTIONS_MAX, &url->connections)
                   ? refuse_part("\"connections\" outside of 1 to 32")
                   : ERR_NONE;
    else if (str_eq(name, STR("timeout")))
        return str_to_uint(value, 1, TIMEOUT_SECONDS_MAX, &url->timeout)
                   ? refuse_part("\"timeout\" outside of 1 to 3600 seconds")
                   : ERR_NONE;
    else
        return refuse_part("an option other than socket, connections and timeout");
    return ERR_NONE;
}

static enum err read_options(struct url *url, struct str text)
{
    struct str option, rest;
    enum err err = ERR_NONE;

    while (!err && text.len) {
        if (!str_split(text, '&', &option, &rest)) {
            option = text;
            rest = STR("");
        }
        err = read_option(url, option);
        text = rest;
    }
    return err;
}

/* host[:port] or [address]:port */
static enum err read_host(struct url *url, struct str text)
{
    struct str port = { 0 };

    if (text.len && text.ptr[0] == '[') {
        if (!str_split(str_skip(text, 1), ']', &url->host, &port))
            return refuse_part("'[' without ']'");
        if (port.len && port.ptr[0] != ':')
            return refuse_part("something other than a port behind ']'");
        port = str_skip(port, 1);
    } else if (!str_split(text, ':', &url->host, &port)) {
        url->host = text;
    }
    if (port.len && str_to_uint(port, 1, UINT16_MAX, &url->port))
        return refuse_part("a port outside of 1 to 65535");
    return ERR_NONE;
}

/* [user[:password]@]host[:port]/database[?options] */
static enum err read_server(struct url *url, struct str text)
{
    struct str account = { 0 };
    struct str options = { 0 };
    struct str host;
    enum err err;

    if (split_at_last(text, '@', &account, &text) &&
        !str_split(account, ':', &url->user, &url->password))
        url->user = account;
    if (str_split(text, '?', &host, &options))
        text = host;
    if (!str_split(text, '/', &host, &url->database) || str_is_empty(url->database))
        return refuse_part("no name of a database");
    err = read_host(url, host);
    return err ? err : read_options(url, options);
}

static enum err read_path(struct url *url)
{
    if (str_is_empty(url->path))
        return refuse_part("nothing behind \"://\"");
    return url->driver->is_embedded ? ERR_NONE : read_server(url, url->path);
}

enum err url_parse(struct str text, struct url *out)
{
    struct str separator = STR("://");
    const char *colon = str_find(text, separator);
    struct str scheme = colon ? str_between(text.ptr, colon) : STR("?");
    struct url url = { 0 };
    enum err err;

    if (text.len > URL_BYTES_MAX || str_has_line_break(text))
        return refuse_part("a control character, or is too long");
    if ((err = find_driver(scheme, &url.driver)))
        return err;
    url.path = str_skip(text, scheme.len + separator.len);
    if ((err = read_path(&url)))
        return err;
    *out = url;
    return ERR_NONE;
}

void url_move(struct url *url, const char *path)
{
    struct str *parts[] = { &url->user,   &url->password, &url->host,
                            &url->socket, &url->database, &url->path };

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i]->ptr)
            parts[i]->ptr = path + (parts[i]->ptr - url->path.ptr);
}

const char *url_name(const struct url *url, char buffer[static URL_NAME_MAX])
{
    struct writer w = writer_over(buffer, URL_NAME_MAX - 1);

    write_fmt(&w, "%s at ", url->driver->name);
    if (url->driver->is_embedded) {
        write_str(&w, url->path);
    } else {
        write_str(&w, url->socket.len ? url->socket : url->host.len ? url->host : STR("localhost"));
        if (url->port)
            write_fmt(&w, ":%u", (unsigned)url->port);
        write_fmt(&w, "/" STR_FMT, STR_ARG(url->database));
    }
    *w.at = '\0';
    return buffer;
}
