/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Reading the script again while the server runs: all of it is checked and compiled beside the
 * workers, and then they change to it, or nothing changes at all.
 */
#include "host/host.h"

/* A line for people. */
struct reload_note {
    struct reload_note *next;
    struct str text;
};

struct reload_notes {
    struct reload_note *first, **end;
};

struct reload_report {
    struct arena arena;
    unsigned edition;              /* the number of what runs now */
    struct reload_notes messages;  /* of the compiler; each several lines, with their ends */
    struct reload_notes changed;   /* "debug: 2 -> 3": in force now */
    struct reload_notes deferred;  /* what takes effect at the next start */
};

void reload_report_init(struct reload_report *report);
void reload_report_fini(struct reload_report *report);

/*
 * Reads the file that the server was started with, or `text` (not NULL) in its place.
 * From any thread but a worker's; two at once come one after the other. The workers are told: each
 * changes to the new edition before whatever reaches it later. On an error nothing has changed, and
 * the messages say why. All of it is logged, too.
 */
MUST_USE enum err server_reload(struct server *server, const struct str *text,
                                struct reload_report *report);

/*
 * Measures scripts from now on, from zero, also after reloads; or no more. ERR_TIMEOUT: a worker is
 * too busy. From any thread but a worker's, as the next.
 */
MUST_USE enum err server_profile(struct server *server, bool is_on);
/*
 * What has been measured: the lines of the edition, which the caller has, of all workers together.
 * False: nothing is being measured.
 */
bool server_read_profile(struct server *server, struct edition *edition, struct script_line *lines);

/* The edition that is current; a reference is the caller's. From any thread but a worker's. */
struct edition *server_edition(struct server *server);

/* worker.c: changes to the edition that waits for it, if any. On its own thread. */
void worker_take_script(struct worker *worker);

/* standstill.c: `change` happens while no worker runs. ERR_TIMEOUT: one of them does not stop. */
MUST_USE enum err server_stand_still(struct server *server, void (*change)(void *context),
                                     void *context);
