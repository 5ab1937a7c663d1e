#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What scripts mean: small pieces of script, each with the outcome recorded on an original server.

usage: differential.py check BUILD [FILE...]     compares culvert with the record; N passed, N failed
       differential.py record FILE...            runs the pieces on the installed kamailio, writes the outcomes

README.md tells the form of the files.
"""
import contextlib
import os
import pathlib
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from itertools import zip_longest

HERE = pathlib.Path(__file__).resolve().parent
SKIPPED = '!differs'  # what we do otherwise on purpose; the reason follows
BAD = '!error'  # the script does not load


class Case:
    def __init__(self, line, kind, text, outcome):
        self.line, self.kind, self.text, self.outcome = line, kind, text, outcome

    def body(self):
        """Statements that leave the outcome in $var(o)."""
        if self.kind == 'p':
            return f'pv_printf("$var(o)", "[{self.text}]");'
        if self.kind == 't':
            return f'if ({self.text}) {{ $var(o) = "true"; }} else {{ $var(o) = "false"; }}'
        if self.kind == 'r':
            return f'{self.text}; $var(o) = "" + $rc;'
        return self.text


def split(line):
    """What stands before and behind the last arrow."""
    found = re.match(r'(.*?)\s+=>(?: (.*))?$', line)
    return (found.group(1), (found.group(2) or '').strip()) if found else (line.strip(), '')


class CaseFile:
    """Head lines before the first case; cases of one line, or of several up to a line that begins with =>."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.lines = self.path.read_text().split('\n')
        self.dialect, self.message, self.head, self.sql, self.cases, self.files = 'kamailio', 'invite', [], [], [], {}
        self.read()

    def read(self):
        body = None
        for number, line in enumerate(self.lines):
            if body is not None:
                if line.startswith('=>'):
                    self.cases.append(Case(number, 's', '\n'.join(body), line[2:].strip()))
                    body = None
                else:
                    body.append(line)
            elif line.startswith('{{'):
                body = []
            elif line[:2] in ('p ', 't ', 'r '):
                text, outcome = split(line[2:])
                self.cases.append(Case(number, line[0], text, outcome))
            elif line.startswith('dialect ') or line.startswith('message '):
                setattr(self, *line.split(None, 1))
            elif line.startswith('| '):
                self.head.append(line[2:])
            elif line.startswith('sql '):
                self.sql.append(line[4:])
            elif line.startswith('file '):
                _, name, text = line.split(None, 2)
                self.files[name] = self.files.get(name, '') + text + '\n'
            elif line.strip() and not line.startswith('#'):
                sys.exit(f'{self.path}:{number + 1}: neither a case nor a head line: {line}')

    def write(self):
        for case in self.cases:
            line = self.lines[case.line]
            if case.kind == 's':
                self.lines[case.line] = f'=> {case.outcome}'.rstrip()
            else:
                self.lines[case.line] = f'{line[:2]}{split(line[2:])[0]} => {case.outcome}'.rstrip()
        self.path.write_text('\n'.join(self.lines))

    def make_database(self, folder):
        if not self.sql:
            return
        with contextlib.closing(sqlite3.connect(folder / 'database.db')) as database:
            for statement in self.sql:
                database.execute(statement)
            database.commit()

    def put_files(self, folder):
        for name, text in self.files.items():
            (pathlib.Path(folder) / name).write_text(text)

    def request(self):
        return (HERE / 'messages' / f'{self.message}.sip').read_text()

    def script(self, cases, modules):
        """One route a case, chosen by a header; and where each route begins, for errors."""
        lines = ['#!KAMAILIO' if self.dialect == 'kamailio' else '#!OPENSER', *modules]
        lines += self.head
        starts = []
        routes, names = [], []
        for index, case in enumerate(cases):
            name = f'C{index}' if self.dialect == 'kamailio' else str(index + 1)
            names.append(f'if ($hdr(X-Case) == "{index}") route({name});')
            routes.append((case, f'route[{name}] {{\n{case.body()}\n}}'))
        main = 'request_route' if self.dialect == 'kamailio' else 'route'
        lines.append(main + ' {\n$var(o) = "";\n' + '\n'.join(names) +
                     '\nappend_to_reply("X-Out: $var(o)\\r\\n");\nsl_send_reply("200", "OK");\n}')
        text = '\n'.join(lines)
        for case, route in routes:
            starts.append((text.count('\n') + 2, case))
            text += '\n' + route
        return text + '\n', starts


