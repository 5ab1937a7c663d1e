/* SPDX-License-Identifier: Apache-2.0 */
#include "state.h"

enum {
    FAILURES_AT = 8,
    ANSWERS_AT = 20,
    COUNT_MAX = 0xfff,
};

static unsigned count_at(uint32_t state, unsigned at)
{
    return state >> at & COUNT_MAX;
}

static uint32_t with_counts(unsigned flags, unsigned failures, unsigned answers)
{
    return flags | failures << FAILURES_AT | answers << ANSWERS_AT;
}

static unsigned one_more(unsigned count)
{
    return count < COUNT_MAX ? count + 1 : count;
}

uint32_t state_of(unsigned flags)
{
    return with_counts(flags & DEST_FLAGS, 0, 0);
}

uint32_t state_after_failure(uint32_t state, const struct state_rules *rules)
{
    unsigned flags = state_flags(state), failures = one_more(count_at(state, FAILURES_AT));

    if (flags & DEST_DISABLED)
        return state;
    flags = (flags & ~(unsigned)DEST_TRYING) | (rules->adds_probing ? DEST_PROBING : 0);
    if (failures >= rules->failures_max)
        flags |= DEST_INACTIVE;
    else if (!(flags & DEST_INACTIVE))
        flags |= DEST_TRYING;
    return with_counts(flags, failures, 0);
}

uint32_t state_after_answer(uint32_t state, const struct state_rules *rules)
{
    unsigned flags = state_flags(state), answers = one_more(count_at(state, ANSWERS_AT));

    if (flags & DEST_DISABLED)
        return state;
    if ((flags & DEST_INACTIVE) && answers < rules->answers_min)
        return with_counts(flags, count_at(state, FAILURES_AT), answers);
    flags &= ~(unsigned)(DEST_INACTIVE | DEST_TRYING);
    if (!rules->keeps_probing)
        flags &= ~(unsigned)DEST_PROBING;
    return state_of(flags);
}

uint32_t state_after_order(uint32_t state, unsigned flags)
{
    return state_of(flags | (state & DEST_NO_DNS));
}

enum err state_letters(struct str text, unsigned *flags)
{
    static const struct {
        const char *letters;
        unsigned flag;
    } rows[] = {
        { "a1", 0 }, { "i0", DEST_INACTIVE }, { "d", DEST_DISABLED }, { "t", DEST_TRYING }, { "p2", DEST_PROBING },
    };
    unsigned found = 0;

    for (size_t i = 0; i < text.len; i++) {
        size_t row = 0, last = sizeof rows / sizeof rows[0];
        while (row < last && !strchr(rows[row].letters, char_lower(text.ptr[i])))
            row++;
        if (row == last || text.ptr[i] == '\0')
            return ERR_SYNTAX;
        found |= rows[row].flag;
    }
    if (str_is_empty(text))
        return ERR_SYNTAX;
    *flags = found;
    return ERR_NONE;
}

struct str state_name(uint32_t state, char room[static 2])
{
    room[0] = state & DEST_DISABLED ? 'D' : state & DEST_INACTIVE ? 'I' : state & DEST_TRYING ? 'T' : 'A';
    room[1] = state & DEST_PROBING ? 'P' : 'X';
    return (struct str){ room, 2 };
}
