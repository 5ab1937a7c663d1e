/* SPDX-License-Identifier: Apache-2.0 */
#include "net/resolver.h"

#include <stdlib.h>

#include "base/list.h"
#include "net/outages.h"

enum {
    JOBS_MAX = 4096,
    JOB_TIMEOUT = 6000, /* ms for all questions of one host */
    HOPS_MAX = 16,
    CANDIDATES_MAX = DNS_RECORDS_MAX,
    ADDRS_MAX = 8, /* of one candidate and family */
};

struct resolver {
    struct resolver_ground ground;
    struct list_node jobs;
    unsigned job_count;
};

struct addrs {
    unsigned count;
    struct addr rows[ADDRS_MAX];
};

/* A host to find the addresses of: the one asked for, or one that a record names. */
struct candidate {
    struct job *job;
    unsigned rank; /* the lowest is tried first */
    uint16_t port;
    uint8_t transport; /* enum transport */
    struct addrs ipv4, ipv6;
};

/* A NAPTR record that is followed. */
struct lead {
    struct job *job;
    unsigned rank;
    uint8_t transport;
};

/* A resolution under way. */
struct job {
    struct list_node node;
    struct resolver *resolver;
    struct timer deadline;
    resolve_done_fn *done; /* NULL once called */
    void *context;
    enum transport transport;
    bool has_transport, is_secure;
    bool is_refused; /* a service is decidedly not offered (RFC 2782): nobody goes on to the host */
    uint16_t port;
    uint16_t socket;
    unsigned step;      /* of finding candidates; the next one to take */
    unsigned questions; /* not answered yet; the job lives until it is 0 */
    unsigned candidate_count;
    struct candidate candidates[CANDIDATES_MAX];
    struct lead leads[DNS_RECORDS_MAX];
    size_t host_len;
    char host[DNS_NAME_MAX + 1];
};

static struct str host_of(const struct job *job)
{
    return (struct str){ job->host, job->host_len };
}

static const struct name_rules *rules_of(const struct job *job)
{
    return job->resolver->ground.rules;
}

/* ---- sockets and flows ---- */

static bool fits(const struct resolver_ground *ground, uint16_t socket, enum transport transport,
                 uint8_t family)
{
    return socket < ground->listener_count && ground->listeners[socket].transport == transport &&
           ground->listeners[socket].bound.family == family;
}

static bool has_socket(const struct resolver_ground *ground, enum transport transport,
                       uint8_t family)
{
    for (uint16_t i = 0; i < ground->listener_count; i++)
        if (fits(ground, i, transport, family))
            return true;
    return false;
}

/* The socket that was asked for, if it fits. */
static uint16_t choose_socket(const struct resolver_ground *ground, enum transport transport,
                              uint16_t wish, const struct addr *peer)
{
    if (fits(ground, wish, transport, peer->family))
        return wish;
    return ground->choose_socket(ground->context, transport, peer);
}

/* False when there is no socket to reach it from. */
static bool make_flow(const struct resolver_ground *ground, enum transport transport, uint16_t wish,
                      const struct addr *peer, struct flow *out)
{
    uint16_t socket = choose_socket(ground, transport, wish, peer);

    if (socket == SOCKET_ANY)
        return false;
    *out = (struct flow){ .peer = *peer, .socket = socket, .transport = (uint8_t)transport };
    return true;
}

/* What a peer has to prove that was found by this name: the one asked for, not one from the DNS. */
static uint32_t find_identity(const struct job *job, enum transport transport)
{
    const struct resolver_ground *ground = &job->resolver->ground;

    if (transport != TRANSPORT_TLS || !ground->identify)
        return 0;
    return ground->identify(ground->context, host_of(job));
}

/* The transport of the query; a default that we do not listen on gives way to one that we do. */
static enum transport find_transport(const struct resolver_ground *ground,
                                     const struct resolve_query *query)
{
    enum transport transport =
        query->is_secure && !query->has_transport ? TRANSPORT_TLS : query->transport;

    for (unsigned i = 0; i < ground->listener_count; i++)
        if (ground->listeners[i].transport == transport)
            return transport;
    if (query->has_transport || query->is_secure || ground->listener_count == 0)
        return transport;
    return ground->listeners[0].transport;
}

