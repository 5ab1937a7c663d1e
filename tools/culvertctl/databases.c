/* SPDX-License-Identifier: Apache-2.0 */
#include "databases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_internal.h"

enum {
    STATEMENT_MSEC_MAX = 3600 * 1000, /* of a column for a large table */
    URL_TEXT_MAX = 1100,
};

static void print_line(void *context, const char *line)
{
    (void)context;
    puts(line);
}

static bool create(struct store *store, const char *argument)
{
    (void)argument;
    if (store_create_schema(store))
        return false;
    puts("the tables are there");
    return true;
}

static bool check(struct store *store, const char *argument)
{
    (void)argument;
    return !store_check_schema(store, print_line, NULL);
}

static bool migrate(struct store *store, const char *argument)
{
    (void)argument;
    if (store_migrate_schema(store, print_line, NULL))
        return false;
    puts("nothing is missing any more");
    return true;
}

static const struct {
    const char *name;
    int argument_count; /* with the URL, which is last */
    bool (*run)(struct store *store, const char *argument);
} commands[] = {
    { "db.create", 1, create },
    { "db.check", 1, check },
    { "db.migrate", 1, migrate },
    { "db.import", 2, import_text_tables },
};

enum {
    COMMANDS = sizeof commands / sizeof commands[0],
};

static int find_command(const char *name)
{
    int i = 0;

    while (i < COMMANDS && strcmp(commands[i].name, name) != 0)
        i++;
    return i;
}

bool is_database_command(const char *name)
{
    return find_command(name) < COMMANDS;
}

/* A "-" is read from standard input. */
static const char *url_of(const char *word, char buffer[static URL_TEXT_MAX])
{
    if (strcmp(word, "-") != 0)
        return word;
    if (!fgets(buffer, URL_TEXT_MAX, stdin))
        return "";
    buffer[strcspn(buffer, "\r\n")] = '\0';
    return buffer;
}

static bool run_on(int command, const char *url, const char *argument)
{
    struct store *store;
    bool is_done;

    store_set_limits(1, STATEMENT_MSEC_MAX);
    if (!*url || store_open(str_of(url), &store))
        return false;
    is_done = !store_is_away(store) && commands[command].run(store, argument);
    store_close(store);
    return is_done;
}

int run_database_command(char **words, int count)
{
    int command = find_command(words[0]);
    char buffer[URL_TEXT_MAX];

    if (count - 1 != commands[command].argument_count) {
        fprintf(stderr, "culvertctl: %s takes %s\n", words[0],
                commands[command].argument_count == 1 ? "the URL of a database"
                                                      : "a folder and the URL of a database");
        return 2;
    }
    if (run_on(command, url_of(words[count - 1], buffer), words[1]))
        return EXIT_SUCCESS;
    fprintf(stderr, "culvertctl: %s was not done\n", words[0]);
    return EXIT_FAILURE;
}
