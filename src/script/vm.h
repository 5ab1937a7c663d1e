/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The machine of one run. It lives in run->arena: a script that waits is plain data. */
#include "script/profile.h"
#include "script/program.h"

/* One route being run. */
struct frame {
    struct frame *caller; /* or the next spare one */
    const struct route *route;
    uint32_t at;    /* the next instruction */
    unsigned depth; /* values on the stack */
    unsigned room;  /* of stack */
    unsigned loop_room;
    uint32_t *loops; /* turns of each while */
    struct value *stack;
};

enum vm_state {
    VM_RUNNING,
    VM_CALLING,  /* inside a function */
    VM_ANSWERED, /* the same, and run_resume has come already */
    VM_WAITING,  /* a function has answered VERDICT_WAIT */
    VM_ENDED,
};

struct script_vm {
    const struct program *program;
    struct run *run;
    struct script_locals *locals;
    struct script_budget budget;
    struct frame *frame;
    struct frame *spare; /* left by routes that have returned */
    unsigned nested;     /* routes */
    unsigned steps;
    struct profile_line line;
    size_t memory_end;   /* how large the arena of the run may become */
    int result;                   /* of the last action */
    uint8_t state;                /* enum vm_state */
    enum verdict answer;          /* what run_resume brought */
    const struct call_site *site; /* the function being called */
    struct call call;
    struct arg args[ARGS_MAX];
};

/*
 * A value that could not be computed: null, yet int-typed. OpenSER treats it as an error, Kamailio
 * as null.
 */
static inline struct value value_failed(void)
{
    return (struct value){ .is_int = true };
}

static inline bool value_has_failed(const struct value *value)
{
    return value_is_null(value) && value->is_int;
}
