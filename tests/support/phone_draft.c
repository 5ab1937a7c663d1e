/* SPDX-License-Identifier: Apache-2.0 */
/* What a phone writes, and what it remembers in order to write it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>

#include "support/phone_inside.h"

struct str phone_print(struct phone *phone, const char *format, ...)
{
    char text[8192];
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= sizeof text)
        abort();
    return phone_keep(phone, (struct str){ text, (size_t)length });
}

/* ---- calls and dialogs ---- */

struct phone_call *phone_find_call(const struct phone *phone, struct str call_id)
{
    for (struct phone_call *call = phone->calls; call; call = call->next)
        if (str_eq(call->id, call_id))
            return call;
    return NULL;
}

static struct str own_address(struct phone *phone)
{
    char text[ADDR_TEXT_MAX];
    struct addr addr = phone->host.ip;

    addr.port = phone->transport == TRANSPORT_UDP ? phone->socket.local.port : phone->port;
    return phone_print(phone, "%s", addr_text(&addr, text));
}

struct phone_call *phone_make_call(struct phone *phone, struct str call_id)
{
    struct phone_call *call = arena_zalloc(&phone->arena, sizeof *call);

    if (!call)
        abort();
    call->phone = phone;
    call->id = str_is_empty(call_id)
                   ? phone_print(phone, "call-%u-of-%s-%04llx", ++phone->serial, phone->name,
                                 (unsigned long long)(phone->world->options.seed * 7919 & 0xffff))
                   : call_id;
    call->local_tag = phone_print(phone, "%s-tag-%u", phone->name, ++phone->serial);
    call->local = phone_print(phone, "<sip:" STR_FMT "@" STR_FMT ">", STR_ARG(phone->user),
                              STR_ARG(phone->domain));
    call->next = phone->calls;
    phone->calls = call;
    return call;
}

struct phone_dialog *call_find_dialog(const struct phone_call *call, struct str remote_tag)
{
    for (struct phone_dialog *dialog = call->dialogs; dialog; dialog = dialog->next)
        if (str_eq(dialog->remote_tag, remote_tag))
            return dialog;
    return NULL;
}

static struct phone_dialog *make_dialog(struct phone_call *call, struct str remote_tag)
{
    struct phone_dialog *dialog = arena_zalloc(&call->phone->arena, sizeof *dialog);

    if (!dialog)
        abort();
    dialog->remote_tag = remote_tag;
    dialog->next = call->dialogs;
    call->dialogs = dialog;
    return dialog;
}

static void move_to_front(struct phone_call *call, struct phone_dialog *dialog)
{
    struct phone_dialog **link = &call->dialogs;

    while (*link != dialog)
        link = &(*link)->next;
    *link = dialog->next;
    dialog->next = call->dialogs;
    call->dialogs = dialog;
}

static void learn_routes(struct phone_dialog *dialog, const struct siptext *text, bool is_reversed)
{
    struct str route;
    unsigned count = 0;

    while (count < PHONE_ROUTES_MAX && siptext_item(text, STR("Record-Route"), count, &route))
        dialog->routes[count++] = route;
    dialog->route_count = count;
    for (unsigned i = 0; is_reversed && i < count / 2; i++) {
        route = dialog->routes[i];
        dialog->routes[i] = dialog->routes[count - 1 - i];
        dialog->routes[count - 1 - i] = route;
    }
}

static void learn_media(struct phone_dialog *dialog, const struct siptext *text)
{
    struct str type = siptext_value(text, STR("Content-Type"));

    if (str_starts(type, STR("application/sdp")) || str_starts(type, STR("multipart/")))
        dialog->media = sdp_find_audio(text->body);
}

static void learn_target(struct phone_dialog *dialog, const struct siptext *text)
{
    struct str contact;

    if (siptext_item(text, STR("Contact"), 0, &contact))
        dialog->target = siptext_uri(contact);
}

