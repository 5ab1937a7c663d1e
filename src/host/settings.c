/* SPDX-License-Identifier: Apache-2.0 */
#include "host/settings.h"

#include <culvert/sdp.h>

#include <culvert/module.h>

#include <stdio.h>

typedef enum err setting_fn(struct settings *settings, const struct script_setting *setting,
                            const struct script_place *place);

enum setting_kind {
    SETTING_NUMBER,
    SETTING_TEXT,
    SETTING_CALL,
};

struct setting_row {
    const char *name;
    enum setting_kind kind;
    size_t offset;
    setting_fn *set;
    bool is_live; /* read of the edition: a reload changes it at once */
};

static enum err set_listen(struct settings *settings, const struct script_setting *setting,
                           const struct script_place *place);
static enum err set_alias(struct settings *settings, const struct script_setting *setting,
                          const struct script_place *place);
static enum err add_module_path(struct settings *settings, const struct script_setting *setting,
                                const struct script_place *place);
static enum err set_udp_mtu_transport(struct settings *settings,
                                      const struct script_setting *setting,
                                      const struct script_place *place);

#define NUMBER(name, field) { name, SETTING_NUMBER, offsetof(struct settings, field), NULL, false }
#define TEXT(name, field) { name, SETTING_TEXT, offsetof(struct settings, field), NULL, false }
#define CALL(name, function) { name, SETTING_CALL, 0, function, false }
#define LIVE_NUMBER(name, field) { name, SETTING_NUMBER, offsetof(struct settings, field), NULL, true }
#define LIVE_TEXT(name, field) { name, SETTING_TEXT, offsetof(struct settings, field), NULL, true }
#define LIVE_CALL(name, function) { name, SETTING_CALL, 0, function, true }


/* dst_blacklist = name:{ rules } */
static enum err add_blacklist(struct settings *settings, const struct script_setting *setting,
                              const struct script_place *place)
{
    struct str fault = STR("");
    enum err err = ERR_SYNTAX;

    if (setting->value_count == 2)
        err = blacklists_add(&settings->blacklists, &settings->arena, setting->values[0].text,
                             setting->values[1].text, &fault);
    if (err == ERR_SYNTAX)
        script_complain(place, "\"" STR_FMT "\" is no rule; write [!](proto,net,port,\"pattern\"), and any for what "
                        "does not matter", STR_ARG(fault));
    else if (err)
        script_complain(place, "there are at most %d lists of destinations", BLACKLISTS_MAX);
    return err;
}

