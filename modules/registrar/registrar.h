/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The registrar (RFC 3261 §10): save() keeps the bindings of a REGISTER, lookup() finds them. */
#include <culvert/module.h>
#include <culvert/server.h>

enum {
    CONTACTS_MAX = 16,  /* of one REGISTER */
    AOR_BYTES_MAX = 256,
};

struct registrar {
    int64_t default_expires, min_expires, max_expires, min_expires_mode;
    int64_t default_q;
    int64_t append_branches, case_sensitive;
    int64_t max_contacts, retry_after;
    int64_t method_filtering;
    int64_t use_path, path_mode, path_use_received;
    int64_t contact_max_size;
    struct str realm_prefix, received_param, received_avp, aor_avp;
    const struct variable_ref *received_var, *aor_var;
    struct counter *accepted, *rejected;
};

/* aor.c: the key under which a URI is registered; in the run's arena. */
MUST_USE enum err registrar_aor(struct call *call, struct str uri, struct str *out);

/* save.c */
enum verdict registrar_save(struct call *call);
/* lookup.c */
enum verdict registrar_lookup(struct call *call);
enum verdict registrar_registered(struct call *call);
enum verdict registrar_unregister(struct call *call);
