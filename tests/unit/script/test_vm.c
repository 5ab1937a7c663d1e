/* SPDX-License-Identifier: Apache-2.0 */
/* What each construct does in both dialects, told by the trace of a fake host. */
#include "fake_host.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

/*
 * The script is the body of the main route, or a whole file when it begins with '@'. At the end of
 * the trace: "=N" is what the route answered, "!" that the script was ended, "drop" that it
 * dropped. A dialect whose column is NULL must refuse the script.
 */
static const struct {
    const char *what;
    const char *script;
    const char *openser, *kamailio;
} rows[] = {
    /* ---- truth ---- */
    { "true command", "if (ok()) say(\"yes\"); else say(\"nay\");", "ok yes =1", "ok yes =1" },
    { "false command", "if (nope()) say(\"yes\"); else say(\"nay\");", "no nay =1", "no nay =1" },
    { "command answering 0 ends the script", "if (give(0)) say(\"a\"); say(\"b\");", "=0!", "=0!" },
    { "0 ends it as a statement too", "give(0); say(\"b\");", "=0!", "=0!" },
    { "negative statement is ignored", "give(-3); say(\"$rc\");", "-3 =1", "-3 =1" },
    { "any positive is true", "if (give(7)) say(\"yes\");", "yes =1", "yes =1" },
    { "not", "if (!nope()) say(\"yes\");", "no yes =1", "no yes =1" },
    { "not without blanks", "if!(nope()) say(\"yes\");", "no yes =1", "no yes =1" },
    { "not in front of parentheses", "if !(ok()) say(\"yes\"); else say(\"nay\");", "ok nay =1",
      "ok nay =1" },
    { "word operators", "if (not nope() and ok() or nope()) say(\"yes\");", "no ok yes =1",
      "no ok yes =1" },
    { "and stops", "if (nope() && ok()) say(\"yes\");", "no =1", "no =1" },
    { "or stops", "if (ok() || nope()) say(\"yes\");", "ok yes =1", "ok yes =1" },
    { "a || b && c: one level in OpenSER", "if (ok() || ok() && nope()) say(\"yes\");", "ok no =1",
      "ok yes =1" },
    { "a && b || c", "if (nope() && ok() || ok()) say(\"yes\");", "no ok yes =1", "no ok yes =1" },
    { "text zero as a condition", "$var(x) = \"0\"; if ($var(x)) say(\"yes\");", "yes =1", "=1" },
    { "text as a condition", "$var(x) = \"abc\"; if ($var(x)) say(\"yes\");", "yes =1", "=1" },
    { "number as a condition", "$var(x) = 0; if ($var(x)) say(\"yes\"); else say(\"nay\");",
      "nay =1", "nay =1" },
    { "empty text as a condition", "$var(x) = \"\"; if ($var(x)) say(\"yes\");", "=1", "=1" },
    { "null as a condition", "if ($du) say(\"yes\"); else say(\"nay\");", "nay =1", "nay =1" },
    { "literal as a condition", "if (1) say(\"yes\"); if (0) say(\"nay\");", "yes =1", "yes =1" },
    { "negative number as a condition", "$var(x) = -1; if ($var(x)) say(\"yes\");", "yes =1",
      "=1" },
    { "not of a missing header match", "if (!($hdr(None) =~ \"a\")) say(\"yes\");", "=1",
      "yes =1" },
    { "match of a missing header", "if ($hdr(None) =~ \"a\") say(\"yes\");", "=1", "=1" },
    { "block as a condition", "if ({ say(\"a\"); nope(); }) say(\"yes\");", "a no =1", NULL },
    { "assignment as a condition", "if ($var(x) = 5) say(\"yes $var(x)\");", "yes 5 =1",
      "yes 5 =1" },
    { "arithmetic as a condition", "$var(x) = 6; if ([$var(x) & 4]) say(\"yes\");", "yes =1",
      NULL },
    { "bit and as a condition", "$var(x) = 6; if ($var(x) & 4) say(\"yes\");", "yes =1", "yes =1" },

    /* ---- comparisons ---- */
    { "text comparison", "$var(x) = \"Abc\"; if ($var(x) == \"abc\") say(\"yes\");", "yes =1",
      "=1" },
    { "text inequality", "$var(x) = \"Abc\"; if ($var(x) != \"abc\") say(\"yes\");", "=1",
      "yes =1" },
    { "text to int literal", "$var(x) = \"5\"; if ($var(x) == 5) say(\"yes\");", "=1", "yes =1" },
    { "int to text", "$var(x) = 5; if ($var(x) == \"5\") say(\"yes\");", "yes =1", "yes =1" },
    { "value with text and number", "if ($ml > 300) say(\"a\"); if ($ml == \"400\") say(\"b\");",
      "a b =1", "a b =1" },
    { "less", "$var(x) = 5; if ($var(x) < 6 && $var(x) <= 5) say(\"yes\");", "yes =1", "yes =1" },
    { "more", "$var(x) = 5; if ($var(x) > 5 || $var(x) >= 6) say(\"yes\");", "=1", "=1" },
    { "match ignores case", "if ($ru =~ \"bob@EXAMPLE\") say(\"yes\");", "yes =1", "yes =1" },
    { "mismatch", "if ($ru !~ \"alice\") say(\"yes\");", "yes =1", "yes =1" },
    { "pattern from a variable", "$var(p) = \"^sip:b\"; if ($ru =~ $var(p)) say(\"yes\");",
      "yes =1", "yes =1" },
    { "bad pattern from a variable", "$var(p) = \"(\"; if ($ru =~ $var(p)) say(\"yes\");", "=1",
      "=1" },
    { "back-reference from a variable", "$var(p) = \"(b)\\1\"; if ($ru =~ $var(p)) say(\"yes\");",
      "=1", "=1" },
    { "equal to null", "if ($du == null) say(\"a\"); if ($ru == NULL) say(\"b\");", "a =1",
      "a =1" },
    { "unequal to null", "if ($du != $null) say(\"a\"); if ($ru != $null) say(\"b\");", "b =1",
      "b =1" },
    { "null and the empty text", "if ($du == \"\") say(\"yes\");", "=1", "yes =1" },
    { "null and zero", "if ($du == 0) say(\"yes\");", "=1", "yes =1" },
    { "variable with variable", "$var(a) = 5; $var(b) = 5; if ($var(a) == $var(b)) say(\"yes\");",
      "yes =1", "yes =1" },
    { "eq and ne",
      "$var(a) = 5; if ($var(a) eq \"5\") say(\"a\"); if ($var(a) ne \"5\") say(\"b\");", NULL,
      "a =1" },
    { "ieq", "$var(a) = \"5\"; if ($var(a) ieq 5) say(\"a\");", NULL, "a =1" },
    { "shift binds looser than ==", "$var(x) = 1 << 2 == 4; say(\"$var(x)\");", NULL, "1 =1" },
    { "bit operators bind looser than ==", "if (6 & 4 == 4) say(\"yes\");", "yes =1", "=1" },

    /* ---- keywords ---- */
    { "method", "if (method == \"invite\") say(\"yes\");", "yes =1", "yes =1" },
    { "method, bare", "if (method==INVITE || method == ACK) say(\"yes\");", "yes =1", "yes =1" },
    { "method is one text", "if (method == \"INVITE|ACK\") say(\"yes\");", "=1", "=1" },
    { "method matches", "if (method =~ \"^(INVITE|ACK)$\") say(\"yes\");", "yes =1", "yes =1" },
    { "method mismatch", "if (method != \"BYE\") say(\"yes\");", "yes =1", "yes =1" },
    { "uri is myself", "if (uri == myself) say(\"yes\");", "yes =1", "yes =1" },
    { "myself is uri", "if (myself == uri) say(\"yes\");", "yes =1", "yes =1" },
    { "not uri is myself", "if (!uri==myself) say(\"yes\"); else say(\"nay\");", "nay =1",
      "nay =1" },
    { "from_uri is not myself", "if (from_uri != myself) say(\"yes\");", "yes =1", "yes =1" },
    { "to_uri is no uri", "if (!to_uri == myself) say(\"yes\");", "=1", "yes =1" },
    { "variable is myself",
      "if ($ru == myself) say(\"a\"); $var(d) = \"example.com\"; "
      "if ($var(d) == myself && $fu != myself) say(\"b\");",
      "a b =1", "a b =1" },
    { "host of uri", "if (uri == example.com) say(\"a\"); if (uri == home.net) say(\"b\");", "a =1",
      "a =1" },
    { "uri as text", "if (uri =~ \"^sip:bob@\") say(\"yes\");", "yes =1", "yes =1" },
    { "status in a request is the uri", "if (status =~ \"^sip:\") say(\"yes\");", "yes =1",
      "yes =1" },
    { "src_ip", "if (src_ip == 10.1.2.3) say(\"yes\");", "yes =1", "yes =1" },
    { "src_ip in a net",
      "if (src_ip == 10.0.0.0/8) say(\"a\"); if (src_ip==192.168.0.0/16) say(\"b\");", "a =1",
      "a =1" },
    { "src_ip in a net with a mask", "if (src_ip == 10.1.0.0/255.255.0.0) say(\"yes\");", "yes =1",
      "yes =1" },
    { "src_ip not in a net", "if (src_ip != 10.0.0.0/8) say(\"yes\");", "=1", "=1" },
    { "src_ip is myself", "if (src_ip == myself) say(\"yes\");", "yes =1", "yes =1" },
    { "dst_ip", "if (dst_ip == [2001:db8::1]) say(\"a\"); if (dst_ip == 2001:db8::/32) say(\"b\");",
      "a b =1", "a b =1" },
    { "src_port", "if (src_port == 5062 && src_port > 5000) say(\"yes\");", "yes =1", "yes =1" },
    { "proto",
      "if (proto == UDP) say(\"a\"); if (proto != tcp) say(\"b\"); if (proto==1) say(\"c\");",
      "a b c =1", "a b c =1" },
    { "af", "if (af == INET) say(\"a\"); if (af == INET6) say(\"b\");", "a =1", "a =1" },
    { "msg:len", "if (msg:len < max_len) say(\"a\"); if (msg:len >= 400) say(\"b\");", "a b =1",
      "a b =1" },
    { "retcode", "give(-2); if (retcode == -2) say(\"yes\");", "yes =1", "yes =1" },

    /* ---- arithmetic ---- */
    { "precedence", "$var(x) = 2 + 3 * 4; say(\"$var(x)\");", "20 =1", "14 =1" },
    { "parentheses", "$var(x) = 2 + (3 * 4); say(\"$var(x)\");", "14 =1", "14 =1" },
    { "left to right", "$var(x) = 20 - 5 - 3; say(\"$var(x)\");", "12 =1", "12 =1" },
    { "division", "$var(x) = 17 / 5; say(\"$var(x)\");", "3 =1", "3 =1" },
    { "modulo sign", "$var(x) = 17 % 5; say(\"$var(x)\");", "2 =1", "2 =1" },
    { "modulo word", "$var(x) = 17 mod 5; say(\"$var(x)\");", NULL, "2 =1" },
    { "division by zero", "$var(x) = 7; $var(x) = 1 / 0; say(\"$var(x) $rc\");", "7 -1 =1",
      "7 0 =1" },
    { "least by minus one",
      "$var(x) = 0 - 9223372036854775807 - 1; $var(x) = $var(x) / -1; say(\"$var(x)\");",
      "-9223372036854775808 =1", "0 =1" },
    { "least of 32 bits by minus one",
      "$var(x) = 0 - 2147483647 - 1; $var(x) = $var(x) / -1; say(\"$var(x)\");", "2147483648 =1",
      "-2147483648 =1" },
    { "bits",
      "$var(x) = 12 & 10; $var(y) = 12 | 10; $var(z) = 12 ^ 10; say(\"$var(x),$var(y),$var(z)\");",
      "8,14,6 =1", "8,14,6 =1" },
    { "complement", "$var(x) = ~5; say(\"$var(x)\");", "-6 =1", "-6 =1" },
    { "minus", "$var(x) = 5; $var(y) = -$var(x); say(\"$var(y)\");", "-5 =1", "-5 =1" },
    { "shift", "$var(x) = 1 << 4 >> 1; say(\"$var(x)\");", NULL, "8 =1" },
    { "texts joined", "$var(x) = \"a\" + \"b\" + $rm; say(\"$var(x)\");", "abINVITE =1",
      "abINVITE =1" },
    { "text and number", "$var(n) = 5; $var(x) = \"a\" + $var(n); say(\"$var(x)\");", "a5 =1",
      "a5 =1" },
    { "number and text", "$var(n) = 5; $var(x) = $var(n) + \"6\"; say(\"$var(x)\");", "0 =1",
      "11 =1" },
    { "string-typed number", "$var(x) = $ml + 1; say(\"$var(x)\");", "0 =1", "4001 =1" },
    { "casts", "$var(x) = (int)\"5\" + 1; $var(y) = (str)5 + 1; say(\"$var(x) $var(y)\");", NULL,
      "6 51 =1" },
    { "strlen", "$var(x) = strlen($rm) + strlen(\"ab\"); say(\"$var(x)\");", NULL, "8 =1" },
    { "strempty", "if (strempty($du) && !strempty(\"a\")) say(\"yes\");", NULL, "yes =1" },
    { "selval",
      "$var(x) = selval(1 == 1, \"a\", \"b\") + selval(0, \"c\", \"d\"); say(\"$var(x)\");", NULL,
      "ad =1" },
    { "defined", "if (defined $ru && !defined $du) say(\"yes\");", NULL, "yes =1" },
    { "logic is a number", "$var(x) = ok() && 5; say(\"$var(x)\");", NULL, "ok 1 =1" },
    { "hexadecimal and octal", "$var(x) = 0x1F + 010; say(\"$var(x)\");", "39 =1", "39 =1" },
    { "binary", "$var(x) = 101b; say(\"$var(x)\");", "101b =1", "5 =1" },

    /* ---- variables ---- */
    { "var is 0 at first", "say(\"$var(new)\"); if ($var(new) == 0) say(\"yes\");", "0 yes =1",
      "0 yes =1" },
    { "null makes var 0", "$var(x) = 5; $var(x) = $null; say(\"$var(x)\");", "0 =1", "0 =1" },
    { "avps stack up",
      "$avp(s:a) = 1; $avp(s:a) = 2; say(\"$avp(s:a),$(avp(s:a)[1]),$(avp(s:a)[-1])\");",
      "2,1,1 =1", "2,1,<null> =1" },
    { "all avps", "$avp(i:7) = 1; $avp(i:7) = \"b\"; say(\"$(avp(i:7)[*])\");", "b, 1 =1",
      "b, 1 =1" },
    { "avp removed", "$avp(s:a) = 1; $avp(s:a) = 2; $avp(s:a) = $null; say(\"$avp(s:a)\");", "1 =1",
      "1 =1" },
    { "avps replaced", "$avp(s:a) = 1; $avp(s:a) = 2; $avp(s:a) := 3; say(\"$(avp(s:a)[*])\");",
      "3 =1", "3 =1" },
    { "avps replaced by index",
      "$avp(a) = 1; $avp(a) = 2; $(avp(a)[*]) = 3; say(\"$(avp(a)[*])\");", NULL, "3 =1" },
    { "avp index from a variable",
      "$avp(s:a) = 1; $avp(s:a) = 2; $var(i) = 1; say(\"$(avp(s:a)[$var(i)])\");", "1 =1", "1 =1" },
    { "avp named by a variable", "$var(n) = \"s:q\"; $avp($var(n)) = 5; say(\"$avp(s:q)\");",
      "5 =1", "5 =1" },
    { "missing avp", "if ($avp(s:none) == null) say(\"yes\"); say(\"$avp(s:none)\");",
      "yes <null> =1", "yes <null> =1" },
    { "plain avp name", "$avp(x) = 5; say(\"$avp(s:x)\");", NULL, "5 =1" },
    { "avp alias",
      "@avp_aliases=\"mail=s:email;num=i:5\" route { $avp(mail) = 1; $avp(num) = 2;"
      " say(\"$avp(s:email) $avp(i:5)\"); }",
      "1 2 =1", "1 2 =1" },
    { "write to the host", "$du = \"sip:x\"; $du = $null;", "du=sip:x du=null =1",
      "du=sip:x du=null =1" },
    { "refused write", "$stiff = 5; say(\"$rc\");", "-1 =1", "0 =1" },
    { "operator= assigns", "$var(x) = 5; $var(x) += 3; say(\"$var(x)\");", "3 =1", NULL },
    { "index of a header", "say(\"$hdr(X-Here) $(hdr(X-Here)[-1])\");", "First Value last =1",
      "First Value last =1" },
    { "null in text", "say(\"a $du b\");", "a <null> b =1", "a <null> b =1" },
    { "dollars in text", "say(\"$$5 $ 5$\");", "$5 $ 5$ =1", "$5 $ 5$ =1" },
    { "dot behind a name", "say(\"$rm.\"); say(\"$from.user\");", "INVITE. sip:alice@home.net =1",
      "INVITE. sip:alice@home.net =1" },
    { "parenthesis behind a name", "say(\"$rm($rs)\");", "INVITE(183) =1", "INVITE(183) =1" },
    { "no expansion on assignment", "$var(x) = \"$ru\"; say(\"$var(x)\");", "$ru =1", "$ru =1" },
    { "single quotes", "say('a\\n$rm'); $var(x) = '\"'; say(\"$var(x)\");", "a\\nINVITE \" =1",
      "a\\nINVITE \" =1" },
    { "escapes", "$var(x) = \"\\x41\\102\\.\\\"\\d\"; say(\"$var(x)\");", "AB\\.\"\\d =1",
      "AB\\.\"\\d =1" },
    { "env", "say(\"$env(CULVERT_TEST_NONE)\");", "<null> =1", "<null> =1" },

    /* ---- transformations ---- */
    { "len", "say(\"$(rm{s.len})\");", "6 =1", "6 =1" },
    { "uri parts", "say(\"$(ru{uri.user})@$(ru{uri.host}):$(ru{uri.port}) $(ru{uri.transport})\");",
      "Bob@Example.com:5070 tcp =1", "Bob@Example.com:5070 tcp =1" },
    { "chained", "say(\"$(ru{uri.user}{s.tolower}{s.substr,1,0})\");", "ob =1", "ob =1" },
    { "of a missing value", "if ($(hdr(None){s.len}) == 0) say(\"yes\");", "=1", "yes =1" },
    { "of a missing value is not null", "if ($(hdr(None){s.len}) == null) say(\"yes\");", "=1",
      "yes =1" },
    { "number from text", "$var(t) = \"12\"; $var(x) = $(var(t){s.int}) + 1; say(\"$var(x)\");",
      "13 =1", "13 =1" },
    { "select", "$var(t) = \"a;b;c\"; say(\"$(var(t){s.select,1,;})$(var(t){s.select,-1,;})\");",
      "bc =1", "bc =1" },
    { "parameter from a variable",
      "$var(n) = 2; $var(t) = \"abc\"; say(\"$(var(t){s.substr,$var(n),1})\");", "c =1", "c =1" },

    /* ---- flow ---- */
    { "else if", "if (nope()) say(\"a\"); else if (ok()) say(\"b\"); else say(\"c\");",
      "no ok b =1", "no ok b =1" },
    { "semicolons behind blocks", "if (ok()) { say(\"a\"); }; else { say(\"b\"); };;", "ok a =1",
      "ok a =1" },
    { "while", "while ($var(i) < 3) { $var(i) = $var(i) + 1; say(\"$var(i)\"); }", "1 2 3 =1",
      "1 2 3 =1" },
    { "while on a negative value",
      "$var(i) = -2; while ($var(i)) $var(i) = $var(i) + 1; say(\"$var(i)\");", "0 =1", "0 =1" },
    { "break in while", "while (1) { say(\"a\"); break; say(\"b\"); } say(\"c\");", "a c =1",
      "a c =1" },
    { "nested while",
      "while ($var(i) < 2) { $var(j) = 0; while ($var(j) < 2) { $var(j) = $var(j) + 1;"
      " say(\"$var(i)$var(j)\"); } $var(i) = $var(i) + 1; }",
      "01 02 11 12 =1", "01 02 11 12 =1" },
    { "exit", "say(\"a\"); exit; say(\"b\");", "a =1!", "a =1!" },
    { "exit with parentheses", "exit();", "=1!", "=1!" },
    { "drop", "drop; say(\"b\");", "=0!drop", "=0!drop" },
    { "return", "return; say(\"b\");", "=1", "=1" },
    { "return with a number", "return(-5);", "=-5", "=-5" },
    { "return 0 ends the script", "@route { route(1); say(\"b\"); } route[1] { return(0); }", "=0!",
      "=0!" },
    { "return an expression", "$var(x) = 4; return $var(x) + 3;", "=7", "=7" },
    { "return in an if",
      "@route { route(1); say(\"c\"); } route[1] { if (ok()) { return; } say(\"b\"); }", "ok c =1",
      "ok c =1" },
    { "value of a route",
      "@route { if (route(1)) say(\"a\"); else say(\"b $rc\"); } route[1] { nope(); }",
      "no b -1 =1", "no b -1 =1" },
    { "value of a route with return",
      "@route { if (!route(1)) say(\"$rc\"); } route[1] { return(-7); }", "-7 =1", "-7 =1" },
    { "value of a route that ends with a false if",
      "@route { if (route(1)) say(\"a $rc\"); } route[1] { if (nope()) ok(); }", "no a 0 =1",
      "no a 1 =1" },
    { "exit in a route", "@route { route(1); say(\"a\"); } route[1] { exit; }", "=1!", "=1!" },
    { "command answering 0 in a route",
      "@route { if (route(1)) say(\"a\"); say(\"b\"); } route[1] { give(0); }", "=0!", "=0!" },
    { "numbered routes", "@route[2] { say(\"two\"); } route[0] { route(2); }", "two =1", "two =1" },
    { "named routes",
      "@route { route(RELAY); route(\"other-one\"); } route[RELAY] { say(\"a\"); } "
      "route[\"other-one\"] { say(\"b\"); }",
      "a b =1", "a b =1" },
    { "computed route",
      "@route { $var(n) = \"RE\"; route($var(n) + \"LAY\"); } route[RELAY] { say(\"a\"); }", "a =1",
      "a =1" },
    { "computed route that is not there",
      "@route { $var(n) = \"X\"; route($var(n)); say(\"$rc\"); }", "-1 =1", "0 =1" },
    { "missing route", "if (route(9)) say(\"yes\");", "yes =1", NULL },
    { "empty route", "@route { if (route(1)) say(\"yes\"); } route[1] { }", "yes =1", "yes =1" },
    { "main route in pieces", "@request_route { say(\"a\"); } request_route { say(\"b\"); }", NULL,
      "a b =1" },
    { "break outside", "say(\"a\"); break; say(\"b\");", "a =1", "a =1" },

    /* ---- $rc ---- */
    { "rc after a core command", "give(-4); setflag(1); say(\"$rc\");", "setflag(1) 1 =1",
      "setflag(1) -4 =1" },
    { "rc after an assignment", "give(-4); $var(x) = 1; say(\"$rc\");", "1 =1", "-4 =1" },
    { "rc after a false if", "give(-4); if ($var(x) == 1) ok(); say(\"$rc\");", "0 =1", "-4 =1" },
    { "rc after a log line", "give(-4); xlog(\"hi\"); say(\"$rc\");", "hi -4 =1", "hi 1 =1" },
    { "rc in a switch",
      "if (!give(-3)) { switch ($retcode) { case -1: case -3: say(\"a\"); break; case -2: "
      "say(\"b\"); } }",
      "a =1", "a =1" },

    /* ---- switch ---- */
    { "switch on text",
      "switch ($rm) { case \"invite\": say(\"a\"); break; case \"INVITE\": say(\"b\"); break; }",
      "a =1", "b =1" },
    { "fall through",
      "$var(x) = 1; switch ($var(x)) { case 1: say(\"a\"); case 2: say(\"b\"); break; case 3: "
      "say(\"c\"); }",
      "a b =1", "a b =1" },
    { "fall into default",
      "$var(x) = 1; switch ($var(x)) { case 1: say(\"a\"); default: say(\"d\"); }", "a =1",
      "a d =1" },
    { "default",
      "$var(x) = 9; switch ($var(x)) { case 1: say(\"a\"); break; default: say(\"d\"); }", "d =1",
      "d =1" },
    { "no case", "$var(x) = 9; switch ($var(x)) { case 1: say(\"a\"); } say(\"e\");", "e =1",
      "e =1" },
    { "switch on nothing", "switch ($du) { case 1: say(\"a\"); break; default: say(\"d\"); }", "=1",
      "d =1" },
    { "default in the middle",
      "$var(x) = 2; switch ($var(x)) { default: say(\"d\"); break; case 2: say(\"b\"); }", "b =1",
      "b =1" },
    { "regular expression label",
      "switch ($rm) { case /\"^INV\": say(\"a\"); break; case /\"^inv\": say(\"b\"); }", "a =1",
      "a =1" },
    { "label twice",
      "$var(x) = 1; switch ($var(x)) { case 1: say(\"a\"); break; case 1: say(\"b\"); }", "a =1",
      NULL },
    { "text number label", "$var(x) = \"2\"; switch ($var(x)) { case 2: say(\"b\"); }", "=1",
      "b =1" },

    /* ---- commands and their arguments ---- */
    { "without parentheses", "force_rport; append_branch;", "ok branch() =1", "ok branch() =1" },
    { "optional arguments",
      "append_branch(); append_branch(\"sip:a\"); append_branch(\"sip:a\", \"0.5\");",
      "branch() branch(sip:a) branch(sip:a,0.5) =1",
      "branch() branch(sip:a) branch(sip:a,0.5) =1" },
    { "bare words",
      "force_send_socket(udp:1.2.3.4:5060); force_send_socket(tcp:[::1]:5060); "
      "force_send_socket(host-a.example.org);",
      "socket(udp:1.2.3.4:5060) socket(tcp:[::1]:5060) socket(host-a.example.org) =1",
      "socket(udp:1.2.3.4:5060) socket(tcp:[::1]:5060) socket(host-a.example.org) =1" },
    { "numbers", "setflag(5); setflag(\"6\"); strip(-1); log(-1, \"text $ru\");",
      "setflag(5) setflag(6) strip(-1) log(-1,text $ru) =1",
      "setflag(5) setflag(6) strip(-1) log(-1,text $ru) =1" },
    { "number from a variable", "$var(n) = \"7\"; setflag(\"$var(n)\"); setflag($var(n));",
      "setflag(7) setflag(7) =1", "setflag(7) setflag(7) =1" },
    { "types", "show(\"$ru\", \"3\", \"$rm-$rs\", \"0x10\");", "show($ru,3,INVITE-183,16) =1",
      "show($ru,3,INVITE-183,16) =1" },
    { "expressions as arguments",
      "$var(n) = 2; show(\"a\" + $rm, 1 + $var(n), \"x\" + $rm, 8 | 1);",
      "show(aINVITE,3,xINVITE,9) =1", "show(aINVITE,3,xINVITE,9) =1" },
    { "regular expression", "if (matches(\"^sip:B.*COM\", \"$ru\")) say(\"yes\");", "yes =1",
      "yes =1" },
    { "line starts match", "if (matches(\"^second\", \"first\nsecond\")) say(\"yes\");", "yes =1",
      "yes =1" },
    { "variable as an argument",
      "put(\"$var(x)\", \"$rm!\"); say(\"$var(x)\"); put($avp(s:y), \"z\"); say(\"$avp(s:y)\");",
      "INVITE! z =1", "INVITE! z =1" },
    { "prepared argument", "custom(\"x\"); custom(\"xyz\");", "custom:short custom:long =1",
      "custom:short custom:long =1" },
    { "armed route",
      "@route { arm_failure(\"1\"); arm_failure(\"0\"); } failure_route[1] { ok(); }",
      "arm(1) #2 arm(0) #0 =1", "arm(1) #2 arm(0) #0 =1" },
    { "route armed by a computed name",
      "@route { $var(n) = \"1\"; arm_failure($var(n)); } failure_route[1] { ok(); }",
      "arm(1) #2 =1", "arm(1) #2 =1" },

    /* ---- the preprocessor ---- */
    { "define", "@#!define FLAG 5\nroute { setflag(FLAG); }", NULL, "setflag(5) =1" },
    { "ifdef", "@#!define A\nroute {\n#!ifdef A\nsay(\"a\");\n#!else\nsay(\"b\");\n#!endif\n}",
      "a b =1", "a =1" },
    { "ifndef, nested",
      "@#!define A\nroute {\n#!ifndef A\nsay(\"a\");\n#!ifdef "
      "A\nsay(\"x\");\n#!endif\n#!else\nsay(\"b\");\n#!endif\n}",
      "a x b =1", "b =1" },
    { "define of a define", "@#!define A B\n#!define B 7\nroute { setflag(A); }", NULL,
      "setflag(7) =1" },
    { "define of itself", "@#!define ok ok\nroute { ok(); }", "ok =1", "ok =1" },
    { "trydef and redef",
      "@#!define A 1\n#!trydef A 2\n#!redef A 3\n#!trydef B 4\nroute { setflag(A); setflag(B); }",
      NULL, "setflag(3) setflag(4) =1" },
    { "continued define", "@#!define TWO setflag(1); \\\n  setflag(2);\nroute { TWO }", NULL,
      "setflag(1) setflag(2) =1" },
    { "subst", "@#!subst \"/HOST/example.org/g\"\nroute { say(\"HOST and HOST\"); }",
      "HOST and HOST =1", "example.org and example.org =1" },
    { "subst with groups", "@#!subst \"!a([0-9])b!<\\1>!\"\nroute { say(\"a5b a6b\"); }",
      "a5b a6b =1", "<5> a6b =1" },
    { "substdef", "@#!substdef \"!PORT!5080!g\"\nroute { say(\"p PORT\"); setflag(PORT); }", NULL,
      "p 5080 setflag(5080) =1" },
    { "substdefs", "@#!substdefs \"!NAME!bob!g\"\nroute { say(NAME); }", "NAME =1", "bob =1" },
    { "def in text", "@#!define X \"val\"\nroute { say(\"$def(X)\"); }", "<null> =1", "val =1" },
    { "module define",
      "@loadmodule \"x/tls.so\"\nroute {\n#!ifdef MOD_tls\nsay(\"a\");\n#!endif\n}",
      "load:x/tls.so a =1", "load:x/tls.so a =1" },
    { "line comments", "// comment\nsay(\"a\"); # more\n/* b /* nested */ c */ say(\"d\");", NULL,
      "a d =1" },
    { "texts join", "say(\"a\" \"b\"\n\"c\");", NULL, "abc =1" },
    { "named flags", "@flags FIRST:3, SECOND\nroute { setflag(FIRST); setflag(\"SECOND\"); }", NULL,
      "setflag(3) setflag(0) =1" },

    /* ---- what stands outside of routes ---- */
    { "settings", "@debug=-3 listen=udp:1.2.3.4:5060 tcp:[::1]:5060\nport = 5060\nroute { }",
      "debug=-3 listen='udp:1.2.3.4:5060','tcp:[::1]:5060' port=5060 =1",
      "debug=-3 listen='udp:1.2.3.4:5060','tcp:[::1]:5060' port=5060 =1" },
    { "advertise",
      "@listen = tcp:[::1]:5060 advertise 1.2.3.4:5060\nalias=a.org:5060 "
      "b.org\nchildren=yes\nroute { }",
      "listen='tcp:[::1]:5060','advertise','1.2.3.4:5060' alias='a.org:5060','b.org' children=1 =1",
      "listen='tcp:[::1]:5060','advertise','1.2.3.4:5060' alias='a.org:5060','b.org' children=1 "
      "=1" },
    { "semicolons behind settings",
      "@debug=3; listen=eth0; loadmodule \"a\"; mpath=\"/x\" route { };",
      "debug=3 listen='eth0' load:a mpath='/x' =1", "debug=3 listen='eth0' load:a mpath='/x' =1" },
    { "parameters",
      "@modparam(\"a|b\", \"n\", 5) modparam(\"a\", \"n\", -1) modparam(\"a\",\"s\",\"t\") route { "
      "}",
      "a|b.n=5 a.n=-1 a.s='t' =1", "a|b.n=5 a.n=-1 a.s='t' =1" },
    { "custom groups behind addresses", "@listen=udp:1.2.3.4:5060\ngroup.name = 5\nroute { }",
      "listen='udp:1.2.3.4:5060' group.name=5 =1", "listen='udp:1.2.3.4:5060' group.name=5 =1" },
    { "a define within an address", "@#!define NODE \"1.2.3.4\"\nlisten=udp:NODE:5060\nroute { }",
      "listen='udp:NODE:5060' =1", "listen='udp:1.2.3.4:5060' =1" },
    { "custom groups", "@group.name = 5 desc \"text\"\nkemi.x=\"none\"\nroute { }",
      "group.name=5 kemi.x='none' =1", "group.name=5 kemi.x='none' =1" },
    { "blacklist", "@dst_blacklist = gw:{ ( tcp , 1.2.3.4 , 5060 , \"\" ) }\nroute { }",
      "dst_blacklist='gw','{ ( tcp , 1.2.3.4 , 5060 , \"\" ) }' =1",
      "dst_blacklist='gw','{ ( tcp , 1.2.3.4 , 5060 , \"\" ) }' =1" },
};

