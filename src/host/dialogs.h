/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "host/host.h"

/* dialog_speak.c: the event route of a moment, when the script has one. */
void dialog_run_moment(struct worker *worker, struct dialog *dialog, enum dialog_moment moment);
/* dialog_speak.c: the lifetime of a dialog is over; the worker is the context. */
void dialogs_time_is_over(void *context, struct dialog *dialog);
