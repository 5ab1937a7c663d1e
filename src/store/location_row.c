/* SPDX-License-Identifier: Apache-2.0 */
#include "store/location_row.h"

#include <time.h>

#include <culvert/cursor.h>
#include <culvert/sip.h>
#include <culvert/uri.h>

#include "store/statement.h"

struct str row_column_name(enum row_column column)
{
    static const struct str names[] = {
#define C(id, name) [ROW_##id] = STR_INIT(name),
        ROW_COLUMN_TABLE(C)
#undef C
    };

    return names[column];
}

/* --- methods --- */

/* The bits of OpenSER, by ours; they are what other tools expect in the column. */
static const uint16_t method_bits[SIP_METHODS] = {
    [SIP_INVITE] = 1,      [SIP_CANCEL] = 2,     [SIP_ACK] = 4,
    [SIP_BYE] = 8,         [SIP_INFO] = 16,      [SIP_OPTIONS] = 32,
    [SIP_UPDATE] = 64,     [SIP_REGISTER] = 128, [SIP_MESSAGE] = 256,
    [SIP_SUBSCRIBE] = 512, [SIP_NOTIFY] = 1024,  [SIP_PRACK] = 2048,
    [SIP_REFER] = 4096,    [SIP_PUBLISH] = 8192, [SIP_UNKNOWN_METHOD] = 16384,
};

#define ALL_METHODS UINT32_MAX

static struct value write_methods(uint32_t methods)
{
    int64_t bits = 0;

    if (methods == ALL_METHODS)
        return value_null();
    for (unsigned i = 0; i < SIP_METHODS; i++)
        if (methods & 1U << i)
            bits |= method_bits[i];
    return value_of_int(bits);
}

static uint32_t read_methods(const struct value *value)
{
    uint32_t methods = 0;

    if (!value->has_number || value->number < 0 || value->number >= UINT32_MAX)
        return ALL_METHODS;
    for (unsigned i = 0; i < SIP_METHODS; i++)
        if (value->number & method_bits[i])
            methods |= 1U << i;
    return methods;
}

/* --- times --- */

struct str row_write_time(int64_t wall, char buffer[static TIME_TEXT_MAX])
{
    time_t seconds = (time_t)(wall / 1000 + (wall % 1000 > 0));
    struct tm parts;
    size_t length;

    gmtime_r(&seconds, &parts);
    length = strftime(buffer, TIME_TEXT_MAX, "%Y-%m-%d %H:%M:%S", &parts);
    return (struct str){ buffer, length };
}

/* Seconds since 1970 of a number at a fixed place in "YYYY-MM-DD HH:MM:SS". */
static enum err read_part(struct str text, size_t at, size_t length, unsigned max, int *out)
{
    uint64_t number;
    enum err err = str_to_uint((struct str){ text.ptr + at, length }, 0, max, &number);

    if (!err)
        *out = (int)number;
    return err;
}

static enum err read_time_text(struct str text, int64_t *out)
{
    struct tm parts = { 0 };

    if (text.len < 19)
        return ERR_SYNTAX;
    if (read_part(text, 0, 4, 9999, &parts.tm_year) || read_part(text, 5, 2, 12, &parts.tm_mon) ||
        read_part(text, 8, 2, 31, &parts.tm_mday) || read_part(text, 11, 2, 23, &parts.tm_hour) ||
        read_part(text, 14, 2, 59, &parts.tm_min) || read_part(text, 17, 2, 60, &parts.tm_sec))
        return ERR_SYNTAX;
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    *out = (int64_t)timegm(&parts) * 1000;
    return ERR_NONE;
}

/* DATETIME, or seconds since 1970 (usrloc expires_type 1). In milliseconds. */
static enum err read_time(const struct value *value, int64_t *out)
{
    if (value->is_int) {
        if (value->number < 0 || value->number > UINT32_MAX * INT64_C(64))
            return ERR_RANGE;
        *out = value->number * 1000;
        return ERR_NONE;
    }
    return read_time_text(value->text, out);
}

/* --- q --- */

/* 0…1000 as "0.000"…"1.000"; -1 stands for none, as in usrloc. */
static struct str write_q(int q, char buffer[static 16])
{
    struct writer w = writer_over(buffer, 16);

    if (q < 0)
        return STR("-1");
    write_fmt(&w, "%d.%03d", q / 1000, q % 1000);
    return writer_text(&w);
}

