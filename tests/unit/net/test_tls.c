/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>

#include "certs.h"
#include "net/tls.h"
#include "rig.h"

#define PING "OPTIONS sip:a@b SIP/2.0\r\nCall-ID: 1\r\nContent-Length: 0\r\n\r\n"
#define TALK "MESSAGE sip:a@b SIP/2.0\r\nl: 13\r\nCall-ID: 2\r\n\r\nHello,\r\n\r\nyou"
#define PONG "SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"

/* ---- the stage: two CAs, certificates in a folder of their own, a server with TLS ---- */

static struct authority *ours, *theirs;
static char folder[] = "/tmp/culvert-tls-XXXXXX";

static const char *file(const char *name)
{
    static char paths[8][64];
    static unsigned next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static int set_up(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN); /* OpenSSL's own sockets, on the other side, do not care */
    assert_non_null(mkdtemp(folder));
    ours = authority_create("Our CA");
    theirs = authority_create("Their CA");
    authority_save(ours, file("ours.pem"));
    authority_save(theirs, file("theirs.pem"));
    authority_issue(ours, file("server.pem"), "server.test", "DNS:server.test,IP:127.0.0.1", 30);
    authority_issue(ours, file("other.pem"), "other.test", "DNS:other.test", 30);
    authority_issue(ours, file("phone.pem"), "phone", "URI:sip:phone.test,email:p@phone.test", 30);
    authority_issue(theirs, file("stranger.pem"), "stranger", "DNS:server.test", 30);
    authority_issue(ours, file("old.pem"), "old", "DNS:server.test,IP:127.0.0.1", 0);
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = { "ours.pem",  "theirs.pem", "server.pem",   "other.pem",
                                         "phone.pem", "old.pem",    "stranger.pem", "self.pem",
                                         "bad.pem",   "new.pem" };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(file(names[i]));
    rmdir(folder);
    authority_destroy(ours);
    authority_destroy(theirs);
    return 0;
}

struct tls_stage {
    struct rig *rig;
    struct tls *tls;
};

static const char *const tls_only[] = { "tls:127.0.0.1", NULL };

static enum err load(struct tls *tls, const struct tls_profile *profiles, unsigned count)
{
    char why[512] = "";
    struct writer w = writer_over(why, sizeof why - 1);
    enum err err = tls_load(tls, profiles, count, &w);

    *w.at = '\0';
    if (err)
        print_message("%s\n", why);
    return err;
}

static struct tls_profile server_profile(const char *certificate)
{
    return (struct tls_profile){ .where = STR("test"),
                                 .certificate = str_of(file(certificate)),
                                 .verify_depth = 3 };
}

static struct tls_profile client_profile(void)
{
    return (struct tls_profile){ .where = STR("test client"),
                                 .is_client = true,
                                 .ca_list = str_of(file("ours.pem")),
                                 .verifies_peer = true,
                                 .verify_depth = 3 };
}

static struct tls_stage open_stage(const struct net_limits *limits,
                                   const struct tls_profile *profiles, unsigned count)
{
    struct tls_stage stage;

    assert_int_equal(tls_create(&stage.tls), ERR_NONE);
    assert_int_equal(load(stage.tls, profiles, count), ERR_NONE);
    stage.rig = rig_open(tls_only, limits);
    net_shared_use_tls(rig_shared(stage.rig), stage.tls);
    return stage;
}

static struct tls_stage open_plain_stage(void)
{
    const struct tls_profile profiles[] = { server_profile("server.pem"), client_profile() };
    struct net_limits limits = rig_limits();

    return open_stage(&limits, profiles, 2);
}

static void close_stage(struct tls_stage *stage)
{
    rig_close(stage->rig);
    tls_destroy(stage->tls);
}

/* A client that has shaken hands. */
static struct tls_end connect_client(const struct tls_stage *stage, const char *name)
{
    struct tls_end end = end_client();

    assert_true(end_connect(&end, peer_connect(rig_bound(stage->rig, 0)), name));
    return end;
}

/* … and said something; the result is its worker. */
static unsigned connect_and_speak(const struct tls_stage *stage, struct tls_end *end,
                                  struct flow *flow)
{
    *end = connect_client(stage, NULL);
    end_send(end, PING);
    return rig_expect(stage->rig, PING, flow);
}

/* ---- bytes ---- */

static void test_messages_travel_both_ways(void **state)
{
    struct tls_stage stage = open_plain_stage();
    struct tls_end phone;
    struct flow flow;
    unsigned owner = connect_and_speak(&stage, &phone, &flow);

    (void)state;
    assert_int_equal(flow.transport, TRANSPORT_TLS);
    assert_int_equal(flow.identity, 0);
    assert_int_not_equal(flow.connection, 0);
    assert_int_equal(rig_send(stage.rig, owner, &flow, STR(PONG)), ERR_NONE);
    end_expect(&phone, PONG);
    assert_int_equal(rig_send(stage.rig, 1 - owner, &flow, STR(TALK)), ERR_NONE);
    end_expect(&phone, TALK);
    assert_int_equal(rig_counters(stage.rig).handshakes, 1);
    end_close(&phone, true);
    assert_int_equal(rig_expect_closed(stage.rig, NULL), ERR_NONE);
    close_stage(&stage);
}

