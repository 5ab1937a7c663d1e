/* SPDX-License-Identifier: Apache-2.0 */
/* Accounting: a line in the log for transactions that the script has marked with a flag. */
#include <culvert/module.h>
#include <culvert/server.h>

enum { EXTRAS_MAX = 16, LINE_MAX = 4096 };

struct extra {
    struct str name;
    const struct format *format;
};

struct acc {
    int64_t log_flag, log_missed_flag, failed_transaction_flag;
    int64_t early_media, report_ack, report_cancels;
    struct str log_extra;
    struct extra extras[EXTRAS_MAX];
    unsigned extra_count;
};

/* What a record says. */
struct record {
    const char *kind;
    struct str to_tag, reason;
    unsigned status;
};

static bool has_flag(const struct run *run, int64_t flag)
{
    return flag >= 0 && flag < FLAGS_MAX && (run->request->flags >> flag & 1);
}

static void write_extras(struct writer *w, const struct acc *acc, struct run *run)
{
    for (unsigned i = 0; i < acc->extra_count; i++) {
        struct str text;
        if (!format_text(run, acc->extras[i].format, &text))
            write_fmt(w, ";" STR_FMT "=" STR_FMT, STR_ARG(acc->extras[i].name), STR_ARG(text));
    }
}

static void log_record(const struct acc *acc, struct run *run, const struct record *record)
{
    const struct sip_msg *msg = run->request->msg;
    char line[LINE_MAX];
    struct writer w = writer_over(line, sizeof line);

    write_fmt(&w, "ACC: %s: timestamp=%llu;method=" STR_FMT ";from_tag=" STR_FMT ";to_tag=" STR_FMT
              ";call_id=" STR_FMT ";code=%u;reason=" STR_FMT,
              record->kind, (unsigned long long)run_wall_clock(run), STR_ARG(msg->method_name),
              STR_ARG(msg->from_tag), STR_ARG(record->to_tag), STR_ARG(msg->call_id), record->status,
              STR_ARG(record->reason));
    write_extras(&w, acc, run);
    log_notice(STR_FMT "%s", STR_ARG(writer_text(&w)), w.has_overflowed ? "…" : "");
}

/* ---- moments ---- */

static bool is_accounted(const struct acc *acc, const struct run *run, unsigned status)
{
    if (!has_flag(run, acc->log_flag))
        return false;
    if (run->request->msg->method == SIP_CANCEL)
        return acc->report_cancels != 0;
    return status < 300 || has_flag(run, acc->failed_transaction_flag);
}

static bool is_missed(const struct acc *acc, const struct run *run, unsigned status)
{
    return run->request->msg->method == SIP_INVITE && status >= 300 &&
           has_flag(run, acc->log_missed_flag);
}

static void on_final(struct module *module, struct run *run, unsigned status, struct str reason,
                     const struct sip_msg *response)
{
    const struct acc *acc = module_state(module);
    struct record record = {
        .to_tag = response ? response->to_tag : run->request->msg->to_tag,
        .reason = reason,
        .status = status,
    };

    if (is_accounted(acc, run, status)) {
        record.kind = "transaction answered";
        log_record(acc, run, &record);
    }
    if (is_missed(acc, run, status)) {
        record.kind = "call missed";
        log_record(acc, run, &record);
    }
}

static unsigned on_reply(struct module *module, struct run *run)
{
    const struct acc *acc = module_state(module);

    if (acc->early_media && run->msg->status == 183 && has_flag(run, acc->log_flag)) {
        const struct record record = { "transaction answered", run->msg->to_tag, run->msg->reason,
                                       run->msg->status };
        log_record(acc, run, &record);
    }
    return 0;
}

static unsigned on_forward(struct module *module, struct run *run)
{
    const struct acc *acc = module_state(module);

    if (acc->report_ack && run->request->msg->method == SIP_ACK && has_flag(run, acc->log_flag)) {
        const struct record record = { "request acknowledged", run->request->msg->to_tag, STR(""), 0 };
        log_record(acc, run, &record);
    }
    return 0;
}

/* ---- by the script ---- */

