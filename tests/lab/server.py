# SPDX-License-Identifier: Apache-2.0
"""The server under test, as the lab sees it, and culvert as such a server.

Everything that the lab assumes about culvert's command line, control commands and database is in this file.
"""
from __future__ import annotations

import abc
import asyncio
import hashlib
import json
import os
import socket
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

from .netns import Host, LabError, run, stop_process
from .phone import Account

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Config:
    """One of the two configurations that every case must pass under."""

    name: str
    file: Path


# In builds with sanitizers; not every report of theirs changes the exit code.
SANITIZER_MARKS = ("ERROR: AddressSanitizer", "LeakSanitizer", "runtime error:", "ThreadSanitizer")

EXAMPLES = REPOSITORY / "conf" / "examples"
CONFIG_FILES = {"openser": "openser-mediaproxy.cfg", "automatic": "automatic.cfg"}


TLS_SETTINGS = """
tls_certificate = "{certificate}"
tls_private_key = "{key}"
tls_verify_client = 0
tls_require_client_certificate = 0
"""


class ServerFailure(Exception):
    """The server did not start, did not end well, or left something behind."""


class Server(abc.ABC):
    """A SIP server with a media relay on a host with public addresses, the first of them IPv4."""

    def __init__(self, host: Host, addresses: Sequence[str], folder: Path, config: Config) -> None:
        self.host = host
        self.addresses = addresses  # IPv6 ones in brackets
        self.folder = folder
        self.config = config
        self.log = folder / "server.log"
        self.process: asyncio.subprocess.Process | None = None  # set by start()

    @abc.abstractmethod
    async def start(self, accounts: Sequence[Account]) -> None:
        """Starts the server with these subscribers; returns once it answers."""

    @abc.abstractmethod
    async def media_sessions(self) -> int:
        """How many calls hold media ports now."""

    @abc.abstractmethod
    async def stop(self) -> None:
        """Asks the server to end; a ServerFailure unless it ends well."""

    def listen_switches(self) -> list[str]:
        """UDP, TCP and TLS on every address."""
        ports = {"udp": 5060, "tcp": 5060, "tls": 5061}
        pairs = [(transport, address) for address in self.addresses for transport in ports]
        return [word for transport, address in pairs for word in ("-l", f"{transport}:{address}:{ports[transport]}")]

    def has_died(self) -> bool:
        return self.process is not None and self.process.returncode is not None

    async def wait_until_idle(self, timeout: float = 10) -> None:
        """After the last BYE the media ports must be free again."""
        deadline = asyncio.get_running_loop().time() + timeout
        while sessions := await self.media_sessions():
            if asyncio.get_running_loop().time() > deadline:
                raise ServerFailure(f"{sessions} media session(s) left {timeout:g} s after the last BYE")
            await asyncio.sleep(0.1)

    async def _wait_until_it_answers(self, timeout: float = 15) -> None:
        """Pings the server with OPTIONS until any reply comes: whatever the reply, it is up."""
        deadline = asyncio.get_running_loop().time() + timeout
        while not await answers_options(self.host, self.addresses[0]):
            if self.has_died():
                raise ServerFailure("the server did not start")
            if asyncio.get_running_loop().time() > deadline:
                raise ServerFailure(f"the server does not answer OPTIONS within {timeout:g} s")


async def answers_options(host: Host, address: str, patience: float = 0.1) -> bool:
    """One OPTIONS over UDP from the server's own host."""
    loop = asyncio.get_running_loop()
    with host.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, 0))
        own = "%s:%d" % sock.getsockname()
        ping = (
            f"OPTIONS sip:ping@{address} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{own}\r\nMax-Forwards: 5\r\n"
            f"From: <sip:lab@{own}>;tag=1\r\nTo: <sip:ping@{address}>\r\nCall-ID: {own}\r\nCSeq: 1 OPTIONS\r\n"
            "Content-Length: 0\r\n\r\n"
        )
        await loop.sock_sendto(sock, ping.encode(), (address, 5060))
        try:
            return bool(await asyncio.wait_for(loop.sock_recv(sock, 4096), patience))
        except (asyncio.TimeoutError, ConnectionError):
            return False


