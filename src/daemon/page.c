/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/page.h"

#include <limits.h>
#include <string.h>

enum {
    CELL_MAX = 400,
};

/* ---- pages ---- */

static void copy_text(struct page *page, const char *folder, const char *name)
{
    char path[PATH_MAX], line[1024];
    FILE *text;

    snprintf(path, sizeof path, "%s/text/%s.md", folder, name);
    if (!(text = fopen(path, "r")))
        return;
    while (fgets(line, sizeof line, text))
        fputs(line, page->file);
    fclose(text);
}

bool page_open(struct page *page, const char *folder, const char *name, const char *title)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s.md", folder, name);
    page->file = fopen(path, "w");
    if (!page->file) {
        fprintf(stderr, "culvert: cannot write %s\n", path);
        return false;
    }
    fprintf(page->file, "# %s\n\n", title);
    copy_text(page, folder, name);
    return true;
}

void page_close(struct page *page)
{
    fclose(page->file);
}

void page_text(struct page *page, const char *text)
{
    for (; *text; text++) {
        if (strchr("|<>*_\\", *text))
            fputc('\\', page->file);
        fputc(*text, page->file);
    }
}

void page_heading(struct page *page, const char *text)
{
    fprintf(page->file, "\n## %s\n\n", text);
}

/* ---- tables ---- */

void page_row(struct page *page, const char *const *cells)
{
    for (; *cells; cells++)
        fprintf(page->file, "| %s ", *cells);
    fputs("|\n", page->file);
}

void page_table(struct page *page, const char *const *heads)
{
    page_row(page, heads);
    for (; *heads; heads++)
        fputs("|---", page->file);
    fputs("|\n", page->file);
}

/* A row whose last cell is a sentence. */
static void doc_row(struct page *page, const char *const *cells, const char *doc)
{
    for (; *cells; cells++)
        fprintf(page->file, "| %s ", *cells);
    fputs("| ", page->file);
    page_text(page, doc ? doc : "");
    fputs(" |\n", page->file);
}

/* ---- functions ---- */

static const char *arg_word(uint8_t type)
{
    static const char *const words[] = {
        [ARG_INT] = "number", [ARG_FLAGS] = "flags",  [ARG_STR] = "text",     [ARG_FMT] = "format",
        [ARG_RE] = "regex",   [ARG_VAR] = "variable", [ARG_ROUTE] = "route",  [ARG_CUSTOM] = "constant",
    };

    return words[type];
}

/* "name(text, [number])" */
static void write_call(struct writer *w, const struct mod_function *row)
{
    write_fmt(w, "`%s(", row->name);
    for (unsigned i = 0; i < ARGS_MAX && row->takes[i] != ARG_END; i++) {
        const char *form = i >= row->min_args ? "%s[%s]" : "%s%s";
        write_fmt(w, form, i ? ", " : "", arg_word(row->takes[i]));
    }
    write_str(w, STR(")`"));
}

static const struct {
    uint16_t stage;
    const char *word;
} stages[] = {
    { STAGE_REQUEST, "request" },       { STAGE_FAILURE, "failure" }, { STAGE_REPLY, "reply" },
    { STAGE_CORE_REPLY, "core reply" }, { STAGE_BRANCH, "branch" },   { STAGE_ERROR, "error" },
    { STAGE_LOCAL, "local" },           { STAGE_EVENT, "event" },     { STAGE_ONSEND, "onsend" },
};

static void write_stages(struct writer *w, uint16_t allowed)
{
    const char *between = "";

    if ((allowed & STAGE_ANY) == STAGE_ANY) {
        write_str(w, allowed & STAGE_ONSEND ? STR("any, onsend") : STR("any"));
        return;
    }
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        if (!(allowed & stages[i].stage))
            continue;
        write_fmt(w, "%s%s", between, stages[i].word);
        between = ", ";
    }
}

static void function_row(struct page *page, const struct mod_function *row)
{
    char call[CELL_MAX] = "", where[CELL_MAX] = "";
    struct writer c = writer_over(call, sizeof call - 1), s = writer_over(where, sizeof where - 1);

    write_call(&c, row);
    write_stages(&s, row->stages);
    call[writer_text(&c).len] = where[writer_text(&s).len] = '\0';
    doc_row(page, (const char *const[]){ call, where, NULL }, row->doc);
}

