/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/sockets.h"
#include "rig.h"

enum {
    WORKERS = 3,
    RACES = 100,
};

static enum err open_one(struct listener *listener, struct net_sockets **out)
{
    return net_sockets_open(listener, 1, WORKERS, out);
}

static void test_every_worker_gets_a_socket_of_every_address(void **state)
{
    struct listener listeners[] = {
        { .transport = TRANSPORT_UDP, .bound = peer_addr("127.0.0.1") },
        { .transport = TRANSPORT_TCP, .bound = peer_addr("127.0.0.1") },
    };
    struct net_sockets *sockets;

    (void)state;
    assert_int_equal(net_sockets_open(listeners, 2, WORKERS, &sockets), ERR_NONE);
    for (unsigned worker = 0; worker < WORKERS; worker++) {
        for (unsigned i = 0; i < 2; i++) {
            struct sockaddr_storage address;
            socklen_t size = sizeof address;
            struct addr bound;
            int fd = net_sockets_take(sockets, worker, i);

            assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
            addr_from_sockaddr(&address, &bound);
            assert_int_not_equal(bound.port, 0);
            assert_true(addr_eq(&bound, &listeners[i].bound));
            assert_int_equal(net_sockets_take(sockets, worker, i), -1);
            close(fd);
        }
    }
    net_sockets_close(sockets);
}

/* Another server of the same user, which would share the port. */
static int hold_port(int type, struct addr *bound)
{
    struct addr any_port = peer_addr("127.0.0.1");
    struct sockaddr_storage address;
    socklen_t size = addr_to_sockaddr(&any_port, &address);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    int on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    addr_from_sockaddr(&address, bound);
    return fd;
}

static const struct {
    enum transport transport;
    int type;
} held_rows[] = {
    { TRANSPORT_UDP, SOCK_DGRAM },
    { TRANSPORT_TCP, SOCK_STREAM },
};

static void test_a_port_in_use_names_its_holder(void **state)
{
    char holder[32];

    (void)state;
    snprintf(holder, sizeof holder, "pid %ld;", (long)getpid());
    for (size_t i = 0; i < sizeof held_rows / sizeof *held_rows; i++) {
        struct listener listener = { .transport = held_rows[i].transport };
        struct net_sockets *sockets;
        int fd = hold_port(held_rows[i].type, &listener.bound);

        rig_catch_log();
        assert_int_equal(open_one(&listener, &sockets), ERR_EXISTS);
        assert_non_null(strstr(rig_caught_log(), holder));
        close(fd);
        assert_int_equal(open_one(&listener, &sockets), ERR_NONE);
        net_sockets_close(sockets);
    }
}

/* One of two servers that start at the same time with the same address. */
struct starter {
    struct listener listener;
    struct net_sockets *sockets; /* NULL: refused */
    pthread_barrier_t *line;
};

static void *start_in_a_race(void *argument)
{
    struct starter *starter = argument;

    pthread_barrier_wait(starter->line);
    if (open_one(&starter->listener, &starter->sockets))
        starter->sockets = NULL;
    return NULL;
}

static void race_for(enum transport transport, const struct addr *bound)
{
    struct starter starters[2];
    pthread_t threads[2];
    pthread_barrier_t line;

    pthread_barrier_init(&line, NULL, 2);
    for (int i = 0; i < 2; i++) {
        starters[i] = (struct starter){ { .transport = transport, .bound = *bound }, NULL, &line };
        assert_int_equal(pthread_create(&threads[i], NULL, start_in_a_race, &starters[i]), 0);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&line);
    assert_false(starters[0].sockets && starters[1].sockets);
    net_sockets_close(starters[0].sockets);
    net_sockets_close(starters[1].sockets);
}

static void say_nothing(enum log_level level, int facility, const char *line)
{
    (void)facility;
    (void)level;
    (void)line;
}

static void test_two_servers_never_share_a_port(void **state)
{
    (void)state;
    log_set_sink(say_nothing);
    for (size_t i = 0; i < sizeof held_rows / sizeof *held_rows; i++) {
        struct addr bound;

        close(hold_port(held_rows[i].type, &bound));
        for (int race = 0; race < RACES; race++)
            race_for(held_rows[i].transport, &bound);
    }
    log_set_sink(NULL);
}

static void test_connections_of_an_earlier_run_are_no_hindrance(void **state)
{
    struct listener listener = { .transport = TRANSPORT_TCP, .bound = peer_addr("127.0.0.1") };
    struct net_sockets *sockets;
    int listening, accepted, phone;

    (void)state;
    assert_int_equal(net_sockets_open(&listener, 1, 1, &sockets), ERR_NONE);
    listening = net_sockets_take(sockets, 0, 0);
    phone = peer_connect(&listener.bound);
    accepted = peer_accept(listening);
    close(listening);
    net_sockets_close(sockets);
    assert_int_equal(open_one(&listener, &sockets), ERR_NONE);
    net_sockets_close(sockets);
    close(accepted); /* waits in TIME_WAIT from now on */
    close(phone);
    assert_int_equal(open_one(&listener, &sockets), ERR_NONE);
    net_sockets_close(sockets);
}

static const struct {
    const char *what;
    enum transport transport;
    const char *addr;
    enum err want;
    const char *said;
} refused_rows[] = {
    { "every address", TRANSPORT_UDP, "0.0.0.0:5060", ERR_UNSUPPORTED, "name an address" },
    { "every IPv6 address", TRANSPORT_TCP, "[::]:5060", ERR_UNSUPPORTED, "name an address" },
    { "no such transport", TRANSPORT_WSS, "127.0.0.1:443", ERR_UNSUPPORTED, "not built in" },
    { "not here", TRANSPORT_UDP, "192.0.2.1:5060", ERR_NOT_FOUND, "1:1 NAT" },
    { "not here", TRANSPORT_TCP, "192.0.2.1:5060", ERR_NOT_FOUND, "tcp:192.0.2.1:5060" },
};

static void test_what_cannot_be_bound_is_explained(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused_rows / sizeof *refused_rows; i++) {
        struct listener listener = { .transport = refused_rows[i].transport,
                                     .bound = peer_addr(refused_rows[i].addr) };
        struct net_sockets *sockets;
        const char *said;
        enum err err;

        rig_catch_log();
        err = open_one(&listener, &sockets);
        said = rig_caught_log();
        if (err != refused_rows[i].want || !strstr(said, refused_rows[i].said))
            fail_msg("%s: %s, %s", refused_rows[i].what, err_name(err), said);
    }
}

static void test_a_failure_leaves_nothing_bound(void **state)
{
    struct listener listeners[] = {
        { .transport = TRANSPORT_UDP, .bound = peer_addr("127.0.0.1") },
        { .transport = TRANSPORT_UDP, .bound = peer_addr("192.0.2.1:5060") },
    };
    struct net_sockets *sockets;

    (void)state;
    rig_catch_log();
    assert_int_equal(net_sockets_open(listeners, 2, WORKERS, &sockets), ERR_NOT_FOUND);
    rig_caught_log();
    assert_int_not_equal(listeners[0].bound.port, 0);
    assert_int_equal(open_one(&listeners[0], &sockets), ERR_NONE);
    net_sockets_close(sockets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_worker_gets_a_socket_of_every_address),
        cmocka_unit_test(test_a_port_in_use_names_its_holder),
        cmocka_unit_test(test_two_servers_never_share_a_port),
        cmocka_unit_test(test_connections_of_an_earlier_run_are_no_hindrance),
        cmocka_unit_test(test_what_cannot_be_bound_is_explained),
        cmocka_unit_test(test_a_failure_leaves_nothing_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
