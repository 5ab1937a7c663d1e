/* SPDX-License-Identifier: Apache-2.0 */
#include "store/row_codec.h"

#include <culvert/ledger.h>

enum kind {
    KIND_NULL,
    KIND_NUMBER,
    KIND_TEXT,
};

/* In front of the statement, and of each value; length is of a text that follows. */
struct piece {
    uint32_t kind; /* of the statement: how many values there are */
    uint32_t length;
    int64_t number;
};

static struct piece piece_of(const struct value *value)
{
    if (value->has_number && (value->is_int || !value->has_text))
        return (struct piece){ KIND_NUMBER, 0, value->number };
    if (value->has_text)
        return (struct piece){ KIND_TEXT, (uint32_t)value->text.len, 0 };
    return (struct piece){ KIND_NULL, 0, 0 };
}

size_t row_size(const struct query *query)
{
    size_t size = sizeof(struct piece) + query->sql.len;

    for (unsigned i = 0; i < query->param_count; i++)
        size += sizeof(struct piece) + piece_of(&query->params[i]).length;
    return size;
}

static char *put(char *at, const struct piece *piece, struct str text)
{
    memcpy(at, piece, sizeof *piece);
    if (piece->length)
        memcpy(at + sizeof *piece, text.ptr, piece->length);
    return at + sizeof *piece + piece->length;
}

void row_encode(const struct query *query, char *out)
{
    const struct piece head = { query->param_count, (uint32_t)query->sql.len, 0 };

    out = put(out, &head, query->sql);
    for (unsigned i = 0; i < query->param_count; i++) {
        const struct piece piece = piece_of(&query->params[i]);
        out = put(out, &piece, query->params[i].text);
    }
}

static enum err take(struct str *bytes, struct piece *piece, struct str *text)
{
    if (bytes->len < sizeof *piece)
        return ERR_SYNTAX;
    memcpy(piece, bytes->ptr, sizeof *piece);
    *bytes = str_skip(*bytes, sizeof *piece);
    if (piece->length > bytes->len)
        return ERR_SYNTAX;
    *text = (struct str){ bytes->ptr, piece->length };
    *bytes = str_skip(*bytes, piece->length);
    return ERR_NONE;
}

static enum err take_value(struct str *bytes, struct value *out)
{
    struct piece piece;
    struct str text;
    enum err err = take(bytes, &piece, &text);

    if (err || piece.kind > KIND_TEXT)
        return ERR_SYNTAX;
    *out = piece.kind == KIND_TEXT     ? value_of_str(text)
           : piece.kind == KIND_NUMBER ? value_of_int(piece.number)
                                       : value_null();
    return ERR_NONE;
}

enum err row_decode(struct arena *arena, struct str bytes, struct query *out)
{
    struct piece head;
    struct value *values;
    enum err err = take(&bytes, &head, &out->sql);

    if (err || head.kind > LEDGER_PARAMS_MAX)
        return ERR_SYNTAX;
    values = arena_zalloc(arena, (head.kind + 1) * sizeof *values);
    if (!values)
        return ERR_NOMEM;
    for (unsigned i = 0; i < head.kind && !err; i++)
        err = take_value(&bytes, &values[i]);
    out->params = values;
    out->param_count = head.kind;
    return err || bytes.len ? ERR_SYNTAX : ERR_NONE;
}
