/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static bool read_secret(const char *path, uint8_t secret[static SECRET_BYTES])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t got = fd < 0 ? -1 : read(fd, secret, SECRET_BYTES);

    if (fd >= 0)
        close(fd);
    return got == SECRET_BYTES;
}

static bool write_secret(const char *path, const uint8_t secret[static SECRET_BYTES])
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    ssize_t put = fd < 0 ? -1 : write(fd, secret, SECRET_BYTES);

    if (fd >= 0)
        close(fd);
    return put == SECRET_BYTES;
}

void secret_load(const char *path, struct random_source *random, uint8_t secret[static SECRET_BYTES])
{
    uint8_t kept[SECRET_BYTES];

    if (read_secret(path, kept)) {
        memcpy(secret, kept, SECRET_BYTES);
        return;
    }
    random->fill(random, secret, SECRET_BYTES);
    if (!write_secret(path, secret))
        log_warning("%s cannot be written (%s): calls under way will not survive a restart", path,
                    strerror(errno));
}