static const struct setting_row rows[] = {
    CALL("listen", set_listen),
    LIVE_CALL("alias", set_alias),
    NUMBER("port", port),
    NUMBER("tls_port_no", tls_port),
    TEXT("advertised_address", advertised_host),
    NUMBER("advertised_port", advertised_port),
    NUMBER("mhomed", is_multihomed),
    NUMBER("disable_tcp", disable_tcp),
    NUMBER("enable_tls", enable_tls),
    NUMBER("tls_enable", enable_tls),
    NUMBER("disable_tls", disable_tls),
    NUMBER("tls_disable", disable_tls),

    LIVE_NUMBER("debug", debug),
    NUMBER("log_stderror", log_stderr),
    TEXT("log_facility", log_facility),
    TEXT("log_name", log_name),
    NUMBER("fork", fork_into_background),
    TEXT("user", user),
    TEXT("uid", user),
    TEXT("group", group),
    TEXT("gid", group),
    TEXT("chroot", chroot),
    TEXT("workdir", workdir),
    TEXT("wdir", workdir),
    TEXT("pidfile", pid_file),
    NUMBER("open_files_limit", files_limit),
    NUMBER("workers", workers),
    NUMBER("watchdog_timeout", watchdog_timeout),
    NUMBER("watchdog_abort", watchdog_abort),

    LIVE_CALL("mpath", add_module_path),
    LIVE_CALL("loadpath", add_module_path),
    TEXT("database", database),
    NUMBER("database_connections", database_connections),
    NUMBER("database_timeout", database_timeout),
    NUMBER("allow_exec", allow_exec),
    NUMBER("exec_processes", exec_processes),
    TEXT("control_socket", control_socket),

    NUMBER("server_signature", server_signature),
    TEXT("server_header", server_header),
    TEXT("user_agent_header", user_agent_header),
    LIVE_NUMBER("max_while_loops", max_while_loops),
    LIVE_NUMBER("max_recursive_level", max_recursion),
    LIVE_NUMBER("script_max_steps", script_max_steps),
    LIVE_NUMBER("script_max_memory", script_max_memory),
    LIVE_NUMBER("force_rport", force_rport),
    LIVE_NUMBER("add_rport", force_rport),
    NUMBER("server_id", server_id),
    LIVE_TEXT("log_prefix", log_prefix),

    TEXT("dns_servers", dns_servers),
    NUMBER("dns_try_ipv6", dns.try_ipv6),
    NUMBER("dns_try_naptr", dns.try_naptr),
    NUMBER("dns_srv_lb", dns.srv_lb),
    NUMBER("dns_srv_loadbalancing", dns.srv_lb),
    NUMBER("dns_use_search_list", dns.use_search_list),
    NUMBER("dns_retr_time", dns.retr_time),
    NUMBER("dns_retr_no", dns.retr_no),
    NUMBER("dns_servers_no", dns.servers_no),
    NUMBER("dns_cache_init", dns.cache_init),
    NUMBER("use_dns_cache", dns.use_cache),
    NUMBER("dns_cache_flags", dns.cache_flags),
    NUMBER("dns_cache_mem", dns.cache_mem),
    NUMBER("dns_cache_negative_ttl", dns.negative_ttl),
    NUMBER("dns_cache_min_ttl", dns.min_ttl),
    NUMBER("dns_cache_max_ttl", dns.max_ttl),
    NUMBER("dns_cache_stale_ttl", dns.stale_ttl),
    NUMBER("use_dns_failover", dns.use_failover),
    NUMBER("disable_dns_failover", dns.disable_failover),
    NUMBER("dns_naptr_ignore_rfc", dns.naptr_ignore_rfc),
    NUMBER("dns_udp_pref", dns.udp_pref),
    NUMBER("dns_udp_preference", dns.udp_pref),
    NUMBER("dns_tcp_pref", dns.tcp_pref),
    NUMBER("dns_tcp_preference", dns.tcp_pref),
    NUMBER("dns_tls_pref", dns.tls_pref),
    NUMBER("dns_tls_preference", dns.tls_pref),
    NUMBER("disable_dns_blacklist", dns.disable_blacklist),
    NUMBER("use_dst_blocklist", dns.use_blocklist),
    NUMBER("use_dst_blacklist", dns.use_blocklist),
    NUMBER("dst_blocklist_expire", dns.blocklist_expire),
    NUMBER("dst_blocklist_ttl", dns.blocklist_expire),
    NUMBER("dst_blacklist_expire", dns.blocklist_expire),
    NUMBER("dst_blacklist_ttl", dns.blocklist_expire),

    NUMBER("source_rate", source_rate),
    NUMBER("limit_answers", limit_answers),
    LIVE_NUMBER("onsend_route_reply", onsend_route_reply),
    NUMBER("udp_mtu", udp_mtu),
    CALL("udp_mtu_try_proto", set_udp_mtu_transport),
    NUMBER("pmtu_discovery", pmtu_discovery),

    NUMBER("tcp_max_connections", tcp_connections_max),
    NUMBER("tcp_connect_timeout", tcp_connect_timeout),
    NUMBER("tcp_send_timeout", tcp_send_timeout),
    NUMBER("tcp_connection_lifetime", tcp_lifetime),
    NUMBER("tcp_connections_per_address", tcp_connections_per_address),
    NUMBER("tcp_strangers_max", tcp_strangers_max),
    NUMBER("tls_max_connections", tls_connections_max),
    NUMBER("tls_handshake_timeout", tls_handshake_timeout),

    CALL("tls_method", tls_settings_set),
    CALL("tls_certificate", tls_settings_set),
    CALL("tls_private_key", tls_settings_set),
    CALL("tls_ca_list", tls_settings_set),
    CALL("tls_ciphers_list", tls_settings_set),
    CALL("tls_verify", tls_settings_set),
    CALL("tls_verify_client", tls_settings_set),
    CALL("tls_verify_server", tls_settings_set),
    CALL("tls_require_client_certificate", tls_settings_set),
    CALL("tls_require_certificate", tls_settings_set),
    CALL("tls_server_domain", tls_settings_add_domain),
    CALL("tls_client_domain", tls_settings_add_domain),
    CALL("dst_blacklist", add_blacklist),

    TEXT("media_ports", media_ports),
    TEXT("media_address", media_address),
    NUMBER("media_threads", media_threads),
    NUMBER("media_silence_timeout", media_silence_timeout),
    NUMBER("media_hold_timeout", media_hold_timeout),
    NUMBER("media_setup_timeout", media_setup_timeout),
    NUMBER("media_audio_packets", media_audio_packets),
    NUMBER("media_audio_kbits", media_audio_kbits),
    NUMBER("media_other_packets", media_other_packets),
    NUMBER("media_other_kbits", media_other_kbits),
    NUMBER("sdp_max_bytes", sdp_bytes_max),
    NUMBER("sdp_max_streams", sdp_streams_max),
    NUMBER("sdp_max_attributes", sdp_attributes_max),
    NUMBER("sdp_max_candidates", sdp_candidates_max),

};

