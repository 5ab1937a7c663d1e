# SPDX-License-Identifier: Apache-2.0
"""A real phone: baresip without a screen, steered through its control socket (JSON in netstrings).

It registers, calls, answers by itself, plays a tone of its own and records what it hears.
"""
from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable

from .netns import Host, LabError, stop_process
from .speaker import Speaker

CONTROL = ("127.0.0.1", 4444)
MODULES = Path("/usr/lib/baresip/modules")
BYE_RECEIVED = "Connection reset by peer"  # what baresip says of a call that the other side ended with BYE

CONFIG = """\
poll_method epoll
sip_listen {listen}:5060
rtp_ports 16384-16399
call_local_timeout 30
call_max_calls 2
audio_source ausine,{tone}
audio_player alsa,speaker
ausrc_srate 48000
ausrc_channels 2
audio_level no
audio_buffer 60-300
jitter_buffer_delay 2-10
rtcp_mux no
rtp_timeout 0
statmode_default off
ring_aufile none
ringback_aufile none
module_path {modules}
module g711.so
module ausine.so
module alsa.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen {control}
"""


class CallFailure(Exception):
    """A phone did not get what a working server would have given it."""


@dataclass(frozen=True)
class Account:
    user: str
    password: str
    domain: str
    proxy: str  # host and port of the server, the host in brackets if IPv6
    transport: str = "udp"
    expires: int = 600
    answers: str = "auto"

    @property
    def aor(self) -> str:
        return f"sip:{self.user}@{self.domain}"

    def line(self) -> str:
        """The account in baresip's words."""
        return (
            f"<{self.aor};transport={self.transport}>;auth_user={self.user};auth_pass={self.password}"
            f';outbound="sip:{self.proxy};transport={self.transport}";regint={self.expires}'
            f";answermode={self.answers};audio_codecs=pcma,pcmu"
        )


Event = dict[str, Any]


