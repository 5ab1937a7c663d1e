/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/nameser.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/inside.h"
#include "net/names.h"
#include "net/resolver.h"
#include "rig.h"

/* ---- a name server ---- */

enum {
    DNS_HEADER = 12,
    DNS_MAX = 512,
};

struct record {
    const char *name;
    int type;
    unsigned priority, weight, port; /* of SRV */
    const char *data;                /* an address, or the target of SRV */
};

static const struct record records[] = {
    { "one.test", ns_t_a, 0, 0, 0, "192.0.2.1" },
    { "one.test", ns_t_aaaa, 0, 0, 0, "2001:db8::1" },
    { "two.test", ns_t_a, 0, 0, 0, "192.0.2.2" },
    { "three.test", ns_t_a, 0, 0, 0, "192.0.2.3" },
    { "six.test", ns_t_aaaa, 0, 0, 0, "2001:db8::6" },
    { "_sip._udp.both.test", ns_t_srv, 20, 0, 5070, "two.test" },
    { "_sip._udp.both.test", ns_t_srv, 10, 0, 5080, "one.test" },
    { "_sip._tcp.both.test", ns_t_srv, 10, 0, 5090, "three.test" },
    { "_sip._tcp.stream.test", ns_t_srv, 10, 0, 5090, "three.test" },
    { "stream.test", ns_t_a, 0, 0, 0, "192.0.2.9" },
    { "_sip._udp.refused.test", ns_t_srv, 0, 0, 0, "." },
    { "refused.test", ns_t_a, 0, 0, 0, "192.0.2.8" },
    { "_sip._udp.mute.test", ns_t_srv, 1, 0, 5060, "silent.test" },
};

struct name_server {
    int fd;
    struct addr bound;
    pthread_t thread;
    atomic_bool is_over;
    atomic_uint questions;
};

static void write_number(struct writer *w, unsigned number, unsigned bytes)
{
    while (bytes-- > 0)
        write_char(w, (char)(number >> 8 * bytes));
}

static void write_name(struct writer *w, const char *name)
{
    struct str rest = str_of(name), label;

    while (str_split(rest, '.', &label, &rest)) {
        if (label.len == 0)
            continue;
        write_char(w, (char)label.len);
        write_str(w, label);
    }
    if (rest.len > 0) {
        write_char(w, (char)rest.len);
        write_str(w, rest);
    }
    write_char(w, '\0');
}

static void write_data(struct writer *w, const struct record *record)
{
    struct addr addr = { 0 };

    if (record->type == ns_t_srv) {
        write_number(w, record->priority, 2);
        write_number(w, record->weight, 2);
        write_number(w, record->port, 2);
        write_name(w, record->data);
        return;
    }
    addr = peer_addr(record->data);
    write_str(w, (struct str){ (char *)addr.ip, addr.family == ADDR_IPV4 ? 4 : 16 });
}

static void write_record(struct writer *w, const struct record *record)
{
    char bytes[DNS_MAX];
    struct writer data = writer_over(bytes, sizeof bytes);

    write_data(&data, record);
    write_name(w, record->name);
    write_number(w, (unsigned)record->type, 2);
    write_number(w, ns_c_in, 2);
    write_number(w, 300, 4);
    write_number(w, (unsigned)writer_text(&data).len, 2);
    write_str(w, writer_text(&data));
}

/* The name in a question, as text; the result is the length of the question. */
static size_t read_question(const unsigned char *at, char *name, int *type)
{
    const unsigned char *start = at;

    while (*at) {
        memcpy(name, at + 1, *at);
        name += *at;
        *name++ = '.';
        at += *at + 1;
    }
    name[-1] = '\0';
    *type = at[1] << 8 | at[2];
    return (size_t)(at + 5 - start);
}

static struct str write_answer(const unsigned char *query, char *out, const char *name, int type,
                               size_t question)
{
    struct writer w = writer_over(out, DNS_MAX);
    unsigned found = 0;
    bool exists = false;

    write_str(&w, (struct str){ (const char *)query, DNS_HEADER + question });
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        if (strcasecmp(records[i].name, name) != 0)
            continue;
        exists = true;
        if (records[i].type != type)
            continue;
        write_record(&w, &records[i]);
        found++;
    }
    out[2] = (char)0x81; /* an answer */
    out[3] = (char)(exists ? 0x80 : 0x83);
    memset(out + 6, 0, 6);
    out[7] = (char)found;
    return writer_text(&w);
}

