/* SPDX-License-Identifier: Apache-2.0 */
/* From the settings about names to the rules of the resolver. */
#include "host/settings.h"

enum {
    CACHE_IPV4_ONLY = 1, /* bits of dns_cache_flags */
    CACHE_IPV6_ONLY = 2,
    CACHE_IPV6_FIRST = 4,
    NAME_BYTES = 1024, /* of dns_cache_mem that a name is counted with */
    RETRIES_MAX = 10,
};

/* Seconds of a setting in milliseconds; 0, which means the default, when it is not set. */
static msec to_msec(int64_t seconds)
{
    return seconds > 0 ? (msec)seconds * 1000 : seconds == 0 ? 1 : 0;
}

static unsigned to_count(int64_t number, unsigned most)
{
    if (number <= 0)
        return 0;
    return number < most ? (unsigned)number : most;
}

static const char *servers_of(struct settings *settings)
{
    struct str text;

    if (str_is_empty(settings->dns_servers) ||
        str_print(&settings->arena, &text, STR_FMT "%c", STR_ARG(settings->dns_servers), 0))
        return NULL;
    return text.ptr;
}

/* "dns_try_ipv6 = no" wins over the flags, which say more. */
static void choose_families(const struct dns_settings *dns, struct name_rules *rules)
{
    int64_t flags = dns->cache_flags > 0 ? dns->cache_flags : 0;

    rules->no_ipv6 = dns->try_ipv6 == 0 || flags & CACHE_IPV4_ONLY;
    rules->no_ipv4 = !rules->no_ipv6 && flags & CACHE_IPV6_ONLY;
    rules->prefers_ipv6 = flags & CACHE_IPV6_FIRST;
}

static uint8_t preference(int64_t number, uint8_t initial)
{
    return number < 0 ? initial : number > UINT8_MAX ? UINT8_MAX : (uint8_t)number;
}

static void choose_transports(const struct dns_settings *dns, struct name_rules *rules)
{
    rules->no_naptr = dns->try_naptr == 0;
    rules->ignores_order = dns->naptr_ignore_rfc > 0;
    rules->ignores_weight = dns->srv_lb == 0;
    rules->preference[TRANSPORT_UDP] = preference(dns->udp_pref, 30);
    rules->preference[TRANSPORT_TCP] = preference(dns->tcp_pref, 20);
    rules->preference[TRANSPORT_TLS] = preference(dns->tls_pref, 10);
}

void settings_name_rules(struct settings *settings, struct name_rules *out)
{
    const struct dns_settings *dns = &settings->dns;

    *out = (struct name_rules){
        .servers = servers_of(settings),
        .servers_max = to_count(dns->servers_no, 100),
        .timeout = dns->retr_time > 0 ? to_msec(dns->retr_time) : 0,
        .tries = to_count(dns->retr_no, RETRIES_MAX),
        .ttl_min = to_msec(dns->min_ttl),
        .ttl_max = to_msec(dns->max_ttl),
        .absence_ttl = to_msec(dns->negative_ttl),
        .stale_ttl = to_msec(dns->stale_ttl),
        .names_max = to_count(dns->cache_mem * 1024 / NAME_BYTES, 1000000),
        .outage = to_msec(dns->blocklist_expire),
        .no_cache = dns->use_cache == 0 || dns->cache_init == 0,
        .no_search = dns->use_search_list == 0,
        .no_outages = dns->use_blocklist == 0 || dns->disable_blacklist > 0,
    };
    choose_families(dns, out);
    choose_transports(dns, out);
}

bool settings_no_failover(const struct settings *settings)
{
    return settings->dns.use_failover == 0 || settings->dns.disable_failover > 0;
}