void page_functions(struct page *page, const struct mod_function *rows)
{
    if (!rows || !rows->name)
        return;
    page_heading(page, "Functions");
    page_table(page, (const char *const[]){ "function", "routes", "what it does", NULL });
    for (; rows->name; rows++)
        function_row(page, rows);
}

/* ---- variables ---- */

static void variable_row(struct page *page, const struct mod_variable *row)
{
    static const char *const forms[] = {
        [INNER_NONE] = "`$%s`",
        [INNER_OPTIONAL] = "`$%s`, `$%s(…)`",
        [INNER_NEEDED] = "`$%s(…)`",
        [INNER_VARIABLE] = "`$%s($…)`",
    };
    char name[CELL_MAX];

    snprintf(name, sizeof name, forms[row->inner], row->name, row->name);
    doc_row(page, (const char *const[]){ name, row->set ? "yes" : "", NULL }, row->doc);
}

void page_variables(struct page *page, const struct mod_variable *const *tables)
{
    if (!tables[0] || !tables[0]->name)
        return;
    page_heading(page, "Variables");
    page_table(page, (const char *const[]){ "variable", "may be assigned to", "what it is", NULL });
    for (; *tables; tables++)
        for (const struct mod_variable *row = *tables; row->name; row++)
            variable_row(page, row);
}

/* ---- parameters ---- */

static void write_initial(char *out, size_t size, const struct mod_param *row)
{
    out[0] = '\0';
    if (row->type == PARAM_INT)
        snprintf(out, size, "%lld", (long long)row->initial);
    else if (row->type == PARAM_STR && row->initial_text && row->initial_text[0])
        snprintf(out, size, "`%s`", row->initial_text);
}

static void write_bounds(char *out, size_t size, const struct mod_param *row)
{
    out[0] = '\0';
    if (row->type == PARAM_INT && (row->min || row->max))
        snprintf(out, size, "%lld to %lld", (long long)row->min, (long long)row->max);
}

static void param_row(struct page *page, const struct mod_param *row)
{
    static const char *const types[] = { [PARAM_INT] = "number", [PARAM_STR] = "text",
                                         [PARAM_CALL] = "text, may be repeated" };
    char name[CELL_MAX], initial[CELL_MAX], bounds[CELL_MAX];

    snprintf(name, sizeof name, "`%s`", row->name);
    write_initial(initial, sizeof initial, row);
    write_bounds(bounds, sizeof bounds, row);
    doc_row(page, (const char *const[]){ name, types[row->type], initial, bounds, NULL }, row->doc);
}

static bool has_params(const struct mod_param *rows, bool ignored)
{
    for (; rows && rows->name; rows++)
        if ((rows->type == PARAM_IGNORED) == ignored)
            return true;
    return false;
}

static void ignored_params(struct page *page, const struct mod_param *rows)
{
    char name[CELL_MAX];

    page_heading(page, "Parameters without effect");
    fputs("They are accepted, with a notice.\n\n", page->file);
    page_table(page, (const char *const[]){ "parameter", "why", NULL });
    for (; rows->name; rows++) {
        if (rows->type != PARAM_IGNORED)
            continue;
        snprintf(name, sizeof name, "`%s`", rows->name);
        doc_row(page, (const char *const[]){ name, NULL }, rows->doc);
    }
}

void page_params(struct page *page, const struct mod_param *rows)
{
    if (has_params(rows, false)) {
        page_heading(page, "Parameters");
        page_table(page, (const char *const[]){ "parameter", "type", "default", "bounds", "what it is",
                                                NULL });
        for (const struct mod_param *row = rows; row->name; row++)
            if (row->type != PARAM_IGNORED)
                param_row(page, row);
    }
    if (has_params(rows, true))
        ignored_params(page, rows);
}

/* ---- commands ---- */

void page_commands(struct page *page, const struct mod_command *rows)
{
    char call[CELL_MAX];

    if (!rows || !rows->name)
        return;
    page_heading(page, "Commands of culvertctl");
    page_table(page, (const char *const[]){ "command", "what it does", NULL });
    for (; rows->name; rows++) {
        const char *args = rows->args ? rows->args : "";
        snprintf(call, sizeof call, "`%s%s%s`", rows->name, *args ? " " : "", args);
        doc_row(page, (const char *const[]){ call, NULL }, rows->doc);
    }
}
