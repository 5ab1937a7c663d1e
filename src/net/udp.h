/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* UDP: many datagrams a call of the kernel in, one a call out, from exactly the socket of the flow.
 */
#include "net/inside.h"

extern const struct transport_functions udp_functions;

struct datagrams *datagrams_create(void);
void datagrams_destroy(struct datagrams *datagrams);
