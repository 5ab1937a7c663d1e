/* SPDX-License-Identifier: Apache-2.0 */
#include "host/auth.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "host/host.h"

/* ---- what the server keeps ---- */

static enum err open_parts(struct server *server, struct auth_service *auth)
{
    struct guard_rules guard_rules = guard_rules_usual;
    enum err err;

    guard_rules.failures_allowed = (unsigned)auth->rules.failures_allowed;
    if ((err = nonces_create(server->world.random, auth->rules.secret,
                             (size_t)auth->rules.nonces_remembered, &auth->nonces)) ||
        (err = guard_create(&guard_rules, server->world.random, &auth->guard)) ||
        (err = server_counter(server, "auth", "failures", &auth->failures)) ||
        (err = server_counter(server, "auth", "delayed", &auth->delayed)))
        return err;
    return server_counter(server, "auth", "replays", &auth->replays);
}

enum err server_open_auth(struct server *server, const struct auth_rules *rules)
{
    server->auth = calloc(1, sizeof *server->auth);
    if (!server->auth)
        return ERR_NOMEM;
    server->auth->rules = *rules;
    return open_parts(server, server->auth);
}

void server_close_auth(struct server *server)
{
    if (!server->auth)
        return;
    nonces_destroy(server->auth->nonces);
    guard_destroy(server->auth->guard);
    free(server->auth);
    server->auth = NULL;
}

static struct auth_service *auth_of(const struct run *run)
{
    return run->worker->server->auth;
}

/* ---- outcomes ---- */

enum verdict auth_verdict(const struct run *run, enum auth_outcome outcome)
{
    static const int openser[] = {
        [AUTH_OK] = 1,            [AUTH_FAILED] = -5,      [AUTH_WRONG_PASSWORD] = -2,
        [AUTH_UNKNOWN_USER] = -1, [AUTH_STALE_NONCE] = -3, [AUTH_NO_CREDENTIALS] = -4,
        [AUTH_REUSED_NONCE] = -3, [AUTH_FORGED_NONCE] = -3, [AUTH_WRONG_USER] = -2,
        [AUTH_UNSURE] = -5,
    };
    static const int kamailio[] = {
        [AUTH_OK] = 1,            [AUTH_FAILED] = -1,      [AUTH_WRONG_PASSWORD] = -2,
        [AUTH_UNKNOWN_USER] = -3, [AUTH_STALE_NONCE] = -4, [AUTH_NO_CREDENTIALS] = -5,
        [AUTH_REUSED_NONCE] = -6, [AUTH_FORGED_NONCE] = -1, [AUTH_WRONG_USER] = -8,
        [AUTH_UNSURE] = -1,
    };

    return (enum verdict)(server_is_openser(run->worker->server) ? openser : kamailio)[outcome];
}

bool auth_is_exempt(const struct run *run)
{
    return run->request->msg->method == SIP_ACK || run->request->msg->method == SIP_CANCEL;
}

struct str auth_realm(const struct run *run, struct str named)
{
    const struct sip_msg *msg = run->request->msg;
    struct str prefix = auth_of(run)->rules.realm_prefix;

    if (str_is_empty(named))
        named = msg->method == SIP_REGISTER ? msg->to.uri.host : msg->from.uri.host;
    return str_starts(named, prefix) ? str_skip(named, prefix.len) : named;
}

static bool is_of(const struct auth_attempt *attempt, const struct sip_uri *uri, bool with_domain)
{
    return str_eq(uri->user, attempt->username) &&
           (!with_domain || str_ieq(uri->host, attempt->domain));
}

bool auth_names_sender(const struct run *run, const struct auth_attempt *attempt, bool with_domain)
{
    const struct sip_msg *msg = run->request->msg;
    struct sip_uri target;

    if (!is_of(attempt, &msg->from.uri, with_domain))
        return false;
    if (msg->method == SIP_REGISTER)
        return is_of(attempt, &msg->to.uri, with_domain);
    return msg->method != SIP_PUBLISH || (!sip_uri_parse(run->request->target.uri, &target) &&
                                          is_of(attempt, &target, with_domain));
}

/* ---- nonces ---- */

