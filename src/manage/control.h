/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The control socket: a UNIX stream socket of mode 0600, served by a thread of its own. A client
 * sends one JSON-RPC 2.0 request a line and gets one response a line. Commands are the rows of
 * commands.c and those of the modules.
 */
#include "host/host.h"
#include "net/net.h"

struct control;

/* What commands may look at. */
struct control_context {
    struct server *server;
    struct net_shared *net;   /* NULL in tests without sockets */
    void (*stop)(void *owner); /* core.kill */
    void *owner;
};

/* ERR_EXISTS: another server answers on the path. Logs what is wrong. */
MUST_USE enum err control_start(const char *path, const struct control_context *context,
                                struct control **out);
void control_stop(struct control *control);

/* Runs one request text, answers with one response text (freed by the caller): for tests and fuzzing. */
char *control_answer(const struct control_context *context, struct str request);
