/* SPDX-License-Identifier: Apache-2.0 */
/* t_uac_send(): a request of our own, made of what the script says. */
#include <culvert/uac.h>

#include "tm.h"

/* Lines that say who it is from and for; the rest is passed on as it is. */
struct letterhead {
    struct str from, to, call_id, cseq;
    struct str rest;
};

static bool take_value(struct str line, const char *name, struct str *out)
{
    struct str key, value;

    if (!str_split(line, ':', &key, &value) || !str_ieq(str_trim(key), str_of(name)))
        return false;
    *out = str_trim(value);
    return true;
}

static bool take_line(struct letterhead *head, struct str line)
{
    return take_value(line, "From", &head->from) || take_value(line, "To", &head->to) ||
           take_value(line, "Call-ID", &head->call_id) || take_value(line, "CSeq", &head->cseq);
}

static enum err read_headers(struct arena *arena, struct str text, struct letterhead *head)
{
    char *room = arena_alloc(arena, 2 * text.len + 2);
    struct writer w = writer_over(room, room ? 2 * text.len + 2 : 0);
    struct str line;

    *head = (struct letterhead){ 0 };
    while (text.len > 0) {
        if (!str_split(text, '\n', &line, &text)) {
            line = text;
            text = (struct str){ 0 };
        }
        line = str_trim(line);
        if (str_is_empty(line) || take_line(head, line))
            continue;
        write_str(&w, line);
        write_str(&w, STR("\r\n"));
    }
    return writer_finish(&w, &head->rest);
}

/* The tag goes its own way. */
static void set_party(struct str text, struct str *party, struct str *tag)
{
    struct sip_nameaddr nameaddr;
    struct sip_param param;

    *party = text;
    if (str_is_empty(text) || sip_nameaddr_parse(text, &nameaddr))
        return;
    *party = nameaddr.uri.text;
    if (sip_param_find(nameaddr.params, STR("tag"), &param))
        *tag = param.value;
}

/* t_uac_send(method, ruri, nexthop, socket, headers, body); "" and "." mean none. */
static struct str text_of(const struct call *call, unsigned index)
{
    struct str text = call->args[index].value.text;

    return str_eq(text, STR(".")) ? STR("") : text;
}

enum verdict t_uac_send(struct call *call)
{
    struct run *run = call->run;
    struct uac_request request = {
        .method = text_of(call, 0),
        .uri = text_of(call, 1),
        .destination = text_of(call, 2),
        .socket = SOCKET_ANY,
        .body = text_of(call, 5),
    };
    struct str socket = text_of(call, 3);
    struct letterhead head;
    uint64_t cseq;
    enum err err = read_headers(run->arena, text_of(call, 4), &head);

    if (!err && !str_is_empty(socket))
        err = server_find_listener(run_server(run), socket, &request.socket);
    set_party(head.from, &request.from, &request.from_tag);
    set_party(head.to, &request.to, &request.to_tag);
    request.call_id = head.call_id;
    if (str_split(head.cseq, ' ', &head.cseq, &socket) || !str_is_empty(head.cseq))
        request.cseq = str_to_uint(head.cseq, 0, UINT32_MAX, &cseq) ? 0 : (uint32_t)cseq;
    request.headers = head.rest;
    if (!err)
        err = worker_ask(run->worker, &request, NULL, NULL);
    if (err)
        log_error("t_uac_send: " STR_FMT " to " STR_FMT " was not sent: %s",
                  STR_ARG(request.method), STR_ARG(request.uri), err_name(err));
    return verdict_of(err);
}
