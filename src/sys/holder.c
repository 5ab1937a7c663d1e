/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <culvert/addr.h>
#include <culvert/str.h>

#include "sys/process.h"

enum {
    INODES_MAX = 64,
    TCP_LISTEN = 0x0a, /* the st column of /proc/net/tcp */
    NAME_MAX_BYTES = 64,
};

/* The sockets that are in the way of an address, as the kernel numbers them. */
struct inodes {
    unsigned long at[INODES_MAX];
    unsigned count;
};

/* The kernel prints words of the address as numbers of this machine. */
static void read_address(const char *hex, struct addr *out)
{
    bool is_v4 = strlen(hex) == 8;

    *out = (struct addr){ .family = is_v4 ? ADDR_IPV4 : ADDR_IPV6 };
    for (size_t i = 0; i < (is_v4 ? 1 : 4); i++) {
        unsigned word = 0;

        if (sscanf(hex + 8 * i, "%8x", &word) == 1)
            memcpy(out->ip + 4 * i, &word, sizeof word);
    }
}

/* The same address, or all of them on either side. */
static bool is_in_the_way(const struct addr *taken, const struct addr *wanted)
{
    return taken->port == wanted->port &&
           (addr_same_ip(taken, wanted) || addr_is_unspecified(taken) || addr_is_unspecified(wanted));
}

/* A line of /proc/net/udp: "sl: local:port remote:port st tx:rx tr:when retrnsmt uid timeout inode
 * …" */
static void read_line(const char *line, bool is_udp, const struct addr *wanted, struct inodes *out)
{
    unsigned local_port, state;
    unsigned long inode;
    struct addr taken;
    char hex[33];

    if (sscanf(line, " %*u: %32[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %*u %*u %lu", hex,
               &local_port, &state, &inode) != 4)
        return;
    read_address(hex, &taken);
    taken.port = (uint16_t)local_port;
    if (!is_in_the_way(&taken, wanted) || inode == 0 || out->count == INODES_MAX)
        return;
    if (is_udp || state == TCP_LISTEN)
        out->at[out->count++] = inode;
}

static void read_table(const char *path, bool is_udp, const struct addr *wanted, struct inodes *out)
{
    char line[512];
    FILE *file = fopen(path, "re");

    if (!file)
        return;
    while (fgets(line, sizeof line, file))
        read_line(line, is_udp, wanted, out);
    fclose(file);
}

static bool is_wanted(const char *link, const struct inodes *inodes)
{
    unsigned long inode;

    if (sscanf(link, "socket:[%lu]", &inode) != 1)
        return false;
    for (unsigned i = 0; i < inodes->count; i++)
        if (inodes->at[i] == inode)
            return true;
    return false;
}

static bool fd_is_wanted(int directory, const char *fd, const struct inodes *inodes)
{
    char link[64];
    ssize_t size = readlinkat(directory, fd, link, sizeof link - 1);

    if (size < 0)
        return false;
    link[size] = '\0';
    return is_wanted(link, inodes);
}

static bool process_has(const char *pid, const struct inodes *inodes)
{
    char path[300];
    struct dirent *entry;
    bool found = false;
    DIR *fds;

    snprintf(path, sizeof path, "/proc/%s/fd", pid);
    fds = opendir(path);
    if (!fds)
        return false;
    while (!found && (entry = readdir(fds)))
        found = fd_is_wanted(dirfd(fds), entry->d_name, inodes);
    closedir(fds);
    return found;
}

static void describe(const char *pid, char *text, size_t size)
{
    char path[300];
    char name[NAME_MAX_BYTES] = "a process";
    FILE *file;

    snprintf(path, sizeof path, "/proc/%s/comm", pid);
    file = fopen(path, "re");
    if (file) {
        if (fgets(name, sizeof name, file))
            name[strcspn(name, "\n")] = '\0';
        fclose(file);
    }
    snprintf(text, size, "%s, pid %s", name, pid);
}

static bool find_process(const struct inodes *inodes, char *text, size_t size)
{
    struct dirent *entry;
    bool found = false;
    DIR *processes = opendir("/proc");

    if (!processes)
        return false;
    while (!found && (entry = readdir(processes))) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
            continue;
        found = process_has(entry->d_name, inodes);
        if (found)
            describe(entry->d_name, text, size);
    }
    closedir(processes);
    return found;
}

bool process_holding(bool is_udp, const struct addr *wanted, char *text, unsigned long size)
{
    struct inodes inodes = { .count = 0 };

    read_table(is_udp ? "/proc/net/udp" : "/proc/net/tcp", is_udp, wanted, &inodes);
    read_table(is_udp ? "/proc/net/udp6" : "/proc/net/tcp6", is_udp, wanted, &inodes);
    return inodes.count > 0 && find_process(&inodes, text, size);
}
