/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a module is. A module is a folder under modules/, one loadable object, and one
 * `const struct module_desc culvert_module`. It plugs in by tables and sees only include/culvert/.
 *
 * A module has one state, made by the host and shared by all workers: filled from its parameters
 * before start(), read-only afterwards except for what it makes atomic or locks itself.
 */
#include <culvert/command.h>
#include <culvert/dialog.h>
#include <culvert/regex.h>
#include <culvert/run.h>

#define MODULE_ABI 1

struct module; /* the host's handle of a loaded module */

/* The state_size bytes of the module, zeroed at load, then filled from modparam. */
void *module_state(const struct module *module);
const char *module_name(const struct module *module);
/* Lives until the module is unloaded. */
struct arena *module_arena(struct module *module);
struct server *module_server(const struct module *module);
/* True when another module is loaded: what it needs to know to work together. */
bool module_is_loaded(const struct module *module, const char *name);
/* A slot in request->slots of this module's own; start() asks for it once. ERR_EXHAUSTED. */
MUST_USE enum err module_slot(struct module *module, unsigned *out);

/* ---- script functions ---- */

enum arg_type {
    ARG_END = 0, /* no more arguments */
    ARG_INT,     /* a number: literal, quoted decimal, or an expression */
    ARG_FLAGS,   /* the same, 0x… accepted in quotes */
    ARG_STR,     /* text, as written */
    ARG_FMT,     /* text in which variables are expanded */
    ARG_LINES,   /* the same for lines of a head: what a variable brings stays within its line */
    ARG_RE,      /* a regular expression, compiled with the script: object is a struct regex */
    ARG_VAR,     /* one variable: object for variable_get and variable_set */
    ARG_ROUTE,   /* the name or number of a route of the kind in mod_function.route_stage; number is its index */
    ARG_CUSTOM,  /* text that `prepare` turns into an object when the script is compiled */
};

enum {
    ARGS_MAX = 6,
};

/* One evaluated argument. */
struct arg {
    struct value value; /* ARG_INT, ARG_FLAGS, ARG_ROUTE: number; ARG_STR, ARG_FMT, ARG_LINES: text */
    const void *object; /* ARG_RE, ARG_VAR, ARG_CUSTOM */
};

struct call {
    struct run *run;
    const struct module *module;
    const struct arg *args;
    unsigned arg_count;
};

/* The text of an argument; empty when it was not given. */
static inline struct str call_text(const struct call *call, unsigned index)
{
    return index < call->arg_count ? call->args[index].value.text : (struct str){ 0 };
}

/* Where in a script something stands; for messages of prepare functions. */
struct script_place;
void script_complain(const struct script_place *place, const char *format, ...) PRINTF_LIKE(2, 3);
/*
 * For prepare functions, what lives as long as the script at that place does: until a reload has
 * replaced it and the last call that ran in it is over. Bad texts are complained about.
 */
struct arena *script_place_arena(const struct script_place *place);
MUST_USE enum err script_place_regex(const struct script_place *place, struct str pattern,
                                     unsigned flags, const struct regex **out);
struct format;
MUST_USE enum err script_place_format(const struct script_place *place, struct str text,
                                      const struct format **out);
struct variable_ref;
MUST_USE enum err script_place_variable(const struct script_place *place, struct str text,
                                        const struct variable_ref **out);
/* The variable that a select of SER stands for, "via.host"; ERR_NOT_FOUND without a complaint. */
MUST_USE enum err script_place_select(const struct script_place *place, struct str name,
                                      const struct variable_ref **out);
/* At least one, all of which can be written, with ';' or ',' between them. */
struct variable_list {
    const struct variable_ref **refs;
    unsigned count;
};
MUST_USE enum err script_place_variable_list(const struct script_place *place, struct str text,
                                             const struct variable_list **out);

typedef enum verdict mod_function_fn(struct call *call);
/*
 * Turns the text of argument `index` into an object (in script_place_arena); complains on bad text.
 * A reload does it for a script that may never run, beside the workers: it changes no state.
 */
