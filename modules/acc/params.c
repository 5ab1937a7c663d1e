/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters, of both dialects and of OpenSER 1.1. */
#include "acc.h"

/* clang-format off */
#define NUMBER(name_, initial_, min_, max_, doc_) \
    { .name = #name_, .type = PARAM_INT, .offset = offsetof(struct acc, name_), \
      .initial = initial_, .min = min_, .max = max_, .doc = doc_ }
#define LIVE(name_, initial_, min_, max_, doc_) \
    { .name = #name_, .type = PARAM_INT, .offset = offsetof(struct acc, name_), \
      .initial = initial_, .min = min_, .max = max_, .doc = doc_, .is_live = true }
#define FLAG(name_, doc_) LIVE(name_, -1, -1, FLAGS_MAX - 1, doc_)
#define TEXT(name_, field, initial_, doc_) \
    { .name = name_, .type = PARAM_STR, .offset = offsetof(struct acc, field), \
      .initial_text = initial_, .doc = doc_ }
#define OTHER(name_, doc_) { .name = name_, .type = PARAM_IGNORED, .doc = doc_ }
#define ELSEWHERE(name_) OTHER(name_, "records go to the log and to databases: use log_flag, db_flag")
#define OF_1_1(name_) OTHER(name_, "a record has the fields of OpenSER 1.3: add others by db_extra, log_extra")