class Culvert(Server):
    BUILD = Path(os.environ.get("CULVERT_BUILD", REPOSITORY / "build"))
    DAEMON = BUILD / "culvert"
    CONTROL = BUILD / "culvertctl"
    MODULES = BUILD / "modules"

    async def start(self, accounts: Sequence[Account]) -> None:
        if not self.DAEMON.exists():
            raise LabError(f"{self.DAEMON} is not built")
        if not self.config.file.exists():
            raise LabError(f"{self.config.file} does not exist")
        provision(self.folder / "culvert.db", accounts)
        command = [
            str(self.DAEMON), "-f", str(await self._script()), "-DD", "-E", *self.listen_switches(),
            "-w", str(self.folder), "-P", str(self.folder / "culvert.pid"), "-n", "2", "-L", str(self.MODULES),
        ]  # fmt: skip
        self.process = await self.host.spawn(command, self.log)
        await self._wait_until_it_answers()

    async def _script(self) -> Path:
        """The configuration with a certificate for TLS."""
        key, certificate = self.folder / "key.pem", self.folder / "certificate.pem"
        await run(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", str(key), "-out", str(certificate), "-subj", "/CN=lab", "-days", "3",
        )  # fmt: skip
        script = self.folder / "culvert.cfg"
        head, _, rest = self.config.file.read_text().partition("\n")
        script.write_text(head + TLS_SETTINGS.format(key=key, certificate=certificate) + rest)
        return script

    async def media_sessions(self) -> int:
        answer = await run(str(self.CONTROL), "-s", str(self.folder / "culvert.sock"), "-j", "media")
        return len(json.loads(answer)["sessions"])

    async def stop(self) -> None:
        code = await stop_process(self.process, patience=10)
        report = sanitizer_report(self.log.read_text(errors="replace"))
        if report:
            raise ServerFailure(f"culvert's log: {report}")
        if code != 0:
            raise ServerFailure(f"culvert ended with exit code {code}")


def sanitizer_report(log: str) -> str:
    """The first line in which a sanitizer complains; empty if none does."""
    return next((line.strip() for line in log.splitlines() if any(mark in line for mark in SANITIZER_MARKS)), "")


SCHEMA = """
CREATE TABLE IF NOT EXISTS version (table_name VARCHAR(32) NOT NULL, table_version INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS subscriber (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    username VARCHAR(64) NOT NULL DEFAULT '', domain VARCHAR(64) NOT NULL DEFAULT '',
    password VARCHAR(25) NOT NULL DEFAULT '',
    first_name VARCHAR(64) NOT NULL DEFAULT '', last_name VARCHAR(64) NOT NULL DEFAULT '',
    email_address VARCHAR(64) NOT NULL DEFAULT '',
    datetime_created DATETIME NOT NULL DEFAULT '1900-01-01 00:00:01',
    ha1 VARCHAR(64) NOT NULL DEFAULT '', ha1b VARCHAR(64) NOT NULL DEFAULT '',
    timezone VARCHAR(64) DEFAULT NULL, rpid VARCHAR(64) DEFAULT NULL,
    UNIQUE (username, domain)
);
CREATE TABLE IF NOT EXISTS domain (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    domain VARCHAR(64) NOT NULL DEFAULT '' UNIQUE,
    last_modified DATETIME NOT NULL DEFAULT '1900-01-01 00:00:01'
);
"""
TABLE_VERSIONS = {"subscriber": 6, "domain": 1}


def provision(database: Path, accounts: Sequence[Account]) -> None:
    """Writes subscribers and their domains; the tables are those of OpenSER 1.3, made if they are missing."""
    with sqlite3.connect(database) as connection:
        connection.executescript(SCHEMA)
        for table, version in TABLE_VERSIONS.items():
            connection.execute("DELETE FROM version WHERE table_name = ?", (table,))
            connection.execute("INSERT INTO version VALUES (?, ?)", (table, version))
        for account in accounts:
            connection.execute("INSERT OR IGNORE INTO domain (domain) VALUES (?)", (account.domain,))
            connection.execute(
                "INSERT INTO subscriber (username, domain, password, ha1, ha1b) VALUES (?, ?, ?, ?, ?)",
                (account.user, account.domain, account.password, *digests(account)),
            )
    connection.close()


def digests(account: Account) -> tuple[str, str]:
    """HA1 for a user name without and with the domain in it."""
    user, domain, password = account.user, account.domain, account.password

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    return md5(f"{user}:{domain}:{password}"), md5(f"{user}@{domain}:{domain}:{password}")
