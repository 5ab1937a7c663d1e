/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proxy against a reference model (model.h): programs of random events on calls with one to
 * three branches, over datagrams and streams, with names that take their time, broken connections
 * and restarts. Everything that the server sends must be due by the model, and all that is due must
 * be sent, to the millisecond. What is lost, doubled or overtaken on the way is among the events: a
 * peer says anything at any time. A program that fails is shrunk and printed.
 *
 *     test_model [SECONDS [SEED]]     random programs for so long
 *     test_model -p PROGRAM           one, as it was printed
 *     test_model -x                   every order of four events on one branch
 *
 * With CULVERT_EXTENT=all: four minutes on all processors; every order of six events.
 */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <culvert/log.h>

#include "base/prng.h"
#include "support/share.h"
#include "support/siptext.h"
#include "support/world.h"

enum {
    STEPS_MAX = 28,
    SENT_MAX = 2048,
    HEARD_MAX = 64,
    TEXT_MAX = 4096,
    LOOKUPS_MAX = 32,
    THOROUGH_SECONDS = 240,
    YOUTH = 125000, /* more than the time in which a young server lets old answers pass */
};

static const char script[] =
    "#!KAMAILIO\n"
    "loadmodule \"tm\"\nloadmodule \"sl\"\nloadmodule \"rr\"\nloadmodule \"siputils\"\n"
    "loadmodule \"textops\"\n"
    /* the model has no lifetimes beside the timers */
    "modparam(\"tm\", \"max_inv_lifetime\", 0)\n"
    "modparam(\"tm\", \"max_noninv_lifetime\", 0)\n"
    "request_route {\n"
    "  if (is_method(\"CANCEL\")) {\n"
    "    if (!t_check_trans()) { sl_send_reply(\"481\", \"No such call\"); exit; }\n"
    "    t_relay(); exit;\n"
    "  }\n"
    "  if (has_totag()) {\n"
    "    if (loose_route()) { t_relay(); exit; }\n"
    "    if (is_method(\"ACK\")) { if (t_check_trans()) t_relay(); exit; }\n"
    "    sl_send_reply(\"404\", \"Not here\"); exit;\n"
    "  }\n"
    "  t_check_trans();\n"
    "  if (is_method(\"INVITE\")) record_route();\n"
    "  $ru = $hdr(X-1);\n"
    "  if (is_present_hf(\"X-2\")) append_branch(\"$hdr(X-2)\");\n"
    "  if (is_present_hf(\"X-3\")) append_branch(\"$hdr(X-3)\");\n"
    "  t_relay();\n"
    "}\n";

static const struct model_timers proxy_timers = {
    .silence = 30000, .ringing = 120000, .linger = 5000, .youth = YOUTH
};

/* ---- a program ---- */

struct step {
    uint8_t what, a, b;
};

struct program {
    uint8_t branches; /* 1 to 3 */
    uint8_t streams;  /* bits: the peers that speak TCP */
    uint8_t names;    /* bits: the branches whose names are looked up */
    uint8_t count;
    struct step steps[STEPS_MAX];
};

/* ---- the stage ---- */

struct sent {
    struct model_sent judged;
    struct siptext text;
};

struct peer {
    struct addr addr;
    bool is_stream, is_open, can_dial;
    uint64_t connection;
    const struct sent *heard[HEARD_MAX]; /* requests, the newest last */
    unsigned heard_count;
};

struct lookup {
    resolve_done_fn *done;
    void *context;
    struct flow hop;
};

struct play {
    const struct program *program;
    struct world *world;
    struct model model;
    struct arena arena;
    struct peer peers[MODEL_PEERS];
    struct sent sent[SENT_MAX];
    unsigned sent_count, judged_count;
    struct lookup lookups[LOOKUPS_MAX];
    unsigned lookup_count;
    uint64_t connections, serial;
    unsigned cseq;
    const struct sent *failure, *success; /* what the caller heard last of his INVITE */
    struct str invite, other;             /* the caller's last requests */
    char other_branch[MODEL_KEY];
    unsigned other_peer, other_target; /* 0: the branches of the program */
    char fault[TEXT_MAX];
    bool has_restarted, is_talkative;
};

static struct play play;
static uint64_t steps_taken, programs_run, messages_judged;

static void note_fault(const char *what, struct str bytes)
{
    if (!play.fault[0])
        snprintf(play.fault, sizeof play.fault, "%.3f: %s\n%.*s",
                 (double)world_now(play.world) / 1000, what, (int)bytes.len,
                 bytes.ptr ? bytes.ptr : "");
}

