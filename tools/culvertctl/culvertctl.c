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

#include "databases.h"

enum { EXIT_USAGE = 2 };

static const char usage[] =
    "usage: culvertctl [-s SOCKET] [-j] COMMAND [ARGUMENT…]\n"
    "  -s SOCKET  control socket of the server (culvert.sock, or $CULVERT_SOCKET)\n"
    "  -j         show the answer as JSON\n"
    "  culvertctl help    lists the commands of the server\n"
    "  culvertctl reload  reads its script again; when that is bad, nothing changes and the exit code is 1\n"
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

static json_t *ask(const char *path, char **words, int count)
{
    json_t *request = request_of(words, count), *answer = NULL;
    char *text = json_dumps(request, JSON_COMPACT);
    int fd = connect_to(path);

    if (fd >= 0) {
        if (dprintf(fd, "%s\n", text) > 0)
            answer = read_answer(fd);
        if (!answer)
            fprintf(stderr, "culvertctl: the server gave no answer\n");
    }
    free(text);
    json_decref(request);
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

int main(int argc, char **argv)
{
    const char *path = getenv("CULVERT_SOCKET");
    bool as_json = false;
    json_t *answer;
    int letter, status;

    while ((letter = getopt(argc, argv, "+s:jh")) != -1) {
        if (letter == 's') {
            path = optarg;
        } else if (letter == 'j') {
            as_json = true;
        } else {
            fputs(usage, letter == 'h' ? stdout : stderr);
            return letter == 'h' ? EXIT_SUCCESS : EXIT_USAGE;
        }
    }
    if (optind == argc) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if (is_database_command(argv[optind]))
        return run_database_command(argv + optind, argc - optind);
    answer = ask(path ? path : "culvert.sock", argv + optind, argc - optind);
    if (!answer)
        return EXIT_FAILURE;
    status = show_answer(answer, as_json);
    json_decref(answer);
    return status;
}
