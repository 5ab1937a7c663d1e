/* SPDX-License-Identifier: Apache-2.0 */
#include "sip/grammar.h"

#define FOUR(F, c) F((c)), F((c) + 1), F((c) + 2), F((c) + 3)
#define SIXTEEN(F, c) FOUR(F, (c)), FOUR(F, (c) + 4), FOUR(F, (c) + 8), FOUR(F, (c) + 12)
#define SIXTY_FOUR(F, c)                                                                           \
    SIXTEEN(F, (c)), SIXTEEN(F, (c) + 16), SIXTEEN(F, (c) + 32), SIXTEEN(F, (c) + 48)
#define EVERY_BYTE(F)                                                                              \
    {                                                                                              \
        SIXTY_FOUR(F, 0), SIXTY_FOUR(F, 64), SIXTY_FOUR(F, 128), SIXTY_FOUR(F, 192)                \
    }

#define IS_URI(c) ((c) > ' ' && (c) != 0x7f && (c) != '"' && (c) != '<' && (c) != '>')
#define IS_VALUE(c) (IS_URI(c) && (c) != ';' && (c) != ',')
#define IS_NAME(c) (IS_VALUE(c) && (c) != '=' && (c) != '?' && (c) != '@')

const bool class_uri[256] = EVERY_BYTE(IS_URI);
const bool class_param_name[256] = EVERY_BYTE(IS_NAME);
const bool class_param_value[256] = EVERY_BYTE(IS_VALUE);

/* gen-value = token / host / quoted-string */
static struct str take_gen_value(struct cursor *c)
{
    if (cursor_peek(c) == '"')
        return cursor_take_quoted(c);
    return cursor_take_any(c, class_param_value);
}

void sip_take_param(struct cursor *c, struct sip_param *out)
{
    out->name = cursor_take(c, class_param_name);
    out->has_value = cursor_skip_sep(c, '=');
    out->value = out->has_value ? take_gen_value(c) : (struct str){ 0 };
}

void sip_take_once(struct cursor *c, bool *seen)
{
    if (*seen)
        cursor_fail(c);
    *seen = true;
}

bool sip_param_next(struct str *rest, struct sip_param *out)
{
    struct cursor c = cursor_over(*rest);
    struct sip_param param;

    cursor_skip_lws(&c);
    while (cursor_skip_sep(&c, ';'))
        continue;
    sip_take_param(&c, &param);
    cursor_skip_lws(&c);
    if (c.fault || (!cursor_at_end(&c) && cursor_peek(&c) != ';'))
        return false;
    *rest = cursor_rest(&c);
    *out = param;
    return true;
}

bool sip_param_find(struct str params, struct str name, struct sip_param *out)
{
    struct sip_param param;

    while (sip_param_next(&params, &param)) {
        if (str_ieq(param.name, name)) {
            *out = param;
            return true;
        }
    }
    return false;
}

struct str sip_param_value(struct str params, struct str name)
{
    struct sip_param param = { 0 };

    return sip_param_find(params, name, &param) ? param.value : (struct str){ 0 };
}

struct str sip_unquote(struct str text)
{
    if (text.len < 2 || text.ptr[0] != '"' || text.ptr[text.len - 1] != '"')
        return text;
    return (struct str){ text.ptr + 1, text.len - 2 };
}

int sip_q_parse(struct str text)
{
    struct str whole = text, fraction = { 0 };
    int q, unit = 100;

    str_split(text, '.', &whole, &fraction);
    if (!str_eq(whole, STR("0")) && !str_eq(whole, STR("1")) && (whole.len || !fraction.len))
        return -1;
    q = str_eq(whole, STR("1")) ? 1000 : 0;
    for (size_t i = 0; i < fraction.len; i++, unit /= 10) {
        if (!class_digit[(unsigned char)fraction.ptr[i]])
            return -1;
        q += (fraction.ptr[i] - '0') * unit;
    }
    return q > 1000 ? -1 : q;
}
