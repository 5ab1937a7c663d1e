/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/random.h>

uint64_t random_u64(struct random_source *source)
{
    uint64_t number;

    source->fill(source, &number, sizeof number);
    return number;
}

uint32_t random_below(struct random_source *source, uint32_t bound)
{
    /* Numbers past the last whole multiple of bound would favour the small results. */
    uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
    uint64_t number;

    do
        number = random_u64(source);
    while (number >= limit);
    return (uint32_t)(number % bound);
}
