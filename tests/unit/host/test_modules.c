/* SPDX-License-Identifier: Apache-2.0 */
/* What the functions of modules do to a request: a row is a script, a request and what is sent. */
#include "testbed.h"

enum dialect {
    O, /* OpenSER */
    K, /* Kamailio */
};

struct row {
    const char *what;
    enum dialect dialect;
    const char *body;    /* of the main route */
    const char *ruri;    /* NULL: sip:bob@example.com */
    const char *contact; /* NULL: <sip:alice@10.0.0.1:5062;ob>;expires=60 */
    const char *headers; /* NULL: none */
    const char *content; /* NULL: a session description */
    const char *sent[4]; /* must be in what is sent first; "!text" must not */
};

#define HEAD                                                                                       \
    "loadmodule \"sl.so\"\nloadmodule \"tm.so\"\nloadmodule \"rr.so\"\n"                           \
    "loadmodule \"maxfwd.so\"\nloadmodule \"textops.so\"\nloadmodule \"xlog.so\"\n"                \
    "loadmodule \"nathelper.so\"\n"                                                                \
    "modparam(\"nathelper\", \"received_avp\", \"$avp(s:rcv)\")\n"

#define SCRIPT_OPENSER                                                                             \
    "#!OPENSER\n" HEAD "%sloadmodule \"gflags.so\"\nloadmodule \"statistics.so\"\nloadmodule \"diversion.so\"\n"                  \
    "loadmodule \"options.so\"\nmodparam(\"gflags\", \"initial\", 2)\n"                              \
    "modparam(\"statistics\", \"variable\", \"calls\")\nmodparam(\"diversion\", \"suffix\", \";x\")\n" \
    "loadmodule \"uri.so\"\nloadmodule \"mediaproxy.so\"\nroute {\n"            \
    "%s\n$du = \"sip:192.0.2.99\"; t_relay(); }\n"
#define SCRIPT_KAMAILIO                                                                            \
    "#!KAMAILIO\n" HEAD "%sloadmodule \"siputils.so\"\nloadmodule \"textopsx.so\"\nloadmodule \"sanity.so\"\n"                   \
    "modparam(\"sanity\", \"autodrop\", 0)\nrequest_route {\n"                                     \
    "%s\n$du = \"sip:192.0.2.99\"; t_relay(); }\n"

#define SDP                                                                                        \
    "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n"                      \
    "m=audio 4000 RTP/AVP 0\r\n"

#define ANSWER(text) text " exit;"
/* The return code and the Request-URI in a reply. */
#define TELL "append_to_reply(\"R: $rc $ru $du\\r\\n\"); sl_send_reply(\"200\", \"OK\"); exit;"

/* clang-format off */
static const struct row maxfwd_rows[] = {
    { "maxfwd takes a hop", K, "mf_process_maxfwd_header(\"10\");", .headers = "Max-Forwards: 5\r\n",
      .sent = { "INVITE ", "\r\nMax-Forwards: 4\r\n" } },
    { "maxfwd grants hops", K, "mf_process_maxfwd_header(\"10\"); append_hf(\"RC: $rc\\r\\n\");",
      .sent = { "\r\nMax-Forwards: 10\r\n", "\r\nRC: 2\r\n" } },
    { "maxfwd ends", K, "if (!mf_process_maxfwd_header(\"10\")) { sl_send_reply(\"483\", \"No\"); exit; }",
      .headers = "Max-Forwards: 0\r\n", .sent = { "SIP/2.0 483 " } },
    { "maxfwd lowers in Kamailio", K, "mf_process_maxfwd_header(\"10\");",
      .headers = "Max-Forwards: 200\r\n", .sent = { "\r\nMax-Forwards: 70\r\n" } },
    { "maxfwd leaves it in OpenSER", O, "mf_process_maxfwd_header(\"10\");",
      .headers = "Max-Forwards: 200\r\n", .sent = { "\r\nMax-Forwards: 199\r\n" } },
};

