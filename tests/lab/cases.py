# SPDX-License-Identifier: Apache-2.0
"""The cases: where two phones are, and what they do. A new case is a new row."""
from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Awaitable, Callable

from .nat import Mapping, Nat
from .phone import Phone
from .world import Place, Setting, Side, World

Story = Callable[[World], Awaitable[None]]

TALK = 2.0  # seconds for which each side must hear the other
SILENCE = 1.0

SYMMETRIC = Nat(Mapping.SYMMETRIC)
FORGETFUL = Nat(udp_timeout=20)

HOME = Side()
HOME_SYMMETRIC = Side(nat=SYMMETRIC)
HOME_TCP = Side(transport="tcp")
HOME_SYMMETRIC_TCP = Side(nat=SYMMETRIC, transport="tcp")
HOME_TLS = Side(transport="tls")
HOME_SYMMETRIC_TLS = Side(nat=SYMMETRIC, transport="tls")
CARRIER = Side(Place.CARRIER)
CARRIER_SYMMETRIC = Side(Place.CARRIER, carrier_nat=SYMMETRIC)
PUBLIC = Side(Place.PUBLIC)
IPV6 = Side(Place.IPV6)
IPV6_TCP = Side(Place.IPV6, transport="tcp")
EARLY = Side(nat=SYMMETRIC, answers="early")
RENEWING = Side(nat=SYMMETRIC, expires=60)


async def both_hear(one: Phone, other: Phone, seconds: float = TALK) -> None:
    """From now on both sides must hear each other for so long."""
    async with asyncio.TaskGroup() as group:
        group.create_task(one.must_hear(other, seconds, one.speaker.mark()))
        group.create_task(other.must_hear(one, seconds, other.speaker.mark()))


async def caller_ends(world: World) -> None:
    await world.alice.call(world.bob)
    await both_hear(world.alice, world.bob)
    await world.alice.hang_up(world.bob)


async def callee_ends(world: World) -> None:
    await world.alice.call(world.bob)
    await both_hear(world.alice, world.bob)
    await world.bob.hang_up(world.alice)


async def silence_then_call(world: World) -> None:
    """Nothing but the server's keepalive holds the NATs open for 50 s."""
    await asyncio.sleep(50)
    await callee_ends(world)


async def talk_for_a_minute(world: World) -> None:
    await world.alice.call(world.bob)
    await both_hear(world.alice, world.bob, 58)
    await both_hear(world.alice, world.bob)
    await world.bob.hang_up(world.alice)


async def hold_and_resume(world: World, holder: Phone, held: Phone) -> None:
    await world.alice.call(world.bob)
    await both_hear(holder, held)
    mark = held.speaker.mark()
    await holder.hold(held)
    await held.must_not_hear(holder, SILENCE, mark)
    await holder.resume(held)
    await both_hear(holder, held)
    await held.hang_up(holder)


async def caller_holds(world: World) -> None:
    await hold_and_resume(world, world.alice, world.bob)


async def callee_holds(world: World) -> None:
    await hold_and_resume(world, world.bob, world.alice)


async def callee_reinvites(world: World) -> None:
    await world.alice.call(world.bob)
    await both_hear(world.alice, world.bob)
    await world.bob.reinvite(world.alice)
    await both_hear(world.alice, world.bob)
    await world.alice.hang_up(world.bob)


async def early_then_answered(world: World) -> None:
    """The description comes while it rings, the same again with the answer; this baresip is silent in between."""
    await world.alice.call_early(world.bob)
    await world.bob.answer(world.alice)
    await both_hear(world.alice, world.bob)
    await world.alice.hang_up(world.bob)


async def new_port_then_call(world: World) -> None:
    """The callee's router forgets its mappings: the next registration comes from another port."""
    await world.routers["home2"].reconnect(["198.51.100.22/24"])
    await world.bob.wait_for_next_registration(timeout=70)
    await caller_ends(world)


async def new_address_then_call(world: World) -> None:
    """The callee's line gets another address: the next registration comes from there."""
    await world.routers["home2"].reconnect(["198.51.100.122/24"])
    await world.bob.wait_for_next_registration(timeout=70)
    await callee_ends(world)


