/* SPDX-License-Identifier: Apache-2.0 */
#include "htable.h"

#define LOCAL(name) static enum verdict htable_##name(struct call *call)

/* ---- matches ---- */

static enum err make_regex(struct str text, struct match *out)
{
    char why[128];
    enum err err = regex_compile(text, REGEX_DEFAULT, &out->regex, why, sizeof why);

    if (err)
        log_error("htable: \"" STR_FMT "\" is no regular expression: %s", STR_ARG(text), why);
    return err;
}

enum err match_make(struct str op, struct str text, struct match *out)
{
    static const struct {
        struct str op;
        enum match_kind kind;
    } rows[] = {
        { STR_INIT("eq"), MATCH_EQUAL },
        { STR_INIT("ne"), MATCH_OTHER },
        { STR_INIT("sw"), MATCH_START },
        { STR_INIT("re"), MATCH_REGEX },
    };

    *out = (struct match){ .text = text };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!str_eq(op, rows[i].op))
            continue;
        out->kind = rows[i].kind;
        return out->kind == MATCH_REGEX ? make_regex(text, out) : ERR_NONE;
    }
    log_error("htable: \"" STR_FMT "\" is no comparison; there are eq, ne, re and sw", STR_ARG(op));
    return ERR_NOT_FOUND;
}

enum err match_read(struct str text, bool in_values, struct match *out)
{
    static const struct {
        struct str sign;
        enum match_kind kind;
    } rows[] = {
        { STR_INIT("**"), MATCH_ALL },
        { STR_INIT("~~"), MATCH_REGEX },
        { STR_INIT("~%"), MATCH_START },
        { STR_INIT("=="), MATCH_EQUAL },
    };

    *out = (struct match){ .kind = MATCH_REGEX, .text = text };
    if (in_values && str_starts(text, STR("eq")) &&
        !str_to_int(str_skip(text, 2), INT32_MIN, INT32_MAX, &out->number)) {
        out->kind = MATCH_NUMBER;
        return ERR_NONE;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!str_starts(text, rows[i].sign))
            continue;
        out->kind = rows[i].kind;
        out->text = str_skip(text, rows[i].sign.len);
        break;
    }
    return out->kind == MATCH_REGEX ? make_regex(out->text, out) : ERR_NONE;
}

void match_free(struct match *match)
{
    regex_destroy(match->regex);
}

static bool fits_text(const struct match *match, struct str text)
{
    switch (match->kind) {
    case MATCH_ALL:
        return true;
    case MATCH_EQUAL:
        return str_eq(text, match->text);
    case MATCH_OTHER:
        return !str_eq(text, match->text);
    case MATCH_START:
        return str_starts(text, match->text);
    case MATCH_REGEX:
        return regex_match(match->regex, text, NULL);
    case MATCH_NUMBER:
        break;
    }
    return false;
}

struct search {
    const struct match *match;
    bool in_values;
    int64_t count;
};

static bool fits(const struct search *search, const struct entry *entry)
{
    const struct match *match = search->match;

    if (!search->in_values)
        return fits_text(match, entry_key(entry));
    if (!entry->is_text)
        return match->kind == MATCH_ALL ||
               (match->kind == MATCH_NUMBER && entry->number == match->number);
    return fits_text(match, entry_text(entry));
}

static enum visit count_it(void *context, const struct entry *entry)
{
    struct search *search = context;

    search->count += fits(search, entry);
    return VISIT_ON;
}

static enum visit stop_at_it(void *context, const struct entry *entry)
{
    struct search *search = context;

    search->count += fits(search, entry);
    return search->count ? VISIT_STOP : VISIT_ON;
}

static enum visit remove_it(void *context, const struct entry *entry)
{
    return fits(context, entry) ? VISIT_REMOVE : VISIT_ON;
}

int64_t match_count(struct sht *table, const struct match *match, bool in_values, msec now)
{
    struct search search = { match, in_values, 0 };

    sht_each(table, now, count_it, &search);
    return search.count;
}

