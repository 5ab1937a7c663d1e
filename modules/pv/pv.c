/* SPDX-License-Identifier: Apache-2.0 */
#include "pv.h"

VARIABLE_OF_WORDS(check_sbranch,
                  "uri dst_uri path q send_socket flags ruid location_ua otcpid instance")

/* clang-format off */
#define ROW(name_, function, minimum, doc_, ...) \
    { .name = name_, .run = function, .takes = { __VA_ARGS__ }, .min_args = minimum, \
      .stages = STAGE_EVERY, .doc = doc_ }
#define NO_ARGS ARG_END

static const struct mod_function functions[] = {
    ROW("pv_xavp_print", pv_xavp_print, 0, "Logs all extended AVPs.", NO_ARGS),
    ROW("pv_xavi_print", pv_xavi_print, 0, "Logs all $xavi.", NO_ARGS),
    ROW("pv_xavu_print", pv_xavu_print, 0, "Logs all $xavu.", NO_ARGS),
    ROW("xavp_params_explode", pv_xavp_explode, 2, "Makes fields of \"a=1;b=2\": (text, name).", ARG_FMT, ARG_FMT),
    ROW("xavu_params_explode", pv_xavu_explode, 2, "The same for $xavu.", ARG_FMT, ARG_FMT),
    ROW("xavp_params_implode", pv_xavp_implode, 2, "Writes fields as \"a=1;b=2;\": (name, variable).", ARG_FMT, ARG_VAR),
    ROW("xavu_params_implode", pv_xavu_implode, 2, "The same for $xavu.", ARG_FMT, ARG_VAR),
    ROW("xavp_slist_explode", pv_xavp_slist_explode, 4, "An item for each word: (list, separator, mode, name).",
        ARG_FMT, ARG_FMT, ARG_FMT, ARG_FMT),
    ROW("xavp_rm", pv_xavp_rm, 1, "Removes the newest item of the name.", ARG_FMT),
    ROW("xavi_rm", pv_xavi_rm, 1, "The same for $xavi.", ARG_FMT),
    ROW("xavp_child_rm", pv_xavp_child_rm, 2, "Removes a field: (name, field).", ARG_FMT, ARG_FMT),
    ROW("xavi_child_rm", pv_xavi_child_rm, 2, "The same for $xavi.", ARG_FMT, ARG_FMT),
    ROW("xavp_child_seti", pv_xavp_child_seti, 3, "Sets a field to a number: (name, field, number).",
        ARG_FMT, ARG_FMT, ARG_FMT),
    ROW("xavi_child_seti", pv_xavi_child_seti, 3, "The same for $xavi.", ARG_FMT, ARG_FMT, ARG_FMT),
    ROW("xavp_child_sets", pv_xavp_child_sets, 3, "Sets a field to a text: (name, field, text).",
        ARG_FMT, ARG_FMT, ARG_FMT),
    ROW("xavi_child_sets", pv_xavi_child_sets, 3, "The same for $xavi.", ARG_FMT, ARG_FMT, ARG_FMT),
    ROW("xavp_copy", pv_xavp_copy, 3, "Copies an item: (source, index, target [, index]).",
        ARG_FMT, ARG_INT, ARG_FMT, ARG_INT),
    ROW("sbranch_reset", pv_sbranch_reset, 0, "Empties $sbranch().", NO_ARGS),
    ROW("sbranch_append", pv_sbranch_append, 0, "Adds $sbranch() to the targets.", NO_ARGS),
    ROW("sbranch_set_ruri", pv_sbranch_set_ruri, 0, "Makes $sbranch() the Request-URI and its way.", NO_ARGS),
    { 0 },
};

static const struct mod_variable variables[] = {
    { .name = "shv", .inner = INNER_NEEDED, .get = pv_get_shv, .set = pv_set_shv,
      .doc = "A variable of all workers together; 0 at first." },
    { .name = "sbranch", .inner = INNER_NEEDED, .get = pv_get_sbranch, .set = pv_set_sbranch,
      .prepare = check_sbranch,
      .doc = "A field of the target being made." },
    { 0 },
};

static const struct mod_param params[] = {
    { .name = "shvset", .type = PARAM_CALL, .set = pv_set_shared,
      .doc = "First value of a $shv(): name=i:1 or name=s:text. May be given several times." },
    { 0 },
};
/* clang-format on */

static enum err start(struct module *module)
{
    struct pv *pv = module_state(module);
    enum err err = module_slot(module, &pv->slot);

    if (err || pv->shared)
        return err;
    return shared_vars_create(&pv->shared);
}

static void stop(struct module *module)
{
    struct pv *pv = module_state(module);

    shared_vars_destroy(pv->shared);
    pv->shared = NULL;
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "pv",
    .summary = "Extended AVPs, shared variables, and targets put together by hand.",
    .state_size = sizeof(struct pv),
    .functions = functions,
    .variables = variables,
    .params = params,
    .start = start,
    .stop = stop,
};
