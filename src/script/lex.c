/* SPDX-License-Identifier: Apache-2.0 */
#include "script/lex.h"

#include "script/report.h"
#include "script/select.h"

enum {
    INPUTS_MAX = 64, /* names within names, files within files */
    FILES_MAX = 10,
    EXPANSIONS_MAX = 100000, /* of names, in the whole script */
};

static const struct {
    struct str text;
    enum symbol symbol;
} symbols[] = {
#define S(id, text) { STR_INIT(text), SYM_##id },
    SYMBOL_TABLE(S)
#undef S
};

static const struct {
    struct str text;
    enum symbol symbol;
    bool is_kamailio;
} word_symbols[] = {
#define W(id, text, kamailio) { STR_INIT(text), SYM_##id, kamailio },
    WORD_SYMBOL_TABLE(W)
#undef W
};

/* Words that are numbers. */
static const struct {
    struct str text;
    int64_t number;
} number_words[] = {
    { STR_INIT("yes"), 1 },    { STR_INIT("true"), 1 },    { STR_INIT("on"), 1 },
    { STR_INIT("enable"), 1 }, { STR_INIT("no"), 0 },      { STR_INIT("false"), 0 },
    { STR_INIT("off"), 0 },    { STR_INIT("disable"), 0 },
};

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

