/* SPDX-License-Identifier: Apache-2.0 */
/* Asks a running culvert over its control socket and shows the answer as text or JSON. */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "accounts.h"
#include "databases.h"

enum { EXIT_USAGE = 2 };

static const char usage[] =
    "usage: culvertctl [-s SOCKET] [-j] COMMAND [ARGUMENT…]\n"
    "  -s SOCKET  control socket of the server (culvert.sock, or $CULVERT_SOCKET)\n"
    "  -j, --json show the answer as JSON\n"
    "  culvertctl help    lists the commands of the server\n"
    "  culvertctl reload  reads its script again; when that is bad, nothing changes and the exit code is 1\n"
    "Accounts, of the server or, with --db URL, of a database without a server:\n"
    "  culvertctl user add|passwd NAME@DOMAIN [--stdin | --generate] [--keep-password]\n"
    "  culvertctl user rm|show NAME@DOMAIN     culvertctl user list [DOMAIN]\n"
    "  culvertctl domain add|rm DOMAIN         culvertctl domain list|reload\n"
    "  culvertctl alias add ALIAS@DOMAIN NAME@DOMAIN\n"
    "  culvertctl alias rm ALIAS@DOMAIN        culvertctl alias list [NAME@DOMAIN]\n"
    "  The password is asked for, or is a line of standard input, or is made and shown once. Its\n"
    "  hashes are stored, and the password itself with --keep-password.\n"
    "Without a server, by this program itself:\n"
    "  culvertctl db.create URL          makes the tables that are missing\n"
    "  culvertctl db.check URL           says how the tables differ from what culvert would make\n"
    "  culvertctl db.migrate URL         adds tables and columns that are missing\n"
    "  culvertctl db.import FOLDER URL   copies the text tables of dbtext (db_text) in a folder\n"
    "  URL is mysql://user:password@host/database, postgres://…, sqlite:///path/to/file.db, or - to\n"
    "  read it from standard input, so that others do not see the password\n";

static int connect_to(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof address.sun_path) {
        fprintf(stderr, "culvertctl: %s: the name is too long\n", path);
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    fprintf(stderr, "culvertctl: %s: %s; is the server running, and is this its socket (-s)?\n", path,
            strerror(errno));
    close(fd);
    return -1;
}

static json_t *request_of(char **words, int count)
{
    json_t *params = json_array();
    json_t *request = json_object();

    for (int i = 1; i < count; i++)
        json_array_append_new(params, json_string(words[i]));
    json_object_set_new(request, "jsonrpc", json_string("2.0"));
    json_object_set_new(request, "method", json_string(words[0]));
    json_object_set_new(request, "params", params);
    json_object_set_new(request, "id", json_integer(1));
    return request;
}

