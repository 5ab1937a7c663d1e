/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One page of documentation: Markdown with tables made of the rows of modules. */
#include <stdio.h>

#include <culvert/module.h>

struct page {
    FILE *file;
};

/* FOLDER/name.md, with the text of FOLDER/text/name.md in front; false after a complaint. */
bool page_open(struct page *page, const char *folder, const char *name, const char *title);
void page_close(struct page *page);

void page_heading(struct page *page, const char *text);
/* A table: its head once, then rows of as many cells; NULL ends them. */
void page_table(struct page *page, const char *const *heads);
void page_row(struct page *page, const char *const *cells);
/* A text in which the characters of Markdown stand for themselves. */
void page_text(struct page *page, const char *text);

/* Whole sections; nothing for empty tables. */
void page_functions(struct page *page, const struct mod_function *rows);
void page_variables(struct page *page, const struct mod_variable *const *tables);
void page_params(struct page *page, const struct mod_param *rows);
void page_commands(struct page *page, const struct mod_command *rows);
