/* SPDX-License-Identifier: Apache-2.0 */
/* Commands about names and the destinations behind them, by the names that Kamailio has for them. */
#include "manage/command.h"

#include "host/host.h"
#include "net/names.h"
#include "net/outages.h"

/* ---- what is remembered of the DNS ---- */

static void put_addr(struct command *command, const struct dns_answer *answer, unsigned i)
{
    char text[ADDR_TEXT_MAX];

    command_text(command, "address", str_of(addr_text(&answer->addrs[i], text)));
}

static void put_service(struct command *command, const struct dns_answer *answer, unsigned i)
{
    const struct dns_service *service = &answer->services[i];

    command_text(command, "target", str_of(service->target));
    command_number(command, "port", service->port);
    command_number(command, "priority", service->priority);
    command_number(command, "weight", service->weight);
}

static void put_pointer(struct command *command, const struct dns_answer *answer, unsigned i)
{
    const struct dns_pointer *pointer = &answer->pointers[i];

    command_text(command, "service", str_of(pointer->service));
    command_text(command, "replacement", str_of(pointer->replacement));
    command_number(command, "order", pointer->order);
    command_number(command, "preference", pointer->preference);
}

static const struct {
    struct str type;
    void (*put)(struct command *command, const struct dns_answer *answer, unsigned i);
} kinds[DNS_KINDS] = {
    [DNS_IPV4] = { STR_INIT("A"), put_addr },
    [DNS_IPV6] = { STR_INIT("AAAA"), put_addr },
    [DNS_SERVICE] = { STR_INIT("SRV"), put_service },
    [DNS_POINTER] = { STR_INIT("NAPTR"), put_pointer },
};

static void put_name(void *context, const struct name_report *report)
{
    struct command *command = context;

    command_open_object(command, "");
    command_text(command, "name", report->name);
    command_text(command, "type", kinds[report->kind].type);
    command_number(command, "seconds", (int64_t)(report->left / 1000));
    if (report->is_asked)
        command_text(command, "state", STR("asked"));
    command_open_list(command, "records");
    for (unsigned i = 0; i < report->answer->count; i++) {
        command_open_object(command, "");
        kinds[report->kind].put(command, report->answer, i);
        command_close(command);
    }
    command_close(command);
    command_close(command);
}

enum err run_dns_view(struct module *module, struct command *command)
{
    (void)module;
    command_open_list(command, "names");
    if (command->context->net)
        net_each_name(command->context->net, put_name, command);
    command_close(command);
    return ERR_NONE;
}

enum err run_dns_delete_all(struct module *module, struct command *command)
{
    (void)module;
    if (command->context->net)
        command_number(command, "forgotten", net_clear_names(command->context->net));
    return ERR_NONE;
}

/* ---- destinations that failed ---- */

static void put_outage(void *context, const struct flow *hop, enum err why, msec left)
{
    struct command *command = context;
    char text[FLOW_TEXT_MAX];

    command_open_object(command, "");
    command_text(command, "destination", str_of(flow_text(hop, text)));
    command_text(command, "why",
                 why == ERR_EXHAUSTED ? STR("it answered 503") : str_of(err_name(why)));
    command_number(command, "seconds", (int64_t)(left / 1000));
    command_close(command);
}

enum err run_blocklist_view(struct module *module, struct command *command)
{
    const struct control_context *context = command->context;

    (void)module;
    command_open_list(command, "destinations");
    if (context->net)
        outages_each(net_outages(context->net), server_now(context->server), put_outage, command);
    command_close(command);
    return ERR_NONE;
}

enum err run_blocklist_delete_all(struct module *module, struct command *command)
{
    (void)module;
    if (command->context->net)
        command_number(command, "forgotten", outages_clear(net_outages(command->context->net)));
    return ERR_NONE;
}

/* ---- dst_blacklist ---- */

enum err run_list_blacklists(struct module *module, struct command *command)
{
    const struct blacklists *lists = &command->context->server->settings.blacklists;

    (void)module;
    command_open_list(command, "blacklists");
    for (unsigned i = 0; i < lists->count; i++) {
        command_open_object(command, "");
        command_text(command, "name", lists->lists[i].name);
        command_open_list(command, "rules");
        for (const struct blacklist_rule *rule = lists->lists[i].rules; rule; rule = rule->next)
            command_text(command, "", rule->text);
        command_close(command);
        command_close(command);
    }
    command_close(command);
    return ERR_NONE;
}
