/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/query.h>

struct question {
    struct run *run;
    query_answer_fn *answer;
    void *context;
    bool is_done, is_waiting;
    enum verdict verdict;
};

/* An answer that waits itself is one that the next question brings. */
static void end_question(void *context, const struct store_result *result)
{
    struct question *question = context;

    question->verdict = question->answer(question->run, question->context, result);
    question->is_done = true;
    if (question->is_waiting && question->verdict != VERDICT_WAIT)
        run_resume(question->run, question->verdict);
}

static void on_result(void *context, const struct store_result *result)
{
    if (result->err && result->err != ERR_NOT_NOW) /* the server stops */
        log_error("a query of the script failed: %s", err_name(result->err));
    end_question(context, result);
}

static struct question *make_question(struct run *run, query_answer_fn *answer, void *context)
{
    struct question *question = arena_alloc(run->arena, sizeof *question);

    if (question)
        *question = (struct question){ .run = run, .answer = answer, .context = context };
    return question;
}

/* What has been handed in may have its answer already. */
static enum verdict await(struct question *question)
{
    if (question->is_done)
        return question->verdict;
    question->is_waiting = true;
    return VERDICT_WAIT;
}

enum verdict run_query(struct run *run, struct store *store, struct str sql,
                       const struct value params[], unsigned param_count, query_answer_fn *answer,
                       void *context)
{
    struct question *question = make_question(run, answer, context);

    if (!question || store_query(store, run->worker, sql, params, param_count, on_result, question))
        return VERDICT_ERROR;
    return await(question);
}

enum verdict run_settle(struct run *run, struct store *store, query_answer_fn *answer, void *context)
{
    struct question *question = make_question(run, answer, context);
    struct store_result failed = { .err = ERR_NOMEM };

    if (!question)
        return VERDICT_ERROR;
    failed.err = store_settle(store, run->worker, end_question, question);
    return failed.err ? answer(run, context, &failed) : await(question);
}
