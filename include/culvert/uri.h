/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * SIP URIs (RFC 3261 §19.1) as borrowed pieces of the text they were parsed from, and the readers
 * for the parameter lists that URIs and headers share.
 */
#include <culvert/addr.h>
#include <culvert/arena.h>

enum uri_scheme {
    URI_SIP,
    URI_SIPS,
    URI_TEL,
    URI_OTHER, /* an absolute URI of a scheme that we do not route */
};

struct sip_uri {
    struct str text;   /* the whole URI */
    uint8_t scheme;    /* enum uri_scheme */
    bool has_port;
    uint16_t port;     /* 0 when absent */
    struct str user;   /* as written, still escaped; empty when absent (tel: the number) */
    struct str password;
    struct str host;   /* IPv6 with its brackets */
    struct str params; /* after the first ';' of the host part, without it; may be empty */
    struct str headers; /* after '?', without it */
};

/* ERR_SYNTAX for what is no URI; schemes other than sip, sips, tel only fill text and scheme. */
MUST_USE enum err sip_uri_parse(struct str text, struct sip_uri *out);
/* Writes the URI from its pieces (text is ignored): parse(write(parse(x))) equals parse(x). */
void sip_uri_write(struct writer *w, const struct sip_uri *uri);
/* The explicit port, or the default of the scheme and transport parameter. */
uint16_t sip_uri_port(const struct sip_uri *uri);
/* ;transport=, else TLS for sips, else UDP. ERR_UNSUPPORTED for a transport we do not know. */
MUST_USE enum err sip_uri_transport(const struct sip_uri *uri, enum transport *out);
/* RFC 3261 §19.1.4 on the parts that matter to a registrar and proxy. */
bool sip_uri_equal(const struct sip_uri *a, const struct sip_uri *b);
/* Resolves %XX. ERR_SYNTAX for a broken escape, and for one that yields CR, LF or NUL. */
MUST_USE enum err sip_unescape(struct arena *arena, struct str text, struct str *out);

/* One of ;name=value;name… A parameter without '=' has has_value false. */
struct sip_param {
    struct str name;
    struct str value; /* quotes of a quoted-string are kept; see sip_unquote */
    bool has_value;
};

/* Walks a list as in sip_uri.params: start with *rest = the list; false at the end or on garbage. */
bool sip_param_next(struct str *rest, struct sip_param *out);
/* Finds by name, any case. False when absent. */
bool sip_param_find(struct str params, struct str name, struct sip_param *out);
/* The value of a parameter; empty when it is absent or has none. */
struct str sip_param_value(struct str params, struct str name);
/* qvalue (RFC 3261 §25.1) in thousandths: "0.5", ".5" and "0.500" are 500; -1 for what is none. */
int sip_q_parse(struct str text);
/* Without surrounding quotes; backslash escapes stay. */
struct str sip_unquote(struct str text);

/* name-addr or addr-spec, with header parameters: From, To, Contact, Route, Record-Route. */
struct sip_nameaddr {
    struct str text;    /* the whole value, parameters included */
    struct str display; /* as written, quotes included; may be empty */
    struct sip_uri uri;
    struct str params;  /* header parameters: after the first ';' behind the URI */
    bool is_star;       /* Contact: * */
};

MUST_USE enum err sip_nameaddr_parse(struct str text, struct sip_nameaddr *out);
