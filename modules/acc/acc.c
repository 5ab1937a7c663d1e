/* SPDX-License-Identifier: Apache-2.0 */
/* Accounting: records of transactions and calls that the script marks, for the log and for
 * databases. */
#include "acc.h"

/* ---- which transactions count ---- */

static bool has_flag(uint32_t flags, int64_t flag)
{
    return flag >= 0 && flag < FLAGS_MAX && (flags >> flag & 1);
}

static unsigned sinks_of(const struct acc *acc, uint32_t flags)
{
    return (has_flag(flags, acc->log_flag) ? TO_LOG : 0) |
           (has_flag(flags, acc->db_flag) && acc->ledger ? TO_DATABASE : 0);
}

static unsigned missed_sinks_of(const struct acc *acc, uint32_t flags)
{
    return (has_flag(flags, acc->log_missed_flag) ? TO_LOG : 0) |
           (has_flag(flags, acc->db_missed_flag) && acc->ledger ? TO_DATABASE : 0);
}

static bool is_filtered(const struct acc *acc, unsigned status)
{
    for (unsigned i = 0; i < acc->filter_count; i++)
        if (acc->failed_filter[i] == status)
            return true;
    return false;
}

static bool is_accounted(const struct acc *acc, const struct request *request, unsigned status)
{
    if (request->msg->method == SIP_CANCEL && !acc->report_cancels)
        return false;
    return status < 300 ||
           (has_flag(request->flags, acc->failed_transaction_flag) && !is_filtered(acc, status));
}

static bool is_missed(const struct run *run, unsigned status)
{
    return run->request->msg->method == SIP_INVITE && status >= 300;
}

/* ---- what they say ---- */

static struct str reason_of(const struct acc *acc, const struct sip_msg *response,
                            struct str reason)
{
    struct str header = response && acc->reason_from_hf ? sip_msg_value(response, SIP_HDR_REASON)
                                                        : (struct str){ 0 };

    return str_is_empty(header) ? reason : header;
}

/* Our own response to a request outside of a dialog has a tag of ours. */
static void set_to_tag(const struct acc *acc, const struct run *run, struct record *record,
                       const struct sip_msg *response)
{
    struct str tag = response ? response->to_tag : run_reply_tag(run);

    if (acc->detect_direction && run->request->is_from_callee)
        record->from_tag = tag;
    else
        record->to_tag = tag;
}

static struct record record_end(const struct acc *acc, struct run *run, unsigned status,
                                struct str reason, const struct sip_msg *response)
{
    struct record record = record_of(acc, run);

    record.kind = "transaction answered";
    record_status(&record, run->arena, status, reason_of(acc, response, reason));
    set_to_tag(acc, run, &record, response);
    return record;
}

/* ---- moments ---- */

/* Told once, unless the script sets the flag again for another try. */
static void write_missed(const struct acc *acc, struct run *run, struct record record)
{
    unsigned sinks = missed_sinks_of(acc, run->request->flags);

    if (!sinks)
        return;
    record.kind = "call missed";
    record.table = acc->db_table_missed_calls;
    (void)record_write(acc, run, &record, sinks);
    for (unsigned i = 0; i < 2; i++) {
        int64_t flag = i ? acc->db_missed_flag : acc->log_missed_flag;
        if (has_flag(run->request->flags, flag))
            run->request->flags &= ~(UINT32_C(1) << flag);
    }
}

/* All have failed; the failure route may try others. */
static void on_failure(struct module *module, struct run *run)
{
    const struct acc *acc = module_state(module);
    const struct branch *winner = run->branch;

    if (winner && is_missed(run, winner->status) && missed_sinks_of(acc, run->request->flags)) {
        const struct sip_msg *response = winner->response;
        struct str reason = response ? response->reason : sip_reason_phrase(winner->status);

        write_missed(acc, run, record_end(acc, run, winner->status, reason, response));
    }
}

