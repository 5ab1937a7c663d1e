/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The inside of anchoring: between the messages of a worker and the relay's table. */
#include <culvert/multipart.h>

#include "host/host.h"

/* False: a description in this message is no offer and no answer, and passes as it is. */
bool media_may_describe(const struct sip_msg *msg);
/* The dialog and turn of run->msg; its description and parties are still to be filled in. */
struct relay_describe media_describe(const struct run *run);