static void test_records_are_not_messages(void **state)
{
    struct tls_stage stage = open_plain_stage();
    struct tls_end phone = connect_client(&stage, NULL);

    (void)state;
    end_send(&phone, PING TALK "\r\n\r\n" PONG "\r\n" PING); /* many in one */
    rig_expect(stage.rig, PING, NULL);
    rig_expect(stage.rig, TALK, NULL);
    rig_expect(stage.rig, PONG, NULL);
    rig_expect(stage.rig, PING, NULL);
    end_expect(&phone, "\r\n");
    for (size_t i = 0; i < strlen(TALK); i++) /* one in many */
        end_send(&phone, (char[]){ TALK[i], '\0' });
    rig_expect(stage.rig, TALK, NULL);
    end_close(&phone, true);
    close_stage(&stage);
}

static void test_large_messages_fit(void **state)
{
    struct tls_stage stage = open_plain_stage();
    struct tls_end phone = connect_client(&stage, NULL);
    char *text = calloc(1, 65536);
    int head = snprintf(text, 65535, "MESSAGE sip:a SIP/2.0\r\nl: 65000\r\n\r\n");
    struct flow flow;
    unsigned owner;

    (void)state;
    memset(text + head, 'x', 65000);
    end_send(&phone, text);
    owner = rig_expect(stage.rig, text, &flow);
    for (int i = 0; i < 3; i++)
        assert_int_equal(rig_send(stage.rig, owner, &flow, str_of(text)), ERR_NONE);
    for (int i = 0; i < 3; i++)
        end_expect(&phone, text);
    free(text);
    end_close(&phone, true);
    close_stage(&stage);
}

