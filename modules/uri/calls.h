/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Functions on URIs that the modules uri and siputils have in common. */
#include <culvert/module.h>

enum {
    E164_DIGITS_MIN = 3,
    E164_DIGITS_MAX = 15,
};

enum verdict uri_is_user(struct call *call);
enum verdict uri_has_totag(struct call *call);
enum verdict uri_param(struct call *call);
enum verdict uri_add_param(struct call *call);
enum verdict uri_is_user_e164(struct call *call);

/* "+" and 3 to 15 digits. */
bool uri_text_is_e164(struct str text);
/* A telephone number without its visual separators: "+358-555.1234567" as "+3585551234567". */
void uri_write_number(struct writer *w, struct str number);
/* The Request-URI that the script works on. */
struct str uri_current(struct run *run);
/* Rewrites it. */
enum verdict uri_change(struct call *call, const struct sip_uri *uri);
