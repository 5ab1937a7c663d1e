/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include <culvert/log.h>

#include "base/list.h"
#include "sys/loop.h"

enum {
    STORE_SIZE = 1024,
};

struct system_random {
    struct random_source source;
    size_t used; /* bytes of the store that were given out */
    unsigned char store[STORE_SIZE];
};

/* Without random bytes nothing that we sign or name is safe: better no server than such a one. */
static void ask_kernel(void *bytes, size_t count)
{
    if (uv_random(NULL, NULL, bytes, count, 0, NULL) == 0)
        return;
    log_write(LEVEL_ALERT, "the kernel gives no random bytes; stopping");
    abort();
}

static void take_from_store(struct system_random *random, void *bytes, size_t count)
{
    if (count > STORE_SIZE - random->used) {
        ask_kernel(random->store, STORE_SIZE);
        random->used = 0;
    }
    memcpy(bytes, random->store + random->used, count);
    memset(random->store + random->used, 0, count);
    random->used += count;
}

static void fill(struct random_source *source, void *bytes, size_t count)
{
    struct system_random *random = CONTAINER_OF(source, struct system_random, source);

    if (count > STORE_SIZE / 4)
        ask_kernel(bytes, count);
    else
        take_from_store(random, bytes, count);
}

struct random_source *random_system_create(void)
{
    struct system_random *random = calloc(1, sizeof *random);

    if (!random)
        return NULL;
    random->source.fill = fill;
    random->used = STORE_SIZE;
    return &random->source;
}

void random_system_destroy(struct random_source *source)
{
    if (!source)
        return;
    free(CONTAINER_OF(source, struct system_random, source));
}