static void test_keys_may_change_meanwhile(void **state)
{
    struct tls_stage stage = open_plain_stage();
    struct tls_end phone;
    struct flow flow;
    unsigned owner = connect_and_speak(&stage, &phone, &flow);

    (void)state;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(SSL_key_update(phone.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        end_send(&phone, TALK);
        rig_expect(stage.rig, TALK, NULL);
        assert_int_equal(rig_send(stage.rig, owner, &flow, STR(PONG)), ERR_NONE);
        end_expect(&phone, PONG);
    }
    end_close(&phone, true);
    close_stage(&stage);
}

static void test_what_waited_is_sent_whole_once_the_peer_reads(void **state)
{
    struct tls_stage stage = open_plain_stage();
    static char bytes[6001];
    struct tls_end phone;
    struct flow flow;
    unsigned owner = connect_and_speak(&stage, &phone, &flow);
    size_t sent = 0;
    enum err err;

    (void)state;
    memset(bytes, 'x', sizeof bytes - 1);
    while (!(err = rig_send(stage.rig, owner, &flow, str_of(bytes))))
        sent++;
    assert_int_equal(err, ERR_LIMIT);
    assert_int_equal(rig_counters(stage.rig).queue_full, 1);
    while (sent-- > 0)
        end_expect(&phone, bytes);
    assert_int_equal(rig_send(stage.rig, owner, &flow, STR(TALK)), ERR_NONE);
    end_expect(&phone, TALK);
    end_close(&phone, true);
    close_stage(&stage);
}

static void test_a_peer_that_reads_nothing_costs_only_itself(void **state)
{
    const struct tls_profile profile = server_profile("server.pem");
    struct net_limits limits = rig_limits();
    static char bytes[16384];
    struct tls_stage stage;
    struct tls_end phone, other;
    struct flow flow, others;
    unsigned owner;

    (void)state;
    limits.write_queue_bytes = 65536;
    limits.write_queue_age = 300;
    stage = open_stage(&limits, &profile, 1);
    owner = connect_and_speak(&stage, &phone, &flow);
    while (!rig_send(stage.rig, owner, &flow, (struct str){ bytes, sizeof bytes }))
        ;
    connect_and_speak(&stage, &other, &others);
    assert_int_equal(rig_send(stage.rig, owner, &others, STR(TALK)), ERR_NONE);
    end_expect(&other, TALK);
    assert_int_equal(rig_expect_closed(stage.rig, NULL), ERR_TIMEOUT);
    end_close(&phone, false);
    end_close(&other, true);
    close_stage(&stage);
}

/* ---- ends ---- */

static void test_a_peer_may_end_without_a_farewell(void **state)
{
    struct tls_stage stage = open_plain_stage();
    struct tls_end phone;
    struct flow flow;

    (void)state;
    connect_and_speak(&stage, &phone, &flow);
    shutdown(phone.fd, SHUT_WR);
    assert_int_equal(rig_expect_closed(stage.rig, NULL), ERR_NONE);
    end_close(&phone, false);
    connect_and_speak(&stage, &phone, &flow);
    end_send(&phone, "OPTIONS sip:a SIP/2.0\r\n"); /* what is cut off is no message */
    shutdown(phone.fd, SHUT_WR);
    assert_int_equal(rig_expect_closed(stage.rig, NULL), ERR_NONE);
    end_close(&phone, false);
    rig_expect_no(stage.rig, RIG_MESSAGE);
    close_stage(&stage);
}

static void test_a_reset_is_a_loss(void **state)
{
    struct tls_stage stage = open_plain_stage();
    struct tls_end phone;
    struct flow flow;
    unsigned owner = connect_and_speak(&stage, &phone, &flow);

    (void)state;
    peer_reset(phone.fd);
    phone.fd = -1;
    assert_int_equal(rig_expect_closed(stage.rig, NULL), ERR_IO);
    assert_int_equal(rig_send(stage.rig, owner, &flow, STR(PING)), ERR_UNREACHABLE);
    end_close(&phone, false);
    close_stage(&stage);
}

static void test_half_a_close_ends_both_sides(void **state)
{
    struct tls_stage stage = open_plain_stage();
    struct tls_end phone;
    struct flow flow;

    (void)state;
    connect_and_speak(&stage, &phone, &flow);
    SSL_shutdown(phone.ssl);
    assert_true(end_expect_end(&phone));
    assert_int_equal(rig_expect_closed(stage.rig, NULL), ERR_NONE);
    end_close(&phone, false);
    close_stage(&stage);
}

/* ---- handshakes ---- */

static const struct {
    const char *what;
    const char *text;
} garbage_rows[] = {
    { "SIP", PING },
    { "a browser without TLS", "GET / HTTP/1.1\r\nHost: a\r\n\r\n" },
    { "noise", "\x80\x01\x02\x03\x04\x05\x06\x07\x08\x09" },
    { "a record that is too long", "\x16\x03\x01\xff\xff\x01\x01\x01\x01\x01" },
    { "a handshake that is not one", "\x16\x03\x01\x01\x05\x17\x01\x01\x01\x01\x01" },
};

static void test_what_is_not_tls_is_closed(void **state)
{
    struct tls_stage stage = open_plain_stage();

    (void)state;
    for (size_t i = 0; i < sizeof garbage_rows / sizeof *garbage_rows; i++) {
        int phone = peer_connect(rig_bound(stage.rig, 0));

        peer_send(phone, garbage_rows[i].text);
        shutdown(phone, SHUT_WR);
        peer_expect_end(phone);
        rig_expect_closed(stage.rig, NULL);
    }
    rig_expect_no(stage.rig, RIG_MESSAGE);
    assert_int_equal(rig_counters(stage.rig).handshakes_failed,
                     sizeof garbage_rows / sizeof *garbage_rows);
    assert_int_equal(rig_counters(stage.rig).connections, 0);
    close_stage(&stage);
}

static void test_a_handshake_is_not_waited_for_forever(void **state)
{
    const struct tls_profile profile = server_profile("server.pem");
    struct net_limits limits = rig_limits();
    struct tls_stage stage;
    int silent, slow;

    (void)state;
    limits.handshake_timeout = 80;
    stage = open_stage(&limits, &profile, 1);
    silent = peer_connect(rig_bound(stage.rig, 0));
    slow = peer_connect(rig_bound(stage.rig, 0));
    peer_send(slow, "\x16\x03\x01\x01\x05\x01");
    peer_expect_end(silent);
    peer_expect_end(slow);
    assert_int_equal(rig_expect_closed(stage.rig, NULL), ERR_TIMEOUT);
    assert_int_equal(rig_expect_closed(stage.rig, NULL), ERR_TIMEOUT);
    assert_int_equal(rig_counters(stage.rig).closed_slow, 2);
    close_stage(&stage);
}

static void test_the_first_message_has_its_time_from_the_handshake_on(void **state)
{
    const struct tls_profile profile = server_profile("server.pem");
    struct net_limits limits = rig_limits();
    struct tls_stage stage;
    struct tls_end phone;

    (void)state;
    limits.first_message_timeout = 80;
    stage = open_stage(&limits, &profile, 1);
    phone = connect_client(&stage, NULL);
    assert_true(end_expect_end(&phone));
    assert_int_equal(rig_expect_closed(stage.rig, NULL), ERR_TIMEOUT);
    end_close(&phone, false);
    close_stage(&stage);
}

static void test_nothing_old_is_spoken(void **state)
{
    struct tls_stage stage = open_plain_stage();
    struct tls_end phone = end_client();

    (void)state;
    SSL_CTX_set_security_level(phone.context, 0);
    SSL_CTX_set_min_proto_version(phone.context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(phone.context, TLS1_1_VERSION);
    assert_false(end_connect(&phone, peer_connect(rig_bound(stage.rig, 0)), NULL));
    end_close(&phone, false);
    rig_expect_closed(stage.rig, NULL);
    close_stage(&stage);
}

static void test_nobody_renegotiates(void **state)
{
    struct tls_stage stage = open_plain_stage();
    struct tls_end phone = end_client();

    (void)state;
    SSL_CTX_set_max_proto_version(phone.context, TLS1_2_VERSION);
    assert_true(end_connect(&phone, peer_connect(rig_bound(stage.rig, 0)), NULL));
    end_send(&phone, PING);
    rig_expect(stage.rig, PING, NULL);
    SSL_renegotiate(phone.ssl);
    assert_int_not_equal(SSL_do_handshake(phone.ssl), 1);
    ERR_clear_error();
    end_close(&phone, false);
    rig_expect_closed(stage.rig, NULL);
    close_stage(&stage);
}

static const struct {
    const char *asked, *shown;
} name_rows[] = {
    { NULL, "server.test" },           { "server.test", "server.test" },
    { "other.test", "other.test" },    { "OTHER.test", "other.test" },
    { "a.other.test", "server.test" }, { "elsewhere.test", "server.test" },
    { "phones.below.test", "phone" },  { "below.test", "server.test" },
};

static void test_the_name_chooses_the_certificate(void **state)
{
    struct tls_profile profiles[] = { server_profile("server.pem"), server_profile("other.pem"),
                                      server_profile("phone.pem") };
    struct net_limits limits = rig_limits();
    struct tls_stage stage;

    (void)state;
    profiles[1].name = STR("other.test");
    profiles[2].name = STR("below.test");
    profiles[2].name_match = TLS_NAME_BELOW;
    stage = open_stage(&limits, profiles, 3);
    for (size_t i = 0; i < sizeof name_rows / sizeof *name_rows; i++) {
        struct tls_end phone = connect_client(&stage, name_rows[i].asked);

        assert_string_equal(end_peer_name(&phone), name_rows[i].shown);
        end_close(&phone, true);
    }
    close_stage(&stage);
}

/* ---- certificates of phones ---- */

static const struct {
    const char *what;
    const char *certificate;
    bool requires, is_let_in;
    const char *verified;
} phone_rows[] = {
    { "none, and none is needed", NULL, false, true, "0" },
    { "none, but one is needed", NULL, true, false, NULL },
    { "a good one", "phone.pem", true, true, "1" },
    { "of a CA we do not know", "stranger.pem", false, false, NULL },
    { "one that has expired", "old.pem", false, false, NULL },
};

static void ask(struct net *net, void *context);

struct asking {
    struct flow flow;
    struct tls_question question;
    char answer[2048];
    enum err err;
};

static void ask(struct net *net, void *context)
{
    struct asking *asking = context;
    struct outside *outside = net_outside(net);
    struct writer w = writer_over(asking->answer, sizeof asking->answer - 1);

    asking->err = outside->tls_fact(outside, &asking->flow, &asking->question, &w);
    *w.at = '\0';
}

static const char *fact(const struct tls_stage *stage, unsigned worker, const struct flow *flow,
                        struct tls_question question)
{
    static struct asking asking;

    asking = (struct asking){ .flow = *flow, .question = question };
    rig_run(stage->rig, worker, ask, &asking);
    return asking.err ? "" : asking.answer;
}

/* TLS 1.3 lets a client speak before the server has judged it: the end comes later. */
static bool is_let_in(const struct tls_stage *stage, struct tls_end *phone, struct flow *flow)
{
    bool is_in = end_connect(phone, peer_connect(rig_bound(stage->rig, 0)), NULL) &&
                 SSL_write(phone->ssl, PING, (int)strlen(PING)) > 0;
    struct rig_event *event;

    if (is_in && SSL_pending(phone->ssl) == 0) {
        char byte;
        struct timeval soon = { .tv_usec = 300000 };

        setsockopt(phone->fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
        is_in = SSL_read(phone->ssl, &byte, 1) <= 0 &&
                SSL_get_error(phone->ssl, -1) == SSL_ERROR_WANT_READ;
    }
    ERR_clear_error();
    if (!is_in)
        return false;
    event = rig_wait(stage->rig, RIG_MESSAGE);
    *flow = event->flow;
    free(event);
    return true;
}

static void test_phones_may_have_to_prove_themselves(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof phone_rows / sizeof *phone_rows; i++) {
        struct tls_profile profile = server_profile("server.pem");
        struct net_limits limits = rig_limits();
        struct tls_end phone = end_client();
        struct tls_stage stage;
        struct flow flow;

        profile.ca_list = str_of(file("ours.pem"));
        profile.verifies_peer = true;
        profile.requires_peer = phone_rows[i].requires;
        stage = open_stage(&limits, &profile, 1);
        if (phone_rows[i].certificate) {
            SSL_CTX_use_certificate_chain_file(phone.context, file(phone_rows[i].certificate));
            SSL_CTX_use_PrivateKey_file(phone.context, file(phone_rows[i].certificate),
                                        SSL_FILETYPE_PEM);
        }
        if (is_let_in(&stage, &phone, &flow) != phone_rows[i].is_let_in)
            fail_msg("%s", phone_rows[i].what);
        if (phone_rows[i].verified)
            assert_string_equal(
                fact(&stage, 0, &flow, (struct tls_question){ .fact = TLS_FACT_VERIFIED }),
                phone_rows[i].verified);
        end_close(&phone, false);
        close_stage(&stage);
    }
}

static const struct {
    struct tls_question question;
    const char *answer; /* "*": anything; "": none */
} fact_rows[] = {
    { { TLS_FACT_VERSION, TLS_PEER, NULL }, "TLSv1.3" },
    { { TLS_FACT_CIPHER, TLS_PEER, NULL }, "TLS_AES_256_GCM_SHA384" },
    { { TLS_FACT_CIPHER_BITS, TLS_PEER, NULL }, "256" },
    { { TLS_FACT_DESCRIPTION, TLS_PEER, NULL }, "*" },
    { { TLS_FACT_SERVER_NAME, TLS_PEER, NULL }, "server.test" },
    { { TLS_FACT_VERIFIED, TLS_PEER, NULL }, "1" },
    { { TLS_FACT_EXPIRED, TLS_PEER, NULL }, "0" },
    { { TLS_FACT_REVOKED, TLS_PEER, NULL }, "0" },
    { { TLS_FACT_SELF_SIGNED, TLS_PEER, NULL }, "0" },
    { { TLS_FACT_CERT_VERSION, TLS_PEER, NULL }, "3" },
    { { TLS_FACT_SERIAL, TLS_PEER, NULL }, "*" },
    { { TLS_FACT_SUBJECT, TLS_PEER, NULL }, "/O=Culvert Tests/CN=phone" },
    { { TLS_FACT_ISSUER, TLS_PEER, NULL }, "/O=Culvert Tests/CN=Our CA" },
    { { TLS_FACT_SUBJECT, TLS_PEER, "CN" }, "phone" },
    { { TLS_FACT_SUBJECT, TLS_PEER, "O" }, "Culvert Tests" },
    { { TLS_FACT_SUBJECT, TLS_PEER, "L" }, "" },
    { { TLS_FACT_SAN_URI, TLS_PEER, NULL }, "sip:phone.test" },
    { { TLS_FACT_SAN_EMAIL, TLS_PEER, NULL }, "p@phone.test" },
    { { TLS_FACT_SAN_HOST, TLS_PEER, NULL }, "" },
    { { TLS_FACT_SUBJECT, TLS_OWN, "CN" }, "server.test" },
    { { TLS_FACT_SAN_HOST, TLS_OWN, NULL }, "server.test" },
    { { TLS_FACT_SAN_IP, TLS_OWN, NULL }, "127.0.0.1" },
    { { TLS_FACT_NOT_BEFORE, TLS_OWN, NULL }, "*" },
    { { TLS_FACT_NOT_AFTER, TLS_PEER, NULL }, "*" },
    { { TLS_FACT_PEM, TLS_PEER, NULL }, "*" },
};

static void test_every_worker_knows_the_facts(void **state)
{
    struct tls_profile profile = server_profile("server.pem");
    struct net_limits limits = rig_limits();
    struct tls_end phone = end_client();
    struct tls_stage stage;
    struct flow flow;

    (void)state;
    profile.ca_list = str_of(file("ours.pem"));
    profile.only_asks = true;
    stage = open_stage(&limits, &profile, 1);
    SSL_CTX_use_certificate_chain_file(phone.context, file("phone.pem"));
    SSL_CTX_use_PrivateKey_file(phone.context, file("phone.pem"), SSL_FILETYPE_PEM);
    assert_true(end_connect(&phone, peer_connect(rig_bound(stage.rig, 0)), "server.test"));
    end_send(&phone, PING);
    rig_expect(stage.rig, PING, &flow);
    for (size_t i = 0; i < sizeof fact_rows / sizeof *fact_rows; i++) {
        const char *answer = fact(&stage, i % 2, &flow, fact_rows[i].question);

        if (strcmp(fact_rows[i].answer, "*") == 0)
            assert_string_not_equal(answer, "");
        else if (strcmp(answer, fact_rows[i].answer) != 0)
            fail_msg("row %zu: \"%s\" instead of \"%s\"", i, answer, fact_rows[i].answer);
    }
    end_close(&phone, true);
    rig_expect_closed(stage.rig, NULL);
    assert_string_equal(fact(&stage, 0, &flow, (struct tls_question){ .fact = TLS_FACT_VERSION }),
                        "");
    close_stage(&stage);
}

static void test_a_doubtful_phone_is_let_in_when_only_asked(void **state)
{
    struct tls_profile profile = server_profile("server.pem");
    struct net_limits limits = rig_limits();
    struct tls_end phone = end_client();
    struct tls_stage stage;
    struct flow flow;

    (void)state;
    profile.ca_list = str_of(file("ours.pem"));
    profile.only_asks = true;
    stage = open_stage(&limits, &profile, 1);
    SSL_CTX_use_certificate_chain_file(phone.context, file("stranger.pem"));
    SSL_CTX_use_PrivateKey_file(phone.context, file("stranger.pem"), SSL_FILETYPE_PEM);
    assert_true(is_let_in(&stage, &phone, &flow));
    assert_string_equal(fact(&stage, 0, &flow, (struct tls_question){ .fact = TLS_FACT_VERIFIED }),
                        "0");
    end_close(&phone, true);
    close_stage(&stage);
}

/* ---- dialling ---- */

static struct flow flow_to(const struct tls_stage *stage, const char *name)
{
    return (struct flow){ .transport = TRANSPORT_TLS,
                          .socket = SOCKET_ANY,
                          .identity = name ? tls_identity(stage->tls, str_of(name)) : 0 };
}

static const struct {
    const char *what;
    const char *certificate; /* of the gateway */
    const char *name;        /* that we dial; NULL: by its address */
    bool is_believed;
} gateway_rows[] = {
    { "its name", "server.pem", "server.test", true },
    { "its address", "server.pem", NULL, true },
    { "another name", "server.pem", "other.test", false },
    { "a name below", "server.pem", "a.server.test", false },
    { "a SIP URI", "phone.pem", "phone.test", true },
    { "the common name, though there are alternative ones", "phone.pem", "phone", false },
    { "no address in it", "other.pem", NULL, false },
    { "of a CA we do not know", "stranger.pem", "server.test", false },
    { "expired", "old.pem", "server.test", false },
    { "only a common name", "new.pem", "common.test", true },
};

static void test_gateways_prove_who_they_are(void **state)
{
    (void)state;
    authority_issue(ours, file("new.pem"), "common.test", NULL, 30);
    rig_catch_log();
    for (size_t i = 0; i < sizeof gateway_rows / sizeof *gateway_rows; i++) {
        struct tls_stage stage = open_plain_stage();
        struct flow flow = flow_to(&stage, gateway_rows[i].name), lost;
        int listener = peer_listen("127.0.0.1", 8, &flow.peer);
        struct tls_end gateway = end_server(file(gateway_rows[i].certificate));

        assert_int_equal(rig_send(stage.rig, 0, &flow, STR(PING)), ERR_NONE);
        end_accept(&gateway, peer_accept(listener));
        if (gateway_rows[i].is_believed) {
            end_expect(&gateway, PING);
            if (gateway_rows[i].name)
                assert_string_equal(SSL_get_servername(gateway.ssl, TLSEXT_NAMETYPE_host_name),
                                    gateway_rows[i].name);
            end_send(&gateway, PONG);
            rig_expect(stage.rig, PONG, NULL);
        } else {
            char byte;

            assert_true(SSL_read(gateway.ssl, &byte, 1) <= 0); /* not one byte of ours */
            assert_int_equal(rig_expect_closed(stage.rig, &lost), ERR_UNREACHABLE);
            assert_int_equal(lost.identity, flow.identity);
        }
        ERR_clear_error();
        end_close(&gateway, false);
        close(listener);
        close_stage(&stage);
    }
    assert_non_null(strstr(rig_caught_log(), "put its CA into ca_list"));
}

static void test_verification_is_an_option(void **state)
{
    struct tls_profile profile = client_profile();
    struct net_limits limits = rig_limits();
    struct tls_end gateway = end_server(file("stranger.pem"));
    struct tls_stage stage;
    struct flow flow;
    int listener;

    (void)state;
    profile.verifies_peer = false;
    stage = open_stage(&limits, &profile, 1);
    flow = flow_to(&stage, "nobody.test");
    listener = peer_listen("127.0.0.1", 8, &flow.peer);
    assert_int_equal(rig_send(stage.rig, 0, &flow, STR(PING)), ERR_NONE);
    assert_true(end_accept(&gateway, peer_accept(listener)));
    end_expect(&gateway, PING);
    end_close(&gateway, true);
    close(listener);
    close_stage(&stage);
}

static void test_a_client_shows_its_certificate(void **state)
{
    struct tls_profile profile = client_profile();
    struct net_limits limits = rig_limits();
    struct tls_end gateway = end_server(file("server.pem"));
    struct tls_stage stage;
    struct flow flow;
    int listener;

    (void)state;
    profile.certificate = str_of(file("phone.pem"));
    stage = open_stage(&limits, &profile, 1);
    flow = flow_to(&stage, "server.test");
    listener = peer_listen("127.0.0.1", 8, &flow.peer);
    SSL_CTX_load_verify_file(gateway.context, file("ours.pem"));
    SSL_CTX_set_verify(gateway.context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    assert_int_equal(rig_send(stage.rig, 0, &flow, STR(PING)), ERR_NONE);
    assert_true(end_accept(&gateway, peer_accept(listener)));
    end_expect(&gateway, PING);
    assert_string_equal(end_peer_name(&gateway), "phone");
    end_close(&gateway, true);
    close(listener);
    close_stage(&stage);
}

static void test_a_connection_is_of_one_name(void **state)
{
    struct tls_profile profile = client_profile();
    struct net_limits limits = rig_limits();
    struct tls_end gateways[2] = { end_server(file("server.pem")), end_server(file("other.pem")) };
    struct tls_stage stage;
    struct flow flow, other;
    int listener;

    (void)state;
    stage = open_stage(&limits, &profile, 1);
    flow = flow_to(&stage, "server.test");
    listener = peer_listen("127.0.0.1", 8, &flow.peer);
    other = flow;
    other.identity = tls_identity(stage.tls, STR("Other.Test."));
    assert_int_not_equal(flow.identity, other.identity);
    assert_int_equal(rig_send(stage.rig, 0, &flow, STR(PING)), ERR_NONE);
    assert_true(end_accept(&gateways[0], peer_accept(listener)));
    assert_int_equal(rig_send(stage.rig, 1, &flow, STR(TALK)), ERR_NONE);
    end_expect(&gateways[0], PING TALK);
    assert_int_equal(rig_send(stage.rig, 0, &other, STR(PING)), ERR_NONE);
    assert_true(end_accept(&gateways[1], peer_accept(listener)));
    end_expect(&gateways[1], PING);
    assert_int_equal(rig_counters(stage.rig).dialled, 2);
    end_close(&gateways[0], true);
    end_close(&gateways[1], true);
    close(listener);
    close_stage(&stage);
}

enum { GATEWAYS = 64 };

static void send_to_all(struct net *net, void *context)
{
    struct outside *outside = net_outside(net);
    const struct flow *flows = context;

    for (int i = 0; i < GATEWAYS; i++)
        assert_int_equal(outside->send(outside, &flows[i], STR(PING)), ERR_NONE);
}

/* More handshakes than one turn of the loop may do. */
static void test_many_are_dialled_at_once(void **state)
{
    struct tls_profile profile = client_profile();
    struct net_limits limits = rig_limits();
    struct flow flows[GATEWAYS];
    struct tls_stage stage;
    struct addr bound;
    int listener = peer_listen("127.0.0.1", GATEWAYS, &bound);

    (void)state;
    profile.verifies_peer = false;
    stage = open_stage(&limits, &profile, 1);
    for (int i = 0; i < GATEWAYS; i++) {
        char name[32];

        snprintf(name, sizeof name, "gateway%d.test", i);
        flows[i] = flow_to(&stage, name);
        flows[i].peer = bound;
    }
    rig_run(stage.rig, 0, send_to_all, flows);
    for (int i = 0; i < GATEWAYS; i++) {
        struct tls_end gateway = end_server(file("server.pem"));

        assert_true(end_accept(&gateway, peer_accept(listener)));
        end_expect(&gateway, PING);
        end_close(&gateway, true);
    }
    close(listener);
    close_stage(&stage);
}

static void test_names_are_remembered_only_so_long(void **state)
{
    char name[TLS_NAME_MAX + 1], text[32];
    struct tls *tls;
    uint32_t first;

    (void)state;
    assert_int_equal(tls_create(&tls), ERR_NONE);
    first = tls_identity(tls, STR("first.test"));
    for (int i = 0; i < 5000; i++) {
        snprintf(text, sizeof text, "n%d.test", i);
        assert_int_not_equal(tls_identity(tls, str_of(text)), 0);
        if (i < 4000) /* whoever is used stays */
            assert_int_equal(tls_identity(tls, STR("FIRST.test")), first);
    }
    assert_true(tls_identity_name(tls, first, name));
    assert_string_equal(name, "first.test");
    assert_false(tls_identity_name(tls, tls_identity(tls, STR("")), name));
    for (int i = 0; i < 4096; i++) {
        snprintf(text, sizeof text, "m%d.test", i);
        assert_int_not_equal(tls_identity(tls, str_of(text)), 0);
    }
    assert_false(tls_identity_name(tls, first, name));
    tls_destroy(tls);
}

/* ---- reload ---- */

static void test_a_reload_changes_what_comes_after(void **state)
{
    struct tls_stage stage = open_plain_stage();
    const struct tls_profile other = server_profile("other.pem");
    struct tls_end phone, next;
    struct flow flow;
    unsigned owner = connect_and_speak(&stage, &phone, &flow);

    (void)state;
    assert_int_equal(load(stage.tls, &other, 1), ERR_NONE);
    assert_int_equal(rig_send(stage.rig, owner, &flow, STR(TALK)), ERR_NONE);
    end_expect(&phone, TALK);
    end_send(&phone, PING);
    rig_expect(stage.rig, PING, NULL);
    next = connect_client(&stage, NULL);
    assert_string_equal(end_peer_name(&next), "other.test");
    end_close(&phone, true);
    end_close(&next, true);
    close_stage(&stage);
}

static void write_file(const char *name, const char *text)
{
    FILE *out = fopen(file(name), "w");

    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static const struct {
    const char *what;
    struct tls_profile profile; /* with names of files */
    const char *why;
} bad_rows[] = {
    { "no certificate", { .where = STR_INIT("x") }, "x: a server needs a certificate" },
    { "no such file",
      { .certificate = STR_INIT("absent.pem") },
      "absent.pem\": No such file or directory" },
    { "no PEM file", { .certificate = STR_INIT("bad.pem") }, "certificate \"" },
    { "another key",
      { .certificate = STR_INIT("server.pem"), .private_key = STR_INIT("other.pem") },
      "private key \"" },
    { "no key", { .certificate = STR_INIT("ours.pem") }, "private key \"" },
    { "no CAs",
      { .certificate = STR_INIT("server.pem"), .ca_list = STR_INIT("bad.pem") },
      "list of CAs \"" },
    { "no revocations",
      { .certificate = STR_INIT("server.pem"), .crl = STR_INIT("absent.pem") },
      "list of revocations \"" },
};

static void put_folder(struct str *name)
{
    if (name->len)
        *name = str_of(file(name->ptr));
}

static void test_a_bad_file_changes_nothing(void **state)
{
    struct tls_stage stage = open_plain_stage();

    (void)state;
    write_file("bad.pem", "nothing of the kind\n");
    for (size_t i = 0; i < sizeof bad_rows / sizeof *bad_rows; i++) {
        struct tls_profile profiles[] = { server_profile("other.pem"), bad_rows[i].profile };
        char why[512] = "";
        struct writer w = writer_over(why, sizeof why - 1);
        struct tls_end phone;

        put_folder(&profiles[1].certificate);
        put_folder(&profiles[1].private_key);
        put_folder(&profiles[1].ca_list);
        put_folder(&profiles[1].crl);
        assert_int_not_equal(tls_load(stage.tls, profiles, 2, &w), ERR_NONE);
        *w.at = '\0';
        if (!strstr(why, bad_rows[i].why))
            fail_msg("%s: %s", bad_rows[i].what, why);
        phone = connect_client(&stage, NULL);
        assert_string_equal(end_peer_name(&phone), "server.test");
        end_close(&phone, true);
    }
    close_stage(&stage);
}

/* ---- our own certificate ---- */

static void test_a_certificate_of_our_own_serves(void **state)
{
    const struct tls_profile profile = server_profile("self.pem");
    struct net_limits limits = rig_limits();
    struct tls_stage stage;
    struct tls_end phone;
    struct stat status;

    (void)state;
    assert_int_equal(tls_make_self_signed(file("self.pem"), STR("sip.test, 127.0.0.1,::1")),
                     ERR_NONE);
    assert_int_equal(tls_make_self_signed(file("self.pem"), STR("sip.test")), ERR_EXISTS);
    assert_int_equal(stat(file("self.pem"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    stage = open_stage(&limits, &profile, 1);
    phone = connect_client(&stage, "sip.test");
    assert_true(tls_names_domain(SSL_get0_peer_certificate(phone.ssl), STR("sip.test")));
    assert_true(tls_names_addr(SSL_get0_peer_certificate(phone.ssl), rig_bound(stage.rig, 0)));
    end_close(&phone, true);
    close_stage(&stage);
    assert_int_not_equal(tls_make_self_signed("/nonexistent/self.pem", STR("")), ERR_NONE);
}

/* ---- versions ---- */

static void test_versions_are_chosen(void **state)
{
    struct tls_profile profile = server_profile("server.pem");
    struct net_limits limits = rig_limits();
    struct tls_end phone = end_client();
    struct tls_stage stage;

    (void)state;
    assert_int_equal(tls_method_parse(STR("TLSv1.3"), &profile.min_version, &profile.max_version),
                     ERR_NONE);
    stage = open_stage(&limits, &profile, 1);
    SSL_CTX_set_max_proto_version(phone.context, TLS1_2_VERSION);
    assert_false(end_connect(&phone, peer_connect(rig_bound(stage.rig, 0)), NULL));
    ERR_clear_error();
    end_close(&phone, false);
    assert_int_equal(tls_method_parse(STR("TLSv1.2"), &profile.min_version, &profile.max_version),
                     ERR_NONE);
    assert_int_equal(load(stage.tls, &profile, 1), ERR_NONE);
    phone = connect_client(&stage, NULL);
    assert_string_equal(SSL_get_version(phone.ssl), "TLSv1.2");
    end_close(&phone, true);
    assert_int_equal(tls_method_parse(STR("SSLv23"), &profile.min_version, &profile.max_version),
                     ERR_NONE);
    assert_int_equal(tls_method_parse(STR("TLSv9"), &profile.min_version, &profile.max_version),
                     ERR_SYNTAX);
    close_stage(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_travel_both_ways),
        cmocka_unit_test(test_records_are_not_messages),
        cmocka_unit_test(test_large_messages_fit),
        cmocka_unit_test(test_keys_may_change_meanwhile),
        cmocka_unit_test(test_what_waited_is_sent_whole_once_the_peer_reads),
        cmocka_unit_test(test_a_peer_that_reads_nothing_costs_only_itself),
        cmocka_unit_test(test_a_peer_may_end_without_a_farewell),
        cmocka_unit_test(test_a_reset_is_a_loss),
        cmocka_unit_test(test_half_a_close_ends_both_sides),
        cmocka_unit_test(test_what_is_not_tls_is_closed),
        cmocka_unit_test(test_a_handshake_is_not_waited_for_forever),
        cmocka_unit_test(test_the_first_message_has_its_time_from_the_handshake_on),
        cmocka_unit_test(test_nothing_old_is_spoken),
        cmocka_unit_test(test_nobody_renegotiates),
        cmocka_unit_test(test_the_name_chooses_the_certificate),
        cmocka_unit_test(test_phones_may_have_to_prove_themselves),
        cmocka_unit_test(test_every_worker_knows_the_facts),
        cmocka_unit_test(test_a_doubtful_phone_is_let_in_when_only_asked),
        cmocka_unit_test(test_gateways_prove_who_they_are),
        cmocka_unit_test(test_verification_is_an_option),
        cmocka_unit_test(test_a_client_shows_its_certificate),
        cmocka_unit_test(test_a_connection_is_of_one_name),
        cmocka_unit_test(test_many_are_dialled_at_once),
        cmocka_unit_test(test_names_are_remembered_only_so_long),
        cmocka_unit_test(test_a_reload_changes_what_comes_after),
        cmocka_unit_test(test_a_bad_file_changes_nothing),
        cmocka_unit_test(test_a_certificate_of_our_own_serves),
        cmocka_unit_test(test_versions_are_chosen),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
