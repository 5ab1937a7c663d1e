/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What rtpproxy and rtpengine do for scripts, done by the server's own relay. */
#include <culvert/module.h>

enum media_answer {
    MEDIA_DONE = 1,
    MEDIA_REFUSED = -1,
    MEDIA_NO_RELAY = -3,
};

/* Re-anchors the description of the message. */
enum verdict media_anchor(struct call *call, const struct media_options *options);
/* Ends the media of the call. */
enum verdict media_end(struct call *call);
/*
 * Does what the message calls for: anchors offers and answers of INVITE, ACK, PRACK and UPDATE, and
 * ends the media with BYE and with the failure of an INVITE that opened a dialog. One inside a dialog
 * that fails leaves its media as they were. -1 for other methods.
 */
enum verdict media_manage(struct call *call, const struct media_options *options);
