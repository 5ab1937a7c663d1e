/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What scripts do with attribute-value pairs: compare, compute, copy, and keep them in a database.
 * Arguments are texts of parts with slashes between them, "$avp(x)/g", read when the script loads.
 */
#include <culvert/module.h>
#include <culvert/query.h>
#include <culvert/server.h>
#include <culvert/subst.h>

struct scheme;

struct avpops {
    struct str db_url, avp_url, avp_table;
    struct str uuid_column, username_column, domain_column, attribute_column, type_column, value_column;
    int64_t use_domain;
    struct scheme *schemes;
    bool needs_store; /* a function of the first script does */
    struct store *store;
};

/* ---- names.c: parts of arguments, and which AVPs they mean ---- */

/* Takes the text up to the next '/' that stands in no parentheses; empty at the end. */
struct str take_part(struct str *rest);
/* Only these letters: flags. Complains. */
MUST_USE enum err read_flags(struct str text, const char *allowed, const struct script_place *place);
static inline bool has_flag(struct str flags, char letter)
{
    return str_find_char(flags, letter);
}

/* One name, or all whose names are texts or numbers. */
struct avp_set {
    const struct variable_ref *ref; /* NULL: by kind */
    bool has_texts, has_numbers;
};

/* set = "$avp(…)" | "s:" name | "i:" number; with `takes_kinds` also "s" | "i" | "a" | "*". Complains. */
MUST_USE enum err read_set(struct str text, bool takes_kinds,
                           const struct script_place *place, struct avp_set *out);

/* Walks them, newest first; the one that came last may be removed, and others added. */
struct avp_walk {
    struct avps *avps;
    const struct avp_set *set;
    struct avp_name name;
    struct avp *next;
};

struct avp *walk_start(struct avp_walk *walk, struct run *run, const struct avp_set *set);
struct avp *walk_next(struct avp_walk *walk);
void remove_avp(struct run *run, struct avp *avp);
/* The name that a set with a ref has now. False: a variable in it has no value. */
bool set_name(struct run *run, const struct avp_set *set, struct avp_name *out);
MUST_USE enum err add_avp(struct run *run, const struct avp_name *name, const struct value *value);

/* A value that is known, or a variable's. */
struct operand {
    const struct variable_ref *ref; /* NULL: constant */
    struct value constant;
};

/* operand = "s:" text | "i:" number | variable | text. Complains. */
MUST_USE enum err read_operand(struct str text, const struct script_place *place,
                               struct operand *out);
/* Null when there is none. */
struct value operand_value(struct run *run, const struct operand *operand);

/* operate.c: what two numbers make; NULL for a name that is none. */
typedef int64_t combine_fn(int64_t a, int64_t b);
combine_fn *combine_find(struct str name);

/* ---- scheme.c: tables of other kinds ---- */

struct scheme {
    struct scheme *next;
    struct str name, table, uuid_column, username_column, domain_column, value_column;
    bool is_number;
};

enum err scheme_add(struct module *module, const struct value *value, const struct script_place *place);
const struct scheme *scheme_find(const struct avpops *avpops, struct str name);

/* ---- the functions, and what reads their arguments ---- */

#define FUNCTION(name) enum verdict avpops_##name(struct call *call)
#define PREPARE(name)                                                                               \
    enum err avpops_prepare_##name(struct module *module, unsigned index, struct str text,          \
                                   const struct script_place *place, const void **out)

FUNCTION(check);
FUNCTION(copy);
FUNCTION(db_delete);
FUNCTION(db_load);
FUNCTION(db_query);
FUNCTION(db_store);
FUNCTION(delete);
FUNCTION(is_set);
FUNCTION(op);
FUNCTION(print);
FUNCTION(pushto);
FUNCTION(subst);
FUNCTION(subst_pv);
FUNCTION(write);
PREPARE(check);
PREPARE(copy);
PREPARE(database);
PREPARE(delete);
PREPARE(is_set);
PREPARE(load);
PREPARE(op);
PREPARE(pushto);
PREPARE(query);
PREPARE(subst);
PREPARE(write);