class Server:
    def __init__(self, command, log):
        self.log = log
        self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(('127.0.0.1', 0))
        self.number = 0

    def close(self):
        self.socket.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
            return
        self.process.kill()
        self.process.wait()

    def ask(self, port, request, index, seconds=2.0):
        """The X-Out of the reply to the request with this X-Case."""
        self.number += 1
        text = request.replace('@CASE@', str(index)).replace('@NUMBER@', str(self.number))
        text = text.replace('@PORT@', str(self.socket.getsockname()[1])).replace('@SERVER@', str(port)).strip('\n') + '\n'
        head, _, body = text.partition('\n\n')
        body = body.replace('\n', '\r\n')
        head = head.replace('@LENGTH@', str(len(body)))
        message = head.replace('\n', '\r\n') + '\r\n\r\n' + body
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.socket.sendto(message.encode(), ('127.0.0.1', port))
            self.socket.settimeout(0.3)
            try:
                while True:
                    reply = self.socket.recv(65535).decode(errors='replace')
                    if f'branch=z9hG4bK-{self.number};' in reply and not reply.startswith('SIP/2.0 1'):
                        found = re.search(r'^X-Out: ?(.*?)\r\n(?![ \t])', reply, re.M | re.S)
                        return found.group(1) if found else '!' + reply.split('\r')[0]
            except (TimeoutError, ConnectionError):
                if self.process.poll() is not None:
                    return '!died'
        return '!silent'


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def show(text):
    return text.strip().replace('\r', '\\r').replace('\n', '\\n')


def outcomes(case_file, cases, script, command):
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / 'script.cfg'
        path.write_text(script.replace('@FOLDER@', folder))
        case_file.make_database(pathlib.Path(folder))
        case_file.put_files(folder)
        with open(pathlib.Path(folder) / 'log', 'w+') as log:
            server = Server(command(path, port, folder), log)
            try:
                request = case_file.request()
                for index, _ in enumerate(cases):
                    yield show(server.ask(port, request, index, 10.0 if index == 0 else 2.0))
                    if server.process.poll() is not None:
                        break
            finally:
                server.close()


# ---- recording ----

PEER_MODULES = [f'loadmodule "{name}.so"' for name in ('kex', 'corex', 'tm', 'tmx', 'sl', 'rr', 'pv', 'maxfwd', 'textops',
                                                       'textopsx', 'siputils', 'xlog', 'cfgutils', 'counters',
                                                       'statistics', 'diversion', 'htable', 'pike', 'ratelimit', 'db_sqlite',
                                                       'sqlops', 'avpops', 'exec')]


def peer_command(path, port, folder):
    return ['kamailio', '-DD', '-E', '-n', '1', '-m', '64', '-M', '16', '-l', f'udp:127.0.0.1:{port}', '-f', str(path), '-Y', folder,
            '-w', folder]


PEER_GLOBALS = ['memlog = 5', 'memdbg = 5']


