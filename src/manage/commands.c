/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of the core: what the server knows, asked from outside. */
#include "manage/command.h"
#include "manage/commands_tls.h"

#include <stdlib.h>

/* ---- the server ---- */

static enum err run_version(struct module *module, struct command *command)
{
    (void)module;
    command_text(command, "version", server_signature(command->context->server));
    return ERR_NONE;
}

static enum err run_uptime(struct module *module, struct command *command)
{
    struct server *server = command->context->server;

    (void)module;
    command_number(command, "now", (int64_t)server_wall_clock(server));
    command_number(command, "seconds", (int64_t)((server_now(server) - server->started_at) / 1000));
    return ERR_NONE;
}

static void list_commands(struct command *command, const struct mod_command *rows)
{
    for (; rows && rows->name; rows++) {
        command_open_object(command, "");
        command_text(command, "command", str_of(rows->name));
        command_text(command, "arguments", str_of(rows->args));
        command_text(command, "what", str_of(rows->doc));
        command_close(command);
    }
}

static enum err run_help(struct module *module, struct command *command)
{
    const struct server *server = command->context->server;

    (void)module;
    command_open_list(command, "commands");
    list_commands(command, core_manage_commands);
    for (unsigned i = 0; i < server->module_count; i++)
        list_commands(command, server->modules[i]->desc->commands);
    command_close(command);
    return ERR_NONE;
}

static void put_counters(struct command *command, struct server *server)
{
    unsigned count = atomic_load(&server->counter_count);

    for (unsigned i = 0; i < count; i++) {
        char name[128];
        struct writer w = writer_over(name, sizeof name - 1);
        write_fmt(&w, "%s.%s", server->counters[i].group, server->counters[i].name);
        *w.at = '\0';
        command_number(command, name, atomic_load(&server->counters[i].value));
    }
}

static void put_location(struct command *command, struct server *server)
{
    struct location_counters counters;

    location_read_counters(server->location, &counters);
    command_number(command, "location.aors", (int64_t)counters.aors);
    command_number(command, "location.bindings", (int64_t)counters.bindings);
    command_number(command, "location.expired", (int64_t)counters.expired);
    command_number(command, "location.bytes", (int64_t)counters.bytes);
}

static void put_relay(struct command *command, struct server *server)
{
    struct relay_counters counters;

    if (!server->relay)
        return;
    relay_read_counters(server->relay, &counters);
    command_number(command, "media.sessions", (int64_t)counters.sessions);
    command_number(command, "media.sessions_total", (int64_t)counters.sessions_total);
    command_number(command, "media.timeouts", (int64_t)counters.timeouts);
    command_number(command, "media.ports_used", (int64_t)counters.ports_used);
    command_number(command, "media.ports_total", (int64_t)counters.ports_total);
    command_number(command, "media.exhausted", (int64_t)counters.exhausted);
    command_number(command, "media.packets", (int64_t)counters.packets);
    command_number(command, "media.bytes", (int64_t)counters.bytes);
    command_number(command, "media.strangers", (int64_t)counters.strangers);
    command_number(command, "media.invalid", (int64_t)counters.invalid);
    command_number(command, "media.unsendable", (int64_t)counters.unsendable);
    command_number(command, "media.excess", (int64_t)counters.excess);
    command_number(command, "media.dropped", (int64_t)counters.dropped);
}

static void put_net(struct command *command, struct net_shared *net)
{
    struct net_counters counters;

    if (!net)
        return;
    net_read_counters(net, &counters);
    command_number(command, "net.datagrams_in", (int64_t)counters.datagrams_in);
    command_number(command, "net.datagrams_out", (int64_t)counters.datagrams_out);
    command_number(command, "net.datagrams_lost", (int64_t)counters.datagrams_lost);
    command_number(command, "net.connections", (int64_t)counters.connections);
    command_number(command, "net.accepted", (int64_t)counters.accepted);
    command_number(command, "net.dialled", (int64_t)counters.dialled);
    command_number(command, "net.refused", (int64_t)counters.refused);
    command_number(command, "net.closed_slow", (int64_t)counters.closed_slow);
    command_number(command, "net.closed_broken", (int64_t)counters.closed_broken);
    command_number(command, "net.queue_full", (int64_t)counters.queue_full);
    command_number(command, "net.datagrams_large", (int64_t)counters.datagrams_large);
    command_number(command, "net.floods_dropped", (int64_t)counters.floods_dropped);
    command_number(command, "net.answers_withheld", (int64_t)counters.answers_withheld);
    command_number(command, "dns.asked", (int64_t)counters.names_asked);
    command_number(command, "dns.failed", (int64_t)counters.names_failed);
    command_number(command, "net.strangers", (int64_t)counters.strangers);
    command_number(command, "net.evicted", (int64_t)counters.evicted);
    command_number(command, "net.handshakes", (int64_t)counters.handshakes);
    command_number(command, "net.handshakes_failed", (int64_t)counters.handshakes_failed);
}

