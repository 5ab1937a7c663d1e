/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Reading the script file. The first reading loads modules and sets what the file says; a later one
 * only notes what it says, to be compared with what is in force.
 */
#include "host/host.h"

/* The values that a script gives to one parameter, as text; ptr NULL: none. */
struct wanted {
    struct str *params; /* one a parameter of the module */
    bool is_loaded;     /* the file has a loadmodule line */
};

/* A module that the file loads and the server has not. */
struct newcomer {
    struct newcomer *next;
    struct str name;
};

struct reading {
    struct server *server;
    struct settings *settings;
    bool is_first;
    struct arena *arena;
    struct foreign_load **foreign; /* modules that have no object here, as they came */
    /* of a later one */
    struct wanted wanted[MODULES_MAX];
    struct newcomer *newcomers;
    void (*report)(void *context, bool is_error, struct str text);
    void *context;
};

struct script_host reading_host(struct reading *reading);

/* loader.c */
MUST_USE enum err reading_load_module(struct reading *reading, struct str path,
                                      const struct script_place *place);
MUST_USE enum err reading_set_param(struct reading *reading, struct str modules, struct str name,
                                    const struct value *value, const struct script_place *place);