/* "404 Not found" is a status and a reason; anything else a reason. */
static void read_comment(struct str comment, struct record *record)
{
    uint64_t status;

    record->reason = comment;
    if (comment.len >= 3 && !str_to_uint((struct str){ comment.ptr, 3 }, 100, 699, &status)) {
        record->status = (unsigned)status;
        record->reason = str_trim(str_skip(comment, 3));
    }
}

static enum verdict acc_log_request(struct call *call)
{
    struct record record = { .kind = "request accounted", .to_tag = call->run->request->msg->to_tag };

    read_comment(call->args[0].value.text, &record);
    log_record(module_state(call->module), call->run, &record);
    return VERDICT_TRUE;
}

static const struct mod_function functions[] = {
    { .name = "acc_log_request", .run = acc_log_request, .takes = { ARG_FMT }, .min_args = 1,
      .stages = STAGE_ANY, .doc = "Writes a record now, with the comment as its reason." },
    { 0 },
};

#define INT(name_, initial_, min_, max_, doc_)                                                  \
    { .name = #name_, .type = PARAM_INT, .offset = offsetof(struct acc, name_),                 \
      .initial = initial_, .min = min_, .max = max_, .doc = doc_ }
#define TO_LOG(name_) { .name = name_, .type = PARAM_IGNORED, .doc = "records go to the log" }

static const struct mod_param params[] = {
    INT(log_flag, -1, -1, FLAGS_MAX - 1, "Message flag of transactions to account for."),
    INT(log_missed_flag, -1, -1, FLAGS_MAX - 1, "Message flag of calls to account for when missed."),
    INT(failed_transaction_flag, -1, -1, FLAGS_MAX - 1, "Flag that makes failures count too."),
    INT(early_media, 0, 0, 1, "1: a 183 is accounted for."),
    INT(report_ack, 0, 0, 1, "1: the ACK of a call is accounted for."),
    INT(report_cancels, 0, 0, 1, "1: a CANCEL is accounted for."),
    { .name = "log_extra", .type = PARAM_STR, .offset = offsetof(struct acc, log_extra),
      .initial_text = "", .doc = "More fields: \"name=$variable;…\"." },
    { .name = "log_level", .type = PARAM_IGNORED, .doc = "records are notices" },
    { .name = "log_facility", .type = PARAM_IGNORED, .doc = "records go where the log goes" },
    { .name = "detect_direction", .type = PARAM_IGNORED, .doc = "tags are written as they come" },
    { .name = "multi_leg_info", .type = PARAM_IGNORED, .doc = "write the variables into log_extra" },
    TO_LOG("db_url"), TO_LOG("db_flag"), TO_LOG("db_missed_flag"), TO_LOG("db_extra"),
    TO_LOG("db_table_acc"), TO_LOG("db_table_missed_calls"), TO_LOG("cdr_enable"),
    TO_LOG("radius_flag"), TO_LOG("radius_missed_flag"), TO_LOG("radius_config"),
    { 0 },
};

/* "name=$format;name=$format" */
static enum err parse_extras(struct module *module, struct acc *acc)
{
    struct str rest = acc->log_extra, one, text;

    while (!str_is_empty(rest)) {
        struct extra *extra = &acc->extras[acc->extra_count];

        if (!str_split(rest, ';', &one, &rest)) {
            one = rest;
            rest = (struct str){ 0 };
        }
        if (str_is_empty(str_trim(one)))
            continue;
        if (acc->extra_count == EXTRAS_MAX || !str_split(one, '=', &extra->name, &text)) {
            log_error("acc.log_extra: \"" STR_FMT "\" is not name=$variable", STR_ARG(one));
            return ERR_SYNTAX;
        }
        extra->name = str_trim(extra->name);
        if (module_format(module, str_trim(text), &extra->format))
            return ERR_SYNTAX;
        acc->extra_count++;
    }
    return ERR_NONE;
}

static enum err start(struct module *module)
{
    return parse_extras(module, module_state(module));
}

static const char *const needs[] = { "tm", NULL };

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "acc",
    .summary = "Writes a record of calls that the script marks.",
    .state_size = sizeof(struct acc),
    .needs = needs,
    .functions = functions,
    .params = params,
    .hooks = { .on_reply = on_reply, .on_forward = on_forward, .on_final = on_final },
    .start = start,
};
