/* SPDX-License-Identifier: Apache-2.0 */
#include "facts.h"

#include <culvert/tls.h>

enum {
    FACT_MAX = 16384, /* bytes of a certificate as text */
};

/* ---- asking ---- */

static enum err ask(const struct variable_use *use, struct tls_question question, struct str *out)
{
    char *text = arena_alloc(use->run->arena, FACT_MAX);
    struct writer w = writer_over(text, text ? FACT_MAX : 0);
    enum err err = text ? run_tls_fact(use->run, &question, &w) : ERR_NOMEM;

    return err ? err : writer_finish(&w, out);
}

static enum err tell_text(const struct variable_use *use, struct value *out,
                          struct tls_question question)
{
    struct str text;
    enum err err = ask(use, question, &text);

    *out = err ? value_null() : value_of_str(text);
    return err == ERR_NOT_FOUND ? ERR_NONE : err;
}

static enum err tell_number(const struct variable_use *use, struct value *out,
                            struct tls_question question)
{
    struct str text;
    uint64_t number;
    enum err err = ask(use, question, &text);

    *out = value_null();
    if (!err && !str_to_uint(text, 0, INT32_MAX, &number))
        *out = value_of_int((int64_t)number);
    return err == ERR_NOT_FOUND ? ERR_NONE : err;
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

static enum err tell_escaped(const struct variable_use *use, struct value *out,
                             struct tls_question question)
{
    char *escaped = arena_alloc(use->run->arena, 3 * FACT_MAX);
    struct writer w = writer_over(escaped, escaped ? 3 * FACT_MAX : 0);
    struct str text;
    enum err err = ask(use, question, &text);

    *out = value_null();
    if (err)
        return err == ERR_NOT_FOUND ? ERR_NONE : err;
    for (size_t i = 0; i < text.len; i++) {
        if (is_plain(text.ptr[i]))
            write_char(&w, text.ptr[i]);
        else
            write_fmt(&w, "%%%02X", (unsigned)(unsigned char)text.ptr[i]);
    }
    if ((err = writer_finish(&w, &text)))
        return err;
    *out = value_of_str(text);
    return ERR_NONE;
}

/* ---- one function a variable ---- */

#define ABOUT(F, name, tell, fact, part, doc)                                                      \
    F(tls_peer_##name, tell, fact, TLS_PEER, part, doc " of the peer's certificate.")              \
    F(tls_my_##name, tell, fact, TLS_OWN, part, doc " of our own certificate.")

#define NAMES(F, suffix, part, doc)                                                                \
    ABOUT(F, subject##suffix, tell_text, TLS_FACT_SUBJECT, part, "Subject" doc)                    \
    ABOUT(F, issuer##suffix, tell_text, TLS_FACT_ISSUER, part, "Issuer" doc)

#define FACTS(F)                                                                                   \
    F(tls_version, tell_text, TLS_FACT_VERSION, TLS_PEER, NULL, "TLSv1.2, TLSv1.3.")               \
    F(tls_description, tell_text, TLS_FACT_DESCRIPTION, TLS_PEER, NULL,                            \
      "The cipher with its parts.")                                                                \
    F(tls_cipher_info, tell_text, TLS_FACT_CIPHER, TLS_PEER, NULL, "Name of the cipher.")          \
    F(tls_cipher_bits, tell_number, TLS_FACT_CIPHER_BITS, TLS_PEER, NULL, "Length of its key.")    \
    F(tls_peer_server_name, tell_text, TLS_FACT_SERVER_NAME, TLS_PEER, NULL,                       \
      "The name that the client asked for (SNI).")                                                 \
    F(tls_peer_verified, tell_number, TLS_FACT_VERIFIED, TLS_PEER, NULL,                           \
      "1 when the peer's certificate is good.")                                                    \
    F(tls_peer_revoked, tell_number, TLS_FACT_REVOKED, TLS_PEER, NULL, "1 when it is revoked.")    \
    F(tls_peer_expired, tell_number, TLS_FACT_EXPIRED, TLS_PEER, NULL, "1 when it has expired.")   \
    F(tls_peer_selfsigned, tell_number, TLS_FACT_SELF_SIGNED, TLS_PEER, NULL,                      \
      "1 when it is signed by itself, or by a CA that we do not have.")                            \
    ABOUT(F, version, tell_number, TLS_FACT_CERT_VERSION, NULL, "Version")                         \
    ABOUT(F, serial, tell_text, TLS_FACT_SERIAL, NULL, "Serial number")                            \
    NAMES(F, , NULL, "")                                                                           \
    NAMES(F, _cn, "CN", ", common name,")                                                          \
    NAMES(F, _locality, "L", ", locality,")                                                        \
    NAMES(F, _country, "C", ", country,")                                                          \
    NAMES(F, _state, "ST", ", state,")                                                             \
    NAMES(F, _organization, "O", ", organization,")                                                \
    NAMES(F, _unit, "OU", ", unit,")                                                               \
    ABOUT(F, subject_uid, tell_text, TLS_FACT_SUBJECT, "UID", "Subject, user id,")                 \
    ABOUT(F, san_email, tell_text, TLS_FACT_SAN_EMAIL, NULL, "First e-mail address")               \
    ABOUT(F, san_hostname, tell_text, TLS_FACT_SAN_HOST, NULL, "First host name")                  \
    ABOUT(F, san_uri, tell_text, TLS_FACT_SAN_URI, NULL, "First URI")                              \
    ABOUT(F, san_ip, tell_text, TLS_FACT_SAN_IP, NULL, "First IP address")                         \
    ABOUT(F, notBefore, tell_text, TLS_FACT_NOT_BEFORE, NULL, "Begin")                             \
    ABOUT(F, notAfter, tell_text, TLS_FACT_NOT_AFTER, NULL, "End")                                 \
    ABOUT(F, raw_cert, tell_text, TLS_FACT_PEM, NULL, "PEM text")                                  \
    ABOUT(F, urlencoded_cert, tell_escaped, TLS_FACT_PEM, NULL, "PEM text, escaped,")

#define DEFINE(name, tell, fact, side, part, doc)                                                  \
    static enum err get_##name(const struct variable_use *use, struct value *out)                  \
    {                                                                                              \
        return tell(use, out, (struct tls_question){ fact, side, part });                          \
    }
FACTS(DEFINE)
#undef DEFINE

#define ROW(name_, tell, fact, side, part, doc_)                                                   \
    { .name = #name_, .get = get_##name_, .doc = doc_ },
const struct mod_variable tls_variables[] = { FACTS(ROW){ 0 } };
#undef ROW

/* ---- functions ---- */

static enum verdict is_peer_verified(struct call *call)
{
    const struct tls_question question = { .fact = TLS_FACT_VERIFIED };
    char text[8];
    struct writer w = writer_over(text, sizeof text);

    return verdict_if(!run_tls_fact(call->run, &question, &w) && str_eq(writer_text(&w), STR("1")));
}

const struct mod_function tls_functions[] = {
    { .name = "is_peer_verified",
      .run = is_peer_verified,
      .stages = STAGE_REQUEST,
      .doc = "True when the message came over TLS from a peer whose certificate is good." },
    { 0 },
};
