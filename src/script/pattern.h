/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the script layer asks of regular expressions beyond culvert/regex.h. */
#include <culvert/regex.h>

/*
 * True when matching takes time linear in the text. Patterns with back-references do not; those
 * that a message can influence must not have any.
 */
bool pattern_is_linear(const struct regex *regex);