static void on_final(struct module *module, struct run *run, unsigned status, struct str reason,
                     const struct sip_msg *response)
{
    const struct acc *acc = module_state(module);
    unsigned sinks =
        is_accounted(acc, run->request, status) ? sinks_of(acc, run->request->flags) : 0;
    bool has_missed = is_missed(run, status) && missed_sinks_of(acc, run->request->flags);
    struct record record;

    if (!sinks && !has_missed)
        return;
    record = record_end(acc, run, status, reason, response);
    if (has_missed)
        write_missed(acc, run, record);
    (void)record_write(acc, run, &record, sinks);
}

static bool is_early_media(const struct acc *acc, const struct sip_msg *response)
{
    if (!acc->early_media || response->method != SIP_INVITE)
        return false;
    return acc->is_openser
               ? response->status == 183
               : response->status > 100 && response->status < 200 && !str_is_empty(response->body);
}

/* Extras are of the request, whatever message has brought us here. */
static struct run run_of_request(const struct run *run)
{
    struct run whole = *run;

    whole.stage = STAGE_REQUEST;
    whole.msg = run->request->msg;
    whole.source = run->request->source;
    whole.edits = &run->request->edits;
    whole.arena = &run->request->arena;
    return whole;
}

static unsigned on_reply(struct module *module, struct run *run)
{
    const struct acc *acc = module_state(module);
    unsigned sinks = sinks_of(acc, run->request->flags);

    if (sinks && is_early_media(acc, run->msg)) {
        struct run whole = run_of_request(run);
        struct record record =
            record_end(acc, &whole, run->msg->status, run->msg->reason, run->msg);

        (void)record_write(acc, &whole, &record, sinks);
    }
    return 0;
}

/* What the script kept for the INVITE is there for its ACK. */
static void write_ack(const struct acc *acc, struct run *run, unsigned sinks)
{
    struct request *request = run->request;
    struct avps own = request->avps;
    struct record record = record_of(acc, run);

    record.kind = "request acknowledged";
    record_status(&record, run->arena, 200, STR("OK"));
    if (request->invite && request->invite->last_status / 100 == 2)
        record_status(&record, run->arena, request->invite->last_status,
                      sip_reason_phrase(request->invite->last_status));
    if (request->invite)
        request->avps = request->invite->avps;
    (void)record_write(acc, run, &record, sinks);
    request->avps = own;
}

static unsigned on_forward(struct module *module, struct run *run)
{
    const struct acc *acc = module_state(module);
    const struct request *request = run->request;

    if (acc->report_ack && request->msg->method == SIP_ACK) {
        unsigned sinks = sinks_of(acc, request->invite ? request->flags | request->invite->flags
                                                       : request->flags);
        if (sinks)
            write_ack(acc, run, sinks);
    }
    return 0;
}

/* The first one: looking at a configuration opens no spool. */
static void on_tick(struct module *module, struct worker *worker, unsigned index, unsigned count,
                    msec now)
{
    const struct acc *acc = module_state(module);

    (void)worker;
    (void)count;
    (void)now;
    if (index == 0 && acc->ledger)
        ledger_start(acc->ledger);
}

/* ---- by the script ---- */

static enum verdict write_by_script(struct call *call, unsigned sinks)
{
    const struct acc *acc = module_state(call->module);
    struct record record = record_of(acc, call->run);

    record.kind = "request accounted";
    record_comment(&record, call_text(call, 0));
    if (call->arg_count > 1)
        record.table = call_text(call, 1);
    if ((sinks & TO_DATABASE) && !text_is_table(record.table)) {
        log_error("acc: \"" STR_FMT "\" is no name of a table", STR_ARG(record.table));
        return VERDICT_ERROR;
    }
    return verdict_of(record_write(acc, call->run, &record, sinks));
}

static bool has_database(const struct call *call)
{
    const struct acc *acc = module_state(call->module);

    if (!acc->ledger)
        log_error("acc: no database to account in: set modparam(\"acc\", \"db_url\", …)");
    return acc->ledger;
}

static enum verdict acc_log_request(struct call *call)
{
    return write_by_script(call, TO_LOG);
}

static enum verdict acc_db_request(struct call *call)
{
    return has_database(call) ? write_by_script(call, TO_DATABASE) : VERDICT_ERROR;
}

/* The log alone when there is no database. */
static enum verdict acc_request(struct call *call)
{
    const struct acc *acc = module_state(call->module);

