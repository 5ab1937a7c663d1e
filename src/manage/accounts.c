/* SPDX-License-Identifier: Apache-2.0 */
/* What people may be called, and what the commands on accounts answer. */
#include <culvert/accounts.h>

#include <ctype.h>

#include <culvert/cursor.h>
#include <culvert/writer.h>

#include "manage/account_table.h"

enum {
    NAME_BYTES_MAX = 64, /* of the columns of OpenSER and Kamailio */
};

/* ---- names ---- */

static enum err refuse(struct command *command, const char *what, struct str name, const char *why)
{
    int shown = name.len > 80 ? 80 : (int)name.len;

    return command_fail(command, ERR_SYNTAX, "%s \"%.*s\"%s %s", what, shown, name.ptr ? name.ptr : "",
                        name.len > 80 ? "…" : "", why);
}

/* UTF-8 beyond ASCII may stand in names; what would change their meaning elsewhere may not. */
static enum err check_user(struct command *command, struct str user)
{
    if (str_is_empty(user) || user.len > NAME_BYTES_MAX)
        return refuse(command, "the user name", user, "must have 1 to 64 bytes");
    for (size_t i = 0; i < user.len; i++)
        if ((unsigned char)user.ptr[i] < ' ' || user.ptr[i] == 0x7f)
            return command_fail(command, ERR_SYNTAX, "a user name has no control characters");
    if (str_find_char(user, '@') || str_find_char(user, ':'))
        return refuse(command, "the user name", user, "may have neither @ nor : in it");
    return ERR_NONE;
}

/* A host name, or an IP address, IPv6 in brackets. */
static enum err check_domain(struct command *command, struct str domain)
{
    bool is_good = domain.len > 0 && domain.len <= NAME_BYTES_MAX;
    bool is_ipv6 = is_good && domain.ptr[0] == '[';

    for (size_t i = 0; is_good && i < domain.len; i++) {
        char c = domain.ptr[i];

        is_good = class_alnum[(unsigned char)c] || c == '.' || c == '-' ||
                  (is_ipv6 && (c == ':' || c == '[' || c == ']'));
    }
    return is_good ? ERR_NONE
                   : refuse(command, "the domain", domain,
                            "must be a host name or an IP address of at most 64 bytes");
}

struct name {
    struct str user, domain;
    char lower[NAME_BYTES_MAX];
};

static struct str lower_case(struct str text, char buffer[static NAME_BYTES_MAX])
{
    for (size_t i = 0; i < text.len; i++)
        buffer[i] = char_lower(text.ptr[i]);
    return (struct str){ buffer, text.len };
}

static enum err read_domain(struct command *command, struct str text, struct name *out)
{
    enum err err = check_domain(command, text);

    if (!err)
        out->domain = lower_case(text, out->lower);
    return err;
}

/* "user@domain": an @ before the last one would be part of the user's name. */
static enum err read_name(struct command *command, unsigned index, struct name *out)
{
    struct str text = command_arg(command, index);
    size_t at = text.len;
    enum err err;

    while (at > 0 && text.ptr[at - 1] != '@')
        at--;
    if (at == 0)
        return refuse(command, "the name", text, "must be user@domain");
    out->user = (struct str){ text.ptr, at - 1 };
    if ((err = check_user(command, out->user)))
        return err;
    return read_domain(command, str_skip(text, at), out);
}

static struct account_row row_of(const struct name *name)
{
    return (struct account_row){ .keys = { name->user, name->domain } };
}

/* ---- what went wrong ---- */

static enum err tell(struct command *command, enum err err, const char *what)
{
    struct str name = command_arg(command, 0);

    switch (err) {
    case ERR_NONE:
        return ERR_NONE;
    case ERR_EXISTS:
        return command_fail(command, err, "there is %s " STR_FMT " already", what, STR_ARG(name));
    case ERR_NOT_FOUND:
        return command_fail(command, err, "there is no %s " STR_FMT, what, STR_ARG(name));
    default:
        return command_fail(command, err, "the database does not do it (%s): its log line says why",
                            err_name(err));
    }
}

static enum err done(struct command *command, enum err err, const char *what, const char *result)
{
    if (err)
        return tell(command, err, what);
    command_text(command, result, command_arg(command, 0));
    return ERR_NONE;
}

/* ---- users ---- */

static bool is_hash(struct str text, size_t length)
{
    for (size_t i = 0; i < text.len; i++)
        if (!isxdigit((unsigned char)text.ptr[i]))
            return false;
    return text.len == length;
}

static enum err read_secrets(const struct account_table *table, struct command *command,
                             struct account_row *row)
{
    for (unsigned i = 0; i < ACCOUNT_VALUES; i++)
        row->values[i] = command_arg(command, i + 1);
    if (!is_hash(row->values[ACCOUNT_HA1], 32) || !is_hash(row->values[ACCOUNT_HA1B], 32) ||
        !is_hash(row->values[ACCOUNT_HA1_SHA], 64))
        return command_fail(command, ERR_SYNTAX, "three hashes are needed; culvertctl makes them");
    if (str_is_empty(table->values[ACCOUNT_HA1]) && str_is_empty(row->values[ACCOUNT_PASSWORD]))
        return command_fail(command, ERR_SYNTAX, "this server reads clear passwords (calculate_ha1 of "
                                                 "auth_db): add --keep-password");
    return ERR_NONE;
}

