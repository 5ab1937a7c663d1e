/* SPDX-License-Identifier: Apache-2.0 */
#include "registrar.h"

enum save_flags {
    SAVE_MEMORY_ONLY = 0x01,
    SAVE_NO_REPLY = 0x02,
    SAVE_ONLY_THIS = 0x04, /* Kamailio: the AoR keeps this contact alone */
};

/* A REGISTER being saved. A refusal is remembered and answered at the end. */
struct saving {
    struct call *call;
    struct run *run;
    const struct registrar *registrar;
    struct location_update update;
    struct location_contact contacts[CONTACTS_MAX];
    unsigned status; /* of the refusal; 0: none */
    const char *reason, *detail;
};

static enum err refuse(struct saving *saving, unsigned status, const char *reason, const char *detail)
{
    saving->status = status;
    saving->reason = reason;
    saving->detail = detail;
    return ERR_DENIED;
}

/* ---- reading the request ---- */

static uint32_t bounded_expires(const struct registrar *registrar, uint64_t wanted)
{
    if (wanted == 0)
        return 0;
    if (registrar->min_expires > 0 && wanted < (uint64_t)registrar->min_expires)
        wanted = (uint64_t)registrar->min_expires;
    if (registrar->max_expires > 0 && wanted > (uint64_t)registrar->max_expires)
        wanted = (uint64_t)registrar->max_expires;
    return (uint32_t)wanted;
}

/* RFC 3261 §10.2.1.1: the parameter, else the header, else the default; garbage counts as absent. */
static uint64_t wanted_expires(const struct saving *saving, struct str params)
{
    uint64_t seconds;

    if (!str_to_uint(sip_param_value(params, STR("expires")), 0, UINT32_MAX, &seconds) ||
        !str_to_uint(sip_msg_value(saving->run->msg, SIP_HDR_EXPIRES), 0, UINT32_MAX, &seconds))
        return seconds;
    return (uint64_t)saving->registrar->default_expires;
}

/* "0.75" as 750; -1 when it is no qvalue. */
static int parse_q(struct str text)
{
    struct str whole, part = { 0 };
    uint64_t units, digits = 0;

    if (!str_split(text, '.', &whole, &part))
        whole = text;
    if (str_to_uint(whole, 0, 1, &units) || part.len > 3 ||
        (part.len > 0 && str_to_uint(part, 0, 999, &digits)))
        return -1;
    for (size_t i = part.len; i < 3; i++)
        digits *= 10;
    return units * 1000 + digits > 1000 ? -1 : (int)(units * 1000 + digits);
}

static int contact_q(const struct saving *saving, struct str params)
{
    struct sip_param q;

    if (sip_param_find(params, STR("q"), &q))
        return parse_q(q.value);
    return (int)saving->registrar->default_q;
}

static enum err take_contact(struct saving *saving, const struct sip_nameaddr *nameaddr)
{
    const struct registrar *registrar = saving->registrar;
    uint64_t expires = wanted_expires(saving, nameaddr->params), reg_id = 0;
    struct location_contact *contact;

    if (saving->update.contact_count == CONTACTS_MAX)
        return refuse(saving, 503, "Service Unavailable", "Too many contacts");
    contact = &saving->contacts[saving->update.contact_count];
    contact->uri = run_contact_uri(saving->run, nameaddr);
    if (contact->uri.len > (size_t)registrar->contact_max_size)
        return refuse(saving, 400, "Bad Request", "Contact too long");
    if (registrar->min_expires_mode && expires && expires < (uint64_t)registrar->min_expires)
        return refuse(saving, 423, "Interval Too Brief", "Interval Too Brief");
    contact->expires = bounded_expires(registrar, expires);
    contact->q = contact_q(saving, nameaddr->params);
    contact->instance = sip_unquote(sip_param_value(nameaddr->params, STR("+sip.instance")));
    if (!str_to_uint(sip_param_value(nameaddr->params, STR("reg-id")), 1, UINT32_MAX, &reg_id))
        contact->reg_id = (uint32_t)reg_id;
    saving->update.contact_count++;
    return ERR_NONE;
}

/* Contact: * stands alone, and with Expires: 0 (RFC 3261 §10.2.2). */
static enum err check_star(struct saving *saving, unsigned values)
{
    uint64_t expires;

    if (values != 1 || str_to_uint(sip_msg_value(saving->run->msg, SIP_HDR_EXPIRES), 0, 0, &expires))
        return refuse(saving, 400, "Bad Request", "* used in a contact, but with other contacts or expires");
    return ERR_NONE;
}

static enum err read_contacts(struct saving *saving)
{
    struct sip_values values = sip_values_of(saving->run->msg, SIP_HDR_CONTACT);
    unsigned count = 0;

