# SPDX-License-Identifier: Apache-2.0
"""A culvert process in the foreground. Readiness comes by NOTIFY_SOCKET; the end must be clean."""
import os
import signal
import socket
import subprocess
import time

from rig.case import Failure
from rig.control import Control

START_SECONDS = 60  # an instrumented build on a busy machine
STOP_SECONDS = 30
POLL_SECONDS = 0.02
TROUBLE = ('AddressSanitizer', 'LeakSanitizer', 'ThreadSanitizer', 'runtime error:', 'Assertion')


class Server:
    def __init__(self, program, folder, script, switches, env=None, wrapper=()):
        self.folder = folder
        self.script = script
        self.log = folder / 'server.log'
        self.control = Control(folder / 'culvert.sock')
        self.command = [*wrapper, program, '-f', script, '-D', '-E', '-n', '2', '-w', folder, *switches]
        self.env = {**os.environ, 'ASAN_OPTIONS': 'detect_leaks=1', **(env or {})}
        self.process = None

    def start(self):
        notify = self.folder / 'notify'
        notify.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready, self.log.open('ab') as log:
            ready.bind(str(notify))
            ready.settimeout(0.1)
            self.process = subprocess.Popen(
                list(map(str, self.command)), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**self.env, 'NOTIFY_SOCKET': str(notify)},
            )  # fmt: skip
            self._await_ready(ready)
        return self

    def _await_ready(self, ready):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                if b'READY=1' in ready.recv(4096):
                    return
            except TimeoutError:
                if self.process.poll() is not None:
                    raise Failure(f'the server ended with {self.process.returncode}:\n{self.text()}') from None
        raise Failure(f'the server is not ready after {START_SECONDS} s')

    @property
    def pid(self):
        return self.process.pid

    def text(self):
        return self.log.read_text(errors='replace')

    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def ask(self, method, *params):
        return self.control.ask(method, *params)

    def stats(self):
        return self.ask('stats')

    def wait_for(self, what, condition, seconds=10):
        """Asks for the counters until the condition holds for them; returns them."""
        deadline = time.monotonic() + seconds
        while True:
            stats = self.stats()
            if condition(stats):
                return stats
            if time.monotonic() > deadline:
                raise Failure(f'{what}: not within {seconds} s; {stats}')
            time.sleep(POLL_SECONDS)

    def wait_for_log(self, text, seconds=10):
        deadline = time.monotonic() + seconds
        while text not in self.text():
            if time.monotonic() > deadline:
                raise Failure(f'the log does not say {text!r}:\n{self.text()}')
            time.sleep(POLL_SECONDS)

    def rss_bytes(self):
        with open(f'/proc/{self.pid}/statm') as statm:
            return int(statm.read().split()[1]) * os.sysconf('SC_PAGESIZE')

    def descriptors(self):
        return len(os.listdir(f'/proc/{self.pid}/fd'))

    def stop(self, number=signal.SIGTERM):
        """The exit code."""
        self.process.send_signal(number)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failure(f'the server did not end within {STOP_SECONDS} s of signal {number}') from None

    def close(self):
        if self.process is None:
            return
        code = self.process.returncode if self.process.returncode is not None else self.process.poll()
        ended_by_itself = code is not None and not self.is_expected_end(code)
        if code is None:
            code = self.stop()
        self.process = None
        if ended_by_itself or not self.is_expected_end(code):
            raise Failure(f'the server ended with {code}:\n{self.text()}')
        found = [line for line in self.text().splitlines() if any(word in line for word in TROUBLE)]
        if found:
            raise Failure('\n'.join(found))

    @staticmethod
    def is_expected_end(code):
        return code == 0
