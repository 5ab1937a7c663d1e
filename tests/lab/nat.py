# SPDX-License-Identifier: Apache-2.0
"""NATs and firewalls as people have them at home and as carriers have them, made with nftables.

A Router has a card "wan" on the Ethernet towards the internet and a bridge "lan" towards its hosts. It drops whatever
from outside does not belong to a flow opened from inside.
"""
from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum
from typing import Sequence

from .netns import Host, LabError, Segment


class Mapping(Enum):
    """How a NAT chooses the public port of a new flow."""

    NONE = ""  # no translation: a firewall only
    PRESERVING = "masquerade"  # the private port where it is free
    SYMMETRIC = "masquerade fully-random"  # a new random port for every destination


@dataclass(frozen=True)
class Nat:
    mapping: Mapping = Mapping.PRESERVING
    udp_timeout: int | None = None  # seconds after which a silent UDP flow is forgotten; None: the kernel's own

    def rules(self) -> str:
        """The nftables ruleset of a router with this NAT."""
        translation = f'oifname "wan" {self.mapping.value}' if self.mapping.value else ""
        return f"""
            table ip nat {{
                chain postrouting {{ type nat hook postrouting priority srcnat; {translation}; }}
            }}
            table inet firewall {{
                chain forward {{
                    type filter hook forward priority filter; policy drop;
                    ct state established,related accept
                    iifname "lan" oifname "wan" accept
                }}
                chain input {{
                    type filter hook input priority filter; policy drop;
                    iifname {{ "lan", "lo" }} accept
                    ct state established,related accept
                    meta l4proto ipv6-icmp accept
                }}
            }}
        """

    def settings(self) -> dict[str, object]:
        forwarding: dict[str, object] = {"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1}
        if self.udp_timeout is None:
            return forwarding
        conntrack = "net.netfilter.nf_conntrack_udp_timeout"
        return forwarding | {conntrack: self.udp_timeout, f"{conntrack}_stream": self.udp_timeout}


class Router:
    """A host that joins a LAN to the internet. Its LAN keeps clients apart, as a hotspot or a carrier does: two phones
    behind the same router cannot hear each other by a short cut, only through the server."""

    def __init__(self, host: Host, lan: Segment) -> None:
        self.host = host
        self.lan = lan

    @classmethod
    async def create(
        cls,
        host: Host,
        wan: Segment,
        wan_addresses: Sequence[str],
        lan_addresses: Sequence[str],
        nat: Nat,
        gateway: str | None = None,
    ) -> Router:
        await wan.attach(host, "wan", wan_addresses)
        lan = await Segment.create(host, "lan", lan_addresses, isolated=True)
        if gateway:
            await host.ip(f"route add default via {gateway}")
        await host.sysctl(nat.settings())
        await host.run("nft", "-f", "-", stdin=nat.rules())
        return cls(host, lan)

    async def reconnect(self, new_addresses: Sequence[str]) -> None:
        """The line to the internet goes down and comes up with these addresses: all mappings are forgotten."""
        await self.host.ip("link set wan down", "addr flush dev wan")
        await self._wait_until_forgotten()
        await self.host.ip(*(f"addr add {address} dev wan" for address in new_addresses), "link set wan up")

    async def _wait_until_forgotten(self) -> None:
        """The kernel drops the mappings of a lost line in the background."""
        for _ in range(100):
            if int(await self.host.run("sysctl", "-n", "net.netfilter.nf_conntrack_count")) == 0:
                return
            await asyncio.sleep(0.05)
        raise LabError(f"{self.host.role} still remembers its mappings")