    while (sip_values_next(&values)) {
        struct sip_nameaddr nameaddr;
        enum err err;

        count++;
        if (sip_nameaddr_parse(values.value, &nameaddr))
            return refuse(saving, 400, "Bad Request", "Contact parse error");
        if (nameaddr.is_star)
            saving->update.removes_all = true;
        else if ((err = take_contact(saving, &nameaddr)))
            return err;
    }
    return saving->update.removes_all ? check_star(saving, count) : ERR_NONE;
}

static bool lists_option(const struct sip_msg *msg, enum sip_hdr_id id, struct str option)
{
    struct sip_values values = sip_values_of(msg, id);

    while (sip_values_next(&values)) {
        if (str_ieq(values.value, option))
            return true;
    }
    return false;
}

enum path_mode { PATH_STORE, PATH_LAZY, PATH_STRICT };

/* RFC 3327: the Path values, kept as one list. */
static enum err read_path(struct saving *saving)
{
    const struct registrar *registrar = saving->registrar;
    struct run *run = saving->run;
    struct sip_values values = sip_values_of(run->msg, SIP_HDR_PATH);
    struct str path = { 0 };
    bool is_supported;

    if (!registrar->use_path || !sip_msg_find(run->msg, SIP_HDR_PATH, NULL))
        return ERR_NONE;
    is_supported = lists_option(run->msg, SIP_HDR_SUPPORTED, STR("path"));
    if (registrar->path_mode == PATH_STRICT && !is_supported) {
        if (run_add_reply_header(run, STR("Unsupported: path\r\n")))
            return ERR_NOMEM;
        return refuse(saving, 420, "Bad Extension", "Path not supported by the client");
    }
    while (sip_values_next(&values)) {
        if (str_print(run->arena, &path, STR_FMT "%s" STR_FMT, STR_ARG(path), path.len ? "," : "",
                      STR_ARG(values.value)))
            return ERR_NOMEM;
    }
    saving->update.path = path;
    if (registrar->path_mode == PATH_STORE || !is_supported)
        return ERR_NONE;
    if (str_print(run->arena, &path, "Path: " STR_FMT "\r\n", STR_ARG(path)))
        return ERR_NOMEM;
    return run_add_reply_header(run, path);
}

static uint32_t allowed_methods(const struct sip_msg *msg)
{
    struct sip_values values = sip_values_of(msg, SIP_HDR_ALLOW);
    uint32_t methods = 0;

    while (sip_values_next(&values))
        methods |= UINT32_C(1) << sip_method_find(values.value);
    return methods ? methods : UINT32_MAX;
}

static struct str text_of(struct run *run, const struct variable_ref *variable)
{
    struct value value;
    struct str text;

    if (!variable || variable_get(run, variable, &value) || value_is_null(&value) ||
        value_to_str(run->arena, &value, &text))
        return (struct str){ 0 };
    return text;
}

static struct str registered_uri(struct saving *saving)
{
    struct str from_variable = text_of(saving->run, saving->registrar->aor_var);

    if (saving->call->arg_count > 2)
        return saving->call->args[2].value.text;
    return str_is_empty(from_variable) ? saving->run->request->msg->to.uri.text : from_variable;
}

static enum err read_request(struct saving *saving)
{
    struct run *run = saving->run;
    const struct location_rules *rules = server_location_rules(run_server(run));
    struct location_update *update = &saving->update;
    enum err err = registrar_aor(saving->call, registered_uri(saving), &update->aor);

    if (err)
        return refuse(saving, err == ERR_LIMIT ? 500 : 400,
                      err == ERR_LIMIT ? "Server Internal Error" : "Bad Request",
                      "Address-of-record cannot be used");
    update->table = saving->call->args[0].value.text;
    update->contacts = saving->contacts;
    update->call_id = run->msg->call_id;
    update->cseq = run->msg->cseq;
    update->user_agent = sip_msg_value(run->msg, SIP_HDR_USER_AGENT);
    update->received = text_of(run, saving->registrar->received_var);
    update->flags = run->request->flags;
    update->cflags = run->request->target.bflags;
    update->methods = saving->registrar->method_filtering ? allowed_methods(run->msg) : UINT32_MAX;
    update->flow = run->source;
    update->contacts_max = (unsigned)saving->registrar->max_contacts;
    update->match = (enum location_match)rules->matching_mode;
    update->cseq_delay = (msec)rules->cseq_delay * 1000;
    update->now = run_now(run);
    err = read_contacts(saving);
    return err ? err : read_path(saving);
}

/* ---- the reply ---- */

