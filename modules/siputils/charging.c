/* SPDX-License-Identifier: Apache-2.0 */
/* Date (RFC 3261 §20.17) and P-Charging-Vector (RFC 7315 §4.6). */
#include "calls.h"

#include <culvert/log.h>
#include <culvert/random.h>
#include <culvert/server.h>

#include <time.h>

enum {
    NO_DATE = -1,
    TOO_OLD = -4,
    VECTOR_MAX = 512,
    CENTURY = 1900,
};

/* ---- hdr_date_check() ---- */

static bool take_number(struct str *rest, char separator, int min, int max, int *out)
{
    struct str word;
    uint64_t number;

    if (!str_split(*rest, separator, &word, rest) ||
        str_to_uint(word, (uint64_t)min, (uint64_t)max, &number))
        return false;
    *out = (int)number;
    return true;
}

static bool take_month(struct str *rest, int *out)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct str word;

    if (!str_split(*rest, ' ', &word, rest) || word.len != 3)
        return false;
    for (int month = 0; month < 12; month++)
        if (str_eq(word, (struct str){ names + 3 * month, 3 })) {
            *out = month;
            return true;
        }
    return false;
}

/* "Sat, 13 Nov 2010 23:29:00 GMT" */
static bool read_date(struct str text, time_t *out)
{
    struct tm tm = { 0 };
    struct str day;

    if (!str_split(text, ' ', &day, &text) || day.len != 4 || !take_number(&text, ' ', 1, 31, &tm.tm_mday) ||
        !take_month(&text, &tm.tm_mon) || !take_number(&text, ' ', CENTURY, 9999, &tm.tm_year) ||
        !take_number(&text, ':', 0, 23, &tm.tm_hour) || !take_number(&text, ':', 0, 59, &tm.tm_min) ||
        !take_number(&text, ' ', 0, 60, &tm.tm_sec) || !str_eq(str_trim(text), STR("GMT")))
        return false;
    tm.tm_year -= CENTURY;
    *out = timegm(&tm);
    return *out != (time_t)-1;
}

/* hdr_date_check(seconds): not older than that. */
enum verdict hdr_date_check(struct call *call)
{
    struct str value = sip_msg_value(call->run->msg, SIP_HDR_DATE);
    time_t date;

    if (str_is_empty(value))
        return (enum verdict)NO_DATE;
    if (!read_date(value, &date))
        return (enum verdict)NO_DATE;
    return (int64_t)run_wall_clock(call->run) > (int64_t)date + call->args[0].value.number ? (enum verdict)TOO_OLD
                                                                                            : VERDICT_TRUE;
}

/* ---- P-Charging-Vector ---- */

#define NAME STR("P-Charging-Vector")

/* What this server has put in, for as long as the message is here. */
static struct str *own_vector(const struct call *call, struct request *request)
{
    const struct siputils *state = module_state(call->module);
    void **slot = &request->slots[state->vector_slot];

    if (!*slot)
        *slot = arena_zalloc(&request->arena, sizeof(struct str));
    return *slot;
}

static enum err make_vector(struct run *run, struct str *out)
{
    const struct listener *listeners;
    unsigned count;
    char host[ADDR_TEXT_MAX] = "";
    struct writer w = writer_over(host, sizeof host);
    uint16_t socket = run->source.socket;

    listeners = server_listeners(run_server(run), &count);
    if (socket < count)
        addr_write_ip(&w, &listeners[socket].bound, true);
    return str_print(&run->request->arena, out, "icid-value=%016llx%016llx;icid-generated-at=" STR_FMT,
                     (unsigned long long)random_u64(run_random(run)),
                     (unsigned long long)random_u64(run_random(run)), STR_ARG(writer_text(&w)));
}

static enum err remove_vectors(struct run *run)
{
    const struct sip_hdr *hdr = NULL;
    enum err err = ERR_NONE;

    while (!err && (hdr = sip_msg_find_name(run->msg, NAME, hdr)))
        if (!sip_edits_remove(run->edits, hdr))
            err = sip_edit_remove_hdr(run->edits, run->msg, hdr);
    return err;
}

static enum err add_vector(struct call *call)
{
    struct run *run = call->run;
    struct str *own = own_vector(call, run->request), line;
    enum err err;

    if (!own || (err = make_vector(run, own)))
        return ERR_NOMEM;
    err = str_print(run->arena, &line, "P-Charging-Vector: " STR_FMT "\r\n", STR_ARG(*own));
    return err ? err : sip_edit_append_hdr(run->edits, run->msg, line);
}

/* r removes it, f replaces it by one of our own, g adds one where there is none. */
enum verdict sip_p_charging_vector(struct call *call)
{
    struct run *run = call->run;
    char flag = call_text(call, 0).len ? char_lower(call_text(call, 0).ptr[0]) : '\0';
    bool is_there = sip_msg_find_name(run->msg, NAME, NULL) != NULL;
    enum err err = ERR_NONE;

    if (flag == 'r' || flag == 'f')
        err = remove_vectors(run);
    if (!err && (flag == 'f' || (flag == 'g' && !is_there)))
        err = add_vector(call);
    return verdict_of(err);
}

/* ---- $pcv(…) ---- */

static struct str current_vector(const struct variable_use *use)
{
    const struct siputils *state = module_state(use->module);
    const struct str *own = use->run->request->slots[state->vector_slot];
    const struct sip_hdr *hdr = sip_msg_find_name(use->run->msg, NAME, NULL);

    if (own && own->len)
        return *own;
    return hdr && !sip_edits_remove(use->run->edits, hdr) ? hdr->value : STR("");
}

static const struct {
    struct str name, param;
} parts[] = {
    { STR_INIT("all"), STR_INIT("") },
    { STR_INIT("value"), STR_INIT("icid-value") },
    { STR_INIT("genaddr"), STR_INIT("icid-generated-at") },
    { STR_INIT("orig"), STR_INIT("orig-ioi") },
    { STR_INIT("term"), STR_INIT("term-ioi") },
};

enum {
    PARTS = sizeof parts / sizeof parts[0],
};

static unsigned find_part(struct str name)
{
    unsigned i = 0;

    while (i < PARTS && !str_eq(parts[i].name, name))
        i++;
    return i;
}

enum err siputils_get_pcv(const struct variable_use *use, struct value *out)
{
    struct str vector = current_vector(use), text = vector;
    unsigned part = find_part(use->inner);

    *out = value_null();
    if (part < PARTS && parts[part].param.len)
        text = sip_unquote(sip_param_value(vector, parts[part].param));
    if (str_eq(use->inner, STR("status")))
        *out = value_of_int(vector.len ? 1 : 2);
    else if (text.len)
        *out = value_of_str(text);
    return ERR_NONE;
}

enum err siputils_prepare_pcv(struct module *module, struct str inner, const struct script_place *place,
                              const void **out)
{
    (void)module;
    *out = NULL;
    if (find_part(inner) < PARTS || str_eq(inner, STR("status")))
        return ERR_NONE;
    script_complain(place, "$pcv(" STR_FMT ") is not known: there are all, value, genaddr, orig, term and status",
                    STR_ARG(inner));
    return ERR_SYNTAX;
}
