/* SPDX-License-Identifier: Apache-2.0 */
#include "accounts.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <termios.h>
#include <unistd.h>

#include <culvert/digest.h>

#include "manage/account_command.h"
#include "store/store_internal.h"

enum {
    PASSWORD_BYTES_MAX = 128,
    GENERATED_LENGTH = 16,
};

static const char *const kinds[] = { "user", "domain", "alias" };

bool is_account_command(char **words, int count)
{
    for (size_t i = 0; count > 1 && i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(words[0], kinds[i]) == 0)
            return true;
    return false;
}

/* ---- passwords ---- */

struct password {
    char text[PASSWORD_BYTES_MAX + 2];
};

static void forget(struct password *password)
{
    explicit_bzero(password, sizeof *password);
}

static bool complain(const char *what)
{
    fprintf(stderr, "culvertctl: %s\n", what);
    return false;
}

/* One line, without its end. */
static bool read_line(struct password *out)
{
    size_t length = 0;
    int c;

    while ((c = getchar()) != EOF && c != '\n' && length <= PASSWORD_BYTES_MAX)
        out->text[length++] = (char)c;
    if (length && out->text[length - 1] == '\r')
        length--;
    out->text[length] = '\0';
    if (!length)
        return complain("the password is empty");
    if (length > PASSWORD_BYTES_MAX)
        return complain("a password has at most 128 bytes");
    for (size_t i = 0; i < length; i++)
        if (iscntrl((unsigned char)out->text[i]))
            return complain("a password has no control characters");
    return true;
}

static bool read_hidden(const char *prompt, struct password *out)
{
    struct termios shown, hidden;
    bool is_read;

    if (tcgetattr(STDIN_FILENO, &shown))
        return complain("no terminal to ask for the password: use --stdin or --generate");
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    fputs(prompt, stderr);
    is_read = read_line(out);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &shown);
    fputc('\n', stderr);
    return is_read;
}

static bool read_twice(struct password *out)
{
    struct password again;
    bool is_same;

    if (!read_hidden("Password: ", out) || !read_hidden("Once more: ", &again))
        return false;
    is_same = strcmp(out->text, again.text) == 0;
    forget(&again);
    return is_same || complain("these are two passwords; nothing was changed");
}

/* Letters and digits that cannot be mistaken for each other; shown, once. */
static bool generate(struct password *out)
{
    static const char letters[] = "abcdefghjkmnpqrstuvwxyz23456789";
    unsigned char byte;
    size_t length = 0;

    while (length < GENERATED_LENGTH) {
        if (getrandom(&byte, 1, 0) != 1)
            return complain("no random numbers");
        if (byte < 256 / (sizeof letters - 1) * (sizeof letters - 1))
            out->text[length++] = letters[byte % (sizeof letters - 1)];
    }
    out->text[length] = '\0';
    return true;
}

static bool get_password(const struct account_options *options, struct password *out)
{
    if (options->is_generated)
        return generate(out);
    return options->from_input ? read_line(out) : read_twice(out);
}

/* ---- hashes ---- */

static bool add_hash(json_t *params, const char *algorithm, struct str user, struct str domain,
                     struct str password)
{
    struct digest_hex hash;

    if (!digest_ha1(digest_algorithm_find(str_of(algorithm)), user, domain, password, &hash))
        return complain("the library of hashes does not work");
    json_array_append_new(params, json_stringn(hash.text, hash.len));
    return true;
}