/* ---- what the server sends ---- */

static unsigned peer_at(const struct addr *addr)
{
    for (unsigned i = 0; i < MODEL_PEERS; i++)
        if (addr_same_ip(&play.peers[i].addr, addr))
            return i;
    return MODEL_PEERS;
}

static enum model_method method_of(struct str name)
{
    if (str_eq(name, STR("INVITE")))
        return M_INVITE;
    if (str_eq(name, STR("ACK")))
        return M_ACK;
    return str_eq(name, STR("CANCEL")) ? M_CANCEL : M_OTHER;
}

static struct str branch_of(const struct siptext *text)
{
    struct str via = { 0 };

    (void)siptext_item(text, STR("Via"), 0, &via);
    return siptext_param(via, STR("branch"));
}

static void hear_reply(const struct sent *sent)
{
    if (sent->judged.method != M_INVITE || sent->text.status < 200)
        return;
    if (sent->text.status < 300)
        play.success = sent;
    else
        play.failure = sent;
}

static void hear(struct sent *sent, unsigned index)
{
    struct peer *peer = &play.peers[index];

    if (sent->text.is_request && peer->heard_count < HEARD_MAX)
        peer->heard[peer->heard_count++] = sent;
    else if (!sent->text.is_request && index == 0)
        hear_reply(sent);
}

static void keep_sent(unsigned peer, struct str bytes)
{
    struct sent *sent = &play.sent[play.sent_count];
    const char *fault;

    if (play.sent_count == SENT_MAX) {
        note_fault("too much is sent", STR(""));
        return;
    }
    *sent = (struct sent){ .judged = { .at = world_now(play.world), .peer = peer } };
    if (str_copy(&play.arena, bytes, &sent->judged.bytes))
        abort();
    if ((fault = siptext_read(sent->judged.bytes, &sent->text)))
        note_fault(fault, bytes);
    sent->judged.is_request = sent->text.is_request;
    sent->judged.method = method_of(sent->text.method);
    sent->judged.status = sent->text.status;
    sent->judged.branch = branch_of(&sent->text);
    sent->judged.tag = siptext_param(siptext_value(&sent->text, STR("To")), STR("tag"));
    play.sent_count++;
    hear(sent, peer);
}

static bool can_send(struct peer *peer, const struct flow *flow)
{
    if (flow->transport == TRANSPORT_UDP)
        return !peer->is_stream;
    if (flow->connection && (!peer->is_open || flow->connection != peer->connection))
        return false;
    if (!peer->is_open && !peer->can_dial)
        return false;
    if (!peer->is_open)
        peer->connection = ++play.connections;
    peer->is_open = true;
    return true;
}

static enum err send_out(struct outside *outside, const struct flow *flow, struct str bytes)
{
    unsigned index = peer_at(&flow->peer);

    (void)outside;
    if (index == MODEL_PEERS) {
        note_fault("sent to nobody we know", bytes);
        return ERR_UNREACHABLE;
    }
    if (!can_send(&play.peers[index], flow))
        return ERR_UNREACHABLE;
    keep_sent(index, bytes);
    return ERR_NONE;
}

/* A name is that of a peer's number: "b2.example.net". */
static void resolve(struct outside *outside, const struct resolve_query *query,
                    resolve_done_fn *done, void *context)
{
    struct flow hop = { .transport = (uint8_t)query->transport,
                        .socket = query->transport == TRANSPORT_UDP ? 0 : 1 };

    (void)outside;
    if (addr_parse_ip(query->host, &hop.peer) == ERR_NONE) {
        hop.peer.port = query->port ? query->port : 5060;
        done(context, ERR_NONE, &hop, 1);
        return;
    }
    if (play.lookup_count == LOOKUPS_MAX || query->host.len < 2) {
        done(context, ERR_UNRESOLVED, NULL, 0);
        return;
    }
    hop.peer = play.peers[query->host.ptr[1] - '0'].addr;
    play.lookups[play.lookup_count++] = (struct lookup){ done, context, hop };
}

static void seize_network(void)
{
    for (unsigned i = 0; i < play.world->worker_count; i++)
        play.world->seats[i].outside = (struct outside){ .send = send_out, .resolve = resolve };
}

/* ---- what reaches it ---- */

static struct flow flow_from(unsigned index)
{
    struct peer *peer = &play.peers[index];
    struct flow flow = { .peer = peer->addr,
                         .transport = peer->is_stream ? TRANSPORT_TCP : TRANSPORT_UDP,
                         .socket = peer->is_stream ? 1 : 0 };

