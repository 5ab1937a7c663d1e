/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "host/host.h"

/* dialog_speak.c: the lifetime of a dialog is over; the worker is the context. */
void dialogs_time_is_over(void *context, struct dialog *dialog);
