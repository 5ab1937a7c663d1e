/* SPDX-License-Identifier: Apache-2.0 */
#include "script/dialect.h"

static const struct dialect openser = {
    .id = DIALECT_OPENSER,
    .name = "OpenSER",
    .has_missing_routes = true,
    .rc_follows_all = true,
};

static const struct dialect kamailio = {
    .id = DIALECT_KAMAILIO,
    .name = "Kamailio",
    .has_preprocessor = true,
    .has_slash_comments = true,
    .joins_texts = true,
    .has_binary_numbers = true,
    .has_rich_expressions = true,
    .appends_main_routes = true,
    .falls_into_default = true,
    .refuses_twin_labels = true,
    .plain_avps = true,
};

const struct dialect *dialect_of(enum script_dialect id)
{
    return id == DIALECT_KAMAILIO ? &kamailio : &openser;
}

/* ---- the directive ---- */

/* What a line "#!NAME" decides; is_strict: an unknown variable is an error. */
static const struct {
    struct str line;
    enum script_dialect dialect;
    bool is_strict;
} directives[] = {
    { STR_INIT("#!culvert dialect=openser"), DIALECT_OPENSER, true },
    { STR_INIT("#!culvert dialect=kamailio"), DIALECT_KAMAILIO, true },
    { STR_INIT("#!culvert"), DIALECT_KAMAILIO, true },
    { STR_INIT("#!KAMAILIO"), DIALECT_KAMAILIO, true },
    { STR_INIT("#!OPENSER"), DIALECT_OPENSER, true },
    { STR_INIT("#!SER"), DIALECT_KAMAILIO, false },
    { STR_INIT("#!ALL"), DIALECT_KAMAILIO, false },
    { STR_INIT("#!MAXCOMPAT"), DIALECT_KAMAILIO, false },
};

enum {
    DIRECTIVES = sizeof directives / sizeof *directives,
};

static int find_directive_line(struct str line)
{
    for (int i = 0; i < DIRECTIVES; i++)
        if (str_eq(str_trim(line), directives[i].line))
            return i;
    return -1;
}

/* The row of the first line that is a directive, or -1. */
static int find_directive(const struct source *source)
{
    struct str rest = source->text, line;
    int row;

    while (str_split(rest, '\n', &line, &rest))
        if ((row = find_directive_line(line)) >= 0)
            return row;
    return find_directive_line(rest);
}

/* ---- evidence, when there is no directive ---- */

struct evidence {
    struct str rest;
    unsigned openser, kamailio;
    unsigned plain_avps; /* $avp(name): Kamailio unless there are aliases */
    bool has_aliases;
};