static const struct row nathelper_rows[] = {
    { "fix_nated_contact", O, "fix_nated_contact();",
      .sent = { "\r\nContact: <sip:alice@192.0.2.1:1024;ob>;expires=60\r\n" } },
    { "fix_nated_contact twice", O, "fix_nated_contact(); if (!fix_nated_contact()) append_hf(\"N: 1\\r\\n\");",
      .sent = { "\r\nContact: <sip:alice@192.0.2.1:1024;ob>;expires=60\r\n", "\r\nN: 1\r\n" } },
    { "fix_contact of an address that is right", O, "if (fix_contact()) append_hf(\"Y: 1\\r\\n\");",
      .contact = "<sip:alice@192.0.2.1:9>", .sent = { "\r\nContact: <sip:alice@192.0.2.1:9>\r\n", "\r\nY: 1\r\n" } },
    { "fix_contact", O, "fix_contact();",
      .sent = { "\r\nContact: <sip:alice@192.0.2.1:1024;ob>;expires=60\r\n" } },
    { "client_nat_test", O, "if (client_nat_test(\"7\") && client_nat_test(\"1\") && !client_nat_test(\"8\")) append_hf(\"Y: 1\\r\\n\");",
      .sent = { "\r\nY: 1\r\n" } },
    { "add_contact_alias", K, "add_contact_alias(); append_hf(\"RC: $rc\\r\\n\");",
      .sent = { "<sip:alice@10.0.0.1:5062;alias=192.0.2.1~1024~1;ob>;expires=60\r\n", "\r\nRC: 1\r\n" } },
    { "add_contact_alias of a bare URI", K, "add_contact_alias();", .contact = "sip:alice@10.0.0.1;expires=1",
      .sent = { "\r\nContact: <sip:alice@10.0.0.1;alias=192.0.2.1~1024~1>;expires=1\r\n" } },
    { "add_contact_alias of a Contact that is right", K, "add_contact_alias(); append_hf(\"RC: $rc\\r\\n\");",
      .contact = "<sip:alice@192.0.2.1:1024>", .sent = { "\r\nRC: 2\r\n", "!alias" } },
    { "add_contact_alias twice", K, "add_contact_alias(); if (!add_contact_alias()) append_hf(\"N: 1\\r\\n\");",
      .sent = { "\r\nN: 1\r\n" } },
    { "add_contact_alias of another address", K, "add_contact_alias(\"2001:db8::1\", \"99\", \"tcp\");",
      .sent = { ";alias=[2001:db8::1]~99~2;ob>" } },
    { "set_contact_alias", K, "set_contact_alias();",
      .sent = { "<sip:alice@10.0.0.1:5062;ob;alias=192.0.2.1~1024~1>;expires=60\r\n" } },
    { "set_contact_alias in place of another", K, "set_contact_alias(\"1\");",
      .contact = "<sip:a@10.0.0.1;alias=1.1.1.1~1~1;x>", .sent = { "<sip:a@10.0.0.1;x;alias=192.0.2.1~1024~1>\r\n" } },
    { "fix and alias together", K, "fix_nated_contact(); set_contact_alias();",
      .sent = { "<sip:alice@192.0.2.1:1024;ob;alias=192.0.2.1~1024~1>;expires=60\r\n" } },
    { "handle_ruri_alias", K, "handle_ruri_alias(); " TELL, .ruri = "sip:bob@h;alias=2.2.2.2~5062~2;y=1",
      .sent = { "\r\nR: 1 sip:bob@h;y=1 sip:2.2.2.2:5062;transport=tcp\r\n" } },
    { "handle_ruri_alias takes the last", K, "handle_ruri_alias(\"1\"); " TELL,
      .ruri = "sip:bob@h;alias=2.2.2.2~5062~1;alias=3.3.3.3~7~1",
      .sent = { "\r\nR: 1 sip:bob@h;alias=2.2.2.2~5062~1 sip:3.3.3.3:7\r\n" } },
    { "handle_ruri_alias without one", K, "handle_ruri_alias(); " TELL, .sent = { "\r\nR: 2 sip:bob@example.com " } },
    { "a broken alias", K, "handle_ruri_alias(); " TELL, .ruri = "sip:bob@h;alias=2.2.2.2~70000~1",
      .sent = { "\r\nR: -1 sip:bob@h;alias=2.2.2.2~70000~1 " } },
    { "add_rcv_param", O, "add_rcv_param();", .sent = { ";ob>;expires=60;received=\"sip:192.0.2.1:1024\"\r\n" } },
    { "add_rcv_param in the URI", K, "add_rcv_param(\"1\");", .sent = { ";ob;received=sip:192.0.2.1:1024>;expires=60\r\n" } },
    { "add_rcv_param in the URI of OpenSER", O, "add_rcv_param(\"1\");",
      .sent = { ";ob;received=\"sip:192.0.2.1:1024\">;expires=60\r\n" } },
    { "fix_nated_register", K, "fix_nated_register(); append_to_reply(\"A: $avp(s:rcv)\\r\\n\"); " TELL,
      .sent = { "\r\nA: sip:192.0.2.1:1024\r\n" } },
    { "is_rfc1918", K, "if (is_rfc1918(\"10.1.1.1\") && !is_rfc1918(\"9.1.1.1\") && !is_rfc1918(\"x\")) append_hf(\"Y: 1\\r\\n\");",
      .sent = { "\r\nY: 1\r\n" } },
    { "fix_nated_sdp", O, "fix_nated_sdp(\"3\");",
      .sent = { "\r\nc=IN IP4 192.0.2.1\r\n", "\r\no=- 1 1 IN IP4 10.0.0.1\r\n", "a=direction:active\r\n", "a=oldmediaip:10.0.0.1\r\n" } },
    { "fix_nated_sdp with an address", O, "fix_nated_sdp(\"10\", \"9.9.9.9\");",
      .sent = { "\r\nc=IN IP4 9.9.9.9\r\n", "\r\no=- 1 1 IN IP4 9.9.9.9\r\n", "!direction" } },
    { "fix_nated_sdp adds to itself", O, "fix_nated_sdp(\"2\"); fix_nated_sdp(\"4\");",
      .sent = { "\r\nc=IN IP4 192.0.2.1\r\n", "a=nortpproxy:yes\r\n" } },
    { "fix_nated_sdp of a text", O, "if (!fix_nated_sdp(\"1\")) append_hf(\"N: 1\\r\\n\");",
      .headers = "Content-Type: text/plain\r\n", .content = "hello", .sent = { "\r\nN: 1\r\n", "!direction" } },
};

