/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * From the host of a URI to flows (RFC 3263): addresses at once, names by the asynchronous DNS.
 * NAPTR is not asked: without a port and a transport, SRV of UDP and TCP are tried in this order.
 */
#include "base/outside.h"
#include "net/inside.h"

struct names;

MUST_USE enum err resolver_create(struct net *net, struct resolver **out);
/* What is under way is forgotten: its `done` is not called. */
void resolver_destroy(struct resolver *resolver);
void resolver_resolve(struct resolver *resolver, const struct resolve_query *query,
                      resolve_done_fn *done, void *context);
/* To set other servers than those of the machine. */
struct names *resolver_names(struct resolver *resolver);
