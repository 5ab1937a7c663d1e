/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kamailio's TLS configuration file. Sections in brackets, "server" or "client", a colon, and
 * "default", "any" or an address; below each, lines  key = value. What a section does not say is as
 * in the default section of its side, wherever that stands in the file.
 */
#include <culvert/tls.h>

enum {
    PROFILES_MAX = 1024,
    SIDES = 2,
    SHOWN_MAX = 80, /* bytes of a bad line in a message */
};

struct reading {
    const char *name; /* of the file */
    struct arena *arena;
    struct writer *why;
    struct tls_profile *defaults; /* of servers, of clients */
    struct tls_profile *list;
    unsigned count;
    unsigned line;
    bool wants_defaults;         /* this time; the other sections the next time */
    struct tls_profile *profile; /* of the section; NULL: not of this time */
};

/* ---- messages ---- */

static enum err fail(const struct reading *reading, const char *what, struct str text)
{
    if (text.len > SHOWN_MAX)
        text.len = SHOWN_MAX;
    write_fmt(reading->why, "%s:%u: %s \"" STR_FMT "\"", reading->name, reading->line, what,
              STR_ARG(text));
    return ERR_SYNTAX;
}

/* ---- sections ---- */

static enum err name_place(const struct reading *reading, struct tls_profile *profile)
{
    return str_print(reading->arena, &profile->where, "%s:%u", reading->name, reading->line);
}

static enum err add_profile(struct reading *reading, bool is_client, struct str place)
{
    struct tls_profile *profile;

    if (reading->count == PROFILES_MAX)
        return fail(reading, "there are too many sections, the first too many is", place);
    profile = &reading->list[reading->count];
    *profile = reading->defaults[is_client];
    profile->name = profile->id = (struct str){ 0 };
    if (!str_ieq(place, STR("any")) && addr_parse(place, &profile->addr))
        return fail(reading, "neither default, any nor an address with its port:", place);
    reading->count++;
    reading->profile = profile;
    return name_place(reading, profile);
}

/* "[" ("server" / "client") ":" place "]" */
static enum err read_section(struct reading *reading, struct str line)
{
    struct str inner = str_trim((struct str){ line.ptr + 1, line.len - 1 }), side, place;
    bool is_client;

    reading->profile = NULL;
    if (inner.len == 0 || inner.ptr[inner.len - 1] != ']')
        return fail(reading, "this section has no ]:", line);
    inner.len--;
    if (!str_split(inner, ':', &side, &place))
        return fail(reading, "a section is [server:place] or [client:place], not", line);
    is_client = str_ieq(str_trim(side), STR("client"));
    if (!is_client && !str_ieq(str_trim(side), STR("server")))
        return fail(reading, "a section is [server:place] or [client:place], not", line);
    place = str_trim(place);
    if (str_ieq(place, STR("default")) != reading->wants_defaults)
        return ERR_NONE;
    if (!reading->wants_defaults)
        return add_profile(reading, is_client, place);
    reading->profile = &reading->defaults[is_client];
    return name_place(reading, reading->profile);
}

/* ---- lines ---- */

static struct str without_quotes(struct str text)
{
    bool is_quoted = text.len >= 2 && (text.ptr[0] == '"' || text.ptr[0] == '\'') &&
                     text.ptr[text.len - 1] == text.ptr[0];

    return is_quoted ? (struct str){ text.ptr + 1, text.len - 2 } : text;
}

static enum err set_key(struct reading *reading, struct str key, struct str value)
{
    char buffer[256];
    struct writer why = writer_over(buffer, sizeof buffer);
    struct str reason;
    enum err err = tls_profile_set(reading->profile, key, value, &why);

    reason = writer_text(&why);
    if (err)
        write_fmt(reading->why, "%s:%u: " STR_FMT, reading->name, reading->line, STR_ARG(reason));
    return err;
}

static enum err read_line(struct reading *reading, struct str line)
{
    struct str key, value;

    if (line.len == 0 || line.ptr[0] == '#' || line.ptr[0] == ';')
        return ERR_NONE;
    if (line.ptr[0] == '[')
        return read_section(reading, line);
    if (!str_split(line, '=', &key, &value))
        return fail(reading, "a line is key = value, not", line);
    if (!reading->profile)
        return ERR_NONE;
    return set_key(reading, str_trim(key), without_quotes(str_trim(value)));
}

static enum err read_all(struct reading *reading, struct str text, bool wants_defaults)
{
    enum err err = ERR_NONE;

    reading->wants_defaults = wants_defaults;
    reading->profile = NULL;
    reading->line = 0;
    while (text.len && !err) {
        struct str line = text, rest = { 0 };

        str_split(text, '\n', &line, &rest);
        text = rest;
        reading->line++;
        err = read_line(reading, str_trim(line));
    }
    return err;
}

/* ---- the whole ---- */

enum err tls_config_parse(const char *name, struct str text, const struct tls_profile *server,
                          const struct tls_profile *client, struct arena *arena,
                          const struct tls_profile **out, unsigned *count, struct writer *why)
{
    struct tls_profile defaults[SIDES] = { *server, *client };
    struct reading reading = { .name = name, .arena = arena, .why = why, .defaults = defaults };
    struct tls_profile *list = arena_alloc(arena, (PROFILES_MAX + SIDES) * sizeof *list);
    unsigned n = 0;
    enum err err;

    if (!list)
        return ERR_NOMEM;
    reading.list = list + SIDES;
    if ((err = read_all(&reading, text, true)) || (err = read_all(&reading, text, false)))
        return err;
    defaults[1].name = (struct str){ 0 }; /* it is for all whom we dial */
    list[n++] = defaults[1];
    if (defaults[0].certificate.len) {
        list[n++] = defaults[0];
        *out = list;
    } else {
        list[1] = list[0];
        *out = list + 1;
    }
    *count = n + reading.count;
    return ERR_NONE;
}