bool match_any(struct sht *table, const struct match *match, bool in_values, msec now)
{
    struct search search = { match, in_values, 0 };

    sht_each(table, now, stop_at_it, &search);
    return search.count;
}

void match_remove(struct sht *table, const struct match *match, bool in_values, msec now)
{
    struct search search = { match, in_values, 0 };

    sht_each(table, now, remove_it, &search);
}

/* ---- removing and finding by match ---- */

static enum verdict remove_by(struct call *call, struct sht *table, const struct match *match,
                              bool in_values)
{
    match_remove(table, match, in_values, run_now(call->run));
    return VERDICT_TRUE;
}

/* "table=>expression" */
static enum verdict rm_re(struct call *call, bool in_values)
{
    struct str text;
    struct sht *table = htable_split(call->module, call_text(call, 0), &text);
    struct match match;
    enum verdict verdict;

    if (!table || match_make(STR("re"), text, &match))
        return VERDICT_FALSE;
    verdict = remove_by(call, table, &match, in_values);
    match_free(&match);
    return verdict;
}

LOCAL(rm_name_re)
{
    return rm_re(call, false);
}

LOCAL(rm_value_re)
{
    return rm_re(call, true);
}

static enum verdict rm_match(struct call *call, bool in_values)
{
    struct sht *table = htable_find(call->module, call_text(call, 0));
    struct match match;
    enum verdict verdict = VERDICT_FALSE;

    if (!table || match_make(call_text(call, 1), call_text(call, 2), &match))
        return VERDICT_FALSE;
    if (match.kind == MATCH_REGEX || match.kind == MATCH_START)
        verdict = remove_by(call, table, &match, in_values);
    match_free(&match);
    return verdict;
}

LOCAL(rm_name)
{
    return rm_match(call, false);
}

LOCAL(rm_value)
{
    return rm_match(call, true);
}

static enum verdict has(struct call *call, bool in_values)
{
    struct sht *table = htable_find(call->module, call_text(call, 0));
    struct match match;
    bool found;

    if (!table || match_make(call_text(call, 1), call_text(call, 2), &match))
        return VERDICT_FALSE;
    found = match_any(table, &match, in_values, run_now(call->run));
    match_free(&match);
    return verdict_if(found);
}

LOCAL(has_name)
{
    return has(call, false);
}

LOCAL(has_value)
{
    return has(call, true);
}

/* ---- one item, one table ---- */

LOCAL(rm)
{
    struct sht *table = htable_find(call->module, call_text(call, 0));

    if (!table)
        return VERDICT_FALSE;
    sht_remove(table, call_text(call, 1), run_now(call->run));
    return VERDICT_TRUE;
}

static enum verdict set_with_expiry(struct call *call, const struct value *value)
{
    struct sht *table = htable_find(call->module, call_text(call, 0));

    if (!table)
        return VERDICT_FALSE;
    return verdict_of(sht_set(table, call_text(call, 1), value, call->args[3].value.number,
                                run_now(call->run)));
}

LOCAL(setxs)
{
    struct value value = value_of_str(call_text(call, 2));

    return set_with_expiry(call, &value);
}

LOCAL(setxi)
{
    struct value value = value_of_int(call->args[2].value.number);

    return set_with_expiry(call, &value);
}

LOCAL(reset)
{
    struct sht *table = htable_find(call->module, call_text(call, 0));

    if (!table)
        return VERDICT_FALSE;
    sht_clear(table);
    return VERDICT_TRUE;
}

LOCAL(lock)
{
    struct str key;
    struct sht *table = htable_split(call->module, call_text(call, 0), &key);

    if (table)
        sht_lock(table, key, run_now(call->run));
    return verdict_if(table);
}

LOCAL(unlock)
{
    struct str key;
    struct sht *table = htable_split(call->module, call_text(call, 0), &key);

    if (table)
        sht_unlock(table, key, run_now(call->run));
    return verdict_if(table);
}

static enum visit print_entry(void *context, const struct entry *entry)
{
    const struct sht *table = context;