    if (peer->is_stream && !peer->is_open) {
        peer->is_open = play.model.peers[index].is_open = true;
        peer->connection = ++play.connections;
    }
    if (peer->is_stream)
        flow.connection = peer->connection;
    return flow;
}

static void deliver(unsigned from, struct str bytes)
{
    struct flow flow = flow_from(from);

    if (play.is_talkative)
        fprintf(stderr, "%.3f peer %u -> %.*s\n", (double)world_now(play.world) / 1000, from,
                (int)(strchr(bytes.ptr, '\r') - bytes.ptr), bytes.ptr);
    world_deliver(play.world, &flow, bytes, play.peers[from].is_stream);
}

static struct str keep_text(const char *text)
{
    struct str kept;

    if (str_copy(&play.arena, (struct str){ text, strlen(text) + 1 }, &kept))
        abort();
    kept.len--;
    return kept;
}

static void write_target(struct writer *w, unsigned leg)
{
    unsigned peer = leg + 1;
    bool is_name = play.program->names >> leg & 1;

    write_fmt(w, "X-%u: sip:b@", leg + 1);
    if (is_name)
        write_fmt(w, "b%u.example.net", peer);
    else
        write_fmt(w, "203.0.113.%u:5060", peer);
    write_fmt(w, ";transport=%s\r\n", play.peers[peer].is_stream ? "tcp" : "udp");
}

static void write_head(struct writer *w, unsigned from, const char *method, const char *uri,
                       const char *branch)
{
    write_fmt(w, "%s %s SIP/2.0\r\n", method, uri);
    write_fmt(w, "Via: SIP/2.0/%s 203.0.113.%u:5060;branch=%s\r\nMax-Forwards: 70\r\n",
              play.peers[from].is_stream ? "TCP" : "UDP", from ? from : 9, branch);
    write_fmt(w, "Call-ID: %llu@203.0.113.9\r\n", (unsigned long long)play.serial);
}

static unsigned list_targets(struct model_target *targets)
{
    for (unsigned i = 0; i < play.program->branches; i++)
        targets[i] =
            (struct model_target){ .peer = i + 1, .is_name = play.program->names >> i & 1 };
    return play.program->branches;
}

/* A request of the caller outside of a dialog. */
static struct str write_first(const char *method, unsigned cseq, const char *branch)
{
    char text[TEXT_MAX];
    struct writer w = writer_over(text, sizeof text - 1);

    write_head(&w, 0, method, "sip:b@example.net", branch);
    write_fmt(&w, "From: <sip:a@example.net>;tag=a\r\nTo: <sip:b@example.net>\r\n");
    write_fmt(&w, "CSeq: %u %s\r\nContact: <sip:a@203.0.113.9:5060>\r\n", cseq, method);
    for (unsigned i = 0; i < play.program->branches; i++)
        write_target(&w, i);
    write_fmt(&w, "Content-Length: 0\r\n\r\n");
    text[writer_text(&w).len] = '\0';
    return keep_text(text);
}

static const char *invite_branch(void)
{
    static char branch[MODEL_KEY];

    snprintf(branch, sizeof branch, "z9hG4bK-%llu-1", (unsigned long long)play.serial);
    return branch;
}

static void ask_new(enum model_method method, struct str bytes, const char *branch)
{
    struct model_target targets[MODEL_LEGS];
    unsigned count = list_targets(targets);

    deliver(0, bytes);
    model_take_request(&play.model, 0, method, str_of(branch), targets, count);
}

static void invite(struct step step)
{
    (void)step;
    if (!play.invite.ptr)
        play.invite = write_first("INVITE", 1, invite_branch());
    ask_new(M_INVITE, play.invite, invite_branch());
}

static void cancel(struct step step)
{
    (void)step;
    ask_new(M_CANCEL, write_first("CANCEL", 1, invite_branch()), invite_branch());
}

/* ---- inside of a dialog ---- */

/* `other` is the message that told of the dialog: a response heard by the caller. */
static struct str write_inside(const char *method, unsigned cseq, const char *branch,
                               const struct siptext *other)
{
    char text[TEXT_MAX], uri[256];
    struct writer w = writer_over(text, sizeof text - 1);
    struct str contact = siptext_uri(siptext_value(other, STR("Contact")));
    struct str from = siptext_value(other, STR("From")), to = siptext_value(other, STR("To"));
    struct str route;

    snprintf(uri, sizeof uri, "%.*s", (int)contact.len, contact.ptr);
    write_head(&w, 0, method, uri, branch);
    write_fmt(&w, "From: %.*s\r\nTo: %.*s\r\n", (int)from.len, from.ptr, (int)to.len, to.ptr);
    for (unsigned i = 0; siptext_item(other, STR("Record-Route"), i, &route); i++)
        write_fmt(&w, "Route: %.*s\r\n", (int)route.len, route.ptr);
    write_fmt(&w, "CSeq: %u %s\r\nContent-Length: 0\r\n\r\n", cseq, method);
    text[writer_text(&w).len] = '\0';
    return keep_text(text);
}

