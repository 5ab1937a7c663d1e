/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <culvert/log.h>
#include <culvert/module.h>
#include <culvert/server.h>

struct shared_vars;

struct pv {
    struct shared_vars *shared; /* $shv() */
    unsigned slot;              /* of the target that $sbranch() writes */
};

/* shared.c */
MUST_USE enum err shared_vars_create(struct shared_vars **out);
void shared_vars_destroy(struct shared_vars *vars);
/* modparam("pv", "shvset", "name=i:5") */
enum err pv_set_shared(struct module *module, const struct value *value,
                       const struct script_place *place);
enum err pv_get_shv(const struct variable_use *use, struct value *out);
enum err pv_set_shv(const struct variable_use *use, const struct value *value);

/* xavp.c */
#define FUNCTION(name) enum verdict pv_##name(struct call *call)
FUNCTION(xavp_print);
FUNCTION(xavi_print);
FUNCTION(xavu_print);
FUNCTION(xavp_explode);
FUNCTION(xavu_explode);
FUNCTION(xavp_implode);
FUNCTION(xavu_implode);
FUNCTION(xavp_slist_explode);
FUNCTION(xavp_rm);
FUNCTION(xavi_rm);
FUNCTION(xavp_child_rm);
FUNCTION(xavi_child_rm);
FUNCTION(xavp_child_seti);
FUNCTION(xavi_child_seti);
FUNCTION(xavp_child_sets);
FUNCTION(xavi_child_sets);
FUNCTION(xavp_copy);

/* sbranch.c */
FUNCTION(sbranch_reset);
FUNCTION(sbranch_append);
FUNCTION(sbranch_set_ruri);
enum err pv_get_sbranch(const struct variable_use *use, struct value *out);
enum err pv_set_sbranch(const struct variable_use *use, const struct value *value);