static const struct setting_row *find_row(struct str name)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (str_eq(name, str_of(rows[i].name)))
            return &rows[i];
    }
    return NULL;
}

void settings_each_name(void (*visit)(void *visitor, struct str name), void *visitor)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        visit(visitor, str_of(rows[i].name));
    settings_each_ignored(visit, visitor);
}

static void describe_default(const struct settings *usual, const struct setting_row *row,
                             char *out, size_t size)
{
    const void *field = (const char *)usual + row->offset;
    const int64_t *number = field;
    const struct str *text = field;

    out[0] = '\0';
    if (row->kind == SETTING_NUMBER && *number != -1 && *number != INT64_MIN)
        snprintf(out, size, "%lld", (long long)*number);
    else if (row->kind == SETTING_TEXT && !str_is_empty(*text))
        snprintf(out, size, STR_FMT, STR_ARG(*text));
}

void settings_each_doc(void (*visit)(void *visitor, const struct setting_doc *doc), void *visitor)
{
    static const char *const kinds[] = { "number", "text", "list" };
    struct settings usual;
    char initial[64];

    settings_init(&usual);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        describe_default(&usual, &rows[i], initial, sizeof initial);
        visit(visitor, &(struct setting_doc){ rows[i].name, kinds[rows[i].kind], initial, settings_doc(rows[i].name) });
    }
    settings_fini(&usual);
}

void settings_init(struct settings *settings)
{
    *settings = (struct settings){
        .port = 5060,
        .tls_port = 5061,
        .enable_tls = -1,
        .disable_tls = -1,
        .debug = INT64_MIN,
        .fork_into_background = true,
        .log_facility = STR("LOG_DAEMON"),
        .log_name = STR("culvert"),
        .server_signature = true,
        .max_while_loops = 100,
        .max_recursion = 100,
        .script_max_steps = 100000,
        .script_max_memory = 262144,
        .source_rate = 10000,
        .limit_answers = true,
        .tcp_connections_max = 20000,
        .tcp_connect_timeout = 10,
        .tcp_send_timeout = 5,
        .watchdog_timeout = 10,
        .tcp_lifetime = 600,
        .tcp_connections_per_address = 1000,
        .tcp_strangers_max = 5000,
        .tls_handshake_timeout = 5,
        .media_ports = STR("30000-39999"),
        .media_silence_timeout = 60,
        .media_hold_timeout = 3600,
        .media_setup_timeout = 180,
        .media_audio_packets = 400, /* of 50 or 100 that phones send */
        .media_audio_kbits = 2000,
        .media_other_packets = 5000,
        .media_other_kbits = 40000,
        .sdp_bytes_max = 16384,
        .sdp_streams_max = SDP_STREAMS_MAX,
        .sdp_attributes_max = 256,
        .sdp_candidates_max = 64,
        .database = STR("culvert.db"),
        .database_connections = 4,
        .database_timeout = 5,
        .exec_processes = 8,
        .control_socket = STR("culvert.sock"),
    };
    tls_settings_init(&settings->tls);
    for (size_t i = 0; i < sizeof settings->dns / sizeof(int64_t); i++)
        ((int64_t *)(void *)&settings->dns)[i] = -1;
    arena_init(&settings->arena, NULL, 1 << 20);
}

bool settings_want_tls(const struct settings *settings, bool *is_refused)
{
    bool wants = settings->enable_tls > 0 || settings->disable_tls == 0;

    *is_refused = !wants && (settings->enable_tls == 0 || settings->disable_tls > 0);
    return wants;
}

