# SPDX-License-Identifier: Apache-2.0
"""Checks: coroutines of a stage, run side by side against one server for each script."""
import asyncio
import traceback
from dataclasses import dataclass
from typing import Callable

from conformance.stage import Stage, open_server
from rig.case import Failure

CHECKS = []
SIDE_BY_SIDE = 24  # they mostly wait
TOO_LONG = 50  # seconds
ALL = ('udp', 'tcp', 'udp6', 'tcp6')


@dataclass(frozen=True)
class Check:
    area: str
    name: str
    run: Callable
    flavours: tuple
    script: str


def check(*flavours, script='classic'):
    """Decorates a coroutine; it runs once for each flavour: udp, tcp, udp6, tcp6."""

    def enter(function):
        area = function.__module__.rpartition('.')[2]
        CHECKS.append(Check(area, function.__name__, function, flavours or ALL, script))
        return function

    return enter


async def attempt(one, flavour, server, gate):
    """None, or what is wrong."""
    async with gate:
        stage = Stage(server, flavour)
        try:
            await asyncio.wait_for(one.run(stage), TOO_LONG)
        except Failure as failure:
            return str(failure)
        except asyncio.TimeoutError:
            return f'not done after {TOO_LONG} s'
        except Exception:  # a bug in the check
            return traceback.format_exc()
        finally:
            await stage.close()
    return None


async def run_all(rig, checks, words):
    servers = {script: open_server(rig, script) for script in sorted({one.script for one in checks})}
    gate = asyncio.Semaphore(SIDE_BY_SIDE)
    rows = [(one, flavour) for one in checks for flavour in one.flavours if all(word in f'{one.name}.{flavour}' for word in words)]
    found = await asyncio.gather(*(attempt(one, flavour, servers[one.script], gate) for one, flavour in rows))
    failures = [f'{one.name} [{flavour}] {reason}' for (one, flavour), reason in zip(rows, found) if reason]
    failures += [f'the server of {name} has died' for name, server in servers.items() if not server.daemon.is_alive()]
    return len(rows), failures


def run_area(rig, area, words=()):
    """How many checks passed; raises Failure with all that did not."""
    checks = [one for one in CHECKS if one.area == area]
    count, failures = asyncio.run(run_all(rig, checks, words))
    if failures:
        raise Failure(f'{len(failures)} of {count} checks:\n' + '\n'.join(failures))
    return f'{count} passed'