static const struct row textops_rows[] = {
    { "append_hf", O, "append_hf(\"A: 1\\r\\n\"); append_hf(\"B: $rU\");", .sent = { "\r\nA: 1\r\nB: bob\r\n\r\nv=0" } },
    { "append_hf behind a header", O, "append_hf(\"A: 1\\r\\n\", \"From\");", .sent = { "tag=a1\r\nA: 1\r\n" } },
    { "append_hf refuses what breaks the message", O, "append_hf(\"A: 1\\r\\n\\r\\nv=1\"); append_hf(\"no header\");",
      .sent = { "!A: 1", "!no header" } },
    { "insert_hf before a header", O, "insert_hf(\"A: 1\\r\\n\", \"Call-ID\");", .sent = { "\r\nA: 1\r\nCall-ID: " } },
    { "append_urihf", O, "append_urihf(\"U: <\", \">\\r\\n\");", .sent = { "\r\nU: <sip:bob@example.com>\r\n" } },
    { "remove_hf", O, "if (remove_hf(\"x-a\")) append_hf(\"Y: 1\\r\\n\"); if (!remove_hf(\"X-C\")) append_hf(\"N: 1\\r\\n\");",
      .headers = "X-A: 1\r\nX-B: 2\r\nX-A: 3\r\n", .sent = { "!X-A:", "\r\nX-B: 2\r\n", "\r\nY: 1\r\n", "\r\nN: 1\r\n" } },
    { "remove_hf by compact name", O, "remove_hf(\"s\");", .headers = "Subject: x\r\n", .sent = { "!Subject" } },
    { "remove_hf_re", K, "remove_hf_re(\"^X-\");", .headers = "X-A: 1\r\nX-B: 2\r\nY-C: 3\r\n", .sent = { "!X-", "\r\nY-C: 3\r\n" } },
    { "remove_hf_exp", K, "remove_hf_exp(\"^X-\", \"B\");", .headers = "X-A: 1\r\nX-B: 2\r\n", .sent = { "!X-A", "\r\nX-B: 2\r\n" } },
    { "remove_hf_idx", K, "remove_hf_idx(\"X-A\", \"-1\");", .headers = "X-A: 1\r\nX-A: 2\r\n", .sent = { "\r\nX-A: 1\r\n", "!X-A: 2" } },
    { "remove_hf_match", K, "remove_hf_match(\"X-A\", \"eq\", \"2\");", .headers = "X-A: 1\r\nX-A: 2\r\n", .sent = { "\r\nX-A: 1\r\n", "!X-A: 2" } },
    { "keep_hf", K, "keep_hf(\"X-B\");", .headers = "X-A: 1\r\nX-B: 2\r\nSubject: s\r\n", .sent = { "!X-A", "!Subject", "\r\nX-B: 2\r\n", "\r\nContact: " } },
    { "replace", O, "replace(\"Pho[a-z]*\", \"Box\");", .headers = "User-Agent: Phone/1 Phone\r\n", .sent = { "\r\nUser-Agent: Box/1 Phone\r\n" } },
    { "replace_all", O, "replace_all(\"phone\", \"Box\");", .headers = "User-Agent: Phone/1 Phone\r\n", .sent = { "\r\nUser-Agent: Box/1 Box\r\n" } },
    { "replace_body", O, "replace_body_all(\"10.0.0.1\", \"192.0.2.1\");",
      .sent = { "\r\no=- 1 1 IN IP4 192.0.2.1\r\n", "\r\nc=IN IP4 192.0.2.1\r\n", "Content-Length: 87\r\n" } },
    { "replace_str", K, "replace_str(\"Phone\", \"Box\", \"a\");", .headers = "User-Agent: Phone/1 Phone\r\n", .sent = { "\r\nUser-Agent: Box/1 Box\r\n" } },
    { "search", O, "if (search(\"^x-a: *1\") && !search(\"^X-A: 2\") && search_body(\"^m=audio\") && !search_body(\"X-A\")) append_hf(\"Y: 1\\r\\n\");",
      .headers = "X-A: 1\r\n", .sent = { "\r\nY: 1\r\n" } },
    { "search_hf", K, "if (search_hf(\"X-A\", \"2\", \"l\") && !search_hf(\"X-A\", \"2\", \"f\") && search_hf(\"X-A\", \"1\", \"a\")) append_hf(\"Y: 1\\r\\n\");",
      .headers = "X-A: 1\r\nX-A: 2\r\n", .sent = { "\r\nY: 1\r\n" } },
    { "search_append", O, "search_append(\"X-A: 1\", \"2\");", .headers = "X-A: 1\r\n", .sent = { "\r\nX-A: 12\r\n" } },
    { "subst", O, "subst('/^X-A:(.*)one(.*)$/X-A:\\1two-$rU\\2/ig');", .headers = "X-A: (one)\r\n", .sent = { "\r\nX-A: (two-bob)\r\n" } },
    { "subst minds case", O, "if (!subst('/ONE/two/')) append_hf(\"N: 1\\r\\n\");", .headers = "X-A: one\r\n", .sent = { "\r\nX-A: one\r\n", "\r\nN: 1\r\n" } },
    { "subst with another separator", O, "subst('!http://!https://!');", .headers = "X-A: http://a\r\n", .sent = { "\r\nX-A: https://a\r\n" } },
    { "subst_body", O, "subst_body('/^(m=audio) [0-9]+/\\1 9/');", .sent = { "\r\nm=audio 9 RTP" } },
    { "subst_hf", K, "subst_hf(\"X-A\", \"/o/0/g\", \"a\");", .headers = "X-A: foo\r\nX-B: foo\r\nX-A: o\r\n", .sent = { "\r\nX-A: f00\r\nX-B: foo\r\nX-A: 0\r\n" } },
    { "subst_user", O, "subst_user('/^b(.*)$/B-\\1/'); " TELL, .sent = { "\r\nR: 1 sip:B-ob@example.com " } },
    { "subst_uri", O, "subst_uri('/@(.*)$/@new.\\1/'); " TELL, .sent = { "\r\nR: 1 sip:bob@new.example.com " } },
    { "is_method", K, "if (is_method(\"BYE|INVITE\") && !is_method(\"ACK\") && !is_method(\"INVITED\")) append_hf(\"Y: 1\\r\\n\");", .sent = { "\r\nY: 1\r\n" } },
    { "has_body", K, "if (has_body() && has_body(\"application/sdp\") && !has_body(\"text/plain\")) append_hf(\"Y: 1\\r\\n\");", .sent = { "\r\nY: 1\r\n" } },
    { "has_body without one", K, "if (!has_body()) append_hf(\"N: 1\\r\\n\");", .content = "", .sent = { "\r\nN: 1\r\n" } },
    { "is_present_hf", O, "if (is_present_hf(\"x-a\") && !is_present_hf(\"X\")) append_hf(\"Y: 1\\r\\n\");", .headers = "X-A: 1\r\n", .sent = { "\r\nY: 1\r\n" } },
    { "is_privacy", O, "if (is_privacy(\"id\") && !is_privacy(\"user\")) append_hf(\"Y: 1\\r\\n\");", .headers = "Privacy: header;id\r\n", .sent = { "\r\nY: 1\r\n" } },
    { "set_body", K, "set_body(\"hi $rU\", \"text/plain\");", .sent = { "\r\nContent-Type: text/plain\r\n", "\r\nContent-Length: 6\r\n", "\r\n\r\nhi bob" } },
    { "set_body where there was none", K, "set_body(\"hi\", \"text/plain\");", .content = "", .sent = { "\r\nContent-Type: text/plain\r\n", "\r\nContent-Length: 2\r\n", "\r\n\r\nhi" } },
    { "remove_body", K, "remove_body();", .headers = "Content-Type: application/sdp\r\n", .sent = { "!v=0", "!Content-Type", "\r\nContent-Length: 0\r\n" } },
    { "filter_body", O, "filter_body(\"application/sdp\");", .headers = "Content-Type: multipart/mixed;boundary=\"b 1\"\r\n",
      .content = "--b 1\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b 1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--b 1--\r\n",
      .sent = { "\r\nContent-Type: application/sdp\r\n", "\r\n\r\nv=0\r\n", "!--b" } },
    { "append_time", O, "append_time(); " TELL, .sent = { "\r\nDate: Sun, 09 Sep 2001 01:46:40 GMT\r\n" } },
    { "texts", K, "if (in_list(\"b\", \"a,b\", \",\") && !in_list(\"c\", \"a,b\", \",\") && in_list_prefix(\"bc\", \"a, b\", \",\")"
                  " && cmp_str(\"a\", \"a\") && cmp_istr(\"A\", \"a\") && starts_with(\"$rU\", \"bo\") && ends_with(\"$rU\", \"ob\")"
                  " && str_find(\"abc\", \"b\") && str_ifind(\"ABC\", \"b\") && search_str(\"abc\", \"^a.c$\") && fnmatch(\"abc\", \"a*\"))"
                  " append_hf(\"Y: 1\\r\\n\");", .sent = { "\r\nY: 1\r\n" } },
};