static void resolve_address(const struct resolver *resolver, const struct resolve_query *query,
                            const struct addr *ip, resolve_done_fn *done, void *context)
{
    enum transport transport = find_transport(&resolver->ground, query);
    struct addr peer = *ip;
    struct flow hop;

    peer.port = query->port ? query->port : transport_traits(transport)->default_port;
    if (make_flow(&resolver->ground, transport, query->socket, &peer, &hop))
        done(context, ERR_NONE, &hop, 1);
    else
        done(context, ERR_UNREACHABLE, NULL, 0);
}

/* ---- what was found ---- */

struct hops {
    unsigned count;
    struct flow rows[HOPS_MAX];
};

static bool has_hop(const struct hops *hops, const struct flow *hop)
{
    for (unsigned i = 0; i < hops->count; i++)
        if (flow_eq(&hops->rows[i], hop))
            return true;
    return false;
}

static void add_addrs(const struct candidate *candidate, const struct addrs *addrs,
                      struct hops *hops)
{
    enum transport transport = (enum transport)candidate->transport;
    const struct job *job = candidate->job;
    struct flow hop;

    for (unsigned i = 0; i < addrs->count && hops->count < HOPS_MAX; i++) {
        struct addr peer = addrs->rows[i];

        peer.port = candidate->port;
        if (!make_flow(&job->resolver->ground, transport, job->socket, &peer, &hop))
            continue;
        hop.identity = find_identity(job, transport);
        if (!has_hop(hops, &hop))
            hops->rows[hops->count++] = hop;
    }
}

static void add_hops(const struct candidate *candidate, struct hops *hops)
{
    bool is_ipv6_first = rules_of(candidate->job)->prefers_ipv6;

    add_addrs(candidate, is_ipv6_first ? &candidate->ipv6 : &candidate->ipv4, hops);
    add_addrs(candidate, is_ipv6_first ? &candidate->ipv4 : &candidate->ipv6, hops);
}

/* The candidates stay where they are: answers may still come to them. */
static void sort_candidates(const struct job *job, const struct candidate **sorted)
{
    for (unsigned i = 0, to; i < job->candidate_count; i++) {
        const struct candidate *candidate = &job->candidates[i];

        for (to = i; to > 0 && candidate->rank < sorted[to - 1]->rank; to--)
            sorted[to] = sorted[to - 1];
        sorted[to] = candidate;
    }
}

/* Tells what was found; late answers find nobody. */
static void report(struct job *job)
{
    const struct resolver_ground *ground = &job->resolver->ground;
    const struct candidate *sorted[CANDIDATES_MAX];
    resolve_done_fn *done = job->done;
    struct hops hops = { 0 };

    if (!done)
        return;
    job->done = NULL;
    sort_candidates(job, sorted);
    for (unsigned i = 0; i < job->candidate_count; i++)
        add_hops(sorted[i], &hops);
    if (ground->outages)
        outages_sort(ground->outages, hops.rows, hops.count, ground->now(ground->context));
    done(job->context, hops.count ? ERR_NONE : ERR_UNRESOLVED, hops.rows, hops.count);
}

static void on_deadline(struct timer *timer)
{
    report(CONTAINER_OF(timer, struct job, deadline));
}

static void free_job(struct job *job)
{
    const struct resolver_ground *ground = &job->resolver->ground;

    ground->stop_timer(ground->context, &job->deadline);
    list_remove(&job->node);
    job->resolver->job_count--;
    free(job);
}

/* ---- asking ---- */

static void end_question(struct job *job);

static void ask(struct job *job, enum dns_kind kind, struct str name, name_done_fn *done,
                void *context)
{
    const struct resolver_ground *ground = &job->resolver->ground;

    job->questions++;
    ground->find_name(ground->context, kind, name, done, context);
}

/* ---- addresses of the candidates (RFC 3263 §4.2) ---- */

struct families {
    bool ipv4, ipv6;
};

