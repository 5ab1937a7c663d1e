/* SPDX-License-Identifier: Apache-2.0 */
#include "net/resolver.h"

#include <stdlib.h>

#include "net/names.h"
#include "net/tls.h"

enum {
    JOBS_MAX = 4096,
    JOB_TIMEOUT = 6000, /* ms for all questions of one host */
    HOPS_MAX = 16,
    CANDIDATES_MAX = NAME_RECORDS_MAX,
    ADDRS_MAX = 8, /* of one candidate */
};

struct resolver {
    struct net *net;
    struct names *names;
    struct random_source *random;
    struct list_node jobs;
    unsigned job_count;
};

/* A host to find the addresses of: the one asked for, or one that an SRV record names. */
struct candidate {
    struct job *job;
    uint16_t port;
    uint8_t transport; /* enum transport */
    unsigned addr_count;
    struct addr addrs[ADDRS_MAX];
};

/* A resolution under way. */
struct job {
    struct list_node node;
    struct resolver *resolver;
    struct timer deadline;
    resolve_done_fn *done; /* NULL once called */
    void *context;
    enum transport transport;
    bool has_transport;
    uint16_t port;
    uint16_t socket;
    unsigned services_tried; /* rows of service_rows */
    unsigned questions;      /* not answered yet; the job lives until it is 0 */
    unsigned candidate_count;
    struct candidate candidates[CANDIDATES_MAX];
    size_t host_len;
    char host[NAME_MAX_BYTES + 1];
};

static struct str host_of(const struct job *job)
{
    return (struct str){ job->host, job->host_len };
}

/* ---- flows ---- */

/* The socket that was asked for, if it fits. */
static uint16_t choose_socket(const struct net *net, enum transport transport, uint16_t wish,
                              const struct addr *peer)
{
    if (net_socket_fits(net, wish, transport, peer->family))
        return wish;
    return net_choose_socket(net, transport, peer);
}

/* False when there is no socket to reach it from. */
static bool make_flow(const struct net *net, enum transport transport, uint16_t wish,
                      const struct addr *peer, struct flow *out)
{
    uint16_t socket = choose_socket(net, transport, wish, peer);

    if (socket == SOCKET_ANY)
        return false;
    *out = (struct flow){ .peer = *peer, .socket = socket, .transport = (uint8_t)transport };
    return true;
}

/* What a peer has to prove that was found by this name: the one asked for, not one from the DNS. */
static uint32_t find_identity(const struct net *net, enum transport transport, struct str host)
{
    struct tls *tls = transport == TRANSPORT_TLS ? shared_tls(net->shared) : NULL;

    return tls ? tls_identity(tls, host) : 0;
}

/* The transport of the query; a default that we do not listen on gives way to one that we do. */
static enum transport find_transport(const struct net *net, const struct resolve_query *query)
{
    for (unsigned i = 0; i < net->listener_count; i++)
        if (net->listeners[i].transport == query->transport)
            return query->transport;
    return query->has_transport || net->listener_count == 0 ? query->transport
                                                            : net->listeners[0].transport;
}

static void resolve_address(struct resolver *resolver, const struct resolve_query *query,
                            const struct addr *ip, resolve_done_fn *done, void *context)
{
    enum transport transport = find_transport(resolver->net, query);
    struct addr peer = *ip;
    struct flow hop;

    peer.port = query->port ? query->port : transport_traits(transport)->default_port;
    if (make_flow(resolver->net, transport, query->socket, &peer, &hop))
        done(context, ERR_NONE, &hop, 1);
    else
        done(context, ERR_UNREACHABLE, NULL, 0);
}

/* ---- jobs ---- */

static void free_job(struct job *job)
{
    timer_stop(&job->resolver->net->wheel, &job->deadline);
    list_remove(&job->node);
    job->resolver->job_count--;
    free(job);
}

static void add_hops(const struct job *job, const struct candidate *candidate,
                     struct flow hops[static HOPS_MAX], unsigned *count)
{
    for (unsigned i = 0; i < candidate->addr_count && *count < HOPS_MAX; i++) {
        struct addr peer = candidate->addrs[i];

        peer.port = candidate->port;
        if (!make_flow(job->resolver->net, (enum transport)candidate->transport, job->socket,
                       &peer, &hops[*count]))
            continue;
        hops[*count].identity = find_identity(
            job->resolver->net, (enum transport)candidate->transport, host_of(job));
        ++*count;
    }
}

