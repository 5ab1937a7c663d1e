/* SPDX-License-Identifier: Apache-2.0 */
#include "base/prng.h"

#include <string.h>

#include "base/list.h"

static void fill(struct random_source *source, void *bytes, size_t count)
{
    struct prng *prng = CONTAINER_OF(source, struct prng, source);
    char *at = bytes;

    while (count > 0) {
        uint64_t number = prng_next(prng);
        size_t part = count < sizeof number ? count : sizeof number;

        memcpy(at, &number, part);
        at += part;
        count -= part;
    }
}

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

void prng_init(struct prng *prng, uint64_t seed)
{
    prng->source.fill = fill;
    for (int i = 0; i < 4; i++)
        prng->state[i] = splitmix(&seed);
}

static uint64_t rotate_left(uint64_t bits, unsigned count)
{
    return bits << count | bits >> (64 - count);
}

uint64_t prng_next(struct prng *prng)
{
    uint64_t *s = prng->state;
    uint64_t number = rotate_left(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return number;
}