static const struct {
    enum script_dialect dialect;
    const char *name;
} dialects[] = { { DIALECT_OPENSER, "OpenSER" }, { DIALECT_KAMAILIO, "Kamailio" } };

static const char *whole_script(const char *script, char *buffer, size_t size)
{
    if (script[0] == '@')
        snprintf(buffer, size, "%s", script + 1);
    else
        snprintf(buffer, size, "route {\n%s\n}\n", script);
    return buffer;
}

static void run_program(struct fake_host *fake, struct program *program)
{
    struct fake_run run;

    fake_run_init(&run, fake, STAGE_REQUEST);
    fake_run_start(&run, program, program_route(program, STAGE_REQUEST, STR("")), NULL);
    assert_int_equal(run.done_count, 1);
    fake_trace(fake, "=%d%s%s", run.run.retcode, run.run.is_exited ? "!" : "",
               run.run.is_dropped ? "drop" : "");
    fake_run_fini(&run);
}

static bool check_row(size_t row, int dialect)
{
    const char *expected = dialect == 0 ? rows[row].openser : rows[row].kamailio;
    struct fake_host fake;
    struct program *program;
    char script[2048];
    bool is_right;

    fake_init(&fake);
    program = fake_compile(&fake, whole_script(rows[row].script, script, sizeof script),
                           dialects[dialect].dialect);
    if (program)
        run_program(&fake, program);
    is_right = expected ? program && strcmp(fake.trace, expected) == 0 : !program;
    if (!is_right)
        print_error("%s (%s): expected \"%s\", not \"%s\"\n%s", rows[row].what,
                    dialects[dialect].name, expected ? expected : "an error",
                    program ? fake.trace : "an error", fake.reports);
    program_unref(program);
    fake_fini(&fake);
    return is_right;
}

static void test_constructs_do_what_each_dialect_says(void **state)
{
    unsigned wrong = 0;

    (void)state;
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++)
        for (int dialect = 0; dialect < 2; dialect++)
            wrong += !check_row(row, dialect);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constructs_do_what_each_dialect_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