const char *symbol_text(enum symbol symbol)
{
    for (size_t i = 0; i < COUNT_OF(symbols); i++)
        if (symbols[i].symbol == symbol)
            return symbols[i].text.ptr;
    for (size_t i = 0; i < COUNT_OF(word_symbols); i++)
        if (word_symbols[i].symbol == symbol)
            return word_symbols[i].text.ptr;
    return "";
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_name_char(char c)
{
    return is_name_start(c) || is_digit(c);
}

/* ---- inputs ---- */

static void push_input(struct lexer *l, struct input *input)
{
    input->up = l->input;
    l->input = input;
    l->input_depth++;
}

void lexer_push_source(struct lexer *l, struct source *source)
{
    struct input *input;

    if (l->file_depth >= FILES_MAX) {
        report_error(l->unit, lexer_span(l, l->input->at, l->input->at),
                     "files are included more than %d deep", FILES_MAX);
        return;
    }
    input = unit_alloc(l->unit, &l->unit->scratch, sizeof *input);
    if (!input)
        return;
    source->number = l->unit->source_count++;
    input->source = source;
    input->text = source->text;
    l->file_depth++;
    push_input(l, input);
}

void lexer_push_define(struct lexer *l, struct define *define, struct span use)
{
    struct input *input;

    if (l->input_depth >= INPUTS_MAX || l->expansion_count >= EXPANSIONS_MAX) {
        if (l->expansion_count++ <= EXPANSIONS_MAX)
            report_error(l->unit, use, "names stand for names too deep or too often");
        l->expansion_count = EXPANSIONS_MAX + 1;
        return;
    }
    input = unit_alloc(l->unit, &l->unit->scratch, sizeof *input);
    if (!input)
        return;
    l->expansion_count++;
    input->use = use;
    input->define = define;
    input->text = define->value;
    define->is_expanding = true;
    push_input(l, input);
}

static void pop_input(struct lexer *l)
{
    struct input *input = l->input;

    if (input->define)
        input->define->is_expanding = false;
    else
        l->file_depth--;
    l->input = input->up;
    l->input_depth--;
}

static void push_command_line(struct lexer *l, struct str lines)
{
    struct source *source;

    if (str_is_empty(lines))
        return;
    if (source_of_text(&l->unit->scratch, STR("command line"), lines, &source))
        report_no_memory(l->unit);
    else
        lexer_push_source(l, source);
}

/* What is pushed last is read first. */
void lexer_init(struct lexer *l, struct unit *unit, struct source *source)
{
    *l = (struct lexer){ .unit = unit };
    if (unit->dialect->has_preprocessor)
        preprocess_start(unit);
    push_command_line(l, unit->host->after);
    lexer_push_source(l, source);
    push_command_line(l, unit->host->before);
}

char lexer_peek(const struct lexer *l, size_t distance)
{
    const struct input *input = l->input;

    return input->at + distance < input->text.len ? input->text.ptr[input->at + distance] : '\0';
}

static bool is_at_end(const struct lexer *l)
{
    return l->input->at >= l->input->text.len;
}

static struct str rest_of(const struct lexer *l)
{
    return str_skip(l->input->text, l->input->at);
}

struct span lexer_span(const struct lexer *l, size_t start, size_t end)
{
    if (!l->input->source)
        return l->input->use;
    return (struct span){ l->input->source, (uint32_t)start, (uint32_t)end };
}

/* ---- what stands between tokens ---- */

static void skip_line(struct lexer *l)
{
    while (!is_at_end(l) && lexer_peek(l, 0) != '\n')
        l->input->at++;
}

/* Block comments nest. */
static void skip_block_comment(struct lexer *l)
{
    size_t start = l->input->at;
    unsigned depth = 0;

    do {
        if (is_at_end(l)) {
            report_error(l->unit, lexer_span(l, start, start + 2), "this comment does not end");
            l->is_cut = true;
            return;
        }
        if (str_starts(rest_of(l), STR("/*"))) {
            depth++;
            l->input->at++;
        } else if (str_starts(rest_of(l), STR("*/"))) {
            depth--;
            l->input->at++;
        }
        l->input->at++;
    } while (depth);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\b' || c == '\n';
}

static bool skip_directive(struct lexer *l)
{
    struct str rest = rest_of(l);

    if (!l->unit->dialect->has_preprocessor || rest.len < 3 || rest.ptr[1] != '!')
        return false;
    return (rest.ptr[0] == '#' || rest.ptr[0] == '!') && preprocess_directive(l);
}

/* Skips one blank, comment or directive; false when a token is next. */
static bool skip_one(struct lexer *l)
{
    const struct dialect *dialect = l->unit->dialect;
    char c = lexer_peek(l, 0);

    if (is_blank(c) && !is_at_end(l)) {
        l->starts_line |= c == '\n';
        l->input->at++;
    } else if (skip_directive(l)) {
        l->starts_line = true;
    } else if (c == '#' || (dialect->has_slash_comments && str_starts(rest_of(l), STR("//")))) {
        skip_line(l);
    } else if (str_starts(rest_of(l), STR("/*"))) {
        skip_block_comment(l);
    } else if (c == '\\' && (lexer_peek(l, 1) == '\n' || lexer_peek(l, 1) == '\r')) {
        l->input->at += 2;
    } else {
        return false;
    }
    l->is_glued = false;
    return true;
}

/* False at the end of everything. */
static bool skip_to_token(struct lexer *l)
{
    l->is_glued = true;
    l->starts_line = false;
    while (l->input) {
        while (skip_one(l))
            ;
        if (!is_at_end(l))
            return true;
        if (l->input->source)
            l->is_glued = false;
        if (!l->input->up)
            return false;
        pop_input(l);
    }
    return false;
}

/* ---- strings ---- */

static int digit_value(char c)
{
    if (is_digit(c))
        return c - '0';
    c = char_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/* Reads up to `most` digits of a base; returns how many there are. */
static size_t read_digits(struct str s, int base, size_t most, unsigned *out)
{
    size_t count = 0;

    *out = 0;
    while (count < most && count < s.len && digit_value(s.ptr[count]) < base)
        *out = *out * (unsigned)base + (unsigned)digit_value(s.ptr[count++]);
    return count;
}

/*
 * escape = "\" ( "n" | "r" | "a" | "t" | DQUOTE | "\" | "x" 1*2HEX | 2*3OCTAL | newline )
 * Any other backslash stands for itself: returns 0. Else the bytes taken; *c < 0: nothing written.
 */
static size_t read_escape(struct str s, int *c)
{
    static const char letters[] = "nrat\"\\", meanings[] = "\n\r\a\t\"\\";
    const char *letter = s.len > 1 ? strchr(letters, s.ptr[1]) : NULL;
    unsigned number = 0;
    size_t count;

    if (s.len < 2 || s.ptr[1] == '\0')
        return 0;
    if (letter) {
        *c = meanings[letter - letters];
        return 2;
    }
    *c = -1;
    if (s.ptr[1] == '\n')
        return 2;
    count = s.ptr[1] == 'x' ? read_digits(str_skip(s, 2), 16, 2, &number)
                            : read_digits(str_skip(s, 1), 8, 3, &number);
    if (count == 0 || (s.ptr[1] != 'x' && count < 2))
        return 0;
    *c = (unsigned char)number;
    return count + (s.ptr[1] == 'x' ? 2 : 1);
}

/* The length of the string that starts here, with its quotes; 0: it does not end. */
static size_t measure_text(struct str s)
{
    char quote = s.ptr[0];

    for (size_t i = 1; i < s.len; i++) {
        if (s.ptr[i] == quote)
            return i + 1;
        if (quote == '"' && s.ptr[i] == '\\')
            i++;
    }
    return 0;
}

static size_t resolve_escapes(struct str s, char *out)
{
    size_t len = 0;

    while (s.len) {
        int c = 0;
        size_t taken = s.ptr[0] == '\\' ? read_escape(s, &c) : 0;

        if (!taken)
            out[len++] = s.ptr[0];
        else if (c >= 0)
            out[len++] = (char)c;
        s = str_skip(s, taken ? taken : 1);
    }
    return len;
}

bool lexer_take_text(struct lexer *l, struct str *out)
{
    struct str rest = rest_of(l);
    size_t start = l->input->at, len;
    char *bytes;

    if (rest.len == 0 || (rest.ptr[0] != '"' && rest.ptr[0] != '\''))
        return false;
    len = measure_text(rest);
    if (!len) {
        report_error(l->unit, lexer_span(l, start, start + 1), "this string does not end");
        l->is_cut = true;
        l->input->at = l->input->text.len;
        return false;
    }
    l->input->at += len;
    *out = (struct str){ rest.ptr + 1, len - 2 };
    if (rest.ptr[0] == '\'')
        return true;
    bytes = unit_alloc(l->unit, &l->unit->scratch, len);
    if (!bytes)
        return false;
    *out = (struct str){ bytes, resolve_escapes(*out, bytes) };
    return true;
}

/* "a" "b": is there another one, behind blanks alone? */
static bool find_next_text(struct lexer *l)
{
    size_t at = l->input->at;

    while (at < l->input->text.len && is_blank(l->input->text.ptr[at]))
        at++;
    if (at >= l->input->text.len || l->input->text.ptr[at] != '"')
        return false;
    l->input->at = at;
    return true;
}

static void join_texts(struct lexer *l, struct str *text)
{
    struct str more, joined;

    while (find_next_text(l) && lexer_take_text(l, &more)) {
        if (str_print(&l->unit->scratch, &joined, STR_FMT STR_FMT, STR_ARG(*text), STR_ARG(more))) {
            report_no_memory(l->unit);
            return;
        }
        *text = joined;
    }
}

static void lex_text(struct lexer *l, struct token *token)
{
    bool is_double = lexer_peek(l, 0) == '"';

    token->kind = TOKEN_TEXT;
    if (!lexer_take_text(l, &token->text))
        return;
    if (is_double && l->unit->dialect->joins_texts)
        join_texts(l, &token->text);
    token->text = preprocess_text(l->unit, token->text);
}

/* ---- numbers, names, variables, symbols ---- */

/* number = "0x" 1*HEX | "0" 1*OCTAL | 1*DIGIT | 1*("0" | "1") "b" */
static bool read_number(const struct lexer *l, struct str s, int64_t *out)
{
    int base = 10;

    if (s.len > 2 && s.ptr[0] == '0' && s.ptr[1] == 'x') {
        base = 16;
        s = str_skip(s, 2);
    } else if (l->unit->dialect->has_binary_numbers && s.len > 1 && s.ptr[s.len - 1] == 'b') {
        base = 2;
        s.len--;
    } else if (s.len > 1 && s.ptr[0] == '0') {
        base = 8;
    }
    *out = 0;
    for (size_t i = 0; i < s.len; i++) {
        int digit = digit_value(s.ptr[i]);

        if (digit >= base || *out > (INT64_MAX - digit) / base)
            return false;
        *out = *out * base + digit;
    }
    return true;
}

static struct str take_name_chars(struct lexer *l)
{
    struct str rest = rest_of(l);
    size_t len = 0;

    while (len < rest.len && is_name_char(rest.ptr[len]))
        len++;
    l->input->at += len;
    return (struct str){ rest.ptr, len };
}

static void lex_number(struct lexer *l, struct token *token)
{
    token->text = take_name_chars(l);
    token->kind = read_number(l, token->text, &token->number) ? TOKEN_NUMBER : TOKEN_WORD;
}

static bool find_number_word(struct str text, int64_t *out)
{
    for (size_t i = 0; i < COUNT_OF(number_words); i++) {
        if (!str_eq(number_words[i].text, text))
            continue;
        *out = number_words[i].number;
        return true;
    }
    return false;
}

static enum symbol find_word_symbol(const struct lexer *l, struct str text)
{
    for (size_t i = 0; i < COUNT_OF(word_symbols); i++)
        if (str_eq(word_symbols[i].text, text) &&
            (!word_symbols[i].is_kamailio || l->unit->dialect->has_rich_expressions))
            return word_symbols[i].symbol;
    return SYM_NONE;
}

static void lex_name(struct lexer *l, struct token *token)
{
    token->text = take_name_chars(l);
    token->kind = TOKEN_NAME;
    token->symbol = (uint8_t)find_word_symbol(l, token->text);
    if (token->symbol)
        token->kind = TOKEN_SYMBOL;
    else if (find_number_word(token->text, &token->number))
        token->kind = TOKEN_NUMBER;
}

/* Where the parenthesis that opens at `at` closes; 0: it does not. */
static size_t match_paren(struct str text, size_t at)
{
    unsigned depth = 0;

    for (; at < text.len && text.ptr[at] != '\n'; at++) {
        if (text.ptr[at] == '(')
            depth++;
        if (text.ptr[at] == ')' && --depth == 0)
            return at + 1;
    }
    return 0;
}

/* variable = "$" ( "?" | "$" | name ) [ "(" … ")" ] | "$(" … ")" */
static void lex_variable(struct lexer *l, struct token *token)
{
    struct str text = l->input->text;
    size_t start = l->input->at, at = start + 1;

    token->kind = TOKEN_VARIABLE;
    if (at < text.len && (text.ptr[at] == '?' || text.ptr[at] == '$'))
        at++;
    else
        while (at < text.len && (is_name_char(text.ptr[at]) || text.ptr[at] == '.'))
            at++;
    if (at < text.len && text.ptr[at] == '(') {
        at = match_paren(text, at);
        if (!at) {
            report_error(l->unit, lexer_span(l, start, start + 1),
                         "the parenthesis of this variable is not closed on its line");
            at = start + 1;
        }
    }
    l->input->at = at;
    token->text = preprocess_text(l->unit, (struct str){ text.ptr + start, l->input->at - start });
}

static void lex_symbol(struct lexer *l, struct token *token)
{
    struct str rest = rest_of(l);

    token->kind = TOKEN_SYMBOL;
    for (size_t i = 0; i < COUNT_OF(symbols); i++) {
        if (!str_starts(rest, symbols[i].text))
            continue;
        token->symbol = (uint8_t)symbols[i].symbol;
        token->text = symbols[i].text;
        l->input->at += symbols[i].text.len;
        return;
    }
    l->input->at++;
    token->text = (struct str){ rest.ptr, 1 };
    report_error(l->unit, token->span, "the character 0x%02x means nothing here",
                 (unsigned char)rest.ptr[0]);
}

/* "@ruri.user": a variable in other words. */
static bool lex_select(struct lexer *l, struct token *token)
{
    size_t at = l->input->at, len;
    bool is_within_word = at > 0 && is_name_char(l->input->text.ptr[at - 1]);

    if (!l->unit->dialect->has_rich_expressions || is_within_word)
        return false;
    len = select_translate(l->unit, rest_of(l), &token->text);
    if (!len)
        return false;
    token->kind = TOKEN_VARIABLE;
    l->input->at += len;
    return true;
}

static void lex_token(struct lexer *l, struct token *token)
{
    char c = lexer_peek(l, 0);

    if (c == '"' || c == '\'')
        lex_text(l, token);
    else if (is_digit(c))
        lex_number(l, token);
    else if (is_name_start(c))
        lex_name(l, token);
    else if (c == '$')
        lex_variable(l, token);
    else if (c != '@' || !lex_select(l, token))
        lex_symbol(l, token);
}

/* Names that the preprocessor takes for itself; true when it did. */
static bool is_preprocessed(struct lexer *l, const struct token *token)
{
    struct define *define;

    if (!l->unit->dialect->has_preprocessor || token->kind != TOKEN_NAME)
        return false;
    if (str_eq(token->text, STR("include_file")) || str_eq(token->text, STR("import_file"))) {
        preprocess_include(l, token->text.ptr[1] == 'm');
        return true;
    }
    for (define = l->unit->defines; define; define = define->next)
        if (!define->is_expanding && str_eq(define->name, token->text))
            break;
    if (!define)
        return false;
    lexer_push_define(l, define, token->span);
    return true;
}

struct token lexer_next(struct lexer *l)
{
    bool is_glued = true, starts_line = false;
    struct token token;

    do {
        size_t start;

        if (!l->input || !skip_to_token(l)) {
            if (l->input)
                preprocess_finish(l);
            return (struct token){ .kind = TOKEN_END,
                                   .span = l->input ? lexer_span(l, l->input->at, l->input->at)
                                                    : (struct span){ 0 } };
        }
        is_glued &= l->is_glued;
        starts_line |= l->starts_line;
        start = l->input->at;
        token = (struct token){ .span = lexer_span(l, start, start + 1) };
        lex_token(l, &token);
        token.span = lexer_span(l, start, l->input->at);
    } while (is_preprocessed(l, &token));
    token.is_glued = is_glued;
    token.starts_line = starts_line;
    return token;
}