static uint8_t marks_for(const struct run *run, bool offers_qop)
{
    const struct auth_rules *rules = &auth_of(run)->rules;
    const struct sip_msg *msg = run->request->msg;
    int64_t checks = msg->method == SIP_REGISTER   ? rules->checks_register
                     : str_is_empty(msg->to_tag) ? rules->checks_no_dialog
                                                 : rules->checks_in_dialog;

    return (uint8_t)((offers_qop ? NONCE_OFFERS_QOP : 0) | (unsigned)checks << 1);
}

/* The parts of the request that the marks name, joined. */
static enum err bound_text(const struct run *run, uint8_t marks, struct str *out)
{
    const struct sip_msg *msg = run->request->msg;
    const struct addr *source = &run->request->source.peer;
    struct str none = { 0 };
    struct str ip = { (const char *)source->ip, source->family == ADDR_IPV6 ? 16 : 4 };

    *out = none;
    if (marks <= NONCE_OFFERS_QOP)
        return ERR_NONE;
    return str_print(run->arena, out, STR_FMT "\n" STR_FMT "\n" STR_FMT "\n" STR_FMT,
                     STR_ARG(marks & NONCE_BINDS_SOURCE ? ip : none),
                     STR_ARG(marks & NONCE_BINDS_FROM_TAG ? msg->from_tag : none),
                     STR_ARG(marks & NONCE_BINDS_CALL_ID ? msg->call_id : none),
                     STR_ARG(marks & NONCE_BINDS_URI ? msg->ruri : none));
}

static enum err new_nonce(const struct run *run, bool offers_qop, struct str *out)
{
    struct auth_service *auth = auth_of(run);
    uint32_t expiry = (uint32_t)(run_wall_clock(run) + (uint64_t)auth->rules.nonce_expire);
    uint8_t marks = marks_for(run, offers_qop);
    char *text = arena_alloc(run->arena, NONCE_LENGTH);
    struct str bound;
    enum err err = text ? bound_text(run, marks, &bound) : ERR_NOMEM;

    *out = (struct str){ text, NONCE_LENGTH };
    return err ? err : nonces_make(auth->nonces, expiry, marks, bound, text);
}

static enum auth_outcome check_nonce(const struct run *run, struct str text)
{
    struct nonce nonce;
    struct str bound;

    if (nonce_read(text, &nonce) || bound_text(run, nonce.marks, &bound))
        return AUTH_FORGED_NONCE;
    if (!nonces_know(auth_of(run)->nonces, &nonce, bound))
        return nonce.marks > NONCE_OFFERS_QOP ? AUTH_STALE_NONCE : AUTH_FORGED_NONCE;
    return nonce.expiry < run_wall_clock(run) ? AUTH_STALE_NONCE : AUTH_OK;
}

/*
 * With a qop each count is good once. A client that was offered one and sends none (RFC 2069) could
 * be overheard and repeated: its nonce is good once.
 */
static bool read_count(const struct auth_rules *rules, const struct nonce *nonce,
                       const struct sip_digest *digest, uint32_t *count)
{
    uint64_t number;

    *count = NONCE_COUNT_ONCE;
    if (rules->one_time_nonce || str_is_empty(digest->qop))
        return true;
    if (digest->nc.len != 8 || str_hex_to_uint(digest->nc, &number) || number == NONCE_COUNT_ONCE)
        return false;
    *count = (uint32_t)number;
    return nonce->marks & NONCE_OFFERS_QOP;
}

/* The password was right: is it the first time that these very credentials come? */
static enum auth_outcome use_nonce(struct run *run, const struct sip_digest *digest)
{
    struct auth_service *auth = auth_of(run);
    const struct auth_rules *rules = &auth->rules;
    struct nonce nonce;
    uint32_t count;

    if (nonce_read(digest->nonce, &nonce))
        return AUTH_FORGED_NONCE;
    if (!rules->one_time_nonce && (!rules->counts_nonces || !(nonce.marks & NONCE_OFFERS_QOP)))
        return AUTH_OK;
    if (!read_count(rules, &nonce, digest, &count))
        return AUTH_FAILED;
    if (nonces_use(auth->nonces, &nonce, count, (uint32_t)run_wall_clock(run)))
        return AUTH_OK;
    counter_add(auth->replays, 1);
    return rules->one_time_nonce ? AUTH_REUSED_NONCE : AUTH_STALE_NONCE;
}

/* ---- an attempt ---- */

static void split_username(struct auth_attempt *attempt)
{
    attempt->has_domain =
        str_split(attempt->digest.username, '@', &attempt->username, &attempt->domain);
    if (!attempt->has_domain) {
        attempt->username = attempt->digest.username;
        attempt->domain = attempt->digest.realm;
    }
}