void settings_fini(struct settings *settings)
{
    arena_fini(&settings->arena);
}

static enum err set_number(struct settings *settings, const struct setting_row *row,
                           const struct value *value, const struct script_place *place)
{
    int64_t *field = (int64_t *)(void *)((char *)settings + row->offset);
    int64_t number = value->number;

    if (!value->has_number && str_to_int(value->text, INT32_MIN, UINT32_MAX, &number)) {
        script_complain(place, "%s needs a number", row->name);
        return ERR_SYNTAX;
    }
    *field = number;
    return ERR_NONE;
}

static enum err set_text(struct settings *settings, const struct setting_row *row,
                         const struct value *value)
{
    struct str *field = (struct str *)(void *)((char *)settings + row->offset);
    struct str text;
    enum err err = value_to_str(&settings->arena, value, &text);

    return err ? err : str_copy(&settings->arena, text, field);
}

static bool is_custom(struct str name)
{
    return memchr(name.ptr, '.', name.len) != NULL;
}

static enum err set_custom(struct settings *settings, const struct script_setting *setting)
{
    struct custom_setting *custom = arena_zalloc(&settings->arena, sizeof *custom);
    struct str text;
    enum err err;

    if (!custom)
        return ERR_NOMEM;
    if ((err = str_copy(&settings->arena, setting->name, &custom->name)) ||
        (err = str_copy(&settings->arena, setting->values[0].text, &text)))
        return err;
    custom->value = setting->values[0];
    custom->value.text = text;
    custom->next = settings->custom;
    settings->custom = custom;
    return ERR_NONE;
}

const struct value *settings_custom(const struct settings *settings, struct str name)
{
    for (const struct custom_setting *custom = settings->custom; custom; custom = custom->next) {
        if (str_eq(custom->name, name))
            return &custom->value;
    }
    return NULL;
}

/* What has no row: nothing to do, or the operator's own. */
static enum err set_other(struct settings *settings, const struct script_setting *setting)
{
    const char *why = settings_why_ignored(setting->name);

    if (!why)
        return is_custom(setting->name) ? set_custom(settings, setting) : ERR_NOT_FOUND;
    log_notice("setting " STR_FMT " has no effect: %s", STR_ARG(setting->name), why);
    return ERR_NONE;
}

static const struct written_setting *find_written(const struct settings *settings, const char *name)
{
    const struct written_setting *written = settings->written;

    while (written && written->name != name)
        written = written->next;
    return written;
}

static enum err join_values(struct settings *settings, const struct script_setting *setting,
                            struct str *text)
{
    enum err err = ERR_NONE;

    for (unsigned i = 0; i < setting->value_count && !err; i++) {
        struct str one;

        err = value_to_str(&settings->arena, &setting->values[i], &one);
        if (!err)
            err = str_print(&settings->arena, text, STR_FMT "%s" STR_FMT, STR_ARG(*text),
                            text->len ? " " : "", STR_ARG(one));
    }
    return err;
}

/* What several lines say of the same setting stands together. */
static enum err note_written(struct settings *settings, const struct setting_row *row,
                             const struct script_setting *setting)
{
    const struct written_setting *before = find_written(settings, row->name);
    struct written_setting *written = arena_alloc(&settings->arena, sizeof *written);

    if (!written)
        return ERR_NOMEM;
    *written = (struct written_setting){ settings->written, row->name,
                                         before ? before->text : STR("") };
    settings->written = written;
    return join_values(settings, setting, &written->text);
}

static enum err call_row(struct settings *settings, const struct setting_row *row,
                         const struct script_setting *setting, const struct script_place *place)
{
    enum err err = note_written(settings, row, setting);

    return err ? err : row->set(settings, setting, place);
}

enum err settings_set(struct settings *settings, const struct script_setting *setting,
                      const struct script_place *place)
{
    const struct setting_row *row = find_row(setting->name);

    if (!row)
        return set_other(settings, setting);
    if (setting->value_count == 0) {
        script_complain(place, "%s needs a value", row->name);
        return ERR_SYNTAX;
    }
    switch (row->kind) {
    case SETTING_NUMBER:
        return set_number(settings, row, &setting->values[0], place);
    case SETTING_TEXT:
        return set_text(settings, row, &setting->values[0]);
    default:
        return call_row(settings, row, setting, place);
    }
}

/* ---- what a reload changes ---- */

