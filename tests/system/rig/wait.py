# SPDX-License-Identifier: Apache-2.0
"""Waiting for something that tells nobody."""
import time

from rig.case import Failure

POLL_SECONDS = 0.01


def wait_until(what, condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(f'{what}: not within {seconds} s')
        time.sleep(POLL_SECONDS)