static void follow_request(struct phone *phone, const struct siptext *text)
{
    struct phone_call *call = phone_find_call(phone, siptext_value(text, STR("Call-ID")));
    struct str from = siptext_value(text, STR("From")), number, rest;
    bool is_invite = str_eq(text->method, STR("INVITE"));
    struct phone_dialog *dialog;
    uint64_t cseq = 0;

    if (!call && (siptext_param(siptext_value(text, STR("To")), STR("tag")).len ||
                  (!is_invite && !str_eq(text->method, STR("SUBSCRIBE")))))
        return;
    if (!call) {
        call = phone_make_call(phone, siptext_value(text, STR("Call-ID")));
        call->local = siptext_value(text, STR("To"));
    }
    dialog = call_find_dialog(call, siptext_param(from, STR("tag")));
    if (!dialog) {
        dialog = make_dialog(call, siptext_param(from, STR("tag")));
        dialog->remote = from;
        learn_routes(dialog, text, false);
    }
    learn_media(dialog, text);
    if (is_invite || str_eq(text->method, STR("UPDATE")) || str_eq(text->method, STR("SUBSCRIBE")))
        learn_target(dialog, text);
    if (!is_invite)
        return;
    call->offered = text->body.len > 0;
    if (str_split(siptext_value(text, STR("CSeq")), ' ', &number, &rest) &&
        !str_to_uint(number, 0, UINT32_MAX, &cseq))
        dialog->remote_cseq_invite = (unsigned)cseq;
}

static bool makes_dialog(struct str method)
{
    return str_eq(method, STR("INVITE")) || str_eq(method, STR("SUBSCRIBE")) ||
           str_eq(method, STR("UPDATE")) || str_eq(method, STR("REFER"));
}

static void note_reliable(struct phone *phone, struct phone_call *call, const struct siptext *text)
{
    struct str rseq = siptext_value(text, STR("RSeq"));

    if (!str_is_empty(rseq))
        call->rack = phone_print(phone, STR_FMT " " STR_FMT, STR_ARG(rseq),
                                 STR_ARG(siptext_value(text, STR("CSeq"))));
}

static void follow_response(struct phone *phone, const struct siptext *text)
{
    struct phone_call *call = phone_find_call(phone, siptext_value(text, STR("Call-ID")));
    struct str to = siptext_value(text, STR("To")), tag = siptext_param(to, STR("tag"));
    struct phone_dialog *dialog;

    if (!call || !(makes_dialog(text->method) || str_eq(text->method, STR("PRACK"))))
        return;
    note_reliable(phone, call, text);
    if (str_eq(text->method, STR("INVITE")) && text->status >= 200) {
        call->answered_status = text->status;
        call->answered_to = to;
    }
    if (text->status <= 100 || text->status >= 300 || str_is_empty(tag))
        return;
    dialog = call_find_dialog(call, tag);
    if (!dialog) {
        dialog = make_dialog(call, tag);
        dialog->remote = to;
        learn_routes(dialog, text, true);
    } else if (!dialog->is_confirmed && siptext_item(text, STR("Record-Route"), 0, &to)) {
        learn_routes(dialog, text, true);
    }
    learn_target(dialog, text);
    learn_media(dialog, text);
    if (str_eq(text->method, STR("PRACK")))
        return;
    if (text->status >= 200 && !dialog->is_confirmed) {
        dialog->is_confirmed = true;
        move_to_front(call, dialog);
    }
}

void phone_follow(struct phone *phone, const struct siptext *text)
{
    if (text->is_request)
        follow_request(phone, text);
    else
        follow_response(phone, text);
}

struct phone_call *phone_find_dialog(struct phone *phone, const char *with, struct phone_dialog **dialog)
{
    for (struct phone_call *call = phone->calls; call; call = call->next)
        for (struct phone_dialog *one = call->dialogs; one; one = one->next)
            if (!with || (str_starts(one->remote_tag, str_of(with)) &&
                          one->remote_tag.ptr[strlen(with)] == '-')) {
                *dialog = one;
                return call;
            }
    *dialog = NULL;
    return with ? NULL : phone->calls;
}

/* ---- drafts ---- */

void draft_add(struct draft *draft, struct str name, struct str value)
{
    if (draft->header_count == DRAFT_HEADERS_MAX)
        abort();
    draft->headers[draft->header_count].name = name;
    draft->headers[draft->header_count++].value = value;
}

void draft_remove(struct draft *draft, struct str name)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < draft->header_count; i++)
        if (!str_ieq(draft->headers[i].name, name))
            draft->headers[kept++] = draft->headers[i];
    draft->header_count = kept;
}

void draft_set(struct draft *draft, struct str name, struct str value)
{
    for (unsigned i = 0; i < draft->header_count; i++)
        if (str_ieq(draft->headers[i].name, name)) {
            draft->headers[i].value = value;
            return;
        }
    draft_add(draft, name, value);
}

