/* SPDX-License-Identifier: Apache-2.0 */
/* What the server has written: lines of its log, rows of its database. */
#include <stdarg.h>
#include <stdio.h>

#include "support/scene.h"

enum {
    ROWS_TEXT_MAX = 8192,
};

static unsigned count_lines(struct scene *scene, struct str pattern)
{
    const struct world *world = scene->world;
    unsigned count = 0,
             kept = world->log_count < WORLD_LOG_LINES ? world->log_count : WORLD_LOG_LINES;

    for (unsigned i = 0; i < kept; i++)
        count += scene_matches(scene, str_of(world->log[i]), pattern);
    return count;
}

/* logged 2 call missed: .*code=404 */
bool scene_logged(struct scene *scene, struct str rest)
{
    struct str number = take_word(&rest), pattern = str_trim(rest);
    uint64_t wanted;
    unsigned count;

    if (str_to_uint(number, 0, WORLD_LOG_LINES, &wanted) || str_is_empty(pattern))
        return scene_fail(scene, "write: logged 1 regular expression");
    count = count_lines(scene, pattern);
    return count == wanted ? true
                           : scene_fail(scene, "%u lines of the log are like that, not " STR_FMT,
                                        count, STR_ARG(number));
}

static void write_value(struct writer *w, const struct value *value)
{
    if (value->has_text)
        write_str(w, value->text);
    else if (value->has_number)
        write_fmt(w, "%lld", (long long)value->number);
    else
        write_str(w, STR("NULL"));
}

static void write_rows(void *context, const struct store_result *result)
{
    struct writer *w = context;

    for (unsigned row = 0; !result->err && row < result->row_count; row++) {
        write_str(w, row ? STR(", ") : STR(""));
        for (unsigned i = 0; i < result->rows[row].column_count; i++) {
            write_str(w, i ? STR("|") : STR(""));
            write_value(w, &result->rows[row].columns[i]);
        }
    }
}

/* asked SELECT method, sip_code FROM acc => INVITE|200, BYE|200 */
bool scene_asked(struct scene *scene, struct str rest)
{
    const char *arrow = str_find(rest, STR("=>"));
    char text[ROWS_TEXT_MAX];
    struct writer w = writer_over(text, sizeof text);
    struct str sql, wanted;

    if (!arrow)
        return scene_fail(scene, "write: asked SELECT … => a|b, c|d");
    sql = str_trim(str_between(rest.ptr, arrow));
    wanted = str_trim(str_skip(rest, (size_t)(arrow - rest.ptr) + 2));
    if (store_run(scene->world->store, sql, NULL, 0, write_rows, &w))
        return scene_fail(scene, "the database does not answer that");
    return str_eq(writer_text(&w), wanted)
               ? true
               : scene_fail(scene, "there is \"" STR_FMT "\"", STR_ARG(writer_text(&w)));
}
