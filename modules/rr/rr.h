/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of the module share. */
#include <culvert/module.h>
#include <culvert/server.h>

struct rr {
    int64_t append_fromtag;
    int64_t enable_double_rr;
    int64_t enable_full_lr;
    int64_t add_username;
    int64_t ignore_sips;
    struct str custom_user_avp;
    const struct variable_ref *custom_user;
    unsigned slot;
    struct log_gate token_notices;
};

/* What loose_route() has found out about a request. */
struct rr_found {
    struct str params; /* of our own Route */
    bool is_routed;
    bool is_upstream; /* the request goes from callee to caller */
};

/* NULL before loose_route(). */
const struct rr_found *rr_found(const struct module *module, const struct request *request);

/* received.c: goes where the received parameter of our own Route says (path's use_received). */
MUST_USE enum err rr_follow_received(struct run *run, struct str params);

extern const struct mod_variable rr_variables[];