typedef enum err mod_prepare_fn(struct module *module, unsigned index, struct str text,
                                const struct script_place *place, const void **out);

/* What the checker of scripts wants to know of a function, for its warnings. */
enum mod_trait {
    TRAIT_DECIDES = 1 << 0,   /* its result says who may: a script that ignores it lets everybody in */
    TRAIT_ADMITS = 1 << 1,    /* it looks at who the sender is: passwords, addresses */
    TRAIT_AIMS = 1 << 2,      /* it chooses where the request goes */
    TRAIT_FOLLOWS = 1 << 3,   /* when it is true the request goes where a dialog leads */
    TRAIT_BLIND = 1 << 4,     /* it looks neither at the sender nor at where the request goes */
    TRAIT_RELAYS = 1 << 5,    /* it sends the request on */
    TRAIT_REGISTERS = 1 << 6, /* it makes bindings */
    TRAIT_ENTERS = 1 << 7,    /* it stands for route() with its one argument, a name that may be nobody's; never run */
};

/* A function with optional arguments has min_args smaller than the number of types in `takes`. */
struct mod_function {
    const char *name;
    mod_function_fn *run;
    mod_prepare_fn *prepare;   /* for ARG_CUSTOM */
    uint8_t takes[ARGS_MAX];   /* enum arg_type */
    uint8_t min_args;
    uint16_t stages;           /* bits of enum stage */
    uint16_t route_stage;      /* for ARG_ROUTE: STAGE_FAILURE, STAGE_REPLY or STAGE_BRANCH */
    uint8_t traits;            /* bits of enum mod_trait */
    const char *doc;
};

/*
 * Calls a script function of whatever module has one that takes so many texts. Not for those that may
 * answer VERDICT_WAIT. ERR_NOT_FOUND.
 */
MUST_USE enum err run_function(struct run *run, struct str name, const struct str *texts, unsigned count,
                               enum verdict *out);

/* ---- variables ---- */

/* What stands in parentheses behind the name: $hdr(From), $avp(s:x). */
enum variable_inner {
    INNER_NONE,
    INNER_OPTIONAL,
    INNER_NEEDED,
    INNER_VARIABLE, /* one variable, not its value: `object` is a struct variable_ref */
};

struct variable_use {
    struct run *run;
    struct str inner;         /* the text in parentheses (dynamic parts expanded) */
    const void *object;       /* what `prepare` made of a constant inner text; may be NULL */
    int index;                /* [i]; negative counts from the end */
    bool has_index;
    bool is_all;              /* [*] */
    bool replaces;            /* assignment by := */
    const struct module *module;
};

struct mod_variable {
    const char *name;         /* without '$' */
    uint8_t inner;            /* enum variable_inner */
    /* Writes null when there is nothing. */
    enum err (*get)(const struct variable_use *use, struct value *out);
    enum err (*set)(const struct variable_use *use, const struct value *value); /* NULL: read-only */
    enum err (*prepare)(struct module *module, struct str inner, const struct script_place *place,
                        const void **out); /* as mod_prepare_fn; may be NULL */
    const char *doc;
};

/* For such a `prepare`: complains unless the text is one of the words, which blanks part. */
MUST_USE enum err script_expect_word(const struct script_place *place, struct str text,
                                     const char *words);
/* A `prepare` function by that name for variables whose parentheses hold one of the words. */
#define VARIABLE_OF_WORDS(name, words)                                                             \
    static enum err name(struct module *module, struct str inner,                                  \
                         const struct script_place *place, const void **out)                       \
    {                                                                                              \
        (void)module;                                                                              \
        (void)out;                                                                                 \
        return script_expect_word(place, inner, words);                                            \
    }

MUST_USE enum err variable_get(struct run *run, const struct variable_ref *ref, struct value *out);
MUST_USE enum err variable_set(struct run *run, const struct variable_ref *ref,
                               const struct value *value);
