/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The routing script: source -> tokens -> tree -> checked tree -> bytecode -> verified -> machine.
 * Two dialects (OpenSER 1.x, Kamailio 5.x) share everything below the tree. A program is immutable
 * and counted atomically: all workers run the same one, a reload makes another.
 *
 * The script layer knows no module and no setting: everything with a name is asked of the host
 * through struct script_host, while the file is read from top to bottom.
 */
#include <culvert/module.h>

struct program;

enum script_dialect {
    DIALECT_AUTO, /* by directive, else by what the file uses */
    DIALECT_OPENSER,
    DIALECT_KAMAILIO,
};

/* A value in a global assignment: listen = udp:192.0.2.1:5060 tcp:… advertise … gives several. */
struct script_setting {
    struct str name;
    const struct value *values;
    unsigned value_count;
};

enum script_name_kind {
    NAME_FUNCTION,
    NAME_VARIABLE,
    NAME_SETTING,
};

/* What is known of a name that no loaded module has. */
enum script_excuse {
    EXCUSE_NONE,
    EXCUSE_MAYBE, /* a module that nobody knows may have had it */
    EXCUSE_SURE,  /* a module that was not asked for has it */
    EXCUSE_TOLD,  /* it is of a module that could not be loaded, and that was said */
};

struct script_host {
    void *context;
    /* Lines of the command line, read before and after the script as if they stood in it. */
    struct str before, after;
    /* loadmodule "x"; `path` is as written. Complains through script_complain on failure. */
    enum err (*load_module)(void *context, struct str path, const struct script_place *place);
    /* modparam("regex", "name", value) */
    enum err (*set_param)(void *context, struct str modules, struct str name,
                          const struct value *value, const struct script_place *place);
    /* name = value(s); ERR_NOT_FOUND: no such setting (the compiler complains, with a suggestion)
     */
    enum err (*set_setting)(void *context, const struct script_setting *setting,
                            const struct script_place *place);
    /* The row of a function that takes this many arguments, and its module; NULL when there is
     * none. */
    const struct mod_function *(*find_function)(void *context, struct str name, unsigned arg_count,
                                                struct module **module);
    const struct mod_variable *(*find_variable)(void *context, struct str name,
                                                struct module **module);
    /* Calls visit with every known name of a kind, for "did you mean". */
    void (*each_name)(void *context, enum script_name_kind kind,
                      void (*visit)(void *visitor, struct str name), void *visitor);
    /*
     * A function or variable that is not known: whose it is. With more than EXCUSE_NONE the end of
     * a sentence about it is in `hint`. May be NULL.
     */
    enum script_excuse (*excuse)(void *context, enum script_name_kind kind, struct str name,
                                 const struct script_place *place, char *hint, size_t size);
    /* One finished message for people, several lines, ending with a newline. */
    void (*report)(void *context, bool is_error, struct str text);
    /* After the last message about a script: how many there were. May be NULL. */
    void (*summarize)(void *context, unsigned errors, unsigned warnings);
    /*
     * While scripts run, on any worker: run_is_myself and run_is_uri_myself of run.h, and the
     * answer to a request whose script went over its budget. All three are needed.
     */
    bool (*is_myself)(const struct run *run, struct str host, uint16_t port);
    bool (*is_uri_myself)(const struct run *run, const struct sip_uri *uri);
    void (*refuse)(struct run *run, unsigned status, const char *reason);
};

/*
 * Reads the file (and what it includes), reports all errors it can, and compiles. ERR_SYNTAX when
 * anything was reported as an error. `path` "-" is standard input. With `text` not NULL it is
 * compiled instead, and path is only a name.
 */
MUST_USE enum err script_compile(const char *path, const struct str *text,
                                 enum script_dialect dialect, const struct script_host *host,
                                 struct program **out);

struct program *program_ref(struct program *program);
void program_unref(struct program *program);
/* DIALECT_AUTO for NULL: a program that is still being made. */
enum script_dialect program_dialect(const struct program *program);
/* Slots of $var() that each worker must provide. */
unsigned program_var_count(const struct program *program);

/* Index of a route for script_run; ROUTE_NONE when it is not defined. "" or "0" is the main one. */
uint16_t program_route(const struct program *program, enum stage stage, struct str name);
/* Its name, as long as the program lives. */
struct str program_route_name(const struct program *program, uint16_t route);
/*
 * Prints the bytecode of routes for people: of those with this name, "NAME" or "failure_route[NAME]",
 * or (empty) of all. False when there is none.
 */
bool program_disassemble(const struct program *program, struct str which,
                         void (*print)(void *context, struct str line), void *context);

struct script_budget {
    unsigned steps;      /* instructions a run: 100000 */
    unsigned depth;      /* nested routes: 100 */
    unsigned loop_turns; /* turns of one while: 100 */
    size_t memory;       /* bytes that a run may take of its message's memory: 262144 */
};

struct script_profile;

/* What all runs of a program on one thread have in common. */
struct script_locals {
    struct value *vars; /* $var(): program_var_count() of them, kept from message to message */
    struct script_profile *profile; /* NULL: nothing is measured */
};

/*
 * Runs a route over run->msg. run->done is called when it has ended, within this call or, after a
 * function has answered VERDICT_WAIT, within a run_resume. Until then program and locals must live;
 * the run holds no reference of its own.
 */
void script_run(const struct program *program, uint16_t route, struct run *run,
                struct script_locals *locals, const struct script_budget *budget);
/* Frees the texts that scripts have left in a worker's $var() slots. */
void script_vars_fini(struct value *vars, unsigned count);
/* Gives fresh slots the first values that the script says: modparam("pv", "varset", "name=i:5"). */
MUST_USE enum err script_vars_init(const struct program *program, struct value *vars);
/* Copies the values of those that both programs have; without memory they stay 0. */
void script_vars_carry(const struct program *from, const struct value *vars,
                       const struct program *to, struct value *out);

/* ---- where the time goes ---- */

/* A line of the script in a profile; its texts live as long as the program. */
struct script_line {
    struct str file, text;
    uint32_t line;
    uint64_t hits;
    uint64_t time; /* in units of the clock, without what routes that it calls take */
};

typedef uint64_t script_clock_fn(void *context);

/* Belongs to the thread of its locals; the program must outlive it. */
MUST_USE enum err script_profile_create(const struct program *program, script_clock_fn *clock,
                                        void *context, struct script_profile **out);
void script_profile_destroy(struct script_profile *profile);
unsigned program_line_count(const struct program *program);
/* All lines with zero counts; one may come more than once. Room for program_line_count(). */
void program_lines(const struct program *program, struct script_line *out);
/* Adds what was counted to the lines of the same program. On the profile's thread. */
void script_profile_add(const struct script_profile *profile, struct script_line *lines);

/*
 * modparam("pv", "avp_aliases", "name=i:1;other=s:x") and the like; the global of that name needs
 * no help. Complains at the place.
 */
MUST_USE enum err script_add_avp_alias(const struct script_place *place, struct str text);

/*
 * What module_format and module_variable of module.h are made of: the text is compiled into the
 * module's arena. Bad text is reported through the host. DIALECT_AUTO, while the script is being
 * compiled, takes what either dialect would.
 */
MUST_USE enum err script_format(const struct script_host *host, enum script_dialect dialect,
                                struct arena *arena, struct str text, const struct format **out);
MUST_USE enum err script_variable(const struct script_host *host, enum script_dialect dialect,
                                  struct arena *arena, struct str text,
                                  const struct variable_ref **out);