/* The callee that a response came from, by its tag; 0: none, or not by datagrams. */
static unsigned author_of(const struct sent *sent)
{
    struct str tag = sent->judged.tag;
    unsigned peer;

    if (tag.len < 2 || tag.ptr[0] != 't' || play.peers[0].is_stream)
        return 0;
    peer = (unsigned)(tag.ptr[1] - '0');
    return peer < MODEL_PEERS && !play.peers[peer].is_stream ? peer : 0;
}

static void acknowledge(struct step step)
{
    char branch[MODEL_KEY];

    (void)step;
    if (play.success && author_of(play.success)) {
        snprintf(branch, sizeof branch, "z9hG4bK-%llu-%uack", (unsigned long long)play.serial,
                 ++play.cseq);
        deliver(0, write_inside("ACK", 1, branch, &play.success->text));
        model_take_ack(&play.model, author_of(play.success));
    }
}

static void acknowledge_failure(struct step step)
{
    char text[TEXT_MAX];
    struct writer w = writer_over(text, sizeof text - 1);
    struct str to;

    (void)step;
    if (!play.failure || model_has_accepted(&play.model, str_of(invite_branch())))
        return; /* the server would take it for one of the 2xx, and pass it on */
    to = siptext_value(&play.failure->text, STR("To"));
    write_head(&w, 0, "ACK", "sip:b@example.net", invite_branch());
    write_fmt(&w, "From: <sip:a@example.net>;tag=a\r\nTo: %.*s\r\nCSeq: 1 ACK\r\n", (int)to.len,
              to.ptr);
    write_fmt(&w, "Content-Length: 0\r\n\r\n");
    text[writer_text(&w).len] = '\0';
    deliver(0, keep_text(text));
    model_take_request(&play.model, 0, M_ACK, str_of(invite_branch()), NULL, 0);
}

static void ask_other(struct step step)
{
    static const char *const methods[] = { "MESSAGE", "OPTIONS", "SUBSCRIBE", "PUBLISH" };
    unsigned cseq = ++play.cseq + 1;

    snprintf(play.other_branch, sizeof play.other_branch, "z9hG4bK-%llu-%u",
             (unsigned long long)play.serial, cseq);
    play.other = write_first(methods[step.a % 4], cseq, play.other_branch);
    play.other_target = 0;
    ask_new(M_OTHER, play.other, play.other_branch);
}

static void repeat_other(struct step step)
{
    struct model_target target = { .peer = play.other_target };

    (void)step;
    if (!play.other.ptr)
        return;
    if (!play.other_target) {
        ask_new(M_OTHER, play.other, play.other_branch);
        return;
    }
    deliver(0, play.other);
    model_take_request(&play.model, 0, M_OTHER, str_of(play.other_branch), &target, 1);
}

static void ask_inside(struct step step)
{
    static const char *const methods[] = { "BYE", "PRACK", "UPDATE", "INFO" };
    struct step again = { 0 };
    unsigned cseq = ++play.cseq + 1;

    if (!play.success || !author_of(play.success))
        return;
    snprintf(play.other_branch, sizeof play.other_branch, "z9hG4bK-%llu-%u",
             (unsigned long long)play.serial, cseq);
    play.other = write_inside(methods[step.a % 4], cseq, play.other_branch, &play.success->text);
    play.other_target = author_of(play.success);
    repeat_other(again);
}

/* ---- answers ---- */

static void write_back(struct writer *w, const struct siptext *request, const char *name)
{
    struct str value;

    for (unsigned i = 0; siptext_header(request, str_of(name), i, &value); i++)
        write_fmt(w, "%s: %.*s\r\n", name, (int)value.len, value.ptr);
}

