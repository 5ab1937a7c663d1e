/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <culvert/log.h>
#include <culvert/str.h>

#include "sys/process.h"

enum {
    PID_TEXT_MAX = 32,
};

/* The process that the file names; 0 when it names none. */
static pid_t read_pid(int fd)
{
    char text[PID_TEXT_MAX];
    ssize_t size = pread(fd, text, sizeof text, 0);
    uint64_t pid;

    if (size <= 0)
        return 0;
    if (str_to_uint(str_trim((struct str){ text, (size_t)size }), 1, INT32_MAX, &pid))
        return 0;
    return (pid_t)pid;
}

/* It has ended, and its parent has not asked how: in containers often nobody ever does. */
static bool is_zombie(pid_t pid)
{
    char path[64], text[512];
    const char *name_end;
    FILE *file;
    size_t size;

    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    file = fopen(path, "re");
    if (!file)
        return false;
    size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = '\0';
    name_end = strrchr(text, ')'); /* "pid (name) state": the name may hold anything */
    return name_end && strncmp(name_end, ") Z", 3) == 0;
}

static bool is_alive(pid_t pid)
{
    return (kill(pid, 0) == 0 || errno == EPERM) && !is_zombie(pid);
}

static bool write_pid(int fd)
{
    char text[PID_TEXT_MAX];
    int size = snprintf(text, sizeof text, "%ld\n", (long)getpid());

    return ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)size, 0) == size;
}

static enum err claim(const char *path, int fd)
{
    pid_t holder = read_pid(fd);

    /* Our own number is a leftover too: in a container every run gets the same one. */
    if (holder && holder != getpid() && is_alive(holder)) {
        log_error("%s: process %ld is running; stop it, or remove the file if that process is "
                  "another program",
                  path, (long)holder);
        return ERR_EXISTS;
    }
    if (!write_pid(fd)) {
        log_error("%s: cannot write: %s", path, strerror(errno));
        return ERR_IO;
    }
    return ERR_NONE;
}

enum err pidfile_write(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    enum err err;

    if (fd < 0) {
        log_error("%s: cannot open the pid file: %s", path, strerror(errno));
        return ERR_IO;
    }
    err = claim(path, fd);
    close(fd);
    return err;
}

void pidfile_remove(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool is_ours;

    if (fd < 0)
        return;
    is_ours = read_pid(fd) == getpid();
    close(fd);
    if (is_ours && unlink(path) != 0)
        log_notice("%s: cannot remove the pid file: %s", path, strerror(errno));
}