def ask_peer(case_file, cases):
    """Sets the outcomes; what the peer does not start with becomes BAD, found by halving."""
    if not cases:
        return
    script, _ = case_file.script(cases, [*PEER_GLOBALS, *PEER_MODULES])
    found = list(outcomes(case_file, cases, script, peer_command))
    if found[0] != '!died':
        for case, outcome in zip(cases, found):
            case.outcome = outcome
        ask_peer(case_file, cases[len(found) :])
    elif len(cases) == 1:
        cases[0].outcome = BAD
    else:
        ask_peer(case_file, cases[: len(cases) // 2])
        ask_peer(case_file, cases[len(cases) // 2 :])


def record(paths):
    for path in paths:
        case_file = CaseFile(path)
        if case_file.dialect != 'kamailio':
            sys.exit(f'{path}: only kamailio can be asked')
        cases = [case for case in case_file.cases if not case.outcome.startswith(SKIPPED)]
        ask_peer(case_file, cases)
        case_file.write()
        print(f'{path}: {len(case_file.cases)} cases, {sum(case.outcome == BAD for case in case_file.cases)} refused')


# ---- checking ----

OWN_MODULES = ['allow_exec = yes', *(f'loadmodule "{name}.so"' for name in ('tm', 'sl', 'rr', 'maxfwd', 'textops', 'textopsx', 'siputils', 'xlog', 'pv', 'cfgutils',
                                                      'corex', 'counters', 'statistics', 'diversion', 'htable', 'pike', 'ratelimit',
                                                      'sqlops', 'avpops', 'exec'))]


def refuses(case_file, case, build):
    """culvert does not load a script with this case, and says where the case is wrong."""
    script, starts = case_file.script([case], OWN_MODULES)
    done = subprocess.run([build / 'culvert', '-c', '-f', '-'], input=script, capture_output=True, text=True)
    return done.returncode != 0 and 'error:' in done.stderr


def own_command(build):
    def command(path, port, folder):
        return [build / 'culvert', '-D', '-E', '-n', '1', '-l', f'udp:127.0.0.1:{port}', '-f', path, '-w', folder]

    return command


def check_file(case_file, build):
    """Pairs of a case and what it did instead of the recorded outcome."""
    cases = [case for case in case_file.cases if not case.outcome.startswith(SKIPPED)]
    failures = [(case, 'loads') for case in cases if case.outcome == BAD and not refuses(case_file, case, build)]
    cases = [case for case in cases if case.outcome != BAD]
    while cases:
        script, starts = case_file.script(cases, OWN_MODULES)
        done = subprocess.run([build / 'culvert', '-c', '-f', '-'], input=script, capture_output=True, text=True)
        if done.returncode == 0:
            break
        more = refused(cases, starts, done.stderr)
        failures += more
        cases = [case for case in cases if case not in [guilty for guilty, _ in more]]
    if cases:
        found = outcomes(case_file, cases, script, own_command(build))
        failures += [(case, outcome) for case, outcome in zip_longest(cases, found) if outcome != case.outcome]
    return failures


def refused(cases, starts, errors):
    failures = []
    for found in re.finditer(r'^[^\s:]*:(\d+):\d+: (error: .*)$', errors, re.M):
        guilty = [case for start, case in starts if start <= int(found.group(1))]
        if guilty:
            failures.append((guilty[-1], found.group(2)))
    return failures or [(cases[0], errors)]


def check(build, paths):
    passed = failed = 0
    for path in paths or sorted((HERE / 'cases').glob('*.txt')):
        case_file = CaseFile(path)
        failures = check_file(case_file, build)
        count = sum(not case.outcome.startswith(SKIPPED) for case in case_file.cases)
        guilty = {case.line for case, _ in failures}
        failed += len(guilty)
        passed += count - len(guilty)
        for case, outcome in failures:
            print(f'{case_file.path}:{case.line + 1}: {case.text}\n    want {case.outcome}\n    have {outcome}')
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    if len(sys.argv) > 2 and sys.argv[1] == 'check':
        sys.exit(check(pathlib.Path(sys.argv[2]).resolve(), sys.argv[3:]))
    if len(sys.argv) > 2 and sys.argv[1] == 'record':
        sys.exit(record(sys.argv[2:]))
    sys.exit(__doc__)
