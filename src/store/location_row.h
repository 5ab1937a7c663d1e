/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A binding as a row of the table `location`, and back. */
#include <culvert/journal.h>

/* C(id, column), in the order of the statements. `flow` is last: a table may do without it. */
#define ROW_COLUMN_TABLE(C)                                                                        \
    C(RUID, "ruid")                                                                                \
    C(USERNAME, "username")                                                                        \
    C(DOMAIN, "domain")                                                                            \
    C(CONTACT, "contact")                                                                          \
    C(RECEIVED, "received")                                                                        \
    C(PATH, "path")                                                                                \
    C(EXPIRES, "expires")                                                                          \
    C(Q, "q")                                                                                      \
    C(CALL_ID, "callid")                                                                           \
    C(CSEQ, "cseq")                                                                                \
    C(LAST_MODIFIED, "last_modified")                                                              \
    C(FLAGS, "flags")                                                                              \
    C(CFLAGS, "cflags")                                                                            \
    C(USER_AGENT, "user_agent")                                                                    \
    C(SOCKET, "socket")                                                                            \
    C(METHODS, "methods")                                                                          \
    C(INSTANCE, "instance")                                                                        \
    C(REG_ID, "reg_id")                                                                            \
    C(CONNECTION, "connection_id")                                                                 \
    C(FLOW, "flow")

enum row_column {
#define C(id, name) ROW_##id,
    ROW_COLUMN_TABLE(C)
#undef C
        ROW_COLUMNS
};

/* What the two forms of a binding do not have in common. */
struct row_rules {
    bool uses_domain;
    int64_t wall_offset; /* wall = monotonic + this, in milliseconds */
    struct journal_sockets sockets;
};

enum {
    TIME_TEXT_MAX = 32,
    USER_AGENT_MAX = 255, /* of its column */
};

/* Texts that are made for a row. */
struct row_scratch {
    char expires[TIME_TEXT_MAX];
    char last_modified[TIME_TEXT_MAX];
    char q[16];
    char user_agent[USER_AGENT_MAX];
    char socket[FLOW_TEXT_MAX];
    char flow[FLOW_TEXT_MAX];
};

struct str row_column_name(enum row_column column);
/* As the columns have it. */
void row_write_aor(const struct row_rules *rules, struct str aor, struct value *username,
                   struct value *domain);
/* Texts are borrowed from the binding and the scratch. */
void row_write(const struct row_rules *rules, const struct binding *binding,
               struct row_scratch *scratch, struct value out[static ROW_COLUMNS]);
/*
 * Values that the table does not have are null. Texts are borrowed from the row, or made in the
 * arena; `table` is left to the caller. ERR_SYNTAX for a row that makes no binding.
 */
MUST_USE enum err row_read(const struct row_rules *rules,
                           const struct value row[static ROW_COLUMNS], msec now,
                           struct arena *arena, struct binding *out);
/* "YYYY-MM-DD HH:MM:SS", UTC, of milliseconds since 1970; a part of a second counts as one. */
struct str row_write_time(int64_t wall, char buffer[static TIME_TEXT_MAX]);
