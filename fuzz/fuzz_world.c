/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole server in the simulated world, driven by a program of bytes: phones ask and answer, time
 * passes, messages get lost, doubled, damaged, connections break. Properties: whatever the server
 * sends is a faultless message, and when all has been over for a while it holds nothing any more.
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include <culvert/log.h>

#include "support/phone.h"

enum {
    PHONES = 4, /* the last one speaks TCP */
    SCRIPT_MAX = 1 << 16,
    STEPS_MAX = 300,
};

struct program {
    const uint8_t *at, *end;
};

struct theatre {
    struct program program;
    struct world *world;
    struct sim_nat home;
    struct phone phones[PHONES];
    unsigned lost; /* the next datagrams */
};

typedef void step_fn(struct theatre *theatre);

static unsigned take(struct theatre *theatre)
{
    return theatre->program.at < theatre->program.end ? *theatre->program.at++ : 0;
}

static struct str take_bytes(struct theatre *theatre)
{
    size_t wanted = take(theatre) * 4, left = (size_t)(theatre->program.end - theatre->program.at);
    struct str bytes = { (const char *)theatre->program.at, wanted < left ? wanted : left };

    theatre->program.at += bytes.len;
    return bytes;
}

static struct phone *take_phone(struct theatre *theatre)
{
    return &theatre->phones[take(theatre) % PHONES];
}

/* ---- steps ---- */

static struct str take_method(struct theatre *theatre)
{
    static const struct str methods[] = {
        STR_INIT("INVITE"),  STR_INIT("ACK"),       STR_INIT("CANCEL"), STR_INIT("BYE"),
        STR_INIT("UPDATE"),  STR_INIT("REGISTER"),  STR_INIT("INFO"),   STR_INIT("PRACK"),
        STR_INIT("REFER"),   STR_INIT("SUBSCRIBE"), STR_INIT("NOTIFY"), STR_INIT("MESSAGE"),
        STR_INIT("OPTIONS"), STR_INIT("X"),
    };

    return methods[take(theatre) % (sizeof methods / sizeof methods[0])];
}

/* The low bits say what description goes with it, the high ones how the draft is changed. */
static void send_changed(struct theatre *theatre, struct draft *draft, unsigned how)
{
    if (how & 0x20)
        draft_add(draft, STR("Route"), STR("<sip:192.0.2.1;lr>"));
    if (how & 0x40)
        draft_add(draft, STR("Route"), STR("<sip:203.0.113.66;lr>"));
    if (how & 0x80 && draft->header_count > 0)
        draft_remove(draft, draft->headers[take(theatre) % draft->header_count].name);
    if (how & 0x10)
        phone_send(draft->phone, draft_write(draft));
    phone_send(draft->phone, draft_write(draft));
}

static void ask(struct theatre *theatre)
{
    static const struct str targets[] = {
        STR_INIT(""),       STR_INIT(""),       STR_INIT("bob"),
        STR_INIT("alice"),  STR_INIT("carol"),  STR_INIT("sip:x@203.0.113.66"),
        STR_INIT("tel:+1"), STR_INIT("nobody"),
    };
    struct phone *phone = take_phone(theatre);
    struct str method = take_method(theatre);
    struct str target = targets[take(theatre) % (sizeof targets / sizeof targets[0])];
    unsigned how = take(theatre);
    struct phone_dialog *dialog;
    struct draft draft;

    if (str_is_empty(target) && phone_find_dialog(phone, NULL, &dialog) && dialog &&
        str_is_empty(dialog->target))
        return;
    phone_request(phone, &draft, method, target, NULL, (enum speech)(how % (SAY_BROKEN + 1)));
    send_changed(theatre, &draft, how);
}

static void answer(struct theatre *theatre)
{
    static const unsigned statuses[] = { 100, 180, 183, 200, 202, 301, 302, 401, 404,
                                         407, 481, 486, 487, 491, 500, 503, 603, 699 };
    struct phone *phone = take_phone(theatre);
    unsigned back = take(theatre) % 4, how;
    unsigned status = statuses[take(theatre) % (sizeof statuses / sizeof statuses[0])];
    const struct heard *request = NULL;
    struct draft draft;

    how = take(theatre);
    for (const struct heard *heard = phone->heard; heard; heard = heard->next)
        if (heard->text.is_request && back-- == 0)
            request = heard;
    if (!request)
        return;
    phone_response(phone, &draft, request, status, STR(""), (enum speech)(how % (SAY_BROKEN + 1)));
    send_changed(theatre, &draft, how & 0x90);
}

static void pass_time(struct theatre *theatre)
{
    static const msec spans[] = { 0,    1,    10,    30,    100,   500,    600,    1000,
                                  4000, 5000, 32000, 33000, 60000, 120000, 200000, 700000 };

    world_run_for(theatre->world, spans[take(theatre) % (sizeof spans / sizeof spans[0])]);
}

static void lose(struct theatre *theatre)
{
    theatre->lost = take(theatre) % 8;
}

static void repeat(struct theatre *theatre)
{
    struct phone *phone = take_phone(theatre);
    unsigned times = take(theatre) % 5;

    while (times-- > 0 && phone->last_sent.len)
        phone_send(phone, phone->last_sent);
}

