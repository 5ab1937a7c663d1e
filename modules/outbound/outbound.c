/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading it makes path and rr speak RFC 5626 as an edge proxy: they put the signed flow of a client
 * that asks for it into Path and Record-Route. With automatic NAT handling that is so without it.
 */
#include <culvert/module.h>
#include <culvert/server.h>

struct outbound {
    int64_t force_outbound_flag, force_no_outbound_flag;
};

#define FLAG(name_, doc_)                                                                     \
    { .name = #name_, .type = PARAM_INT, .offset = offsetof(struct outbound, name_),          \
      .initial = -1, .min = -1, .max = FLAGS_MAX - 1, .doc = doc_ }

static const struct mod_param params[] = {
    FLAG(force_outbound_flag, "Message flag: with outbound, whatever the client says."),
    FLAG(force_no_outbound_flag, "Message flag: without outbound, whatever the client says."),
    { .name = "flow_token_secret", .type = PARAM_IGNORED,
      .doc = "the server signs with its own secret, which survives a restart" },
    { 0 },
};

static enum err start(struct module *module)
{
    const struct outbound *outbound = module_state(module);
    struct location_rules *rules = server_location_rules(module_server(module));

    rules->has_outbound = true;
    rules->outbound_flag = outbound->force_outbound_flag;
    rules->no_outbound_flag = outbound->force_no_outbound_flag;
    return ERR_NONE;
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "outbound",
    .summary = "Flows of clients in Path and Record-Route (RFC 5626).",
    .state_size = sizeof(struct outbound),
    .params = params,
    .start = start,
};