static void answer_one(struct name_server *server)
{
    unsigned char query[DNS_MAX];
    char out[DNS_MAX], name[DNS_MAX] = "";
    struct sockaddr_storage from;
    socklen_t size = sizeof from;
    ssize_t got = recvfrom(server->fd, query, sizeof query, 0, (struct sockaddr *)&from, &size);
    struct str answer;
    size_t question;
    int type;

    if (got < DNS_HEADER + 5)
        return;
    atomic_fetch_add(&server->questions, 1);
    question = read_question(query + DNS_HEADER, name, &type);
    if (strcasecmp(name, "silent.test") == 0) /* names come in any case */
        return;
    answer = write_answer(query, out, name, type, question);
    sendto(server->fd, answer.ptr, answer.len, 0, (struct sockaddr *)&from, size);
}

static void *serve(void *context)
{
    struct name_server *server = context;

    while (!atomic_load(&server->is_over))
        answer_one(server);
    return NULL;
}

static void start_server(struct name_server *server)
{
    server->fd = peer_udp("127.0.0.1", &server->bound);
    atomic_init(&server->is_over, false);
    atomic_init(&server->questions, 0);
    pthread_create(&server->thread, NULL, serve, server);
}

static void stop_server(struct name_server *server)
{
    atomic_store(&server->is_over, true);
    peer_send_to(server->fd, "", &server->bound);
    pthread_join(server->thread, NULL);
    close(server->fd);
}

/* ---- asking ---- */

/* What a resolution came to, as text: "udp:192.0.2.1:5060/0 …", or the error. */
struct result {
    pthread_mutex_t lock;
    pthread_cond_t done;
    char text[512];
    unsigned calls;
};

static void on_resolved(void *context, enum err err, const struct flow *hops, unsigned count)
{
    struct result *result = context;
    struct writer w = writer_over(result->text, sizeof result->text);
    char text[FLOW_TEXT_MAX];

    pthread_mutex_lock(&result->lock);
    if (err)
        write_str(&w, str_of(err_name(err)));
    for (unsigned i = 0; i < count; i++)
        write_fmt(&w, "%s%s/%u", i ? " " : "", flow_text(&hops[i], text), hops[i].socket);
    write_char(&w, '\0');
    result->calls++;
    pthread_cond_signal(&result->done);
    pthread_mutex_unlock(&result->lock);
}

struct asking {
    struct resolve_query query;
    struct result *result;
};

static void ask_it(struct net *net, void *context)
{
    struct asking *asking = context;
    struct outside *outside = net_outside(net);

    outside->resolve(outside, &asking->query, on_resolved, asking->result);
}

static void init_result(struct result *result)
{
    *result = (struct result){ .calls = 0 };
    pthread_mutex_init(&result->lock, NULL);
    pthread_cond_init(&result->done, NULL);
}

static void await_calls(struct result *result, unsigned calls)
{
    pthread_mutex_lock(&result->lock);
    while (result->calls < calls)
        pthread_cond_wait(&result->done, &result->lock);
    pthread_mutex_unlock(&result->lock);
}

static void resolve(struct rig *rig, const struct resolve_query *query, struct result *result)
{
    struct asking asking = { *query, result };

    init_result(result);
    rig_run(rig, 0, ask_it, &asking);
    await_calls(result, 1);
}

struct row {
    const char *what;
    const char *host;
    uint16_t port;
    enum transport transport;
    bool has_transport;
    uint16_t socket;
    const char *want;
};

static void check_rows(struct rig *rig, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct resolve_query query = { str_of(rows[i].host), rows[i].port, rows[i].transport,
                                       rows[i].has_transport, rows[i].socket, false };
        struct result result;

        resolve(rig, &query, &result);
        if (strcmp(result.text, rows[i].want) != 0)
            fail_msg("%s: %s instead of %s", rows[i].what, result.text, rows[i].want);
    }
}

/* ---- addresses ---- */

static const struct row numeric_rows[] = {
    { "IPv4", "192.0.2.1", 5070, TRANSPORT_UDP, false, SOCKET_ANY, "udp:192.0.2.1:5070/0" },
    { "the port of UDP", "192.0.2.1", 0, TRANSPORT_UDP, false, SOCKET_ANY, "udp:192.0.2.1:5060/0" },
    { "TCP", "192.0.2.1", 0, TRANSPORT_TCP, true, SOCKET_ANY, "tcp:192.0.2.1:5060/1" },
    { "a socket that fits", "192.0.2.1", 0, TRANSPORT_UDP, true, 2, "udp:192.0.2.1:5060/2" },
    { "a socket that does not fit", "192.0.2.1", 0, TRANSPORT_TCP, true, 2,
      "tcp:192.0.2.1:5060/1" },
    { "a transport that is not there", "192.0.2.1", 0, TRANSPORT_TLS, true, SOCKET_ANY,
      "unreachable" },
    { "a family that is not there", "2001:db8::1", 0, TRANSPORT_UDP, true, SOCKET_ANY,
      "unreachable" },
    { "in brackets", "[2001:db8::1]", 0, TRANSPORT_UDP, true, SOCKET_ANY, "unreachable" },
    { "nothing", "", 0, TRANSPORT_UDP, true, SOCKET_ANY, "name has no address" },
};

