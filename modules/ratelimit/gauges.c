/* SPDX-License-Identifier: Apache-2.0 */
#include "ratelimit.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    SOCKETS_MAX = 65536, /* lines of /proc/net/udp that are read */
};

/* cpu user nice system idle iowait irq softirq steal */
bool gauge_processors(uint64_t *busy, uint64_t *all)
{
    uint64_t user, nice, system, idle, waiting, irq, soft, stolen;
    FILE *file = fopen("/proc/stat", "re");
    int count;

    if (!file)
        return false;
    count = fscanf(file,
                   "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
                   " %" SCNu64 " %" SCNu64,
                   &user, &nice, &system, &idle, &waiting, &irq, &soft, &stolen);
    fclose(file);
    if (count != 8)
        return false;
    *busy = user + nice + system + irq + soft + stolen;
    *all = *busy + idle + waiting;
    return true;
}

/* sl local remote state tx_queue:rx_queue … */
static bool add_sockets(const char *path, int64_t *sum)
{
    char line[512];
    unsigned long long received;
    FILE *file = fopen(path, "re");

    if (!file)
        return false;
    for (unsigned i = 0; i < SOCKETS_MAX && fgets(line, sizeof line, file); i++)
        if (sscanf(line, " %*[^:]: %*s %*s %*s %*x:%llx", &received) == 1)
            *sum += (int64_t)received;
    fclose(file);
    return true;
}

bool gauge_waiting_bytes(int64_t *out)
{
    bool has_any;

    *out = 0;
    has_any = add_sockets("/proc/net/udp", out);
    return add_sockets("/proc/net/udp6", out) || has_any;
}
