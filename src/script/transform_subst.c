/* SPDX-License-Identifier: Apache-2.0 */
/* {re.subst,/expression/replacement/flags} */
#include <culvert/subst.h>

#include "script/report.h"
#include "script/transform_row.h"

/* Takes everything up to the next separator that no backslash protects, and that too. */
static bool skip_part(struct str *rest, char separator)
{
    for (size_t i = 0; i < rest->len; i++) {
        if (rest->ptr[i] == '\\') {
            i++;
        } else if (rest->ptr[i] == separator) {
            *rest = str_skip(*rest, i + 1);
            return true;
        }
    }
    return false;
}

/* A rule may hold braces and commas: it ends where its flags do. */
static bool prepare_subst(struct unit *unit, struct span span, struct str *rest, const void **out)
{
    struct script_place place = { unit, span };
    struct str rule = str_skip(*rest, 1), behind = str_skip(*rest, 2);

    if (rule.len == 0 || rest->ptr[0] != ',' || !skip_part(&behind, rule.ptr[0]) ||
        !skip_part(&behind, rule.ptr[0])) {
        report_error(unit, span, "{re.subst} needs /expression/replacement/flags");
        return false;
    }
    while (behind.len && behind.ptr[0] != '}')
        behind = str_skip(behind, 1);
    *rest = behind;
    return !script_place_subst(&place, str_between(rule.ptr, behind.ptr),
                               (const struct subst **)out);
}

static enum err re_subst(struct transform_call *call)
{
    struct str text = call->text;
    enum err err = subst_text(call->run, call->object, text, &text);

    return err && err != ERR_NOT_FOUND ? err : transform_give(call, text);
}

const struct transform_row transform_subst_rows[] = {
    { STR_INIT("re"), STR_INIT("subst"), re_subst, 0, 0, .prepare = prepare_subst },
    { .apply = NULL },
};
