/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Where the two languages differ: one row of answers each. Phases ask these questions instead of
 * which dialect it is.
 */
#include "script/source.h"
#include "script/script.h"

struct dialect {
    enum script_dialect id;
    const char *name;
    bool has_preprocessor;     /* #!define, #!ifdef, include_file */
    bool has_slash_comments;   /* // to the end of the line */
    bool joins_texts;          /* "a" "b" is one text */
    bool has_binary_numbers;   /* 101b */
    bool has_rich_expressions; /* one expression grammar everywhere; else conditions and arithmetic
                                */
    bool has_missing_routes;   /* a call of a route that is not there is true */
    bool appends_main_routes;  /* a second request_route adds to the first */
    bool rc_follows_all;       /* $rc is set by every action, not only by functions of modules */
    bool falls_into_default;   /* switch: the last case goes on into default */
    bool refuses_twin_labels;  /* switch: the same label twice is an error */
    bool plain_avps;           /* $avp(name) is a text name, not an alias only */
};

/* DIALECT_OPENSER or DIALECT_KAMAILIO. */
const struct dialect *dialect_of(enum script_dialect id);
/* By the directive in the first lines, else by what the text uses. */
enum script_dialect dialect_detect(const struct source *source);
/* Kamailio without a directive that names a dialect: an unknown $name is an AVP. */
bool dialect_has_loose_names(const struct source *source);