/* Tells what was found; late answers find nobody. */
static void report(struct job *job)
{
    resolve_done_fn *done = job->done;
    struct flow hops[HOPS_MAX];
    unsigned count = 0;

    if (!done)
        return;
    job->done = NULL;
    for (unsigned i = 0; i < job->candidate_count; i++)
        add_hops(job, &job->candidates[i], hops, &count);
    done(job->context, count ? ERR_NONE : ERR_UNRESOLVED, hops, count);
}

static void on_deadline(struct timer *timer)
{
    report(CONTAINER_OF(timer, struct job, deadline));
}

static void end_question(struct job *job)
{
    if (--job->questions > 0)
        return;
    report(job);
    free_job(job);
}

/* ---- addresses of the candidates ---- */

/* Which addresses we could send to at all. */
static bool find_kind(const struct job *job, enum transport transport, enum name_kind *out)
{
    const struct net *net = job->resolver->net;
    bool has_ipv4 = false, has_ipv6 = false;

    for (uint16_t i = 0; i < net->listener_count; i++) {
        has_ipv4 |= net_socket_fits(net, i, transport, ADDR_IPV4);
        has_ipv6 |= net_socket_fits(net, i, transport, ADDR_IPV6);
    }
    if (net_socket_fits(net, job->socket, transport, ADDR_IPV4))
        has_ipv6 = false;
    else if (net_socket_fits(net, job->socket, transport, ADDR_IPV6))
        has_ipv4 = false;
    *out = has_ipv4 && has_ipv6 ? NAME_IP : has_ipv4 ? NAME_IPV4 : NAME_IPV6;
    return has_ipv4 || has_ipv6;
}

static void on_addrs(void *context, const struct name_answer *answer)
{
    struct candidate *candidate = context;

    for (unsigned i = 0; i < answer->count && i < ADDRS_MAX; i++)
        candidate->addrs[candidate->addr_count++] = answer->addrs[i];
    end_question(candidate->job);
}

static struct candidate *add_candidate(struct job *job, enum transport transport, uint16_t port)
{
    struct candidate *candidate = &job->candidates[job->candidate_count++];

    *candidate = (struct candidate){ .job = job, .port = port, .transport = (uint8_t)transport };
    return candidate;
}

static void ask_addrs(struct candidate *candidate, struct str host)
{
    struct job *job = candidate->job;
    enum name_kind kind;

    if (!find_kind(job, (enum transport)candidate->transport, &kind))
        return;
    job->questions++;
    names_find(job->resolver->names, kind, host, on_addrs, candidate);
}

static void ask_host(struct job *job)
{
    uint16_t port = job->port ? job->port : transport_traits(job->transport)->default_port;

    ask_addrs(add_candidate(job, job->transport, port), host_of(job));
}

/* ---- services ---- */

/* SRV names of the transports that have one, in the order in which they are tried. */
static const struct {
    enum transport transport;
    struct str prefix;
} service_rows[] = {
    { TRANSPORT_UDP, STR_INIT("_sip._udp.") },
    { TRANSPORT_TCP, STR_INIT("_sip._tcp.") },
    { TRANSPORT_TLS, STR_INIT("_sips._tcp.") },
};

enum {
    SERVICE_ROWS = sizeof service_rows / sizeof *service_rows,
};

static bool is_wanted(const struct job *job, enum transport transport)
{
    enum name_kind kind;

    if (job->has_transport || job->transport == TRANSPORT_TLS)
        return transport == job->transport;
    return transport != TRANSPORT_TLS && find_kind(job, transport, &kind);
}

/* The rank of a record among those that are left (RFC 2782): weighted chance in each priority. */
static unsigned draw(struct random_source *random, const struct name_service *services,
                     unsigned count)
{
    uint16_t priority = UINT16_MAX;
    uint32_t sum = 0, drawn;
    unsigned chosen = 0;

    for (unsigned i = 0; i < count; i++)
        if (services[i].priority < priority)
            priority = services[i].priority;
    for (unsigned i = 0; i < count; i++)
        sum += services[i].priority == priority ? services[i].weight : 0;
    drawn = random_below(random, sum + 1);
    sum = 0;
    for (unsigned i = 0; i < count; i++) {
        if (services[i].priority != priority)
            continue;
        chosen = i;
        sum += services[i].weight;
        if (sum >= drawn)
            break;
    }
    return chosen;
}