static const struct row textopsx_rows[] = {
    { "changes become the message", K, "$ru = \"sip:n@m\"; append_hf(\"A: 1\\r\\n\"); msg_apply_changes(); append_hf(\"B: $hdr(A) $ou\\r\\n\"); remove_hf(\"A\");",
      .sent = { "INVITE sip:n@m SIP/2.0\r\n", "\r\nB: 1 sip:n@m\r\n", "!\r\nA: 1", "Content-Length: 85\r\n" } },
    { "what a message is known by stays", K, "remove_hf(\"Call-ID\"); append_hf(\"Call-ID: other\\r\\n\"); if (!msg_apply_changes()) { " TELL " }",
      .sent = { "\r\nR: -1 ", "\r\nCall-ID: call-1\r\n" } },
    { "a message without From is none", K, "remove_hf(\"From\"); if (!msg_apply_changes()) { " TELL " }", .sent = { "\r\nR: -1 " } },
    { "the same with a transaction", K, "t_newtran(); append_hf(\"A: 1\\r\\n\"); msg_apply_changes(); append_to_reply(\"X: $hdr(A)\\r\\n\"); t_reply(\"404\", \"No\"); exit;",
      .sent = { "SIP/2.0 404 No\r\n", "\r\nX: 1\r\n", "branch=z9hG4bK1" } },
    { "a body that was anchored once", K, "set_body(\"hi\", \"text/plain\"); msg_apply_changes(); append_hf(\"L: $cl $rb\\r\\n\");",
      .sent = { "\r\nL: 2 hi\r\n", "\r\nContent-Length: 2\r\n", "\r\n\r\nhi" } },
    { "applying without end ends", K, "while (1) { append_hf(\"A: 0123456789012345678901234567890123456789\\r\\n\"); if (!msg_apply_changes()) { " TELL " } }",
      .sent = { "SIP/2.0 500 Server Internal Error\r\n" } },
    { "a new message in place", K, "if (!msg_set_buffer(\"INVITE sip:a@b SIP/2.0\\r\\n\\r\\n\")) { " TELL " }", .sent = { "\r\nR: -1 " } },
    { "its very self in place", K, "msg_set_buffer(\"$mb\"); " TELL, .sent = { "\r\nR: 1 " } },
    { "not after it was sent", K, "$du = \"sip:192.0.2.99\"; t_relay(); if (msg_apply_changes()) append_hf(\"Y: 1\\r\\n\"); exit;",
      .sent = { "INVITE sip:bob@example.com " } },
};

