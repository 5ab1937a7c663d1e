/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bindings that are in the database and not, or perhaps not, in memory: what looks for them is run
 * until it meets some that it does not know; the database is asked, and it is run once more.
 */
#include "registrar.h"

#include <culvert/journal.h>
#include <culvert/query.h>

enum {
    QUESTIONS_MAX = 32, /* of one call: a bound for lookup_branches() */
};

/* What is looked for: an AoR or a ruid of a table. */
struct sought {
    const struct sought *next;
    struct str table, text;
    bool is_ruid;
    msec asked_at;
};

struct asking {
    struct call *call;
    mod_function_fn *run;
    const struct sought *answered;
    struct sought *missing; /* the next to ask for */
    unsigned count;
    bool has_failed;
};

static bool is_answered(const struct asking *asking, struct str table, struct str text)
{
    const struct sought *sought = asking->answered;

    while (sought && !(str_eq(sought->table, table) && str_eq(sought->text, text)))
        sought = sought->next;
    return sought;
}

static enum err seek(const struct call *call, struct str table, struct str text, bool is_ruid)
{
    const struct journal *journal = server_location_rules(run_server(call->run))->journal;
    struct registrar_note *note;
    struct sought *sought;

    if (!journal || !journal_must_ask(journal, table) || !(note = registrar_note(call)) ||
        !note->asking || is_answered(note->asking, table, text))
        return ERR_NONE;
    sought = arena_zalloc(call->run->arena, sizeof *sought);
    if (!sought || str_copy(call->run->arena, text, &sought->text))
        return ERR_NOMEM;
    sought->table = table;
    sought->is_ruid = is_ruid;
    note->asking->missing = sought;
    return ERR_NOT_NOW;
}

enum err registrar_know(const struct call *call, struct str table, struct str aor)
{
    return seek(call, table, aor, false);
}

enum err registrar_know_ruid(const struct call *call, struct str table, struct str ruid)
{
    return seek(call, table, ruid, true);
}

bool registrar_is_unsure(const struct call *call)
{
    const struct registrar_note *note = registrar_note(call);

    return note && note->asking && note->asking->has_failed;
}

static enum verdict go_on(struct asking *asking);

static enum verdict on_rows(struct run *run, void *context, const struct store_result *result)
{
    struct asking *asking = context;
    struct sought *sought = asking->missing;
    struct journal *journal = server_location_rules(run_server(run))->journal;
    const struct journal_lesson lesson = {
        .table = sought->table,
        .aor = sought->is_ruid ? STR("") : sought->text,
        .asked_at = sought->asked_at,
    };

    if (result->err)
        asking->has_failed = true;
    else
        journal_learn(journal, &lesson, result);
    sought->next = asking->answered;
    asking->answered = sought;
    return go_on(asking);
}

static enum verdict ask(struct asking *asking)
{
    static const struct store_result nothing = { .err = ERR_IO };
    struct run *run = asking->call->run;
    struct journal *journal = server_location_rules(run_server(run))->journal;
    struct sought *sought = asking->missing;
    struct journal_question question;
    enum verdict verdict;

    sought->asked_at = run_now(run);
    if (!sought->is_ruid)
        journal_ask(journal, sought->table, sought->text, &question);
    else if (!journal_ask_ruid(journal, sought->table, sought->text, &question))
        return on_rows(run, asking, &nothing);
    if (store_is_away(journal_store(journal)))
        return on_rows(run, asking, &nothing);
    verdict = run_query(run, journal_store(journal), question.sql, question.params,
                        question.param_count, on_rows, asking);
    return verdict;
}

static enum verdict run_once(struct asking *asking)
{
    struct registrar_note *note = registrar_note(asking->call);
    enum verdict verdict;

    asking->missing = NULL;
    note->asking = asking;
    verdict = asking->run(asking->call);
    note->asking = NULL;
    return verdict;
}

static enum verdict go_on(struct asking *asking)
{
    enum verdict verdict = run_once(asking);

    return asking->missing && ++asking->count < QUESTIONS_MAX ? ask(asking) : verdict;
}

enum verdict registrar_with_rows(struct call *call, mod_function_fn *run)
{
    struct asking *asking;

    if (!server_location_rules(run_server(call->run))->journal)
        return run(call);
    asking = arena_zalloc(call->run->arena, sizeof *asking);
    if (!asking || !registrar_note(call))
        return VERDICT_ERROR;
    asking->call = call;
    asking->run = run;
    return go_on(asking);
}
