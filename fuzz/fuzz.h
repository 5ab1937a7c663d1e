/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a fuzz target is: one function over bytes that nobody can trust, and properties that hold
 * for all of them. libFuzzer calls it, and so does replay.c with the files of a corpus.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Stops the program where a property does not hold. */
static inline void must(bool holds)
{
    if (!holds)
        abort();
}
