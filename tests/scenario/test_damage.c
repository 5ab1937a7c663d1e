/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PARSE-8, SMUG-5, REW-3: every message of tests/torture through a whole server whose script
 * touches all that it can: as it is, cut off at every byte, and with every byte replaced by those
 * that parsers stumble over; as a datagram and over a connection. Whatever the server sends must be
 * faultless for an independent reader, and afterwards it must hold nothing.
 *
 * A sample is taken each time; with CULVERT_EXTENT=all every case, in as many processes as there
 * are processors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <culvert/log.h>

#include "host/stun.h"
#include "stage.h"
#include "support/share.h"
#include "support/siptext.h"

enum {
    MESSAGES_MAX = 160,
    SAMPLE = 131, /* one case of so many */
    PORT = 5062,
};

static const char script[] =
    "#!KAMAILIO\n"
    "loadmodule \"tm\"\nloadmodule \"sl\"\nloadmodule \"rr\"\nloadmodule \"maxfwd\"\n"
    "loadmodule \"siputils\"\nloadmodule \"textops\"\nloadmodule \"usrloc\"\n"
    "loadmodule \"registrar\"\nloadmodule \"nathelper\"\nloadmodule \"rtpproxy\"\n"
    "modparam(\"tm\", \"fr_timer\", 200)\n"
    "request_route {\n"
    "  if (!mf_process_maxfwd_header(\"10\")) { sl_send_reply(\"483\", \"Too Many Hops\"); exit; "
    "}\n"
    "  force_rport();\n"
    "  if (is_method(\"CANCEL\")) { if (t_check_trans()) t_relay(); exit; }\n"
    "  if (has_totag()) loose_route();\n"
    "  t_check_trans();\n"
    "  if (is_method(\"REGISTER\")) { fix_nated_register(); save(\"location\"); exit; }\n"
    "  record_route();\n"
    "  if (nat_uac_test(\"19\")) fix_nated_contact();\n"
    "  remove_hf(\"Subject\"); remove_hf(\"X-Foo\");\n"
    "  append_hf(\"X-Added: $rU of $fu for $tu\\r\\n\");\n"
    "  if (has_body(\"application/sdp\")) rtpproxy_manage(\"co\");\n"
    "  $du = \"sip:203.0.113.50\";\n"
    "  t_on_reply(\"BACK\");\n"
    "  t_relay();\n"
    "}\n"
    "onreply_route[BACK] { if (has_body(\"application/sdp\")) rtpproxy_manage(\"co\"); }\n";

struct message {
    char name[256];
    struct str text;
};

struct damage {
    struct world *world;
    struct message messages[MESSAGES_MAX];
    unsigned count;
    struct sim_host host;
    struct sim_socket socket;
    char fault[4096];
    uint64_t sent, cases;
};

static struct damage damage;

/* ---- the corpus ---- */

static void read_message(const char *folder, const char *name)
{
    struct message *message = &damage.messages[damage.count++];
    char path[512], *bytes = malloc(1 << 16);
    FILE *file;
    size_t length;

    assert_true(damage.count < MESSAGES_MAX);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "rb");
    assert_non_null(file);
    length = fread(bytes, 1, 1 << 16, file);
    fclose(file);
    snprintf(message->name, sizeof message->name, "%s", name);
    message->text = (struct str){ realloc(bytes, length ? length : 1), length };
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct message *)a)->name, ((const struct message *)b)->name);
}

static void read_corpus(void)
{
    DIR *folder = opendir(TORTURE_FOLDER);
    const struct dirent *entry;

    assert_non_null(folder);
    while ((entry = readdir(folder)))
        if (strstr(entry->d_name, ".sip"))
            read_message(TORTURE_FOLDER, entry->d_name);
    closedir(folder);
    qsort(damage.messages, damage.count, sizeof damage.messages[0], by_name);
}

static void free_corpus(void)
{
    while (damage.count)
        free((char *)(uintptr_t)damage.messages[--damage.count].text.ptr);
}

/* ---- what the server sends ---- */

static void judge(void *context, const struct flow *flow, struct str bytes)
{
    struct siptext text;
    const char *fault = stun_is_like(bytes) ? NULL : siptext_read(bytes, &text);

    (void)context;
    (void)flow;
    damage.sent++;
    if (fault && !damage.fault[0])
        snprintf(damage.fault, sizeof damage.fault, "%s:\n%.*s", fault, (int)bytes.len, bytes.ptr);
}

static void ignore(struct sim_socket *socket, const struct addr *from, struct str bytes)
{
    (void)socket;
    (void)from;
    (void)bytes;
}

/* ---- the stage ---- */