/* Those that we could send to, and want to. */
static struct families families_of(const struct job *job, enum transport transport)
{
    const struct resolver_ground *ground = &job->resolver->ground;
    struct families found = { has_socket(ground, transport, ADDR_IPV4),
                              has_socket(ground, transport, ADDR_IPV6) };

    if (fits(ground, job->socket, transport, ADDR_IPV4))
        found.ipv6 = false;
    else if (fits(ground, job->socket, transport, ADDR_IPV6))
        found.ipv4 = false;
    if (found.ipv4 && found.ipv6) {
        found.ipv4 = !ground->rules->no_ipv4;
        found.ipv6 = !ground->rules->no_ipv6;
    }
    return found;
}

static bool has_transport(const struct job *job, enum transport transport)
{
    struct families families = families_of(job, transport);

    return families.ipv4 || families.ipv6;
}

static void take_addrs(struct candidate *candidate, struct addrs *addrs,
                       const struct dns_answer *answer)
{
    for (unsigned i = 0; i < answer->count && addrs->count < ADDRS_MAX; i++)
        addrs->rows[addrs->count++] = answer->addrs[i];
    end_question(candidate->job);
}

static void on_ipv4(void *context, const struct dns_answer *answer)
{
    struct candidate *candidate = context;

    take_addrs(candidate, &candidate->ipv4, answer);
}

static void on_ipv6(void *context, const struct dns_answer *answer)
{
    struct candidate *candidate = context;

    take_addrs(candidate, &candidate->ipv6, answer);
}

static void add_candidate(struct job *job, unsigned rank, enum transport transport, uint16_t port,
                          struct str host)
{
    struct families families = families_of(job, transport);
    struct candidate *candidate;

    if (job->candidate_count == CANDIDATES_MAX)
        return;
    candidate = &job->candidates[job->candidate_count++];
    *candidate = (struct candidate){
        .job = job, .rank = rank, .port = port, .transport = (uint8_t)transport
    };
    if (families.ipv4)
        ask(job, DNS_IPV4, host, on_ipv4, candidate);
    if (families.ipv6)
        ask(job, DNS_IPV6, host, on_ipv6, candidate);
}

static void ask_host(struct job *job)
{
    uint16_t port = job->port ? job->port : transport_traits(job->transport)->default_port;

    add_candidate(job, 0, job->transport, port, host_of(job));
}

/* ---- services (RFC 2782) ---- */

/* The transports that have a service, in the order in which SRV records are asked for. */
static const struct service_row {
    enum transport transport;
    bool is_secure;
    struct str service; /* of NAPTR */
    struct str prefix;  /* of SRV */
} service_rows[] = {
    { TRANSPORT_UDP, false, STR_INIT("SIP+D2U"), STR_INIT("_sip._udp.") },
    { TRANSPORT_TCP, false, STR_INIT("SIP+D2T"), STR_INIT("_sip._tcp.") },
    { TRANSPORT_TLS, true, STR_INIT("SIPS+D2T"), STR_INIT("_sips._tcp.") },
};

enum {
    SERVICE_ROWS = sizeof service_rows / sizeof *service_rows,
};

static uint16_t best_priority(const struct dns_service *services, unsigned count)
{
    uint16_t priority = UINT16_MAX;

    for (unsigned i = 0; i < count; i++)
        if (services[i].priority < priority)
            priority = services[i].priority;
    return priority;
}

static int compare_services(const void *a, const void *b)
{
    const struct dns_service *one = a, *other = b;

    if (one->priority != other->priority)
        return one->priority < other->priority ? -1 : 1;
    return (one->weight > other->weight) - (one->weight < other->weight);
}

/*
 * Which record comes next of those that are left, which are sorted: of the best priority, by chance
 * in proportion to the weight. Those of weight 0 stand first, as RFC 2782 wants it.
 */
static unsigned draw(const struct job *job, const struct dns_service *services, unsigned count)
{
    uint16_t priority = best_priority(services, count);
    uint32_t sum = 0, drawn;
    unsigned peers = 0;

    while (peers < count && services[peers].priority == priority)
        sum += services[peers++].weight;
    if (rules_of(job)->ignores_weight)
        return peers - 1;
    drawn = random_below(job->resolver->ground.random, sum + 1);
    sum = 0;
    for (unsigned i = 0; i + 1 < peers; i++) {
        sum += services[i].weight;
        if (sum >= drawn)
            return i;
    }
    return peers - 1;
}