static void respond(unsigned peer, const struct sent *request, unsigned status, unsigned variant)
{
    static const char *const copied[] = { "Via", "From", "Call-ID", "CSeq", "Record-Route" };
    const struct siptext *text = &request->text;
    struct str to = siptext_value(text, STR("To"));
    char bytes[TEXT_MAX], tag[16] = "";
    struct writer w = writer_over(bytes, sizeof bytes - 1);

    if (play.peers[peer].is_stream && !play.peers[peer].is_open)
        return;
    if (status > 100)
        snprintf(tag, sizeof tag, "t%u%c", peer, 'a' + (int)variant % 2);
    write_fmt(&w, "SIP/2.0 %u Whatever\r\n", status);
    for (unsigned i = 0; i < sizeof copied / sizeof copied[0]; i++)
        write_back(&w, text, copied[i]);
    if (siptext_param(to, STR("tag")).len || !tag[0])
        write_fmt(&w, "To: %.*s\r\n", (int)to.len, to.ptr);
    else
        write_fmt(&w, "To: %.*s;tag=%s\r\n", (int)to.len, to.ptr, tag);
    write_fmt(&w, "Contact: <sip:b@203.0.113.%u:5060>\r\nContent-Length: 0\r\n\r\n", peer);
    bytes[writer_text(&w).len] = '\0';
    deliver(peer, keep_text(bytes));
    if (siptext_param(to, STR("tag")).len)
        tag[0] = '\0';
    model_take_response(&play.model, request->judged.branch, request->judged.method, status,
                        str_of(tag));
}

static const struct sent *find_heard(unsigned peer, enum model_method method, unsigned back)
{
    const struct peer *who = &play.peers[peer];
    const struct sent *found = NULL;

    for (unsigned i = who->heard_count; i-- > 0;)
        if (who->heard[i]->judged.method == method) {
            found = who->heard[i];
            if (back-- == 0)
                break;
        }
    return found;
}

static void answer(struct step step, enum model_method method, unsigned status)
{
    unsigned peer = 1 + step.a % play.program->branches;
    const struct sent *request = find_heard(peer, method, step.a / 64 == 3 ? 8 : 0);

    if (request)
        respond(peer, request, status, step.a / 4);
}

static void ring(struct step step)
{
    static const unsigned statuses[] = { 100, 180, 180, 183 };

    answer(step, M_INVITE, statuses[step.b % 4]);
}

static void accept_call(struct step step)
{
    answer(step, M_INVITE, step.b % 8 ? 200 : 202);
}

static void refuse_call(struct step step)
{
    static const unsigned statuses[] = { 302, 401, 404, 407, 408, 415, 420, 480,
                                         484, 486, 487, 500, 503, 504, 600, 603 };

    answer(step, M_INVITE, statuses[step.b % 16]);
}

static void answer_cancel(struct step step)
{
    static const unsigned statuses[] = { 200, 200, 481, 100 };

    answer(step, M_CANCEL, statuses[step.b % 4]);
}

static void answer_other(struct step step)
{
    static const unsigned statuses[] = { 200, 200, 202, 404, 481, 100, 180, 408, 503, 603 };

    answer(step, M_OTHER, statuses[step.b % 10]);
}

/* ---- time and trouble ---- */

static void judge_all(void)
{
    const char *fault;

    for (; play.judged_count < play.sent_count; play.judged_count++) {
        const struct sent *sent = &play.sent[play.judged_count];

        if (play.is_talkative)
            fprintf(stderr, "%.3f -> peer %u %.*s (%.*s)\n", (double)sent->judged.at / 1000,
                    sent->judged.peer,
                    (int)(strchr(sent->judged.bytes.ptr, '\r') - sent->judged.bytes.ptr),
                    sent->judged.bytes.ptr, (int)sent->text.method.len, sent->text.method.ptr);
        messages_judged++;
        if ((fault = model_judge(&play.model, &sent->judged)))
            note_fault(fault, sent->judged.bytes);
    }
    if ((fault = model_find_missing(&play.model)))
        note_fault(fault, STR(""));
}

static void pass_time(msec duration)
{
    world_run_for(play.world, duration);
    model_advance(&play.model, world_now(play.world));
    judge_all();
}

static void wait_a_little(struct step step)
{
    static const msec spans[] = { 1, 7, 40, 250, 499, 501, 700, 1300 };

    pass_time(spans[step.a % 8]);
}

static void wait_long(struct step step)
{
    static const msec spans[] = { 3600,  3900,  5100,  9000,   17000,  29000,  30100, 31000,
                                  32001, 33000, 61000, 110000, 119000, 121000, 2500,  140000 };

    pass_time(spans[step.a % 16]);
}

static void break_connection(struct step step)
{
    unsigned index = step.a % MODEL_PEERS;
    struct peer *peer = &play.peers[index];
    struct flow flow;

    if (!peer->is_stream || !peer->is_open)
        return;
    flow = flow_from(index);
    peer->is_open = false;
    for (unsigned i = 0; i < play.world->worker_count; i++) {
        worker_advance(play.world->seats[i].worker, world_now(play.world));
        worker_closed(play.world->seats[i].worker, &flow);
    }
    model_lose(&play.model, index);
}

