# SPDX-License-Identifier: Apache-2.0
"""Where one check runs: peers around a server, on one transport and one family of addresses."""
import itertools
import random

from conformance.draft import in_brackets
from conformance.peer import Call, Peer
from conformance.scripts import SCRIPTS
from rig.case import equal
from rig.rig import Rig, free_port

USERS = itertools.count(1)
HOSTS = itertools.count(10)


class ServerUnderTest:
    """A daemon and its two addresses."""

    def __init__(self, daemon, network, port6):
        self.daemon, self.network = daemon, network
        self.addresses = {4: (f'{network}.1', 5060), 6: ('::1', port6)}


def open_server(rig, script):
    """In a folder and a network of its own."""
    own = rig.keep(Rig(rig.build, rig.extent, rig.make_folder(script)))
    port6 = free_port()
    first = 30000 + 200 * random.randrange(150)
    daemon = own.server(SCRIPTS[script], before=f'media_ports="{first}-{first + 199}"', listen=[f'{own.address}:5060', f'[::1]:{port6}'])
    return ServerUnderTest(daemon, own.network, port6)


class Stage:
    def __init__(self, server, flavour):
        self.server = server
        self.transport, self.family = flavour.removesuffix('6'), 6 if flavour.endswith('6') else 4
        self.address = server.addresses[self.family]
        self.domain = in_brackets(self.address[0]) + (f':{self.address[1]}' if self.address[1] != 5060 else '')
        self.peers = []

    async def peer(self, user=None, transport=None, family=None, **more):
        """A new party at a host of its own (IPv6: at a port of its own)."""
        family = family or self.family
        address = self.server.addresses[family]
        host = '::1' if family == 6 else f'{self.server.network}.{10 + next(HOSTS) % 240}'
        user = user or f'user{next(USERS)}'
        peer = Peer(user, transport or self.transport, host, address, self.domain)
        self.peers.append(peer)
        return await peer.open(**more)

    async def registered(self, user=None, *contacts, **more):
        peer = await self.peer(user, **more)
        await peer.register(*contacts)
        return peer

    async def pair(self):
        """A caller and a registered callee."""
        return await self.peer(), await self.registered()

    async def call(self, caller=None, callee=None):
        caller = caller or await self.peer()
        return await Call(caller, callee or await self.registered()).set_up()

    async def alive(self):
        """A stranger is still answered."""
        judge = await self.peer(transport='udp')
        answer = await judge.ask(judge.request('OPTIONS', f'sip:nobody@{self.domain}'))
        equal(answer.status, 404, 'the server is alive')

    async def close(self):
        for peer in self.peers:
            await peer.close()