static const struct row small_rows[] = {
    { "a part is taken out", K, "get_body_part(\"application/sdp\", \"$var(p)\"); if ($var(p) == \"v=0\") append_hf(\"Y: 1\\r\\n\"); remove_body_part(\"application/sdp\");",
      .headers = "Content-Type: multipart/mixed;boundary=b\r\n",
      .content = "--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b--\r\n",
      .sent = { "\r\nY: 1\r\n", "\r\n\r\nhi\r\n--b--\r\n", "!v=0" } },
    { "a body becomes a multipart", K, "set_body_multipart(); msg_apply_changes(); append_body_part(\"x\", \"text/plain\", \"render\");",
      .headers = "Content-Type: application/sdp\r\n",
      .sent = { "multipart/mixed;boundary=\"unique-boundary-1\"\r\n", "\r\n\r\n--unique-boundary-1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n",
                "Content-Disposition: render\r\n\r\nx\r\n--unique-boundary-1--\r\n" } },
    { "a boundary that stands in the text", K, "if (!set_body_multipart(\"a bound b\", \"text/plain\", \"bound\")) append_hf(\"N: 1\\r\\n\");", .sent = { "\r\nN: 1\r\n" } },
    { "a part's type that ends its line", K, "if (!set_body_multipart(\"a\", \"text/plain\\r\\nX: 1\", \"b\")) append_hf(\"N: 1\\r\\n\");", .sent = { "\r\nN: 1\r\n", "!X: 1" } },
    { "set_reply_body", K, "set_reply_body(\"no $rU\", \"text/plain\"); t_newtran(); t_reply(\"404\", \"No\"); exit;",
      .sent = { "SIP/2.0 404 No\r\n", "\r\nContent-Type: text/plain\r\n", "\r\nContent-Length: 6\r\n", "\r\n\r\nno bob" } },
    { "set_reply_body of a type that ends its line", K, "if (!set_reply_body(\"x\", \"text/plain\\r\\n\\r\\nv=1\")) append_hf(\"N: 1\\r\\n\");", .sent = { "\r\nN: 1\r\n" } },
    { "contacts hidden and found again", K, "encode_contact(\"out\", \"203.0.113.1\"); " , .sent = { "\r\nContact: <sip:out*alice**10.0.0.1*5062*@203.0.113.1>;expires=60\r\n" } },
    { "decode_contact", K, "decode_contact(); " TELL, .ruri = "sip:out*alice**10.0.0.1*5062*tcp@203.0.113.1", .sent = { "\r\nR: 1 sip:alice@10.0.0.1:5062;transport=tcp " } },
    { "decode_contact of something else", K, "decode_contact(); " TELL, .ruri = "sip:a*b@h", .sent = { "\r\nR: -26 sip:a*b@h " } },
    { "a hidden URI that is none", K, "contact_param_decode_ruri(\"e\"); " TELL, .ruri = "sip:h;e=AAAA", .sent = { "\r\nR: -1 sip:h;e=AAAA " } },
    { "statistics, gflags, diversion of OpenSER", O, "update_stat(\"calls\", \"+2\"); if (is_gflag(\"1\") && !is_gflag(\"0\")) add_diversion(\"no-answer\");",
      .sent = { "\r\nDiversion: <sip:bob@example.com>;reason=no-answer;x\r\n" } },
    { "options_reply is for OPTIONS", O, "if (!options_reply()) append_hf(\"N: 1\\r\\n\");", .ruri = "sip:203.0.113.1", .sent = { "\r\nN: 1\r\n" } },
};

static const struct row uri_rows[] = {
    { "tel2sip", O, "tel2sip(); " TELL, .ruri = "tel:+358-555-1234567;x=1",
      .sent = { "\r\nR: 1 sip:+3585551234567;x=1@example.org;user=phone " } },
    { "tel2sip of Kamailio", K, "tel2sip(\"tel:+1-2.3\", \"h\", \"$var(x)\"); append_hf(\"X: $var(x)\\r\\n\");",
      .sent = { "\r\nX: sip:+123@h;user=phone\r\n" } },
    { "uri_param", O, "if (!uri_param(\"x\") && uri_param(\"z\") && uri_param(\"x\", \"1\") && !uri_param(\"x\", \"2\") && !uri_param(\"y\")) append_hf(\"Y: 1\\r\\n\");",
      .ruri = "sip:bob@example.com;x=1;z", .sent = { "\r\nY: 1\r\n" } },
    { "add_uri_param", O, "add_uri_param(\"y=2\"); " TELL, .ruri = "sip:bob@h;x=1", .sent = { " sip:bob@h;x=1;y=2 " } },
    { "uri_param_rm", K, "uri_param_rm(\"x\"); " TELL, .ruri = "sip:bob@h;x=1;y", .sent = { "\r\nR: 1 sip:bob@h;y " } },
    { "get_uri_param", K, "get_uri_param(\"x\", \"$var(v)\"); append_hf(\"X: $var(v)\\r\\n\");", .ruri = "sip:bob@h;x=1",
      .sent = { "\r\nX: 1\r\n" } },
    { "has_totag", O, "if (!has_totag()) append_hf(\"N: 1\\r\\n\");", .sent = { "\r\nN: 1\r\n" } },
    { "is_user", O, "if (is_user(\"alice\") && !is_user(\"bob\")) append_hf(\"Y: 1\\r\\n\");",
      .headers = "Proxy-Authorization: Digest username=\"alice@x\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", response=\"0\"\r\n",
      .sent = { "\r\nY: 1\r\n" } },
    { "questions", K, "$var(n) = \"+4912345\"; if (is_e164(\"$var(n)\") && is_uri(\"sip:a@b\") && !is_uri(\"a\") && cmp_uri(\"sip:a@B\", \"sip:a@b\")"
                      " && cmp_aor(\"sip:a@b\", \"sip:a@B;x\") && cmp_hdr_name(\"f\", \"From\") && is_request() && !is_reply()"
                      " && is_tel_number(\"+12\") && is_numeric(\"12\") && !is_numeric(\"1a\") && is_alphanum(\"1a\")"
                      " && is_alphanumex(\"1-a\", \"-\") && is_first_hop() && is_supported(\"path\") && !is_supported(\"timer\"))"
                      " append_hf(\"Y: 1\\r\\n\");", .headers = "Supported: 100rel, path\r\n", .sent = { "\r\nY: 1\r\n" } },
    { "set_uri_user", K, "$var(u) = \"sip:a@b;x\"; set_uri_user(\"$var(u)\", \"c\"); set_uri_host(\"$var(u)\", \"d\"); append_hf(\"X: $var(u)\\r\\n\");",
      .sent = { "\r\nX: sip:c@d;x\r\n" } },
};