/* One that we offer; no name, or an unknown one, means the only one that needs none. */
static const struct digest_algorithm *choose_algorithm(const struct auth_rules *rules, struct str name)
{
    const struct digest_algorithm *wanted = digest_algorithm_find(name);

    if (!wanted)
        wanted = digest_algorithm_find(STR(""));
    for (unsigned i = 0; i < rules->algorithm_count; i++) {
        if (rules->algorithms[i] == wanted)
            return wanted;
    }
    return NULL;
}

static enum err account_of(const struct run *run, const struct auth_attempt *attempt, struct str *out)
{
    return str_print(run->arena, out, STR_FMT "@" STR_FMT, STR_ARG(attempt->username),
                     STR_ARG(attempt->digest.realm));
}

static bool may_try(const struct run *run, const struct auth_attempt *attempt)
{
    struct auth_service *auth = auth_of(run);
    struct str account;

    if (account_of(run, attempt, &account))
        return false;
    if (guard_allows(auth->guard, &run->request->source.peer, account, run_now(run)))
        return true;
    counter_add(auth->delayed, 1);
    return false;
}

enum auth_outcome auth_begin(struct run *run, enum sip_hdr_id id, struct str realm,
                             struct auth_attempt *out)
{
    struct request *request = run->request;
    enum auth_outcome outcome;

    *out = (struct auth_attempt){ 0 };
    out->hdr = sip_digest_find(request->msg, id, realm, &out->digest);
    if (!out->hdr || str_is_empty(out->digest.username))
        return AUTH_NO_CREDENTIALS;
    request->tried_credentials = out->hdr;
    out->algorithm = choose_algorithm(&auth_of(run)->rules, out->digest.algorithm);
    if (!out->algorithm || out->digest.response.len != digest_algorithm_length(out->algorithm))
        return AUTH_FAILED;
    outcome = check_nonce(run, out->digest.nonce);
    request->has_stale_nonce = outcome != AUTH_OK;
    if (outcome)
        return outcome;
    split_username(out);
    return may_try(run, out) ? AUTH_OK : AUTH_WRONG_PASSWORD;
}

/* Empty when the secret is one of another algorithm; of nobody one that no password has. */
static bool find_ha1(const struct auth_attempt *attempt, const struct auth_secret *secret,
                     struct digest_hex *out)
{
    const struct sip_digest *digest = &attempt->digest;
    size_t length = digest_algorithm_length(attempt->algorithm);

    if (secret->is_clear)
        return digest_ha1(attempt->algorithm, digest->username, digest->realm, secret->text, out);
    memset(out->text, '0', sizeof out->text);
    out->len = secret->is_nobody || secret->text.len == length ? length : 0;
    if (!secret->is_nobody)
        memcpy(out->text, secret->text.ptr, out->len);
    return true;
}

static bool find_response(const struct run *run, const struct auth_attempt *attempt,
                          const struct auth_secret *secret, struct digest_hex *ha1,
                          struct digest_hex *out)
{
    const struct sip_msg *msg = run->request->msg;
    const struct digest_question question = {
        .digest = &attempt->digest,
        .method = secret->method.len ? secret->method : msg->method_name,
        .body = msg->body,
    };

    return find_ha1(attempt, secret, ha1) &&
           digest_response(attempt->algorithm, digest_str(ha1), &question, out);
}

/* RFC 7616 §3.5: we prove that we know the secret too, and offer the next nonce. */
static enum err add_info(struct run *run, const struct auth_attempt *attempt, struct str ha1)
{
    const struct sip_digest *digest = &attempt->digest;
    const struct digest_question question = { .digest = digest };
    struct digest_hex proof;
    struct str nonce, line;
    enum err err = new_nonce(run, !str_is_empty(digest->qop), &nonce);

    if (!err && !digest_response(attempt->algorithm, ha1, &question, &proof))
        err = ERR_IO;
    if (!err)
        err = str_print(run->arena, &line,
                        "Authentication-Info: nextnonce=\"" STR_FMT "\", qop=" STR_FMT
                        ", rspauth=\"" STR_FMT "\", cnonce=\"" STR_FMT "\", nc=" STR_FMT "\r\n",
                        STR_ARG(nonce), STR_ARG(digest->qop), STR_ARG(digest_str(&proof)),
                        STR_ARG(digest->cnonce), STR_ARG(digest->nc));
    return err ? err : run_add_reply_header(run, line);
}

