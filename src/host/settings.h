/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Global settings: one row each (settings.c), with the names that OpenSER and Kamailio scripts use.
 * Settings of the originals that mean nothing here are rows too: accepted, with one notice.
 */
#include <culvert/server.h>

#include <culvert/log.h>

#include "host/blacklist.h"
#include "host/tls.h"
#include "net/name_rules.h"
#include "script/script.h"

enum {
    LISTENERS_MAX = 64,
    ALIASES_MAX = 256,
};

/* A listen address as written; expanded to listeners when sockets are opened. */
struct listen_spec {
    bool has_transport; /* false: UDP, TCP, and TLS where it is enabled */
    enum transport transport;
    struct str host;    /* address, or an interface or host name; "*" or "any": every address */
    uint16_t port;      /* 0: the default port */
    struct str advertised_host;
    uint16_t advertised_port;
};

/* group.name = value: an operator's own constant, read by $sel(cfg_get.group.name). */
struct custom_setting {
    struct custom_setting *next;
    struct str name; /* "group.name", "group[2].name" */
    struct value value;
};

/* A name that means this server. */
struct alias {
    struct str host;
    uint16_t port; /* 0: any */
};

/* What the script has written of a setting that is more than a number or a text. */
struct written_setting {
    struct written_setting *next;
    const char *name;
    struct str text;
};

struct settings {
    struct arena arena; /* all texts below */
    struct written_setting *written;

    struct listen_spec listen[LISTENERS_MAX];
    unsigned listen_count;
    struct alias aliases[ALIASES_MAX];
    unsigned alias_count;
    int64_t port, tls_port;
    struct str advertised_host;
    int64_t advertised_port;
    int64_t is_multihomed, disable_tcp;
    int64_t enable_tls, disable_tls; /* -1: not said */
    struct tls_settings tls;

    int64_t debug;           /* in the scale of the dialect */
    int64_t louder;          /* steps of the command line's beyond it */
    int64_t log_stderr, fork_into_background;
    struct str log_facility, log_name;
    struct str user, group, chroot, workdir, pid_file;
    int64_t workers;         /* 0: one per core */
    int64_t watchdog_timeout; /* seconds that a worker may be silent; 0: nobody looks */
    int64_t watchdog_abort;
    int64_t files_limit;

    struct str module_path;  /* colon-separated folders */
    int64_t allow_exec;     /* scripts may run programs (culvert/shell.h) */
    int64_t exec_processes; /* at once */
    struct str database;     /* file of the embedded database */
    int64_t database_connections; /* of the pool of each db_url; 1 to 32 */
    int64_t database_timeout;     /* seconds for a statement */
    struct str control_socket;

    int64_t server_signature;
    struct str server_header, user_agent_header; /* whole lines without CRLF; empty: our own */
    int64_t max_while_loops, max_recursion;
    int64_t script_max_steps, script_max_memory; /* of a run: instructions, bytes */
    int64_t force_rport;     /* answer every request where it came from (RFC 3581) */
    int64_t server_id;
    struct str log_prefix;   /* with variables; put before the lines that a script logs */
    struct custom_setting *custom; /* the newest first */

    struct str dns_servers; /* "192.0.2.53,[2001:db8::53]:53"; empty: those of the machine */
    struct dns_settings {   /* -1: not set */
        int64_t try_ipv6, try_naptr, srv_lb, use_search_list;
        int64_t retr_time, retr_no, servers_no;
        int64_t use_cache, cache_init, cache_flags, cache_mem;
        int64_t negative_ttl, min_ttl, max_ttl, stale_ttl;
        int64_t use_failover, disable_failover;
        int64_t naptr_ignore_rfc, udp_pref, tcp_pref, tls_pref;
        int64_t use_blocklist, disable_blacklist, blocklist_expire;
    } dns;

    struct blacklists blacklists; /* dst_blacklist */
    int64_t onsend_route_reply; /* onsend_route looks at forwarded responses too */
    int64_t udp_mtu;        /* requests of more bytes are sent by udp_mtu_transport; 0: never */
    enum transport udp_mtu_transport;
    int64_t source_rate;    /* datagrams a second from an address that we do not know; 0: any */
    int64_t limit_answers;  /* strangers get no more bytes of failures than they sent */
    int64_t pmtu_discovery; /* datagrams may not be fragmented on the way */

    int64_t tcp_connections_max, tcp_connect_timeout, tcp_send_timeout, tcp_lifetime;
    int64_t tcp_connections_per_address; /* accepted from one IPv4 address, or IPv6 /64 */
    int64_t tcp_strangers_max;           /* accepted ones on which nobody has proved who he is */
    int64_t tls_connections_max;         /* 0: as many as of TCP */
    int64_t tls_handshake_timeout;

    struct str media_ports;  /* "30000-39999" */
    int64_t media_threads, media_silence_timeout, media_hold_timeout, media_setup_timeout;
    int64_t media_audio_packets, media_audio_kbits; /* a second, of one party; 0: no cap */
    int64_t media_other_packets, media_other_kbits;
    int64_t sdp_bytes_max, sdp_streams_max, sdp_attributes_max, sdp_candidates_max;
    struct str media_address; /* "local" or "local/advertised", comma-separated; empty: the listen addresses */
};

void settings_init(struct settings *settings);
void settings_fini(struct settings *settings);
/* ERR_NOT_FOUND: no such setting. Other errors have been complained about at `place`. */
MUST_USE enum err settings_set(struct settings *settings, const struct script_setting *setting,
                               const struct script_place *place);
/* The operator's own setting; NULL when there is none. */
const struct value *settings_custom(const struct settings *settings, struct str name);
/* What the server was started with, what is in force, and what a reload has read. */
struct settings_trio {
    const struct settings *start, *now, *next;
};

struct setting_change {
    const char *name;
    struct str old, new;
    bool is_live; /* it is read of the current edition, else at the start only */
};

void settings_compare(const struct settings_trio *trio,
                      void (*visit)(void *context, const struct setting_change *change),
                      void *context);
/* Why a setting of the originals has no effect here; NULL for all others. */
const char *settings_why_ignored(struct str name);
void settings_each_ignored(void (*visit)(void *visitor, struct str name), void *visitor);
void settings_each_name(void (*visit)(void *visitor, struct str name), void *visitor);
/* A setting with effect, for the page about them. */
struct setting_doc {
    const char *name, *kind;
    const char *initial; /* empty: nothing, or decided elsewhere */
    const char *doc;
};
/* Its sentence; empty when it has none. */
const char *settings_doc(const char *name);
void settings_each_doc(void (*visit)(void *visitor, const struct setting_doc *doc), void *visitor);
/* Is TLS wanted on every address (true), or nowhere at all (in *is_refused)? */
bool settings_want_tls(const struct settings *settings, bool *is_refused);
/* "udp:192.0.2.1:5060", "tcp:[::1]", "192.0.2.1" as on the command line (-l) and in listen=. */
MUST_USE enum err listen_spec_parse(struct str text, struct listen_spec *out);
/* How names are resolved; texts are the settings'. */
void settings_name_rules(struct settings *settings, struct name_rules *out);
/* Only the first address of a name is tried. */
bool settings_no_failover(const struct settings *settings);
/* The threshold that `debug` means in a dialect. */
enum log_level settings_log_level(const struct settings *settings, enum script_dialect dialect);
