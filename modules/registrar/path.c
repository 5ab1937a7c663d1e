/* SPDX-License-Identifier: Apache-2.0 */
/* The Path of a REGISTER (RFC 3327). */
#include "registrar.h"

bool registrar_uses_path(const struct run *run, const struct registrar *registrar)
{
    return registrar_is_on(run, registrar->use_path);
}

/* Phones behind an edge proxy rarely know of Path: without a script they are not refused for it. */
static enum path_mode mode_of(const struct saving *saving)
{
    int64_t mode = saving->registrar->path_mode;

    if (mode == AUTOMATIC)
        return registrar_is_on(saving->run, mode) ? PATH_LAZY : PATH_STRICT;
    return (enum path_mode)mode;
}

static enum err refuse_path(struct saving *saving)
{
    if (run_add_reply_header(saving->run, STR("Unsupported: path\r\n")))
        return ERR_NOMEM;
    return registrar_refuse(saving, 420, "Bad Extension", "Path not supported by the client");
}

/* Each value must be a URI: they become Routes. */
static enum err join_path(struct saving *saving, struct str *out)
{
    struct run *run = saving->run;
    struct sip_values values = sip_values_of(run->request->msg, SIP_HDR_PATH);
    struct sip_nameaddr hop;

    while (sip_values_next(&values)) {
        if (sip_nameaddr_parse(values.value, &hop) || hop.uri.scheme != URI_SIP ||
            str_has_line_break(values.value))
            return registrar_refuse(saving, 400, "Bad Request", "Path parse error");
        if (str_print(run->arena, out, STR_FMT "%s" STR_FMT, STR_ARG(*out), out->len ? "," : "",
                      STR_ARG(values.value)))
            return ERR_NOMEM;
    }
    return ERR_NONE;
}

/* The edge proxy has written down where the client is. */
static enum err take_received(struct saving *saving)
{
    const struct location_rules *rules = server_location_rules(run_server(saving->run));
    struct str path = saving->update.path, first, received;
    struct sip_nameaddr hop;
    struct sip_uri uri;

    if (!sip_list_next(&path, &first) || sip_nameaddr_parse(first, &hop))
        return ERR_NONE;
    received = sip_unquote(sip_param_value(hop.uri.params, STR("received")));
    if (str_is_empty(received))
        return ERR_NONE;
    if (sip_unescape(saving->run->arena, received, &received) || sip_uri_parse(received, &uri))
        return registrar_refuse(saving, 400, "Bad Request", "Path parse error");
    saving->update.received = received;
    if (rules->nat_bflag >= 0)
        saving->update.cflags |= UINT32_C(1) << rules->nat_bflag;
    return ERR_NONE;
}

enum err registrar_read_path(struct saving *saving)
{
    const struct sip_msg *msg = saving->run->request->msg;
    bool is_supported = registrar_lists_option(msg, SIP_HDR_SUPPORTED, STR("path"));
    enum path_mode mode = mode_of(saving);
    struct str line;
    enum err err;

    if (!registrar_uses_path(saving->run, saving->registrar) ||
        !sip_msg_find(msg, SIP_HDR_PATH, NULL))
        return ERR_NONE;
    if (mode == PATH_STRICT && !is_supported)
        return refuse_path(saving);
    if ((err = join_path(saving, &saving->update.path)))
        return err;
    if (saving->registrar->path_use_received && (err = take_received(saving)))
        return err;
    if (mode == PATH_STORE || !is_supported)
        return ERR_NONE;
    if (str_print(saving->run->arena, &line, "Path: " STR_FMT "\r\n", STR_ARG(saving->update.path)))
        return ERR_NOMEM;
    return run_add_reply_header(saving->run, line);
}