static int read_q(const struct value *value)
{
    struct str text = value->text;
    int q = 0;
    int scale = 1000;

    if (value->is_int)
        return value->number == 0 ? 0 : value->number == 1 ? 1000 : -1;
    if (!text.len || (text.ptr[0] != '0' && text.ptr[0] != '1'))
        return -1;
    q = text.ptr[0] == '1' ? 1000 : 0;
    for (size_t i = 2; i < text.len && i < 5 && class_digit[(unsigned char)text.ptr[i]]; i++)
        q += (text.ptr[i] - '0') * (scale /= 10);
    return q <= 1000 ? q : -1;
}

/* --- flows --- */

/* "udp:192.0.2.1:5060" */
static enum err read_flow_text(struct str text, struct flow *out)
{
    struct str name;
    struct str address;
    enum transport transport;
    struct addr peer;

    if (!str_split(text, ':', &name, &address))
        return ERR_SYNTAX;
    if (transport_find(name, &transport) || addr_parse(address, &peer))
        return ERR_SYNTAX;
    out->transport = (uint8_t)transport;
    out->peer = peer;
    return ERR_NONE;
}

/* The address that a URI names, if it names one. */
static enum err read_flow_uri(struct str text, struct flow *out)
{
    struct sip_uri uri;
    enum transport transport;
    struct addr peer;

    if (str_is_empty(text) || sip_uri_parse(text, &uri))
        return ERR_SYNTAX;
    if (sip_uri_transport(&uri, &transport) || addr_parse_ip(uri.host, &peer))
        return ERR_SYNTAX;
    peer.port = sip_uri_port(&uri);
    out->transport = (uint8_t)transport;
    out->peer = peer;
    return ERR_NONE;
}

static struct flow read_flow(const struct row_rules *rules, const struct value *row)
{
    struct flow flow = { .socket = SOCKET_ANY };
    struct str socket = row[ROW_SOCKET].text;

    if (read_flow_text(row[ROW_FLOW].text, &flow) && read_flow_uri(row[ROW_RECEIVED].text, &flow) &&
        read_flow_uri(row[ROW_CONTACT].text, &flow))
        flow.transport = TRANSPORT_UDP;
    if (socket.len && rules->sockets.find &&
        rules->sockets.find(rules->sockets.context, socket, &flow.socket))
        flow.socket = SOCKET_ANY;
    if (transport_traits((enum transport)flow.transport)->is_reliable)
        flow.connection = JOURNAL_CONNECTION_GONE;
    return flow;
}

static struct value write_socket(const struct row_rules *rules, uint16_t socket,
                                 char buffer[static FLOW_TEXT_MAX])
{
    struct writer w = writer_over(buffer, FLOW_TEXT_MAX);
    struct str text;

    if (socket == SOCKET_ANY || !rules->sockets.write)
        return value_null();
    rules->sockets.write(rules->sockets.context, socket, &w);
    if (writer_finish(&w, &text) || str_is_empty(text))
        return value_null();
    return value_of_str(text);
}

/* --- user agents --- */

/* What phones say of themselves may be long and in any encoding: it must not cost them the row. */
static struct str write_user_agent(struct str text, char buffer[static USER_AGENT_MAX])
{
    bool is_storable = text_is_storable(text);

    if (is_storable && text.len <= USER_AGENT_MAX)
        return text;
    if (text.len > USER_AGENT_MAX)
        text.len = USER_AGENT_MAX;
    for (size_t i = 0; i < text.len; i++)
        buffer[i] = (signed char)text.ptr[i] > 0 ? text.ptr[i] : '?';
    return (struct str){ buffer, text.len };
}

/* --- AoRs --- */

static struct value text_or_null(struct str text)
{
    return str_is_empty(text) ? value_null() : value_of_str(text);
}

/* The last '@': a user part may have one, escaped or not; a domain has none. */
void row_write_aor(const struct row_rules *rules, struct str aor, struct value *username,
                      struct value *domain)
{
    size_t at = aor.len;

    while (rules->uses_domain && at > 0 && aor.ptr[at - 1] != '@')
        at--;
    if (!rules->uses_domain || at == 0) {
        *username = value_of_str(aor);
        *domain = value_null();
        return;
    }
    *username = value_of_str((struct str){ aor.ptr, at - 1 });
    *domain = value_of_str(str_skip(aor, at));
}

static enum err read_aor(const struct row_rules *rules, const struct value *row,
                         struct arena *arena, struct str *out)
{
    struct str username = row[ROW_USERNAME].text;
    struct str domain = row[ROW_DOMAIN].text;