static enum auth_outcome succeed(struct run *run, const struct auth_attempt *attempt, struct str ha1)
{
    struct auth_service *auth = auth_of(run);
    enum auth_outcome outcome = use_nonce(run, &attempt->digest);
    struct str account;

    run->request->has_stale_nonce = outcome == AUTH_STALE_NONCE || outcome == AUTH_REUSED_NONCE;
    if (outcome)
        return outcome;
    if (account_of(run, attempt, &account) ||
        (auth->rules.adds_info && !str_is_empty(attempt->digest.qop) && add_info(run, attempt, ha1)))
        return AUTH_FAILED;
    guard_succeeded(auth->guard, &run->request->source.peer, account, run_now(run));
    run->request->credentials = attempt->hdr;
    run_trust_source(run);
    return AUTH_OK;
}

static enum auth_outcome fail(struct run *run, const struct auth_attempt *attempt,
                              enum auth_outcome outcome)
{
    struct auth_service *auth = auth_of(run);
    struct str account;

    counter_add(auth->failures, 1);
    if (!account_of(run, attempt, &account))
        guard_failed(auth->guard, &run->request->source.peer, account, run_now(run));
    return outcome;
}

enum auth_outcome auth_finish(struct run *run, const struct auth_attempt *attempt,
                              const struct auth_secret *secret)
{
    struct digest_hex ha1, response;
    bool is_right;

    if (!find_response(run, attempt, secret, &ha1, &response))
        return AUTH_FAILED;
    is_right = CRYPTO_memcmp(attempt->digest.response.ptr, response.text, response.len) == 0;
    if (secret->is_nobody)
        return fail(run, attempt, AUTH_UNKNOWN_USER);
    if ((!is_right || ha1.len == 0) && secret->may_be_old)
        return AUTH_UNSURE;
    if (!is_right || ha1.len == 0)
        return fail(run, attempt, AUTH_WRONG_PASSWORD);
    return succeed(run, attempt, digest_str(&ha1));
}

/* ---- challenges ---- */

static enum err challenge_line(const struct run *run, const struct auth_challenge *challenge,
                               struct str nonce, const struct digest_algorithm *algorithm,
                               struct str *out)
{
    bool is_stale = challenge->is_stale || run->request->has_stale_nonce;
    bool is_named = auth_of(run)->rules.names_algorithm;
    struct str qop = challenge->qop;

    if (str_has_line_break(challenge->realm) || str_has_line_break(qop))
        return ERR_SYNTAX;
    return str_print(run->arena, out,
                     STR_FMT STR_FMT ": Digest realm=\"" STR_FMT "\", nonce=\"" STR_FMT
                             "\"%s" STR_FMT "%s%s%s%s\r\n",
                     STR_ARG(*out), STR_ARG(sip_hdr_name(challenge->id)), STR_ARG(challenge->realm),
                     STR_ARG(nonce), qop.len ? ", qop=\"" : "", STR_ARG(qop), qop.len ? "\"" : "",
                     is_stale ? ", stale=true" : "", is_named ? ", algorithm=" : "",
                     is_named ? digest_algorithm_name(algorithm) : "");
}

enum err auth_challenge_lines(const struct run *run, const struct auth_challenge *challenge,
                              struct str *out)
{
    const struct auth_rules *rules = &auth_of(run)->rules;
    struct str nonce;
    enum err err = new_nonce(run, !str_is_empty(challenge->qop), &nonce);

    *out = (struct str){ 0 };
    for (unsigned i = 0; i < rules->algorithm_count && !err; i++)
        err = challenge_line(run, challenge, nonce, rules->algorithms[i], out);
    return err;
}

enum verdict auth_send_challenge(struct run *run, const struct auth_challenge *challenge)
{
    bool is_proxy = challenge->id == SIP_HDR_PROXY_AUTHENTICATE;
    struct str lines;

    if (auth_challenge_lines(run, challenge, &lines) || run_add_reply_header(run, lines) ||
        run_reply(run, is_proxy ? 407 : 401,
                  is_proxy ? STR("Proxy Authentication Required") : STR("Unauthorized")))
        return VERDICT_ERROR;
    return server_is_openser(run->worker->server) ? VERDICT_STOP : VERDICT_TRUE;
}
