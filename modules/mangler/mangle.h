/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Addresses and ports of a session description, replaced one by one. Pure. */
#include <culvert/sdp.h>

/* Writes the description with `text` in each c= whose address lies in the net; how many there were. */
unsigned mangle_addresses(struct writer *w, const struct sdp *sdp, const struct addr_net *net, struct str text);
/*
 * Writes it with other ports: this one, or as many less when `change` is negative. A stream that is off, or would get
 * a port that is none, stays as it is. How many were written.
 */
unsigned mangle_ports(struct writer *w, const struct sdp *sdp, int64_t change);
