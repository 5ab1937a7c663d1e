# SPDX-License-Identifier: Apache-2.0
"""Kamailio and rtpengine as the server under test: proof that the lab works, and something to compare with.

The two that lack something are there to show that the cases can fail: every case without the media relay, the one
with the impatient NATs without the keepalive.
"""
from __future__ import annotations

import asyncio
import itertools
import shutil
import socket
from pathlib import Path
from typing import Sequence

from .netns import LabError, stop_process
from .phone import Account
from .server import Server, ServerFailure

PEER_CONFIG = Path(__file__).with_name("peer.cfg")
RELAY_CONTROL = ("127.0.0.1", 2223)

_cookies = itertools.count(1)  # rtpengine repeats its answer to a cookie it has seen


class Kamailio(Server):
    """The two configurations differ in one point here: with "openser" the phones need a password."""

    FEATURES = frozenset({"WITH_RELAY", "WITH_KEEPALIVE"})

    async def start(self, accounts: Sequence[Account]) -> None:
        for program in ("kamailio", "rtpengine"):
            if not shutil.which(program):
                raise LabError(f"{program} is not installed")
        self._relay = await self.host.spawn(self._relay_command(), self.folder / "relay.log")
        while self._relay.returncode is None and not await self._ask_relay("ping"):
            await asyncio.sleep(0.05)
        self.process = await self.host.spawn(self._proxy_command(), self.log)
        await self._wait_until_it_answers()

    async def media_sessions(self) -> int:
        answer = await self._ask_relay("list")
        if not answer:
            raise ServerFailure("rtpengine does not answer")
        return 0 if b"5:callsle" in answer else 1  # in bencode, an empty list is "le"

    async def stop(self) -> None:
        codes = await asyncio.gather(*(stop_process(process, patience=10) for process in (self.process, self._relay)))
        if any(codes):
            raise ServerFailure(f"kamailio and rtpengine ended with exit codes {codes}")

    async def _ask_relay(self, command: str) -> bytes:
        """What rtpengine answers; nothing if it does not."""
        loop = asyncio.get_running_loop()
        with self.host.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            request = f"{next(_cookies)} d7:command{len(command)}:{command}e"
            await loop.sock_sendto(sock, request.encode(), RELAY_CONTROL)
            try:
                return await asyncio.wait_for(loop.sock_recv(sock, 65536), 0.5)
            except (asyncio.TimeoutError, ConnectionError):
                return b""

    def _relay_command(self) -> list[str]:
        interfaces = [f"--interface=public/{address.strip('[]')}" for address in self.addresses]
        return [
            "rtpengine", "--foreground", "--log-stderr", "--log-level=6", "--table=-1", "--delete-delay=0",
            f"--listen-ng={RELAY_CONTROL[0]}:{RELAY_CONTROL[1]}", "--port-min=30000", "--port-max=30999",
            "--num-threads=2", f"--pidfile={self.folder / 'relay.pid'}", *interfaces,
        ]  # fmt: skip

    def _proxy_command(self) -> list[str]:
        features = self.FEATURES | ({"WITH_AUTH"} if self.config.name == "openser" else set())
        return [
            "kamailio", "-f", str(PEER_CONFIG), "-DD", "-E", "-n", "2", "-m", "32", "-M", "8", *self.listen_switches(),
            "-Y", str(self.folder), "-w", str(self.folder), "-P", str(self.folder / "kamailio.pid"),
            *(f"-A{feature}" for feature in features),
        ]  # fmt: skip


class KamailioWithoutRelay(Kamailio):
    FEATURES = Kamailio.FEATURES - {"WITH_RELAY"}


class KamailioWithoutKeepalive(Kamailio):
    FEATURES = Kamailio.FEATURES - {"WITH_KEEPALIVE"}
