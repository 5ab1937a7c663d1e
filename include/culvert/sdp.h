/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Session descriptions (RFC 8866), as far as a relay must understand them: where each stream wants
 * its media, and how to write the description with other addresses and ports. Everything else passes
 * through byte for byte.
 */
#include <culvert/addr.h>
#include <culvert/arena.h>

enum {
    SDP_STREAMS_MAX = 32,
};

enum sdp_direction {
    SDP_SENDRECV, /* also when nothing is said */
    SDP_SENDONLY,
    SDP_RECVONLY,
    SDP_INACTIVE,
};

struct sdp_stream {
    struct str media;      /* "audio" */
    struct str proto;      /* "RTP/AVP" */
    struct str port_text;  /* where the port stands in the m= line */
    uint16_t port;         /* 0: rejected or off */
    struct addr address;   /* of this stream's c=, else of the session's; family NONE when a name or absent */
    struct str connection; /* the address text in this stream's own c=; empty when it has none */
    struct str rtcp_line;  /* the whole a=rtcp: line with its line end; empty when absent */
    uint16_t rtcp_port;    /* of a=rtcp, else port + 1 */
    struct addr rtcp_address; /* of a=rtcp when it names one, else the same as address */
    uint8_t direction;     /* enum sdp_direction; the session's when the stream says nothing */
    bool has_rtcp_mux;
    bool is_relayable;     /* RTP and udptl profiles: what travels over UDP, which we relay */
    bool has_remote_candidates;
    struct str section;    /* the lines of this media section, m= first */
};

struct sdp {
    struct str text;
    struct str origin_address;     /* the address text in o= */
    struct str session_connection; /* the address text in the session's c=; empty when absent */
    struct str session_network;    /* "IP4" or "IP6" in front of it, likewise as a place */
    struct addr session_address;
    struct sdp_stream streams[SDP_STREAMS_MAX];
    unsigned stream_count;
};

/* What a description may have at most; streams never more than SDP_STREAMS_MAX. */
struct sdp_limits {
    size_t bytes;
    unsigned streams;
    unsigned attributes; /* of a stream, and of the session; candidates not among them */
    unsigned candidates; /* of a stream */
};

const struct sdp_limits *sdp_limits_default(void);

/* ERR_SYNTAX: not a description; ERR_LIMIT: more than the limits allow. Borrows text. */
MUST_USE enum err sdp_parse_within(struct str text, const struct sdp_limits *limits,
                                   struct sdp *out);
/* Within the default limits. */
MUST_USE enum err sdp_parse(struct str text, struct sdp *out);

/* True when the stream asks the other side to be silent: 0.0.0.0, sendonly or inactive. */
bool sdp_stream_is_held(const struct sdp_stream *stream);

/* Where the relay wants the media of one stream. */
struct sdp_anchor {
    bool is_relayed;      /* false: leave this stream alone */
    struct addr address;  /* the relay's address and RTP port, as the receiver of this text sees it */
    uint16_t rtcp_port;   /* equals the RTP port when muxed */
};

struct sdp_writing {
    bool replaces_origin;
    struct str extra_line; /* a whole line, without its end, to put last; empty: none */
};

/*
 * Writes the description with every relayed stream at its anchor: m= port, c= (address family
 * included; a c= of the stream's own is added when the session's does not fit), a=rtcp, and o= when
 * it is to be replaced. A c= that nobody can read goes. Port 0 stays 0 and a null address (hold) stays null. ICE candidates and
 * a=remote-candidates of relayed streams are removed, since they name ways around the relay.
 */
MUST_USE enum err sdp_write_anchored(struct writer *w, const struct sdp *sdp,
                                     const struct sdp_anchor anchors[],
                                     const struct sdp_writing *how);

/* Lines added by the classic helpers: see nathelper's fix_nated_sdp. */
struct sdp_fix {
    bool add_direction_active; /* a=direction:active at the end */
    bool replace_connections;  /* every c= that is not null */
    bool replace_origin;
    bool add_old_address;      /* a=oldmediaip: for each replaced address */
    struct addr address;       /* the replacement */
    struct str extra_line;     /* a whole line with CRLF for the end, or empty */
};

/* ERR_NOT_FOUND when a replacement was asked for and nothing matched; ERR_UNSUPPORTED on mixed families. */
MUST_USE enum err sdp_write_fixed(struct writer *w, struct str text, const struct sdp_fix *fix);
