/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The registrar (RFC 3261 §10): save() keeps the bindings of a REGISTER, lookup() finds them. */
#include <culvert/module.h>
#include <culvert/server.h>

enum {
    CONTACTS_MAX = 16, /* of one REGISTER */
    AOR_BYTES_MAX = 256,
    AUTOMATIC = -1, /* of a parameter: on where NAT handling is automatic */
};

enum path_mode {
    PATH_STORE,
    PATH_LAZY,
    PATH_STRICT,
};

enum outbound_mode {
    OUTBOUND_NONE,
    OUTBOUND_SUPPORTED,
    OUTBOUND_REQUIRED,
};

/* What a script may set for one request, in the list that xavp_cfg names. */
enum extended_setting {
    SETTING_MATCH_CALL_ID,
    SETTING_MATCH_CONTACT,
    SETTING_MATCH_RECEIVED,
    SETTING_BRANCH_FLAGS,
    SETTING_Q,
    SETTING_EXPIRES,
    SETTING_MAX_CONTACTS,
    SETTING_SOCKET,
    EXTENDED_SETTINGS
};

/* What it learns of a binding in the list that xavp_rcd names; bits of xavp_rcd_mask leave out. */
enum extended_fact {
    FACT_RUID,
    FACT_CONTACT,
    FACT_EXPIRES,
    FACT_RECEIVED,
    FACT_PATH,
    EXTENDED_FACTS
};

enum {
    SETTINGS_TOLD = 5,
};

struct registrar {
    int64_t default_expires, min_expires, max_expires, min_expires_mode;
    int64_t default_expires_range, expires_range;
    int64_t default_q;
    int64_t append_branches, case_sensitive;
    int64_t max_contacts, retry_after;
    int64_t method_filtering, lookup_filter_mode;
    int64_t use_path, path_mode, path_use_received, path_check_local;
    int64_t gruu_enabled, outbound_mode, regid_mode, flow_timer;
    int64_t contact_max_size, replace_moved;
    int64_t sock_flag;
    struct str sock_hdr_name;
    struct str realm_prefix, received_param, received_avp, aor_avp;
    const struct variable_ref *received_var, *aor_var;
    struct counter *accepted, *rejected;
    struct counter *told[SETTINGS_TOLD]; /* of settings */
    struct str xavp_cfg, xavp_rcd;
    int64_t xavp_rcd_mask;
    const struct variable_ref *settings[EXTENDED_SETTINGS], *facts[EXTENDED_FACTS];
    unsigned slot;
    struct expired_queue *expired;
};

/* What the module keeps with a request. */
struct registrar_note {
    struct profile *profiles; /* of reg_fetch_contacts() */
    struct str headers;       /* of a 200 that save() was told not to send */
    bool owes_reply;
    struct asking *asking; /* while a function runs that may have to ask the database */
};

/* The request's; made when it is not there. NULL without memory. */
struct registrar_note *registrar_note(const struct call *call);

/* The parameter, or what automatic NAT handling wants. */
bool registrar_is_on(const struct run *run, int64_t parameter);

/* aor.c: the key under which a URI is registered; in the run's arena. */
MUST_USE enum err registrar_aor(struct call *call, struct str uri, struct str *out);

/* A REGISTER being saved. A refusal is remembered and answered at the end. */
struct saving {
    struct call *call;
    struct run *run;
    const struct registrar *registrar;
    struct location_update update;
    struct location_contact contacts[CONTACTS_MAX];
    unsigned flags;  /* of save() */
    bool uses_outbound; /* RFC 5626 */
    bool wants_gruu;    /* RFC 5627 */
    struct binding *bindings; /* all there are, once it is saved */
    unsigned binding_count;
    enum location_result result;
    unsigned turns; /* of waiting for their rows */
    unsigned status; /* of the refusal; 0: none */
    const char *reason, *detail;
};

enum save_flags {
    SAVE_MEMORY_ONLY = 0x01,
    SAVE_NO_REPLY = 0x02,
    SAVE_ONLY_THIS = 0x04,     /* Kamailio: the AoR keeps this contact alone */
    SAVE_EXACT_EXPIRES = 0x08, /* expires_range does not count */
    SAVE_REPLY_HEADERS = 0x10, /* with SAVE_NO_REPLY: the script's own reply gets the headers */
};