static const struct {
    struct str word;
    enum script_dialect dialect;
} telling_words[] = {
    { STR_INIT("request_route"), DIALECT_KAMAILIO },
    { STR_INIT("reply_route"), DIALECT_KAMAILIO },
    { STR_INIT("event_route"), DIALECT_KAMAILIO },
    { STR_INIT("onsend_route"), DIALECT_KAMAILIO },
    { STR_INIT("include_file"), DIALECT_KAMAILIO },
    { STR_INIT("import_file"), DIALECT_KAMAILIO },
    { STR_INIT("loadmodulex"), DIALECT_KAMAILIO },
    { STR_INIT("modparamx"), DIALECT_KAMAILIO },
    { STR_INIT("loadpath"), DIALECT_KAMAILIO },
    { STR_INIT("defined"), DIALECT_KAMAILIO },
    { STR_INIT("strempty"), DIALECT_KAMAILIO },
    { STR_INIT("error_route"), DIALECT_OPENSER },
    { STR_INIT("dst_blacklist"), DIALECT_OPENSER },
    { STR_INIT("disable_dns_failover"), DIALECT_OPENSER },
    { STR_INIT("disable_dns_blacklist"), DIALECT_OPENSER },
    { STR_INIT("tls_server_domain"), DIALECT_OPENSER },
    { STR_INIT("tls_client_domain"), DIALECT_OPENSER },
    { STR_INIT("esac"), DIALECT_OPENSER },
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char first(struct str s)
{
    return s.len ? s.ptr[0] : '\0';
}

static struct str skip_blanks(struct str s)
{
    while (first(s) == ' ' || first(s) == '\t')
        s = str_skip(s, 1);
    return s;
}

static void skip_past(struct evidence *e, char c)
{
    const char *at = str_find_char(e->rest, c);

    e->rest = at ? str_skip(e->rest, (size_t)(at - e->rest.ptr) + 1) : (struct str){ 0 };
}

static void skip_block_comment(struct evidence *e)
{
    const char *at = str_find(e->rest, STR("*/"));

    e->rest = at ? str_skip(e->rest, (size_t)(at - e->rest.ptr) + 2) : (struct str){ 0 };
}

static void skip_text(struct evidence *e)
{
    char quote = first(e->rest);

    e->rest = str_skip(e->rest, 1);
    while (e->rest.len && first(e->rest) != quote)
        e->rest = str_skip(e->rest, quote == '"' && first(e->rest) == '\\' ? 2 : 1);
    e->rest = str_skip(e->rest, 1);
}

/* "#!define" and the like mean Kamailio; anything else after '#' is a comment. */
static void weigh_comment(struct evidence *e)
{
    if (e->rest.len > 2 && e->rest.ptr[1] == '!' && is_letter(e->rest.ptr[2]))
        e->kamailio++;
    skip_past(e, '\n');
}

/* route[NAME] and route(NAME) with a name that is no number. */
static void weigh_route(struct evidence *e)
{
    struct str rest = skip_blanks(e->rest);

    if (first(rest) != '[' && first(rest) != '(')
        return;
    if (is_letter(first(skip_blanks(str_skip(rest, 1)))))
        e->kamailio++;
}

static void weigh_word(struct evidence *e)
{
    struct str word = e->rest;
    size_t len = 0;

    while (len < word.len && (is_letter(word.ptr[len]) || is_digit(word.ptr[len])))
        len++;
    word.len = len;
    e->rest = str_skip(e->rest, len);
    if (str_eq(word, STR("avp_aliases")))
        e->has_aliases = true;
    if (word.len >= 5 && str_eq((struct str){ word.ptr + word.len - 5, 5 }, STR("route")))
        weigh_route(e);
    for (size_t i = 0; i < sizeof telling_words / sizeof *telling_words; i++) {
        if (!str_eq(word, telling_words[i].word))
            continue;
        if (telling_words[i].dialect == DIALECT_KAMAILIO)
            e->kamailio++;
        else
            e->openser++;
    }
}

static void weigh_variable(struct evidence *e)
{
    struct str name;

    if (str_starts(e->rest, STR("$(")))
        e->rest = str_skip(e->rest, 1);
    e->rest = str_skip(e->rest, 1);
    if (str_starts(e->rest, STR("xavp(")) || str_starts(e->rest, STR("sht(")))
        e->kamailio++;
    if (!str_starts(e->rest, STR("avp(")))
        return;
    name = str_skip(e->rest, 4);
    if (name.len > 1 && name.ptr[1] == ':' && (name.ptr[0] == 's' || name.ptr[0] == 'i'))
        e->openser++;
    else if (is_letter(first(name)))
        e->plain_avps++;
}

static void weigh_next(struct evidence *e)
{
    if (first(e->rest) == '#') {
        weigh_comment(e);
    } else if (str_starts(e->rest, STR("/*"))) {
        skip_block_comment(e);
    } else if (first(e->rest) == '"' || first(e->rest) == '\'') {
        skip_text(e);
    } else if (str_starts(e->rest, STR("//"))) {
        e->kamailio++;
        skip_past(e, '\n');
    } else if (first(e->rest) == '$') {
        weigh_variable(e);
    } else if (is_letter(first(e->rest))) {
        weigh_word(e);
    } else {
        e->openser += str_starts(e->rest, STR(":="));
        e->kamailio += str_starts(e->rest, STR("(int)")) || str_starts(e->rest, STR("(str)"));
        e->rest = str_skip(e->rest, 1);
    }
}

enum script_dialect dialect_detect(const struct source *source)
{
    struct evidence e = { .rest = source->text };
    int row = find_directive(source);

    if (row >= 0)
        return directives[row].dialect;
    while (e.rest.len)
        weigh_next(&e);
    if (!e.has_aliases)
        e.kamailio += e.plain_avps;
    return e.kamailio > e.openser ? DIALECT_KAMAILIO : DIALECT_OPENSER;
}

bool dialect_has_loose_names(const struct source *source)
{
    int row = find_directive(source);

    return row < 0 || !directives[row].is_strict;
}