/* One line, of any length, from the socket. */
static json_t *read_answer(int fd)
{
    FILE *stream = fdopen(fd, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t length = stream ? getline(&line, &room, stream) : -1;
    json_t *answer = length > 0 ? json_loadb(line, (size_t)length, 0, NULL) : NULL;

    free(line);
    if (stream)
        fclose(stream);
    return answer;
}

static json_t *ask(const char *path, const json_t *request)
{
    json_t *answer = NULL;
    char *text = json_dumps(request, JSON_COMPACT);
    int fd = connect_to(path);

    if (fd >= 0) {
        if (dprintf(fd, "%s\n", text) > 0)
            answer = read_answer(fd);
        if (!answer)
            fprintf(stderr, "culvertctl: the server gave no answer\n");
    }
    free(text);
    return answer;
}

static void show(const json_t *value, const char *name, int depth);

static void show_members(const json_t *object, int depth)
{
    const char *name;
    json_t *member;

    json_object_foreach((json_t *)object, name, member)
        show(member, name, depth);
}

static void show_list(const json_t *list, int depth)
{
    size_t index;
    json_t *entry;

    json_array_foreach(list, index, entry) {
        if (json_is_object(entry)) {
            printf("%*s-\n", depth * 2, "");
            show_members(entry, depth + 1);
        } else {
            show(entry, "-", depth);
        }
    }
}

static void show(const json_t *value, const char *name, int depth)
{
    int indent = depth * 2;

    switch (json_typeof(value)) {
    case JSON_OBJECT:
        printf("%*s%s:\n", indent, "", name);
        show_members(value, depth + 1);
        break;
    case JSON_ARRAY:
        printf("%*s%s: %zu\n", indent, "", name, json_array_size(value));
        show_list(value, depth + 1);
        break;
    case JSON_INTEGER:
        printf("%*s%s: %lld\n", indent, "", name, (long long)json_integer_value(value));
        break;
    default:
        printf("%*s%s: %s\n", indent, "", name, json_is_string(value) ? json_string_value(value) : "-");
        break;
    }
}

static void show_json(const json_t *value)
{
    char *text = json_dumps(value, JSON_INDENT(2));

    puts(text);
    free(text);
}

static int show_answer(const json_t *answer, bool as_json)
{
    const json_t *error = json_object_get(answer, "error");
    const json_t *result = json_object_get(answer, "result");

    if (error) {
        fprintf(stderr, "culvertctl: %s\n", json_string_value(json_object_get(error, "message")));
        return EXIT_FAILURE;
    }
    if (as_json)
        show_json(result);
    else
        show_members(result, 0);
    return EXIT_SUCCESS;
}

struct options {
    const char *path;
    bool as_json;
    struct account_options account;
};

enum {
    LONG_DB = 256,
    LONG_STDIN,
    LONG_GENERATE,
    LONG_KEEP,
};

static const struct option switches[] = {
    { "json", no_argument, NULL, 'j' },
    { "help", no_argument, NULL, 'h' },
    { "db", required_argument, NULL, LONG_DB },
    { "stdin", no_argument, NULL, LONG_STDIN },
    { "generate", no_argument, NULL, LONG_GENERATE },
    { "keep-password", no_argument, NULL, LONG_KEEP },
    { NULL, 0, NULL, 0 },
};

static bool apply_switch(struct options *options, int letter)
{
    switch (letter) {
    case 's':
        options->path = optarg;
        return true;
    case 'j':
        options->as_json = true;
        return true;
    case LONG_DB:
        options->account.database = optarg;
        return true;
    case LONG_STDIN:
        options->account.from_input = true;
        return true;
    case LONG_GENERATE:
        options->account.is_generated = true;
        return true;
    case LONG_KEEP:
        options->account.keeps_password = true;
        return true;
    default:
        return false;
    }
}

static bool read_switches(int argc, char **argv, struct options *options, const char *letters)
{
    int letter;

    while ((letter = getopt_long(argc, argv, letters, switches, NULL)) != -1)
        if (!apply_switch(options, letter)) {
            fputs(usage, letter == 'h' ? stdout : stderr);
            exit(letter == 'h' ? EXIT_SUCCESS : EXIT_USAGE);
        }
    return optind < argc;
}

static json_t *get_answer(struct options *options, char **words, int count)
{
    bool is_account = is_account_command(words, count);
    json_t *request = is_account ? account_request(words, count, &options->account)
                                 : request_of(words, count);
    json_t *answer = NULL;

    if (request && is_account && options->account.database)
        answer = account_run(options->account.database, request);
    else if (request)
        answer = ask(options->path, request);
    if (request && is_account && !answer && !options->account.database)
        fputs("culvertctl: with --db URL it works on a database without a server\n", stderr);
    json_decref(request);
    return answer;
}

int main(int argc, char **argv)
{
    const char *path = getenv("CULVERT_SOCKET");
    struct options options = { .path = path ? path : "culvert.sock" };
    json_t *answer;
    int status;

    if (!read_switches(argc, argv, &options, "+s:jh")) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if (is_database_command(argv[optind]))
        return run_database_command(argv + optind, argc - optind);
    if (is_account_command(argv + optind, argc - optind)) {
        optind = 0; /* from the start: switches may stand behind the words of these */
        read_switches(argc, argv, &options, "s:jh");
    }
    answer = get_answer(&options, argv + optind, argc - optind);
    if (!answer)
        return EXIT_FAILURE;
    status = show_answer(answer, options.as_json);
    json_decref(answer);
    return status;
}
