# SPDX-License-Identifier: Apache-2.0
"""Hosts and Ethernets made of network namespaces.

A Host is one namespace and every process started in it. A Segment is an Ethernet: a bridge in its owner's namespace.
Nothing is ever created outside the namespaces of a run, so deleting them removes all that the run made.
"""
from __future__ import annotations

import asyncio
import contextlib
import ctypes
import itertools
import os
import signal
import socket
import threading
from pathlib import Path
from typing import Mapping, Sequence

PREFIX = "cvlab"
NETNS_DIR = Path("/run/netns")
CLONE_NEWNET = 0x40000000

_serial = itertools.count(1)
_libc = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """The lab itself could not do what it was asked: not a verdict about the server."""


async def run(*argv: str, stdin: str = "") -> str:
    """Runs a command to its end and returns what it printed."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate(stdin.encode())
    finally:
        await process.wait()  # also when cancelled: what it makes must be there to be removed
    text = output.decode(errors="replace")
    if process.returncode:
        raise LabError(f"{' '.join(argv)}: exit code {process.returncode}: {text.strip()} {stdin}".strip())
    return text


async def stop_process(process: asyncio.subprocess.Process, patience: float = 3.0) -> int:
    """Asks a process to end, insists after `patience` seconds, and returns its exit code."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        return await asyncio.wait_for(process.wait(), patience)
    except asyncio.TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        return await process.wait()


async def remove_namespace(name: str) -> None:
    """Removes a namespace, after whatever still runs in it (a server's children, say); one that is gone is fine."""
    with contextlib.suppress(LabError):
        for pid in (await run("ip", "netns", "pids", name)).split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        await run("ip", "netns", "del", name)


class Host:
    """One network namespace, from open() to close()."""

    def __init__(self, role: str) -> None:
        self.role = role
        self.netns = f"{PREFIX}-{os.getpid()}-{next(_serial)}-{role}"
        self._processes: list[asyncio.subprocess.Process] = []

    async def open(self) -> None:
        await run("ip", "netns", "add", self.netns)
        await self.ip("link set lo up")
        # Nobody else can have taken an IPv6 address here: no need to wait for the check.
        await self.sysctl({"net.ipv6.conf.all.accept_dad": 0, "net.ipv6.conf.default.accept_dad": 0})

    async def ip(self, *lines: str) -> None:
        """Runs lines of the `ip` language (without the word ip) in this host."""
        await run("ip", "-n", self.netns, "-batch", "-", stdin="\n".join(lines) + "\n")

    async def sysctl(self, settings: Mapping[str, object]) -> None:
        await self.run("sysctl", "-qw", *(f"{key}={value}" for key, value in settings.items()))

    async def run(self, *argv: str, stdin: str = "") -> str:
        return await run("ip", "netns", "exec", self.netns, *argv, stdin=stdin)

    async def spawn(
        self, argv: Sequence[str], log: Path, env: Mapping[str, str] | None = None
    ) -> asyncio.subprocess.Process:
        """Starts a long-lived process here; close() ends it if nobody did before."""
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                "ip", "netns", "exec", self.netns, *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **(env or {})},
            )  # fmt: skip
        self._processes.append(process)
        return process

    def socket(self, family: int, kind: int) -> socket.socket:
        """A socket that lives in this host, for use from the test program."""
        made: list[socket.socket] = []

        def enter_and_make() -> None:
            with (NETNS_DIR / self.netns).open() as namespace:
                if _libc.setns(namespace.fileno(), CLONE_NEWNET) == 0:
                    made.append(socket.socket(family, kind))

        # A namespace belongs to a thread: this one ends at once and takes its own with it.
        thread = threading.Thread(target=enter_and_make)
        thread.start()
        thread.join()
        if not made:
            raise LabError(f"cannot enter {self.netns}")
        made[0].setblocking(False)
        return made[0]

    async def close(self) -> None:
        running = [process for process in self._processes if process.returncode is None]
        await asyncio.gather(*(stop_process(process) for process in running))
        await remove_namespace(self.netns)


class Segment:
    """An Ethernet. With `isolated`, the hosts on it reach its owner only, never each other."""

    def __init__(self, owner: Host, bridge: str, isolated: bool) -> None:
        self.owner = owner
        self.bridge = bridge
        self.isolated = isolated
        self._ports = itertools.count(1)

    @classmethod
    async def create(cls, owner: Host, bridge: str, addresses: Sequence[str] = (), isolated: bool = False) -> Segment:
        await owner.ip(
            f"link add {bridge} type bridge mcast_snooping 0",
            *(f"addr add {address} dev {bridge}" for address in addresses),
            f"link set {bridge} up",
        )
        return cls(owner, bridge, isolated)

    async def attach(self, host: Host, interface: str, addresses: Sequence[str]) -> None:
        """Plugs `host` in: `interface` is the name of its card."""
        port = f"{self.bridge}{next(self._ports)}"
        await run(
            "ip", "link", "add", "name", interface, "netns", host.netns,
            "type", "veth", "peer", "name", port, "netns", self.owner.netns,
        )  # fmt: skip
        isolation = [f"link set {port} type bridge_slave isolated on"] if self.isolated else []
        await self.owner.ip(f"link set {port} master {self.bridge}", *isolation, f"link set {port} up")
        await host.ip(
            *(f"addr add {address} dev {interface}" for address in addresses),
            f"link set {interface} up",
        )
