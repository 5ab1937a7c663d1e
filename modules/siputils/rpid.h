/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Remote-Party-ID from a variable: functions that OpenSER has in auth and Kamailio in siputils. A
 * module that lists them has a struct rpid at the start of its state.
 */
#include <culvert/module.h>

struct rpid {
    struct str prefix, suffix, avp;
    const struct variable_ref *variable; /* NULL: none */
};

/* From start(), once the parameters are known. */
MUST_USE enum err rpid_start(struct module *module);

enum verdict append_rpid_hf(struct call *call);
enum verdict is_rpid_user_e164(struct call *call);

/* Rows of the functions; `stages_` are those of append_rpid_hf(). */
#define RPID_FUNCTIONS(stages_)                                                                 \
    { .name = "is_rpid_user_e164", .run = is_rpid_user_e164, .stages = STAGE_REQUEST,           \
      .doc = "True when the user of rpid_avp is + and 3 to 15 digits." },                       \
    { .name = "append_rpid_hf", .run = append_rpid_hf, .takes = { ARG_FMT, ARG_FMT },           \
      .stages = stages_, .doc = "Adds Remote-Party-ID from rpid_avp: [prefix, suffix]." }

#define RPID_PARAM_(state_, name_, field_, initial_, doc_)                                      \
    { .name = #name_, .type = PARAM_STR, .offset = offsetof(state_, rpid.field_),               \
      .initial_text = initial_, .doc = doc_ }
#define RPID_PARAMS(state_, avp_)                                                               \
    RPID_PARAM_(state_, rpid_prefix, prefix, "", "What append_rpid_hf() puts before the identity."), \
    RPID_PARAM_(state_, rpid_suffix, suffix, ";party=calling;id-type=subscriber;screen=yes",    \
                "What it puts behind."),                                                        \
    RPID_PARAM_(state_, rpid_avp, avp, avp_, "The variable with the identity.")
