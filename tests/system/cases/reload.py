# SPDX-License-Identifier: Apache-2.0
"""The script is read again while the server runs: by culvertctl, and by SIGHUP."""
import signal
import subprocess
import time

from rig.case import equal, case, matches, true
from rig.rig import CONFIGS
from rig.sipp import Sipp
from rig.wait import wait_until
from cases.calls import CALLEE, CALLER, SHORT_TIMERS, idle_stats, register_callee, start_callee
from cases.memory import is_sanitized

RATE = 50  # calls a second
GROWTH = 10 << 20  # bytes; one edition that is left would be a tenth of that in a hundred reloads


def write(server, old, new):
    text = server.script.read_text()
    server.script.write_text(text.replace(old, new))
    return text


def ctl(rig, server, *words):
    """culvertctl as its users call it."""
    command = [rig.build / 'culvertctl', '-s', server.control.path, *words]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=30)


def reason_of(rig):
    phone = rig.phone(13)
    try:
        return phone.ask('OPTIONS', f'sip:nobody@{rig.address}').first_line.partition('404 ')[2]
    finally:
        phone.close()


@case()
def of_a_better_script(rig):
    """What comes after the reload runs in the new script; the answer names what waits for a start."""
    server = rig.server(before='debug=1')
    write(server, '"404", "Not Found"', '"404", "Moved On"')
    write(server, 'debug=1', 'debug=2\ntcp_max_connections=30\nalias="sip.example.org"')
    done = ctl(rig, server, 'reload')
    equal((done.returncode, done.stderr), (0, ''), 'culvertctl')
    matches(done.stdout, r'^edition: 2$', 'number')
    matches(done.stdout, r'changed: 2\n.*alias: "" -> "sip.example.org"\n.*debug: "1" -> "2"', 'changes in force')
    matches(done.stdout, r'next start: 1\n.*tcp_max_connections: "20000" -> "30"', 'what needs a start')
    equal(reason_of(rig), 'Moved On', 'reason')
    again = ctl(rig, server, 'reload').stdout
    matches(again, r'edition: 3\nchanged: 0\n', 'a reload of the same file')


@case()
def of_the_same_script(rig):
    """Nothing is told of a file that says what it said before: each configuration that we ship."""
    for config in CONFIGS:
        server = rig.server(config)
        told = server.ask('reload')
        equal((told['edition'], told['changed'], told['at the next start']), (2, [], []), config)
        server.stop()


@case()
def of_a_bad_script(rig):
    """All messages come back, the exit code tells, and nothing changes."""
    server = rig.server()
    before = write(server, 't_relay();\n}', 't_relays();\n\tsl_send_replies("404", "x");\n}')
    done = ctl(rig, server, 'reload')
    equal(done.returncode, 1, 'exit code')
    matches(done.stderr, r'script0\.cfg:\d+:\d+: error: unknown command "t_relays"', 'first message')
    matches(done.stderr, r'\n    .*sl_send_replies.*\n    \s*\^~+\n', 'line and caret of the second')
    equal(reason_of(rig), 'Not Found', 'reason')
    server.script.write_text(before)
    equal(ctl(rig, server, 'reload').returncode, 0, 'exit code once it is mended')
    server.script.unlink()
    done = ctl(rig, server, 'reload')
    matches(done.stderr, r'script0\.cfg cannot be read.*No such file', 'message without a file')


@case()
def with_its_command_line(rig):
    """What the command line said is said again, wherever the server has gone since."""
    script = 'loadmodule "sl"\nrequest_route {\n#!ifdef FRIENDLY\n\tsl_send_reply("404", "Sorry");\n#!endif\n}\n'
    there = ['sh', '-c', 'cd "$0" && exec "$@"', rig.folder]
    switches = ['-A', 'FRIENDLY', '-w', rig.make_folder('elsewhere')]
    server = rig.server('#!KAMAILIO\n' + script, *switches, wrapper=there, start=False)
    server.command[server.command.index('-f') + 1] = server.script.name  # relative to where it starts
    server.control.path = str(rig.folder / 'elsewhere' / 'culvert.sock')
    server.start()
    equal(reason_of(rig), 'Sorry', 'reason')
    write(server, '"Sorry"', '"Very sorry"')
    equal(server.ask('reload')['at the next start'], [], 'what waits for a start')
    equal(reason_of(rig), 'Very sorry', 'reason after the reload')


