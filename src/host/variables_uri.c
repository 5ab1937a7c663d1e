/* SPDX-License-Identifier: Apache-2.0 */
/* $ru and its parts, the received Request-URI, the next hop and the target set. */
#include "host/commands.h"
#include "host/variables.h"

enum {
    URI_MAX = 1024,
};

/* ---- a URI and its parts ---- */

typedef bool find_uri_fn(struct run *run, struct sip_uri *out);

/* Responses have no Request-URI. */
static bool current_uri(struct run *run, struct sip_uri *out)
{
    return run->msg->is_request && !sip_uri_parse(run_target(run)->uri, out);
}

static bool received_uri(struct run *run, struct sip_uri *out)
{
    return run->msg->is_request && !sip_uri_parse(run->msg->ruri, out);
}

static bool next_hop(struct run *run, struct sip_uri *out)
{
    return !sip_uri_parse(run_target(run)->dst_uri, out);
}

static enum err give_user(find_uri_fn *find, const struct variable_use *use, struct value *out)
{
    struct sip_uri uri;

    return find(use->run, &uri) ? give_text_or_null(out, uri.user) : give_null(out);
}

static enum err give_user_length(find_uri_fn *find, const struct variable_use *use,
                                 struct value *out)
{
    struct sip_uri uri;

    return find(use->run, &uri) ? give_int(out, (int64_t)uri.user.len) : give_null(out);
}

static enum err give_host(find_uri_fn *find, const struct variable_use *use, struct value *out)
{
    struct sip_uri uri;

    return find(use->run, &uri) ? give_text_or_null(out, uri.host) : give_null(out);
}

/* Scripts see 5061 for transport=tls, not for a sips URI. */
static enum err give_port(find_uri_fn *find, const struct variable_use *use, struct value *out)
{
    struct sip_uri uri;

    if (!find(use->run, &uri))
        return give_null(out);
    uri.scheme = URI_SIP;
    return give_both(use->run, out, sip_uri_port(&uri));
}

static enum err give_written_port(find_uri_fn *find, const struct variable_use *use,
                                  struct value *out)
{
    struct sip_uri uri;

    if (!find(use->run, &uri))
        return give_null(out);
    return give_both(use->run, out, uri.has_port ? uri.port : 5060);
}

/* The transport as written; UDP without one, whatever the scheme. */
static enum err give_proto(find_uri_fn *find, const struct variable_use *use, struct value *out)
{
    struct sip_uri uri;
    struct str written;

    if (!find(use->run, &uri))
        return give_null(out);
    written = sip_param_value(uri.params, STR("transport"));
    return give_text(out, written.len ? written : STR("UDP"));
}

static enum err give_scheme(find_uri_fn *find, const struct variable_use *use, struct value *out)
{
    struct str scheme, rest;
    struct sip_uri uri;

    if (!find(use->run, &uri) || !str_split(uri.text, ':', &scheme, &rest))
        return give_null(out);
    return give_text(out, scheme);
}

/* ---- $ru ---- */

static enum err get_ru(const struct variable_use *use, struct value *out)
{
    return use->run->msg->is_request ? give_text(out, run_target(use->run)->uri) : give_null(out);
}

static enum err get_rU(const struct variable_use *use, struct value *out)
{
    return give_user(current_uri, use, out);
}

static enum err get_rUl(const struct variable_use *use, struct value *out)
{
    return give_user_length(current_uri, use, out);
}

static enum err get_rd(const struct variable_use *use, struct value *out)
{
    return give_host(current_uri, use, out);
}

static enum err get_rp(const struct variable_use *use, struct value *out)
{
    return give_port(current_uri, use, out);
}

static enum err get_rP(const struct variable_use *use, struct value *out)
{
    return give_proto(current_uri, use, out);
}

static enum err get_rz(const struct variable_use *use, struct value *out)
{
    return give_scheme(current_uri, use, out);
}

static enum err set_ru(const struct variable_use *use, const struct value *value)
{
    struct str text;
    enum err err = assigned_text(use, value, &text);

    return err ? err : run_set_uri(use->run, text);
}

static enum err write_uri(struct run *run, const struct sip_uri *uri)
{
    char buffer[URI_MAX];
    struct writer w = writer_over(buffer, sizeof buffer);
    struct str text;
    enum err err;

    sip_uri_write(&w, uri);
    err = writer_finish(&w, &text);
    return err ? err : run_set_uri(run, text);
}

static enum err set_rU(const struct variable_use *use, const struct value *value)
{
    struct sip_uri uri;
    enum err err;

    if (!current_uri(use->run, &uri))
        return ERR_NOT_NOW;
    if ((err = assigned_text(use, value, &uri.user)))
        return err;
    if (str_is_empty(uri.user))
        uri.password = uri.user;
    return write_uri(use->run, &uri);
}

