/* SPDX-License-Identifier: Apache-2.0 */
#include <culvert/keepalive.h>
#include <culvert/log.h>
#include <culvert/module.h>
#include <culvert/nat.h>
#include <culvert/server.h>

struct mediaproxy {
    int64_t natping_interval;
    int64_t disable;
    struct keepalive *keepalive;
};

enum {
    TEST_CONTACT = 1,
    TEST_SOURCE = 2,
    TEST_VIA = 4,
    NO_BODY = -2,
    SECONDS = 1000,
    ON_MESSAGES = STAGE_REQUEST | STAGE_REPLY | STAGE_CORE_REPLY | STAGE_FAILURE | STAGE_BRANCH,
};

/* ---- NAT ---- */

/* The source test looks at address and port; nathelper has two tests for these. */
static enum verdict client_nat_test(struct call *call)
{
    static const struct {
        unsigned type, tests;
    } rows[] = {
        { TEST_CONTACT, NAT_TEST_CONTACT_PRIVATE },
        { TEST_SOURCE, NAT_TEST_SOURCE_ADDRESS | NAT_TEST_SOURCE_PORT },
        { TEST_VIA, NAT_TEST_VIA_PRIVATE },
    };
    unsigned types = (unsigned)call->args[0].value.number;
    unsigned wanted = 0;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (types & rows[i].type)
            wanted |= rows[i].tests;
    }
    return verdict_if(nat_test(call->run, wanted) != 0);
}

/* A Contact with the source's address is left alone, whatever its port. */
static enum verdict fix_contact(struct call *call)
{
    struct sip_nameaddr contact;
    struct addr host;
    enum err err;

    if (!nat_find_contact(call->run->msg, &contact))
        return VERDICT_FALSE;
    if (!addr_parse_ip(contact.uri.host, &host) && addr_same_ip(&host, &call->run->source.peer))
        return VERDICT_TRUE;
    err = nat_fix_contact(call->run);
    return verdict_if(!err || err == ERR_EXISTS);
}

/* ---- media ---- */

static enum verdict use_media_proxy(struct call *call)
{
    static const struct media_options options = { .policy = MEDIA_STRICT };
    const struct mediaproxy *mediaproxy = module_state(call->module);

    if (mediaproxy->disable)
        return VERDICT_ERROR;
    switch (run_media_anchor(call->run, &options)) {
    case MEDIA_ANCHORED:
        return VERDICT_TRUE;
    case MEDIA_NO_BODY:
        return (enum verdict)NO_BODY;
    default:
        return VERDICT_ERROR;
    }
}

static enum verdict end_media_session(struct call *call)
{
    const struct mediaproxy *mediaproxy = module_state(call->module);

    if (mediaproxy->disable)
        return VERDICT_ERROR;
    run_media_end(call->run);
    return VERDICT_TRUE;
}

static enum err deny(struct module *module, const struct value *value,
                     const struct script_place *place)
{
    return server_deny_media(module_server(module), value->text, place);
}

/* clang-format off */
/* ---- the tables ---- */

#define ROW(function, minimum, stages_, doc_, ...) \
    { .name = #function, .run = function, .takes = { __VA_ARGS__ }, .min_args = minimum, \
      .stages = stages_, .doc = doc_ }

static const struct mod_function functions[] = {
    { .name = "client_nat_test", .run = client_nat_test, .takes = { ARG_FLAGS }, .min_args = 1,
      .stages = ON_MESSAGES, .traits = TRAIT_BLIND,
      .doc = "True when the client is behind a NAT: 1 private Contact, 2 other source, 4 private Via." },
    ROW(fix_contact, 0, ON_MESSAGES, "Replaces host and port of the first Contact by the source.", ARG_END),
    ROW(use_media_proxy, 0, STAGE_ANY, "Relays the media; -2 without a description.", ARG_END),
    ROW(end_media_session, 0, STAGE_ANY, "Ends the relaying of media.", ARG_END),
    { 0 },
};

#define IGNORED(name_, why) { .name = name_, .type = PARAM_IGNORED, .doc = why }
#define OWN_RELAY "media are relayed by the server itself"
#define LATCHED "the relay finds the address that a client sends from"

static const struct mod_param params[] = {
    { .name = "natping_interval", .type = PARAM_INT, .offset = offsetof(struct mediaproxy, natping_interval),
      .max = 86400, .initial = 60,
      .doc = "Seconds between two pings of a binding with usrloc's nat_bflag; 0: none." },
    { .name = "disable", .type = PARAM_INT, .offset = offsetof(struct mediaproxy, disable),
      .doc = "1: media are left alone, and the functions say so." },
    { .name = "denied", .type = PARAM_CALL, .set = deny,
      .doc = "Networks that media are never sent to, separated by semicolons." },
    IGNORED("mediaproxy_socket", OWN_RELAY),
    IGNORED("mediaproxy_timeout", OWN_RELAY),
    IGNORED("sip_asymmetrics", LATCHED),
    IGNORED("rtp_asymmetrics", LATCHED),
    IGNORED("signaling_ip_avp", "the source of the message is the signalling address"),
    IGNORED("domain_avp", OWN_RELAY),
    IGNORED("media_relay_avp", OWN_RELAY),
    IGNORED("ice_candidate", "candidates around the relay are removed"),
    IGNORED("ice_candidate_avp", "candidates around the relay are removed"),
    { 0 },
};
/* clang-format on */

/* ---- life ---- */

static void on_tick(struct module *module, struct worker *worker, unsigned index, unsigned count,
                    msec now)
{
    struct mediaproxy *mediaproxy = module_state(module);

    keepalive_tick(mediaproxy->keepalive, worker, index, count, now);
}

static enum err start(struct module *module)
{
    struct mediaproxy *mediaproxy = module_state(module);
    const struct keepalive_settings settings = {
        .interval = (msec)mediaproxy->natping_interval * SECONDS,
        .nated_only = true,
        .nat_bflag = -1,
        .method = KEEPALIVE_ZEROS,
    };

    return keepalive_create(module, &settings, &mediaproxy->keepalive);
}

static void stop(struct module *module)
{
    struct mediaproxy *mediaproxy = module_state(module);

    keepalive_destroy(mediaproxy->keepalive);
}

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "mediaproxy",
    .summary = "Relays media and handles NAT by script, as mediaproxy 1.x did.",
    .state_size = sizeof(struct mediaproxy),
    .functions = functions,
    .params = params,
    .hooks = { .on_tick = on_tick },
    .start = start,
    .stop = stop,
};
