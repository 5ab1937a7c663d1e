/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The answer to an OPTIONS for the server (RFC 3261 §11.2), for the modules options and siputils. */
#include <culvert/module.h>

struct options_texts {
    struct str accept, accept_encoding, accept_language, support;
};

/* Answers 200 with what we understand; false for an OPTIONS for a user, and for anything else. */
enum verdict options_answer(struct run *run, const struct options_texts *texts);