static void take_services(struct job *job, unsigned rank, enum transport transport,
                          const struct dns_answer *answer)
{
    struct dns_service left[DNS_RECORDS_MAX];
    unsigned count = answer->count;

    memcpy(left, answer->services, count * sizeof *left);
    qsort(left, count, sizeof *left, compare_services);
    while (count > 0) {
        unsigned i = draw(job, left, count);

        add_candidate(job, rank++, transport, left[i].port, str_of(left[i].target));
        memmove(&left[i], &left[i + 1], (--count - i) * sizeof *left);
    }
}

/* One record whose target is the root: the service is decidedly not offered. */
static bool is_refusal(const struct dns_answer *answer)
{
    return answer->count == 1 && answer->services[0].target[0] == '\0';
}

static void on_services(void *context, const struct dns_answer *answer)
{
    const struct lead *lead = context;
    struct job *job = lead->job;

    if (is_refusal(answer))
        job->is_refused = true;
    else
        take_services(job, lead->rank, (enum transport)lead->transport, answer);
    end_question(job);
}

static void ask_services(struct job *job, unsigned index, enum transport transport, struct str name)
{
    struct lead *lead = &job->leads[index];

    *lead = (struct lead){ job, index * DNS_RECORDS_MAX, (uint8_t)transport };
    ask(job, DNS_SERVICE, name, on_services, lead);
}

/* RFC 3263 §4.1: a sips: URI goes by TLS alone; without its word, a sip: URI does not. */
static bool is_wanted(const struct job *job, const struct service_row *row)
{
    if (!has_transport(job, row->transport))
        return false;
    if (job->has_transport || job->is_secure)
        return row->transport == job->transport;
    return !row->is_secure || job->transport == row->transport;
}

static void ask_row(struct job *job, const struct service_row *row)
{
    char name[DNS_NAME_MAX + 1];
    struct writer w = writer_over(name, sizeof name);

    if (!is_wanted(job, row))
        return;
    write_str(&w, row->prefix);
    write_str(&w, host_of(job));
    if (!w.has_overflowed)
        ask_services(job, 0, row->transport, writer_text(&w));
}

/* ---- pointers to services (RFC 3263 §4.1) ---- */

static const struct service_row *find_row(const struct dns_pointer *pointer)
{
    for (unsigned i = 0; i < SERVICE_ROWS; i++)
        if (str_ieq(service_rows[i].service, str_of(pointer->service)))
            return &service_rows[i];
    return NULL;
}

/* "s" leads to services, "a" to addresses; others mean nothing to SIP, so that no record leads on.
 */
static bool can_follow(const struct job *job, const struct dns_pointer *pointer)
{
    const struct service_row *row = find_row(pointer);

    return row && (pointer->flag == 's' || pointer->flag == 'a') &&
           pointer->replacement[0] != '\0' && (row->is_secure || !job->is_secure) &&
           has_transport(job, row->transport);
}

static unsigned preference_of(const struct job *job, const struct dns_pointer *pointer)
{
    const struct name_rules *rules = rules_of(job);

    return rules->ignores_order ? rules->preference[find_row(pointer)->transport] : 0;
}

static bool comes_before(const struct job *job, const struct dns_pointer *a,
                         const struct dns_pointer *b)
{
    unsigned ours_a = preference_of(job, a), ours_b = preference_of(job, b);

    if (ours_a != ours_b)
        return ours_a > ours_b;
    return a->order != b->order ? a->order < b->order : a->preference < b->preference;
}

/* Those that can be followed, in order; how many is the result. */
static unsigned sort_pointers(const struct job *job, const struct dns_answer *answer,
                              const struct dns_pointer **sorted)
{
    unsigned count = 0, i;

    for (unsigned from = 0; from < answer->count; from++) {
        const struct dns_pointer *pointer = &answer->pointers[from];

        if (!can_follow(job, pointer))
            continue;
        for (i = count++; i > 0 && comes_before(job, pointer, sorted[i - 1]); i--)
            sorted[i] = sorted[i - 1];
        sorted[i] = pointer;
    }
    return count;
}