class Phone:
    def __init__(self, host: Host, account: Account, tone: int, folder: Path, known_tones: Iterable[int]) -> None:
        self.host = host
        self.account = account
        self.tone = tone
        self.folder = folder
        self.log = folder / "phone.log"
        self.events: list[Event] = []
        self.speaker = Speaker(folder, known_tones)
        self._changed = asyncio.Condition()
        self._reader_task: asyncio.Task[None] | None = None
        self._dead = False

    @property
    def name(self) -> str:
        return self.account.user

    async def start(self) -> None:
        """Starts the phone; it does not register yet."""
        self.folder.mkdir(parents=True)
        listen = "[::]" if self.account.proxy.startswith("[") else "0.0.0.0"
        config = CONFIG.format(listen=listen, tone=self.tone, modules=MODULES, control="%s:%d" % CONTROL)
        (self.folder / "config").write_text(config)
        for empty in ("accounts", "contacts"):
            (self.folder / empty).touch()
        self.speaker.start()
        environment = {"ALSA_CONFIG_PATH": str(self.speaker.alsa_config)}
        self._process = await self.host.spawn(["baresip", "-v", "-f", str(self.folder)], self.log, environment)
        self._reader, self._writer = await self._connect()
        self._reader_task = asyncio.create_task(self._read_events())

    async def close(self) -> None:
        if self._reader_task:
            self._reader_task.cancel()
            await asyncio.gather(self._reader_task, return_exceptions=True)
            self._writer.close()
            await stop_process(self._process, patience=0.2)
            await self.speaker.close()

    # What a person does with a phone

    async def switch_off(self) -> None:
        """The phone takes its registration back and ends."""
        await stop_process(self._process)

    async def register(self, timeout: float = 10) -> None:
        mark = self.mark()
        await self.command("uanew", self.account.line())
        await self.wait("REGISTER_OK", mark, timeout, unless="REGISTER_FAIL")

    async def wait_for_next_registration(self, timeout: float) -> None:
        await self.wait("REGISTER_OK", self.mark(), timeout)

    async def call(self, other: Phone, timeout: float = 15) -> None:
        """Calls the other phone; returns when both consider the call as established."""
        here, there = self.mark(), other.mark()
        await self.command("dial", other.account.aor)
        await self.wait("CALL_ESTABLISHED", here, timeout, unless="CALL_CLOSED")
        await other.wait("CALL_ESTABLISHED", there, timeout, unless="CALL_CLOSED")

    async def call_early(self, other: Phone, timeout: float = 15) -> None:
        """Calls a phone that describes its media while it rings; returns when its description has come."""
        here = self.mark()
        await self.command("dial", other.account.aor)
        await self.wait("CALL_PROGRESS", here, timeout, unless="CALL_CLOSED")

    async def answer(self, other: Phone, timeout: float = 10) -> None:
        """Takes the call that rings; returns when both consider it as established."""
        here, there = self.mark(), other.mark()
        await self.command("accept")
        await self.wait("CALL_ESTABLISHED", here, timeout, unless="CALL_CLOSED")
        await other.wait("CALL_ESTABLISHED", there, timeout, unless="CALL_CLOSED")

    async def hang_up(self, other: Phone, timeout: float = 5) -> None:
        """Ends the call; the BYE must arrive at the other phone."""
        there = other.mark()
        await self.command("hangup")
        closed = await other.wait("CALL_CLOSED", there, timeout)
        if closed.get("param") != BYE_RECEIVED:
            raise CallFailure(f"{other.name}: the call ended without a BYE: {closed.get('param')}")

    async def hold(self, other: Phone) -> None:
        await self._renegotiate("hold", other)

    async def resume(self, other: Phone) -> None:
        await self._renegotiate("resume", other)

    async def reinvite(self, other: Phone) -> None:
        await self._renegotiate("reinvite", other)

    async def _renegotiate(self, command: str, other: Phone, timeout: float = 10) -> None:
        """Sends a re-INVITE; the offer must reach the other phone and its answer must come back."""
        here, there = self.mark(), other.mark()
        await self.command(command)
        await other.wait("CALL_REMOTE_SDP", there, timeout, unless="CALL_CLOSED")
        await self.wait("CALL_REMOTE_SDP", here, timeout, unless="CALL_CLOSED")

    async def must_hear(self, other: Phone, seconds: float, since: int) -> None:
        """Waits until the other's tone was heard for so long."""
        if not await self.speaker.wait_for(other.tone, seconds, since, seconds + 5):
            heard = self.speaker.seconds_of(other.tone, since)
            raise CallFailure(f"{self.name} heard {other.name} for {heard:.1f} s, not {seconds:g} s")

    async def must_not_hear(self, other: Phone, seconds: float, since: int) -> None:
        """Waits until the other's tone was missing for so long."""
        if not await self.speaker.wait_for_absence(other.tone, seconds, since, seconds + 5):
            raise CallFailure(f"{self.name} still heard {other.name}")

    # The control socket

    def mark(self) -> int:
        """Now, as a position in the list of events."""
        return len(self.events)

    async def command(self, name: str, params: str = "") -> None:
        text = json.dumps({"command": name, "params": params, "token": name}).encode()
        self._writer.write(b"%d:%s," % (len(text), text))
        await self._writer.drain()

    async def wait(self, kind: str, since: int, timeout: float, unless: str = "") -> Event:
        """The first event of this kind from `since` on; a CallFailure if `unless` comes first, or nothing does."""
        found = await self._find((kind, unless), since, timeout)
        if found is None:
            raise CallFailure(f"{self.name}: no {kind} within {timeout:g} s")
        if found["type"] != kind:
            raise CallFailure(f"{self.name}: {found['type']} ({found.get('param')}) instead of {kind}")
        return found

    async def _find(self, kinds: tuple[str, ...], since: int, timeout: float) -> Event | None:
        def matching() -> Event | None:
            found = next((event for event in self.events[since:] if event["type"] in kinds), None)
            if found is None and self._dead:
                raise CallFailure(f"{self.name}: the phone died")
            return found

        try:
            async with asyncio.timeout(timeout), self._changed:
                return await self._changed.wait_for(matching)
        except TimeoutError:
            return None

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        for _ in range(200):
            if self._process.returncode is not None:
                break
            connection = self.host.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                await asyncio.get_running_loop().sock_connect(connection, CONTROL)
                return await asyncio.open_connection(sock=connection)
            except ConnectionRefusedError:
                connection.close()
                await asyncio.sleep(0.05)
        raise LabError(f"{self.name}: baresip does not start, see {self.log}")

    async def _read_events(self) -> None:
        try:
            while True:
                message = await read_netstring(self._reader)
                if message.get("event"):
                    self.events.append(message)
                    await self._notify()
        except (asyncio.IncompleteReadError, ConnectionError):
            self._dead = True
            await self._notify()

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


async def read_netstring(reader: asyncio.StreamReader) -> Event:
    """One JSON object of the form `LENGTH:TEXT,`."""
    length = int((await reader.readuntil(b":"))[:-1])
    text = await reader.readexactly(length + 1)
    return json.loads(text[:-1])