static void test_addresses_are_resolved_at_once(void **state)
{
    static const char *const listeners[] = { "udp:127.0.0.1", "tcp:127.0.0.1", "udp:127.0.0.1",
                                             NULL };
    struct net_limits limits = rig_limits();
    struct rig *rig = rig_open(listeners, &limits);

    (void)state;
    check_rows(rig, numeric_rows, sizeof numeric_rows / sizeof *numeric_rows);
    rig_close(rig);
}

static const struct row stream_rows[] = {
    { "no UDP here", "192.0.2.1", 0, TRANSPORT_UDP, false, SOCKET_ANY, "tcp:192.0.2.1:5060/0" },
    { "UDP by name", "192.0.2.1", 0, TRANSPORT_UDP, true, SOCKET_ANY, "unreachable" },
};

static void test_the_default_transport_is_one_that_we_have(void **state)
{
    static const char *const listeners[] = { "tcp:127.0.0.1", NULL };
    struct net_limits limits = rig_limits();
    struct rig *rig = rig_open(listeners, &limits);

    (void)state;
    check_rows(rig, stream_rows, sizeof stream_rows / sizeof *stream_rows);
    rig_close(rig);
}

static const struct row both_rows[] = {
    { "IPv4", "192.0.2.1", 0, TRANSPORT_UDP, true, SOCKET_ANY, "udp:192.0.2.1:5060/0" },
    { "IPv6", "2001:db8::1", 0, TRANSPORT_UDP, true, SOCKET_ANY, "udp:[2001:db8::1]:5060/1" },
    { "IPv6 in brackets", "[2001:db8::1]", 7, TRANSPORT_UDP, true, 0, "udp:[2001:db8::1]:7/1" },
};

static void test_the_family_of_the_address_chooses_the_socket(void **state)
{
    static const char *const listeners[] = { "udp:127.0.0.1", "udp:::1", NULL };
    struct net_limits limits = rig_limits();
    struct rig *rig;

    (void)state;
    if (!peer_has_ipv6())
        skip();
    rig = rig_open(listeners, &limits);
    check_rows(rig, both_rows, sizeof both_rows / sizeof *both_rows);
    rig_close(rig);
}

/* ---- names ---- */

static void use_server(struct net *net, void *context)
{
    const struct name_server *server = context;
    char text[ADDR_TEXT_MAX];

    assert_int_equal(
        names_set_servers(net->names, addr_text(&server->bound, text)),
        ERR_NONE);
}

static struct rig *open_with(struct name_server *server)
{
    static const char *const listeners[] = { "udp:127.0.0.1", "tcp:127.0.0.1", NULL };
    struct net_limits limits = rig_limits();
    struct rig *rig = rig_open(listeners, &limits);

    start_server(server);
    rig_run(rig, 0, use_server, server);
    return rig;
}

static const struct row name_rows[] = {
    { "with a port", "one.test", 5070, TRANSPORT_UDP, false, SOCKET_ANY, "udp:192.0.2.1:5070/0" },
    { "any case", "ONE.test", 5070, TRANSPORT_UDP, false, SOCKET_ANY, "udp:192.0.2.1:5070/0" },
    { "services by priority", "both.test", 0, TRANSPORT_UDP, false, SOCKET_ANY,
      "udp:192.0.2.1:5080/0 udp:192.0.2.2:5070/0" },
    { "the service of a transport", "both.test", 0, TRANSPORT_TCP, true, SOCKET_ANY,
      "tcp:192.0.2.3:5090/1" },
    { "the transport of a service", "stream.test", 0, TRANSPORT_UDP, false, SOCKET_ANY,
      "tcp:192.0.2.3:5090/1" },
    { "a transport without a service", "stream.test", 0, TRANSPORT_UDP, true, SOCKET_ANY,
      "udp:192.0.2.9:5060/0" },
    { "a service not offered", "refused.test", 0, TRANSPORT_UDP, true, SOCKET_ANY,
      "name has no address" },
    { "only the other family", "six.test", 5060, TRANSPORT_UDP, true, SOCKET_ANY,
      "name has no address" },
    { "no such name", "none.test", 0, TRANSPORT_UDP, false, SOCKET_ANY, "name has no address" },
    { "a transport that is not there", "one.test", 0, TRANSPORT_TLS, true, SOCKET_ANY,
      "name has no address" },
    { "a name with a hole", "one..test", 5060, TRANSPORT_UDP, false, SOCKET_ANY,
      "name has no address" },
};

