/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/document.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include "daemon/page.h"
#include "host/core.h"
#include "host/foreign.h"
#include "host/installed.h"
#include "host/settings.h"
#include "manage/command.h"
#include "script/transform.h"

/* What all pages of one run share. */
struct document {
    const char *folder;
    struct page index;
    bool is_whole;
};

/* ---- modules ---- */

static void write_needs(struct page *page, const char *const *needs)
{
    if (!needs || !*needs)
        return;
    fputs("\nLoad before it:", page->file);
    for (; *needs; needs++)
        fprintf(page->file, " [%s](%s.md)", *needs, *needs);
    fputs(".\n", page->file);
}

static void write_module(void *context, const struct module_desc *desc)
{
    struct document *document = context;
    const struct mod_variable *const variables[] = { desc->variables, NULL };
    char folder[PATH_MAX];
    struct page page;

    snprintf(folder, sizeof folder, "%s/modules", document->folder);
    if (!page_open(&page, folder, desc->name, desc->name)) {
        document->is_whole = false;
        return;
    }
    page_text(&page, desc->summary);
    fputc('\n', page.file);
    write_needs(&page, desc->needs);
    page_functions(&page, desc->functions);
    page_variables(&page, variables);
    page_params(&page, desc->params);
    page_commands(&page, desc->commands);
    page_close(&page);
    fprintf(document->index.file, "| [%s](modules/%s.md) | ", desc->name, desc->name);
    page_text(&document->index, desc->summary);
    fputs(" |\n", document->index.file);
}

static void write_index(struct document *document, struct str module_path)
{
    document->is_whole = page_open(&document->index, document->folder, "README", "culvert");
    if (!document->is_whole)
        return;
    page_heading(&document->index, "Modules");
    page_table(&document->index, (const char *const[]){ "module", "what it is", NULL });
    each_installed_module(module_path, write_module, document);
    page_close(&document->index);
}

/* ---- the core ---- */

static void setting_row(void *context, const struct setting_doc *doc)
{
    struct page *page = context;
    char name[128], initial[128] = "";

    snprintf(name, sizeof name, "`%s`", doc->name);
    if (*doc->initial)
        snprintf(initial, sizeof initial, "`%s`", doc->initial);
    fprintf(page->file, "| %s | %s | %s | ", name, doc->kind, initial);
    page_text(page, doc->doc);
    fputs(" |\n", page->file);
}

static void ignored_setting(void *context, struct str name)
{
    struct page *page = context;

    fprintf(page->file, "| `" STR_FMT "` | ", STR_ARG(name));
    page_text(page, settings_why_ignored(name));
    fputs(" |\n", page->file);
}

static bool write_core(const char *folder)
{
    struct page page;

    if (!page_open(&page, folder, "core", "The core"))
        return false;
    page_heading(&page, "Settings");
    page_table(&page, (const char *const[]){ "setting", "type", "default", "what it is", NULL });
    settings_each_doc(setting_row, &page);
    page_heading(&page, "Settings without effect");
    fputs("They are accepted, with a notice.\n\n", page.file);
    page_table(&page, (const char *const[]){ "setting", "why", NULL });
    settings_each_ignored(ignored_setting, &page);
    page_functions(&page, core_commands);
    page_variables(&page, core_variable_tables);
    page_commands(&page, core_manage_commands);
    page_close(&page);
    return true;
}

/* ---- the language ---- */

static void write_transformations(struct page *page)
{
    char name[128];

    page_heading(page, "Transformations");
    fputs("`$(ru{uri.user}{s.len})`: from left to right, each made of what the one before gave. An"
          " argument may be a variable.\n\n",
          page->file);
    page_table(page, (const char *const[]){ "transformation", "what it gives", NULL });
    for (const struct transform_doc *doc = transform_docs; doc->name; doc++) {
        snprintf(name, sizeof name, "`{%s%s%s}`", doc->name, *doc->args ? "," : "", doc->args);
        fprintf(page->file, "| %s | ", name);
        page_text(page, doc->doc);
        fputs(" |\n", page->file);
    }
}

static bool write_language(const char *folder)
{
    const struct mod_variable *tables[3];
    struct page page;

    if (!page_open(&page, folder, "language", "The script language"))
        return false;
    builtin_tables(tables);
    write_transformations(&page);
    page_variables(&page, tables);
    page_close(&page);
    return true;
}

/* ---- what is not here ---- */

static void foreign_row(struct page *page, const struct foreign_module *row)
{
    fprintf(page->file, "| `%s` | ", row->name);
    page_text(page, row->about);
    fputs(" |\n", page->file);
}

static void foreign_rows(struct page *page, enum foreign_kind kind, const char *heading,
                         const char *meaning)
{
    page_heading(page, heading);
    fprintf(page->file, "%s\n\n", meaning);
    page_table(page, (const char *const[]){ "module", "what it was for, what to use", NULL });
    for (const struct foreign_module *row = foreign_modules; row->name; row++)
        if (row->kind == kind)
            foreign_row(page, row);
}

static bool write_foreign(const char *folder)
{
    struct page page;

    if (!page_open(&page, folder, "other-modules", "Modules that are not here"))
        return false;
    foreign_rows(&page, FOREIGN_BUILT_IN, "Part of the server",
                 "`loadmodule` of one is answered by a notice.");
    foreign_rows(&page, FOREIGN_IDLE, "Missed only where they are used",
                 "`loadmodule` of one is answered by a notice; the first use of one of its names is an"
                 " error.");
    foreign_rows(&page, FOREIGN_MISSING, "Missing", "`loadmodule` of one is an error.");
    page_close(&page);
    return true;
}

static bool make_folder(const char *folder, const char *within)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s%s", folder, within);
    if (mkdir(path, 0777) == 0 || errno == EEXIST)
        return true;
    fprintf(stderr, "culvert: cannot make the folder %s\n", path);
    return false;
}

bool document_write(const char *folder, struct str module_path)
{
    struct document document = { .folder = folder };

    if (!make_folder(folder, "") || !make_folder(folder, "/modules"))
        return false;
    write_index(&document, module_path);
    return document.is_whole && write_core(folder) && write_language(folder) && write_foreign(folder);
}