static void write_contact(struct writer *w, const struct registrar *registrar,
                          const struct binding *binding, msec now)
{
    uint64_t left = binding->expires_at > now ? (binding->expires_at - now + 999) / 1000 : 0;

    write_fmt(w, "<" STR_FMT ">", STR_ARG(binding->contact));
    if (binding->q >= 0)
        write_fmt(w, ";q=%d.%03d", binding->q / 1000, binding->q % 1000);
    write_fmt(w, ";expires=%llu", (unsigned long long)left);
    if (!str_is_empty(binding->received) && !str_is_empty(registrar->received_param))
        write_fmt(w, ";" STR_FMT "=\"" STR_FMT "\"", STR_ARG(registrar->received_param),
                  STR_ARG(binding->received));
    if (!str_is_empty(binding->instance))
        write_fmt(w, ";+sip.instance=\"" STR_FMT "\"", STR_ARG(binding->instance));
    if (binding->reg_id)
        write_fmt(w, ";reg-id=%u", binding->reg_id);
}

static enum err add_contact_header(struct saving *saving, const struct binding *bindings,
                                   unsigned count)
{
    size_t size = 16;
    struct writer w;
    struct str line;
    char *buffer;

    if (count == 0)
        return ERR_NONE;
    for (unsigned i = 0; i < count; i++)
        size += bindings[i].contact.len + bindings[i].received.len + bindings[i].instance.len + 128;
    buffer = arena_alloc(saving->run->arena, size);
    if (!buffer)
        return ERR_NOMEM;
    w = writer_over(buffer, size);
    write_str(&w, STR("Contact: "));
    for (unsigned i = 0; i < count; i++) {
        if (i > 0)
            write_str(&w, STR(", "));
        write_contact(&w, saving->registrar, &bindings[i], saving->update.now);
    }
    write_str(&w, STR("\r\n"));
    return writer_finish(&w, &line) ? ERR_LIMIT : run_add_reply_header(saving->run, line);
}

static enum err add_refusal_headers(struct saving *saving)
{
    struct run *run = saving->run;
    struct str line;
    enum err err = str_print(run->arena, &line, "P-Registrar-Error: %s\r\n", saving->detail);

    if (!err && saving->status / 100 == 5 && saving->registrar->retry_after > 0)
        err = str_print(run->arena, &line, STR_FMT "Retry-After: %lld\r\n", STR_ARG(line),
                        (long long)saving->registrar->retry_after);
    if (!err && saving->status == 423)
        err = str_print(run->arena, &line, STR_FMT "Min-Expires: %lld\r\n", STR_ARG(line),
                        (long long)saving->registrar->min_expires);
    return err ? err : run_add_reply_header(run, line);
}

/* After a refusal OpenSER's script ends; Kamailio's sees -1 (or -2 for too many contacts). */
static enum verdict answer_refusal(struct saving *saving)
{
    bool is_openser = server_is_openser(run_server(saving->run));

    counter_add(saving->registrar->rejected, 1);
    if (add_refusal_headers(saving) ||
        run_reply(saving->run, saving->status, str_of(saving->reason)))
        return VERDICT_ERROR;
    if (is_openser)
        return VERDICT_STOP;
    return (enum verdict)(saving->status == 503 ? -2 : -1);
}

static enum err refuse_update(struct saving *saving, enum err err)
{
    if (err == ERR_LIMIT)
        return refuse(saving, 503, "Service Unavailable", "Too many registered contacts");
    if (err == ERR_NOT_NOW)
        return refuse(saving, 400, "Bad Request", "Invalid CSeq number");
    return refuse(saving, 500, "Server Internal Error", "Bindings cannot be saved");
}

enum verdict registrar_save(struct call *call)
{
    struct saving saving = {
        .call = call,
        .run = call->run,
        .registrar = module_state(call->module),
    };
    int64_t flags = call->arg_count > 1 ? call->args[1].value.number : 0;
    enum location_result result;
    struct binding *bindings;
    unsigned count;
    enum err err = read_request(&saving);

    saving.update.keeps_only_these = (flags & SAVE_ONLY_THIS) != 0;
    if (!err) {
        err = location_register(server_location(run_server(call->run)), &saving.update,
                                call->run->arena, &result, &bindings, &count);
        if (err)
            err = refuse_update(&saving, err);
    }
    if (err)
        return saving.status ? answer_refusal(&saving) : VERDICT_ERROR;
    counter_add(saving.registrar->accepted, 1);
    run_alias_connection(call->run, 0);
    if (!(flags & SAVE_NO_REPLY) && (add_contact_header(&saving, bindings, count) ||
                                     run_reply(call->run, 200, STR("OK"))))
        return VERDICT_ERROR;
    return server_is_openser(run_server(call->run)) ? VERDICT_TRUE : (enum verdict)result;
}