static void write_header(struct writer *w, struct str name, struct str value)
{
    write_fmt(w, STR_FMT ": " STR_FMT "\r\n", STR_ARG(name), STR_ARG(value));
}

static bool has_header(const struct draft *draft, struct str name)
{
    for (unsigned i = 0; i < draft->header_count; i++)
        if (str_ieq(draft->headers[i].name, name))
            return true;
    return false;
}

struct str draft_write(struct draft *draft)
{
    size_t size = 65536 + draft->body.len;
    char *buffer = malloc(size);
    struct writer w = writer_over(buffer, size);
    struct str text;

    write_fmt(&w, STR_FMT "\r\n", STR_ARG(draft->first));
    for (unsigned i = 0; i < draft->header_count; i++)
        write_header(&w, draft->headers[i].name, draft->headers[i].value);
    if (!has_header(draft, STR("Content-Length")))
        write_fmt(&w, "Content-Length: %zu\r\n", draft->body.len);
    write_str(&w, STR("\r\n"));
    write_str(&w, draft->body);
    if (writer_finish(&w, &text))
        abort();
    text = phone_keep(draft->phone, text);
    free(buffer);
    return text;
}

/* ---- requests ---- */

static struct str new_branch(struct phone *phone)
{
    return phone_print(phone, "z9hG4bK-%s-%u-%llx", phone->name, ++phone->serial,
                       (unsigned long long)(phone->world->options.seed & 0xffff));
}

static void add_via(struct draft *draft, struct str branch)
{
    struct phone *phone = draft->phone;

    draft_add(draft, STR("Via"),
              phone_print(phone, "SIP/2.0/" STR_FMT " " STR_FMT ";rport;branch=" STR_FMT,
                          STR_ARG(transport_traits(phone->transport)->via_name),
                          STR_ARG(own_address(phone)), STR_ARG(branch)));
}

static const char *transport_param(enum transport transport)
{
    static const char *const params[TRANSPORTS] = {
        [TRANSPORT_UDP] = "",
        [TRANSPORT_TCP] = ";transport=tcp",
        [TRANSPORT_TLS] = ";transport=tls",
    };

    return params[transport];
}

static void add_contact(struct draft *draft)
{
    struct phone *phone = draft->phone;

    draft_add(
        draft, STR("Contact"),
        phone_print(
            phone, "<sip:" STR_FMT "@" STR_FMT "%s>%s" STR_FMT, STR_ARG(phone->user),
            STR_ARG(own_address(phone)), transport_param(phone->transport),
            str_is_empty(phone->instance) ? "" : ";+sip.instance=", STR_ARG(phone->instance)));
}

static void add_cseq(struct draft *draft, unsigned number, struct str method)
{
    draft_add(draft, STR("CSeq"),
              phone_print(draft->phone, "%u " STR_FMT, number, STR_ARG(method)));
}

static void add_routes(struct draft *draft, const struct str routes[], unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        draft_add(draft, STR("Route"), routes[i]);
}

static void set_first(struct draft *draft, struct str method, struct str uri)
{
    draft->first =
        phone_print(draft->phone, STR_FMT " " STR_FMT " SIP/2.0", STR_ARG(method), STR_ARG(uri));
}

static void set_body(struct draft *draft, struct str body)
{
    draft->body = body;
    draft_add(draft, STR("Content-Type"), STR("application/sdp"));
}

static struct str uri_of(struct phone *phone, struct str target)
{
    if (str_find_char(target, ':'))
        return target;
    return phone_print(phone, "sip:" STR_FMT "@" STR_FMT, STR_ARG(target), STR_ARG(phone->domain));
}

static void write_register(struct draft *draft)
{
    struct phone *phone = draft->phone;
    struct str self = phone_print(phone, "<sip:" STR_FMT "@" STR_FMT ">", STR_ARG(phone->user),
                                  STR_ARG(phone->domain));

    if (str_is_empty(phone->registration_id))
        phone->registration_id = phone_print(phone, "registration-of-%s", phone->name);
    set_first(draft, STR("REGISTER"), phone_print(phone, "sip:" STR_FMT, STR_ARG(phone->domain)));
    add_via(draft, new_branch(phone));
    draft_add(
        draft, STR("From"),
        phone_print(phone, STR_FMT ";tag=%s-reg-%u", STR_ARG(self), phone->name, ++phone->serial));
    draft_add(draft, STR("To"), self);
    draft_add(draft, STR("Call-ID"), phone->registration_id);
    add_cseq(draft, ++phone->registration_cseq, STR("REGISTER"));
    draft_add(draft, STR("Max-Forwards"), STR("70"));
    add_contact(draft);
    draft_add(draft, STR("Expires"), STR("3600"));
}

