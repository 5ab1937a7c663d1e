/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What people are told about their script: file, line, column, the line itself with a caret under
 * the place, and a suggestion when a name is close to a known one.
 */
#include "script/unit.h"

void report_error(struct unit *unit, struct span span, const char *format, ...) PRINTF_LIKE(3, 4);
void report_warning(struct unit *unit, struct span span, const char *format, ...) PRINTF_LIKE(3, 4);
void report_no_memory(struct unit *unit);
/* Hands all messages to the host, those of one file from top to bottom. */
void report_finish(struct unit *unit);

/* Collects the known name that is closest to the wanted one. */
struct suggestion {
    struct str wanted;
    char best[64];
    unsigned distance;
};

void suggestion_init(struct suggestion *suggestion, struct str wanted);
void suggestion_offer(struct suggestion *suggestion, struct str name);
/* The same, as script_host.each_name calls it. */
void suggestion_visit(void *suggestion, struct str name);
/* Offers what the host knows of a kind. */
void suggestion_ask(struct suggestion *suggestion, const struct script_host *host,
                    enum script_name_kind kind);
/* "; did you mean \"x\"?" or "": for the end of a message. */
const char *suggestion_text(struct suggestion *suggestion, char *buffer, size_t size);
#define SUGGESTION_TEXT_MAX 96

/* Edits (insert, remove, replace, swap of neighbours) between two names, up to `most` + 1. */
unsigned edit_distance(struct str a, struct str b, unsigned most);

/* A name that nothing has, and the words around it. */
struct unknown_name {
    enum script_name_kind kind;
    struct str name;
    const char *before, *behind;
    const char *otherwise; /* when nothing can be suggested */
    /* Names of the language itself; may be NULL. */
    void (*offer)(void (*visit)(void *visitor, struct str name), void *visitor);
};

/* Complains, with whose it is or what it was meant to be; not for what a missing module has. */
void report_unknown(struct unit *unit, struct span span, const struct unknown_name *unknown);
