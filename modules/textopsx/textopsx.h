/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of the module share. Header values are changed where they stand in the message. */
#include <culvert/log.h>
#include <culvert/module.h>

#include "../textops/textops.h"

struct textopsx {
    unsigned slot; /* of requests: their iterators */
};

#define X_FUNCTION(name) enum verdict textopsx_##name(struct call *call)

/* values.c */
X_FUNCTION(append_hf_value);
X_FUNCTION(insert_hf_value);
X_FUNCTION(remove_hf_value);
X_FUNCTION(remove_hf_value2);
X_FUNCTION(assign_hf_value);
X_FUNCTION(assign_hf_value2);
X_FUNCTION(include_hf_value);
X_FUNCTION(exclude_hf_value);
X_FUNCTION(hf_value_exists);

/* iterate.c */
X_FUNCTION(hf_start);
X_FUNCTION(hf_next);
X_FUNCTION(hf_end);
X_FUNCTION(hf_rm);
X_FUNCTION(hf_append);
X_FUNCTION(hf_insert);
X_FUNCTION(bl_start);
X_FUNCTION(bl_next);
X_FUNCTION(bl_end);
X_FUNCTION(bl_rm);
X_FUNCTION(bl_append);
X_FUNCTION(bl_insert);
enum err textopsx_get_hfitname(const struct variable_use *use, struct value *out);
enum err textopsx_get_hfitbody(const struct variable_use *use, struct value *out);
enum err textopsx_get_blitval(const struct variable_use *use, struct value *out);

/* ---- place.c: "Name", "Name[2]", "Name[*]", each with ".param" behind it ---- */

struct place {
    struct str name;
    struct str param; /* empty: the whole value */
    int64_t index;    /* counted from 1 over all headers of the name, from -1 at the end; 0: none */
    bool has_index;
    bool is_all;      /* [*] */
};

/* Prepare functions: one whole value; any place; any but [*] as a whole. */
enum err place_prepare_one(struct module *module, unsigned index, struct str text,
                           const struct script_place *where, const void **out);
enum err place_prepare_any(struct module *module, unsigned index, struct str text,
                           const struct script_place *where, const void **out);
enum err place_prepare_assigned(struct module *module, unsigned index, struct str text,
                                const struct script_place *where, const void **out);

/* Walks the comma-separated values of all headers of a name. */
struct hf_values {
    const struct sip_msg *msg;
    struct str name;
    const struct sip_hdr *hdr;
    struct str value, rest;
};

struct hf_values hf_values_of(const struct sip_msg *msg, struct str name);
bool hf_values_next(struct hf_values *values);
/* The value of an index, as above; 0 is the first. */
bool hf_values_find(const struct sip_msg *msg, const struct place *place, struct hf_values *out);
/* The parameters behind a value: what follows its first semicolon that is not quoted. */
struct str hf_params_of(struct str value);
