/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the files of the module share. All functions work on the received message: earlier changes
 * are not seen. Regular expressions ignore case, and ^ and $ stand at lines.
 */
#include <culvert/log.h>
#include <culvert/module.h>
#include <culvert/server.h>

struct subst;

struct textops {
    struct subst *substs; /* all that scripts have, for stop() */
};

#define TEXTOPS_TABLE(F)                                                                           \
    /* search.c */                                                                                 \
    F(search)                                                                                      \
    F(search_body) F(search_hf) F(search_append) F(search_append_body) F(replace) F(replace_all)   \
        F(replace_body) F(replace_body_all) F(replace_hdrs) F(replace_str) F(replace_body_str)     \
            F(replace_hdrs_str)                                       /* subst.c */                \
        F(subst) F(subst_body) F(subst_uri) F(subst_user) F(subst_hf) /* headers.c */              \
        F(append_hf) F(insert_hf) F(append_urihf) F(remove_hf) F(remove_hf_re) F(remove_hf_exp)    \
            F(remove_hf_idx) F(remove_hf_match) F(keep_hf) F(append_to_reply) F(append_time)       \
                F(append_time_to_request) /* ask.c */                                              \
        F(is_present_hf) F(is_present_hf_re) F(is_method) F(has_body) F(is_privacy)                \
            F(is_audio_on_hold)                   /* body.c */                                     \
        F(filter_body) F(set_body) F(remove_body) /* compare.c */                                  \
        F(in_list) F(in_list_prefix) F(cmp_str) F(cmp_istr) F(starts_with) F(ends_with)            \
            F(str_within) F(str_iwithin) F(search_str) F(match_pattern)

#define F(name) enum verdict textops_##name(struct call *call);
TEXTOPS_TABLE(F)
#undef F

/* '/expression/replacement/flags' of a script, compiled. */
enum err subst_prepare(struct module *module, unsigned index, struct str text,
                       const struct script_place *place, const void **out);
/* Completes all of them; by start(). */
MUST_USE enum err subst_find_variables(struct module *module);
void subst_destroy_all(struct textops *textops);
/* "INVITE|ACK" as a set. */
enum err methods_prepare(struct module *module, unsigned index, struct str text,
                         const struct script_place *place, const void **out);

static inline struct str text_arg(const struct call *call, unsigned index)
{
    return index < call->arg_count ? call->args[index].value.text : (struct str){ 0 };
}

/* Headers with the empty line, and body: the message without its start line. */
struct str text_behind_start_line(const struct sip_msg *msg);
struct str text_of_headers(const struct sip_msg *msg);
/* Replaces a part of the message by a copy of the text. */
MUST_USE enum err edit_replace(struct run *run, struct str old, struct str text);
