/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Counters that a script declares, for the modules statistics and counters. */
#include <culvert/module.h>
#include <culvert/server.h>

struct tally {
    struct tally *next;
    struct str group, name;
    struct counter *counter;
    bool is_kept; /* "/no_reset" */
};

struct tallies {
    struct tally *first;
};

/* Declares one; once more is fine. */
MUST_USE enum err tally_add(struct module *module, struct tallies *tallies, struct str group,
                            struct str name, bool is_kept);
/* NULL: none was declared. */
const struct tally *tally_find(const struct tallies *tallies, struct str group, struct str name);
