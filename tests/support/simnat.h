/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Inside the simulated network: address translation and streams. */
#include "support/simnet.h"

#include "base/hash.h"

void *sim_alloc(size_t size);
struct sim_host *sim_find_host(const struct simnet *net, const struct sim_nat *realm,
                               const struct addr *ip);

/* The NAT whose outside address in a realm this is. */
struct sim_nat *sim_nat_at(const struct simnet *net, const struct sim_nat *realm,
                           const struct addr *addr);
/*
 * Takes a packet from a realm outwards until its target is there: rewrites the source at every NAT
 * on the way. False when a NAT swallowed it.
 */
bool sim_nat_outbound(struct simnet *net, struct sim_nat *realm, struct addr *source,
                      const struct addr *target, const struct sim_nat **out);
/* One NAT inwards: rewrites the target; false when the NAT lets nothing in from there. */
bool sim_nat_inbound(struct simnet *net, struct sim_nat *nat, const struct addr *source,
                     struct addr *target);
/* The same without asking who sends, and without consequences. */
bool sim_nat_foresee(const struct sim_nat *nat, struct addr *target);
/* Frees the mappings. */
void sim_nat_forget(struct sim_nat *nat);

void sim_streams_drop(struct simnet *net);