    if (entry->is_text)
        log_error("htable: " STR_FMT "=>" STR_FMT " = \"" STR_FMT "\"", STR_ARG(table->name),
                  STR_ARG(entry_key(entry)), STR_ARG(entry_text(entry)));
    else
        log_error("htable: " STR_FMT "=>" STR_FMT " = %d", STR_ARG(table->name),
                  STR_ARG(entry_key(entry)), (int)entry->number);
    return VISIT_ON;
}

LOCAL(print)
{
    struct htable *htable = module_state(call->module);

    for (struct sht *table = htable->first; table; table = table->next)
        sht_each(table, run_now(call->run), print_entry, table);
    return VERDICT_TRUE;
}

/* clang-format off */
#define ROW(name_, function, minimum, doc_, ...) \
    { .name = name_, .run = htable_##function, .takes = { __VA_ARGS__ }, .min_args = minimum, \
      .stages = STAGE_EVERY, .doc = doc_ }

const struct mod_function htable_functions[] = {
    ROW("sht_print", print, 0, "Logs all items of all tables.", ARG_END),
    ROW("sht_rm", rm, 2, "Removes an item: (table, key).", ARG_FMT, ARG_FMT),
    ROW("sht_rm_name_re", rm_name_re, 1, "Removes the items whose name matches: table=>expression.", ARG_FMT),
    ROW("sht_rm_value_re", rm_value_re, 1, "Removes the items whose text matches: table=>expression.", ARG_FMT),
    ROW("sht_rm_name", rm_name, 3, "Removes items by their name: (table, re or sw, text).", ARG_FMT, ARG_FMT, ARG_FMT),
    ROW("sht_rm_value", rm_value, 3, "Removes items by their text: (table, re or sw, text).", ARG_FMT, ARG_FMT, ARG_FMT),
    ROW("sht_match_name", has_name, 3, "An item has such a name: (table, eq ne re or sw, text).", ARG_FMT, ARG_FMT, ARG_FMT),
    ROW("sht_has_name", has_name, 3, "The same as sht_match_name.", ARG_FMT, ARG_FMT, ARG_FMT),
    ROW("sht_match_str_value", has_value, 3, "An item has such a text: (table, eq ne re or sw, text).", ARG_FMT, ARG_FMT, ARG_FMT),
    ROW("sht_has_str_value", has_value, 3, "The same as sht_match_str_value.", ARG_FMT, ARG_FMT, ARG_FMT),
    ROW("sht_lock", lock, 1, "Keeps other workers away from table=>key, for a moment.", ARG_FMT),
    ROW("sht_unlock", unlock, 1, "Lets them.", ARG_FMT),
    ROW("sht_reset", reset, 1, "Empties a table.", ARG_FMT),
    ROW("sht_setxs", setxs, 4, "Sets a text and its seconds to live: (table, key, text, seconds).",
        ARG_FMT, ARG_FMT, ARG_FMT, ARG_INT),
    ROW("sht_setxi", setxi, 4, "Sets a number and its seconds to live: (table, key, number, seconds).",
        ARG_FMT, ARG_FMT, ARG_INT, ARG_INT),
    ROW("sht_iterator_start", iterator_start, 2, "Begins a walk: (iterator, table).", ARG_FMT, ARG_FMT),
    ROW("sht_iterator_next", iterator_next, 1, "Goes to the next item; false when there is none.", ARG_FMT),
    ROW("sht_iterator_end", iterator_end, 1, "Ends a walk.", ARG_FMT),
    ROW("sht_iterator_rm", iterator_rm, 1, "Removes the item and goes to the next: -2 when there is none.", ARG_FMT),
    ROW("sht_iterator_sets", iterator_sets, 2, "Sets the item to a text.", ARG_FMT, ARG_FMT),
    ROW("sht_iterator_seti", iterator_seti, 2, "Sets the item to a number.", ARG_FMT, ARG_INT),
    ROW("sht_iterator_setex", iterator_setex, 2, "Sets the item's seconds to live.", ARG_FMT, ARG_INT),
    { 0 },
};
/* clang-format on */
