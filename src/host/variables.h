/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The variables that every script has, a table a topic; and what their getters share. */
#include <culvert/module.h>
#include <culvert/server.h>

#include "host/core.h"

extern const struct mod_variable uri_variables[];     /* Request-URI, next hop, targets */
extern const struct mod_variable party_variables[];   /* From, To and other parties */
extern const struct mod_variable message_variables[]; /* method, status, headers, body */
extern const struct mod_variable digest_variables[];  /* credentials */
extern const struct mod_variable net_variables[];     /* where it came from */
extern const struct mod_variable flag_variables[];
extern const struct mod_variable time_variables[];

static inline enum err give_text(struct value *out, struct str text)
{
    *out = value_of_str(text);
    return ERR_NONE;
}

/* Null when there is nothing. */
static inline enum err give_text_or_null(struct value *out, struct str text)
{
    *out = str_is_empty(text) ? value_null() : value_of_str(text);
    return ERR_NONE;
}

static inline enum err give_int(struct value *out, int64_t number)
{
    *out = value_of_int(number);
    return ERR_NONE;
}

static inline enum err give_null(struct value *out)
{
    *out = value_null();
    return ERR_NONE;
}

/* Scripts know the transports by these numbers. */
static inline enum err give_transport(struct value *out, enum transport transport)
{
    static const uint8_t numbers[TRANSPORTS] = {
        [TRANSPORT_UDP] = 1, [TRANSPORT_TCP] = 2, [TRANSPORT_TLS] = 3,
        [TRANSPORT_WS] = 5,  [TRANSPORT_WSS] = 6,
    };

    return give_int(out, numbers[transport]);
}

/* Decimal text that also has a number. */
enum err give_both(struct run *run, struct value *out, int64_t number);
/* The same for OpenSER; in Kamailio it is a number alone: what + adds to, not what it is put behind. */
enum err give_number(struct run *run, struct value *out, int64_t number);
/*
 * The text of a value that is assigned; null is empty. ERR_SYNTAX: Kamailio's scripts know that a
 * number changes nothing here.
 */
enum err assigned_text(const struct variable_use *use, const struct value *value, struct str *out);
/* The number of a value that is assigned; ERR_SYNTAX when it has none. */
enum err assigned_number(const struct value *value, int64_t *out);