@case()
def from_all_sides(rig):
    """Signals and commands at once: one reload after the other, and the last one counts."""
    server = rig.server()
    editions = []
    for number in range(20):
        server.process.send_signal(signal.SIGHUP)
        editions.append(server.ask('reload')['edition'])
    equal(editions, sorted(set(editions)), 'editions')
    write(server, '"404", "Not Found"', '"404", "Moved On"')
    server.ask('reload')
    equal(reason_of(rig), 'Moved On', 'reason')


@case()
def by_signal(rig):
    """SIGHUP does the same; the log tells."""
    server = rig.server()
    write(server, '"404", "Not Found"', '"404", "Moved On"')
    server.process.send_signal(signal.SIGHUP)
    server.wait_for_log('the script is reloaded: edition 2')
    wait_until('the new script answers', lambda: reason_of(rig) == 'Moved On')
    server.script.write_text('request_route { nonsense(); }')
    server.process.send_signal(signal.SIGHUP)
    server.wait_for_log('unknown command "nonsense"')
    equal(reason_of(rig), 'Moved On', 'reason')


class Editions:
    """Writes one script after the other, every tenth of them bad, and has each read."""

    def __init__(self, server):
        self.server = server
        self.good = server.script.read_text()
        self.count = 0

    def next(self):
        self.count += 1
        text = self.good.replace('"404", "Not Found"', f'"404", "Edition {self.count}"')
        text = text.replace('"max_contacts", 10', f'"max_contacts", {10 + self.count % 2}')
        is_bad = self.count % 10 == 0
        self.server.script.write_text(text.replace('t_relay();', 't_relays();') if is_bad else text)
        equal('error' in self.server.control.request('reload'), is_bad, f'reload {self.count} fails')

    def run(self, count, pause):
        for _ in range(count):
            started = time.monotonic()
            self.next()
            time.sleep(max(0, pause - (time.monotonic() - started)))


def reload_under_calls(rig, server, editions, count, pause):
    """Calls begin before the first reload and end after the last one; none may fail."""
    calls = int(RATE * (count * pause + 2))
    calling = Sipp(
        rig, 'caller', (rig.host(CALLER), 5060), (rig.address, 5060), ('alice', rig.address),
        switches=['-s', 'bob', '-m', calls, '-r', RATE, '-l', 3000, '-d', 500],
    )  # fmt: skip
    editions.run(count, pause)
    calling.finish(120)


@case('quick', alone=True)
def under_calls(rig):
    """200 reloads (10,000 in a full run), 50 a second, under calls: none fails, nothing is left behind."""
    count, pause = rig.quick_or_all(100, 5000), 0.02
    parameter = 'modparam("registrar", "max_contacts", 10)\n'
    server = rig.server('automatic', '-n', '4', after=SHORT_TIMERS + parameter)
    register_callee(rig, rig.host(CALLEE), (rig.address, 5060))
    start_callee(rig, rig.host(CALLEE), (rig.address, 5060))
    editions = Editions(server)
    reload_under_calls(rig, server, editions, count, pause)  # memory grows to what calls hold
    before = idle_stats(server)
    reload_under_calls(rig, server, editions, count, pause)
    after = idle_stats(server)
    grown = after['rss'] - before['rss']
    true(grown < GROWTH or is_sanitized(rig.build), f'resident memory grew by {grown} bytes')
    wait_until('no descriptor more than before', lambda: server.descriptors() <= before['descriptors'])
    for name in ('core.dropped', 'core.malformed', 'core.unmatched_responses'):
        equal(after[name], 0, name)
    server.wait_for('one edition left', lambda stats: stats['core.script_editions'] == 1)
    return f'{editions.count} reloads; resident {before["rss"] >> 20} MiB, then {after["rss"] >> 20} MiB'