/* The realm is the domain, in lower case as it is stored. */
static bool add_hashes(json_t *params, const char *name, const char *password)
{
    const char *at = strrchr(name, '@');
    char *domain = at ? strdup(at + 1) : NULL;
    char *whole = at ? strdup(name) : NULL;
    bool is_done;

    if (!domain || !whole) {
        free(domain);
        free(whole);
        return complain("whom? write the name as user@domain");
    }
    for (char *c = domain; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    memcpy(whole + (at + 1 - name), domain, strlen(domain));
    is_done = add_hash(params, "MD5", str_between(name, at), str_of(domain), str_of(password)) &&
              add_hash(params, "MD5", str_of(whole), str_of(domain), str_of(password)) &&
              add_hash(params, "SHA-256", str_between(name, at), str_of(domain), str_of(password));
    free(domain);
    free(whole);
    return is_done;
}

static bool add_secrets(json_t *params, const char *name, const struct account_options *options)
{
    struct password password;
    bool is_done = get_password(options, &password) && add_hashes(params, name, password.text);

    if (is_done && options->keeps_password)
        json_array_append_new(params, json_string(password.text));
    if (is_done && options->is_generated)
        printf("password: %s\n", password.text);
    forget(&password);
    return is_done;
}

/* ---- requests ---- */

static bool needs_password(const char *method)
{
    return strcmp(method, "user.add") == 0 || strcmp(method, "user.passwd") == 0;
}

static bool add_words(json_t *params, char **words, int count)
{
    for (int i = 0; i < count; i++)
        if (json_array_append_new(params, json_string(words[i])))
            return complain("names must be UTF-8");
    return true;
}

json_t *account_request(char **words, int count, const struct account_options *options)
{
    json_t *params = json_array();
    char method[64];
    bool is_good;

    snprintf(method, sizeof method, "%s.%s", words[0], words[1]);
    is_good = add_words(params, words + 2, count - 2);
    if (is_good && needs_password(method))
        is_good = count == 3 ? add_secrets(params, words[2], options)
                             : complain("write it as user add NAME@DOMAIN; the password is asked for, "
                                        "and never stands on the command line");
    if (!is_good) {
        json_decref(params);
        return NULL;
    }
    return json_pack("{s:s, s:s, s:o, s:i}", "jsonrpc", "2.0", "method", method, "params", params,
                     "id", 1);
}

/* ---- without a server ---- */

static const struct account_table users = {
    .name = STR_INIT("subscriber"),
    .keys = { STR_INIT("username"), STR_INIT("domain") },
    .values = { STR_INIT("ha1"), STR_INIT("ha1b"), { 0 }, STR_INIT("password") },
};
static const struct account_table domains = {
    .name = STR_INIT("domain"),
    .keys = { STR_INIT("domain") },
};
static const struct account_table aliases = {
    .name = STR_INIT("dbaliases"),
    .keys = { STR_INIT("alias_username"), STR_INIT("alias_domain") },
    .values = { STR_INIT("username"), STR_INIT("domain") },
};

static const struct {
    const char *name;
    const struct account_table *table;
    enum err (*run)(const struct account_table *table, struct command *command);
} commands[] = {
    { "user.add", &users, account_add_user },
    { "user.passwd", &users, account_change_user },
    { "user.rm", &users, account_remove_user },
    { "user.show", &users, account_show_user },
    { "user.list", &users, account_list_users },
    { "domain.add", &domains, account_add_domain },
    { "domain.rm", &domains, account_remove_domain },
    { "domain.list", &domains, account_list_domains },
    { "alias.add", &aliases, account_add_alias },
    { "alias.rm", &aliases, account_remove_alias },
    { "alias.list", &aliases, account_list_aliases },
};

static json_t *run_on(struct store *store, const json_t *request)
{
    const char *method = json_string_value(json_object_get(request, "method"));

    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        struct account_table table;

        if (strcmp(commands[i].name, method) != 0)
            continue;
        table = *commands[i].table;
        table.store = store;
        return account_answer(&table, commands[i].run, json_object_get(request, "params"));
    }
    complain("no such command on a database: add, rm and list of user, domain and alias, and user "
             "passwd and show");
    return NULL;
}

json_t *account_run(const char *url, const json_t *request)
{
    struct store *store;
    json_t *answer;

    if (store_open(str_of(url), &store))
        return NULL;
    answer = run_on(store, request);
    store_close(store);
    return answer;
}
