/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The dialogs of one worker, as a state x event table over RFC 3261 §12, found by Call-ID and tags.
 * While an INVITE is not answered there is one dialog for it, with an early leg for each To tag; each
 * 2xx then has a dialog of its own. The user is told of moments; after the last one it is freed.
 */
#include <culvert/dialog.h>
#include <culvert/random.h>

#include "base/hash.h"

struct dialogs;

struct dialogs_user {
    void *context;
    void (*on_moment)(void *context, struct dialog *dialog, enum dialog_moment moment);
    /* The time of the state is over; whoever wants BYEs sends them now. FINISHED or FAILED follows. */
    void (*on_timeout)(void *context, struct dialog *dialog);
};

struct dialogs_settings {
    const struct dialog_rules *rules; /* must outlive the dialogs */
    unsigned index, count;            /* which of how many workers: makes ids unique among them */
};

MUST_USE enum err dialogs_create(const struct dialogs_settings *settings, struct wheel *wheel,
                                 struct random_source *random, const struct dialogs_user *user,
                                 struct dialogs **out);
/* Frees all without a word to the user. */
void dialogs_destroy(struct dialogs *dialogs);
unsigned dialogs_count(const struct dialogs *dialogs);
size_t dialogs_bytes(const struct dialogs *dialogs); /* held by all of them */

/* What an INVITE, or a 2xx, says of a party. Texts are copied. */
struct dialog_told {
    struct str tag, uri, contact, routes;
    uint32_t cseq;
    struct flow flow;
};

struct dialog_new {
    struct str call_id, uri;
    struct dialog_told caller;
    struct str callee_uri;
    bool is_automatic;
    uint64_t wall;
};

/* ERR_LIMIT: too many of them, or too long. */
MUST_USE enum err dialogs_make(struct dialogs *dialogs, const struct dialog_new *made,
                               struct dialog **out);

/* ---- finding ---- */

struct dialog *dialogs_find(const struct dialogs *dialogs, uint64_t number);
struct dialog *dialogs_find_id(const struct dialogs *dialogs, uint32_t entry, uint32_t id);
/* A dialog of the INVITE with this Call-ID and caller's tag that is not answered yet, or any. */
struct dialog *dialogs_find_call(const struct dialogs *dialogs, struct str call_id,
                                 struct str caller_tag);
/* Tags as the sender of a request writes them; *side is who sent it. Early legs count. */
struct dialog *dialogs_match(const struct dialogs *dialogs, struct str call_id, struct str from_tag,
                             struct str to_tag, enum dialog_side *side);
struct dialog *dialogs_next(const struct dialogs *dialogs, uint64_t number);

/* ---- requests inside ---- */

/* RFC 3261 §12.2.2: false for a CSeq below the last one of that side. */
bool dialog_is_in_order(const struct dialog *dialog, enum dialog_side side, struct str callee_tag,
                        uint32_t cseq);
/* A request of this side is passed on. */
void dialog_note_cseq(struct dialog *dialog, enum dialog_side side, struct str callee_tag,
                      uint32_t cseq);
/* A target refresh (§12.2.1.2) was accepted. Without memory all stays as it was. */
void dialog_refresh(struct dialog *dialog, enum dialog_side side, struct str contact);
void dialog_move(struct dialog *dialog, enum dialog_side side, const struct flow *flow);

/* ---- events; the dialog may be gone afterwards ---- */

/* A provisional response with a tag. */
void dialog_progress(struct dialog *dialog, const struct dialog_told *callee);
/* A 2xx: of this dialog, or of another leg, which becomes a dialog. False: refused, too many. */
bool dialog_answer(struct dialog *dialog, const struct dialog_told *callee, uint64_t wall);
void dialog_fail(struct dialog *dialog);
void dialog_acknowledge(struct dialog *dialog);
/* A BYE was answered. */
void dialog_bye(struct dialog *dialog);
/* False when the dialog was not answered: it stays. */
bool dialog_kill(struct dialog *dialog, enum dialog_end why);
void dialog_live(struct dialog *dialog, msec lifetime);
msec dialog_left(const struct dialog *dialog);