/* ERR_DENIED, for the callers to pass on. `detail` is for P-Registrar-Error. */
/* Bits by enum sip_method of "INVITE, BYE"; 0 for an empty list. */
uint32_t registrar_methods(struct str list);
enum err registrar_refuse(struct saving *saving, unsigned status, const char *reason,
                          const char *detail);

/* contacts.c: the Contacts of the message; refuses what cannot be registered. */
MUST_USE enum err registrar_read_contacts(struct saving *saving);
/* way.c: whether what is for a binding goes to its Contact, or down the flow it was registered on. */
bool registrar_uses_contact(const struct location_rules *rules, uint32_t cflags, struct str received,
                            struct str contact, const struct flow *flow);
bool registrar_uses_flow(const struct location_rules *rules, const struct binding *binding);
/* Ties the bindings to the connection that they came on, or not. */
void registrar_choose_way(struct saving *saving);

/* outbound.c: what the client wants of RFC 5626 and 5627, once its contacts are known. */
MUST_USE enum err registrar_read_outbound(struct saving *saving);
/* path.c: RFC 3327. */
MUST_USE enum err registrar_read_path(struct saving *saving);
bool registrar_uses_path(const struct run *run, const struct registrar *registrar);
bool registrar_lists_option(const struct sip_msg *msg, enum sip_hdr_id id, struct str option);

/* asking.c: runs a function that is run again once the bindings that it did not know are known. */
enum verdict registrar_with_rows(struct call *call, mod_function_fn *run);
/*
 * Within such a function, before it looks: ERR_NOT_NOW, and whatever it answers is not heard, as the
 * database has to be asked first.
 */
MUST_USE enum err registrar_know(const struct call *call, struct str table, struct str aor);
MUST_USE enum err registrar_know_ruid(const struct call *call, struct str table, struct str ruid);
/* The database had no answer: there may be bindings that nobody knows. */
bool registrar_is_unsure(const struct call *call);

/* The table that the first argument names. */
struct str registrar_table(const struct call *call);

/* reply.c */
enum verdict registrar_accept(struct saving *saving, const struct binding *bindings,
                              unsigned count);
enum verdict registrar_answer_refusal(struct saving *saving);
enum verdict registrar_send_reply(struct call *call);

/* save.c */
enum verdict registrar_save(struct call *call);
enum verdict registrar_save_no_reply(struct call *call);
enum verdict registrar_save_memory(struct call *call);

/* lookup.c */
enum verdict registrar_lookup(struct call *call);
enum verdict registrar_lookup_to_dset(struct call *call);
enum verdict registrar_lookup_branches(struct call *call);
enum verdict registrar_registered(struct call *call);
enum verdict registrar_unregister(struct call *call);

/* The id of an instance: what stands between its angle brackets. */
struct str registrar_instance_id(struct str instance);
/* find.c: the bindings that a URI, GRUUs included, stands for. They live as long as the request. */
MUST_USE enum err registrar_find(struct call *call, struct str table, struct str uri,
                                 struct binding **bindings, unsigned *count);

/* extended.c; at the start, and then for each request. */
MUST_USE enum err registrar_prepare_extended(struct module *module);
/* Empty: not set. */
struct str registrar_setting_text(const struct registrar *registrar, struct run *run,
                                  enum extended_setting setting);
/* False: not set. */
bool registrar_setting_number(const struct registrar *registrar, struct run *run,
                              enum extended_setting setting, int64_t *out);
void registrar_tell_extended(const struct registrar *registrar, struct run *run,
                             const struct binding *binding);

/* fetch.c: reg_fetch_contacts() and $ulc */
enum verdict registrar_fetch(struct call *call);
enum verdict registrar_free(struct call *call);
enum err registrar_get_ulc(const struct variable_use *use, struct value *out);

/* The same for one binding, which lives as long as the request. */
MUST_USE enum err registrar_show(const struct registrar *registrar, struct request *request,
                                 struct str name, struct binding *binding);

/* expired.c: event_route[usrloc:contact-expired] */
MUST_USE enum err registrar_watch_expired(struct registrar *registrar, struct server *server);
void registrar_unwatch_expired(struct registrar *registrar, struct server *server);
/* On a tick of any worker. */
void registrar_tell_expired(const struct registrar *registrar, struct worker *worker);
