/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What net_create needs of the opened sockets. */
#include "net/net.h"

/* pmtu_discovery: datagrams that fit the path are not to be fragmented on it. */
void net_sockets_discover_mtu(int fd, uint8_t family);
/* The socket of a listener for a worker; the caller closes it. -1 when it was taken before. */
int net_sockets_take(struct net_sockets *sockets, unsigned worker, unsigned listener);
