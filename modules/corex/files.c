/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small files. Nothing here waits: only regular files are touched, opened without blocking, and no
 * more than FILE_MAX bytes are moved at a time.
 */
#include "corex.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <culvert/log.h>

enum {
    FILE_MAX = 65536,
    PATH_ROOM = 1024,
    MODE = 0640,
};

/* The descriptor of a regular file; -1, with a line in the log. */
static int open_file(struct str path, int flags)
{
    char name[PATH_ROOM];
    struct stat about;
    int file;

    if (path.len >= sizeof name || str_has_line_break(path)) {
        log_error("\"" STR_FMT "\" is no path", STR_ARG(path));
        return -1;
    }
    memcpy(name, path.ptr, path.len);
    name[path.len] = '\0';
    file = open(name, flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, MODE);
    if (file >= 0 && !fstat(file, &about) && S_ISREG(about.st_mode))
        return file;
    log_error("%s cannot be opened: %s", name, file < 0 ? strerror(errno) : "it is no regular file");
    if (file >= 0)
        close(file);
    return -1;
}

static bool read_all(int file, char *room, size_t *length)
{
    ssize_t got = 1;

    for (*length = 0; got > 0 && *length <= FILE_MAX; *length += (size_t)(got > 0 ? got : 0))
        got = read(file, room + *length, FILE_MAX + 1 - *length);
    return got == 0 && *length <= FILE_MAX;
}

/* file_read(path, variable): the whole file, a line end at its end included. */
enum verdict file_read(struct call *call)
{
    char *room = arena_alloc(call->run->arena, FILE_MAX + 1);
    int file = room ? open_file(call_text(call, 0), O_RDONLY) : -1;
    size_t length = 0;
    bool is_whole;
    struct value value;

    if (file < 0)
        return VERDICT_ERROR;
    is_whole = read_all(file, room, &length);
    close(file);
    if (!is_whole) {
        log_error("file_read: " STR_FMT " has more than %d bytes, or cannot be read", STR_ARG(call_text(call, 0)),
                  FILE_MAX);
        return VERDICT_ERROR;
    }
    value = value_of_str((struct str){ room, length });
    return verdict_of(variable_set(call->run, call->args[1].object, &value));
}

/* file_write(path, text): the whole content of the file. */
enum verdict file_write(struct call *call)
{
    struct str text = call_text(call, 1);
    int file = text.len <= FILE_MAX ? open_file(call_text(call, 0), O_WRONLY | O_CREAT | O_TRUNC) : -1;
    ssize_t written;

    if (file < 0)
        return VERDICT_ERROR;
    written = write(file, text.ptr, text.len);
    if (written != (ssize_t)text.len)
        log_error("file_write: " STR_FMT " was not written: %s", STR_ARG(call_text(call, 0)), strerror(errno));
    close(file);
    return verdict_if(written == (ssize_t)text.len);
}