static struct str from_of(const struct phone_call *call)
{
    return phone_print(call->phone, STR_FMT ";tag=" STR_FMT, STR_ARG(call->local),
                       STR_ARG(call->local_tag));
}

static void write_basics(struct draft *draft, struct str branch, struct str to, unsigned cseq,
                         struct str method)
{
    add_via(draft, branch);
    draft_add(draft, STR("From"), from_of(draft->call));
    draft_add(draft, STR("To"), to);
    draft_add(draft, STR("Call-ID"), draft->call->id);
    add_cseq(draft, cseq, method);
    draft_add(draft, STR("Max-Forwards"), STR("70"));
}

/* CANCEL, and the ACK of a failure: by hop, like the INVITE. */
static void write_by_hop(struct draft *draft, struct str method, struct str to)
{
    const struct phone_call *call = draft->call;

    set_first(draft, method, call->invite_uri);
    write_basics(draft, call->invite_branch, to, call->invite_cseq, method);
    add_routes(draft, call->invite_routes, call->invite_route_count);
}

static void remember_invite(struct phone_call *call, struct str branch, struct str uri,
                            const struct phone_dialog *dialog)
{
    call->invite_branch = branch;
    call->invite_uri = uri;
    call->invite_cseq = call->cseq;
    call->invite_route_count = dialog ? dialog->route_count : 0;
    call->answered_status = 0;
    for (unsigned i = 0; i < call->invite_route_count; i++)
        call->invite_routes[i] = dialog->routes[i];
}

static bool may_describe(struct str method)
{
    return str_eq(method, STR("INVITE")) || str_eq(method, STR("UPDATE")) ||
           str_eq(method, STR("ACK")) || str_eq(method, STR("PRACK"));
}

static bool wants_sdp(const struct phone_call *call, struct str method, enum speech wish)
{
    if (wish != SAY_USUAL)
        return wish != SAY_NONE && may_describe(method);
    return str_eq(method, STR("INVITE")) || str_eq(method, STR("UPDATE")) ||
           (str_eq(method, STR("ACK")) && !call->offered && call->answered_status < 300);
}

static bool has_contact(struct str method)
{
    return str_eq(method, STR("INVITE")) || str_eq(method, STR("UPDATE")) ||
           str_eq(method, STR("SUBSCRIBE")) || str_eq(method, STR("REFER")) ||
           str_eq(method, STR("NOTIFY"));
}

static void write_outside_dialog(struct draft *draft, struct str method, struct str target)
{
    struct phone *phone = draft->phone;
    struct str uri = uri_of(phone, target), branch = new_branch(phone);
    struct phone_call *call = phone_make_call(phone, STR(""));

    draft->call = call;
    call->peer = phone_print(phone, "<" STR_FMT ">", STR_ARG(uri));
    call->cseq = 1;
    set_first(draft, method, uri);
    write_basics(draft, branch, call->peer, call->cseq, method);
    if (str_eq(method, STR("INVITE")))
        remember_invite(call, branch, uri, NULL);
}

/* The same request once more, outside a dialog, after a challenge. */
static void write_again(struct draft *draft, struct str method)
{
    struct phone_call *call = draft->call;
    struct str branch = new_branch(draft->phone);
    struct str uri = siptext_uri(call->peer);

    set_first(draft, method, uri);
    write_basics(draft, branch, call->peer, ++call->cseq, method);
    if (str_eq(method, STR("INVITE")))
        remember_invite(call, branch, uri, NULL);
}

static void write_in_dialog(struct draft *draft, struct str method, const struct phone_dialog *dialog)
{
    struct phone_call *call = draft->call;
    bool is_ack = str_eq(method, STR("ACK"));
    struct str branch = new_branch(draft->phone);

    set_first(draft, method, dialog->target);
    write_basics(draft, branch, dialog->remote, is_ack ? call->invite_cseq : ++call->cseq, method);
    add_routes(draft, dialog->routes, dialog->route_count);
    if (str_eq(method, STR("PRACK")))
        draft_add(draft, STR("RAck"), call->rack);
    if (str_eq(method, STR("INVITE")))
        remember_invite(call, branch, dialog->target, dialog);
}

