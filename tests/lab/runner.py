# SPDX-License-Identifier: Apache-2.0
"""Runs cases: many side by side, each in a world of its own."""
from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import AsyncIterator, Sequence

from .cases import Case
from .netns import LabError
from .peer import Kamailio, KamailioWithoutKeepalive, KamailioWithoutRelay
from .phone import CallFailure
from .server import Config, Culvert, Server, ServerFailure
from .world import World, build_world

SERVERS: dict[str, type[Server]] = {
    "culvert": Culvert,
    "kamailio": Kamailio,
    "kamailio-norelay": KamailioWithoutRelay,
    "kamailio-nokeepalive": KamailioWithoutKeepalive,
}
TOOLS = {"ip": "iproute2", "nft": "nftables", "sysctl": "procps", "baresip": "baresip-core"}
LOG_TAIL = 25


@dataclass(frozen=True)
class Options:
    server: type[Server]
    folder: Path  # each case keeps its files in a folder of its own in here
    pcap: bool = False


@dataclass
class Result:
    case: Case
    config: Config
    seconds: float = 0.0
    reason: str = ""  # why it failed; empty if it passed
    log_tails: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.reason

    @property
    def name(self) -> str:
        return f"{self.case.name} [{self.config.name}]"


def missing_requirements() -> list[str]:
    """What keeps the lab from running here, in words for the person at the keyboard."""
    missing = [] if os.geteuid() == 0 else ["the lab makes network namespaces: run it as root"]
    places = "/usr/sbin:/usr/bin:/sbin:/bin"
    packages = [package for tool, package in TOOLS.items() if not shutil.which(tool, path=places)]
    return missing + ([f"apt-get install {' '.join(packages)}"] if packages else [])


async def run_case(case: Case, config: Config, options: Options) -> Result:
    """Runs one case to its verdict; only cancellation gets out as an exception."""
    result = Result(case, config)
    folder = options.folder / f"{case.name}.{config.name}"
    started = time.monotonic()
    try:
        async with asyncio.timeout(case.timeout), build_world(folder, case.setting, options.server, config) as world:
            result.reason = await _play(world, case, options)
    except TimeoutError:
        result.reason = f"not over after {case.timeout:g} s"
    except LabError as error:
        result.reason = _describe(error)
    result.seconds = time.monotonic() - started
    if not result.passed:
        result.log_tails = [_tail(log) for log in sorted(folder.glob("*/*.log"))]
    return result


async def run_cases(pairs: Sequence[tuple[Case, Config]], options: Options, jobs: int) -> AsyncIterator[Result]:
    """Runs at most `jobs` at once; yields the results as they come."""
    slots = asyncio.Semaphore(jobs)

    async def run_in_turn(case: Case, config: Config) -> Result:
        async with slots:
            return await run_case(case, config, options)

    tasks = [asyncio.create_task(run_in_turn(case, config)) for case, config in pairs]
    try:
        for next_result in asyncio.as_completed(tasks):
            yield await next_result
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _play(world: World, case: Case, options: Options) -> str:
    """Why the case failed; an empty string if it passed."""
    try:
        async with _capture(world) if options.pcap else contextlib.nullcontext():
            await _tell_story(world, case)
    except Exception as error:
        reasons = [_describe(leaf) for leaf in _leaves(error)]
        if world.server.has_died():
            reasons.append(f"the server ended with exit code {world.server.process.returncode}")
        return "; ".join(reasons)
    return ""


async def _tell_story(world: World, case: Case) -> None:
    """Server and phones on, the story, and a look at what is left."""
    phones = (world.alice, world.bob)
    await world.server.start([phone.account for phone in phones])
    await asyncio.gather(*(phone.start() for phone in phones))
    await asyncio.gather(*(phone.register() for phone in phones))
    await case.story(world)
    await world.server.wait_until_idle()
    await asyncio.gather(*(phone.switch_off() for phone in phones))
    await world.server.stop()


@contextlib.asynccontextmanager
async def _capture(world: World) -> AsyncIterator[None]:
    """Records what the server's card sees."""
    file = world.folder / "server.pcap"
    await world.server_host.spawn(["tcpdump", "-i", "eth0", "-U", "-w", str(file)], world.folder / "tcpdump.log")
    while not file.exists():
        await asyncio.sleep(0.02)
    yield


def _describe(error: BaseException) -> str:
    """A verdict about the server speaks for itself; whatever else went wrong is the lab's own fault."""
    if isinstance(error, (CallFailure, ServerFailure)):
        return str(error)
    return f"lab: {error}" if isinstance(error, LabError) else f"lab: {error!r}"


def _leaves(error: BaseException) -> list[BaseException]:
    """The single exceptions of a group of groups."""
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    return [leaf for inner in error.exceptions for leaf in _leaves(inner)]


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").replace("\r", "\n").splitlines()
    lines = [line for line in lines if line.strip()][-LOG_TAIL:]
    return "\n".join([f"--- {log.parent.name}/{log.name}", *lines])
