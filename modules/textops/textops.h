/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the files of the module share. All functions work on the received message: earlier changes
 * are not seen. Regular expressions ignore case, and ^ and $ stand at lines.
 */
#include <culvert/log.h>
#include <culvert/module.h>
#include <culvert/server.h>
#include <culvert/subst.h>

#define FUNCTION(name) enum verdict textops_##name(struct call *call)

/* search.c */
FUNCTION(search);
FUNCTION(search_body);
FUNCTION(search_hf);
FUNCTION(search_append);
FUNCTION(search_append_body);
FUNCTION(replace);
FUNCTION(replace_all);
FUNCTION(replace_body);
FUNCTION(replace_body_all);
FUNCTION(replace_hdrs);
FUNCTION(replace_str);
FUNCTION(replace_body_str);
FUNCTION(replace_hdrs_str);

/* subst.c */
FUNCTION(subst);
FUNCTION(subst_body);
FUNCTION(subst_uri);
FUNCTION(subst_user);
FUNCTION(subst_hf);

/* headers.c */
FUNCTION(append_hf);
FUNCTION(insert_hf);
FUNCTION(append_urihf);
FUNCTION(remove_hf);
FUNCTION(remove_hf_re);
FUNCTION(remove_hf_exp);
FUNCTION(remove_hf_idx);
FUNCTION(remove_hf_match);
FUNCTION(keep_hf);
FUNCTION(append_to_reply);
FUNCTION(append_time);
FUNCTION(append_time_to_request);

/* ask.c */
FUNCTION(is_present_hf);
FUNCTION(is_present_hf_re);
FUNCTION(is_method);
FUNCTION(has_body);
FUNCTION(is_privacy);
FUNCTION(is_audio_on_hold);

/* substring.c */
FUNCTION(regex_substring);
enum err pattern_prepare(struct module *module, unsigned index, struct str text,
                         const struct script_place *place, const void **out);

/* body.c */
FUNCTION(filter_body);
FUNCTION(set_reply_body);
FUNCTION(set_body);
FUNCTION(remove_body);

/* A new body and its Content-Type. */
MUST_USE enum err body_replace(struct run *run, struct str body, struct str type);

/* parts.c */
FUNCTION(get_body_part);
FUNCTION(get_body_part_raw);
FUNCTION(remove_body_part);
FUNCTION(append_body_part);
FUNCTION(set_body_multipart);

/* compare.c */
FUNCTION(in_list);
FUNCTION(in_list_prefix);
FUNCTION(cmp_str);
FUNCTION(cmp_istr);
FUNCTION(starts_with);
FUNCTION(ends_with);
FUNCTION(str_find);
FUNCTION(str_ifind);
FUNCTION(str_within);
FUNCTION(str_iwithin);
FUNCTION(search_str);
FUNCTION(match_pattern);

/* '/expression/replacement/flags' of a script, compiled. */
enum err subst_prepare(struct module *module, unsigned index, struct str text,
                       const struct script_place *place, const void **out);
/* Completes all of them; by start(). */
/* "INVITE|ACK" as a set. */
enum err methods_prepare(struct module *module, unsigned index, struct str text,
                         const struct script_place *place, const void **out);

/* Headers with the empty line, and body: the message without its start line. */
struct str text_behind_start_line(const struct sip_msg *msg);
struct str text_of_headers(const struct sip_msg *msg);
/* Replaces a part of the message by a copy of the text. */
MUST_USE enum err edit_replace(struct run *run, struct str old, struct str text);
