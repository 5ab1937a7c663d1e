# SPDX-License-Identifier: Apache-2.0
"""SIPp: many phones at once, or a fixed rate of calls. The scenarios are in ../sipp."""
import os
import shutil
import subprocess
from pathlib import Path

from rig.case import Failure, Skip
from rig.sip import in_brackets
from rig.wait import wait_until

SCENARIOS = Path(__file__).resolve().parent.parent / 'sipp'
TRANSPORTS = {'udp': 'u1', 'tcp': 't1'}


class Sipp:
    """One SIPp at an address of its own. `fields`: what stands for [field0], [field1]… in the scenario."""

    def __init__(self, rig, scenario, own, server, fields=(), transport='udp', switches=()):
        if not shutil.which('sipp'):
            raise Skip('sipp is not installed (Debian package sip-tester)')
        is_file = isinstance(scenario, Path)  # else one of ours, or `-sn NAME`, one of SIPp's
        self.name = f'{scenario.stem if is_file else scenario}-{own[0]}-{own[1]}'.replace(' ', '')
        self.folder = rig.folder
        self.errors = rig.folder / f'{self.name}-errors'
        self.own, self.transport = own, transport
        chosen = ['-sf', scenario if is_file else SCENARIOS / f'{scenario}.xml']
        if not is_file and scenario.startswith('-sn '):
            chosen = scenario.split()
        words = ['sipp', f'{in_brackets(server[0])}:{server[1]}', *chosen]
        words += ['-i', own[0], '-mi', own[0], '-p', own[1], '-t', TRANSPORTS[transport], '-nostdin']
        words += ['-trace_err', '-error_file', self.errors, '-deadcall_wait', 0, '-skip_rlimit', *switches]
        if fields:
            words += ['-inf', self._field_file(fields)]
        with open(rig.folder / f'{self.name}.out', 'wb') as out:
            self.process = subprocess.Popen(
                list(map(str, words)), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                cwd=rig.folder, env={**os.environ, 'TERM': 'dumb'},
            )  # fmt: skip
        rig.keep(self)

    def _field_file(self, fields):
        path = self.folder / f'{self.name}.csv'
        path.write_text('SEQUENTIAL\n' + ';'.join(fields) + '\n')
        return path

    def wait_until_open(self):
        """Returns when its port is bound."""
        wait_until('SIPp listens', lambda: is_bound(self.transport, *self.own) or self.process.poll() is not None)
        return self

    def finish(self, seconds):
        """All calls must have succeeded."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f'{self.name} is not done after {seconds} s\n{self.summary()}') from None
        if code != 0:
            raise Failure(f'{self.name} ended with {code}\n{self.summary()}')

    def summary(self):
        """The counts of the last screen, and the first unexpected message."""
        out = (self.folder / f'{self.name}.out').read_text(errors='replace')
        counts = out[out.rfind('Messages  Retrans') :].partition('------------------------------ ')[0]
        errors = self.errors.read_text(errors='replace')[:800] if self.errors.exists() else ''
        return f'{counts}\n{errors}'

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def is_bound(transport, address, port):
    """Whether some process has this address; read from /proc, so that nothing is disturbed."""
    wanted = f':{port:04X}'
    for table in (transport, f'{transport}6'):
        with open(f'/proc/net/{table}') as lines:
            for fields in map(str.split, list(lines)[1:]):
                if fields[1].endswith(wanted) and same_address(fields[1].split(':')[0], address):
                    return True
    return False


def same_address(text, address):
    """The kernel writes words in the order of the machine."""
    import socket

    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    words = bytes.fromhex(text)
    packed = b''.join(words[i : i + 4][::-1] for i in range(0, len(words), 4))
    return packed == socket.inet_pton(family, address)
