/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Locks that scripts share over all workers, by keys: a set of slots that keys are hashed to, as in
 * the original. Who finds one taken waits without its worker. A lock is a lease: what a script has
 * forgotten to give back is free again after a while.
 */
#include <stdatomic.h>

#include <culvert/module.h>
#include <culvert/server.h>

struct locks {
    int64_t size_bits;       /* lock_set_size; 0: no locks */
    _Atomic uint64_t *slots; /* holder << 32 | second at which the lease ends; 0: free */
    _Atomic uint32_t serial; /* numbers those who lock */
    unsigned request_slot;   /* where a request keeps its number */
};

MUST_USE enum err locks_start(struct module *module, struct locks *locks);
void locks_stop(struct locks *locks);
enum verdict locks_lock(struct locks *locks, struct run *run, struct str key);
enum verdict locks_try(struct locks *locks, struct run *run, struct str key);
enum verdict locks_unlock(struct locks *locks, struct run *run, struct str key);
/* An even spread of texts over 32 bits. */
uint32_t locks_hash(struct str a, struct str b);