static enum err set_rd(const struct variable_use *use, const struct value *value)
{
    struct sip_uri uri;
    enum err err;

    if (!current_uri(use->run, &uri))
        return ERR_NOT_NOW;
    if ((err = assigned_text(use, value, &uri.host)))
        return err;
    command_leave_tel(&uri);
    return str_is_empty(uri.host) ? ERR_SYNTAX : write_uri(use->run, &uri);
}

static enum err set_rp(const struct variable_use *use, const struct value *value)
{
    struct sip_uri uri;
    int64_t port = 0;
    enum err err = ERR_NONE;

    if (!current_uri(use->run, &uri))
        return ERR_NOT_NOW;
    if (!value_is_null(value) && !(value->has_text && str_is_empty(value->text)))
        err = assigned_number(value, &port);
    if (err || port < 0 || port > UINT16_MAX)
        return err ? err : ERR_RANGE;
    uri.has_port = port != 0;
    uri.port = (uint16_t)port;
    return write_uri(use->run, &uri);
}

/* ---- $ou ---- */

static enum err get_ou(const struct variable_use *use, struct value *out)
{
    return give_text_or_null(out, use->run->msg->ruri);
}

static enum err get_oU(const struct variable_use *use, struct value *out)
{
    return give_user(received_uri, use, out);
}

static enum err get_oUl(const struct variable_use *use, struct value *out)
{
    return give_user_length(received_uri, use, out);
}

static enum err get_od(const struct variable_use *use, struct value *out)
{
    return give_host(received_uri, use, out);
}

static enum err get_op(const struct variable_use *use, struct value *out)
{
    return give_port(received_uri, use, out);
}

static enum err get_oP(const struct variable_use *use, struct value *out)
{
    return give_proto(received_uri, use, out);
}

/* ---- $du ---- */

static enum err get_du(const struct variable_use *use, struct value *out)
{
    return give_text_or_null(out, run_target(use->run)->dst_uri);
}

static enum err set_du(const struct variable_use *use, const struct value *value)
{
    struct str text;
    enum err err = assigned_text(use, value, &text);

    return err ? err : run_set_dst_uri(use->run, text);
}

static enum err get_dd(const struct variable_use *use, struct value *out)
{
    return give_host(next_hop, use, out);
}

static enum err get_dp(const struct variable_use *use, struct value *out)
{
    return give_port(next_hop, use, out);
}

static enum err get_dP(const struct variable_use *use, struct value *out)
{
    return give_proto(next_hop, use, out);
}

/* $nh(x): the next hop, wherever it stands. */
static bool any_hop(struct run *run, struct sip_uri *out)
{
    return next_hop(run, out) || current_uri(run, out);
}

static enum err get_nh(const struct variable_use *use, struct value *out)
{
    struct sip_uri uri;

    switch (use->inner.len ? use->inner.ptr[0] : 'u') {
    case 'u':
        return any_hop(use->run, &uri) ? give_text(out, uri.text) : give_null(out);
    case 'U':
        return give_user(any_hop, use, out);
    case 'd':
        return give_host(any_hop, use, out);
    case 'p':
        return give_written_port(any_hop, use, out);
    case 'P':
        return give_proto(any_hop, use, out);
    default:
        return give_int(out, 0);
    }
}

/* ---- the socket to send from ---- */

static const struct listener *forced_listener(const struct variable_use *use)
{
    const struct target *target = run_target(use->run);
    unsigned count;
    const struct listener *listeners = server_listeners(run_server(use->run), &count);

    return target->socket < count ? &listeners[target->socket] : NULL;
}

static enum err get_fs(const struct variable_use *use, struct value *out)
{
    const struct listener *listener = forced_listener(use);

    return listener ? give_text(out, listener->name) : give_null(out);
}

static enum err set_fs(const struct variable_use *use, const struct value *value)
{
    struct str text;
    enum err err = assigned_text(use, value, &text);

    return err ? err : run_set_socket(use->run, text);
}

static enum err get_fsp(const struct variable_use *use, struct value *out)
{
    const struct listener *listener = forced_listener(use);

    return listener ? give_both(use->run, out, listener->bound.port) : give_null(out);
}

/* ---- the target set ---- */

/* "<uri>;q=0.5" */
/* In a header the URI stands in brackets; elsewhere only when its q would not be told from it. */
static void write_target(struct writer *w, const struct target *target, bool is_header)
{
    bool has_brackets = is_header || target->q >= 0;

    if (w->at != w->start)
        write_str(w, STR(", "));
    write_str(w, has_brackets ? STR("<") : STR(""));
    write_str(w, target->uri);
    write_str(w, has_brackets ? STR(">") : STR(""));
    if (target->q >= 1000)
        write_str(w, STR(";q=1"));
    else if (target->q >= 0)
        write_fmt(w, ";q=0.%03d", target->q);
}