@dataclass(frozen=True)
class Case:
    name: str
    about: str
    setting: Setting
    story: Story
    quick: bool = True
    timeout: float = 60  # seconds for everything


CASES = [
    Case("both-nat", "port-preserving NATs, the same private address twice", Setting(HOME, HOME), callee_ends),
    Case("symmetric-caller", "a new port for every destination", Setting(HOME_SYMMETRIC, HOME), callee_ends),
    Case("symmetric-callee", "the same on the other side", Setting(HOME, HOME_SYMMETRIC), caller_ends),
    Case("symmetric-both", "the same on both", Setting(HOME_SYMMETRIC, HOME_SYMMETRIC), callee_ends),
    Case("hairpin", "both behind one NAT", Setting(HOME, HOME, Place.HOME), caller_ends),
    Case(
        "hairpin-symmetric", "both behind one symmetric NAT",
        Setting(HOME_SYMMETRIC, HOME_SYMMETRIC, Place.HOME), callee_ends,
    ),
    Case("carrier-caller", "a home NAT behind a carrier's", Setting(CARRIER, HOME), callee_ends),
    Case("carrier-callee", "the same on the other side, symmetric", Setting(HOME, CARRIER_SYMMETRIC), caller_ends),
    Case("carrier-both", "two homes of one carrier", Setting(CARRIER, CARRIER, Place.CARRIER), callee_ends),
    Case("public-caller", "the caller has a public address", Setting(PUBLIC, HOME), callee_ends),
    Case("public-callee", "the callee has a public address", Setting(HOME_SYMMETRIC, PUBLIC), caller_ends),
    Case("tcp-caller", "TCP calls UDP", Setting(HOME_TCP, HOME), callee_ends),
    Case("tcp-callee", "UDP calls TCP", Setting(HOME, HOME_SYMMETRIC_TCP), caller_ends),
    Case("tcp-both", "TCP on both sides", Setting(HOME_TCP, HOME_TCP), callee_ends),
    Case("tls-caller", "TLS calls UDP", Setting(HOME_TLS, HOME), callee_ends),
    Case("tls-callee", "UDP calls TLS", Setting(HOME, HOME_SYMMETRIC_TLS), caller_ends),
    Case("tls-both", "TLS calls TLS, and holds", Setting(HOME_TLS, HOME_SYMMETRIC_TLS), callee_holds),
    Case("hold-caller", "the caller holds and resumes", Setting(HOME, HOME_SYMMETRIC), caller_holds),
    Case("hold-callee", "the callee holds and resumes", Setting(HOME_SYMMETRIC, HOME), callee_holds),
    Case("hold-tcp", "hold and resume through connections", Setting(HOME_TCP, HOME_SYMMETRIC_TCP), callee_holds),
    Case("reinvite-callee", "a re-INVITE from the callee", Setting(HOME, HOME), callee_reinvites),
    Case("early-media", "the callee describes its media before it answers", Setting(HOME, EARLY), early_then_answered),
    Case("ipv6-caller", "an IPv6 phone calls an IPv4 phone", Setting(IPV6, HOME), callee_ends),
    Case("ipv6-callee", "an IPv4 phone calls an IPv6 phone", Setting(HOME_SYMMETRIC, IPV6), caller_ends),
    Case("ipv6-both", "IPv6 on both sides, TCP and UDP", Setting(IPV6_TCP, IPV6), callee_ends),
    Case("ipv6-hold", "hold and resume between IPv6 and IPv4", Setting(HOME, IPV6), callee_holds),
    Case(
        "nat-timeout", "NATs that forget after 20 s, 50 s of silence before the call",
        Setting(Side(nat=FORGETFUL), Side(nat=FORGETFUL)), silence_then_call, quick=False, timeout=120,
    ),
    Case("long-call", "a call of 60 s", Setting(HOME, HOME_SYMMETRIC), talk_for_a_minute, quick=False, timeout=120),
    Case(
        "new-port", "the callee's port changes between registrations",
        Setting(HOME, RENEWING), new_port_then_call, quick=False, timeout=150,
    ),
    Case(
        "new-address", "the callee's public address changes between registrations",
        Setting(HOME, RENEWING), new_address_then_call, quick=False, timeout=150,
    ),
]  # fmt: skip
