/* SPDX-License-Identifier: Apache-2.0 */
/* {s.…} that encode, escape and digest. */
#include <openssl/evp.h>

#include <culvert/base64.h>

#include "script/transform_row.h"

/* ---- digests ---- */

static enum err s_digest(struct transform_call *call)
{
    const EVP_MD *md = EVP_get_digestbyname(call->row->parameter.ptr);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    struct writer w;
    enum err err;

    if (!md ||
        !EVP_Digest(call->text.ptr ? call->text.ptr : "", call->text.len, digest, &len, md, NULL))
        return ERR_UNSUPPORTED;
    err = transform_open(call, 2 * (size_t)len, &w);
    if (err)
        return err;
    write_hex(&w, digest, len);
    return transform_close(call, &w);
}

/* ---- hexadecimal ---- */

static enum err s_encode_hexa(struct transform_call *call)
{
    struct writer w;
    enum err err = transform_open(call, 2 * call->text.len, &w);

    if (err)
        return err;
    write_hex(&w, call->text.ptr, call->text.len);
    return transform_close(call, &w);
}

/* A digit too many at the end counts for nothing. */
static enum err s_decode_hexa(struct transform_call *call)
{
    struct str text = call->text;
    struct writer w;
    enum err err = transform_open(call, text.len / 2, &w);

    for (size_t i = 0; !err && i + 1 < text.len; i += 2) {
        int high = char_hex(text.ptr[i]), low = char_hex(text.ptr[i + 1]);

        if (high < 0 || low < 0)
            return ERR_SYNTAX;
        write_char(&w, (char)(high * 16 + low));
    }
    return err ? err : transform_close(call, &w);
}

/* ---- escapes ---- */

static bool is_one_of(char c, const char *set)
{
    return c && strchr(set, c);
}

/* Quotes, backslashes and NUL get a backslash. */
static enum err s_escape_common(struct transform_call *call)
{
    struct writer w;
    enum err err = transform_open(call, 2 * call->text.len, &w);

    for (size_t i = 0; !err && i < call->text.len; i++) {
        char c = call->text.ptr[i];

        if (is_one_of(c, "\"'\\") || c == '\0')
            write_char(&w, '\\');
        write_char(&w, c == '\0' ? '0' : c);
    }
    return err ? err : transform_close(call, &w);
}

/*
 * {sql.val}: a literal for a statement, good for every database: some of them read a backslash as an
 * escape, so it is doubled too. NUL has no place in one.
 */
static enum err sql_text(struct transform_call *call)
{
    struct writer w;
    enum err err = transform_open(call, 2 * call->text.len + 2, &w);

    if (err)
        return err;
    write_char(&w, '\'');
    for (size_t i = 0; i < call->text.len; i++) {
        char c = call->text.ptr[i];

        if (c == '\0')
            return ERR_SYNTAX;
        if (is_one_of(c, "'\\"))
            write_char(&w, c);
        write_char(&w, c);
    }
    write_char(&w, '\'');
    return transform_close(call, &w);
}

/* The parameter is what null is. */
static enum err sql_val(struct transform_call *call)
{
    if (value_is_null(call->value))
        return transform_give(call, call->row->parameter);
    if (call->value->has_number)
        return transform_give_number(call, call->value->number);
    return sql_text(call);
}

static enum err s_unescape_common(struct transform_call *call)
{
    struct str text = call->text;
    struct writer w;
    enum err err = transform_open(call, text.len, &w);

    for (size_t i = 0; !err && i < text.len; i++) {
        if (text.ptr[i] == '\\' && i + 1 < text.len && is_one_of(text.ptr[i + 1], "\"'\\0"))
            write_char(&w, text.ptr[++i] == '0' ? '\0' : text.ptr[i]);
        else
            write_char(&w, text.ptr[i]);
    }
    return err ? err : transform_close(call, &w);
}

static bool is_unreserved(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           is_one_of(c, "-_.~");
}

/*
 * RFC 3261 §25.1: what may stand in a user or a parameter as it is is in the row. Control bytes
 * have no place in either.
 */
static enum err s_escape_percent(struct transform_call *call)
{
    struct writer w;
    enum err err = transform_open(call, 3 * call->text.len, &w);

    for (size_t i = 0; !err && i < call->text.len; i++) {
        char c = call->text.ptr[i];

        if (call->row->refuses_controls && ((unsigned char)c < ' ' || c == 0x7f))
            return ERR_SYNTAX;
        if (is_unreserved(c) || is_one_of(c, call->row->parameter.ptr))
            write_char(&w, c);
        else
            write_fmt(&w, "%%%02x", (unsigned char)c);
    }
    return err ? err : transform_close(call, &w);
}