enum {
    BESIDES_URI = 16, /* bytes that write_target adds to a URI, and more */
};

static enum err list_targets(const struct run *run, bool with_ruri, struct str prefix,
                             struct value *out)
{
    const struct request *request = run->request;
    size_t size = request->target.uri.len + BESIDES_URI;
    struct writer w;
    struct str list;
    char *buffer;

    for (unsigned i = 0; i < request->extra_count; i++)
        size += request->extra[i].uri.len + BESIDES_URI;
    buffer = arena_alloc(run->arena, size);
    if (!buffer)
        return ERR_NOMEM;
    w = writer_over(buffer, size);
    if (with_ruri)
        write_target(&w, &request->target, prefix.len);
    for (unsigned i = 0; i < request->extra_count; i++)
        write_target(&w, &request->extra[i], prefix.len);
    if (writer_finish(&w, &list) || str_is_empty(list))
        return give_null(out);
    if (str_print(run->arena, &list, STR_FMT STR_FMT, STR_ARG(prefix), STR_ARG(list)))
        return ERR_NOMEM;
    return give_text(out, list);
}

static enum err get_br(const struct variable_use *use, struct value *out)
{
    const struct request *request = use->run->request;

    return request->extra_count ? give_text(out, request->extra[0].uri) : give_null(out);
}

/* Unlike append_branch(): the next hop of the Request-URI is not that of the new target. */
static enum err set_br(const struct variable_use *use, const struct value *value)
{
    struct target target = { .q = -1, .socket = SOCKET_ANY };
    struct sip_uri uri;
    enum err err = assigned_text(use, value, &target.uri);

    if (err)
        return err;
    return sip_uri_parse(target.uri, &uri) ? ERR_SYNTAX
                                           : request_add_target(use->run->request, &target);
}

static enum err get_bR(const struct variable_use *use, struct value *out)
{
    return list_targets(use->run, false, STR(""), out);
}

/* The received Request-URI is left out: a redirection to itself would loop. */
static enum err get_ds(const struct variable_use *use, struct value *out)
{
    const struct request *request = use->run->request;
    bool is_changed = !str_eq(request->target.uri, request->msg->ruri);

    return list_targets(use->run, is_changed, STR("Contact: "), out);
}

enum err run_add_contacts(struct run *run)
{
    const struct variable_use use = { .run = run };
    struct value contacts;
    struct str line;
    enum err err = get_ds(&use, &contacts);

    if (err || value_is_null(&contacts))
        return err;
    err = str_print(run->arena, &line, STR_FMT "\r\n", STR_ARG(contacts.text));
    return err ? err : run_add_reply_header(run, line);
}

/* $branch(uri)[i] and its like; the counterpart of run_target for added targets. */
static struct target *indexed_target(const struct variable_use *use)
{
    struct request *request = use->run->request;
    int index = use->index < 0 ? use->index + (int)request->extra_count : use->index;

    return index >= 0 && index < (int)request->extra_count ? &request->extra[index] : NULL;
}

static enum err give_socket(const struct variable_use *use, const struct target *target,
                            struct value *out)
{
    unsigned count;
    const struct listener *listeners = server_listeners(run_server(use->run), &count);

    return target->socket < count ? give_text(out, listeners[target->socket].name) : give_null(out);
}

static enum err get_branch(const struct variable_use *use, struct value *out)
{
    const struct target *target = indexed_target(use);
    struct str what = use->inner;

    if (!target)
        return give_null(out);
    if (str_eq(what, STR("uri")))
        return give_text(out, target->uri);
    if (str_eq(what, STR("count")))
        return give_int(out, use->run->request->extra_count);
    if (str_eq(what, STR("dst_uri")))
        return give_text_or_null(out, target->dst_uri);
    if (str_eq(what, STR("path")))
        return give_text_or_null(out, target->path);
    if (str_eq(what, STR("q")))
        return target->q < 0 ? give_null(out) : give_int(out, target->q);
    if (str_eq(what, STR("send_socket")))
        return give_socket(use, target, out);
    if (str_eq(what, STR("flags")))
        return give_int(out, target->bflags);
    if (str_eq(what, STR("ruid")))
        return give_text_or_null(out, target->ruid);
    if (str_eq(what, STR("instance")))
        return give_text_or_null(out, target->instance);
    if (str_eq(what, STR("location_ua")))
        return give_text_or_null(out, target->user_agent);
    if (str_eq(what, STR("otcpid")))
        return give_int(out, (int64_t)target->flow.connection);
    return give_null(out);
}

static void remove_target(struct request *request, struct target *target)
{
    struct target *end = request->extra + request->extra_count;

    for (; target + 1 < end; target++)
        *target = target[1];
    request->extra_count--;
}

