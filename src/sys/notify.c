/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A path, or '@' and an abstract name. False when it is neither, or too long. */
static bool fill_address(const char *name, struct sockaddr_un *out, socklen_t *length)
{
    size_t size = strlen(name);

    if ((name[0] != '/' && name[0] != '@') || size < 2 || size >= sizeof out->sun_path)
        return false;
    *out = (struct sockaddr_un){ .sun_family = AF_UNIX };
    memcpy(out->sun_path, name, size);
    if (name[0] == '@')
        out->sun_path[0] = '\0';
    *length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + (name[0] == '/'));
    return true;
}

static int kept = -1;

/* -1 when nobody listens. */
static int connect_manager(void)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address;
    socklen_t length;
    int fd;

    if (!name || !fill_address(name, &address, &length))
        return -1;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, length) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

void notify_keep(void)
{
    if (kept < 0)
        kept = connect_manager();
}

bool notify_send(const char *state)
{
    int fd = kept >= 0 ? kept : connect_manager();
    bool is_sent = fd >= 0 && send(fd, state, strlen(state), MSG_NOSIGNAL) >= 0;

    if (fd >= 0 && fd != kept)
        close(fd);
    return is_sent;
}
