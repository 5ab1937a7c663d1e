/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* How the server of a world is connected to its network. */
#include "support/world.h"

/* Opens the listen sockets as the options say; how many is the result. */
unsigned world_listen(struct world *world);
/* Closes them, and every connection. */
void world_unlisten(struct world *world);
/* The functions that a worker sends and resolves with. */
void world_seat_init(struct world_seat *seat);
/* The socket asked for if it fits, else the first that does; SOCKET_ANY: none. */
uint16_t world_choose_socket(const struct world *world, uint16_t wish, unsigned transport,
                             const struct addr *peer);
/* After the listeners are there; the outside resolves from then on. */
void world_names_open(struct world_seat *seat);
void world_names_close(struct world_seat *seat);
/* Tells all who wait for a name that there is none. */
void world_refuse_names(struct world *world);

/* world_commands.c */
MUST_USE enum err world_run_command(void *world, const struct shell_command *command, shell_done_fn *done,
                                    void *argument);
/* The server stops: what still runs is over. */
void world_end_commands(struct world *world);
