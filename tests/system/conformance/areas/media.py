# SPDX-License-Identifier: Apache-2.0
"""Calls through the relay: descriptions rewritten, packets both ways, between families and transports."""
import asyncio
import re

from conformance.check import check
from conformance.draft import cancel_for, session
from conformance.peer import Call
from rig.call import rtp_packet
from rig.case import equal, true


class Ear(asyncio.DatagramProtocol):
    """Where a party hears and speaks."""

    def __init__(self):
        self.heard = asyncio.Queue()

    def connection_made(self, transport):
        self.socket = transport

    def datagram_received(self, data, address):
        self.heard.put_nowait((data, address))

    @property
    def own(self):
        return self.socket.get_extra_info('sockname')[:2]


async def open_ear(peer):
    _, ear = await asyncio.get_running_loop().create_datagram_endpoint(Ear, local_addr=(peer.own[0], 0))
    return ear


def target_of(body):
    """Address, port and family of the first stream."""
    text = body.decode()
    line = re.search(r'^c=IN (IP[46]) (\S+)\r$', text, re.M)
    port = re.search(r'^m=audio (\d+) ', text, re.M)
    true(line and port, f'no description: {text!r}')
    return line[2], int(port[1]), line[1]


class Talk(Call):
    """A call whose descriptions name sockets that are there."""

    async def set_up(self, invite=None):
        self.ears = [await open_ear(self.caller), await open_ear(self.callee)]
        self.invite = self.caller.send(self.caller.invite(self.callee).carry(session(*self.ears[0].own)))
        self.seen = await self.callee.expect('INVITE')
        self.callee.reply(self.seen, 180)
        self.ringing = await self.caller.expect(180)
        self.answer = self.callee.response(self.seen, 200).carry(session(*self.ears[1].own))
        self.callee.reply(self.seen, 200, self.answer)
        self.ok = await self.caller.expect(200)
        self.remember()
        self.near.send('ACK')
        await self.callee.expect('ACK')
        return self

    def targets(self):
        """Where the caller, and the callee, are told to send."""
        return [target_of(body)[:2] for body in (self.ok.body, self.seen.body)]

    async def talk(self):
        """Both send until both have heard the other."""
        for number in range(5):
            for ear, target in zip(self.ears, self.targets()):
                ear.socket.sendto(rtp_packet(number), target)
            await asyncio.sleep(0.01)
        for ear, target in zip(self.ears, self.targets()):
            data, address = await asyncio.wait_for(ear.heard.get(), 3)
            equal((len(data), address[:2]), (172, target), 'a packet from the relay')

    def close(self):
        for ear in self.ears:
            ear.socket.close()


async def talk(stage, caller, callee, families):
    call = await Talk(caller, callee).set_up()
    equal((target_of(call.ok.body)[2], target_of(call.seen.body)[2]), families, 'families in the descriptions')
    await call.talk()
    return call


FAMILY = {4: 'IP4', 6: 'IP6'}


@check(script='automatic')
async def both_hear(stage):
    caller, callee = await stage.peer(), await stage.registered()
    call = await talk(stage, caller, callee, (FAMILY[stage.family],) * 2)
    await call.hang_up()
    call.close()


@check('udp', 'tcp', 'udp6', 'tcp6', script='automatic')
async def between_families(stage):
    """Signalling and media from IPv4 to IPv6, and the other way round."""
    other = 10 - stage.family
    caller, callee = await stage.peer(), await stage.registered(family=other)
    call = await talk(stage, caller, callee, (FAMILY[stage.family], FAMILY[other]))
    await call.pass_on('INFO', False)
    await call.hang_up(False)
    call.close()


@check('udp', 'udp6', script='automatic')
async def between_transports(stage):
    caller, callee = await stage.peer(transport='tcp'), await stage.registered()
    call = await talk(stage, caller, callee, (FAMILY[stage.family],) * 2)
    await call.hang_up(False)
    call.close()


@check('udp', script='automatic')
async def between_families_and_transports(stage):
    caller, callee = await stage.peer(family=6, transport='tcp'), await stage.registered()
    call = await talk(stage, caller, callee, ('IP6', 'IP4'))
    await call.pass_on('MESSAGE')
    await call.hang_up(False)
    call.close()


@check(script='automatic')
async def no_token_no_service(stage):
    """A To tag alone leads nowhere."""
    caller, callee = await stage.peer(), await stage.registered()
    draft = caller.request('BYE', callee)
    draft.set('To', draft.get('To') + ';tag=x')
    true((await caller.ask(draft)).status in (404, 481), 'answer')
    await callee.hears_nothing()


@check(script='automatic')
async def contacts_stay(stage):
    caller, callee = await stage.peer(), await stage.registered()
    call = await Talk(caller, callee).set_up()
    equal((call.seen.contact, call.ok.contact), (caller.uri, callee.uri), 'Contacts')
    await call.hang_up()
    call.close()


@check(script='automatic')
async def description_is_told_the_same_again(stage):
    """Repeated 200s and a re-INVITE without change name the same port."""
    caller, callee = await stage.peer(), await stage.registered()
    call = await Talk(caller, callee).set_up()
    body = session(*call.ears[0].own)
    seen, answer = await call.pass_on('INVITE', edit=lambda draft: draft.carry(body))
    equal(target_of(seen.body), target_of(call.seen.body), 'offer')
    true(answer.status == 200, 'answer')
    await call.hang_up()
    call.close()


@check(script='automatic')
async def cancelled_before_answer(stage):
    caller, callee = await stage.peer(), await stage.registered()
    draft = caller.send(caller.invite(callee))
    seen = await callee.serve('INVITE', 180)
    await caller.expect(180)
    caller.send(cancel_for(draft))
    await caller.expect(200)
    await callee.serve('CANCEL')
    callee.reply(seen, 487)
    equal((await caller.final(draft)).status, 487, 'answer')


@check('udp', 'udp6', script='automatic')
async def client_behind_nat(stage):
    """Contact, Via and description name a private address: all goes to where the packets come from."""
    caller, callee = await stage.peer(), await stage.peer()
    await callee.register(f'<sip:{callee.user}@10.9.8.7:5060>')
    draft = caller.send(caller.invite(callee))
    seen = await callee.expect('INVITE')
    equal(seen.uri, f'sip:{callee.user}@10.9.8.7:5060', 'Request-URI is the Contact')
    callee.reply(seen, 486)
    equal((await caller.final(draft)).status, 486, 'answer')


@check('tcp', 'tcp6', script='automatic')
async def connection_of_a_natted_client_is_not_dialled(stage):
    callee = await stage.peer(listening=True)
    await callee.register()
    callee.hang_up()
    await asyncio.sleep(0.2)
    caller = await stage.peer()
    answer = await caller.ask(caller.invite(callee))
    true(answer.status in (404, 430, 480), answer.first_line)
    equal(len(callee.writers), 1, 'connections')