    if (!rules->uses_domain || str_is_empty(domain)) {
        *out = username;
        return ERR_NONE;
    }
    return str_print(arena, out, STR_FMT "@" STR_FMT, STR_ARG(username), STR_ARG(domain));
}

/* --- rows --- */

void row_write(const struct row_rules *rules, const struct binding *binding,
               struct row_scratch *scratch, struct value out[static ROW_COLUMNS])
{
    int64_t offset = rules->wall_offset;
    int64_t expires =
        binding->expires_at == BINDING_FOREVER ? 0 : (int64_t)binding->expires_at + offset;

    row_write_aor(rules, binding->aor, &out[ROW_USERNAME], &out[ROW_DOMAIN]);
    out[ROW_RUID] = value_of_str(binding->ruid);
    out[ROW_CONTACT] = value_of_str(binding->contact);
    out[ROW_RECEIVED] = text_or_null(binding->received);
    out[ROW_PATH] = text_or_null(binding->path);
    out[ROW_EXPIRES] = value_of_str(row_write_time(expires, scratch->expires));
    out[ROW_Q] = value_of_str(write_q(binding->q, scratch->q));
    out[ROW_CALL_ID] = value_of_str(binding->call_id);
    out[ROW_CSEQ] = value_of_int(binding->cseq);
    out[ROW_LAST_MODIFIED] =
        value_of_str(row_write_time((int64_t)binding->updated_at + offset, scratch->last_modified));
    out[ROW_FLAGS] = value_of_int(binding->flags);
    out[ROW_CFLAGS] = value_of_int(binding->cflags);
    out[ROW_USER_AGENT] = value_of_str(write_user_agent(binding->user_agent, scratch->user_agent));
    out[ROW_SOCKET] = write_socket(rules, binding->flow.socket, scratch->socket);
    out[ROW_METHODS] = write_methods(binding->methods);
    out[ROW_INSTANCE] = text_or_null(binding->instance);
    out[ROW_REG_ID] = value_of_int(binding->reg_id);
    out[ROW_CONNECTION] = value_of_int((int32_t)(binding->flow.connection & INT32_MAX));
    out[ROW_FLOW] = value_of_str(str_of(flow_text(&binding->flow, scratch->flow)));
}

static uint32_t read_uint32(const struct value *value)
{
    return value->has_number ? (uint32_t)value->number : 0;
}

/* On the monotonic clock; never 0, which would be for ever. */
static msec to_monotonic(const struct row_rules *rules, int64_t wall)
{
    int64_t at = wall - rules->wall_offset;

    return at > 0 ? (msec)at : 1;
}

static enum err read_expiry(const struct row_rules *rules, const struct value *value, msec *out)
{
    int64_t wall;
    enum err err = read_time(value, &wall);

    if (!err)
        *out = wall <= 0 ? BINDING_FOREVER : to_monotonic(rules, wall);
    return err;
}

static msec read_update_time(const struct row_rules *rules, const struct value *value, msec now)
{
    int64_t wall;
    msec at;

    if (read_time(value, &wall))
        return 0;
    at = to_monotonic(rules, wall);
    return at < now ? at : now;
}

enum err row_read(const struct row_rules *rules, const struct value row[static ROW_COLUMNS],
                  msec now, struct arena *arena, struct binding *out)
{
    struct binding binding = { .q = read_q(&row[ROW_Q]) };
    enum err err;

    if ((err = read_aor(rules, row, arena, &binding.aor)))
        return err;
    if ((err = read_expiry(rules, &row[ROW_EXPIRES], &binding.expires_at)))
        return err;
    binding.updated_at = read_update_time(rules, &row[ROW_LAST_MODIFIED], now);
    binding.contact = row[ROW_CONTACT].text;
    binding.received = row[ROW_RECEIVED].text;
    binding.path = row[ROW_PATH].text;
    binding.call_id = row[ROW_CALL_ID].text;
    binding.user_agent = row[ROW_USER_AGENT].text;
    binding.instance = row[ROW_INSTANCE].text;
    binding.ruid = row[ROW_RUID].text;
    binding.cseq = read_uint32(&row[ROW_CSEQ]);
    binding.flags = read_uint32(&row[ROW_FLAGS]);
    binding.cflags = read_uint32(&row[ROW_CFLAGS]);
    binding.methods = read_methods(&row[ROW_METHODS]);
    binding.reg_id = read_uint32(&row[ROW_REG_ID]);
    binding.flow = read_flow(rules, row);
    if (str_is_empty(binding.contact) || str_is_empty(binding.aor))
        return ERR_SYNTAX;
    *out = binding;
    return ERR_NONE;
}
