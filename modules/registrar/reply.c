/* SPDX-License-Identifier: Apache-2.0 */
/* What a client hears of its REGISTER. */
#include "registrar.h"

#include <culvert/gruu.h>

enum {
    CONTACT_OVERHEAD = 192, /* of a Contact value beside its texts */
    FULL_RETRY_AFTER = 60,  /* seconds, where nothing is configured */
};

/* ---- GRUUs (RFC 5627 §3) ---- */

/* What may stand in a URI parameter as it is. */
static bool is_plain(char c)
{
    static const char marks[] = "-_.!~*'():[]/";

    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c && strchr(marks, c));
}

static void write_escaped(struct writer *w, struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (is_plain(text.ptr[i]))
            write_char(w, text.ptr[i]);
        else
            write_fmt(w, "%%%02X", (unsigned char)text.ptr[i]);
}

static void write_public(struct writer *w, const struct sip_uri *to, const struct binding *binding)
{
    write_fmt(w, ";pub-gruu=\"sip:" STR_FMT "@" STR_FMT ";gr=", STR_ARG(to->user),
              STR_ARG(to->host));
    write_escaped(w, registrar_instance_id(binding->instance));
    write_char(w, '"');
}

static void write_temporary(struct writer *w, const struct saving *saving, const struct sip_uri *to,
                            const struct binding *binding)
{
    char buffer[GRUU_USER_MAX];
    struct writer user = writer_over(buffer, sizeof buffer);

    if (!gruu_write_user(&user, server_secret(run_server(saving->run)), run_random(saving->run),
                         binding))
        write_fmt(w, ";temp-gruu=\"sip:" STR_FMT "@" STR_FMT ";gr\"", STR_ARG(writer_text(&user)),
                  STR_ARG(to->host));
}

static void write_gruus(struct writer *w, const struct saving *saving,
                        const struct binding *binding)
{
    const struct sip_uri *to = &saving->run->request->msg->to.uri;

    if (!saving->wants_gruu || str_is_empty(binding->instance) || str_is_empty(to->host))
        return;
    write_public(w, to, binding);
    write_temporary(w, saving, to, binding);
}

/* ---- 200 ---- */

/* What is there for ever lasts as long as a client can be told. */
static uint64_t seconds_left(const struct binding *binding, msec now)
{
    if (binding->expires_at == BINDING_FOREVER)
        return UINT32_MAX;
    return binding->expires_at > now ? (binding->expires_at - now + 999) / 1000 : 0;
}

/* The shortest form of thousandths: 0.5 */
static void write_q(struct writer *w, int q)
{
    unsigned part = (unsigned)q % 1000, digits = 3;

    while (digits > 0 && part % 10 == 0) {
        part /= 10;
        digits--;
    }
    write_fmt(w, ";q=%d", q / 1000);
    if (digits)
        write_fmt(w, ".%0*u", (int)digits, part);
}

static void write_contact(struct writer *w, const struct saving *saving,
                          const struct binding *binding)
{
    struct str received_param = saving->registrar->received_param;
    uint64_t left = seconds_left(binding, saving->update.now);

    write_fmt(w, "<" STR_FMT ">", STR_ARG(binding->contact));
    if (binding->q >= 0)
        write_q(w, binding->q);
    write_fmt(w, ";expires=%llu", (unsigned long long)left);
    if (!str_is_empty(binding->received) && !str_is_empty(received_param))
        write_fmt(w, ";" STR_FMT "=\"" STR_FMT "\"", STR_ARG(received_param),
                  STR_ARG(binding->received));
    write_gruus(w, saving, binding);
    if (!str_is_empty(binding->instance))
        write_fmt(w, ";+sip.instance=\"" STR_FMT "\"", STR_ARG(binding->instance));
    if (binding->reg_id)
        write_fmt(w, ";reg-id=%u", binding->reg_id);
}

static size_t contacts_size(const struct saving *saving, const struct binding *bindings,
                            unsigned count)
{
    const struct sip_uri *to = &saving->run->request->msg->to.uri;
    size_t size = 16;

    for (unsigned i = 0; i < count; i++)
        size += bindings[i].contact.len + bindings[i].received.len + 4 * bindings[i].instance.len +
                saving->registrar->received_param.len + to->user.len + 2 * to->host.len +
                GRUU_USER_MAX + CONTACT_OVERHEAD;
    return size;
}

