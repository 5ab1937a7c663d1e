/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * URLs of databases: scheme://user:password@host:port/name?option=value. Nothing is decoded, as the
 * originals do not; the last '@' ends the password. There are passwords in them: log url_name()
 * only.
 */
#include <culvert/str.h>

struct driver;

enum {
    URL_BYTES_MAX = 1024,
    URL_NAME_MAX = 320,
};

struct url {
    const struct driver *driver;
    struct str path; /* what follows the scheme, whole: of embedded databases the file */
    struct str user;
    struct str password;
    struct str host;   /* without brackets */
    struct str socket; /* ?socket=: of the machine itself; PostgreSQL: its folder */
    struct str database;
    uint64_t port;        /* 0: the usual one */
    uint64_t connections; /* ?connections=; 0: as set */
    uint64_t timeout;     /* ?timeout=, seconds for a statement; 0: as set */
};

/* Borrows from the text. ERR_UNSUPPORTED for another scheme, ERR_SYNTAX; both are logged. */
MUST_USE enum err url_parse(struct str text, struct url *out);
/* To a copy of the text of its path. */
void url_move(struct url *url, const char *path);
/* "PostgreSQL at db.example.org:5433/sip": for people. */
const char *url_name(const struct url *url, char buffer[static URL_NAME_MAX]);
