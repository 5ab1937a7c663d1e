/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What instructions do to values: comparisons, arithmetic, conversions, by the rules of each
 * dialect. */
#include "script/vm.h"

/* As a number: what it carries, else its text when that is one (also 0x…), else 0. */
int64_t operate_number(const struct value *value);
/* As a text: in the arena; null is empty. A failed value is what memory ran out for. */
struct value operate_text(struct run *run, const struct value *value);

/* Results are 1, 0 or, in OpenSER, -1 for what cannot be compared. */
int operate_compare(struct run *run, enum compare compare, const struct value *left,
                    const struct value *right);
int operate_compare_rich(struct run *run, enum compare compare, const struct value *left,
                         const struct value *right);
int operate_compare_text(struct run *run, enum compare compare, bool ignores_case,
                         const struct value *left, const struct value *right);
int operate_compare_number(enum compare compare, const struct value *left,
                           const struct value *right);
/* Flag as in MATCH. */
int operate_match(struct run *run, const struct regex *regex, unsigned flag,
                  const struct value *value);
int operate_match_text(struct run *run, unsigned flag, const struct value *value,
                       const struct value *pattern);
int operate_truth(const struct value *value);

struct value operate_arithmetic(struct run *run, enum arithmetic arithmetic,
                                const struct value *left, const struct value *right);
struct value operate_arithmetic_rich(struct run *run, enum arithmetic arithmetic,
                                     const struct value *left, const struct value *right);
