/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One transformation: a row of transform_text.c or transform_uri.c. */
#include "script/transform.h"

enum {
    TRANSFORM_ARGS_MAX = 3,
};

/* One being applied. */
struct transform_call {
    struct run *run;
    struct arena *arena;
    const struct transform_row *row;
    const void *object;        /* what row->prepare made; NULL without it */
    const struct value *value; /* what it is applied to */
    struct str text;           /* the same as text */
    struct str args[TRANSFORM_ARGS_MAX];
    int64_t numbers[TRANSFORM_ARGS_MAX]; /* the same as numbers; 0 for other texts */
    unsigned arg_count;
    bool is_openser;
    struct value *out; /* null at first */
};

typedef enum err transform_fn(struct transform_call *call);
/* Takes the arguments off the front, from "," up to "}", instead of the common reader. */
typedef bool transform_prepare_fn(struct unit *unit, struct span span, struct str *rest,
                                  const void **out);

struct transform_row {
    struct str class, name;
    transform_fn *apply;
    uint8_t min_args, max_args;
    uint8_t variant;      /* for functions that serve several rows */
    struct str parameter; /* the same */
    uint8_t number_args;  /* bits of the arguments that are numbers */
    uint8_t char_args;    /* and of those that are one character, perhaps a blank */
    transform_prepare_fn *prepare;
    bool takes_null;
    bool refuses_controls;
};

/* These tables end with a row without a function. */
extern const struct transform_row transform_text_rows[];
extern const struct transform_row transform_code_rows[];
extern const struct transform_row transform_uri_rows[];
extern const struct transform_row transform_subst_rows[];

/* Room in the run's arena, or NULL; the text ends where the writer's does. */
MUST_USE enum err transform_give(struct transform_call *call, struct str text);
MUST_USE enum err transform_give_number(struct transform_call *call, int64_t number);
/* A writer over fresh memory of the run. */
MUST_USE enum err transform_open(struct transform_call *call, size_t size, struct writer *out);
MUST_USE enum err transform_close(struct transform_call *call, const struct writer *w);
