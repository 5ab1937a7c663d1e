/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Extended AVPs: a list of named items, newest first, each with a value of its own or with a list of
 * items under it. $xavp(a[1]=>b) is the first b under the second a. Kept with a request, in its
 * arena; what is taken out is not given back before the request ends.
 */
#include <culvert/value.h>

struct xavp;

struct xavps {
    struct xavp *first;
    bool ignores_case; /* of names: $xavi, by request_create; items under it too */
};

struct xavp {
    struct xavp *next;
    struct str name;
    struct value value;  /* null when there are items under it */
    struct xavps fields;
};

/* The i-th of that name; negative counts from the oldest. NULL when there is none. */
struct xavp *xavp_find(const struct xavps *list, struct str name, int64_t index);
unsigned xavp_count(const struct xavps *list, struct str name);
/* Puts a new one in front. Texts are copied. */
MUST_USE enum err xavp_push(struct xavps *list, struct arena *arena, struct str name,
                            const struct value *value, struct xavp **out);
MUST_USE enum err xavp_set(struct xavp *xavp, struct arena *arena, const struct value *value);
void xavp_remove(struct xavps *list, struct xavp *xavp);
void xavp_remove_all(struct xavps *list, struct str name);
