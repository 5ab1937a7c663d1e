/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Productions that URIs and headers share, over the cursor (RFC 3261 §25.1).
 */
#include <culvert/cursor.h>
#include <culvert/sip.h>

/* What may stand in a URI: everything visible but quotes and angle brackets. */
extern const bool class_uri[256];
/* The name of a parameter, and what is its value when it is not quoted. */
extern const bool class_param_name[256];
extern const bool class_param_value[256];

/* host = hostname / IPv4address / IPv6reference; the brackets stay. */
struct str sip_take_host(struct cursor *c);
/* generic-param = token [ EQUAL gen-value ], with the wider bytes that URIs allow. */
void sip_take_param(struct cursor *c, struct sip_param *out);
/*
 * What is behind the public parsers: *out must be cleared before, and is half filled when they
 * fail, which spares the copy. `tag` (NULL allowed) gets the tag of From and To; a second one is a
 * fault.
 */
MUST_USE enum err sip_uri_read(struct str text, struct sip_uri *out);
MUST_USE enum err sip_via_read(struct str text, struct sip_via *out);
MUST_USE enum err sip_nameaddr_read(struct str text, struct sip_nameaddr *out, struct str *tag);
/* Fails on the second time that *seen is set. */
void sip_take_once(struct cursor *c, bool *seen);
