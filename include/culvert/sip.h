/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * SIP messages (RFC 3261 §7). A message is an index over its received bytes: headers are {name,
 * value, line} in order of arrival; what every message needs is parsed at once, the rest on demand.
 * The message, the index and everything parsed from it live in the arena given to sip_msg_parse and
 * are immutable afterwards: changes are recorded in edit lists and applied when a message is written.
 */
#include <culvert/uri.h>

/* M(id, name, creates a dialog) */
#define SIP_METHOD_TABLE(M) \
    M(INVITE, true)         \
    M(ACK, false)           \
    M(CANCEL, false)        \
    M(BYE, false)           \
    M(REGISTER, false)      \
    M(OPTIONS, false)       \
    M(SUBSCRIBE, true)      \
    M(NOTIFY, false)        \
    M(MESSAGE, false)       \
    M(REFER, true)          \
    M(INFO, false)          \
    M(UPDATE, false)        \
    M(PRACK, false)         \
    M(PUBLISH, false)

enum sip_method {
#define M(id, dialog) SIP_##id,
    SIP_METHOD_TABLE(M)
#undef M
    SIP_UNKNOWN_METHOD,
    SIP_METHODS
};

struct str sip_method_name(enum sip_method method);
/* Methods are case-sensitive (RFC 3261 §7.1). */
enum sip_method sip_method_find(struct str name);
/*
 * "name: value" as one line of a head, in the arena. What scripts and messages have given becomes a
 * header through this: ERR_SYNTAX when CR, LF or NUL in it would end the line.
 */
MUST_USE enum err sip_print_header(struct arena *arena, struct str *line, struct str name,
                                   struct str value);
/* The number that scripts know a method by: a bit. Methods without one of their own share the last. */
uint32_t sip_method_bit(struct str name);

/* H(id, name, compact form or "", at most once) */
#define SIP_HEADER_TABLE(H)                                          \
    H(VIA, "Via", "v", false)                                        \
    H(FROM, "From", "f", true)                                       \
    H(TO, "To", "t", true)                                           \
    H(CALL_ID, "Call-ID", "i", true)                                 \
    H(CSEQ, "CSeq", "", true)                                        \
    H(CONTACT, "Contact", "m", false)                                \
    H(MAX_FORWARDS, "Max-Forwards", "", true)                        \
    H(ROUTE, "Route", "", false)                                     \
    H(RECORD_ROUTE, "Record-Route", "", false)                       \
    H(PATH, "Path", "", false)                                       \
    H(CONTENT_LENGTH, "Content-Length", "l", true)                   \
    H(CONTENT_TYPE, "Content-Type", "c", true)                       \
    H(CONTENT_ENCODING, "Content-Encoding", "e", false)              \
    H(EXPIRES, "Expires", "", true)                                  \
    H(AUTHORIZATION, "Authorization", "", false)                     \
    H(PROXY_AUTHORIZATION, "Proxy-Authorization", "", false)         \
    H(WWW_AUTHENTICATE, "WWW-Authenticate", "", false)               \
    H(PROXY_AUTHENTICATE, "Proxy-Authenticate", "", false)           \
    H(USER_AGENT, "User-Agent", "", true)                            \
    H(SERVER, "Server", "", true)                                    \
    H(REQUIRE, "Require", "", false)                                 \
    H(PROXY_REQUIRE, "Proxy-Require", "", false)                     \
    H(SUPPORTED, "Supported", "k", false)                            \
    H(UNSUPPORTED, "Unsupported", "", false)                         \
    H(ALLOW, "Allow", "", false)                                     \
    H(EVENT, "Event", "o", true)                                     \
    H(SUBJECT, "Subject", "s", true)                                 \
    H(REASON, "Reason", "", false)                                   \
    H(RETRY_AFTER, "Retry-After", "", true)                          \
    H(DATE, "Date", "", true)                                        \
    H(REFER_TO, "Refer-To", "r", true)                               \
    H(DIVERSION, "Diversion", "", false)                             \
    H(PRIVACY, "Privacy", "", false)                                 \
    H(REMOTE_PARTY_ID, "Remote-Party-ID", "", false)                 \
    H(P_ASSERTED_IDENTITY, "P-Asserted-Identity", "", false)         \
    H(P_PREFERRED_IDENTITY, "P-Preferred-Identity", "", false)       \
    H(RSEQ, "RSeq", "", true)                                        \
    H(RACK, "RAck", "", true)                                        \
    H(SESSION_EXPIRES, "Session-Expires", "x", true)                 \
    H(MIN_EXPIRES, "Min-Expires", "", true)                          \
    H(MAX_BREADTH, "Max-Breadth", "", true)

enum sip_hdr_id {
#define H(id, name, compact, single) SIP_HDR_##id,
    SIP_HEADER_TABLE(H)
#undef H
    SIP_HDR_OTHER,
    SIP_HDR_IDS
};

struct str sip_hdr_name(enum sip_hdr_id id);
/* By full or compact name, any case; SIP_HDR_OTHER when unknown. */
enum sip_hdr_id sip_hdr_find_id(struct str name);

struct sip_hdr {
    enum sip_hdr_id id;
    struct str name;
    struct str value; /* trimmed; folds inside are still there */
    struct str line;  /* the whole header with its line end, folds included: what an edit removes */
};

/* via-parm (RFC 3261 §20.42, rport of RFC 3581). */
struct sip_via {
    struct str text;      /* the whole via-parm */
    struct str transport; /* "UDP" */
    struct str host;      /* sent-by; IPv6 with its brackets */
    uint16_t port;        /* 0 when absent */
    struct str params;
    struct str branch;
    struct str received;
    struct str maddr;
    bool has_rport;       /* present, with or without a value */
    uint16_t rport;       /* its value, or 0 */
    bool is_rfc3261;      /* branch starts with the magic cookie z9hG4bK */
};

