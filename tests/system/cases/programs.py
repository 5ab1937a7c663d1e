# SPDX-License-Identifier: Apache-2.0
"""Programs that a script runs: real processes, with nothing of the server's, and none left over."""
import os
import pathlib
import time

from rig.case import case, equal, lacks, matches, true
from rig.wait import wait_until

SCRIPT = '''#!KAMAILIO
{allow}
exec_processes = 3
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "exec.so"
modparam("exec", "time_to_kill", 2)
request_route {{
	if ($rU == "fds") exec_avp("ls /proc/self/fd | tr '\\n' ' '", "$avp(a)");
	else if ($rU == "text") exec_avp("echo \\"$$SIP_HF_SUBJECT\\"", "$avp(a)");
	else if ($rU =~ "^route") {{ if ($hdr(Subject) != $null) $ru = $hdr(Subject); exec_dset("./route"); }}
	else if ($rU == "message") exec_msg("cat > message");
	else if ($rU == "unread") exec_msg("exec <&-; true");
	else if ($rU == "sleep") exec_cmd("echo $$$$ > pid; sleep 30");
	else if ($rU == "short") exec_cmd("sleep 0.3");
	else if ($rU == "flood") exec_avp("yes", "$avp(a)");
	else if ($rU == "stubborn") exec_cmd("trap '' TERM INT HUP; sleep 30 & wait");
	else if ($rU == "left") exec_cmd("(sleep 1; echo done > left) &");
	else if ($rU == "missing") exec_cmd("/no/such/program");
	else if ($rU == "environment") exec_avp("env | grep -c -e NOTIFY_SOCKET; echo $$SIP_ORUI", "$avp(a);$avp(b)");
	$var(rc) = $rc;
	append_to_reply("X-Code: $var(rc)\\r\\nX-A: $avp(a)\\r\\nX-B: $avp(b)\\r\\nX-To: $ru\\r\\n");
	sl_send_reply("200", "OK");
}}
'''


def start(rig, allow='allow_exec = yes'):
    server = rig.server(SCRIPT.format(allow=allow))
    route = rig.folder / 'route'
    route.write_text('#!/bin/sh\necho "$#" > arguments\nprintf %s "$1" >> arguments\necho sip:a@b.example\n')
    route.chmod(0o755)
    return server


def ask(rig, user, subject=None, host=11, **more):
    headers = [f'Subject: {subject}'] if subject else []
    phone = rig.phone(host)
    try:
        return phone.ask('OPTIONS', f'sip:{user}@{rig.address}', headers=headers, **more)
    finally:
        phone.close()


def children(server):
    """Processes that the server has, zombies too."""
    found = []
    for path in pathlib.Path('/proc').glob('[0-9]*/stat'):
        try:
            if int(path.read_text().rsplit(')', 1)[1].split()[1]) == server.pid:
                found.append(path.parent.name)
        except OSError:
            continue
    return found


@case()
def programs_must_be_allowed(rig):
    """Without allow_exec the script loads, nothing runs, and the log says what to do."""
    server = start(rig, allow='')
    equal(ask(rig, 'message').get('X-Code'), '-1', 'exec_msg')
    equal((rig.folder / 'message').exists(), False, 'the file that the program would write')
    server.wait_for_log('exec_msg: no program runs before the script says allow_exec=yes')
    equal(server.control.ask('stats')['exec.refused'], 1, 'counted')


@case()
def programs_get_the_message(rig):
    """exec_msg: the message on standard input, with a body of 8 KB; who does not read it does no harm."""
    server = start(rig)
    equal(ask(rig, 'message', body='x' * 8000).get('X-Code'), '1', 'exec_msg')
    text = (rig.folder / 'message').read_text()
    matches(text, r'^OPTIONS sip:message@', 'first line')
    equal(len(text.partition('\n\n')[2]), 8000, 'body')
    equal(ask(rig, 'unread', body='x' * 8000).get('X-Code'), '1', 'a program that reads nothing')
    equal(server.is_alive(), True, 'the server')