    return write_by_script(call, acc->ledger ? TO_LOG | TO_DATABASE : TO_LOG);
}

static enum verdict point_elsewhere(struct call *call)
{
    (void)call;
    log_error("acc: there is no accounting by RADIUS or Diameter: use acc_log_request(), or "
              "acc_db_request() and read the table from there");
    return VERDICT_ERROR;
}

static const struct mod_function functions[] = {
    { .name = "acc_log_request",
      .run = acc_log_request,
      .takes = { ARG_FMT },
      .min_args = 1,
      .stages = STAGE_ANY,
      .doc = "Writes a record to the log now; the comment is \"[NNN ]reason\"." },
    { .name = "acc_db_request",
      .run = acc_db_request,
      .takes = { ARG_FMT, ARG_FMT },
      .min_args = 2,
      .stages = STAGE_ANY,
      .doc = "Writes a record to a table of the database now: (comment, table)." },
    { .name = "acc_request",
      .run = acc_request,
      .takes = { ARG_FMT, ARG_FMT },
      .min_args = 2,
      .stages = STAGE_ANY,
      .doc = "Both at once: (comment, table)." },
    { .name = "acc_rad_request",
      .run = point_elsewhere,
      .takes = { ARG_FMT },
      .min_args = 1,
      .stages = STAGE_ANY,
      .doc = "Fails, and says in the log what to use instead." },
    { .name = "acc_diam_request",
      .run = point_elsewhere,
      .takes = { ARG_FMT },
      .min_args = 1,
      .stages = STAGE_ANY,
      .doc = "Fails, and says in the log what to use instead." },
    { 0 },
};

/* ---- for people ---- */

static enum err acc_status(struct module *module, struct command *command)
{
    const struct acc *acc = module_state(module);
    struct ledger_counters counters = { 0 };

    if (acc->ledger) {
        ledger_start(acc->ledger);
        ledger_read_counters(acc->ledger, &counters);
    }
    command_number(command, "written", (int64_t)counters.written);
    command_number(command, "waiting", (int64_t)counters.waiting);
    command_number(command, "refused", (int64_t)counters.refused);
    command_number(command, "dropped", (int64_t)counters.dropped);
    command_number(command, "spool_bytes", (int64_t)counters.bytes);
    return ERR_NONE;
}

static const struct mod_command commands[] = {
    { "acc.status", "", "Records in the database: written, waiting, refused by it, dropped.",
      acc_status },
    { 0 },
};

/* ---- start and stop ---- */

static enum err read_filter(struct acc *acc)
{
    struct str rest = acc->failed_filter_text, one;
    uint64_t status;

    while (!str_is_empty(rest)) {
        if (!str_split(rest, ',', &one, &rest)) {
            one = rest;
            rest = (struct str){ 0 };
        }
        if (acc->filter_count == FILTER_MAX || str_to_uint(str_trim(one), 300, 699, &status)) {
            log_error("acc.failed_filter: \"" STR_FMT "\" is no status from 300 to 699, or one of "
                      "more than %d",
                      STR_ARG(one), FILTER_MAX);
            return ERR_SYNTAX;
        }
        acc->failed_filter[acc->filter_count++] = (unsigned)status;
    }
    return ERR_NONE;
}

static enum err read_facility(const char *param, struct str name, int *out)
{
    *out = LOG_OWN_FACILITY;
    if (str_is_empty(name) || log_find_facility(name, out))
        return ERR_NONE;
    log_error("acc.%s: \"" STR_FMT "\" is no facility of syslog: LOG_LOCAL0 is one", param,
              STR_ARG(name));
    return ERR_SYNTAX;
}

static enum err read_level(const struct module *module, struct acc *acc)
{
    char text[24];
    struct writer w = writer_over(text, sizeof text);

    acc->level = LEVEL_NOTICE;
    if (acc->log_level == 100)
        return ERR_NONE;
    write_fmt(&w, "%lld", (long long)acc->log_level);
    return server_log_level(module_server(module), writer_text(&w), &acc->level) ? ERR_NONE
                                                                                 : ERR_RANGE;
}