enum {
    NUMBER_ROOM = 24,
};

static struct str number_as_text(const struct settings *settings, const struct setting_row *row,
                                 char room[static NUMBER_ROOM])
{
    int64_t number = *(const int64_t *)(const void *)((const char *)settings + row->offset);

    snprintf(room, NUMBER_ROOM, "%lld", (long long)number);
    return number == INT64_MIN ? STR("") : str_of(room);
}

static struct str as_text(const struct settings *settings, const struct setting_row *row,
                          char room[static NUMBER_ROOM])
{
    const struct written_setting *written;

    if (row->kind == SETTING_NUMBER)
        return number_as_text(settings, row, room);
    if (row->kind == SETTING_TEXT)
        return *(const struct str *)(const void *)((const char *)settings + row->offset);
    written = find_written(settings, row->name);
    return written ? written->text : STR("");
}

/* Other names of the same field have been compared under its first. */
static bool is_second_name(const struct setting_row *row)
{
    for (const struct setting_row *other = rows; other < row && row->kind != SETTING_CALL; other++)
        if (other->kind == row->kind && other->offset == row->offset)
            return true;
    return false;
}

void settings_compare(const struct settings_trio *trio,
                      void (*visit)(void *context, const struct setting_change *change),
                      void *context)
{
    char old[NUMBER_ROOM], new[NUMBER_ROOM];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct setting_row *row = &rows[i];
        const struct setting_change change = {
            .name = row->name,
            .old = as_text(row->is_live ? trio->now : trio->start, row, old),
            .new = as_text(trio->next, row, new),
            .is_live = row->is_live,
        };

        if (!is_second_name(row) && !str_eq(change.old, change.new))
            visit(context, &change);
    }
}

/* host [":" port], IPv6 in brackets or bare. */
static enum err parse_host_port(struct str text, struct str *host, uint16_t *port)
{
    const char *colon = NULL;
    uint64_t number;
    struct addr addr;

    if (!addr_parse_ip(text, &addr)) {
        *host = text;
        return ERR_NONE;
    }
    for (size_t i = text.len; i > 0 && text.ptr[i - 1] != ']'; i--) {
        if (text.ptr[i - 1] == ':') {
            colon = text.ptr + i - 1;
            break;
        }
    }
    *host = colon ? str_between(text.ptr, colon) : text;
    if (!colon)
        return str_is_empty(text) ? ERR_SYNTAX : ERR_NONE;
    struct str digits = str_between(colon + 1, text.ptr + text.len);
    if (str_eq(digits, STR("*")) || str_eq(digits, STR("any")))
        return ERR_NONE;
    if (str_to_uint(digits, 0, UINT16_MAX, &number))
        return ERR_SYNTAX;
    *port = (uint16_t)number;
    return ERR_NONE;
}

enum err listen_spec_parse(struct str text, struct listen_spec *out)
{
    struct listen_spec spec = { 0 };
    struct str first, rest, advertised;

    if (str_split(text, '/', &first, &advertised)) {
        text = first;
        if (parse_host_port(advertised, &spec.advertised_host, &spec.advertised_port))
            return ERR_SYNTAX;
    }
    if (str_split(text, ':', &first, &rest) && !transport_find(first, &spec.transport)) {
        spec.has_transport = true;
        text = rest;
    }
    if (parse_host_port(text, &spec.host, &spec.port))
        return ERR_SYNTAX;
    *out = spec;
    return ERR_NONE;
}

static enum err take_listen_word(struct settings *settings, struct str word,
                                 const struct script_place *place)
{
    struct listen_spec spec;
    struct str kept;

    if (settings->listen_count == LISTENERS_MAX) {
        script_complain(place, "more than %d listen addresses", LISTENERS_MAX);
        return ERR_LIMIT;
    }
    if (str_copy(&settings->arena, word, &kept))
        return ERR_NOMEM;
    if (listen_spec_parse(kept, &spec)) {
        script_complain(place, "\"" STR_FMT "\" is no listen address; write proto:address:port",
                        STR_ARG(word));
        return ERR_SYNTAX;
    }
    settings->listen[settings->listen_count++] = spec;
    return ERR_NONE;
}