MUST_USE enum err sip_via_parse(struct str text, struct sip_via *out);

/* Why a message was refused, for the reply and the log. */
struct sip_fault {
    const char *what; /* static text: "CSeq out of range" */
    unsigned status;  /* 400, 413, 505… to reply with, if enough was readable to reply at all */
};

struct sip_msg {
    struct arena *arena;
    struct str bytes;       /* as received; the copy in the arena */
    bool is_request;
    enum sip_method method; /* of the request line; of CSeq in a response */
    struct str method_name;
    struct str ruri;        /* requests: the Request-URI as received */
    unsigned status;        /* responses */
    struct str reason;
    struct str first_line;  /* with its line end */

    struct sip_hdr *hdrs;
    unsigned hdr_count;
    uint64_t present;       /* bit 1 << id: a header of that id is there */
    bool is_canonical;      /* no folds, and all lines end in CRLF: may be copied as it is */

    struct sip_via via;     /* the topmost */
    struct str via_rest;    /* what follows the topmost via-parm in the same header line; may be empty */
    struct str call_id;
    uint32_t cseq;
    struct sip_nameaddr from;
    struct sip_nameaddr to;
    struct str from_tag;    /* empty when absent */
    struct str to_tag;
    uint8_t max_forwards;
    bool has_max_forwards;

    struct str head;        /* first line and headers, with the empty line that ends them */
    struct str body;
};

/* Limits of security.md PARSE-5; sip_limits_default() has the proposed values. */
struct sip_limits {
    unsigned headers, vias, routes, contacts, params;
    size_t name_bytes, value_bytes, uri_bytes, message_bytes;
};

const struct sip_limits *sip_limits_default(void);

/*
 * Parses one datagram, or one message framed by sip_stream_frame. The bytes are copied into the arena
 * first. `is_stream` makes Content-Length mandatory. On ERR_SYNTAX, ERR_LIMIT and ERR_RANGE *fault
 * says why; *out is then still written when a response can be made from it (Via, From, To, Call-ID
 * and CSeq readable), else NULL.
 */
MUST_USE enum err sip_msg_parse(struct arena *arena, struct str bytes, bool is_stream,
                                const struct sip_limits *limits, struct sip_msg **out,
                                struct sip_fault *fault);

/* Finds the Call-ID by a scan alone: to choose the worker before anything is parsed. Empty: none. */
struct str sip_peek_call_id(struct str bytes);

enum sip_frame {
    SIP_FRAME_MORE,      /* not complete yet */
    SIP_FRAME_MESSAGE,   /* *length bytes are one message */
    SIP_FRAME_KEEPALIVE, /* CRLF CRLF: *length bytes; answer with one CRLF (RFC 5626 §4.4.1) */
    SIP_FRAME_SKIP,      /* a CRLF that no other follows (a pong): skip *length bytes */
    SIP_FRAME_BROKEN,    /* not SIP, or no usable Content-Length: close the connection */
};

/*
 * Looks at the start of a byte stream. The first bytes must look like a SIP start line. A message
 * longer than limits->message_bytes is BROKEN as soon as its length is known. `scanned` is the
 * caller's, 0 at first and after every frame: it makes byte-by-byte delivery linear.
 */
enum sip_frame sip_stream_frame(struct str bytes, const struct sip_limits *limits, size_t *scanned,
                                size_t *length);

/* The first header of an id after `after` (NULL: from the top); NULL when there is none. */
const struct sip_hdr *sip_msg_find(const struct sip_msg *msg, enum sip_hdr_id id,
                                   const struct sip_hdr *after);
/* The same by name (full or compact), for headers outside the table too. */
const struct sip_hdr *sip_msg_find_name(const struct sip_msg *msg, struct str name,
                                        const struct sip_hdr *after);
unsigned sip_msg_count_name(const struct sip_msg *msg, struct str name);
/* The value of the first header of an id; empty when there is none. */
struct str sip_msg_value(const struct sip_msg *msg, enum sip_hdr_id id);

/* Walks the comma-separated values of all headers of one id, quoted strings and <> respected. */
struct sip_values {
    const struct sip_msg *msg;
    enum sip_hdr_id id;
    const struct sip_hdr *hdr; /* the header that `value` is in */
    struct str value;          /* the current value */
    struct str rest;           /* what follows it in the same header */
};

struct sip_values sip_values_of(const struct sip_msg *msg, enum sip_hdr_id id);
/* False at the end. */
bool sip_values_next(struct sip_values *values);
/* The same for a bare list: takes the next value off *rest. */
bool sip_list_next(struct str *rest, struct str *out);

/* Content-Type without parameters is type/subtype (any case): "application/sdp". */
bool sip_msg_has_content_type(const struct sip_msg *msg, struct str type);

/* Digest credentials or challenge (RFC 7616 §3.3, §3.4). Values are unquoted. */
struct sip_digest {
    struct str username, realm, nonce, uri, response, algorithm, cnonce, opaque, qop, nc;
    bool is_stale;
};

/* ERR_UNSUPPORTED for a scheme that is not Digest; ERR_SYNTAX when a parameter comes twice. */
MUST_USE enum err sip_digest_parse(struct str value, struct sip_digest *out);
/* The credentials for a realm in Authorization or Proxy-Authorization; NULL when there are none. */
const struct sip_hdr *sip_digest_find(const struct sip_msg *msg, enum sip_hdr_id id, struct str realm,
                                      struct sip_digest *out);
