/* SPDX-License-Identifier: Apache-2.0 */
#include "registrar.h"

#include <culvert/journal.h>
#include <culvert/query.h>

enum {
    CALL_ID_MAX = 255,
    TURNS_MAX = 5, /* of waiting, while others keep changing the same bindings */
};

enum err registrar_refuse(struct saving *saving, unsigned status, const char *reason,
                          const char *detail)
{
    saving->status = status;
    saving->reason = reason;
    saving->detail = detail;
    return ERR_DENIED;
}

/* ---- reading the request ---- */

uint32_t registrar_methods(struct str list)
{
    uint32_t methods = 0;
    struct str one;

    while (sip_list_next(&list, &one))
        methods |= UINT32_C(1) << sip_method_find(one);
    return methods;
}

static uint32_t allowed_methods(const struct sip_msg *msg)
{
    struct sip_values values = sip_values_of(msg, SIP_HDR_ALLOW);
    uint32_t methods = 0;

    while (sip_values_next(&values))
        methods |= registrar_methods(values.value);
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

/* A proxy of ours in front may say which of our sockets is next to the client. */
static uint16_t named_socket(const struct saving *saving)
{
    const struct registrar *registrar = saving->registrar;
    const struct request *request = saving->run->request;
    const struct sip_hdr *hdr;
    uint16_t socket;
    struct str set = registrar_setting_text(registrar, saving->run, SETTING_SOCKET);

    if (set.len && !server_find_listener(run_server(saving->run), set, &socket))
        return socket;

    if (registrar->sock_flag < 0 || str_is_empty(registrar->sock_hdr_name) ||
        !(request->flags >> registrar->sock_flag & 1))
        return request->source.socket;
    hdr = sip_msg_find_name(request->msg, registrar->sock_hdr_name, NULL);
    if (!hdr || server_find_listener(run_server(saving->run), hdr->value, &socket))
        return request->source.socket;
    return socket;
}

static unsigned contacts_max(const struct saving *saving)
{
    int64_t set = saving->registrar->max_contacts;

    (void)registrar_setting_number(saving->registrar, saving->run, SETTING_MAX_CONTACTS, &set);
    return set > 0 ? (unsigned)set : 0;
}

static void describe_client(struct saving *saving)
{
    const struct location_rules *rules = server_location_rules(run_server(saving->run));
    struct location_update *update = &saving->update;
    struct run *run = saving->run;
    const struct request *request = run->request;

    update->call_id = run->msg->call_id;
    update->cseq = run->msg->cseq;
    update->user_agent = sip_msg_value(request->msg, SIP_HDR_USER_AGENT);
    update->received = text_of(run, saving->registrar->received_var);
    update->flags = request->flags;
    update->cflags = request->target.bflags;
    update->methods =
        saving->registrar->method_filtering ? allowed_methods(request->msg) : UINT32_MAX;
    update->flow = request->source;
    update->flow.socket = named_socket(saving);
    update->contacts_max = contacts_max(saving);
    update->bindings_max = rules->bindings_max;
    update->match = (enum location_match)rules->matching_mode;
    update->cseq_delay = (msec)rules->cseq_delay * 1000;
    update->replaces_moved = registrar_is_on(run, saving->registrar->replace_moved);
    update->keeps_only_these = (saving->flags & SAVE_ONLY_THIS) != 0;
    update->is_volatile = (saving->flags & SAVE_MEMORY_ONLY) != 0;
    update->now = run_now(run);
}

static enum err refuse_aor(struct saving *saving, enum err err)
{
    if (err == ERR_LIMIT)
        return registrar_refuse(saving, 500, "Server Internal Error", "Address-of-record too long");
    return registrar_refuse(saving, 400, "Bad Request", "Address-of-record cannot be used");
}

/* Of these, outbound is judged where it is read. */
static bool is_known_option(struct str option)
{
    return str_ieq(option, STR("path")) || str_ieq(option, STR("gruu")) ||
           str_ieq(option, STR("outbound"));
}

/* RFC 3261 §10.3 step 2. */
static enum err check_required(struct saving *saving)
{
    struct sip_values values = sip_values_of(saving->run->msg, SIP_HDR_REQUIRE);
    struct str line = { 0 };

    while (sip_values_next(&values)) {
        if (!is_known_option(values.value) &&
            str_print(saving->run->arena, &line, STR_FMT "Unsupported: " STR_FMT "\r\n",
                      STR_ARG(line), STR_ARG(values.value)))
            return ERR_NOMEM;
    }
    if (str_is_empty(line))
        return ERR_NONE;
    if (run_add_reply_header(saving->run, line))
        return ERR_NOMEM;
    return registrar_refuse(saving, 420, "Bad Extension", "Extension not supported");
}

static enum err read_request(struct saving *saving)
{
    struct location_update *update = &saving->update;
    enum err err = registrar_aor(saving->call, registered_uri(saving), &update->aor);

    if (err)
        return refuse_aor(saving, err);
    update->table = registrar_table(saving->call);
    update->contacts = saving->contacts;
    describe_client(saving);
    if (update->call_id.len > CALL_ID_MAX)
        return registrar_refuse(saving, 400, "Bad Request", "Call-ID too long");
    if ((err = check_required(saving)) || (err = registrar_read_contacts(saving)) ||
        (err = registrar_read_outbound(saving)))
        return err;
    if (!saving->uses_outbound)
        registrar_choose_way(saving);
    return registrar_read_path(saving);
}

/* ---- keeping it ---- */

static enum err refuse_update(struct saving *saving, enum err err)
{
    switch (err) {
    case ERR_LIMIT:
        return registrar_refuse(saving, 503, "Service Unavailable", "Too many registered contacts");
    case ERR_EXHAUSTED:
        return registrar_refuse(saving, 503, "Service Unavailable", "No room for more contacts");
    case ERR_NOT_NOW:
        return registrar_refuse(saving, 400, "Bad Request", "Invalid CSeq number");
    default:
        return registrar_refuse(saving, 500, "Server Internal Error", "Bindings cannot be saved");
    }
}

static enum verdict refuse(struct saving *saving)
{
    return saving->status ? registrar_answer_refusal(saving) : VERDICT_ERROR;
}

static enum verdict accept(struct saving *saving)
{
    struct run *run = saving->run;
    enum verdict verdict;

    counter_add(saving->registrar->accepted, 1);
    run_alias_connection(run, 0);
    if (saving->binding_count)
        registrar_tell_extended(saving->registrar, run, &saving->bindings[0]);
    verdict = registrar_accept(saving, saving->bindings, saving->binding_count);
    if (verdict != VERDICT_TRUE || server_is_openser(run_server(run)))
        return verdict;
    return (enum verdict)saving->result;
}

/* The bindings are there, but the database has not got them. */
static enum verdict accept_unwritten(struct saving *saving)
{
    const struct location_rules *rules = server_location_rules(run_server(saving->run));

    if (rules->needs_rows) {
        (void)registrar_refuse(saving, 500, "Server Internal Error", "Bindings cannot be written");
        return refuse(saving);
    }
    counter_add(rules->unwritten, 1);
    return accept(saving);
}

static bool is_written(const struct saving *saving)
{
    struct journal *journal = server_location_rules(run_server(saving->run))->journal;

    return !journal || !journal_is_prompt(journal) ||
           journal_has_written(journal, saving->update.table, saving->update.aor);
}

static enum verdict await_rows(struct saving *saving);

static enum verdict on_settled(struct run *run, void *context, const struct store_result *result)
{
    struct saving *saving = context;

    (void)run;
    if (is_written(saving))
        return accept(saving);
    return result->err || ++saving->turns == TURNS_MAX ? accept_unwritten(saving)
                                                       : await_rows(saving);
}

/* A REGISTER changes what is there. */
static enum err know_bindings(struct saving *saving)
{
    enum err err = registrar_know(saving->call, saving->update.table, saving->update.aor);

    if (err || !registrar_is_unsure(saving->call) ||
        !server_location_rules(run_server(saving->run))->needs_rows)
        return err;
    return registrar_refuse(saving, 500, "Server Internal Error", "Bindings cannot be read");
}

/* What is answered is in the database: it survives whatever becomes of this process. */
static enum verdict await_rows(struct saving *saving)
{
    const struct location_rules *rules = server_location_rules(run_server(saving->run));

    if (is_written(saving))
        return accept(saving);
    return run_settle(saving->run, journal_store(rules->journal), on_settled, saving);
}

static enum verdict save(struct call *call, unsigned flags)
{
    struct saving *saving = arena_zalloc(call->run->arena, sizeof *saving);
    enum err err;

    if (!saving)
        return VERDICT_ERROR;
    saving->call = call;
    saving->run = call->run;
    saving->registrar = module_state(call->module);
    saving->flags = flags;
    if (read_request(saving) || know_bindings(saving))
        return refuse(saving);
    err = location_register(server_location(run_server(call->run)), &saving->update,
                            call->run->arena, &saving->result, &saving->bindings,
                            &saving->binding_count);
    if (err) {
        (void)refuse_update(saving, err);
        return refuse(saving);
    }
    return await_rows(saving);
}

static enum verdict save_by_flags(struct call *call)
{
    return save(call, call->arg_count > 1 ? (unsigned)call->args[1].value.number : 0);
}

static enum verdict save_no_reply(struct call *call)
{
    return save(call, SAVE_NO_REPLY);
}

static enum verdict save_memory(struct call *call)
{
    return save(call, SAVE_MEMORY_ONLY);
}

enum verdict registrar_save(struct call *call)
{
    return registrar_with_rows(call, save_by_flags);
}

enum verdict registrar_save_no_reply(struct call *call)
{
    return registrar_with_rows(call, save_no_reply);
}

enum verdict registrar_save_memory(struct call *call)
{
    return registrar_with_rows(call, save_memory);
}
