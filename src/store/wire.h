/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Waiting for the socket of a database: until a deadline, or until the store is interrupted. */
#include "store/driver.h"

MUST_USE enum err interrupt_init(struct interrupt *interrupt);
void interrupt_fini(struct interrupt *interrupt);
void interrupt_raise(struct interrupt *interrupt);

/*
 * Until one of the events of poll() is there, which are then in `events`. ERR_TIMEOUT at the
 * deadline, ERR_NOT_NOW when interrupted.
 */
MUST_USE enum err wire_wait(const struct connection *connection, int fd, short *events,
                            msec deadline);