static void write_within_call(struct draft *draft, struct str method, const struct phone_dialog *dialog)
{
    struct phone_call *call = draft->call;

    if (str_eq(method, STR("CANCEL")))
        write_by_hop(draft, method, call->peer.len ? call->peer : dialog->remote);
    else if (str_eq(method, STR("ACK")) && call->answered_status >= 300)
        write_by_hop(draft, method, call->answered_to);
    else if (!dialog)
        write_again(draft, method);
    else
        write_in_dialog(draft, method, dialog);
}

void phone_request(struct phone *phone, struct draft *draft, struct str method, struct str target,
                   const char *with, enum speech sdp)
{
    struct phone_dialog *dialog = NULL;

    *draft = (struct draft){ .phone = phone };
    if (str_eq(method, STR("REGISTER"))) {
        write_register(draft);
        return;
    }
    if (str_is_empty(target) && !(draft->call = phone_find_dialog(phone, with, &dialog)))
        target = phone->user;
    if (draft->call)
        write_within_call(draft, method, dialog);
    else
        write_outside_dialog(draft, method, target);
    if (has_contact(method))
        add_contact(draft);
    if (wants_sdp(draft->call, method, sdp))
        set_body(draft, call_write_sdp(draft->call, sdp == SAY_USUAL ? SAY_PLAIN : sdp));
    if (str_eq(method, STR("INVITE")))
        draft->call->offered = draft->body.len > 0;
}

/* ---- responses ---- */

static void copy_all(struct draft *draft, const struct siptext *text, struct str name)
{
    struct str value;

    for (unsigned i = 0; siptext_header(text, name, i, &value); i++)
        draft_add(draft, name, value);
}

static struct str phrase(unsigned status)
{
    static const struct {
        unsigned status;
        struct str phrase;
    } rows[] = {
        { 100, STR_INIT("Trying") },
        { 180, STR_INIT("Ringing") },
        { 183, STR_INIT("Progress") },
        { 200, STR_INIT("OK") },
        { 486, STR_INIT("Busy Here") },
        { 487, STR_INIT("Request Terminated") },
        { 603, STR_INIT("Decline") },
        { 404, STR_INIT("Not Found") },
        { 302, STR_INIT("Moved") },
        { 500, STR_INIT("Server Error") },
        { 488, STR_INIT("Not Acceptable Here") },
        { 491, STR_INIT("Request Pending") },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].status == status)
            return rows[i].phrase;
    return STR("Because");
}

static struct str to_of(struct phone *phone, const struct siptext *text, struct phone_call **call)
{
    struct str to = siptext_value(text, STR("To"));

    *call = phone_find_call(phone, siptext_value(text, STR("Call-ID")));
    if (!str_is_empty(siptext_param(to, STR("tag"))))
        return to;
    return phone_print(phone, STR_FMT ";tag=" STR_FMT, STR_ARG(to),
                       STR_ARG(*call ? (*call)->local_tag : STR("no-call-1")));
}

static bool answers_with_sdp(struct str method, unsigned status, enum speech wish)
{
    if (wish != SAY_USUAL)
        return wish != SAY_NONE;
    return status / 100 == 2 && (str_eq(method, STR("INVITE")) || str_eq(method, STR("UPDATE")));
}

void phone_response(struct phone *phone, struct draft *draft, const struct heard *request,
                    unsigned status, struct str reason, enum speech sdp)
{
    const struct siptext *text = &request->text;
    struct str to;

    *draft = (struct draft){ .phone = phone };
    to = to_of(phone, text, &draft->call);
    draft->first = phone_print(phone, "SIP/2.0 %u " STR_FMT, status,
                               STR_ARG(str_is_empty(reason) ? phrase(status) : reason));
    copy_all(draft, text, STR("Via"));
    copy_all(draft, text, STR("Record-Route"));
    draft_add(draft, STR("From"), siptext_value(text, STR("From")));
    draft_add(draft, STR("To"), status == 100 ? siptext_value(text, STR("To")) : to);
    draft_add(draft, STR("Call-ID"), siptext_value(text, STR("Call-ID")));
    draft_add(draft, STR("CSeq"), siptext_value(text, STR("CSeq")));
    if (status > 100 && status < 300 && has_contact(text->method))
        add_contact(draft);
    if (draft->call && answers_with_sdp(text->method, status, sdp))
        set_body(draft, call_write_sdp(draft->call, sdp == SAY_USUAL ? SAY_PLAIN : sdp));
}