static enum err write_contacts(struct saving *saving, const struct binding *bindings,
                               unsigned count, struct str *out)
{
    size_t size = contacts_size(saving, bindings, count);
    char *buffer = arena_alloc(saving->run->arena, size);
    struct writer w = writer_over(buffer, buffer ? size : 0);

    if (!buffer)
        return ERR_NOMEM;
    for (unsigned i = 0; i < count; i++) {
        write_str(&w, i ? STR(", ") : STR("Contact: "));
        write_contact(&w, saving, &bindings[i]);
    }
    if (count)
        write_str(&w, STR("\r\n"));
    return writer_finish(&w, out);
}

/* RFC 5626 §6: the client learns that its reg-ids count, and how often it has to be heard. */
static enum err add_outbound_headers(struct saving *saving)
{
    struct str line;

    if (!saving->uses_outbound)
        return ERR_NONE;
    if (saving->registrar->flow_timer <= 0)
        return run_add_reply_header(saving->run, STR("Require: outbound\r\n"));
    if (str_print(saving->run->arena, &line, "Require: outbound\r\nFlow-Timer: %lld\r\n",
                  (long long)saving->registrar->flow_timer))
        return ERR_NOMEM;
    return run_add_reply_header(saving->run, line);
}

/* The script answers, or says later that we shall. */
static enum verdict owe_reply(struct saving *saving, struct str contacts)
{
    struct registrar_note *note = registrar_note(saving->call);

    if (!note)
        return VERDICT_ERROR;
    note->owes_reply = true;
    if (saving->flags & SAVE_REPLY_HEADERS)
        return verdict_of(run_add_reply_header(saving->run, contacts));
    return verdict_of(str_copy(&saving->run->request->arena, contacts, &note->headers));
}

enum verdict registrar_accept(struct saving *saving, const struct binding *bindings, unsigned count)
{
    struct str contacts;

    if (saving->run->stage == STAGE_REPLY)
        return VERDICT_TRUE;
    if (write_contacts(saving, bindings, count, &contacts) || add_outbound_headers(saving))
        return VERDICT_ERROR;
    if (saving->flags & SAVE_NO_REPLY)
        return owe_reply(saving, contacts);
    return verdict_of(run_add_reply_header(saving->run, contacts)
                          ? ERR_NOMEM
                          : run_reply(saving->run, 200, STR("OK")));
}

enum verdict registrar_send_reply(struct call *call)
{
    struct registrar_note *note = registrar_note(call);

    if (!note || !note->owes_reply || run_add_reply_header(call->run, note->headers))
        return VERDICT_FALSE;
    note->owes_reply = false;
    return verdict_of(run_reply(call->run, 200, STR("OK")));
}

/* ---- refusals ---- */

static int64_t retry_after(const struct saving *saving)
{
    int64_t seconds = saving->registrar->retry_after;

    return seconds > 0 || saving->status != 503 ? seconds : FULL_RETRY_AFTER;
}

static enum err add_refusal_headers(struct saving *saving)
{
    struct run *run = saving->run;
    struct str line;
    enum err err = str_print(run->arena, &line, "P-Registrar-Error: %s\r\n", saving->detail);

    if (!err && saving->status / 100 == 5 && retry_after(saving) > 0)
        err = str_print(run->arena, &line, STR_FMT "Retry-After: %lld\r\n", STR_ARG(line),
                        (long long)retry_after(saving));
    if (!err && saving->status == 423)
        err = str_print(run->arena, &line, STR_FMT "Min-Expires: %lld\r\n", STR_ARG(line),
                        (long long)saving->registrar->min_expires);
    return err ? err : run_add_reply_header(run, line);
}

/* After a refusal OpenSER's script ends; Kamailio's sees -1, or -2 for too many contacts. */
enum verdict registrar_answer_refusal(struct saving *saving)
{
    counter_add(saving->registrar->rejected, 1);
    if (saving->run->stage != STAGE_REPLY && !(saving->flags & SAVE_NO_REPLY) &&
        (add_refusal_headers(saving) ||
         run_reply(saving->run, saving->status, str_of(saving->reason))))
        return VERDICT_ERROR;
    if (server_is_openser(run_server(saving->run)))
        return VERDICT_STOP;
    return (enum verdict)(saving->status == 503 ? -2 : -1);
}
