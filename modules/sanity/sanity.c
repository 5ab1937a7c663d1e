/* SPDX-License-Identifier: Apache-2.0 */
/* Checks that a script may ask for, beyond those that every message has passed when it gets here.
 */
#include <culvert/log.h>
#include <culvert/module.h>
#include <culvert/server.h>

enum {
    CHECK_SCHEME = 2,
    CHECK_CSEQ_METHOD = 32,
    CHECK_CONTENT_LENGTH = 128,
    CHECK_EXPIRES = 256,
    CHECK_PROXY_REQUIRE = 512,
    CHECK_URIS = 1024,
    CHECK_DIGEST = 2048,

    URI_REQUEST = 1,
    URI_FROM = 2,
    URI_TO = 4,
    URI_CONTACT = 8,
};

struct sanity {
    int64_t default_checks, uri_checks, autodrop, noreply;
    struct str proxy_require;
};

/* What is wrong; status 0: nothing. */
struct fault {
    unsigned status;
    const char *reason;
    struct str header; /* a line to go with the reply */
};

struct check {
    const struct sanity *sanity;
    struct run *run;
    int64_t uris;
};

static const struct fault no_fault = { 0 };

static struct fault bad_request(const char *reason)
{
    return (struct fault){ .status = 400, .reason = reason };
}

/* ---- the checks ---- */

static struct fault check_scheme(const struct check *check)
{
    struct sip_uri uri;

    if (sip_uri_parse(check->run->request->msg->ruri, &uri))
        return bad_request("Bad Request URI");
    if (uri.scheme == URI_OTHER)
        return (struct fault){ .status = 416, .reason = "Unsupported URI Scheme" };
    return no_fault;
}

/* CSeq = 1*DIGIT LWS Method */
static struct fault check_cseq_method(const struct check *check)
{
    const struct sip_msg *msg = check->run->request->msg;
    struct str value = sip_msg_value(msg, SIP_HDR_CSEQ), number, method;

    if (!str_split(value, ' ', &number, &method) || !str_eq(str_trim(method), msg->method_name))
        return bad_request("CSeq method does not match request method");
    return no_fault;
}

static struct fault check_content_length(const struct check *check)
{
    const struct sip_msg *msg = check->run->request->msg;
    struct str value = sip_msg_value(msg, SIP_HDR_CONTENT_LENGTH);
    uint64_t length;

    if (!str_is_empty(value) &&
        (str_to_uint(value, 0, UINT32_MAX, &length) || length != msg->body.len))
        return bad_request("Content-Length mis-match");
    return no_fault;
}

static struct fault check_expires(const struct check *check)
{
    struct str value = sip_msg_value(check->run->request->msg, SIP_HDR_EXPIRES);
    uint64_t seconds;

    if (!str_is_empty(value) && str_to_uint(value, 0, UINT32_MAX, &seconds))
        return bad_request("Bad Expires value");
    return no_fault;
}

static bool is_listed(struct str list, struct str option)
{
    struct str rest = list, entry;

    while (sip_list_next(&rest, &entry)) {
        if (str_ieq(entry, option))
            return true;
    }
    return false;
}

static struct fault check_proxy_require(const struct check *check)
{
    struct sip_values options = sip_values_of(check->run->request->msg, SIP_HDR_PROXY_REQUIRE);
    struct fault fault = { .status = 420, .reason = "Bad Extension" };

    while (sip_values_next(&options)) {
        if (is_listed(check->sanity->proxy_require, options.value))
            continue;
        if (str_print(check->run->arena, &fault.header, "Unsupported: " STR_FMT "\r\n",
                      STR_ARG(options.value)))
            fault.header = STR("");
        return fault;
    }
    return no_fault;
}

static bool is_bad_contact(const struct sip_msg *msg)
{
    struct sip_values contacts = sip_values_of(msg, SIP_HDR_CONTACT);
    struct sip_nameaddr contact;

    while (sip_values_next(&contacts)) {
        if (sip_nameaddr_parse(contacts.value, &contact))
            return true;
    }
    return false;
}

static struct fault check_uris(const struct check *check)
{
    const struct sip_msg *msg = check->run->request->msg;
    struct sip_uri uri;

    if ((check->uris & URI_REQUEST) && sip_uri_parse(msg->ruri, &uri))
        return bad_request("Bad Request URI");
    if ((check->uris & URI_FROM) && str_is_empty(msg->from.uri.text))
        return bad_request("Bad From header");
    if ((check->uris & URI_TO) && str_is_empty(msg->to.uri.text))
        return bad_request("Bad To header");
    if ((check->uris & URI_CONTACT) && is_bad_contact(msg))
        return bad_request("Bad Contact header");
    return no_fault;
}

