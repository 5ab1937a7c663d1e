# SPDX-License-Identifier: Apache-2.0
"""A network namespace for one case: threads and processes that it starts live in it."""
import contextlib
import ctypes
import os
import subprocess

from rig.case import Skip

CLONE_NEWNET = 0x40000000


@contextlib.contextmanager
def own_network(mtu):
    """Loopback alone, with packets of that size."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open('/proc/thread-self/ns/net') as before:
        if libc.unshare(CLONE_NEWNET):
            raise Skip(f'no network namespace: {os.strerror(ctypes.get_errno())}')
        try:
            subprocess.run(['ip', 'link', 'set', 'lo', 'up', 'mtu', str(mtu)], check=True)
            yield
        finally:
            if libc.setns(before.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), 'setns')