static enum err write_user(const struct account_table *table, struct command *command,
                           enum err (*write)(const struct account_table *, const struct account_row *),
                           const char *result)
{
    struct account_row row;
    struct name name;
    enum err err;

    if ((err = read_name(command, 0, &name)))
        return err;
    row = row_of(&name);
    if ((err = read_secrets(table, command, &row)))
        return err;
    return done(command, write(table, &row), "a user", result);
}

enum err account_add_user(const struct account_table *table, struct command *command)
{
    return write_user(table, command, account_write, "added");
}

enum err account_change_user(const struct account_table *table, struct command *command)
{
    return write_user(table, command, account_table_change, "changed");
}

static enum err remove_name(const struct account_table *table, struct command *command,
                            const char *what)
{
    struct account_row row;
    struct name name;
    enum err err = read_name(command, 0, &name);

    if (err)
        return err;
    row = row_of(&name);
    return done(command, account_table_remove(table, &row), what, "removed");
}

enum err account_remove_user(const struct account_table *table, struct command *command)
{
    return remove_name(table, command, "user");
}

/* Which secrets there are, and never one of them. */
static void put_user(void *context, const struct account_row *row)
{
    struct command *command = context;
    bool has_hash = row->values[ACCOUNT_HA1].len > 0;
    bool has_password = row->values[ACCOUNT_PASSWORD].len > 0;

    command_open_object(command, "");
    command_text(command, "user", row->keys[0]);
    command_text(command, "domain", row->keys[1]);
    command_text(command, "secret",
                 has_hash && has_password ? STR("hash and password")
                 : has_hash               ? STR("hash")
                 : has_password           ? STR("password")
                                          : STR("none"));
    command_close(command);
}

enum err account_list_users(const struct account_table *table, struct command *command)
{
    struct account_row which = { .keys = { { 0 }, command_arg(command, 0) } };
    enum err err;

    command_open_list(command, "users");
    err = account_table_each(table, &which, put_user, command);
    command_close(command);
    return tell(command, err, "user");
}

struct showing {
    struct command *command;
    unsigned count;
};

static void show_user(void *context, const struct account_row *row)
{
    struct showing *showing = context;

    put_user(showing->command, row);
    showing->count++;
}

enum err account_show_user(const struct account_table *table, struct command *command)
{
    struct showing showing = { .command = command };
    struct account_row which;
    struct name name;
    enum err err = read_name(command, 0, &name);

    if (err)
        return err;
    which = row_of(&name);
    command_open_list(command, "users");
    err = account_table_each(table, &which, show_user, &showing);
    command_close(command);
    return tell(command, err || showing.count ? err : ERR_NOT_FOUND, "user");
}

/* ---- domains ---- */

static enum err with_domain(const struct account_table *table, struct command *command,
                            enum err (*write)(const struct account_table *, const struct account_row *),
                            const char *what, const char *result)
{
    struct account_row row = { .keys = { { 0 } } };
    struct name name;
    enum err err = read_domain(command, command_arg(command, 0), &name);

    if (err)
        return err;
    row.keys[0] = name.domain;
    return done(command, write(table, &row), what, result);
}

enum err account_add_domain(const struct account_table *table, struct command *command)
{
    return with_domain(table, command, account_write, "a domain", "added");
}

enum err account_remove_domain(const struct account_table *table, struct command *command)
{
    return with_domain(table, command, account_table_remove, "domain", "removed");
}

static void put_domain(void *context, const struct account_row *row)
{
    command_text(context, "", row->keys[0]);
}

enum err account_list_domains(const struct account_table *table, struct command *command)
{
    const struct account_row all = { .keys = { { 0 } } };
    enum err err;

    command_open_list(command, "domains");
    err = account_table_each(table, &all, put_domain, command);
    command_close(command);
    return tell(command, err, "domain");
}

/* ---- aliases ---- */

enum err account_add_alias(const struct account_table *table, struct command *command)
{
    struct account_row row;
    struct name alias, user;
    enum err err;

    if ((err = read_name(command, 0, &alias)) || (err = read_name(command, 1, &user)))
        return err;
    row = row_of(&alias);
    row.values[0] = user.user;
    row.values[1] = user.domain;
    return done(command, account_write(table, &row), "an alias", "added");
}

enum err account_remove_alias(const struct account_table *table, struct command *command)
{
    return remove_name(table, command, "alias");
}

struct alias_list {
    struct command *command;
    struct name user;
};

static void put_pair(struct command *command, const char *name, const struct str pair[2])
{
    char text[2 * 256];
    struct writer w = writer_over(text, sizeof text);

    write_fmt(&w, STR_FMT "@" STR_FMT, STR_ARG(pair[0]), STR_ARG(pair[1]));
    command_text(command, name, writer_text(&w));
}

static void put_alias(void *context, const struct account_row *row)
{
    struct alias_list *list = context;

    if (list->user.user.len &&
        !(str_eq(list->user.user, row->values[0]) && str_ieq(list->user.domain, row->values[1])))
        return;
    command_open_object(list->command, "");
    put_pair(list->command, "alias", row->keys);
    put_pair(list->command, "user", row->values);
    command_close(list->command);
}

enum err account_list_aliases(const struct account_table *table, struct command *command)
{
    const struct account_row all = { .keys = { { 0 } } };
    struct alias_list list = { .command = command, .user = { .user = { 0 } } };
    enum err err = command_arg_count(command) ? read_name(command, 0, &list.user) : ERR_NONE;

    if (err)
        return err;
    command_open_list(command, "aliases");
    err = account_table_each(table, &all, put_alias, &list);
    command_close(command);
    return tell(command, err, "alias");
}