@case()
def programs_have_no_descriptor_of_ours(rig):
    """Only 0, 1, 2, and the folder that ls reads; nothing of systemd's in the environment."""
    start(rig)
    equal(ask(rig, 'fds').get('X-A'), '0 1 2 3', 'descriptors')
    answer = ask(rig, 'environment')
    equal(answer.get('X-A'), '0', 'NOTIFY_SOCKET')
    equal(answer.get('X-B'), f'sip:environment@{rig.address}', 'SIP_ORUI')


@case()
def programs_take_texts_as_texts(rig):
    """What a caller writes reaches a program as it is: by the environment, and as exec_dset's argument."""
    start(rig)
    for text in ('$(touch owned)', '`touch owned`', '"; touch owned; "', "'; touch owned; '", '100% *', 'x' * 3000):
        equal(ask(rig, 'text', text).get('X-A'), text, 'X-A')
        true(not (rig.folder / 'owned').exists(), f'{text}: the shell ran a part of it')
    for uri in ("sip:a'; touch owned; '@b.example", "sip:''a''@b.example", 'sip:$(touch owned)@b.example'):
        ask(rig, 'route', uri)
        true(not (rig.folder / 'owned').exists(), f'{uri}: the shell ran a part of it')
    answer = ask(rig, 'route', "sip:o'hara@b.example;x=1")
    equal(answer.get('X-To'), 'sip:a@b.example', 'the new Request-URI')
    equal((rig.folder / 'arguments').read_text(), "1\nsip:o'hara@b.example;x=1", 'arguments')


@case()
def programs_end_in_time(rig):
    """One that sleeps, one that will not be told, and one that never stops writing are killed, children and all."""
    server = start(rig)
    for user in ('sleep', 'stubborn', 'flood'):
        began = time.monotonic()
        equal(ask(rig, user).get('X-Code'), '-1', user)
        true(time.monotonic() - began < 4, f'{user}: it took {time.monotonic() - began:.1f} s')
    pid = int((rig.folder / 'pid').read_text())
    wait_until('the shell is gone', lambda: not pathlib.Path(f'/proc/{pid}').exists())
    equal(children(server), [], 'processes left over')
    equal(server.control.ask('stats')['exec.killed'], 3, 'counted')
    equal(ask(rig, 'missing').get('X-Code'), '-1', 'a program that is not there')


@case()
def programs_may_leave_something_behind(rig):
    """What a command leaves in the background goes on; the script does not wait for it."""
    start(rig)
    began = time.monotonic()
    equal(ask(rig, 'left').get('X-Code'), '1', 'exec_cmd')
    true(time.monotonic() - began < 0.9, 'it was waited for')
    wait_until('it is done', lambda: (rig.folder / 'left').exists())


@case()
def programs_are_only_so_many(rig):
    """Of six at once three run; the others fail at once, and the server answers everybody meanwhile."""
    server = start(rig)
    phones = [rig.phone(host) for host in range(20, 26)]
    for phone in phones:
        phone.send(phone.request('OPTIONS', f'sip:short@{rig.address}'))
    began = time.monotonic()
    equal(ask(rig, 'nothing').status, 200, 'another request')
    true(time.monotonic() - began < 0.25, 'it waited for the programs')
    codes = sorted(phone.final('OPTIONS').get('X-Code') for phone in phones)
    equal(codes, ['-1', '-1', '-1', '1', '1', '1'], 'codes')
    equal(server.control.ask('stats')['exec.refused'], 3, 'counted')
    equal(children(server), [], 'processes left over')


@case()
def programs_end_with_the_server(rig):
    """SIGTERM while a program runs: the server stops cleanly and at once, and takes it along."""
    server = start(rig)
    phone = rig.phone(11)
    phone.send(phone.request('OPTIONS', f'sip:sleep@{rig.address}'))
    wait_until('the program runs', lambda: (rig.folder / 'pid').exists() and (rig.folder / 'pid').read_text().strip())
    pid = int((rig.folder / 'pid').read_text())
    began = time.monotonic()
    equal(server.stop(), 0, 'exit code')
    true(time.monotonic() - began < 1.5, f'it took {time.monotonic() - began:.1f} s')
    true(not os.path.exists(f'/proc/{pid}'), 'the program is gone')
    lacks(server.text(), 'error', 'log')
