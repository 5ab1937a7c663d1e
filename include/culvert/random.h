/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A source of random bytes: the kernel's in the daemon, a seeded generator in the simulated world. */
#include <stddef.h>
#include <stdint.h>

struct random_source {
    void (*fill)(struct random_source *source, void *bytes, size_t count);
};

uint64_t random_u64(struct random_source *source);
/* Uniform over 0 … bound - 1; bound > 0. */
uint32_t random_below(struct random_source *source, uint32_t bound);
