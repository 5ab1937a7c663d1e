/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Scenarios: plays in which phones and the server speak, told in text files. README.md in
 * tests/scenario describes the language. A scene is one performance of one file; a file with
 * "in any order" blocks is performed once for every order.
 */
#include "support/phone.h"

enum {
    STATEMENT_NOTES_MAX = 40,
    SCENE_PHONES_MAX = 32,
    SCENE_NATS_MAX = 16,
    SCENE_NAMES_MAX = 32,
    LADDER_LINES = 200,
};

/* One statement: a line, and the indented lines below it. */
struct statement {
    unsigned line;
    struct str text;
    struct str notes[STATEMENT_NOTES_MAX];
    unsigned note_count;
    unsigned block; /* number of the "in any order" block that it is in; 0: none */
    unsigned part;  /* of the block */
};

struct script_file {
    const char *path;
    char *bytes;
    struct statement *statements;
    unsigned count;
    unsigned parts[4]; /* of each block */
    unsigned block_count;
};

/* False when the file cannot be read; the reason is on standard error. */
bool script_file_read(const char *path, struct script_file *out);
void script_file_free(struct script_file *file);
/* How many performances there are, and the statements of one in their order (room for count). */
unsigned script_file_orders(const struct script_file *file);
void script_file_order(const struct script_file *file, unsigned number,
                       const struct statement **out);

struct ladder_line {
    msec at;
    char from[24], to[24];
    char text[160];
    enum sim_fate fate;
};

struct drop_rule {
    char from[24], to[24], what[24];
    unsigned count;
};

struct variable {
    char name[24];
    struct str value;
};

struct scene {
    const struct script_file *file;
    const struct statement *now;
    struct arena arena;
    struct world_options options;
    struct str config;
    struct world *world;
    msec begun, marked; /* marked: when the statement before this one ended */
    struct phone phones[SCENE_PHONES_MAX];
    unsigned phone_count;
    struct sim_nat nats[SCENE_NATS_MAX];
    unsigned nat_count;
    struct ladder_line ladder[LADDER_LINES];
    unsigned ladder_count;
    struct drop_rule drops[8];
    unsigned drop_count;
    struct variable variables[16];
    unsigned variable_count;
    struct {
        char who[24], what[24];
    } ignored[16];
    unsigned ignored_count;
    const char *domain;
    bool is_verbose, ends_dirty, has_failed;
};

/* Performs a file; false when an order of it failed, told on standard error. */
bool scene_perform_file(const char *path, bool is_verbose);

/* ---- for the files of the scene ---- */

/* Tells what went wrong, once; always false. */
bool scene_fail(struct scene *scene, const char *format, ...) PRINTF_LIKE(2, 3);
struct phone *scene_find_phone(struct scene *scene, struct str name);
/* NULL-terminated copy that lives as long as the scene. */
const char *scene_text(struct scene *scene, struct str text);
/* The next word of a line; empty at the end. */
struct str take_word(struct str *rest);
/* "32s", "500ms", "2m", "1h". */
bool read_time(struct str text, msec *out);
bool scene_matches(struct scene *scene, struct str text, struct str pattern);
/* The text with $names replaced. */
struct str scene_expand(struct scene *scene, struct str text);
bool scene_is_ignored(const struct scene *scene, const struct phone *phone,
                      const struct siptext *text);
/* "INVITE", "200", "1xx", "any". */
bool is_message(const struct siptext *text, struct str what);

void ladder_watch(void *context, const struct sim_host *from, const struct sim_host *to,
                  const struct addr *source, const struct addr *target, struct str bytes,
                  enum sim_fate fate);
void ladder_note(struct scene *scene, const char *text);
void ladder_print(const struct scene *scene);

/* scene_talk.c: "alice -> proxy : …" and "proxy -> bob : …" */
bool scene_talk(struct scene *scene, const struct statement *statement);
bool scene_hears_nothing(struct scene *scene, struct phone *phone, msec duration);
bool scene_register(struct scene *scene, struct phone *phone);
bool scene_set_up_call(struct scene *scene, struct phone *caller, struct phone *callee);
bool scene_end_call(struct scene *scene, struct phone *caller, struct phone *callee);
/* The first message that nobody has read and that matters; NULL: none. */
struct heard *phone_unread(struct scene *scene, struct phone *phone);
/* scene_records.c: "logged 1 …" and "asked SELECT … => …" */
bool scene_logged(struct scene *scene, struct str rest);
bool scene_asked(struct scene *scene, struct str rest);
/* scene_media.c: "media alice <-> bob" */
bool scene_media(struct scene *scene, struct str rest);
bool scene_intrude(struct scene *scene, struct str rest);