static void open_damage(void)
{
    const struct world_options options = { .script_path = "damage",
                                           .script = { script, sizeof script - 1 },
                                           .seed = 1,
                                           .link = { .latency = 1 } };

    damage.world = world_create(&options);
    assert_non_null(damage.world);
    damage.world->on_sent = judge;
    damage.host = (struct sim_host){ .name = "client" };
    assert_int_equal(addr_parse_ip(STR("203.0.113.9"), &damage.host.ip), ERR_NONE);
    simnet_add_host(&damage.world->net, &damage.host);
    damage.socket =
        (struct sim_socket){ .host = &damage.host, .local = damage.host.ip, .receive = ignore };
    damage.socket.local.port = PORT;
    sim_socket_open(&damage.world->net, &damage.socket);
}

static void close_damage(void)
{
    sim_socket_close(&damage.world->net, &damage.socket);
    list_remove(&damage.host.node);
    world_destroy(damage.world);
}

/* ---- a case ---- */

static struct sim_end *stream;

static void hear(struct sim_end *end, struct str bytes)
{
    (void)end;
    (void)bytes;
}

static void note_closed(struct sim_end *end, bool was_refused)
{
    (void)was_refused;
    if (stream == end)
        stream = NULL;
}

static const struct sim_stream_user user = { hear, note_closed };

static void send_datagram(struct str bytes)
{
    sim_send(&damage.world->net, &damage.socket, &damage.world->listeners[0].bound, bytes);
    world_run_for(damage.world, 5);
}

static void send_stream(struct str bytes)
{
    static uint16_t port = 20000;

    port = port < 60000 ? (uint16_t)(port + 1) : 20000;
    stream = sim_connect(&damage.world->net, &damage.host, port, &damage.world->listeners[1].bound,
                         &user, NULL);
    sim_write(&damage.world->net, stream, bytes);
    world_run_for(damage.world, 5);
    if (stream)
        sim_close(&damage.world->net, stream);
    stream = NULL;
    world_run_for(damage.world, 5);
}

static bool is_idle(void *context)
{
    (void)context;
    return world_transactions(damage.world) == 0 && world_bytes(damage.world) == 0 &&
           world_media_ports(damage.world) == 0;
}

static void expect_well(const char *what, const struct message *message, size_t at, int byte)
{
    bool is_well = world_run_until(damage.world, is_idle, NULL, world_now(damage.world) + 700000);

    damage.cases++;
    if (damage.fault[0])
        fail_msg("%s, %s at %zu (%d): the server sent a faulty message: %s", message->name, what,
                 at, byte, damage.fault);
    if (!is_well)
        fail_msg("%s, %s at %zu (%d): left behind: %llu transactions, %zu bytes, %llu ports",
                 message->name, what, at, byte,
                 (unsigned long long)world_transactions(damage.world), world_bytes(damage.world),
                 (unsigned long long)world_media_ports(damage.world));
}

/* A block of exactly its size, so that sanitizers see a step too far. */
static void try_bytes(const char *what, const struct message *message, struct str bytes, size_t at,
                      int byte)
{
    char *copy = malloc(bytes.len ? bytes.len : 1);

    memcpy(copy, bytes.ptr, bytes.len);
    send_datagram((struct str){ copy, bytes.len });
    expect_well(what, message, at, byte);
    send_stream((struct str){ copy, bytes.len });
    expect_well(what, message, at, byte);
    free(copy);
}

/* ---- all cases ---- */

struct share {
    unsigned number, of; /* every so many-eth case, from this one */
    unsigned long turn;
};

static bool is_mine(struct share *share)
{
    return share->turn++ % share->of == share->number;
}

static void replace_bytes(const struct message *message, struct share *share)
{
    static const unsigned char bytes[] = { 0x00, 0x0a, 0x0d, 0x20, 0x22, 0x2c, 0x3a,
                                           0x3b, 0x3c, 0x3e, 0x40, 0x5b, 0x80, 0xff };
    char *copy = malloc(message->text.len + 1);

    memcpy(copy, message->text.ptr, message->text.len);
    for (size_t at = 0; at < message->text.len; at++)
        for (unsigned i = 0; i < sizeof bytes; i++) {
            if (!is_mine(share))
                continue;
            copy[at] = (char)bytes[i];
            try_bytes("replaced", message, (struct str){ copy, message->text.len }, at, bytes[i]);
            copy[at] = message->text.ptr[at];
        }
    free(copy);
}

static int damage_all(unsigned number, unsigned of)
{
    struct share share = { .number = number, .of = of };

    open_damage();
    for (unsigned i = 0; i < damage.count; i++) {
        const struct message *message = &damage.messages[i];

        for (size_t length = 0; length < message->text.len; length++)
            if (is_mine(&share))
                try_bytes("cut", message, (struct str){ message->text.ptr, length }, length, -1);
        replace_bytes(message, &share);
    }
    close_damage();
    print_message("%llu cases, %llu messages sent\n", (unsigned long long)damage.cases,
                  (unsigned long long)damage.sent);
    return 0;
}

static void test_damaged_messages_do_no_harm(void **state)
{
    (void)state;
    if (share_is_thorough())
        assert_true(share_out(damage_all));
    else
        (void)damage_all(7, SAMPLE);
}

