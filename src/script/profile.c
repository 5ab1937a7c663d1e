/* SPDX-License-Identifier: Apache-2.0 */
/* Where the time of scripts goes. Lines are counted by one thread, and read on it. */
#include "script/profile.h"

#include <stdlib.h>

struct line_count {
    uint64_t hits, time;
};

struct script_profile {
    const struct program *program;
    script_clock_fn *clock;
    void *context;
    struct line_count *counts; /* of each mark */
    uint32_t *marks;           /* of each instruction: the number of its mark, counted from 1 */
};

static void number_marks(struct script_profile *profile)
{
    const struct program *program = profile->program;
    uint32_t mark = 0;

    for (uint32_t at = 0; at < program->code_count; at++) {
        while (mark < program->mark_count && program->marks[mark].at <= at)
            mark++;
        profile->marks[at] = mark;
    }
}

enum err script_profile_create(const struct program *program, script_clock_fn *clock, void *context,
                               struct script_profile **out)
{
    struct script_profile *profile = calloc(1, sizeof *profile);

    if (!profile)
        return ERR_NOMEM;
    *profile = (struct script_profile){ .program = program, .clock = clock, .context = context };
    profile->counts = calloc(program->mark_count + 1, sizeof *profile->counts);
    profile->marks = calloc(program->code_count + 1, sizeof *profile->marks);
    if (!profile->counts || !profile->marks) {
        script_profile_destroy(profile);
        return ERR_NOMEM;
    }
    number_marks(profile);
    *out = profile;
    return ERR_NONE;
}

void script_profile_destroy(struct script_profile *profile)
{
    if (!profile)
        return;
    free(profile->counts);
    free(profile->marks);
    free(profile);
}

/* ---- while scripts run ---- */

static void spend(struct script_profile *profile, struct profile_line *line, uint64_t now)
{
    if (line->mark)
        profile->counts[line->mark - 1].time += now - line->since;
    line->since = now;
}

void profile_step(struct script_profile *profile, struct profile_line *line, uint32_t at)
{
    uint32_t mark = profile->marks[at];

    if (!mark)
        return;
    profile->counts[mark - 1].hits += profile->program->marks[mark - 1].at == at;
    if (mark == line->mark)
        return;
    spend(profile, line, profile->clock(profile->context));
    line->mark = mark;
}

void profile_leave(struct script_profile *profile, struct profile_line *line)
{
    if (profile && line->mark)
        spend(profile, line, profile->clock(profile->context));
    line->mark = 0;
}

/* ---- reading ---- */

unsigned program_line_count(const struct program *program)
{
    return program->mark_count;
}

void program_lines(const struct program *program, struct script_line *out)
{
    for (unsigned i = 0; i < program->mark_count; i++) {
        const struct line_mark *mark = &program->marks[i];

        out[i] = (struct script_line){ .file = mark->file, .line = mark->line, .text = mark->text };
    }
}

void script_profile_add(const struct script_profile *profile, struct script_line *lines)
{
    for (unsigned i = 0; i < profile->program->mark_count; i++) {
        lines[i].hits += profile->counts[i].hits;
        lines[i].time += profile->counts[i].time;
    }
}