void draft_rely(struct draft *draft)
{
    draft_add(draft, STR("Require"), STR("100rel"));
    if (draft->call)
        draft_add(draft, STR("RSeq"), phone_print(draft->phone, "%u", ++draft->call->rseq));
}

void draft_wrap(struct draft *draft)
{
    if (str_is_empty(draft->body))
        return;
    draft_set(draft, STR("Content-Type"), STR("multipart/mixed;boundary=\"two parts\""));
    draft->body =
        phone_print(draft->phone,
                    "--two parts\r\nContent-Type: application/sdp\r\n\r\n" STR_FMT
                    "\r\n--two parts\r\nContent-Type: application/isup;version=itu-t92+\r\n"
                    "Content-Disposition: signal;handling=optional\r\n\r\n\x01\x10\x20\r\n"
                    "--two parts--\r\n",
                    STR_ARG(draft->body));
}

/* ---- credentials ---- */

static void digest(const char *algorithm, struct str text, char out[static 65])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned count = 0;
    struct writer w = writer_over(out, 64);

    if (!EVP_Digest(text.ptr, text.len, bytes, &count, EVP_get_digestbyname(algorithm), NULL))
        abort();
    write_hex(&w, bytes, count);
    *w.at = '\0';
}

struct credentials {
    struct str realm, nonce, qop, algorithm;
    const char *hash;
    struct str method, uri;
};

static struct str compute(struct phone *phone, const struct credentials *c, const char *count)
{
    char first[65], second[65], response[65];
    struct str text;

    digest(c->hash,
           phone_print(phone, STR_FMT ":" STR_FMT ":" STR_FMT, STR_ARG(phone->user),
                       STR_ARG(c->realm), STR_ARG(phone->password)),
           first);
    digest(c->hash, phone_print(phone, STR_FMT ":" STR_FMT, STR_ARG(c->method), STR_ARG(c->uri)),
           second);
    text = str_is_empty(c->qop)
               ? phone_print(phone, "%s:" STR_FMT ":%s", first, STR_ARG(c->nonce), second)
               : phone_print(phone, "%s:" STR_FMT ":%s:0a4f:auth:%s", first, STR_ARG(c->nonce),
                             count, second);
    digest(c->hash, text, response);
    return phone_print(phone, "%s", response);
}

void draft_authorize(struct draft *draft)
{
    struct phone *phone = draft->phone;
    struct str rest;
    struct credentials c = {
        .realm = siptext_digest(phone->challenge, STR("realm")),
        .nonce = siptext_digest(phone->challenge, STR("nonce")),
        .qop = siptext_digest(phone->challenge, STR("qop")),
        .algorithm = siptext_digest(phone->challenge, STR("algorithm")),
    };
    char count[16];
    struct str response;

    c.hash = str_ieq(c.algorithm, STR("SHA-256")) ? "SHA256" : "MD5";
    if (!str_split(draft->first, ' ', &c.method, &rest) || !str_split(rest, ' ', &c.uri, &rest))
        abort();
    snprintf(count, sizeof count, "%08x", ++phone->nonce_count);
    response = compute(phone, &c, count);
    draft_set(draft, phone->is_proxy_challenge ? STR("Proxy-Authorization") : STR("Authorization"),
              phone_print(phone,
                          "Digest username=\"" STR_FMT "\", realm=\"" STR_FMT "\", nonce=\"" STR_FMT
                          "\", uri=\"" STR_FMT "\", response=\"" STR_FMT "\", algorithm=%s%s%s",
                          STR_ARG(phone->user), STR_ARG(c.realm), STR_ARG(c.nonce), STR_ARG(c.uri),
                          STR_ARG(response), c.hash[0] == 'S' ? "SHA-256" : "MD5",
                          str_is_empty(c.qop) ? "" : ", qop=auth, cnonce=\"0a4f\", nc=",
                          str_is_empty(c.qop) ? "" : count));
}