static void test_names_are_resolved_by_services_and_addresses(void **state)
{
    struct name_server server;
    struct rig *rig = open_with(&server);

    (void)state;
    check_rows(rig, name_rows, sizeof name_rows / sizeof *name_rows);
    rig_close(rig);
    stop_server(&server);
}

static void test_an_answer_is_remembered_and_so_is_its_absence(void **state)
{
    struct name_server server;
    struct rig *rig = open_with(&server);
    unsigned questions;

    (void)state;
    check_rows(rig, name_rows, 1);
    check_rows(rig, name_rows + 8, 1);
    questions = atomic_load(&server.questions);
    check_rows(rig, name_rows, 1);
    check_rows(rig, name_rows + 8, 1);
    assert_int_equal(atomic_load(&server.questions), questions);
    rig_close(rig);
    stop_server(&server);
}

static void ask_often(struct net *net, void *context)
{
    struct asking *asking = context;

    for (int i = 0; i < 50; i++)
        ask_it(net, asking);
}

static void test_those_who_ask_together_share_one_question(void **state)
{
    struct name_server server;
    struct rig *rig = open_with(&server);
    struct result result;
    struct asking asking = { { STR("two.test"), 5060, TRANSPORT_UDP, false, SOCKET_ANY, false }, &result };

    (void)state;
    init_result(&result);
    rig_run(rig, 0, ask_often, &asking);
    await_calls(&result, 50);
    assert_string_equal(result.text, "udp:192.0.2.2:5060/0");
    assert_int_equal(atomic_load(&server.questions), 1);
    rig_close(rig);
    stop_server(&server);
}

enum {
    MANY_NAMES = 1200, /* more than the cache holds */
    AT_ONCE = 100,     /* so that the name server keeps up */
};

static void ask_several(struct net *net, void *context)
{
    struct asking *asking = context;
    char host[32];

    for (unsigned i = 0; i < AT_ONCE; i++) {
        snprintf(host, sizeof host, "name%u.test", asking->result->calls + i);
        asking->query.host = str_of(host);
        ask_it(net, asking);
    }
}

static void test_more_names_than_the_cache_holds_are_answered_too(void **state)
{
    struct name_server server;
    struct rig *rig = open_with(&server);
    struct result result;
    struct asking asking = { { .port = 5060, .socket = SOCKET_ANY, false }, &result };

    (void)state;
    init_result(&result);
    while (result.calls < MANY_NAMES) {
        unsigned calls = result.calls;

        rig_run(rig, 0, ask_several, &asking);
        await_calls(&result, calls + AT_ONCE);
    }
    assert_true(atomic_load(&server.questions) >= MANY_NAMES);
    check_rows(rig, name_rows, 1);
    rig_close(rig);
    stop_server(&server);
}

static void test_a_silent_name_server_stops_nobody(void **state)
{
    struct name_server server;
    struct rig *rig = open_with(&server);
    struct flow flow = { .transport = TRANSPORT_UDP };
    int phone = peer_udp("127.0.0.1", &flow.peer);
    struct result result;
    struct asking asking = { { STR("mute.test"), 0, TRANSPORT_UDP, false, SOCKET_ANY, false }, &result };

    (void)state;
    init_result(&result);
    rig_run(rig, 0, ask_it, &asking);
    check_rows(rig, name_rows, 1);
    assert_int_equal(rig_send(rig, 0, &flow, STR("x")), ERR_NONE);
    peer_expect_datagram(phone, "x", NULL);
    close(phone);
    rig_close(rig); /* with the question still open */
    assert_int_equal(result.calls, 0);
    stop_server(&server);
}

static void test_the_hosts_of_the_machine_count(void **state)
{
    static const struct row rows[] = {
        { "localhost", "localhost", 5070, TRANSPORT_UDP, false, SOCKET_ANY,
          "udp:127.0.0.1:5070/0" },
    };
    struct name_server server;
    struct rig *rig = open_with(&server);

    (void)state;
    check_rows(rig, rows, 1);
    assert_int_equal(atomic_load(&server.questions), 0);
    rig_close(rig);
    stop_server(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_are_resolved_at_once),
        cmocka_unit_test(test_the_default_transport_is_one_that_we_have),
        cmocka_unit_test(test_the_family_of_the_address_chooses_the_socket),
        cmocka_unit_test(test_names_are_resolved_by_services_and_addresses),
        cmocka_unit_test(test_an_answer_is_remembered_and_so_is_its_absence),
        cmocka_unit_test(test_those_who_ask_together_share_one_question),
        cmocka_unit_test(test_more_names_than_the_cache_holds_are_answered_too),
        cmocka_unit_test(test_a_silent_name_server_stops_nobody),
        cmocka_unit_test(test_the_hosts_of_the_machine_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
