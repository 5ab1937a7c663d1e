/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <culvert/module.h>
#include <culvert/sdp.h>

/* The description of the message as it stands after all changes so far. */
struct description {
    struct run_part part;
    struct sdp sdp;
};

struct sdpops {
    unsigned slot; /* of requests: iterators */
};

/* ERR_NOT_FOUND when the message has none. */
MUST_USE enum err sdpops_find(const struct run *run, struct description *out);
/* Room for it and `more` bytes, to be written anew. */
MUST_USE enum err sdpops_open(struct run *run, const struct description *description, size_t more,
                              struct writer *out);
/* Puts what was written in its place. */
MUST_USE enum err sdpops_close(struct run *run, const struct description *description,
                               const struct writer *w);

/* iterate.c */
enum verdict sdp_iterator_start(struct call *call);
enum verdict sdp_iterator_next(struct call *call);
enum verdict sdp_iterator_end(struct call *call);
enum verdict sdp_iterator_rm(struct call *call);
enum verdict sdp_iterator_append(struct call *call);
enum verdict sdp_iterator_insert(struct call *call);
enum err sdpops_get_line(const struct variable_use *use, struct value *out);
