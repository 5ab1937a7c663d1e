/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A generator that repeats itself: xoshiro256** seeded by splitmix64. For the simulated world only;
 * whoever sees its output can predict it.
 */
#include <culvert/random.h>

struct prng {
    struct random_source source;
    uint64_t state[4];
};

void prng_init(struct prng *prng, uint64_t seed);
uint64_t prng_next(struct prng *prng);
