/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the files of the module share. A record says how a transaction ended, and goes to the log,
 * to the database, or to both; a CDR says the same of a dialog.
 */
#include <culvert/ledger.h>
#include <culvert/log.h>
#include <culvert/module.h>
#include <culvert/server.h>

enum {
    EXTRAS_MAX = 32, /* in one list */
    LEGS_MAX = 16,   /* rounds of the AVPs of a record */
    LINE_MAX = 8192, /* bytes of a line in the log */
    FILTER_MAX = 32,
    TABLE_NAME_MAX = 64,
};

/* Where records go. */
enum sink {
    TO_LOG = 1 << 0,
    TO_DATABASE = 1 << 1,
};

enum time_mode {
    TIME_SECONDS,
    TIME_TWO_NUMBERS, /* seconds, and microseconds apart */
    TIME_FRACTION,    /* seconds.milliseconds */
    TIME_LOCAL,       /* by time_format */
    TIME_GMT,
};

/* A field that a script adds. */
struct extra {
    struct str name;
    const struct variable_ref *variable; /* when the text is one; of a leg an AVP */
    const struct format *format;         /* else */
    unsigned width;                      /* of its column, in characters */
};

struct extras {
    struct extra of[EXTRAS_MAX];
    unsigned count;
};

struct acc {
    int64_t early_media, failed_transaction_flag, report_ack, report_cancels, detect_direction;
    int64_t log_flag, log_missed_flag, log_level, db_flag, db_missed_flag, db_localtime;
    int64_t reason_from_hf, time_mode, acc_extra_nullable, spool_size;
    int64_t cdr_enable, cdr_log_enable, cdr_start_on_confirmed, cdr_extra_nullable;
    int64_t cdr_expired_dlg_enable, cdr_on_failed;
    int64_t multi_leg_enabled, src_leg_avp_id, dst_leg_avp_id;
    struct str log_facility, log_extra_text, multi_leg_info, failed_filter_text, db_url,
        db_extra_text;
    struct str db_table_acc, db_table_missed_calls, time_attr, time_exten, time_format, spool_path;
    struct str method_column, from_tag_column, to_tag_column, callid_column, code_column,
        reason_column, time_column;
    struct str cdr_facility, cdr_extra_text, cdr_skip, cdr_start_id, cdr_end_id, cdr_duration_id,
        cdrs_table;

    bool is_openser;
    enum log_level level;
    int facility, cdr_log_facility; /* or LOG_OWN_FACILITY */
    struct extras log_extra, db_extra, cdr_extra, legs;
    unsigned failed_filter[FILTER_MAX];
    unsigned filter_count;
    struct store *store; /* NULL: no records in a database */
    struct ledger *ledger;
    struct str row_sql; /* behind the name of the table: columns and values */
    struct str cdr_sql; /* the whole statement */
};

/* ---- extras.c ---- */

/* "name=$variable;name=text". What is wrong is logged, with the name of the parameter. */
MUST_USE enum err extras_parse(struct module *module, const char *param, struct str list,
                               struct extras *out);
/* The same for AVPs alone. */
MUST_USE enum err extras_parse_legs(struct module *module, struct str list, struct extras *out);
/* Names of fields in a log may be anything; those of columns are letters, digits and '_'. */
MUST_USE enum err extras_check_columns(const char *param, const struct extras *extras);
/* Empty when it cannot be told. */
struct str extra_text(struct run *run, const struct extra *extra);
/* Values of the AVPs of one leg, 0 being the newest; false when none of them has so many. */
bool extras_leg(struct run *run, const struct extras *legs, unsigned index, struct value out[]);
/* Looks up how wide the columns of the extras are, in databases that refuse what is wider. */
void extras_find_widths(struct store *store, struct str table, struct extras *extras);

/* ---- text.c ---- */

/*
 * What every database takes: UTF-8, bytes of control and what is no UTF-8 as \xHH, at most `width`
 * characters. Unchanged texts are borrowed.
 */
struct str text_clean(struct arena *arena, struct str text, unsigned width);
/* Letters, digits, '_' and one '.'. */
bool text_is_table(struct str text);

/* ---- moment.c ---- */

/* Milliseconds since 1970. */
typedef uint64_t wall_msec;

/* "seconds.milliseconds" */
struct str moment_fraction(struct arena *arena, wall_msec when);
/* By strftime; empty when that gives nothing. */
struct str moment_formatted(struct arena *arena, wall_msec when, struct str format, bool is_local);
/* "YYYY-MM-DD HH:MM:SS", for columns of databases. */
struct str moment_column(const struct acc *acc, struct arena *arena, wall_msec when);

/* ---- record.c ---- */

struct record {
    const char *kind; /* "transaction answered" */
    struct str method, from_tag, to_tag, call_id;
    struct str code, reason;
    wall_msec when;
    struct str table;
};

/* Of run's request, with neither status nor kind. */
struct record record_of(const struct acc *acc, const struct run *run);
/* "404 Not found", "404" or "any text"; digits are a status when there are three. */
void record_comment(struct record *record, struct str comment);
void record_status(struct record *record, struct arena *arena, unsigned status, struct str reason);
/* Statement for rows of records, and of CDRs. */
MUST_USE enum err record_prepare(struct module *module, struct acc *acc);
/* Writes it to the sinks; what fails is logged. ERR_*: the database part was not handed in. */
enum err record_write(const struct acc *acc, struct run *run, const struct record *record,
                      unsigned sinks);

/* ---- cdr.c ---- */

MUST_USE enum err cdr_prepare(struct module *module, struct acc *acc);
void cdr_on_dialog(struct module *module, struct worker *worker, struct dialog *dialog,
                   enum dialog_moment moment);

/* ---- variables.c ---- */

extern const struct mod_variable acc_variables[];

/* Who ended it: "caller", "callee", or "server". */
struct str cdr_ended_by(const struct run *run, const struct dialog *dialog);

/* ---- params.c ---- */

extern const struct mod_param acc_params[];