static void close_door(struct step step)
{
    unsigned index = 1 + step.a % MODEL_LEGS;

    play.peers[index].can_dial = play.model.peers[index].can_dial = step.b % 2;
}

static void answer_lookup(struct step step)
{
    struct lookup lookup;
    bool is_found = step.a % 4 > 0;

    if (!play.lookup_count)
        return;
    lookup = play.lookups[0];
    play.lookup_count--;
    memmove(play.lookups, play.lookups + 1, play.lookup_count * sizeof lookup);
    worker_advance(play.world->seats[0].worker, world_now(play.world));
    lookup.done(lookup.context, is_found ? ERR_NONE : ERR_UNRESOLVED, &lookup.hop, is_found);
    model_take_lookup(&play.model, is_found);
}

/* What a server says while it goes is nobody's business. */
static void restart(struct step step)
{
    (void)step;
    while (play.lookup_count)
        answer_lookup((struct step){ 0 });
    if (!world_restart(play.world))
        abort();
    seize_network();
    play.judged_count = play.sent_count;
    for (unsigned i = 0; i < MODEL_PEERS; i++)
        play.peers[i].is_open = false;
    model_restart(&play.model);
    play.has_restarted = true;
}

static const struct action {
    const char *name;
    void (*perform)(struct step step);
    unsigned weight;
} actions[] = {
    { "invite", invite, 4 },
    { "cancel", cancel, 4 },
    { "ack", acknowledge, 3 },
    { "ack-failure", acknowledge_failure, 3 },
    { "other", ask_other, 3 },
    { "other-again", repeat_other, 2 },
    { "inside", ask_inside, 3 },
    { "ring", ring, 10 },
    { "accept", accept_call, 6 },
    { "refuse", refuse_call, 8 },
    { "answer-cancel", answer_cancel, 3 },
    { "answer-other", answer_other, 5 },
    { "wait", wait_a_little, 10 },
    { "wait-long", wait_long, 8 },
    { "break", break_connection, 3 },
    { "door", close_door, 1 },
    { "lookup", answer_lookup, 5 },
    { "restart", restart, 1 },
};

enum {
    ACTIONS = sizeof actions / sizeof actions[0],
};

/* ---- performing ---- */

static void open_world(void)
{
    const struct world_options options = { .script_path = "model",
                                           .script = { script, sizeof script - 1 },
                                           .seed = 1,
                                           .is_talkative = play.is_talkative };

    play.world = world_create(&options);
    if (!play.world)
        abort();
    seize_network();
    model_init(&play.model, &proxy_timers, world_now(play.world));
    world_run_for(play.world, YOUTH + 1);
    model_advance(&play.model, world_now(play.world));
}

static void close_world(void)
{
    world_destroy(play.world);
    play.world = NULL;
}

static void place_peers(void)
{
    for (unsigned i = 0; i < MODEL_PEERS; i++) {
        char text[32];

        snprintf(text, sizeof text, "203.0.113.%u:5060", i ? i : 9);
        play.peers[i] =
            (struct peer){ .is_stream = play.program->streams >> i & 1, .can_dial = i > 0 };
        if (addr_parse(str_of(text), &play.peers[i].addr))
            abort();
        play.model.peers[i] =
            (struct model_peer){ .is_stream = play.peers[i].is_stream, .can_dial = i > 0 };
    }
}

static void begin(const struct program *program)
{
    play.program = program;
    arena_init(&play.arena, NULL, SIZE_MAX);
    play.sent_count = play.judged_count = play.lookup_count = play.cseq = 0;
    play.failure = play.success = NULL;
    play.invite = play.other = (struct str){ 0 };
    play.fault[0] = '\0';
    play.has_restarted = false;
    play.serial++;
    model_forget(&play.model);
    place_peers();
}

/* All timers run out; then nothing may be held. */
static void expect_end(void)
{
    while (play.lookup_count && !play.fault[0]) {
        answer_lookup((struct step){ 0 });
        pass_time(1);
    }
    for (unsigned i = 0; i < 40 && !play.fault[0]; i++) {
        if (model_is_over(&play.model) && world_transactions(play.world) == 0)
            break;
        pass_time(i < 20 ? 16000 : 60000);
    }
    if (!play.fault[0] && !model_is_over(&play.model))
        note_fault("the model does not come to an end", STR(""));
    if (!play.fault[0] && world_transactions(play.world))
        note_fault("a transaction stays", STR(""));
    pass_time(1);
    if (!play.fault[0] && world_bytes(play.world))
        note_fault("bytes stay", STR(""));
}

