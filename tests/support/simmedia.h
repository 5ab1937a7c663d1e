/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The relay's packets on the simulated network: one lane, and every pair a pair of sockets there.
 */
#include "media/engine.h"
#include "support/simnet.h"

/* Belongs to the relay afterwards. Pairs open at `host`, whatever address the relay names. */
MUST_USE enum err sim_media_create(struct simnet *net, struct sim_host *host,
                                   struct media_engine **out);