bool variable_can_set(const struct variable_ref *ref);
bool variable_is_avp(const struct variable_ref *ref);
/* When the variable is $avp: which one. False for all others. */
bool variable_avp(struct run *run, const struct variable_ref *ref, struct avp_name *out);

/* Text with variables in it, for module parameters such as log_extra. They live with the module. */
MUST_USE enum err module_format(struct module *module, struct str text, const struct format **out);
MUST_USE enum err module_variable(struct module *module, struct str text,
                                  const struct variable_ref **out);
MUST_USE enum err format_text(struct run *run, const struct format *format, struct str *out);

/* ---- parameters ---- */

enum param_type {
    PARAM_INT,     /* int64_t at offset */
    PARAM_STR,     /* struct str at offset; lives as long as the module */
    PARAM_CALL,    /* the `set` function gets it: parameters that may come several times */
    PARAM_IGNORED, /* of the originals, without meaning here: accepted, one notice says `doc` */
};

struct mod_param {
    const char *name;
    uint8_t type; /* enum param_type */
    size_t offset;
    int64_t min, max;    /* PARAM_INT; both 0: no bounds */
    int64_t initial;
    const char *initial_text; /* PARAM_STR */
    enum err (*set)(struct module *module, const struct value *value, const struct script_place *place);
    const char *doc;
    /*
     * PARAM_INT, PARAM_STR: functions and hooks on workers read the field, nobody else and no start(),
     * so that a reload may change it (while no worker runs). Else a change waits for the next start.
     */
    bool is_live;
};

/* ---- hooks: moments in the life of a request ---- */

struct mod_hooks {
    /* A request came in that matched no transaction; before the request route. */
    void (*on_request)(struct module *module, struct run *run);
    /*
     * A branch goes out: after the branch route and once its flow is known, before it is written;
     * changes go to run->edits. 0: go on; else the branch fails with this status.
     */
    unsigned (*on_branch)(struct module *module, struct run *run);
    /*
     * A response goes upstream: after the reply route. 0: go on; else the response is turned into
     * a failure of the branch with this status (only before a 2xx has gone).
     */
    unsigned (*on_reply)(struct module *module, struct run *run);
    /* An ACK or another in-dialog request is sent on without a transaction; edits as in on_branch. */
    unsigned (*on_forward)(struct module *module, struct run *run);
    /* A branch ended without winning: failed, cancelled, lost. */
    void (*on_branch_end)(struct module *module, struct branch *branch);
    /*
     * All branches have failed: before the failure route, which may try others. run->branch is the
     * best of them, run->msg the request.
     */
    void (*on_failure)(struct module *module, struct run *run);
    /* A final response went upstream; `response` is NULL when it is our own. */
    void (*on_final)(struct module *module, struct run *run, unsigned status, struct str reason,
                     const struct sip_msg *response);
    /* Something has happened to a dialog that is followed. After the last moment it is freed. */
    void (*on_dialog)(struct module *module, struct worker *worker, struct dialog *dialog,
                      enum dialog_moment moment);
    /* Every 100 ms on every worker; the argument tells which of how many. */
    void (*on_tick)(struct module *module, struct worker *worker, unsigned index, unsigned count,
                    msec now);
};

/* ---- the descriptor ---- */

struct module_desc {
    unsigned abi; /* MODULE_ABI */
    const char *name;
    const char *summary; /* one sentence */
    size_t state_size;
    const char *const *needs; /* names of modules that must be loaded before; NULL-terminated */
    const struct mod_function *functions; /* these tables end with a row without a name */
    const struct mod_variable *variables;
    const struct mod_param *params;
    const struct mod_command *commands;
    struct mod_hooks hooks;
    /* After all parameters, before the first message. An error stops the start; log the reason. */
    enum err (*start)(struct module *module);
    void (*stop)(struct module *module);
    /* A reload has written live parameters; while no worker runs. May be NULL. */
    void (*changed)(struct module *module);
};

#define CULVERT_MODULE __attribute__((visibility("default"))) const struct module_desc culvert_module