static const struct row rr_rows[] = {
    { "record_route", O, "record_route();", .sent = { "\r\nRecord-Route: <sip:203.0.113.1;lr;ftag=a1>\r\n" } },
    { "record_route with parameters", O, "add_rr_param(\";a=1\"); record_route(\";b=2\");",
      .sent = { "\r\nRecord-Route: <sip:203.0.113.1;lr;ftag=a1;a=1;b=2>\r\n" } },
    { "record_route twice", O, "record_route(); if (!record_route()) append_hf(\"N: 1\\r\\n\");", .sent = { "\r\nN: 1\r\n" } },
    { "record_route_preset", K, "record_route_preset(\"9.9.9.9:5099;x\");", .sent = { "\r\nRecord-Route: <sip:9.9.9.9:5099;x;lr;ftag=a1>\r\n" } },
    { "add_rr_param refuses what breaks the header", O, "record_route(); if (!add_rr_param(\"a=1\")) append_hf(\"N: 1\\r\\n\");", .sent = { "\r\nN: 1\r\n" } },
    { "loose_route", O, "if (loose_route() && check_route_param(\"nat=yes\") && is_direction(\"downstream\")) { " TELL " }",
      .headers = "Route: <sip:203.0.113.1;lr;ftag=a1;nat=yes>, <sip:192.0.2.7;lr>\r\n", .sent = { "\r\nR: 1 sip:bob@example.com " } },
    { "loose_route upstream", O, "if (loose_route() && is_direction(\"upstream\") && !is_direction(\"downstream\")) { " TELL " }",
      .headers = "Route: <sip:203.0.113.1;lr;ftag=b2>, <sip:192.0.2.7;lr>\r\n", .sent = { "\r\nR: -1 sip:bob@example.com " } },
    { "no Route", O, "if (!loose_route()) append_hf(\"N: 1\\r\\n\");", .sent = { "\r\nN: 1\r\n" } },
};

/* A script of its own with the files of rules and of addresses that write_files() makes. */
#define PERMISSIONS                                                                                \
    "loadmodule \"permissions.so\"\n"                                                             \
    "modparam(\"permissions\", \"address_file\", \"addresses\")\n"                 \
    "modparam(\"permissions\", \"load_backends\", 13)\n"                                           \
    "modparam(\"permissions\", \"peer_tag_avp\", \"$avp(s:tag)\")\n"

#define IF(condition) "if (" condition ") append_hf(\"Y: 1\\r\\n\"); append_hf(\"RC: $rc $avp(s:tag)\\r\\n\");"
#define YES { "\r\nY: 1\r\n" }
#define NO { "!Y: 1" }
#define RULES "\"rules\""