static void damage(struct theatre *theatre)
{
    struct phone *phone = take_phone(theatre);
    unsigned at = take(theatre) | take(theatre) << 8, value = take(theatre);
    char *copy = malloc(phone->last_sent.len + 1);

    if (copy && phone->last_sent.len) {
        memcpy(copy, phone->last_sent.ptr, phone->last_sent.len);
        copy[at % phone->last_sent.len] = (char)value;
        phone_send(phone, (struct str){ copy, phone->last_sent.len });
    }
    free(copy);
}

static void send_bytes(struct theatre *theatre)
{
    struct phone *phone = take_phone(theatre);

    phone_send(phone, take_bytes(theatre));
}

static void break_connection(struct theatre *theatre)
{
    struct phone *phone = &theatre->phones[PHONES - 1];

    if (take(theatre) % 2)
        phone_hang_up(phone);
    else
        phone_connect(phone);
}

static void speak(struct theatre *theatre)
{
    struct phone *phone = take_phone(theatre);
    struct phone_dialog *dialog;
    struct phone_call *call = phone_find_dialog(phone, NULL, &dialog);
    unsigned times = take(theatre) % 4;

    while (call && dialog && times-- > 0)
        phone_speak(phone, call, dialog);
}

static void restart_nat(struct theatre *theatre)
{
    sim_nat_reboot(&theatre->world->net, &theatre->home);
}

static step_fn *const steps[] = {
    ask,  ask,    ask,    answer, answer,     answer,           pass_time,   pass_time,
    lose, repeat, damage, speak,  send_bytes, break_connection, restart_nat, answer,
};

/* ---- the stage ---- */

static bool loses(void *context, const struct sim_host *from, const struct sim_host *to,
                  struct str bytes)
{
    struct theatre *theatre = context;

    (void)from;
    (void)to;
    (void)bytes;
    if (theatre->lost == 0)
        return false;
    theatre->lost--;
    return true;
}

static struct str script(void)
{
    static char text[SCRIPT_MAX];
    static size_t length;
    FILE *file;

    if (length == 0) {
        file = fopen(CONFIG_FOLDER "/automatic.cfg", "rb");
        must(file != NULL);
        length = fread(text, 1, sizeof text - 64, file);
        fclose(file);
        length += (size_t)sprintf(text + length, "\nmedia_hold_timeout = 300\n");
    }
    return (struct str){ text, length };
}

static void open_phone(struct theatre *theatre, unsigned i)
{
    static const struct {
        const char *name, *user, *ip;
        bool is_home;
        enum transport transport;
    } rows[PHONES] = {
        { "alice", "alice", "10.0.0.2", true, TRANSPORT_UDP },
        { "bob-1", "bob", "10.0.0.3", true, TRANSPORT_UDP },
        { "bob-2", "bob", "203.0.113.2", false, TRANSPORT_UDP },
        { "carol", "carol", "203.0.113.3", false, TRANSPORT_TCP },
    };
    struct phone_options options = { .name = rows[i].name,
                                     .user = rows[i].user,
                                     .domain = "example.com",
                                     .password = "secret",
                                     .realm = rows[i].is_home ? &theatre->home : NULL,
                                     .transport = rows[i].transport,
                                     .proxy = theatre->world->listeners[0].bound };
    struct draft draft;

    must(!addr_parse_ip(str_of(rows[i].ip), &options.ip));
    phone_init(&theatre->phones[i], theatre->world, &options);
    phone_request(&theatre->phones[i], &draft, STR("REGISTER"), STR(""), NULL, SAY_USUAL);
    phone_send_draft(&draft);
}

static void open_theatre(struct theatre *theatre)
{
    const struct world_options options = {
        .script_path = "automatic.cfg", .script = script(), .workers = 2, .seed = 1
    };

    log_set_threshold(LEVEL_ALERT);
    theatre->world = world_create(&options);
    must(theatre->world != NULL);
    theatre->world->net.loses = loses;
    theatre->world->net.context = theatre;
    theatre->home = (struct sim_nat){ .name = "home", .kind = NAT_SYMMETRIC, .timeout = 60000 };
    must(!addr_parse_ip(STR("198.51.100.1"), &theatre->home.outside));
    simnet_add_nat(&theatre->world->net, &theatre->home);
    for (unsigned i = 0; i < PHONES; i++)
        open_phone(theatre, i);
    world_run_for(theatre->world, 100);
}

static void close_theatre(struct theatre *theatre)
{
    bool is_settled;

    for (unsigned i = 0; i < PHONES; i++) {
        if (theatre->phones[i].fault)
            fprintf(stderr, "%s\n%.*s\n", theatre->phones[i].fault,
                    (int)theatre->phones[i].faulty.len, theatre->phones[i].faulty.ptr);
        must(!theatre->phones[i].fault);
        phone_fini(&theatre->phones[i]);
    }
    is_settled = world_settle(theatre->world);
    if (!is_settled)
        fprintf(stderr, "left: %llu transactions, %zu bytes, %llu media ports\n",
                (unsigned long long)world_transactions(theatre->world), world_bytes(theatre->world),
                (unsigned long long)world_media_ports(theatre->world));
    must(is_settled);
    world_destroy(theatre->world);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct theatre theatre = { .program = { bytes, bytes + size } };

    open_theatre(&theatre);
    for (unsigned i = 0; i < STEPS_MAX && theatre.program.at < theatre.program.end; i++)
        steps[take(&theatre) % (sizeof steps / sizeof steps[0])](&theatre);
    close_theatre(&theatre);
    return 0;
}
