# SPDX-License-Identifier: Apache-2.0
"""A culvert that has gone into the background, known by its pid file alone."""
import contextlib
import os
import signal
import time

from rig.case import Failure
from rig.control import Control

STOP_SECONDS = 20


class Background:
    def __init__(self, folder):
        self.pid_file = folder / 'culvert.pid'
        self.control = Control(folder / 'culvert.sock')
        self.pid = int(self.pid_file.read_text())

    def status(self, field):
        """A line of /proc/PID/status."""
        with open(f'/proc/{self.pid}/status') as lines:
            return next(line.split(':')[1].split() for line in lines if line.startswith(f'{field}:'))

    def is_alive(self):
        try:
            return self.status('State')[0] != 'Z'
        except FileNotFoundError:
            return False

    def stop(self, number=signal.SIGTERM):
        """Ends it; whether it has removed its files is for the case to see."""
        handle = os.pidfd_open(self.pid)
        try:
            signal.pidfd_send_signal(handle, number)
            deadline = time.monotonic() + STOP_SECONDS
            while self.is_alive():
                if time.monotonic() > deadline:
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
                    raise Failure(f'the daemon did not end within {STOP_SECONDS} s')
                time.sleep(0.01)
        finally:
            os.close(handle)

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            self.stop()