static enum err set_branch_text(const struct variable_use *use, const struct value *value,
                                struct target *target, struct str *field)
{
    struct str text;
    enum err err = assigned_text(use, value, &text);

    target->has_flow = false;
    target->other_flow = NULL;
    return err ? err : str_copy(&use->run->request->arena, text, field);
}

static enum err set_branch(const struct variable_use *use, const struct value *value)
{
    struct target *target = indexed_target(use);
    struct str what = use->inner;
    int64_t number;

    if (!target)
        return ERR_NOT_FOUND;
    if (str_eq(what, STR("uri")) && value_is_null(value)) {
        remove_target(use->run->request, target);
        return ERR_NONE;
    }
    if (str_eq(what, STR("uri")))
        return set_branch_text(use, value, target, &target->uri);
    if (str_eq(what, STR("dst_uri")))
        return set_branch_text(use, value, target, &target->dst_uri);
    if (str_eq(what, STR("path")))
        return set_branch_text(use, value, target, &target->path);
    if (assigned_number(value, &number))
        return ERR_SYNTAX;
    if (str_eq(what, STR("q")))
        target->q = (int)number;
    else if (str_eq(what, STR("flags")))
        target->bflags = (uint32_t)number;
    else
        return ERR_UNSUPPORTED;
    return ERR_NONE;
}

static enum err get_ruid(const struct variable_use *use, struct value *out)
{
    return give_text_or_null(out, run_target(use->run)->ruid);
}

static enum err get_location_ua(const struct variable_use *use, struct value *out)
{
    return give_text_or_null(out, run_target(use->run)->user_agent);
}

VARIABLE_OF_WORDS(check_nh, "u U d p P i")
VARIABLE_OF_WORDS(check_branch,
                  "uri dst_uri path q send_socket flags count ruid location_ua otcpid instance")

/* clang-format off */
#define R(name_, getter, doc_) { .name = name_, .get = getter, .doc = doc_ }
#define W(name_, getter, setter, doc_) { .name = name_, .get = getter, .set = setter, .doc = doc_ }

#define DOC_RU "The Request-URI."
#define DOC_RUSER "User part of the Request-URI; null when absent."
#define DOC_RDOMAIN "Host of the Request-URI."
#define DOC_OU "The Request-URI as it was received."
#define DOC_DU "The next hop, when it is not the Request-URI's host."

const struct mod_variable uri_variables[] = {
    W("ru", get_ru, set_ru, DOC_RU),
    W("ruri", get_ru, set_ru, DOC_RU),
    W("rU", get_rU, set_rU, DOC_RUSER),
    W("ruri.user", get_rU, set_rU, DOC_RUSER),
    R("rUl", get_rUl, "Length of the user part of the Request-URI."),
    W("rd", get_rd, set_rd, DOC_RDOMAIN),
    W("ruri.domain", get_rd, set_rd, DOC_RDOMAIN),
    W("rp", get_rp, set_rp, "Port of the Request-URI, or the default one."),
    R("rP", get_rP, "Transport of the Request-URI: UDP, TCP…"),
    R("rz", get_rz, "Scheme of the Request-URI."),
    R("ou", get_ou, DOC_OU),
    R("ouri", get_ou, DOC_OU),
    R("oU", get_oU, "User part of the received Request-URI."),
    R("oUl", get_oUl, "Its length."),
    R("od", get_od, "Host of the received Request-URI."),
    R("op", get_op, "Port of the received Request-URI, or the default one."),
    R("oP", get_oP, "Transport of the received Request-URI."),
    W("du", get_du, set_du, DOC_DU),
    W("duri", get_du, set_du, DOC_DU),
    R("dd", get_dd, "Host of the next hop."),
    R("dp", get_dp, "Port of the next hop, or the default one."),
    R("dP", get_dP, "Transport of the next hop."),
    { .name = "nh", .inner = INNER_NEEDED, .get = get_nh, .prepare = check_nh,
      .doc = "Where the request goes, next hop or Request-URI: $nh(u), (U), (d), (p), (P)." },
    W("fs", get_fs, set_fs, "The socket to send from: proto:host:port."),
    W("fsn", get_fs, set_fs, "The socket to send from."),
    R("fsp", get_fsp, "Port of the socket to send from."),
    W("br", get_br, set_br, "The first added target; writing adds one."),
    R("bR", get_bR, "All added targets, with their q."),
    R("ds", get_ds, "The target set as a Contact header."),
    { .name = "branch", .inner = INNER_NEEDED, .get = get_branch, .set = set_branch,
      .prepare = check_branch,
      .doc = "A field of an added target; how many there are." },
    R("location_ua", get_location_ua, "User-Agent of the client that the target came from."),
    R("ruid", get_ruid, "Id of the binding that the target came from."),
    { 0 },
};