const struct mod_param acc_params[] = {
    LIVE(early_media, 0, 0, 1, "1: a provisional response with media is accounted for (OpenSER: a 183)."),
    FLAG(failed_transaction_flag, "Message flag that makes failures count too."),
    TEXT("failed_filter", failed_filter_text, "", "Statuses of failures that do not count all the same: \"404,408\"."),
    LIVE(report_ack, 0, 0, 1, "1: the ACK of a call is accounted for."),
    LIVE(report_cancels, 0, 0, 1, "1: a CANCEL is accounted for."),
    LIVE(detect_direction, 0, 0, 1, "1: the caller's tag is from_tag, also when the callee speaks."),
    TEXT("multi_leg_info", multi_leg_info, "", "AVPs that tell of the legs of a call: \"name=$avp(x);…\"."),
    FLAG(log_flag, "Message flag of transactions to account for in the log."),
    FLAG(log_missed_flag, "Message flag of calls that are logged when missed."),
    NUMBER(log_level, 100, -5, 100, "Level of the lines; 100: a notice."),
    TEXT("log_facility", log_facility, "", "Syslog facility of the lines, \"LOG_LOCAL0\"; empty: that of the server."),
    TEXT("log_extra", log_extra_text, "", "More fields in the log: \"name=$variable;…\"."),
    LIVE(reason_from_hf, 0, 0, 1, "1: the reason is that of a Reason header, when there is one."),
    NUMBER(db_flag, -1, -1, FLAGS_MAX - 1, "Message flag of transactions to account for in the database."),
    NUMBER(db_missed_flag, -1, -1, FLAGS_MAX - 1, "Message flag of calls that are written to the database when missed."),
    TEXT("db_url", db_url, "", "Where the tables are; empty: the embedded database."),
    TEXT("db_extra", db_extra_text, "", "More columns: \"column=$variable;…\"."),
    TEXT("db_table_acc", db_table_acc, "acc", "Table of transactions."),
    TEXT("db_table_missed_calls", db_table_missed_calls, "missed_calls", "Table of missed calls."),
    TEXT("acc_method_column", method_column, "method", "Column of the method."),
    TEXT("acc_from_tag_column", from_tag_column, "from_tag", "Column of the From tag."),
    TEXT("acc_to_tag_column", to_tag_column, "to_tag", "Column of the To tag."),
    TEXT("acc_totag_column", to_tag_column, "to_tag", "The same, by its name in OpenSER 1.2."),
    TEXT("acc_callid_column", callid_column, "callid", "Column of the Call-ID."),
    TEXT("acc_sip_code_column", code_column, "sip_code", "Column of the status."),
    TEXT("acc_sip_reason_column", reason_column, "sip_reason", "Column of the reason."),
    TEXT("acc_time_column", time_column, "time", "Column of the time, which is UTC."),
    LIVE(db_localtime, 0, 0, 1, "1: times in the database are local."),
    LIVE(acc_extra_nullable, 0, 0, 1, "1: extra columns without a value are NULL, not empty."),
    NUMBER(time_mode, 0, 0, 4, "More of the time: 1 microseconds apart, 2 sec.msec, 3 local and 4 UTC by time_format."),
    TEXT("time_attr", time_attr, "time_attr", "Field and column of that."),
    TEXT("time_exten", time_exten, "time_exten", "Field and column of the microseconds."),
    TEXT("time_format", time_format, "%Y-%m-%d %H:%M:%S", "How strftime writes the time, for time_mode 3 and 4."),
    TEXT("spool_path", spool_path, "culvert-acc.spool", "File of records that the database does not have yet."),
    NUMBER(spool_size, 64, 1, 65536, "How large that may become, in MB; what does not fit is lost, and said."),
    LIVE(cdr_enable, 0, 0, 1, "1: a record of each dialog that is followed, at its end."),
    LIVE(cdr_log_enable, 1, 0, 1, "0: not in the log."),
    LIVE(cdr_start_on_confirmed, 0, 0, 1, "1: a call begins with its answer, not with the INVITE."),
    LIVE(cdr_expired_dlg_enable, 0, 0, 1, "1: also of dialogs that outlived their time without a BYE."),
    LIVE(cdr_on_failed, 1, 0, 1, "0: not of calls that failed."),
    LIVE(cdr_extra_nullable, 0, 0, 1, "1: extra columns without a value are NULL, not empty."),
    TEXT("cdr_skip", cdr_skip, "", "Name of a $dlg_var: a dialog that has it gets no record."),
    TEXT("cdr_facility", cdr_facility, "", "Syslog facility of the lines."),
    TEXT("cdr_extra", cdr_extra_text, "", "More fields: \"name=$variable;…\"."),
    TEXT("cdr_start_id", cdr_start_id, "start_time", "Field and column of the start."),
    TEXT("cdr_end_id", cdr_end_id, "end_time", "Field and column of the end."),
    TEXT("cdr_duration_id", cdr_duration_id, "duration", "Field and column of the seconds in between."),
    TEXT("cdrs_table", cdrs_table, "", "Table of these records; empty: none."),
    NUMBER(multi_leg_enabled, 0, 0, 1, "OpenSER 1.1: 1 with the two parameters below makes legs."),
    NUMBER(src_leg_avp_id, 0, 0, INT32_MAX, "OpenSER 1.1: number of the AVPs for src_leg."),
    NUMBER(dst_leg_avp_id, 0, 0, INT32_MAX, "OpenSER 1.1: number of the AVPs for dst_leg."),
    OTHER("acc_prepare_flag", "flags count at the end of a transaction, whenever they were set"),
    OTHER("acc_prepare_always", "flags count at the end of a transaction, whenever they were set"),
    OTHER("db_insert_mode", "rows are always written behind"),
    OTHER("clone_msg", "records are made where the message is"),
    OTHER("acc_extra_size", "32 extras fit"),
    OTHER("cdr_extra_size", "32 extras fit"),
    OTHER("log_fmt", "lines have the fields of OpenSER 1.3: add others by log_extra"),
    ELSEWHERE("radius_config"), ELSEWHERE("radius_flag"), ELSEWHERE("radius_missed_flag"),
    ELSEWHERE("radius_extra"), ELSEWHERE("service_type"),
    ELSEWHERE("diameter_flag"), ELSEWHERE("diameter_missed_flag"), ELSEWHERE("diameter_client_host"),
    ELSEWHERE("diameter_client_port"), ELSEWHERE("diameter_extra"),
    OF_1_1("acc_sip_from_column"), OF_1_1("acc_sip_to_column"), OF_1_1("acc_sip_status_column"),
    OF_1_1("acc_sip_method_column"), OF_1_1("acc_i_uri_column"), OF_1_1("acc_o_uri_column"),
    OF_1_1("acc_sip_callid_column"), OF_1_1("acc_user_column"), OF_1_1("acc_from_uri"),
    OF_1_1("acc_to_uri"), OF_1_1("acc_fromtag_column"),
    OF_1_1("acc_domain_column"), OF_1_1("acc_src_column"), OF_1_1("acc_dst_column"),
    { 0 },
};
/* clang-format on */