static bool perform(const struct program *program)
{
    begin(program);
    for (unsigned i = 0; i < program->count && !play.fault[0]; i++) {
        struct step step = program->steps[i];

        if (play.is_talkative)
            fprintf(stderr, "-- %s %u %u\n", actions[step.what].name, step.a, step.b);
        actions[step.what].perform(step);
        pass_time(1);
        steps_taken++;
    }
    expect_end();
    programs_run++;
    arena_fini(&play.arena);
    return !play.fault[0];
}

static bool perform_afresh(const struct program *program)
{
    bool is_good;

    if (play.world)
        close_world();
    play.serial = 0;
    open_world();
    is_good = perform(program);
    close_world();
    return is_good;
}

/* ---- programs ---- */

static uint8_t choose_action(struct random_source *random)
{
    unsigned sum = 0, at;

    for (unsigned i = 0; i < ACTIONS; i++)
        sum += actions[i].weight;
    at = random_below(random, sum);
    for (unsigned i = 0; i < ACTIONS; i++) {
        if (at < actions[i].weight)
            return (uint8_t)i;
        at -= actions[i].weight;
    }
    return 0;
}

static void invent(struct program *program, struct random_source *random)
{
    *program = (struct program){ .branches = (uint8_t)(1 + random_below(random, 3)),
                                 .count = (uint8_t)(3 + random_below(random, STEPS_MAX - 3)) };
    if (random_below(random, 3) == 0)
        program->streams = (uint8_t)random_below(random, 16);
    if (random_below(random, 4) == 0)
        program->names = (uint8_t)random_below(random, 8);
    for (unsigned i = 0; i < program->count; i++)
        program->steps[i] =
            (struct step){ i ? choose_action(random) : 0, (uint8_t)random_below(random, 256),
                           (uint8_t)random_below(random, 256) };
    if (random_below(random, 8) == 0)
        program->steps[0].what = choose_action(random);
}

static void drop_step(struct program *program, unsigned at)
{
    program->count--;
    memmove(&program->steps[at], &program->steps[at + 1],
            (program->count - at) * sizeof program->steps[0]);
}

static bool try_smaller(struct program *program, const struct program *smaller)
{
    if (perform_afresh(smaller))
        return false;
    *program = *smaller;
    return true;
}

static void shrink(struct program *program)
{
    bool has_shrunk = true;

    while (has_shrunk) {
        struct program smaller = *program;

        has_shrunk = false;
        smaller.names = smaller.streams = 0;
        if (program->names || program->streams)
            has_shrunk |= try_smaller(program, &smaller);
        for (unsigned i = program->count; i-- > 0;) {
            smaller = *program;
            drop_step(&smaller, i);
            has_shrunk |= try_smaller(program, &smaller);
        }
        smaller = *program;
        smaller.branches = 1;
        if (program->branches > 1)
            has_shrunk |= try_smaller(program, &smaller);
    }
}

static void print_program(const struct program *program)
{
    fprintf(stderr, "program: %u,%u,%u", program->branches, program->streams, program->names);
    for (unsigned i = 0; i < program->count; i++)
        fprintf(stderr, " %s:%u:%u", actions[program->steps[i].what].name, program->steps[i].a,
                program->steps[i].b);
    fprintf(stderr, "\n");
}

static bool read_step(const char *word, struct step *out)
{
    char name[32];
    unsigned a = 0, b = 0;

    if (sscanf(word, "%31[^:]:%u:%u", name, &a, &b) < 1)
        return false;
    for (unsigned i = 0; i < ACTIONS; i++)
        if (strcmp(actions[i].name, name) == 0) {
            *out = (struct step){ (uint8_t)i, (uint8_t)a, (uint8_t)b };
            return true;
        }
    fprintf(stderr, "no such step: %s\n", word);
    return false;
}

static bool read_program(char **words, int count, struct program *out)
{
    unsigned branches, streams, names;

    if (count < 1 || sscanf(words[0], "%u,%u,%u", &branches, &streams, &names) != 3)
        return false;
    *out = (struct program){ (uint8_t)branches, (uint8_t)streams, (uint8_t)names, 0, { { 0 } } };
    for (int i = 1; i < count && out->count < STEPS_MAX; i++)
        if (!read_step(words[i], &out->steps[out->count++]))
            return false;
    return true;
}

static int replay(const struct program *program)
{
    play.is_talkative = true;
    if (perform_afresh(program))
        return 0;
    fprintf(stderr, "%s\n", play.fault);
    return 1;
}

