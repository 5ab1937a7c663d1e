/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of the originals that have no effect here, each with the reason that a notice gives. */
#include "host/settings.h"

#define NO_PROCESSES "culvert is one process; threads are set with -n or workers="
#define NO_POOLS "memory grows and shrinks as needed"
#define NO_COLLECTION "the name used longest ago makes room"
#define OWN_OUTAGES "the list of failed destinations has a fixed size"
#define ALL_FAILURES "every kind of failure counts; a failed destination is tried last, not left out"
#define NO_NAMES "names of peers are never looked up to judge them"
#define NO_REALTIME "threads run with the priority that the system gives the process"
#define NO_SCTP "SCTP is not among the transports"
#define NO_KEMI "routing is defined by this script"
#define NO_TUNING "the system's setting for all connections is used"
#define OWN_QUEUES "a connection holds 256 kB of unsent bytes for 5 s at most"
#define NO_MULTICAST "signalling is not sent to groups"
#define NO_LATENCY "the time that work takes is not logged"
#define USE_CTL "use culvertctl"
#define ONE_FORMAT "log lines have one format"

struct ignored_row {
    const char *name;
    const char *why;
};

static const struct ignored_row rows[] = {
    { "children", NO_PROCESSES },
    { "tcp_children", NO_PROCESSES },
    { "socket_workers", NO_PROCESSES },
    { "async_workers", "nothing blocks a worker, so none are set aside" },
    { "shm", NO_POOLS },
    { "shm_mem", NO_POOLS },
    { "shm_mem_size", NO_POOLS },
    { "shm_force_alloc", NO_POOLS },
    { "mlock_pages", NO_POOLS },
    { "mem_join", NO_POOLS },
    { "mem_safety", NO_POOLS },
    { "mem_summary", NO_POOLS },
    { "memlog", NO_POOLS },
    { "mem_log", NO_POOLS },
    { "memdbg", NO_POOLS },
    { "mem_dbg", NO_POOLS },
    { "dns", NO_NAMES },
    { "rev_dns", NO_NAMES },
    { "auto_aliases", NO_NAMES },
    { "check_via", "a response is matched by its transaction" },
    { "reply_to_via", "replies go where the request came from" },
    { "sip_warning", "no Warning header is added" },
    { "maxbuffer", "receive buffers are sized by the kernel's limit" },
    { "dns_slow_query_ms", "nobody waits for the DNS but the request that asks" },
    { "dns_search_full_match", "what is found below a domain of the search list counts" },
    { "dns_cache_gc_interval", NO_COLLECTION },
    { "dns_cache_del_nonexp", NO_COLLECTION },
    { "dns_cache_delete_nonexpired", NO_COLLECTION },
    { "dns_cache_rec_pref", "the cache is filled by the DNS alone" },
    { "dns_sctp_pref", NO_SCTP },
    { "dns_sctp_preference", NO_SCTP },
    { "dst_blocklist_init", "use_dst_blocklist decides" },
    { "dst_blacklist_init", "use_dst_blocklist decides" },
    { "dst_blocklist_mem", OWN_OUTAGES },
    { "dst_blacklist_mem", OWN_OUTAGES },
    { "dst_blocklist_gc_interval", OWN_OUTAGES },
    { "dst_blacklist_gc_interval", OWN_OUTAGES },
    { "dst_blocklist_udp_imask", ALL_FAILURES },
    { "dst_blocklist_tcp_imask", ALL_FAILURES },
    { "dst_blocklist_tls_imask", ALL_FAILURES },
    { "dst_blocklist_sctp_imask", NO_SCTP },
    { "tls_send_timeout", "tcp_send_timeout holds for TLS too" },
    { "tls_client_domain_avp", "the profile is that of the peer's domain" },
    { "disable_core_dump", "core files follow the limits of the system" },
    { "tos", "signalling is sent with the system's default" },
    { "tcp_poll_method", "the best method of the system is used" },
    { "tcp_accept_aliases", "connections are reused by the flow of the registration" },
    { "tcp_accept_no_cl", "a stream message needs its Content-Length" },
    { "exit_timeout", "a stop takes as long as the open writes need" },
    { "ser_kill_timeout", "a stop takes as long as the open writes need" },
    { "syn_branch", "branches are always unique" },
    { "fifo", "use culvertctl" },
    { "fifo_dir", "use culvertctl" },
    { "fifo_mode", "use culvertctl" },
    { "unix_sock", "use culvertctl" },
    { "unix_sock_children", "use culvertctl" },
    { "unix_tx_timeout", "use culvertctl" },

    { "async_nonblock", NO_PROCESSES },
    { "async_usleep", NO_PROCESSES },
    { "async_workers_group", NO_PROCESSES },
    { "fork_delay", NO_PROCESSES },
    { "modinit_delay", NO_PROCESSES },
    { "route_locks_size", "messages of one call never run at the same time" },
    { "wait_worker1_mode", NO_PROCESSES },
    { "wait_worker1_time", NO_PROCESSES },
    { "wait_worker1_usleep", NO_PROCESSES },

    { "mem_status_mode", NO_POOLS },
    { "pv_buffer_size", NO_POOLS },
    { "pv_buffer_slots", NO_POOLS },
    { "pv_cache_action", NO_POOLS },
    { "pv_cache_limit", NO_POOLS },
    { "sql_buffer_size", NO_POOLS },

    { "real_time", NO_REALTIME },
    { "rt_ftimer_policy", NO_REALTIME },
    { "rt_ftimer_prio", NO_REALTIME },
    { "rt_fast_timer_prio", NO_REALTIME },
    { "rt_policy", NO_REALTIME },
    { "rt_prio", NO_REALTIME },
    { "rt_stimer_policy", NO_REALTIME },
    { "rt_stimer_prio", NO_REALTIME },
    { "rt_timer1_policy", NO_REALTIME },
    { "rt_timer1_prio", NO_REALTIME },
    { "rt_timer2_policy", NO_REALTIME },
    { "rt_timer2_prio", NO_REALTIME },

    { "disable_sctp", NO_SCTP },
    { "enable_sctp", NO_SCTP },
    { "sctp_children", NO_SCTP },

    { "kemi.event_route_callback", NO_KEMI },
    { "kemi.onsend_route_callback", NO_KEMI },
    { "kemi.pre_routing_callback", NO_KEMI },
    { "kemi.received_route_callback", NO_KEMI },
    { "kemi.reply_route_callback", NO_KEMI },

    { "tcp_accept_haproxy", "addresses are those of the connection" },
    { "tcp_accept_hep3", "only SIP is spoken on these ports" },
    { "tcp_accept_unique", "a peer may have several connections" },
    { "tcp_async", OWN_QUEUES },
    { "tcp_buf_write", OWN_QUEUES },
    { "tcp_clone_rcvbuf", "messages are never changed where they were received" },
    { "tcp_conn_wq_max", OWN_QUEUES },
    { "tcp_connection_match", "connections are found by flow and by alias" },
    { "tcp_crlf_ping", "a CRLF ping is always answered (RFC 5626 §4.4.1)" },
    { "tcp_defer_accept", NO_TUNING },
    { "tcp_delayed_ack", NO_TUNING },
    { "tcp_fd_cache", "connections are not passed between processes" },
    { "tcp_keepalive", NO_TUNING },
    { "tcp_keepcnt", NO_TUNING },
    { "tcp_keepidle", NO_TUNING },
    { "tcp_keepintvl", NO_TUNING },
    { "tcp_linger2", NO_TUNING },
    { "tcp_no_connect", "a client behind a NAT is never dialled" },
    { "tcp_rd_buf_size", "buffers grow up to the longest message" },
    { "tcp_reuse_port", "listening sockets are always shared by the workers" },
    { "tcp_script_mode", "a malformed message ends its connection" },
    { "tcp_source_ipv4", "the listening address is used" },
    { "tcp_source_ipv6", "the listening address is used" },
    { "tcp_syncnt", NO_TUNING },
    { "tcp_wait_data", NO_TUNING },
    { "tcp_wq_blk_size", OWN_QUEUES },
    { "tcp_wq_max", OWN_QUEUES },

    { "mcast", NO_MULTICAST },
    { "mcast_loopback", NO_MULTICAST },
    { "mcast_ttl", NO_MULTICAST },
    { "udp4_raw", "sockets are plain UDP" },
    { "udp4_raw_mtu", "sockets are plain UDP" },
    { "udp4_raw_ttl", "sockets are plain UDP" },

    { "latency_cfg_log", NO_LATENCY },
    { "latency_limit_action", NO_LATENCY },
    { "latency_limit_cfg", NO_LATENCY },
    { "latency_limit_db", NO_LATENCY },
    { "latency_log", NO_LATENCY },
    { "msg_time", "the time of arrival is always known" },

    { "core_log", ONE_FORMAT },
    { "corelog", ONE_FORMAT },
    { "log_color", ONE_FORMAT },
    { "log_engine_data", ONE_FORMAT },
    { "log_engine_type", ONE_FORMAT },
    { "log_prefix_mode", "the prefix is made anew for each line" },
    { "sip_parser_log", "malformed messages are counted, one in a second is logged" },
    { "sip_parser_log_oneline", ONE_FORMAT },
    { "sip_parser_mode", "the parser has one way, that of the RFCs" },
    { "tls_log", ONE_FORMAT },
    { "tlslog", ONE_FORMAT },

    { "hdr_name_extra_chars", "header names are tokens (RFC 3261 §25.1)" },
    { "uri_host_extra_chars", "hosts are those of RFC 3261 §25.1" },
    { "http_reply_hack", "only SIP is spoken on these ports" },
    { "http_reply_parse", "only SIP is spoken on these ports" },
    { "ipv6_hex_style", "addresses are written as RFC 5952 says" },
    { "auto_bind_ipv6", "listen on [::] for that" },
    { "bind_ipv6_link_local", "listen on the address with its zone for that" },
    { "phone2tel", "a URI is compared as it is written" },
    { "rundir", "files are in the working directory" },
    { "run_dir", "files are in the working directory" },
    { "stats_name_separator", "counters are named group:name" },
    { "statistics", USE_CTL },
    { "verbose_startup", "use debug for more lines" },
    { "version_table", "versions of tables are not compared" },
    { "xavp_via_fields", "the Via is made of the socket and its advertised address" },
    { "xavp_via_params", "the Via is made of the socket and its advertised address" },
    { "disable_core", "core files follow the limits of the system" },

    { "fifo_db_url", USE_CTL },
    { "fifo_group", USE_CTL },
    { "fifo_user", USE_CTL },
    { "file_mode", USE_CTL },
    { "sock_group", USE_CTL },
    { "sock_mode", USE_CTL },
    { "sock_user", USE_CTL },
};

const char *settings_why_ignored(struct str name)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (str_eq(name, str_of(rows[i].name)))
            return rows[i].why;
    }
    return NULL;
}

void settings_each_ignored(void (*visit)(void *visitor, struct str name), void *visitor)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        visit(visitor, str_of(rows[i].name));
}
