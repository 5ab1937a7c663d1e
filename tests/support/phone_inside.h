/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Shared by the files of the phone. */
#include "support/phone.h"

/* A copy in the phone's memory. */
struct str phone_keep(struct phone *phone, struct str text);
struct str phone_print(struct phone *phone, const char *format, ...) PRINTF_LIKE(2, 3);
/* Learns from a message: calls, dialogs, where media goes. */
void phone_follow(struct phone *phone, const struct siptext *text);
struct phone_call *phone_find_call(const struct phone *phone, struct str call_id);
/* A new call with its own tag; its id too when none is given. */
struct phone_call *phone_make_call(struct phone *phone, struct str call_id);
struct phone_dialog *call_find_dialog(const struct phone_call *call, struct str remote_tag);

/* Opens the ports of a call when they are not open yet. */
void call_open_audio(struct phone_call *call);
struct str call_write_sdp(struct phone_call *call, enum speech wish);
