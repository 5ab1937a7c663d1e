/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <culvert/module.h>
#include <culvert/server.h>

#include "sht.h"

struct htable {
    struct server *server;
    struct sht *first;
    pthread_mutex_t init_lock; /* event_route[htable:mod-init] runs once, before anything else */
    atomic_bool is_ready;
    unsigned slot;
    int64_t timer_interval; /* seconds that a round of looking for expired items takes */
    int64_t memory_max;     /* megabytes a table */
    int64_t db_expires;
    struct str db_url, key_name, key_type, value_type, key_value, expires, array_suffix;
    struct store *store;    /* NULL: no table is kept in a database */
};

enum {
    ITERATORS_MAX = 4,
};

struct iterator {
    struct str name; /* empty: free */
    struct sht *table;
    struct sht_place place;
    bool has_item, is_text, is_short_of_memory;
    int32_t number;
    char *room; /* the item's key and text, in the arena of the request */
    size_t room_size, key_length, text_length;
};

/* What a request keeps: its iterators, and the item whose end event_route[htable:expired:…] is about. */
struct htable_notes {
    struct iterator iterators[ITERATORS_MAX];
    const struct entry *record;
};

/* NULL: there is none of that name. */
struct sht *htable_find(const struct module *module, struct str name);
/* NULL: no memory. */
struct htable_notes *htable_notes(const struct module *module, struct request *request);
/* "table=>key"; NULL: no such table, or no arrow. */
struct sht *htable_split(const struct module *module, struct str text, struct str *rest);

/* What names and values are held against. */
struct match {
    enum match_kind {
        MATCH_ALL,
        MATCH_EQUAL,
        MATCH_OTHER,
        MATCH_START,
        MATCH_REGEX,
        MATCH_NUMBER,
    } kind;
    struct str text;
    struct regex *regex;
    int64_t number;
};

/* "eq", "ne", "re", "sw". A regular expression that cannot be read is ERR_SYNTAX. */
MUST_USE enum err match_make(struct str op, struct str text, struct match *out);
/* expression ~~expression ~%start ==text eqN **: what stands in $shtcn() and $shtcv(). */
MUST_USE enum err match_read(struct str text, bool in_values, struct match *out);
void match_free(struct match *match);
int64_t match_count(struct sht *table, const struct match *match, bool in_values, msec now);
bool match_any(struct sht *table, const struct match *match, bool in_values, msec now);
void match_remove(struct sht *table, const struct match *match, bool in_values, msec now);

/* database.c */
MUST_USE enum err htable_load(struct htable *htable, struct sht *table, msec now);
MUST_USE enum err htable_store(struct htable *htable, struct sht *table, msec now);

extern const struct mod_function htable_functions[];
extern const struct mod_variable htable_variables[];
extern const struct mod_command htable_commands[];

#define FUNCTION(name) enum verdict htable_##name(struct call *call)
FUNCTION(iterator_start);
FUNCTION(iterator_next);
FUNCTION(iterator_end);
FUNCTION(iterator_rm);
FUNCTION(iterator_sets);
FUNCTION(iterator_seti);
FUNCTION(iterator_setex);
enum err htable_get_iterator_key(const struct variable_use *use, struct value *out);
enum err htable_get_iterator_value(const struct variable_use *use, struct value *out);
