# SPDX-License-Identifier: Apache-2.0
"""Scripts that the checks run against, as an operator of an OpenSER 1.x writes them."""

import re

from rig.rig import CONFIGS

MODULES = """
fork=no
log_stderror=yes
check_via=no
dns=no
rev_dns=no
children=4
mpath="/usr/lib/openser/modules/"
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "rr.so"
loadmodule "maxfwd.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "textops.so"
loadmodule "mi_fifo.so"
loadmodule "xlog.so"
modparam("mi_fifo", "fifo_name", "/tmp/openser_fifo")
modparam("usrloc", "db_mode", 0)
modparam("rr", "enable_full_lr", 1)
"""

ROUTES = """
route {
	if (!mf_process_maxfwd_header("10")) {
		sl_send_reply("483", "Too Many Hops");
		exit;
	};
	if (msg:len >= 16384) {
		sl_send_reply("513", "Message too big");
		exit;
	};
	if (!method == "REGISTER") record_route();
	if (loose_route()) {
		append_hf("P-hint: rr-enforced\\r\\n");
		route(1);
	};
	if (!uri == myself) {
		append_hf("P-hint: outbound\\r\\n");
		route(1);
	};
	if (uri == myself) {
		if (method == "REGISTER") {
			save("location");
			exit;
		};
		%(before)s
		if (!lookup("location")) {
			sl_send_reply("404", "Not Found");
			exit;
		};
		append_hf("P-hint: usrloc applied\\r\\n");
	};
	route(1);
}

route[1] {
	%(relay)s
	if (!t_relay()) {
		sl_reply_error();
	};
	exit;
}
"""


# alias-bob is bob, by another turn through the server; loop is himself.
ALIASES = """
		if (uri =~ "^sip:alias-") {
			strip(6);
			route(1);
		};
		if (uri =~ "^sip:loop@") route(1);
"""


def classic(head='', before=ALIASES, relay='', tail=''):
    return MODULES + head + ROUTES % {'before': before, 'relay': relay} + tail


SHORT_TIMERS = """
modparam("tm", "T1_timer", 100)
modparam("tm", "T2_timer", 400)
modparam("tm", "fr_timer", 2)
modparam("tm", "fr_inv_timer", 3)
modparam("registrar", "min_expires", 1)
"""

LIMITS = """
modparam("registrar", "max_contacts", 2)
modparam("registrar", "max_expires", 900)
modparam("registrar", "default_expires", 700)
modparam("registrar", "use_path", 1)
"""

# What comes next after a failure, the caller says: X-Next is a URI.
SERIAL = """
failure_route[1] {
	if (t_was_cancelled()) exit;
	if (t_check_status("486|408|480|5[0-9][0-9]") && is_present_hf("X-Next")) {
		$ru = $hdr(X-Next);
		append_branch();
		t_on_failure("2");
		t_relay();
	}
}

failure_route[2] {
	if (is_present_hf("X-Last")) {
		t_reply("$hdr(X-Last)", "Last");
	}
}
"""

# Users whose names say what is to be done with their requests.
STEERED = """
		if (uri =~ "^sip:stateless-") {
			strip(10);
			if (!lookup("location")) {
				sl_send_reply("404", "Not Found");
				exit;
			};
			forward();
			exit;
		};
		if (uri =~ "^sip:direct-") {
			$du = $hdr(X-Next);
			route(1);
		};
		if (uri =~ "^sip:both@") {
			$ru = $hdr(X-Two);
			append_branch();
			$ru = $hdr(X-One);
			route(1);
		};
		if (uri =~ "^sip:clean-") {
			strip(6);
			remove_hf("X-Remove");
			append_hf("X-Added: from $si\\r\\n");
		};
		if (uri =~ "^sip:moved@") {
			append_to_reply("Contact: <sip:new@192.0.2.77>\\r\\n");
			sl_send_reply("302", "Moved Temporarily");
			exit;
		};
		if (uri =~ "^sip:hush@") exit;
"""

MARKED = """
	if (check_route_param("mark")) append_hf("X-Mark: yes\\r\\n");
	if (has_totag()) {
		if (is_direction("upstream")) append_hf("X-Direction: upstream\\r\\n");
		else append_hf("X-Direction: downstream\\r\\n");
	} else add_rr_param(";mark");
	t_on_branch("1");
	t_on_reply("1");
"""

BRANCHES_AND_REPLIES = """
branch_route[1] {
	append_hf("X-Branch: $T_branch_idx\\r\\n");
}

onreply_route[1] {
	if (status == "183") drop;
	append_hf("X-Reply: $rs\\r\\n");
}
"""

def operator():
    """openser-mediaproxy.cfg with an alias in place of the table of domains, and without passwords."""
    text = CONFIGS['openser'].read_text()
    text = re.sub(r'\t\tif \(!www_authorize.*?\n\t\t};\n', '', text, flags=re.S)
    text = re.sub(r'\t\tif \(!check_to.*?\n\t\t};\n', '', text, flags=re.S)
    text = text.replace('is_from_local()', 'from_uri == myself').replace('is_uri_host_local()', 'uri == myself')
    return text.replace('port=5060', 'alias="sip.example.org"', 1)


# Everybody's password is "secret"; the answer says what the check gave.
DIGEST = """#!KAMAILIO
loadmodule "sl"
loadmodule "pv"
loadmodule "textops"
loadmodule "auth"
%s
request_route {
	if (!is_method("REGISTER")) {
		sl_send_reply("404", "Not Found");
		exit;
	}
	pv_www_authenticate("$fd", "secret", "0");
	$var(outcome) = $rc;
	append_to_reply("X-Outcome: $var(outcome)\\r\\n");
	if ($var(outcome) < 0) {
		www_challenge("$fd", "1");
		exit;
	}
	consume_credentials();
	sl_send_reply("200", "OK");
}
"""
SHORT_NONCES = 'modparam("auth", "nonce_expire", 5)'
MANY_ALGORITHMS = """
modparam("auth", "algorithm", "SHA-512-256,SHA-256,MD5")
modparam("auth", "add_authinfo_hdr", 1)
modparam("auth", "auth_checks_register", 8)
"""

SCRIPTS = {
    'automatic': CONFIGS['automatic'].read_text(),
    'classic': classic(),
    'digest': DIGEST % SHORT_NONCES,
    'fast': classic(SHORT_TIMERS),
    'limits': classic(LIMITS),
    'serial': classic(SHORT_TIMERS, relay='t_on_failure("1");', tail=SERIAL),
    'operator': operator(),
    'sha': DIGEST % MANY_ALGORITHMS,
    'routes': classic('loadmodule "uri.so"\n', before=STEERED, relay=MARKED, tail=BRANCHES_AND_REPLIES),
    'stateless': classic(
        before='if (method == "PUBLISH") { if (!t_newtran()) { sl_reply_error(); exit; } t_reply("489", "Bad Event"); exit; }'
    ),
}