static int report(struct program *program)
{
    fprintf(stderr, "after %llu programs: %s\n", (unsigned long long)programs_run, play.fault);
    print_program(program);
    if (perform_afresh(program)) {
        fprintf(stderr, "a fresh world does not fail with it\n");
        return 1;
    }
    shrink(program);
    (void)!perform_afresh(program);
    fprintf(stderr, "shrunk; play it with -p\n%s\n", play.fault);
    print_program(program);
    return 1;
}

/* ---- every order of the events of one branch (STATE-2) ---- */

static const struct {
    const char *name;
    uint8_t a, b;
} alphabet[] = {
    { "invite", 0, 0 }, { "cancel", 0, 0 },    { "ring", 0, 1 }, { "accept", 0, 1 },
    { "accept", 4, 1 }, { "refuse", 0, 9 },    { "ack", 0, 0 },  { "ack-failure", 0, 0 },
    { "wait", 6, 0 },   { "wait-long", 9, 0 },
};

enum {
    LETTERS = sizeof alphabet / sizeof alphabet[0],
    USUAL_DEPTH = 4,
    THOROUGH_DEPTH = 6,
};

static uint8_t find_action(const char *name)
{
    for (unsigned i = 0; i < ACTIONS; i++)
        if (strcmp(actions[i].name, name) == 0)
            return (uint8_t)i;
    abort();
}

/* The INVITE, then as many of the letters. */
static void spell(struct program *program, unsigned long number, unsigned depth)
{
    *program = (struct program){ .branches = 1, .count = (uint8_t)(depth + 1) };
    for (unsigned i = 1; i <= depth; i++, number /= LETTERS) {
        unsigned letter = (unsigned)(number % LETTERS);

        program->steps[i] = (struct step){ find_action(alphabet[letter].name), alphabet[letter].a,
                                           alphabet[letter].b };
    }
}

static int perform_orders(unsigned depth, unsigned first, unsigned stride)
{
    unsigned long count = 1;
    struct program program;

    for (unsigned i = 0; i < depth; i++)
        count *= LETTERS;
    open_world();
    for (unsigned long number = first; number < count; number += stride) {
        spell(&program, number, depth);
        if (!perform(&program))
            return report(&program);
    }
    close_world();
    printf("every order of %u events: %llu programs, %llu messages judged\n", depth,
           (unsigned long long)programs_run, (unsigned long long)messages_judged);
    return 0;
}

static int perform_share_of_orders(unsigned number, unsigned of)
{
    return perform_orders(THOROUGH_DEPTH, number, of);
}

static int perform_all_orders(void)
{
    if (share_is_thorough())
        return share_out(perform_share_of_orders) ? 0 : 1;
    return perform_orders(USUAL_DEPTH, 0, 1);
}

/* ---- random programs ---- */

static bool is_over(time_t end, unsigned done)
{
    return done % 64 == 63 && time(NULL) >= end;
}

static int explore(unsigned seconds, uint64_t seed)
{
    struct prng prng;
    struct program program;
    time_t end = time(NULL) + (time_t)seconds;

    prng_init(&prng, seed);
    open_world();
    for (unsigned i = 0; !is_over(end, i); i++) {
        invent(&program, &prng.source);
        if (!perform(&program))
            return report(&program);
        if (play.has_restarted)
            pass_time(YOUTH + 1);
    }
    close_world();
    printf("seed %llu: %llu programs, %llu steps, %llu messages judged\n", (unsigned long long)seed,
           (unsigned long long)programs_run, (unsigned long long)steps_taken,
           (unsigned long long)messages_judged);
    return 0;
}

static int explore_share(unsigned number, unsigned of)
{
    (void)of;
    return explore(THOROUGH_SECONDS, (uint64_t)time(NULL) * 64 + number);
}

int main(int argc, char **argv)
{
    struct program program;

    log_set_threshold(LEVEL_ALERT);
    if (argc > 1 && strcmp(argv[1], "-x") == 0)
        return perform_all_orders();
    if (argc > 1 && share_is_thorough())
        return share_out(explore_share) ? 0 : 1;
    if (argc > 1 && strcmp(argv[1], "-p") == 0) {
        if (!read_program(argv + 2, argc - 2, &program)) {
            fprintf(stderr, "usage: test_model -p BRANCHES,STREAMS,NAMES STEP:A:B …\n");
            return 2;
        }
        return replay(&program);
    }
    return explore(argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 20,
                   argc > 2 ? strtoull(argv[2], NULL, 10) : 1);
}
