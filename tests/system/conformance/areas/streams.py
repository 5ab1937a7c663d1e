# SPDX-License-Identifier: Apache-2.0
"""SIP over TCP (RFC 3261 18, RFC 5626 keepalives): framing, pipelines, broken connections."""
import asyncio

from conformance.check import check
from conformance.draft import new_name
from conformance.peer import Dialog
from rig.case import equal, true


def options(phone, stage):
    return phone.request('OPTIONS', f'sip:nobody@{stage.domain}')


async def in_pieces(phone, data, size):
    for start in range(0, len(data), size):
        phone.writer.write(data[start : start + size])
        await phone.writer.drain()
        if start % 64 == 0:
            await asyncio.sleep(0)


STREAMS = ('tcp', 'tcp6')


@check(*STREAMS)
async def byte_by_byte(stage):
    phone = await stage.peer()
    await in_pieces(phone, options(phone, stage).carry('some text', 'text/plain').data(), 1)
    await phone.expect(404)


@check(*STREAMS)
async def split_anywhere(stage):
    phone = await stage.peer()
    data = options(phone, stage).carry('body', 'text/plain').data()
    for cut in (1, 5, len(data) // 2, data.index(b'\r\n\r\n') + 1, data.index(b'\r\n\r\n') + 2, data.index(b'\r\n\r\n') + 4, len(data) - 1):
        text = data.replace(b'z9hG4bK', b'z9hG4bK' + str(cut).encode())
        phone.writer.write(text[:cut])
        await asyncio.sleep(0.03)
        phone.writer.write(text[cut:])
        await phone.expect(404)


@check(*STREAMS)
async def many_in_one_write(stage):
    phone = await stage.peer()
    drafts = [options(phone, stage).carry('x' * n, 'text/plain') for n in range(30)]
    phone.writer.write(b''.join(draft.data() for draft in drafts))
    got = {(await phone.expect(404)).call_id for _ in drafts}
    equal(got, {draft.call_id for draft in drafts}, 'answered')


@check(*STREAMS)
async def one_and_a_half(stage):
    phone = await stage.peer()
    one, two = options(phone, stage).data(), options(phone, stage).data()
    phone.writer.write(one + two[:100])
    await phone.expect(404)
    await phone.hears_nothing(0.1)
    phone.writer.write(two[100:])
    await phone.expect(404)


@check(*STREAMS)
async def line_ends_between_messages(stage):
    """RFC 3261 7.5: CRLFs in front of a start line are ignored."""
    phone = await stage.peer()
    phone.writer.write(b'\r\n' + options(phone, stage).data() + b'\r\n\r\n\r\n' + options(phone, stage).data())
    await phone.expect(404)
    await phone.expect(404)


@check(*STREAMS)
async def ping_and_pong(stage):
    """RFC 5626 3.5.1: a double CRLF is answered by a single one."""
    phone = await stage.peer()
    phone.send(options(phone, stage))
    await phone.expect(404)
    for count in (1, 2):
        phone.writer.write(b'\r\n\r\n')
        for _ in range(100):
            if phone.pongs >= count:
                break
            await asyncio.sleep(0.02)
        equal(phone.pongs, count, 'CRLFs in return')


@check(*STREAMS)
async def compact_length(stage):
    phone = await stage.peer()
    for line in ('l', 'L', 'CONTENT-LENGTH', 'content-length'):
        draft = options(phone, stage).set('Content-Type', 'text/plain')
        draft.body = b'hello'
        phone.send(draft.add(line, '5'))
        await phone.expect(404)


@check(*STREAMS)
async def spaces_around_the_length(stage):
    phone = await stage.peer()
    draft = options(phone, stage)
    draft.with_length = False
    data = draft.data().replace(b'\r\n\r\n', b'\r\nContent-Length  : \t 0  \r\n\r\n')
    phone.writer.write(data)
    await phone.expect(404)


@check(*STREAMS)
async def no_length(stage):
    """RFC 3261 18.3: it is needed on streams: an error or the end of the connection, and no harm."""
    phone = await stage.peer()
    draft = options(phone, stage)
    draft.with_length = False
    phone.send(draft)
    message = await phone.receive(1)
    true(message is None or message.status in (400, 404, 411), f'{message!r}')
    await stage.alive()


@check(*STREAMS)
async def bad_lengths(stage):
    for value in ('-1', 'abc', '99999999999999999999', '4294967296', '0x5', '5 5', ''):
        phone = await stage.peer()
        phone.send(options(phone, stage).add('Content-Length', value))
        message = await phone.receive(0.5)
        true(message is None or message.status in (400, 404, 413), f'{value!r}: {message!r}')
    await stage.alive()


@check(*STREAMS)
async def two_lengths(stage):
    phone = await stage.peer()
    phone.send(options(phone, stage).add('Content-Length', '0', '5'))
    message = await phone.receive(0.5)
    true(message is None or message.status == 400, f'{message!r}')
    await stage.alive()


@check(*STREAMS)
async def length_beyond_all_limits(stage):
    phone = await stage.peer()
    phone.send(options(phone, stage).add('Content-Length', '2147483647'))
    message = await phone.receive(1)
    true(message is None or message.status in (400, 413, 513), f'{message!r}')
    await stage.alive()


@check(*STREAMS)
async def noise(stage):
    for data in (b'GET / HTTP/1.1\r\nHost: x\r\n\r\n', b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + bytes(300), b'\0' * 100, b'x' * 70000):
        phone = await stage.peer()
        phone.writer.write(data)
        try:
            await asyncio.wait_for(phone.is_closed.wait(), 3)
        except asyncio.TimeoutError:
            pass
    await stage.alive()


@check(*STREAMS)
async def http_ends_the_connection(stage):
    phone = await stage.peer()
    phone.writer.write(b'POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n' + options(phone, stage).data())
    await asyncio.wait_for(phone.is_closed.wait(), 3)
    true(await phone.receive(0.1) is None, 'no answer')


@check(*STREAMS)
async def half_closed(stage):
    """Whoever sends FIN after the request still gets the answer, or at least does no harm."""
    phone = await stage.peer()
    phone.send(options(phone, stage))
    phone.writer.write_eof()
    message = await phone.receive(1)
    true(message is None or message.status == 404, f'{message!r}')
    await stage.alive()


@check(*STREAMS)
async def reset_in_the_middle(stage):
    for cut in (0, 10, 200):
        phone = await stage.peer()
        phone.writer.write(options(phone, stage).data()[:cut])
        await asyncio.sleep(0.02)
        phone.reset()
    await stage.alive()


@check(*STREAMS)
async def caller_resets_while_it_rings(stage):
    caller, callee = await stage.pair()
    caller.send(caller.invite(callee))
    seen = await callee.serve('INVITE', 180)
    await caller.expect(180)
    caller.reset()
    await asyncio.sleep(0.1)
    callee.reply(seen, 486)
    await callee.expect('ACK', 'CANCEL')
    await stage.alive()


@check(*STREAMS)
async def callee_resets_while_it_rings(stage):
    """The transaction is lost with its connection; the caller is told, at the latest by a timer."""
    caller, callee = await stage.pair()
    caller.send(caller.invite(callee))
    await callee.serve('INVITE', 180)
    await caller.expect(180)
    callee.reset()
    await stage.alive()


@check(*STREAMS, script='fast')
async def callee_is_gone(stage):
    """The registered connection is closed and nobody listens there: a failure, soon."""
    caller, callee = await stage.pair()
    callee.reset()
    await asyncio.sleep(0.2)
    answer = await caller.ask(caller.invite(callee))
    true(answer.status in (404, 408, 430, 477, 480, 500, 503), answer.first_line)


@check(*STREAMS)
async def one_connection_for_all(stage):
    """Registration, a call in and a call out over the same connection, in any order."""
    phone, other = await stage.registered(), await stage.registered()
    incoming = other.send(other.invite(phone))
    outgoing = phone.send(phone.invite(other))
    phone.reply(await phone.expect('INVITE'), 486)
    await phone.expect('ACK')
    await other.expect(486, 'INVITE')
    await other.expect(486, 'INVITE')
    true(incoming and outgoing, 'sent')


@check(*STREAMS)
async def large_message(stage):
    caller, callee = await stage.pair()
    draft = caller.request('MESSAGE', callee).carry('y' * 12000, 'text/plain')
    caller.send(draft)
    equal(len((await callee.serve('MESSAGE')).body), 12000, 'body')
    await caller.final(draft)


@check(*STREAMS)
async def body_that_looks_like_sip(stage):
    caller, callee = await stage.pair()
    inner = options(caller, stage).data().decode()
    draft = caller.send(caller.request('MESSAGE', callee).carry(inner + inner, 'message/sip'))
    equal((await callee.serve('MESSAGE')).body.decode(), inner + inner, 'body')
    await caller.final(draft)
    await caller.hears_nothing()


@check(*STREAMS)
async def bad_message_between_good_ones(stage):
    phone = await stage.peer()
    bad = options(phone, stage).set('CSeq', 'x OPTIONS')
    phone.writer.write(options(phone, stage).data() + bad.data() + options(phone, stage).data())
    got = [(await phone.expect(404, 400)).status for _ in range(2)]
    true(404 in got, f'{got}')
    await stage.alive()


@check(*STREAMS)
async def dialled_once(stage):
    """Two requests to a contact that listens share the connection that was opened."""
    callee = await stage.peer(listening=True, dialling=False)
    clerk = await stage.peer(callee.user, 'udp')
    await clerk.register(callee.contact)
    caller = await stage.peer()
    for _ in range(3):
        draft = caller.send(caller.request('MESSAGE', callee))
        await callee.serve('MESSAGE')
        await caller.final(draft)
    equal(len(callee.writers), 1, 'connections')


@check(*STREAMS)
async def dialled_again(stage):
    callee = await stage.peer(listening=True, dialling=False)
    clerk = await stage.peer(callee.user, 'udp')
    await clerk.register(callee.contact)
    caller = await stage.peer()
    for count in (1, 2):
        draft = caller.send(caller.request('MESSAGE', callee))
        await callee.serve('MESSAGE')
        await caller.final(draft)
        equal(len(callee.writers), count, 'connections')
        callee.writers[-1].close()
        await asyncio.sleep(0.2)


@check(*STREAMS)
async def registered_and_gone_but_listening(stage):
    """Not behind NAT: a phone that closed its connection and listens at its Contact is dialled."""
    callee = await stage.peer(listening=True)
    await callee.register()
    callee.hang_up()
    await asyncio.sleep(0.2)
    caller = await stage.peer()
    draft = caller.send(caller.invite(callee))
    await callee.serve('INVITE', 486)
    equal((await caller.final(draft)).status, 486, 'answer')


@check(*STREAMS, script='fast')
async def refused_connection(stage):
    """Nobody listens there: a final response at once, not after a timer."""
    callee = await stage.peer(listening=True, dialling=False)
    clerk = await stage.peer(callee.user, 'udp')
    await clerk.register(callee.contact)
    callee.listener.close()
    await callee.listener.wait_closed()
    caller = await stage.peer()
    answer = await caller.ask(caller.invite(callee))
    true(answer.status in (408, 430, 477, 480, 500, 503), answer.first_line)


@check('tcp')
async def via_says_tcp(stage):
    callee = await stage.registered()
    caller = await stage.peer(transport='udp')
    draft = caller.send(caller.request('MESSAGE', callee))
    seen = await callee.serve('MESSAGE')
    equal((seen.vias[0].transport, seen.vias[1].transport), ('TCP', 'UDP'), 'transports')
    await caller.final(draft)


@check(*STREAMS)
async def slow_sender(stage):
    phone = await stage.peer()
    data = options(phone, stage).data()
    for start in range(0, len(data), 60):
        phone.writer.write(data[start : start + 60])
        await asyncio.sleep(0.05)
    await phone.expect(404)


@check(*STREAMS)
async def many_connections(stage):
    phones = [await stage.peer() for _ in range(30)]
    for phone in phones:
        phone.send(options(phone, stage))
    for phone in phones:
        await phone.expect(404)


@check(*STREAMS)
async def call_id_is_enough(stage):
    """Two parts of one dialog over two connections of the caller."""
    call = await stage.call()
    await call.caller.dial()
    bye = call.near.request('BYE').set('Via', call.caller.via(new_name()))
    bye.edit('Via', 'branch=', 'branch=z9hG4bK')
    call.caller.send(bye)
    await call.callee.serve('BYE')
    await call.caller.final(bye)
    true(Dialog, 'dialog')
