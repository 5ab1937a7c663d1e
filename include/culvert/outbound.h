/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The edge proxy of RFC 5626: the flow of a client, signed, stands in the user part of our Path or
 * Record-Route, and brings requests back to it.
 */
#include <culvert/run.h>

/* We are the client's first hop, and it asks for outbound (RFC 5626 §4.2, §4.3). */
bool outbound_is_wanted(const struct run *run);
/* Our socket of a flow as a URI has it: host [ ":" port ] [ ";transport=" ]. */
void outbound_write_socket(struct writer *w, const struct run *run, const struct flow *flow);
/* The signed name of the flow that the request came on. */
void outbound_write_token(struct writer *w, const struct run *run);
