/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The DNS for one worker, over c-ares, and a small cache before it. Callers that ask for the same
 * name at the same time share one question. Absence is remembered too, and failure for a short
 * time, in which an answer of before goes on to be used. Names are asked in random case, so that
 * whoever forges an answer has more to guess than the id and the port.
 */
#include "net/dns.h"
#include "net/name_rules.h"
#include "net/resolver.h"
#include "sys/loop.h"

struct names;
struct tally;

/* The rules and the tally are borrowed. */
MUST_USE enum err names_create(struct loop *loop, const struct name_rules *rules,
                               struct tally *tally, struct names **out);
/* What is under way is forgotten: its `done` is not called. */
void names_destroy(struct names *names);
/* "127.0.0.1:5353,[::1]:53" instead of the servers of the machine. */
MUST_USE enum err names_set_servers(struct names *names, const char *servers);
/* Calls done exactly once, perhaps within the call. */
void names_find(struct names *names, enum dns_kind kind, struct str name, name_done_fn *done,
                void *context);

/* ---- from any thread ---- */

struct name_report {
    enum dns_kind kind;
    struct str name;
    const struct dns_answer *answer;
    msec left;     /* until it is asked again */
    bool is_asked; /* the answer has not come yet */
};

void names_each(struct names *names, void (*visit)(void *context, const struct name_report *report),
                void *context);
/* All that is remembered is asked again when it is wanted; how many names that are. */
unsigned names_clear(struct names *names);
