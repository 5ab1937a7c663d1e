/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <stdio.h>

#include "support/simnat.h"

enum {
    SCRIPT_MAX = 1 << 16,
};

struct world *stage_open(const char *name, const char *more, struct world_options *options)
{
    static char script[SCRIPT_MAX];
    char path[512];
    struct world *world;
    size_t length;
    FILE *file;

    snprintf(path, sizeof path, "%s/%s.cfg", CONFIG_FOLDER, name);
    file = fopen(path, "rb");
    assert_non_null(file);
    length = fread(script, 1, sizeof script - 1, file);
    fclose(file);
    length += (size_t)snprintf(script + length, sizeof script - length, "\n%s\n", more);
    assert_true(length < sizeof script);
    options->script = (struct str){ script, length };
    options->script_path = name;
    world = world_create(options);
    assert_non_null(world);
    return world;
}

void stage_nat(struct sim_nat *nat, struct world *world, const char *name, const char *outside,
               enum nat_kind kind)
{
    *nat = (struct sim_nat){ .name = name, .kind = kind, .timeout = 60000 };
    assert_int_equal(addr_parse_ip(str_of(outside), &nat->outside), ERR_NONE);
    simnet_add_nat(&world->net, nat);
}

void stage_phone(struct phone *phone, struct world *world, const char *name, const char *user,
                 const char *ip, struct sim_nat *nat, enum transport transport)
{
    struct phone_options options = { .name = name,
                                     .user = user,
                                     .domain = "example.com",
                                     .password = "secret",
                                     .realm = nat,
                                     .transport = transport,
                                     .proxy = world->listeners[0].bound };

    assert_int_equal(addr_parse_ip(str_of(ip), &options.ip), ERR_NONE);
    phone_init(phone, world, &options);
}

void stage_ask(struct phone *phone, const char *method, const char *target)
{
    struct draft draft;

    phone_request(phone, &draft, str_of(method), str_of(target), NULL, SAY_USUAL);
    phone_send_draft(&draft);
}

const struct heard *stage_heard(const struct phone *phone, const char *method, unsigned status)
{
    const struct heard *found = NULL;

    for (const struct heard *heard = phone->heard; heard; heard = heard->next)
        if (str_eq(heard->text.method, str_of(method)) && heard->text.is_request == (status == 0) &&
            (status == 0 || heard->text.status == status))
            found = heard;
    return found;
}

void stage_answer(struct phone *phone, const char *method, unsigned status)
{
    const struct heard *request = stage_heard(phone, method, 0);
    struct draft draft;

    if (!request)
        return;
    phone_response(phone, &draft, request, status, STR(""), SAY_USUAL);
    phone_send_draft(&draft);
}

void stage_register(struct phone *phone)
{
    struct draft draft;

    stage_ask(phone, "REGISTER", "");
    world_run_for(phone->world, 300);
    /* a late challenge of an older call may come in between, and the phone knows only the latest */
    for (int i = 0;
         i < 3 && stage_heard(phone, "REGISTER", 401) && !stage_heard(phone, "REGISTER", 200);
         i++) {
        phone_request(phone, &draft, STR("REGISTER"), STR(""), NULL, SAY_USUAL);
        draft_authorize(&draft);
        phone_send_draft(&draft);
        world_run_for(phone->world, 300);
    }
    if (!stage_heard(phone, "REGISTER", 200)) {
        for (const struct heard *heard = phone->heard; heard; heard = heard->next)
            print_error("%.*s\n", (int)heard->text.bytes.len, heard->text.bytes.ptr);
        fail_msg("%s is not registered", phone->name);
    }
}

void stage_expect_clean(struct world *world)
{
    if (!world_settle(world))
        fail_msg("left behind: %llu transactions, %zu bytes, %llu media ports",
                 (unsigned long long)world_transactions(world), world_bytes(world),
                 (unsigned long long)world_media_ports(world));
}