static enum err run_stats(struct module *module, struct command *command)
{
    struct server *server = command->context->server;

    (void)module;
    put_counters(command, server);
    put_location(command, server);
    put_relay(command, server);
    put_net(command, command->context->net);
    return ERR_NONE;
}

static enum err run_kill(struct module *module, struct command *command)
{
    (void)module;
    command_text(command, "state", STR("stopping"));
    command->context->stop(command->context->owner);
    return ERR_NONE;
}

static enum err run_listeners(struct module *module, struct command *command)
{
    const struct server *server = command->context->server;

    (void)module;
    command_open_list(command, "listeners");
    for (unsigned i = 0; i < server->listener_count; i++) {
        command_open_object(command, "");
        command_text(command, "name", server->listeners[i].name);
        if (!str_is_empty(server->listeners[i].advertised_host))
            command_text(command, "advertised", server->listeners[i].advertised_host);
        command_close(command);
    }
    command_close(command);
    return ERR_NONE;
}

static enum err run_modules(struct module *module, struct command *command)
{
    const struct server *server = command->context->server;

    (void)module;
    command_open_list(command, "modules");
    for (unsigned i = 0; i < server->module_count; i++) {
        command_open_object(command, "");
        command_text(command, "name", str_of(server->modules[i]->desc->name));
        command_text(command, "summary", str_of(server->modules[i]->desc->summary));
        command_close(command);
    }
    command_close(command);
    return ERR_NONE;
}

/* ---- bindings ---- */

struct binding_list {
    struct command *command;
    struct server *server;
    struct str aor; /* empty: all */
    msec now;
};

static void put_flow(struct command *command, const struct server *server, const struct flow *flow)
{
    char text[FLOW_TEXT_MAX];

    command_text(command, "flow", str_of(flow_text(flow, text)));
    if (flow->socket < server->listener_count)
        command_text(command, "socket", server->listeners[flow->socket].name);
    if (flow->connection)
        command_number(command, "connection", (int64_t)flow->connection);
}

static void put_binding(void *context, const struct binding *binding)
{
    struct binding_list *list = context;
    struct command *command = list->command;

    if (!str_is_empty(list->aor) && !str_ieq(list->aor, binding->aor))
        return;
    command_open_object(command, "");
    command_text(command, "aor", binding->aor);
    command_text(command, "contact", binding->contact);
    put_flow(command, list->server, &binding->flow);
    if (!str_is_empty(binding->received))
        command_text(command, "received", binding->received);
    if (binding->expires_at != BINDING_FOREVER)
        command_number(command, "expires",
                       binding->expires_at > list->now
                           ? (int64_t)((binding->expires_at - list->now) / 1000)
                           : 0);
    command_text(command, "user_agent", binding->user_agent);
    command_text(command, "call_id", binding->call_id);
    command_number(command, "cseq", binding->cseq);
    if (binding->q >= 0)
        command_number(command, "q", binding->q);
    if (!str_is_empty(binding->instance))
        command_text(command, "instance", binding->instance);
    command_text(command, "ruid", binding->ruid);
    command_number(command, "missed_pings", binding->missed_pings);
    if (binding->round_trip)
        command_number(command, "round_trip_ms", (int64_t)binding->round_trip);
    command_close(command);
}

static enum err run_bindings(struct module *module, struct command *command)
{
    struct server *server = command->context->server;
    struct binding_list list = { command, server, command_arg(command, 0), server_now(server) };

    (void)module;
    command_open_list(command, "bindings");
    location_each(server->location, 0, 1, list.now, put_binding, &list);
    command_close(command);
    return ERR_NONE;
}

static enum err run_binding_remove(struct module *module, struct command *command)
{
    struct server *server = command->context->server;
    struct str aor = command_arg(command, 0);

    (void)module;
    if (str_is_empty(aor))
        return command_fail(command, ERR_SYNTAX, "which address-of-record?");
    if (location_remove(server->location, STR("location"), aor))
        return command_fail(command, ERR_NOT_FOUND, "nobody is registered as " STR_FMT, STR_ARG(aor));
    return ERR_NONE;
}

/* ---- media ---- */

static void put_addr(struct command *command, const char *name, const struct addr *addr)
{
    char text[ADDR_TEXT_MAX];

    if (addr->family != ADDR_NONE)
        command_text(command, name, str_of(addr_text(addr, text)));
}

