/* SPDX-License-Identifier: Apache-2.0 */
#include "host/blacklist.h"

enum {
    FIELDS = 4, /* proto, net, port, pattern */
};

/* ---- rules ---- */

static bool is_any(struct str text)
{
    return str_is_empty(text) || str_ieq(text, STR("any"));
}

static enum err read_transport(struct blacklist_rule *rule, struct str text)
{
    rule->has_transport = !is_any(text);
    return rule->has_transport ? transport_find(text, &rule->transport) : ERR_NONE;
}

static enum err read_net(struct blacklist_rule *rule, struct str text)
{
    rule->has_net = !is_any(text);
    return rule->has_net ? addr_net_parse(text, &rule->net) : ERR_NONE;
}

static enum err read_port(struct blacklist_rule *rule, struct str text)
{
    uint64_t port = 0;
    enum err err = is_any(text) ? ERR_NONE : str_to_uint(text, 0, UINT16_MAX, &port);

    rule->port = (uint16_t)port;
    return err;
}

/* A field ends at a comma; the last one may be quoted, and then anything is in it. */
static void take_fields(struct str inner, struct str fields[static FIELDS])
{
    for (unsigned i = 0; i < FIELDS - 1; i++) {
        struct str rest = STR("");
        if (!str_split(inner, ',', &fields[i], &rest))
            fields[i] = inner;
        fields[i] = str_trim(fields[i]);
        inner = rest;
    }
    inner = str_trim(inner);
    if (inner.len >= 2 && inner.ptr[0] == '"' && inner.ptr[inner.len - 1] == '"')
        inner = (struct str){ inner.ptr + 1, inner.len - 2 };
    fields[FIELDS - 1] = inner;
}

static enum err read_rule(struct arena *arena, struct str text, struct blacklist_rule *rule)
{
    struct str inner = text, fields[FIELDS];
    enum err err;

    rule->lets_pass = inner.len && inner.ptr[0] == '!';
    inner = str_trim(str_skip(inner, rule->lets_pass));
    if (inner.len < 2 || inner.ptr[0] != '(' || inner.ptr[inner.len - 1] != ')')
        return ERR_SYNTAX;
    take_fields((struct str){ inner.ptr + 1, inner.len - 2 }, fields);
    if (str_starts(fields[3], STR("\""))) /* a quote that does not end */
        return ERR_SYNTAX;
    if (read_transport(rule, fields[0]) || read_net(rule, fields[1]) || read_port(rule, fields[2]))
        return ERR_SYNTAX;
    err = str_copy(arena, fields[3], &rule->pattern);
    return err ? err : str_copy(arena, text, &rule->text);
}

/* Up to the bracket that ends it, outside of quotes; false at the end. */
static bool take_rule(struct str *rest, struct str *out)
{
    struct str text = str_trim(*rest);
    bool is_quoted = false;
    size_t i = 0;

    while (text.len && text.ptr[0] == ',')
        text = str_trim(str_skip(text, 1));
    while (i < text.len && (is_quoted || text.ptr[i] != ')'))
        is_quoted ^= text.ptr[i++] == '"';
    *out = (struct str){ text.ptr, i < text.len ? i + 1 : i };
    *rest = str_skip(text, out->len);
    return out->len > 0;
}

/* ---- lists ---- */

static struct str without_braces(struct str text)
{
    text = str_trim(text);
    return text.len >= 2 && text.ptr[0] == '{' ? (struct str){ text.ptr + 1, text.len - 2 } : text;
}

static struct blacklist *find(struct blacklists *lists, struct str name)
{
    for (unsigned i = 0; i < lists->count; i++)
        if (str_ieq(lists->lists[i].name, name))
            return &lists->lists[i];
    return NULL;
}

static enum err open_list(struct blacklists *lists, struct arena *arena, struct str name,
                          struct blacklist **out)
{
    enum err err;

    if ((*out = find(lists, name)))
        return ERR_NONE;
    if (lists->count == BLACKLISTS_MAX)
        return ERR_LIMIT;
    *out = &lists->lists[lists->count];
    if ((err = str_copy(arena, name, &(*out)->name)))
        return err;
    lists->count++;
    return ERR_NONE;
}

enum err blacklists_add(struct blacklists *lists, struct arena *arena, struct str name, struct str rules,
                        struct str *fault)
{
    struct blacklist *list;
    struct blacklist_rule **link;
    enum err err = open_list(lists, arena, name, &list);

    if (err)
        return err;
    for (link = &list->rules; *link;)
        link = &(*link)->next;
    for (rules = without_braces(rules); !err && take_rule(&rules, fault); link = &(*link)->next) {
        if (!(*link = arena_zalloc(arena, sizeof **link)))
            return ERR_NOMEM;
        err = read_rule(arena, *fault, *link);
    }
    return err;
}

uint32_t blacklists_find(const struct blacklists *lists, struct str name)
{
    for (unsigned i = 0; i < lists->count; i++)
        if (str_ieq(lists->lists[i].name, name))
            return (uint32_t)1 << i;
    return 0;
}

/* ---- asking ---- */

/* '*' is any text and '?' any byte. Only the last '*' is ever taken back: no pattern is slow. */
static bool is_like(struct str pattern, struct str text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, taken = 0;

    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            taken = t;
        } else if (p < pattern.len && (pattern.ptr[p] == '?' || pattern.ptr[p] == text.ptr[t])) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++taken;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}

static bool fits(const struct blacklist_rule *rule, const struct flow *flow, struct str message)
{
    return (!rule->has_transport || rule->transport == flow->transport) &&
           (!rule->has_net || (rule->net.addr.family == flow->peer.family &&
                               addr_in_net(&flow->peer, &rule->net.addr, rule->net.bits))) &&
           (rule->port == 0 || rule->port == flow->peer.port) &&
           (str_is_empty(rule->pattern) || is_like(rule->pattern, message));
}

static bool refuses(const struct blacklist *list, const struct flow *flow, struct str message)
{
    const struct blacklist_rule *rule = list->rules;

    while (rule && !fits(rule, flow, message))
        rule = rule->next;
    return rule && !rule->lets_pass;
}

bool blacklists_refuse(const struct blacklists *lists, uint32_t used, const struct flow *flow,
                       struct str message)
{
    for (unsigned i = 0; i < lists->count; i++)
        if ((used >> i & 1) && refuses(&lists->lists[i], flow, message))
            return true;
    return false;
}
