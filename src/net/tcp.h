/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* TCP, and what the other stream transports share with it: accepting, choosing a connection. */
#include "net/inside.h"

extern const struct transport_functions tcp_functions;

/* Accepts what waits; survives running out of descriptors. */
void stream_accept(struct port *port);
/* On flow->connection alone, or on a connection to the peer, dialled if there is none. */
enum err stream_send(struct net *net, const struct flow *flow, struct str bytes);