static void put_leg(struct command *command, const char *name, const struct relay_leg_report *leg)
{
    command_open_object(command, name);
    put_addr(command, "local", &leg->local);
    put_addr(command, "described", &leg->described);
    put_addr(command, "latched", &leg->latched);
    command_number(command, "packets", (int64_t)leg->rtp.packets);
    command_number(command, "bytes", (int64_t)leg->rtp.bytes);
    command_number(command, "rtcp_packets", (int64_t)leg->rtcp.packets);
    command_number(command, "strangers", (int64_t)(leg->rtp.strangers + leg->rtcp.strangers));
    command_number(command, "invalid", (int64_t)(leg->rtp.invalid + leg->rtcp.invalid));
    command_number(command, "unsendable", (int64_t)(leg->rtp.unsendable + leg->rtcp.unsendable));
    command_number(command, "excess", (int64_t)(leg->rtp.excess + leg->rtcp.excess));
    if (leg->last_packet != MSEC_NEVER)
        command_number(command, "silent_ms", (int64_t)leg->last_packet);
    command_close(command);
}

static void put_session(void *context, const struct relay_report *report)
{
    struct command *command = context;

    command_open_object(command, "");
    command_text(command, "call_id", report->call_id);
    command_text(command, "caller_tag", report->caller_tag);
    command_text(command, "callee_tag", report->callee_tag);
    command_number(command, "seconds", (int64_t)(report->age / 1000));
    command_text(command, "state", report->is_held       ? STR("held")
                                   : report->is_answered ? STR("answered")
                                                         : STR("early"));
    command_open_list(command, "streams");
    for (unsigned i = 0; i < report->stream_count; i++) {
        command_open_object(command, "");
        command_text(command, "media", str_of(report->streams[i].media));
        put_leg(command, "caller", &report->streams[i].legs[RELAY_CALLER]);
        put_leg(command, "callee", &report->streams[i].legs[RELAY_CALLEE]);
        command_close(command);
    }
    command_close(command);
    command_close(command);
}

static enum err run_media(struct module *module, struct command *command)
{
    struct server *server = command->context->server;

    (void)module;
    command_open_list(command, "sessions");
    if (server->relay)
        relay_each(server->relay, server_now(server), put_session, command);
    command_close(command);
    return ERR_NONE;
}

/* ---- connections ---- */

static void put_connection(void *context, const struct flow *flow, msec age, bool is_dialled)
{
    struct command *command = context;
    char text[FLOW_TEXT_MAX];

    command_open_object(command, "");
    command_text(command, "peer", str_of(flow_text(flow, text)));
    command_number(command, "id", (int64_t)flow->connection);
    command_number(command, "seconds", (int64_t)(age / 1000));
    command_text(command, "opened", is_dialled ? STR("by us") : STR("by the peer"));
    command_close(command);
}

static enum err run_connections(struct module *module, struct command *command)
{
    (void)module;
    command_open_list(command, "connections");
    if (command->context->net)
        net_each_connection(command->context->net, put_connection, command);
    command_close(command);
    return ERR_NONE;
}

const struct mod_command core_manage_commands[] = {
    { "help", "", "Lists the commands.", run_help },
    { "version", "", "Name and version of the server.", run_version },
    { "uptime", "", "Seconds since the start.", run_uptime },
    { "stats", "", "All counters.", run_stats },
    { "stop", "", "Ends the server cleanly.", run_kill },
    { "reload", "", "Reads the script again; calls under way keep the one they began in.", run_reload },
    { "script.disasm", "[route]", "What the script was compiled to: of all routes, of NAME, or of failure_route[NAME].",
      run_disasm },
    { "script.profile", "on|off|show [count]",
      "The lines of the script by the time that they take: measure, stop, show the first of them.", run_profile },
    { "listeners", "", "The addresses it listens on.", run_listeners },
    { "modules", "", "The loaded modules.", run_modules },
    { "bindings", "[aor]", "Who is registered, and the flow each came from.", run_bindings },
    { "bindings.remove", "aor", "Forgets all bindings of an address-of-record.", run_binding_remove },
    { "media", "", "The media sessions with their ports, latches and counters.", run_media },
    { "connections", "", "The open connections of TCP and TLS.", run_connections },
    { "tls.reload", "", "Reads all certificates again; what is connected stays.", tls_run_reload },
    { "tls.list", "", "The TLS connections, and what their handshakes have shown.", tls_run_list },
    { "tls.info", "", "The certificates in force.", tls_run_info },
    { "dns.view", "", "What the workers remember of names, and for how long.", run_dns_view },
    { "dns.delete_all", "", "Has every name asked again.", run_dns_delete_all },
    { "list_blacklists", "", "Lists of destinations that use_blacklist() keeps requests from.", run_list_blacklists },
    { "dst_blocklist.view", "", "Destinations that failed, and are tried last for a while.",
      run_blocklist_view },
    { "dst_blocklist.delete_all", "", "Forgets that they failed.", run_blocklist_delete_all },
    { 0 },
};