static enum err read_log_settings(const struct module *module, struct acc *acc)
{
    enum err err = read_level(module, acc);

    if (!err)
        err = read_facility("log_facility", acc->log_facility, &acc->facility);
    if (!err)
        err = read_facility("cdr_facility", acc->cdr_facility, &acc->cdr_log_facility);
    return err ? err : read_filter(acc);
}

/* What OpenSER 1.1 says of legs, in the words of its successors. */
static enum err translate_legs(struct module *module, struct acc *acc)
{
    if (!acc->multi_leg_enabled || !acc->src_leg_avp_id || !acc->dst_leg_avp_id ||
        acc->multi_leg_info.len)
        return ERR_NONE;
    return str_print(module_arena(module), &acc->multi_leg_info,
                     "src_leg=$avp(i:%lld);dst_leg=$avp(i:%lld)", (long long)acc->src_leg_avp_id,
                     (long long)acc->dst_leg_avp_id);
}

static enum err read_extras(struct module *module, struct acc *acc)
{
    enum err err = extras_parse(module, "log_extra", acc->log_extra_text, &acc->log_extra);

    if (!err)
        err = extras_parse(module, "db_extra", acc->db_extra_text, &acc->db_extra);
    if (!err)
        err = extras_parse(module, "cdr_extra", acc->cdr_extra_text, &acc->cdr_extra);
    if (!err)
        err = translate_legs(module, acc);
    return err ? err : extras_parse_legs(module, acc->multi_leg_info, &acc->legs);
}

static enum err check_columns(const struct acc *acc)
{
    enum err err = extras_check_columns("db_extra", &acc->db_extra);

    if (!err)
        err = extras_check_columns("multi_leg_info", &acc->legs);
    if (!err && acc->cdrs_table.len)
        err = extras_check_columns("cdr_extra", &acc->cdr_extra);
    return err;
}

static bool needs_database(const struct acc *acc)
{
    return acc->db_flag >= 0 || acc->db_missed_flag >= 0 || acc->db_url.len || acc->cdrs_table.len;
}

static void find_widths(struct acc *acc)
{
    if (str_is_empty(acc->db_url) || str_istarts(acc->db_url, STR("sqlite")))
        return;
    extras_find_widths(acc->store, acc->db_table_acc, &acc->db_extra);
    extras_find_widths(acc->store, acc->db_table_acc, &acc->legs);
    extras_find_widths(acc->store, acc->cdrs_table, &acc->cdr_extra);
}

static enum err open_ledger(struct module *module, struct acc *acc)
{
    struct ledger_settings settings = {
        .path = acc->spool_path,
        .bytes_max = (uint64_t)acc->spool_size << 20,
        .random = server_random(module_server(module)),
    };
    enum err err = store_open(acc->db_url, &acc->store);

    if (err)
        return err;
    settings.store = acc->store;
    find_widths(acc);
    return ledger_create(&settings, &acc->ledger);
}

static enum err start(struct module *module)
{
    struct acc *acc = module_state(module);
    enum err err = read_log_settings(module, acc);

    acc->is_openser = server_is_openser(module_server(module));
    if (!err)
        err = read_extras(module, acc);
    if (!err)
        err = record_prepare(module, acc);
    if (!err && acc->cdrs_table.len)
        err = cdr_prepare(module, acc);
    if (!err && needs_database(acc) && !(err = check_columns(acc)))
        err = open_ledger(module, acc);
    return err;
}

static void stop(struct module *module)
{
    struct acc *acc = module_state(module);

    ledger_destroy(acc->ledger);
    acc->ledger = NULL;
    store_close(acc->store);
    acc->store = NULL;
}

static const char *const needs[] = { "tm", NULL };

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "acc",
    .summary = "Writes records of transactions and calls that the script marks.",
    .state_size = sizeof(struct acc),
    .needs = needs,
    .functions = functions,
    .variables = acc_variables,
    .params = acc_params,
    .commands = commands,
    .hooks = { .on_reply = on_reply,
               .on_forward = on_forward,
               .on_failure = on_failure,
               .on_final = on_final,
               .on_dialog = cdr_on_dialog,
               .on_tick = on_tick },
    .start = start,
    .stop = stop,
};