/* What Kamailio 5.6 answers with these files. */
static const struct row permissions_rows[] = {
    { "allow_uri compares the URI as it stands", K, IF("allow_uri(" RULES ", \"sip:plain@host\")"), .sent = YES },
    { "allow_uri with port and parameter", K, IF("allow_uri(" RULES ", \"sip:plain@host:5070;x=1\")"), .sent = NO },
    { "allow_uri of another scheme", K, IF("allow_uri(" RULES ", \"tel:123\")"), .sent = YES },
    { "EXCEPT takes out", K, IF("allow_uri(" RULES ", \"sip:exc@yes\") && !allow_uri(" RULES ", \"sip:exc@not\")"), .sent = YES },
    { "case does not matter", K, IF("allow_uri(" RULES ", \"SIP:Plain@HOST\")"), .sent = YES },
    { "a line that is no rule is left out", K, IF("allow_uri(" RULES ", \"sip:broken@h\")"), .sent = NO },
    { "files that are not there allow", K, IF("allow_uri(\"none\", \"$ru\") && allow_routing()"), .sent = YES },
    { "allow_routing compares user and host", K, IF("allow_routing(" RULES ")"),
      .ruri = "sip:plain:pw@host:5070;x=1", .sent = YES },
    { "allow_routing denies", K, IF("allow_routing(" RULES ")"), .sent = NO },
    { "allow_routing looks at all targets", K, "append_branch(\"sip:b@h\"); " IF("allow_routing(" RULES ")"),
      .ruri = "sip:plain@host", .sent = NO },
    { "allow_routing with two files", O, IF("allow_routing(\"rules.allow\", \"rules.deny\")"),
      .ruri = "sip:plain@host", .sent = YES },
    { "allow_routing with an empty allow file", O, IF("allow_routing(\"none\", \"rules.deny\")"),
      .ruri = "sip:plain@host", .sent = NO },
    { "allow_register compares user and host", O, IF("allow_register(" RULES ")"),
      .contact = "<sip:plain@host:5099;transport=tcp>", .sent = YES },
    { "allow_register looks at all contacts", O, IF("allow_register(" RULES ")"),
      .contact = "<sip:plain@host>, <sip:x@h>", .sent = NO },
    { "allow_register of all", O, IF("allow_register(" RULES ")"), .contact = "*", .sent = YES },
    { "allow_refer_to", O, IF("allow_refer_to(" RULES ")"), .headers = "Refer-To: <sip:plain@host;x>\r\n", .sent = YES },
    { "allow_source_address", K, IF("allow_source_address()"), .sent = { "\r\nY: 1\r\n", "\r\nRC: 1 one\r\n" } },
    { "allow_source_address of another group", K, IF("allow_source_address(\"2\")"), .sent = NO },
    { "allow_source_address of OpenSER", O, IF("allow_source_address(\"1\") && !allow_source_address(\"0\")"), .sent = YES },
    { "allow_source_address_group", K, "allow_source_address_group(); append_hf(\"RC: $rc\\r\\n\");", .sent = { "\r\nRC: 1\r\n" } },
    { "allow_address in a network", K, IF("allow_address(\"2\", \"10.2.3.4\", \"5060\") && allow_address(6, \"[2001:db8::1]\", 1)"), .sent = YES },
    { "an address without a mask", K, IF("allow_address(\"10\", \"2001:db9::1\", \"1\") && !allow_address(\"10\", \"2001:db9::2\", \"1\")"), .sent = YES },
    { "allow_address minds the port", K, IF("allow_address(\"3\", \"10.1.2.3\", \"5070\") && !allow_address(\"3\", \"10.1.2.3\", \"5071\") && !allow_address(\"3\", \"10.1.2.3\", \"0\")"), .sent = YES },
    { "allow_address of a name", K, IF("allow_address(\"5\", \"host.example.com\", \"1\") && !allow_address(\"5\", \"other\", \"1\")"), .sent = YES },
    { "allow_address of OpenSER", O, "set_address_group(\"2\"); " IF("allow_address(\"$avp(s:ip)\", \"5060\")"), .sent = NO },
    { "allow_address of the chosen group", O, "$avp(s:ip) = \"10.2.3.4\"; set_address_group(\"2\"); " IF("allow_address(\"$avp(s:ip)\", \"5060\")"),
      .sent = { "\r\nY: 1\r\n", "\r\nRC: 1 two\r\n" } },
    { "the later of two equal addresses", K, "allow_address_group(\"10.1.2.3\", \"5070\"); append_hf(\"RC: $rc\\r\\n\");", .sent = { "\r\nRC: 8\r\n" } },
    { "the network of the lowest group", K, "allow_address_group(\"10.1.9.9\", \"5071\"); append_hf(\"RC: $rc\\r\\n\");", .sent = { "\r\nRC: 2\r\n" } },
    { "another port leaves the network", K, "allow_address_group(\"10.9.9.9\", \"1\"); append_hf(\"RC: $rc\\r\\n\");", .sent = { "\r\nRC: 2\r\n" } },
    { "in no group", K, "allow_address_group(\"11.0.0.1\", \"1\"); append_hf(\"RC: $rc\\r\\n\");", .sent = { "\r\nRC: -1\r\n" } },
    { "no trusted peers", K, IF("allow_trusted() || allow_trusted(\"192.0.2.1\", \"udp\")"), .sent = NO },
};

static const struct row other_rows[] = {
    { "sl_send_reply", O, ANSWER("sl_send_reply(\"404\", \"No $rU\");"), .sent = { "SIP/2.0 404 No bob\r\n" } },
    { "a status from a variable", O, "$avp(s:c) = \"486\"; " ANSWER("sl_send_reply(\"$avp(s:c)\", \"x\");"), .sent = { "SIP/2.0 486 x\r\n" } },
    { "no status", O, ANSWER("sl_send_reply(\"abc\", \"x\");"), .sent = { "SIP/2.0 500 Internal Server Error\r\n" } },
    { "a redirection tells the targets", K, "$ru = \"sip:c@d\"; append_branch(\"sip:e@f\", \"0.5\"); " ANSWER("sl_send_reply(\"302\", \"Moved\");"),
      .sent = { "SIP/2.0 302 Moved\r\n", "\r\nContact: <sip:c@d>, <sip:e@f>;q=0.500\r\n" } },
    { "a redirection of OpenSER does not", O, "$ru = \"sip:c@d\"; " ANSWER("sl_send_reply(\"302\", \"Moved\");"), .sent = { "SIP/2.0 302 Moved\r\n", "!Contact:" } },
    { "t_reply needs a transaction", O, "if (!t_reply(\"404\", \"x\")) append_hf(\"N: 1\\r\\n\");", .sent = { "\r\nN: 1\r\n" } },
    { "t_newtran and t_reply", O, "t_newtran(); " ANSWER("t_reply(\"404\", \"x\");"), .sent = { "SIP/2.0 404 x\r\n" } },
    { "t_relay to an address", O, ANSWER("t_relay(\"udp:192.0.2.55:5099\");"), .sent = { "INVITE sip:bob@example.com " } },
    { "t_relay flags", O, "$du = \"sip:192.0.2.99\"; " ANSWER("t_relay(\"0x01\");"), .sent = { "INVITE sip:bob@example.com " } },
    { "t_is_set", K, "if (!t_is_set(\"failure_route\")) append_hf(\"N: 1\\r\\n\");", .sent = { "\r\nN: 1\r\n" } },
    { "sanity_check", K, "if (sanity_check(\"17895\", \"7\")) append_hf(\"Y: 1\\r\\n\");", .sent = { "\r\nY: 1\r\n" } },
    { "sanity_check of Proxy-Require", K, "if (!sanity_check()) exit;", .headers = "Proxy-Require: foo\r\n", .sent = { "SIP/2.0 420 Bad Extension\r\n", "\r\nUnsupported: foo\r\n" } },
    { "sanity_check of a scheme", K, "if (!sanity_check()) exit;", .ruri = "mailto:a@b", .sent = { "SIP/2.0 416 " } },
    { "xlog", K, "xlog(\"L_DBG\", \"$ru\\n\"); xdbg(\"x\"); xlog(\"3\", \"y\"); if (!xlog(\"L_X\", \"z\")) append_hf(\"N: 1\\r\\n\");", .sent = { "\r\nN: 1\r\n" } },
};

