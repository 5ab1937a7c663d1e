/* SPDX-License-Identifier: Apache-2.0 */
/* SIP_… variables for a program. */
#include <culvert/cursor.h>

#include "exec.h"

enum {
    NAME_MAX_LENGTH = 64,
};

/* One variable being written. */
struct item {
    struct environment *environment;
    struct run *run;
    bool is_safe_for_bash;
    struct writer w;
    size_t value_at; /* where its value begins */
};

static enum err begin(struct item *item, size_t value_length)
{
    size_t size = sizeof "SIP_HF_=" + NAME_MAX_LENGTH + (value_length < VALUE_MAX ? value_length : VALUE_MAX);
    char *room = arena_alloc(worker_scratch(item->run->worker), size);

    if (!room || item->environment->count == ENVIRONMENT_MAX)
        return ERR_LIMIT;
    item->w = writer_over(room, size);
    return ERR_NONE;
}

/* Line ends and NUL become blanks; what does not fit is cut. */
static void write_value(struct item *item, struct str value)
{
    size_t room = (size_t)(item->w.end - item->w.at);

    for (size_t i = 0; i < value.len && i < room; i++)
        write_char(&item->w, value.ptr[i] && !strchr("\r\n", value.ptr[i]) ? value.ptr[i] : ' ');
}

/* Shells of old took a value that begins with "()" for a function, and ran what is behind it. */
static void finish(struct item *item)
{
    struct str text = writer_text(&item->w), value = str_skip(text, item->value_at);

    if (item->is_safe_for_bash && str_starts(value, STR("()"))) {
        memmove(item->w.start + item->value_at, value.ptr + 2, value.len - 2);
        text.len -= 2;
    }
    item->environment->items[item->environment->count++] = text;
}

static enum err add(struct item *item, const char *name, struct str value)
{
    enum err err = begin(item, value.len);

    if (err)
        return err;
    write_fmt(&item->w, "%s=", name);
    item->value_at = (size_t)(item->w.at - item->w.start);
    write_value(item, value);
    finish(item);
    return ERR_NONE;
}

/* ---- headers ---- */

static void write_name(struct item *item, const struct sip_hdr *hdr)
{
    struct str name = hdr->id == SIP_HDR_OTHER ? hdr->name : sip_hdr_name(hdr->id);

    if (hdr->id == SIP_HDR_CALL_ID)
        name = STR("CALLID");
    write_str(&item->w, STR("SIP_HF_"));
    for (size_t i = 0; i < name.len && i < NAME_MAX_LENGTH; i++) {
        char c = name.ptr[i];
        write_char(&item->w, !class_alnum[(unsigned char)c] ? '_' : c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c);
    }
    write_char(&item->w, '=');
    item->value_at = (size_t)(item->w.at - item->w.start);
}

static const struct sip_hdr *next_of_name(const struct sip_msg *msg, const struct sip_hdr *hdr, const struct sip_hdr *after)
{
    return hdr->id == SIP_HDR_OTHER ? sip_msg_find_name(msg, hdr->name, after) : sip_msg_find(msg, hdr->id, after);
}

/* All headers of the name, with commas between their values. */
static enum err add_header(struct item *item, const struct sip_msg *msg, const struct sip_hdr *hdr)
{
    size_t length = 0;
    enum err err;

    if (next_of_name(msg, hdr, NULL) != hdr)
        return ERR_NONE; /* came with the first of its name */
    for (const struct sip_hdr *next = hdr; next; next = next_of_name(msg, hdr, next))
        length += next->value.len + 1;
    if ((err = begin(item, length)))
        return err;
    write_name(item, hdr);
    for (const struct sip_hdr *next = hdr; next; next = next_of_name(msg, hdr, next)) {
        if (next != hdr)
            write_value(item, STR(","));
        write_value(item, next->value);
    }
    finish(item);
    return ERR_NONE;
}

/* ---- the rest ---- */

static struct str user_of(struct str uri)
{
    struct sip_uri parsed;

    return sip_uri_parse(uri, &parsed) ? STR("") : parsed.user;
}

enum err environment_fill(struct environment *environment, struct run *run, bool is_safe_for_bash)
{
    const struct sip_msg *msg = run->msg;
    struct item item = { .environment = environment, .run = run, .is_safe_for_bash = is_safe_for_bash };
    struct str uri = run_target(run)->uri, original = run->request->msg->ruri;
    char address[ADDR_TEXT_MAX];
    struct writer w = writer_over(address, sizeof address);
    enum err err = ERR_NONE;

    addr_write_ip(&w, &run->source.peer, false);
    const struct {
        const char *name;
        struct str value;
    } rows[] = {
        { "SIP_SRCIP", writer_text(&w) }, { "SIP_RURI", uri },
        { "SIP_ORUI", original },         { "SIP_USER", user_of(uri) },
        { "SIP_OUSER", user_of(original) }, { "SIP_TID", run->request->msg->via.branch },
        { "SIP_DID", run->request->msg->to_tag },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows && !err; i++)
        err = add(&item, rows[i].name, rows[i].value);
    for (unsigned i = 0; i < msg->hdr_count && !err; i++)
        err = add_header(&item, msg, &msg->hdrs[i]);
    return err;
}
