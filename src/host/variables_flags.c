/* SPDX-License-Identifier: Apache-2.0 */
/* Message flags, branch flags and script flags: as a decimal, as a hexadecimal, one by one. */
#include "host/variables.h"

typedef uint32_t *find_flags_fn(struct run *run);

static uint32_t *message_flags(struct run *run)
{
    return &run->request->flags;
}

static uint32_t *branch_flags(struct run *run)
{
    return &run_target(run)->bflags;
}

static uint32_t *script_flags(struct run *run)
{
    return &run->script_flags;
}

static enum err give_decimal(find_flags_fn *find, const struct variable_use *use, struct value *out)
{
    return give_number(use->run, out, *find(use->run));
}

static enum err give_hexadecimal(find_flags_fn *find, const struct variable_use *use,
                                 struct value *out)
{
    uint32_t flags = *find(use->run);
    struct str text;
    enum err err = str_print(use->run->arena, &text, "%08X", flags);

    if (!err)
        *out = value_of_both(text, flags);
    return err;
}

static enum err take_all(find_flags_fn *find, const struct variable_use *use,
                         const struct value *value)
{
    int64_t number = 0;
    enum err err = value_is_null(value) ? ERR_NONE : assigned_number(value, &number);

    if (!err)
        *find(use->run) = (uint32_t)number;
    return err;
}

static enum err find_bit(const struct variable_use *use, uint32_t *out)
{
    uint64_t number;
    enum err err = str_to_uint(use->inner, 0, FLAGS_MAX - 1, &number);

    if (!err)
        *out = (uint32_t)1 << number;
    return err;
}

static enum err give_bit(find_flags_fn *find, const struct variable_use *use, struct value *out)
{
    uint32_t bit = 0;
    enum err err = find_bit(use, &bit);

    return err ? err : give_int(out, (*find(use->run) & bit) != 0);
}

static enum err take_bit(find_flags_fn *find, const struct variable_use *use,
                         const struct value *value)
{
    int64_t number = 0;
    uint32_t bit = 0;
    enum err err = find_bit(use, &bit);

    if (!err && !value_is_null(value))
        err = assigned_number(value, &number);
    if (err)
        return err;
    if (number)
        *find(use->run) |= bit;
    else
        *find(use->run) &= ~bit;
    return ERR_NONE;
}

/* $mf, $mF and $Mf(n) of one kind of flags. */
#define ACCESSORS(kind)                                                                            \
    static enum err get_##kind(const struct variable_use *use, struct value *out)                  \
    {                                                                                              \
        return give_decimal(kind, use, out);                                                       \
    }                                                                                              \
    static enum err get_##kind##_hex(const struct variable_use *use, struct value *out)            \
    {                                                                                              \
        return give_hexadecimal(kind, use, out);                                                   \
    }                                                                                              \
    static enum err set_##kind(const struct variable_use *use, const struct value *value)          \
    {                                                                                              \
        return take_all(kind, use, value);                                                         \
    }                                                                                              \
    static enum err get_##kind##_bit(const struct variable_use *use, struct value *out)            \
    {                                                                                              \
        return give_bit(kind, use, out);                                                           \
    }                                                                                              \
    static enum err set_##kind##_bit(const struct variable_use *use, const struct value *value)    \
    {                                                                                              \
        return take_bit(kind, use, value);                                                         \
    }

ACCESSORS(message_flags)
ACCESSORS(branch_flags)
ACCESSORS(script_flags)

/* clang-format off */
#define ROWS(decimal, hexadecimal, one, kind, what) \
    { .name = decimal, .get = get_##kind, .set = set_##kind, .doc = what " flags as a number." }, \
    { .name = hexadecimal, .get = get_##kind##_hex, .set = set_##kind, .doc = what " flags in hexadecimal." }, \
    { .name = one, .inner = INNER_NEEDED, .get = get_##kind##_bit, .set = set_##kind##_bit, \
      .doc = "One of the " what " flags, 0 or 1." }

const struct mod_variable flag_variables[] = {
    ROWS("mf", "mF", "Mf", message_flags, "message"),
    ROWS("bf", "bF", "Bf", branch_flags, "branch"),
    ROWS("sf", "sF", "Sf", script_flags, "script"),
    { 0 },
};