static void test_whole_messages_do_no_harm(void **state)
{
    (void)state;
    open_damage();
    for (unsigned i = 0; i < damage.count; i++)
        try_bytes("whole", &damage.messages[i], damage.messages[i].text, 0, -1);
    close_damage();
}

/* ---- in pieces (SMUG-5) ---- */

struct transcript {
    char text[1 << 16];
    size_t length;
};

static struct transcript *listening;

/* Tags, branches and the like are new each time; which message it is stays. */
static void write_down(void *context, const struct flow *flow, struct str bytes)
{
    struct siptext text;

    judge(context, flow, bytes);
    if (siptext_read(bytes, &text) || listening->length + 200 > sizeof listening->text)
        return;
    listening->length += (size_t)snprintf(
        listening->text + listening->length, sizeof listening->text - listening->length,
        "%u %.*s %.*s\n", text.status, (int)text.method.len, text.method.ptr,
        (int)(text.uri.len < 120 ? text.uri.len : 120), text.uri.ptr);
}

enum delivery {
    AT_ONCE,
    BYTEWISE,
    SPLIT,
};

static void deliver(struct str bytes, enum delivery how, size_t at)
{
    size_t first = how == SPLIT ? at : how == AT_ONCE ? bytes.len : 0;

    stream = sim_connect(&damage.world->net, &damage.host, PORT, &damage.world->listeners[1].bound,
                         &user, NULL);
    if (first)
        sim_write(&damage.world->net, stream, (struct str){ bytes.ptr, first });
    if (how == SPLIT)
        world_run_for(damage.world, 3);
    if (how == SPLIT && stream)
        sim_write(&damage.world->net, stream, str_skip(bytes, at));
    for (size_t i = 0; how == BYTEWISE && i < bytes.len && stream; i++)
        sim_write(&damage.world->net, stream, (struct str){ bytes.ptr + i, 1 });
    world_run_for(damage.world, 5);
    if (stream)
        sim_close(&damage.world->net, stream);
    stream = NULL;
    assert_true(world_run_until(damage.world, is_idle, NULL, world_now(damage.world) + 700000));
    if (!world_bindings(damage.world))
        return;
    close_damage(); /* the next registration would be older than this one's binding */
    open_damage();
    damage.world->on_sent = write_down;
}

static void compare(const struct message *message, struct str bytes, enum delivery how, size_t at,
                    const struct transcript *wanted)
{
    static struct transcript got;

    got.length = 0;
    listening = &got;
    deliver(bytes, how, at);
    damage.cases++;
    if (got.length != wanted->length || memcmp(got.text, wanted->text, got.length) != 0)
        fail_msg("%s, split at %zu (%d): got\n%.*s\nwanted\n%.*s", message->name, at, (int)how,
                 (int)got.length, got.text, (int)wanted->length, wanted->text);
}

static void split_everywhere(const struct message *message, struct share *share)
{
    static const char second[] = "OPTIONS sip:second@example.org SIP/2.0\r\n"
                                 "Via: SIP/2.0/TCP 203.0.113.9:5062;branch=z9hG4bKsecond\r\n"
                                 "Max-Forwards: 70\r\nFrom: <sip:a@example.org>;tag=1\r\n"
                                 "To: <sip:b@example.org>\r\nCall-ID: second\r\nCSeq: 1 OPTIONS\r\n"
                                 "Content-Length: 0\r\n\r\n";
    static struct transcript wanted;
    size_t length = message->text.len + sizeof second - 1;
    char *both = malloc(length);

    memcpy(both, message->text.ptr, message->text.len);
    memcpy(both + message->text.len, second, sizeof second - 1);
    wanted.length = 0;
    listening = &wanted;
    deliver((struct str){ both, length }, AT_ONCE, 0);
    compare(message, (struct str){ both, length }, BYTEWISE, 0, &wanted);
    for (size_t at = 1; at < length; at++)
        if (is_mine(share))
            compare(message, (struct str){ both, length }, SPLIT, at, &wanted);
    free(both);
}

static int split_all(unsigned number, unsigned of)
{
    struct share share = { .number = number, .of = of };

    damage.cases = 0;
    open_damage();
    damage.world->on_sent = write_down;
    for (unsigned i = 0; i < damage.count; i++)
        split_everywhere(&damage.messages[i], &share);
    close_damage();
    print_message("%llu deliveries\n", (unsigned long long)damage.cases);
    return 0;
}

static void test_pieces_make_no_difference(void **state)
{
    (void)state;
    if (share_is_thorough())
        assert_true(share_out(split_all));
    else
        (void)split_all(0, 53);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_messages_do_no_harm),
        cmocka_unit_test(test_damaged_messages_do_no_harm),
        cmocka_unit_test(test_pieces_make_no_difference),
    };
    int failed;

    log_set_threshold(LEVEL_ALERT);
    read_corpus();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    free_corpus();
    return failed;
}