static void take_services(struct job *job, enum transport transport,
                          const struct name_answer *answer)
{
    struct name_service left[NAME_RECORDS_MAX];
    unsigned count = answer->count;

    memcpy(left, answer->services, count * sizeof *left);
    while (count > 0) {
        unsigned i = draw(job->resolver->random, left, count);
        struct candidate *candidate = add_candidate(job, transport, left[i].port);

        ask_addrs(candidate, str_of(left[i].target));
        left[i] = left[--count];
    }
}

/* One record whose target is the root: the service is decidedly not offered (RFC 2782). */
static bool is_refusal(const struct name_answer *answer)
{
    const char *target = answer->count == 1 ? answer->services[0].target : "x";

    return target[0] == '\0' || strcmp(target, ".") == 0;
}

static void ask_services(struct job *job);

static void on_services(void *context, const struct name_answer *answer)
{
    struct job *job = context;
    enum transport transport = service_rows[job->services_tried - 1].transport;

    if (answer->count == 0 || is_refusal(answer))
        ask_services(job);
    else
        take_services(job, transport, answer);
    end_question(job);
}

/* Asks for the next service that makes sense; when none is left, for the host itself. */
static void ask_services(struct job *job)
{
    char name[NAME_MAX_BYTES + 1];
    struct writer w = writer_over(name, sizeof name);

    while (job->services_tried < SERVICE_ROWS &&
           !is_wanted(job, service_rows[job->services_tried].transport))
        job->services_tried++;
    if (job->services_tried == SERVICE_ROWS) {
        ask_host(job);
        return;
    }
    write_str(&w, service_rows[job->services_tried++].prefix);
    write_str(&w, host_of(job));
    job->questions++;
    names_find(job->resolver->names, NAME_SERVICE, writer_text(&w), on_services, job);
}

/* ---- the whole ---- */

static struct job *make_job(struct resolver *resolver, const struct resolve_query *query,
                            resolve_done_fn *done, void *context)
{
    struct job *job;

    if (query->host.len == 0 || query->host.len > NAME_MAX_BYTES || resolver->job_count >= JOBS_MAX)
        return NULL;
    job = calloc(1, sizeof *job);
    if (!job)
        return NULL;
    job->resolver = resolver;
    job->done = done;
    job->context = context;
    job->transport = find_transport(resolver->net, query);
    job->has_transport = query->has_transport;
    job->port = query->port;
    job->socket = query->socket;
    job->host_len = query->host.len;
    memcpy(job->host, query->host.ptr, query->host.len);
    list_push_back(&resolver->jobs, &job->node);
    resolver->job_count++;
    return job;
}

static void start_job(struct job *job)
{
    struct net *net = job->resolver->net;

    net_timer_start(net, &job->deadline, net_now(net) + JOB_TIMEOUT, on_deadline);
    job->questions = 1; /* this one: answers may come while we are asking */
    if (job->port)
        ask_host(job);
    else
        ask_services(job);
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

enum err resolver_create(struct net *net, struct resolver **out)
{
    struct resolver *resolver = calloc(1, sizeof *resolver);
    enum err err;

    if (!resolver)
        return ERR_NOMEM;
    resolver->net = net;
    list_init(&resolver->jobs);
    resolver->random = random_system_create();
    err = resolver->random ? names_create(net->loop, &resolver->names) : ERR_NOMEM;
    if (err) {
        resolver_destroy(resolver);
        return err;
    }
    *out = resolver;
    return ERR_NONE;
}

void resolver_destroy(struct resolver *resolver)
{
    struct list_node *node;

    if (!resolver)
        return;
    names_destroy(resolver->names);
    while ((node = list_first(&resolver->jobs)))
        free_job(CONTAINER_OF(node, struct job, node));
    random_system_destroy(resolver->random);
    free(resolver);
}

struct names *resolver_names(struct resolver *resolver)
{
    return resolver->names;
}
