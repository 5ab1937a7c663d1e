/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One compilation: what its phases share. Ends with unit_fini; what it made stays in `keep`. */
#include "script/dialect.h"
#include "script/substitute.h"

/* #!define */
struct define {
    struct define *next;
    struct str name, value;
    bool is_expanding; /* its value is being read: the name stands for itself */
};

/* #!subst */
struct text_rule {
    struct text_rule *next;
    struct substitution rule;
    struct regex *regex;
};

/* flags name:5 */
struct named_flag {
    struct named_flag *next;
    struct str name;
    int64_t number;
};

struct named_text {
    struct named_text *next;
    struct str text;
};

struct avp_alias {
    struct avp_alias *next;
    struct str alias;
    struct avp_name name;
};

enum {
    FORMAT_DEPTH_MAX = 16,
};

/* Something to tell, kept until all is known: people read a file from top to bottom. */
struct message {
    struct message *next;
    struct span span;
    bool is_error;
    struct str text;
};

struct unit {
    const struct script_host *host;
    const struct dialect *dialect;
    struct program *program; /* being made; NULL for a text of a module */
    struct arena *keep;      /* for what lives as long as the program or the module */
    struct arena scratch;    /* for what ends with the compilation */
    struct define *defines;
    unsigned define_count;
    struct text_rule *substs;
    struct named_flag *flags;
    unsigned flag_count;
    struct named_text *param_texts; /* values of modparam that may name a route */
    bool has_loose_names;  /* an unknown $name is an AVP */
    unsigned format_depth; /* texts within variables within texts */
    struct message *messages;
    unsigned source_count;
    unsigned error_count, warning_count;
    bool is_out_of_memory;
};

struct script_place {
    struct unit *unit;
    struct span span;
};

void unit_init(struct unit *unit, const struct script_host *host, const struct dialect *dialect,
               struct arena *keep);
/* Tells the host what was found, in the order of the text. */
void unit_fini(struct unit *unit);
/* Cleared memory; NULL after one report that there is no more. */
void *unit_alloc(struct unit *unit, struct arena *arena, size_t size);
/*
 * Makes room for one item more behind `count` items; `array` points to the pointer to the first.
 * False as in unit_alloc, and nothing has changed then.
 */
bool unit_reserve(struct unit *unit, struct arena *arena, void *array, unsigned count, size_t size);
struct str unit_copy(struct unit *unit, struct arena *arena, struct str text);

const struct define *unit_find_define(const struct unit *unit, struct str name);
const struct named_flag *unit_find_flag(const struct unit *unit, struct str name);
