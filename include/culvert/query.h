/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A database asked by a script function: the run is suspended until the answer is there. */
#include <culvert/run.h>
#include <culvert/store.h>

/*
 * What the function answers once the rows are here, which live for the call; or result->err, which has
 * been logged. Not VERDICT_WAIT.
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