static enum err s_unescape_percent(struct transform_call *call)
{
    struct str text;
    enum err err = sip_unescape(call->arena, call->text, &text);

    return err ? err : transform_give(call, text);
}

/* As in forms: a space is '+'. */
static enum err s_urldecode(struct transform_call *call)
{
    struct writer w;
    enum err err = transform_open(call, call->text.len, &w);

    for (size_t i = 0; !err && i < call->text.len; i++)
        write_char(&w, call->text.ptr[i] == '+' ? ' ' : call->text.ptr[i]);
    if (err)
        return err;
    call->text = writer_text(&w);
    return s_unescape_percent(call);
}

/* In quotes, with quotes doubled. */
static enum err s_escape_csv(struct transform_call *call)
{
    struct writer w;
    enum err err = transform_open(call, 2 * call->text.len + 2, &w);

    if (err)
        return err;
    write_char(&w, '"');
    for (size_t i = 0; i < call->text.len; i++) {
        if (call->text.ptr[i] == '"')
            write_char(&w, '"');
        write_char(&w, call->text.ptr[i]);
    }
    write_char(&w, '"');
    return transform_close(call, &w);
}

/* ---- base64 ---- */

static enum err s_encode_base64(struct transform_call *call)
{
    struct writer w;
    enum err err = transform_open(call, (call->text.len + 2) / 3 * 4, &w);

    if (err)
        return err;
    write_base64(&w, call->text, call->row->variant);
    return transform_close(call, &w);
}

static enum err s_decode_base64(struct transform_call *call)
{
    struct writer w;
    enum err err = transform_open(call, call->text.len, &w);

    if (call->row->variant == BASE64_PLAIN && call->text.len % 4)
        return ERR_SYNTAX;
    if (!err)
        err = write_from_base64(&w, call->text, call->row->variant);
    return err ? err : transform_close(call, &w);
}

/* ---- base58 and the 7-bit alphabet of GSM ---- */

static const char base58_letters[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

enum {
    BASE58_MAX = 1024, /* longer texts take too long: the work grows with the square */
};

/* Digits of a large number, the least first: *digits = *digits * factor + add, in another base. */
static size_t multiply_digits(unsigned char *digits, size_t count, unsigned base, unsigned factor,
                              unsigned add)
{
    for (size_t i = 0; i < count; i++) {
        add += digits[i] * factor;
        digits[i] = (unsigned char)(add % base);
        add /= base;
    }
    for (; add; add /= base)
        digits[count++] = (unsigned char)(add % base);
    return count;
}

static size_t count_front(struct str text, char c)
{
    size_t count = 0;

    while (count < text.len && text.ptr[count] == c)
        count++;
    return count;
}

/* Zero bytes in front are '1' each. */
static enum err s_encode_base58(struct transform_call *call)
{
    unsigned char digits[BASE58_MAX * 2];
    size_t zeros = count_front(call->text, '\0'), count = 0;
    struct writer w;
    enum err err;

    if (call->text.len > BASE58_MAX)
        return ERR_LIMIT;
    for (size_t i = zeros; i < call->text.len; i++)
        count = multiply_digits(digits, count, 58, 256, (unsigned char)call->text.ptr[i]);
    err = transform_open(call, zeros + count, &w);
    while (!err && zeros--)
        write_char(&w, base58_letters[0]);
    while (!err && count--)
        write_char(&w, base58_letters[digits[count]]);
    return err ? err : transform_close(call, &w);
}

static enum err s_decode_base58(struct transform_call *call)
{
    unsigned char digits[BASE58_MAX];
    size_t zeros = count_front(call->text, base58_letters[0]), count = 0;
    struct writer w;
    enum err err;

    if (call->text.len > BASE58_MAX)
        return ERR_LIMIT;
    for (size_t i = zeros; i < call->text.len; i++) {
        const char *letter = call->text.ptr[i] ? strchr(base58_letters, call->text.ptr[i]) : NULL;

        if (!letter)
            return ERR_SYNTAX;
        count = multiply_digits(digits, count, 256, 58, (unsigned)(letter - base58_letters));
    }
    err = transform_open(call, zeros + count, &w);
    while (!err && zeros--)
        write_char(&w, '\0');
    while (!err && count--)
        write_char(&w, (char)digits[count]);
    return err ? err : transform_close(call, &w);
}

/* Seven bits of each character, packed from the least significant bit on, in hexadecimal. */
static enum err s_encode_7bit(struct transform_call *call)
{
    struct writer w;
    unsigned bits = 0, held = 0;
    enum err err = transform_open(call, 2 * call->text.len, &w);

    for (size_t i = 0; !err && i < call->text.len; i++) {
        held |= ((unsigned char)call->text.ptr[i] & 0x7fu) << bits;
        bits += 7;
        if (bits < 8 && i + 1 < call->text.len)
            continue;
        write_fmt(&w, "%02X", held & 0xff);
        held >>= 8;
        bits = bits < 8 ? 0 : bits - 8;
    }
    if (!err && bits)
        write_fmt(&w, "%02X", held & 0xff);
    return err ? err : transform_close(call, &w);
}

static enum err s_decode_7bit(struct transform_call *call)
{
    struct str text = call->text;
    struct writer w;
    unsigned bits = 0, held = 0;
    enum err err = transform_open(call, text.len, &w);

    if (text.len % 2)
        return ERR_SYNTAX;
    for (size_t i = 0; !err && i < text.len; i += 2) {
        int high = char_hex(text.ptr[i]), low = char_hex(text.ptr[i + 1]);

        if (high < 0 || low < 0)
            return ERR_SYNTAX;
        held |= (unsigned)(high * 16 + low) << bits;
        for (bits += 8; bits >= 7; bits -= 7, held >>= 7)
            write_char(&w, (char)(held & 0x7f));
    }
    return err ? err : transform_close(call, &w);
}

/* {s.corehash[,size]}: a number that spreads texts, below the size if there is one */
static enum err s_corehash(struct transform_call *call)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (size_t i = 0; i < call->text.len; i++)
        hash = (hash ^ (unsigned char)call->text.ptr[i]) * 16777619u;
    if (call->arg_count && call->numbers[0] > 0)
        hash = (uint32_t)(hash % (uint64_t)call->numbers[0]);
    return transform_give_number(call, hash);
}

