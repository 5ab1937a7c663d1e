/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/query.h>

struct question {
    struct run *run;
    query_answer_fn *answer;
    void *context;
    bool is_done, is_waiting;
    enum verdict verdict;
};

static void on_result(void *context, const struct store_result *result)
{
    struct question *question = context;

    if (result->err && result->err != ERR_NOT_NOW) /* the server stops */
        log_error("a query of the script failed: %s", err_name(result->err));
    question->verdict = question->answer(question->run, question->context, result);
    question->is_done = true;
    if (question->is_waiting)
        run_resume(question->run, question->verdict);
}

enum verdict run_query(struct run *run, struct store *store, struct str sql,
                       const struct value params[], unsigned param_count, query_answer_fn *answer,
                       void *context)
{
    struct question *question = arena_alloc(run->arena, sizeof *question);

    if (!question)
        return VERDICT_ERROR;
    *question = (struct question){ .run = run, .answer = answer, .context = context };
    if (store_query(store, run->worker, sql, params, param_count, on_result, question))
        return VERDICT_ERROR;
    if (question->is_done)
        return question->verdict;
    question->is_waiting = true;
    return VERDICT_WAIT;
}
