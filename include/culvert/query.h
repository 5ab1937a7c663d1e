/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A database asked by a script function: the run is suspended until the answer is there. */
#include <culvert/module.h>
#include <culvert/store.h>

/*
 * What the function answers once the rows are here, which live for the call; or result->err, which has
 * been logged. VERDICT_WAIT when it has asked once more.
 */
typedef enum verdict query_answer_fn(struct run *run, void *context,
                                     const struct store_result *result);

/*
 * The verdict to return from the script function: VERDICT_WAIT, or what `answer` said when the store
 * was quick; VERDICT_ERROR when it cannot be asked. The context lives as long as the request.
 */
MUST_USE enum verdict run_query(struct run *run, struct store *store, struct str sql,
                                const struct value params[], unsigned param_count,
                                query_answer_fn *answer, void *context);

/*
 * The same for store_settle(): what was written until now is in the database, or result->err, also
 * when it cannot be asked.
 */
MUST_USE enum verdict run_settle(struct run *run, struct store *store, query_answer_fn *answer,
                                 void *context);

/*
 * A statement as a script writes it, with variables. A text in single quotes with variables in it is
 * bound as a parameter, and so is $(x{sql.val}), alone: what a caller sends stays a value, whatever
 * quotes are in it, and needs no escapes. Other variables are pasted, as scripts expect of names of
 * tables, numbers and whole conditions.
 */
struct query_text;
/* Of a parameter, and of an argument of a script. A fault of a variable has been reported. */
MUST_USE enum err module_query_text(struct module *module, struct str text, const struct query_text **out);
MUST_USE enum err script_place_query_text(const struct script_place *place, struct str text,
                                          const struct query_text **out);
/* As run_query(). */
MUST_USE enum verdict run_query_text(struct run *run, struct store *store, const struct query_text *text,
                                     query_answer_fn *answer, void *context);
/* Hands a statement in and goes on: nobody hears how it ends, a failure is logged. */
MUST_USE enum err run_write_text(struct run *run, struct store *store, const struct query_text *text);