#define ROW(name, function, ...)                                                                   \
    {                                                                                              \
        STR_INIT("s"), STR_INIT(name), function, 0, 0, __VA_ARGS__                                 \
    }

#define SQL_ROW(name, null)                                                                        \
    {                                                                                              \
        STR_INIT("sql"), STR_INIT(name), sql_val, .parameter = STR_INIT(null), .takes_null = true  \
    }

const struct transform_row transform_code_rows[] = {
    ROW("md5", s_digest, .parameter = STR_INIT("MD5")),
    ROW("sha256", s_digest, .parameter = STR_INIT("SHA256")),
    ROW("sha384", s_digest, .parameter = STR_INIT("SHA384")),
    ROW("sha512", s_digest, .parameter = STR_INIT("SHA512")),
    ROW("encode.hexa", s_encode_hexa, .variant = 0),
    ROW("decode.hexa", s_decode_hexa, .variant = 0),
    ROW("escape.common", s_escape_common, .variant = 0),
    ROW("unescape.common", s_unescape_common, .variant = 0),
    ROW("escape.user", s_escape_percent, .parameter = STR_INIT("!*'()&=+$,;?"),
        .refuses_controls = true),
    ROW("unescape.user", s_unescape_percent, .variant = 0),
    ROW("escape.param", s_escape_percent, .parameter = STR_INIT("!*'()[]/:&+$"),
        .refuses_controls = true),
    ROW("unescape.param", s_unescape_percent, .variant = 0),
    ROW("urlencode.param", s_escape_percent, .parameter = STR_INIT("")),
    ROW("urldecode.param", s_urldecode, .variant = 0),
    ROW("escape.csv", s_escape_csv, .variant = 0),
    ROW("encode.base64", s_encode_base64, .variant = BASE64_PLAIN),
    ROW("decode.base64", s_decode_base64, .variant = BASE64_PLAIN),
    ROW("encode.base64t", s_encode_base64, .variant = BASE64_BARE),
    ROW("decode.base64t", s_decode_base64, .variant = BASE64_BARE),
    ROW("encode.base64url", s_encode_base64, .variant = BASE64_URL),
    ROW("decode.base64url", s_decode_base64, .variant = BASE64_URL),
    ROW("encode.base64urlt", s_encode_base64, .variant = BASE64_URL | BASE64_BARE),
    ROW("decode.base64urlt", s_decode_base64, .variant = BASE64_URL | BASE64_BARE),
    ROW("encode.base58", s_encode_base58, .variant = 0),
    ROW("decode.base58", s_decode_base58, .variant = 0),
    ROW("encode.7bit", s_encode_7bit, .variant = 0),
    ROW("decode.7bit", s_decode_7bit, .variant = 0),
    SQL_ROW("val", "NULL"),
    SQL_ROW("val.int", "0"),
    SQL_ROW("val.str", "''"),
    { STR_INIT("s"), STR_INIT("corehash"), s_corehash, 0, 1, .variant = 0 },
    { .apply = NULL },
};