static void follow(struct job *job, unsigned index, const struct dns_pointer *pointer)
{
    enum transport transport = find_row(pointer)->transport;
    struct str name = str_of(pointer->replacement);

    if (pointer->flag == 's')
        ask_services(job, index, transport, name);
    else
        add_candidate(job, index * DNS_RECORDS_MAX, transport,
                      transport_traits(transport)->default_port, name);
}

static void on_pointers(void *context, const struct dns_answer *answer)
{
    struct job *job = context;
    const struct dns_pointer *sorted[DNS_RECORDS_MAX];
    unsigned count = sort_pointers(job, answer, sorted);

    for (unsigned i = 0; i < count; i++)
        follow(job, i, sorted[i]);
    end_question(job);
}

static void ask_pointers(struct job *job)
{
    if (!job->has_transport && !rules_of(job)->no_naptr)
        ask(job, DNS_POINTER, host_of(job), on_pointers, job);
}

/* ---- the whole ---- */

enum {
    STEP_POINTERS,
    STEP_SERVICES, /* one for each row */
    STEP_HOST = STEP_SERVICES + SERVICE_ROWS,
    STEPS
};

static void take_step(struct job *job, unsigned step)
{
    if (step == STEP_POINTERS)
        ask_pointers(job);
    else if (step < STEP_HOST)
        ask_row(job, &service_rows[step - STEP_SERVICES]);
    else if (!job->is_refused)
        ask_host(job);
}

/* Steps are taken until one of them finds somebody. */
static void end_question(struct job *job)
{
    while (--job->questions == 0 && job->done && job->candidate_count == 0 && job->step < STEPS) {
        job->questions = 1; /* this one: answers may come while we are asking */
        take_step(job, job->step++);
    }
    if (job->questions > 0)
        return;
    report(job);
    free_job(job);
}

static struct job *make_job(struct resolver *resolver, const struct resolve_query *query,
                            resolve_done_fn *done, void *context)
{
    struct job *job;

    if (query->host.len == 0 || query->host.len > DNS_NAME_MAX || resolver->job_count >= JOBS_MAX)
        return NULL;
    job = calloc(1, sizeof *job);
    if (!job)
        return NULL;
    job->resolver = resolver;
    job->done = done;
    job->context = context;
    job->transport = find_transport(&resolver->ground, query);
    job->has_transport = query->has_transport;
    job->is_secure = query->is_secure;
    job->port = query->port;
    job->socket = query->socket;
    job->step = query->port ? STEP_HOST : STEP_POINTERS;
    job->host_len = query->host.len;
    memcpy(job->host, query->host.ptr, query->host.len);
    list_push_back(&resolver->jobs, &job->node);
    resolver->job_count++;
    return job;
}

static void start_job(struct job *job)
{
    const struct resolver_ground *ground = &job->resolver->ground;

    ground->start_timer(ground->context, &job->deadline, ground->now(ground->context) + JOB_TIMEOUT,
                        on_deadline);
    job->questions = 1;
    end_question(job);
}

void resolver_resolve(struct resolver *resolver, const struct resolve_query *query,
                      resolve_done_fn *done, void *context)
{
    struct addr ip;
    struct job *job;

    if (!addr_parse_ip(query->host, &ip)) {
        resolve_address(resolver, query, &ip, done, context);
        return;
    }
    job = make_job(resolver, query, done, context);
    if (job)
        start_job(job);
    else
        done(context, ERR_UNRESOLVED, NULL, 0);
}

enum err resolver_create(const struct resolver_ground *ground, struct resolver **out)
{
    struct resolver *resolver = calloc(1, sizeof *resolver);

    if (!resolver)
        return ERR_NOMEM;
    resolver->ground = *ground;
    list_init(&resolver->jobs);
    *out = resolver;
    return ERR_NONE;
}

void resolver_destroy(struct resolver *resolver)
{
    struct list_node *node;

    if (!resolver)
        return;
    while ((node = list_first(&resolver->jobs)))
        free_job(CONTAINER_OF(node, struct job, node));
    free(resolver);
}