/* clang-format on */

static void write_request(const struct row *row, char *buffer, size_t size)
{
    const char *content = row->content ? row->content : SDP;

    snprintf(buffer, size,
             "INVITE %s SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5062;branch=z9hG4bK1\r\n"
             "From: \"Alice\" <sip:alice@example.org>;tag=a1\r\nTo: <sip:bob@example.com>\r\n"
             "Call-ID: call-1\r\nCSeq: 7 INVITE\r\nContact: %s\r\n%sContent-Length: %zu\r\n\r\n%s",
             row->ruri ? row->ruri : "sip:bob@example.com",
             row->contact ? row->contact : "<sip:alice@10.0.0.1:5062;ob>;expires=60",
             row->headers ? row->headers : "", strlen(content), content);
}

/* Everything but the 100 that a transaction begins with. */
static const char *first_sent(const struct testbed *bed)
{
    for (unsigned i = 0; i < bed->sent_count; i++) {
        if (strncmp(bed->sent[i].bytes, "SIP/2.0 100", 11) != 0)
            return bed->sent[i].bytes;
    }
    return NULL;
}

static void check_sent(const struct row *row, const char *sent)
{
    if (!sent)
        fail_msg("%s: nothing was sent", row->what);
    for (size_t i = 0; i < ROWS(row->sent) && row->sent[i]; i++) {
        const char *wanted = row->sent[i];
        bool is_unwanted = wanted[0] == '!';
        if ((strstr(sent, wanted + is_unwanted) == NULL) != is_unwanted)
            fail_msg("%s: %s\nin\n%s", row->what, wanted, sent);
    }
}

/* `head`: lines for the top of each script. */
static void run_rows(const char *head, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *frame = rows[i].dialect == O ? SCRIPT_OPENSER : SCRIPT_KAMAILIO;
        char script[8192], request[4096];
        struct testbed *bed;

        snprintf(script, sizeof script, frame, head, rows[i].body);
        write_request(&rows[i], request, sizeof request);
        bed = testbed_open(script);
        testbed_receive(bed, "192.0.2.1:1024", request);
        check_sent(&rows[i], first_sent(bed));
        testbed_close(bed);
    }
}

#define RUN(name, rows)                                                                            \
    static void name(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        run_rows("", rows, ROWS(rows));                                                                \
    }

RUN(test_maxfwd, maxfwd_rows)
RUN(test_nathelper_and_mediaproxy, nathelper_rows)
RUN(test_textops, textops_rows)
RUN(test_textopsx, textopsx_rows)
RUN(test_small_modules, small_rows)
RUN(test_uri_and_siputils, uri_rows)
RUN(test_rr, rr_rows)
RUN(test_sl_tm_sanity_xlog, other_rows)

/* ---- permissions, which reads files ---- */

static const struct {
    const char *name, *content;
} rule_files[] = {
    { "rules.allow", "# who may reach whom\n"
                     "\"^sip:alice@example.org$\", \"^sip:bob@example.com$\" : \"^sip:plain@host$\", \"^tel:123$\" # the usual\n"
                     "ALL EXCEPT \"^sip:mallory@\" : \"^sip:exc@\" EXCEPT \"^sip:exc@not\"\n"
                     "all : \"^sip:broken@\"\n"
                     "\"^sip:alice@example.org$\" : ALL EXCEPT ALL\n" },
    { "rules.deny", "ALL : ALL\n" },
    { "addresses", "# group address mask port tag\n"
                   "1 192.0.2.1 32 0 one\n"
                   "2 10.0.0.0 8 0 two\n"
                   "3 10.1.2.3 32 5070 three\n"
                   "5 host.example.com 32 0 five\n"
                   "6 2001:db8:: 32 0 six\n"
                   "7 10.1.0.0 16 0 seven\n"
                   "8 10.1.2.3 32 0 eight\n"
                   "9 10.9.9.9 32 5071 nine\n"
                   "10 2001:db9::1\n" },
};

static void write_files(void)
{
    for (size_t i = 0; i < ROWS(rule_files); i++) {
        FILE *file = fopen(rule_files[i].name, "w");
        assert_non_null(file);
        assert_true(fputs(rule_files[i].content, file) >= 0);
        assert_int_equal(fclose(file), 0);
    }
}

static void test_permissions(void **state)
{
    char folder[] = "/tmp/culvert-permissions-XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    write_files();
    run_rows(PERMISSIONS, permissions_rows, ROWS(permissions_rows));
    for (size_t i = 0; i < ROWS(rule_files); i++)
        assert_int_equal(unlink(rule_files[i].name), 0);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void be_silent(enum log_level level, int facility, const char *line)
{
    (void)facility;
    (void)level;
    (void)line;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maxfwd),  cmocka_unit_test(test_nathelper_and_mediaproxy),
        cmocka_unit_test(test_textopsx), cmocka_unit_test(test_small_modules),
        cmocka_unit_test(test_textops), cmocka_unit_test(test_uri_and_siputils),
        cmocka_unit_test(test_rr),      cmocka_unit_test(test_sl_tm_sanity_xlog),
        cmocka_unit_test(test_permissions),
    };

    log_set_sink(be_silent);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