static struct fault check_digest(const struct check *check)
{
    static const enum sip_hdr_id ids[] = { SIP_HDR_AUTHORIZATION, SIP_HDR_PROXY_AUTHORIZATION };

    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        const struct sip_hdr *hdr = NULL;
        while ((hdr = sip_msg_find(check->run->request->msg, ids[i], hdr))) {
            struct sip_digest digest;
            enum err err = sip_digest_parse(hdr->value, &digest);
            if (err && err != ERR_UNSUPPORTED)
                return bad_request("Bad credentials");
        }
    }
    return no_fault;
}

static struct fault run_checks(const struct check *check, int64_t wanted)
{
    static const struct {
        int64_t bit;
        struct fault (*check)(const struct check *check);
    } rows[] = {
        { CHECK_SCHEME, check_scheme },
        { CHECK_CSEQ_METHOD, check_cseq_method },
        { CHECK_CONTENT_LENGTH, check_content_length },
        { CHECK_EXPIRES, check_expires },
        { CHECK_PROXY_REQUIRE, check_proxy_require },
        { CHECK_URIS, check_uris },
        { CHECK_DIGEST, check_digest },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fault fault = wanted & rows[i].bit ? rows[i].check(check) : no_fault;
        if (fault.status)
            return fault;
    }
    return no_fault;
}

/* ---- the functions ---- */

static enum err answer(struct run *run, const struct fault *fault)
{
    enum err err =
        str_is_empty(fault->header) ? ERR_NONE : run_add_reply_header(run, fault->header);

    return err ? err : run_reply(run, fault->status, str_of(fault->reason));
}

static int64_t number_arg(const struct call *call, unsigned index, int64_t otherwise)
{
    return index < call->arg_count ? call->args[index].value.number : otherwise;
}

/* sanity_check([checks [, uris [, noreply]]]) */
static enum verdict sanity_check(struct call *call)
{
    const struct sanity *sanity = module_state(call->module);
    struct run *run = call->run;
    const struct check check = { sanity, run, number_arg(call, 1, sanity->uri_checks) };
    struct fault fault;

    if (!run->msg->is_request)
        return VERDICT_TRUE;
    fault = run_checks(&check, number_arg(call, 0, sanity->default_checks));
    if (!fault.status)
        return VERDICT_TRUE;
    log_notice("call " STR_FMT ": sanity_check: %s", STR_ARG(run->msg->call_id), fault.reason);
    run_set_error(run, fault.status, fault.reason);
    if (!number_arg(call, 2, sanity->noreply) && answer(run, &fault))
        log_debug("sanity_check: no reply was sent");
    return sanity->autodrop ? VERDICT_STOP : VERDICT_FALSE;
}

static enum verdict sanity_reply(struct call *call)
{
    struct str reason;
    unsigned status = run_error(call->run, &reason);

    return verdict_of(run_reply(call->run, status, reason));
}

static const struct mod_function functions[] = {
    { .name = "sanity_check",
      .run = sanity_check,
      .takes = { ARG_INT, ARG_INT, ARG_INT },
      .stages = STAGE_ANY,
      .traits = TRAIT_BLIND,
      .doc = "True for a faultless request, else it is answered: [checks [, uris [, noreply]]]." },
    { .name = "sanity_reply",
      .run = sanity_reply,
      .stages = STAGE_ANY,
      .doc = "Answers with what sanity_check() has found." },
    { 0 },
};

#define NUMBER(field, value, doc_)                                                                 \
    {                                                                                              \
        .name = #field, .type = PARAM_INT, .offset = offsetof(struct sanity, field),               \
        .initial = value, .doc = doc_, .is_live = true                                             \
    }

static const struct mod_param params[] = {
    NUMBER(default_checks, 3047, "Checks as bits, when the script names none."),
    NUMBER(uri_checks, 7, "URIs to check: 1 Request-URI, 2 From, 4 To, 8 Contact."),
    NUMBER(autodrop, 1, "1: the script ends after a failed check."),
    NUMBER(noreply, 0, "1: a failed check is not answered."),
    { .name = "proxy_require",
      .type = PARAM_STR,
      .offset = offsetof(struct sanity, proxy_require),
      .initial_text = "",
      .doc = "Options that Proxy-Require may name." },
    { 0 },
};

CULVERT_MODULE = {
    .abi = MODULE_ABI,
    .name = "sanity",
    .summary = "Checks of requests that scripts ask for.",
    .state_size = sizeof(struct sanity),
    .functions = functions,
    .params = params,
};