/* listen = address… [advertise host[:port]] [name "x"] */
static enum err set_listen(struct settings *settings, const struct script_setting *setting,
                           const struct script_place *place)
{
    for (unsigned i = 0; i < setting->value_count; i++) {
        struct str word, next = { 0 };
        enum err err = value_to_str(&settings->arena, &setting->values[i], &word);

        if (!err && i + 1 < setting->value_count)
            err = value_to_str(&settings->arena, &setting->values[i + 1], &next);
        if (err)
            return err;
        if (str_eq(word, STR("advertise")) && settings->listen_count > 0) {
            struct listen_spec *last = &settings->listen[settings->listen_count - 1];
            if (parse_host_port(next, &last->advertised_host, &last->advertised_port)) {
                script_complain(place, "advertise needs host or host:port");
                return ERR_SYNTAX;
            }
            i++;
        } else if (str_eq(word, STR("name"))) {
            i++;
        } else if (!str_eq(word, STR("virtual")) &&
                   (err = take_listen_word(settings, word, place))) {
            return err;
        }
    }
    return ERR_NONE;
}

static enum err set_alias(struct settings *settings, const struct script_setting *setting,
                          const struct script_place *place)
{
    for (unsigned i = 0; i < setting->value_count; i++) {
        struct listen_spec spec;
        struct str word;

        if (settings->alias_count == ALIASES_MAX) {
            script_complain(place, "more than %d aliases", ALIASES_MAX);
            return ERR_LIMIT;
        }
        if (value_to_str(&settings->arena, &setting->values[i], &word) ||
            str_copy(&settings->arena, word, &word))
            return ERR_NOMEM;
        if (listen_spec_parse(word, &spec)) {
            script_complain(place, "\"" STR_FMT "\" is no alias; write host or host:port",
                            STR_ARG(word));
            return ERR_SYNTAX;
        }
        settings->aliases[settings->alias_count++] = (struct alias){ spec.host, spec.port };
    }
    return ERR_NONE;
}

static enum err add_module_path(struct settings *settings, const struct script_setting *setting,
                                const struct script_place *place)
{
    struct str text;
    enum err err = value_to_str(&settings->arena, &setting->values[0], &text);

    (void)place;
    if (err || str_is_empty(settings->module_path))
        return err ? err : str_copy(&settings->arena, text, &settings->module_path);
    return str_print(&settings->arena, &settings->module_path, STR_FMT ":" STR_FMT, STR_ARG(text),
                     STR_ARG(settings->module_path));
}

static enum err set_udp_mtu_transport(struct settings *settings,
                                      const struct script_setting *setting,
                                      const struct script_place *place)
{
    struct str name;
    enum err err = value_to_str(&settings->arena, &setting->values[0], &name);

    if (!err && transport_find(name, &settings->udp_mtu_transport)) {
        script_complain(place, "\"" STR_FMT "\" is no transport; write TCP, TLS, or UDP for none",
                        STR_ARG(name));
        return ERR_SYNTAX;
    }
    return err;
}

/* OpenSER: -3 alert, -2 critical, -1 error, 1 warning, 2 notice, 3 info, 4 debug. */
static enum log_level openser_level(int64_t debug)
{
    static const enum log_level levels[] = { LEVEL_ALERT,   LEVEL_CRITICAL, LEVEL_ERROR, LEVEL_WARNING,
                                             LEVEL_WARNING, LEVEL_NOTICE,   LEVEL_INFO };

    if (debug < -3)
        return LEVEL_ALERT;
    return debug > 3 ? LEVEL_DEBUG : levels[debug + 3];
}

/* Kamailio: -5 alert, -3 critical, -1 error, 0 warning, 1 notice, 2 info, 3 debug. */
static enum log_level kamailio_level(int64_t debug)
{
    static const enum log_level levels[] = { LEVEL_ERROR, LEVEL_WARNING, LEVEL_NOTICE, LEVEL_INFO };

    if (debug < -1)
        return debug < -4 ? LEVEL_ALERT : LEVEL_CRITICAL;
    return debug > 2 ? LEVEL_DEBUG : levels[debug + 1];
}

enum log_level settings_log_level(const struct settings *settings, enum script_dialect dialect)
{
    enum log_level level = settings->debug == INT64_MIN  ? LEVEL_NOTICE
                           : dialect == DIALECT_OPENSER ? openser_level(settings->debug)
                                                        : kamailio_level(settings->debug);

    level += (unsigned)settings->louder;
    return level > LEVEL_DEBUG ? LEVEL_DEBUG : level;
}
