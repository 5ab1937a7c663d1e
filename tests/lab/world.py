# SPDX-License-Identifier: Apache-2.0
"""The world that one case runs in: an internet, a server on it, and two phones, each where the case wants it.

    server 198.51.100.10, 2001:db8::10 ──┐
    public phone 198.51.100.31/.32 ──────┤
    home router 198.51.100.21/.22 ───────┤ internet (one Ethernet)        home LAN: 192.168.1.0/24, in every home
    carrier's NAT 198.51.100.25/.26 ─────┤    └ 100.64.0.0/24 ─ home router ─ 192.168.1.0/24
    IPv6 home 2001:db8::21/::22 ─────────┘    firewall, no NAT: 2001:db8:1::/64, 2001:db8:2::/64
"""
from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import AsyncIterator

from .nat import Mapping, Nat, Router
from .netns import Host, Segment
from .phone import Account, Phone
from .server import Config, Server

DOMAIN = "lab.example"
SERVER_V4 = "198.51.100.10"
SERVER_V6 = "2001:db8::10"
TONES = {"alice": 600, "bob": 1000}


class Place(Enum):
    """Where a phone is."""

    HOME = "home"  # behind one NAT
    CARRIER = "carrier"  # behind a home NAT and a carrier's
    PUBLIC = "public"
    IPV6 = "ipv6"  # behind a firewall that does not translate


@dataclass(frozen=True)
class Side:
    """One phone of a case and the way to it."""

    place: Place = Place.HOME
    nat: Nat = Nat()  # the home router's
    carrier_nat: Nat = Nat()
    transport: str = "udp"
    expires: int = 600  # seconds asked for at registration
    answers: str = "auto"  # calls at once; early: it describes its media and rings; manual


@dataclass(frozen=True)
class Setting:
    """Both sides. `shared` says which router both are behind: None, Place.HOME or Place.CARRIER."""

    caller: Side = Side()
    callee: Side = Side()
    shared: Place | None = None


class World:
    """Built by `build_world`, which also takes it down."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hosts: list[Host] = []
        self.routers: dict[str, Router] = {}
        self.alice: Phone
        self.bob: Phone
        self.server: Server

    async def host(self, role: str) -> Host:
        host = Host(role)
        self.hosts.append(host)  # before it is opened: close() must find what was begun
        await host.open()
        return host

    async def build(self, setting: Setting, server_type: type[Server], config: Config) -> None:
        internet_host = await self.host("internet")
        self.internet = await Segment.create(internet_host, "net")
        self.server_host = await self.host("server")
        await self.internet.attach(self.server_host, "eth0", [f"{SERVER_V4}/24", f"{SERVER_V6}/64"])
        server_folder = self.folder / "server"
        server_folder.mkdir(parents=True)
        self.server = server_type(self.server_host, [SERVER_V4, f"[{SERVER_V6}]"], server_folder, config)
        self.alice = await self._place_phone("alice", 1, setting.caller, setting.shared)
        self.bob = await self._place_phone("bob", 2, setting.callee, setting.shared)

    async def close(self) -> None:
        phones = [phone for phone in (getattr(self, "alice", None), getattr(self, "bob", None)) if phone]
        await asyncio.gather(*(phone.close() for phone in phones), return_exceptions=True)
        await asyncio.gather(*(host.close() for host in self.hosts), return_exceptions=True)

    async def _place_phone(self, name: str, number: int, side: Side, shared: Place | None) -> Phone:
        host = await self.host(name)
        await getattr(self, f"_connect_{side.place.value}")(host, number, side, shared)
        server = f"[{SERVER_V6}]" if side.place is Place.IPV6 else SERVER_V4
        account = Account(name, "secret", DOMAIN, server, side.transport, side.expires, side.answers)
        return Phone(host, account, TONES[name], self.folder / name, TONES.values())

    async def _connect_public(self, host: Host, number: int, side: Side, shared: Place | None) -> None:
        await self.internet.attach(host, "eth0", [f"198.51.100.3{number}/24"])

    async def _connect_home(self, host: Host, number: int, side: Side, shared: Place | None) -> None:
        name = "home" if shared is Place.HOME else f"home{number}"
        router = self.routers.get(name) or await self._add_router(
            name, self.internet, [f"198.51.100.2{number}/24"], "192.168.1.1/24", side.nat
        )
        await self._connect_to_home_router(host, number, router, shared)

    async def _connect_carrier(self, host: Host, number: int, side: Side, shared: Place | None) -> None:
        name = "carrier" if shared is Place.CARRIER else f"carrier{number}"
        carrier = self.routers.get(name) or await self._add_router(
            name, self.internet, [f"198.51.100.2{number + 4}/24"], "100.64.0.1/24", side.carrier_nat
        )
        router = await self._add_router(
            f"home{number}", carrier.lan, [f"100.64.0.2{number}/24"], "192.168.1.1/24", side.nat, "100.64.0.1"
        )
        await self._connect_to_home_router(host, number, router, shared)

    async def _connect_to_home_router(self, host: Host, number: int, router: Router, shared: Place | None) -> None:
        """The private address is the same in every home, unless both phones are in one."""
        last = 10 * number if shared is Place.HOME else 10
        await router.lan.attach(host, "eth0", [f"192.168.1.{last}/24"])
        await host.ip("route add default via 192.168.1.1")

    async def _connect_ipv6(self, host: Host, number: int, side: Side, shared: Place | None) -> None:
        wan, prefix = f"2001:db8::2{number}", f"2001:db8:{number}:"
        firewall = Nat(Mapping.NONE)
        router = await self._add_router(f"home{number}", self.internet, [f"{wan}/64"], f"{prefix}:1/64", firewall)
        await self.server_host.ip(f"route add {prefix}:/64 via {wan}")
        await router.lan.attach(host, "eth0", [f"{prefix}:10/64"])
        await host.ip(f"route add default via {prefix}:1")

    async def _add_router(
        self, name: str, wan: Segment, wan_addresses: list[str], lan_address: str, nat: Nat, gateway: str | None = None
    ) -> Router:
        host = await self.host(name)
        self.routers[name] = await Router.create(host, wan, wan_addresses, [lan_address], nat, gateway)
        return self.routers[name]


@contextlib.asynccontextmanager
async def build_world(
    folder: Path, setting: Setting, server_type: type[Server], config: Config
) -> AsyncIterator[World]:
    """A world with the server not yet started and the phones not yet switched on. Whatever happens, it is removed."""
    world = World(folder)
    try:
        await world.build(setting, server_type, config)
        yield world
    finally:
        await asyncio.shield(world.close())
