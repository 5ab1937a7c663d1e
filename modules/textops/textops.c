/* SPDX-License-Identifier: Apache-2.0 */
#include "textops.h"

/* clang-format off */
#define ROW(name_, function, minimum, doc_, ...) \
    { .name = name_, .run = textops_##function, .takes = { __VA_ARGS__ }, .min_args = minimum, \
      .stages = STAGE_EVERY, .doc = doc_ }
#define SUBST(name_, function, minimum, doc_, ...) \
    { .name = name_, .run = textops_##function, .prepare = subst_prepare, .takes = { __VA_ARGS__ }, \
      .min_args = minimum, .stages = STAGE_EVERY, .doc = doc_ }
#define NO_ARGS ARG_END

#define DOC_REMOVE "Removes all headers of a name."
#define DOC_PRESENT "True when there is a header of this name."

static const struct mod_function functions[] = {
    ROW("search", search, 1, "True when headers or body match.", ARG_RE),
    ROW("search_body", search_body, 1, "True when the body matches.", ARG_RE),
    ROW("search_hf", search_hf, 3, "True when a header matches: name, expression, which (a, f, l).", ARG_STR, ARG_RE, ARG_STR),
    ROW("search_append", search_append, 2, "Adds a text behind the first match.", ARG_RE, ARG_LINES),
    ROW("search_append_body", search_append_body, 2, "The same in the body.", ARG_RE, ARG_FMT),
    ROW("replace", replace, 2, "Replaces the first match in headers and body.", ARG_RE, ARG_STR),
    ROW("replace_all", replace_all, 2, "Replaces all matches in headers and body.", ARG_RE, ARG_STR),
    ROW("replace_body", replace_body, 2, "Replaces the first match in the body.", ARG_RE, ARG_STR),
    ROW("replace_body_all", replace_body_all, 2, "Replaces all matches in the body.", ARG_RE, ARG_STR),
    ROW("replace_body_atonce", replace_body_all, 2, "Replaces all matches in the body.", ARG_RE, ARG_STR),
    ROW("replace_hdrs", replace_hdrs, 2, "Replaces all matches in the headers.", ARG_RE, ARG_STR),
    ROW("replace_str", replace_str, 3, "Replaces a text: text, replacement, mode (a, f).", ARG_FMT, ARG_LINES, ARG_FMT),
    ROW("replace_body_str", replace_body_str, 3, "The same in the body.", ARG_FMT, ARG_FMT, ARG_FMT),
    ROW("replace_hdrs_str", replace_hdrs_str, 3, "The same in the headers.", ARG_FMT, ARG_LINES, ARG_FMT),

    SUBST("subst", subst, 1, "Replaces in headers and body: /expression/replacement/flags.", ARG_CUSTOM),
    SUBST("subst_body", subst_body, 1, "The same in the body.", ARG_CUSTOM),
    SUBST("subst_uri", subst_uri, 1, "The same in the Request-URI.", ARG_CUSTOM),
    SUBST("subst_user", subst_user, 1, "The same in the user part of the Request-URI.", ARG_CUSTOM),
    SUBST("subst_hf", subst_hf, 3, "The same in headers: name, subst, which (a, f, l).", ARG_STR, ARG_CUSTOM, ARG_STR),

    ROW("append_hf", append_hf, 1, "Adds a header behind the last [of this name].", ARG_LINES, ARG_STR),
    ROW("insert_hf", insert_hf, 1, "Adds a header before the first [of this name].", ARG_LINES, ARG_STR),
    ROW("append_urihf", append_urihf, 2, "Adds a header: text, received Request-URI, text.", ARG_STR, ARG_STR),
    ROW("remove_hf", remove_hf, 1, DOC_REMOVE, ARG_STR),
    ROW("remove_hf_pv", remove_hf, 1, DOC_REMOVE, ARG_FMT),
    ROW("remove_hf_re", remove_hf_re, 1, "Removes all headers whose name matches.", ARG_RE),
    ROW("remove_hf_re_pv", remove_hf_re, 1, "Removes all headers whose name matches.", ARG_RE),
    ROW("remove_hf_exp", remove_hf_exp, 2, "The same, but for those that match the second expression.", ARG_RE, ARG_RE),
    ROW("remove_hf_exp_pv", remove_hf_exp, 2, "The same, but for those that match the second expression.", ARG_RE, ARG_RE),
    ROW("remove_hf_idx", remove_hf_idx, 2, "Removes the n-th header of a name.", ARG_FMT, ARG_INT),
    ROW("remove_hf_match", remove_hf_match, 3, "Removes headers by value: name, eq ne or in, text.", ARG_FMT, ARG_FMT, ARG_FMT),
    ROW("keep_hf", keep_hf, 0, "Removes headers but the needed ones and those that match.", ARG_RE),
    ROW("append_to_reply", append_to_reply, 1, "Adds a header to replies of our own.", ARG_LINES),
    ROW("append_time", append_time, 0, "Adds Date to replies of our own.", NO_ARGS),
    ROW("append_time_to_request", append_time_to_request, 0, "Adds Date to the request.", NO_ARGS),

    ROW("is_present_hf", is_present_hf, 1, DOC_PRESENT, ARG_STR),
    ROW("is_present_hf_pv", is_present_hf, 1, DOC_PRESENT, ARG_FMT),
    ROW("is_present_hf_re", is_present_hf_re, 1, "True when a header's name matches.", ARG_RE),
    ROW("is_present_hf_re_pv", is_present_hf_re, 1, "True when a header's name matches.", ARG_RE),
    { .name = "is_method", .run = textops_is_method, .prepare = methods_prepare, .takes = { ARG_CUSTOM },
      .min_args = 1, .stages = STAGE_EVERY, .traits = TRAIT_BLIND, .doc = "True for one of the methods: \"INVITE|ACK\"." },
    ROW("has_body", has_body, 0, "True when there is a body [of this type].", ARG_STR),
    ROW("is_privacy", is_privacy, 1, "True when Privacy names this.", ARG_STR),
    ROW("is_audio_on_hold", is_audio_on_hold, 0, "1 held by a null address, 2 by direction.", NO_ARGS),

    ROW("filter_body", filter_body, 1, "Keeps the first part of a type.", ARG_STR),
    ROW("set_body", set_body, 2, "Replaces the body: text, type.", ARG_FMT, ARG_FMT),
    ROW("set_body_multipart", set_body_multipart, 0, "Makes the body a multipart: [text, type [, boundary]].", ARG_FMT, ARG_FMT, ARG_FMT),
    ROW("get_body_part", get_body_part, 2, "Stores the part of a type in a variable.", ARG_FMT, ARG_VAR),
    ROW("get_body_part_raw", get_body_part_raw, 2, "The same with its headers.", ARG_FMT, ARG_VAR),
    ROW("remove_body_part", remove_body_part, 1, "Removes the part of a type.", ARG_FMT),
    ROW("append_body_part", append_body_part, 2, "Adds a part: text, type [, disposition].", ARG_FMT, ARG_FMT, ARG_FMT),
    ROW("set_reply_body", set_reply_body, 2, "The body of a reply of our own: text, type.", ARG_FMT, ARG_FMT),
    ROW("remove_body", remove_body, 0, "Removes the body.", NO_ARGS),

    ROW("in_list", in_list, 3, "True when a text is in a list: text, list, separator.", ARG_FMT, ARG_FMT, ARG_FMT),
    ROW("in_list_prefix", in_list_prefix, 3, "The same for the beginning of the text.", ARG_FMT, ARG_FMT, ARG_FMT),
    ROW("cmp_str", cmp_str, 2, "True when texts are equal.", ARG_FMT, ARG_FMT),
    ROW("cmp_istr", cmp_istr, 2, "The same, case ignored.", ARG_FMT, ARG_FMT),
    ROW("starts_with", starts_with, 2, "True when the first text starts with the second.", ARG_FMT, ARG_FMT),
    ROW("ends_with", ends_with, 2, "True when the first text ends with the second.", ARG_FMT, ARG_FMT),
    ROW("str_find", str_find, 2, "Where the second text is in the first, counted from 1.", ARG_FMT, ARG_FMT),
    ROW("str_ifind", str_ifind, 2, "The same, case ignored.", ARG_FMT, ARG_FMT),
    ROW("search_str", search_str, 2, "True when the text matches.", ARG_FMT, ARG_RE),
    { .name = "regex_substring", .run = textops_regex_substring, .prepare = pattern_prepare,
      .takes = { ARG_FMT, ARG_CUSTOM, ARG_INT, ARG_INT, ARG_VAR }, .min_args = 5, .stages = STAGE_EVERY,
      .doc = "A group of a match: text, expression, which, how many, variable." },
    ROW("fnmatch", match_pattern, 2, "True when a pattern of the shell matches: text, pattern [, i].", ARG_FMT, ARG_FMT, ARG_FMT),
    { 0 },
};
/* clang-format on */

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "textops",
    .summary = "Searching and changing the text of messages.",
    .functions = functions,
};
