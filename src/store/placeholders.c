/* SPDX-License-Identifier: Apache-2.0 */
#include "store/placeholders.h"

/* What begins with one of these goes to the end of it. */
static const struct {
    struct str from, to;
} quotes[] = {
    { STR_INIT("'"), STR_INIT("'") },
    { STR_INIT("\""), STR_INIT("\"") },
    { STR_INIT("--"), STR_INIT("\n") },
    { STR_INIT("/*"), STR_INIT("*/") },
};

/* The length of a quotation or comment at the start; 0 when there is none. */
static size_t quoted_length(struct str sql)
{
    for (size_t i = 0; i < sizeof quotes / sizeof quotes[0]; i++) {
        struct str inside = str_skip(sql, quotes[i].from.len);
        const char *end;

        if (!str_starts(sql, quotes[i].from))
            continue;
        end = str_find(inside, quotes[i].to);
        return end ? (size_t)(end - sql.ptr) + quotes[i].to.len : sql.len;
    }
    return 0;
}

void write_numbered(struct writer *w, struct str sql)
{
    unsigned count = 0;

    while (sql.len) {
        size_t length = quoted_length(sql);

        if (!length && sql.ptr[0] == '?')
            write_fmt(w, "$%u", ++count);
        else
            write_str(w, (struct str){ sql.ptr, length ? length : 1 });
        sql = str_skip(sql, length ? length : 1);
    }
}
