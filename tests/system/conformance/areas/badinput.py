# SPDX-License-Identifier: Apache-2.0
"""Messages against the grammar (RFC 3261 7, 8.2, 25; RFC 4475): refused or dropped, and no harm done."""
import asyncio
import random

from conformance.check import check
from conformance.draft import new_branch, new_name
from rig.case import equal, true
from rig.rig import REPOSITORY

TORTURE = REPOSITORY / 'tests' / 'torture'


def options(phone, stage):
    return phone.request('OPTIONS', f'sip:nobody@{stage.domain}')


async def refused(stage, edit, *statuses, method='OPTIONS', may_be_silent=True):
    """What comes back of a request that was broken by `edit`: one of these, or nothing."""
    phone = await stage.peer()
    draft = phone.request(method, f'sip:nobody@{stage.domain}')
    edit(draft)
    phone.send(draft)
    message = await phone.receive(1 if may_be_silent else 5)
    if message is None:
        true(may_be_silent, f'no answer to {draft.data()!r}')
    else:
        true(message.status in (statuses or (400,)), f'{message!r} for {draft.data()!r}')
    await stage.alive()


# ---- what must be there, and once ----


@check()
async def mandatory_headers(stage):
    for name in ('From', 'To', 'Call-ID', 'CSeq', 'Via'):
        await refused(stage, lambda draft, name=name: draft.remove(name))


@check()
async def empty_headers(stage):
    for name in ('From', 'To', 'Call-ID', 'CSeq', 'Via'):
        await refused(stage, lambda draft, name=name: draft.set(name, ''))


@check()
async def doubled_headers(stage):
    """Single headers that stand twice."""
    for name, value in (
        ('From', '<sip:x@y>;tag=2'), ('To', '<sip:x@y>'), ('Call-ID', 'other'), ('CSeq', '77 OPTIONS'), ('Max-Forwards', '9'),
    ):  # fmt: skip
        await refused(stage, lambda draft, name=name, value=value: draft.add(name, value))
        await refused(stage, lambda draft, name=name, value=value: draft.first(name, value))


@check()
async def cseq_of_another_method(stage):
    await refused(stage, lambda draft: draft.set('CSeq', '1 INVITE'), 400, may_be_silent=False)


@check()
async def numbers_out_of_range(stage):
    for value in ('-1 OPTIONS', '4294967296 OPTIONS', '99999999999999999999999 OPTIONS', '1', 'OPTIONS 1', '1 OPTIONS x', '0x1 OPTIONS', '1.5 OPTIONS'):
        await refused(stage, lambda draft, value=value: draft.set('CSeq', value))


@check()
async def max_forwards_that_are_no_number(stage):
    for value in ('-1', 'abc', '256', '300', '4294967366', '', '7 0', '0x7'):
        await refused(stage, lambda draft, value=value: draft.set('Max-Forwards', value), 400, 404, 483)


@check()
async def from_without_tag(stage):
    """An RFC 2543 client: taken, or refused."""
    await refused(stage, lambda draft: draft.set('From', f'<sip:x@{stage.domain}>'), 400, 404)


@check()
async def bad_addresses(stage):
    for name in ('From', 'To'):
        for value in ('<sip:a@b', 'sip:a@b>', '"a <sip:a@b>', '<>', ';tag=x', '<sip:a@b>;tag', '<sip:a@b>;tag=;', 'x y z'):
            await refused(stage, lambda draft, name=name, value=value: draft.set(name, value), 400, 404)


@check()
async def bad_vias(stage):
    for value in ('SIP/2.0/UDP', 'SIP/2.0 h;branch=z9hG4bKx', 'UDP h', 'SIP/2.0/UDP h:99999;branch=z9hG4bKx', 'SIP/2.0/UDP [::1;branch=z9hG4bK', 'SIP/2.0/UDP h:x', 'SIP/3.0/UDP h;branch=z9hG4bKx', ',', ';'):
        await refused(stage, lambda draft, value=value: draft.set('Via', value), 400, 404, 505)


@check()
async def unknown_transport_in_via(stage):
    """What RFC 4475 calls `transports`: any token is legal."""
    phone = await stage.peer()
    draft = options(phone, stage).edit('Via', f'/{phone.transport.upper()}', '/UNKNOWN')
    phone.send(draft)
    message = await phone.receive(1)
    true(message is None or message.status in (400, 404), f'{message!r}')
    await stage.alive()


# ---- first lines ----


@check()
async def bad_request_lines(stage):
    for line in (
        'OPTIONS', 'OPTIONS sip:a@b', 'OPTIONS  sip:a@b SIP/2.0', 'OPTIONS sip:a@b  SIP/2.0', 'OPTIONS sip:a@b SIP/2.0 ', ' OPTIONS sip:a@b SIP/2.0',
        'OPTIONS <sip:a@b> SIP/2.0', 'OPTIONS sip:a@b c SIP/2.0', 'OPTIONS sip:a@b SIP/2', 'OPTIONS sip:a@b HTTP/1.1', 'OPT(IONS sip:a@b SIP/2.0', 'OPTIONS  SIP/2.0',
        'OPTIONS sip:a@b SIP/2.0x', 'OPTIONS\tsip:a@b\tSIP/2.0', '',
    ):  # fmt: skip

        def edit(draft, line=line):
            draft.first_line = line

        await refused(stage, edit, 400, 404, 403, 416, 475, 476, 478, 482, 483, 505)


@check()
async def bad_request_uris(stage):
    for uri in ('sip:', 'sip:@', 'sip:a@', ':', 'sip:a@b:99999', 'sip:a@[::1', 'sip:a@b;;', 'sip:%zz@b', 'sip:a@b?', 'sip:a@@b', 'sip:[::ffff:1.2.3.4.5]', 'x'):
        phone = await stage.peer()
        draft = phone.request('OPTIONS', f'sip:nobody@{stage.domain}', uri)
        phone.send(draft)
        message = await phone.receive(1)
        true(message is None or message.status in range(400, 500), f'{uri!r}: {message!r}')
    await stage.alive()


@check()
async def bad_status_lines(stage):
    phone = await stage.peer()
    tail = f'\r\nVia: SIP/2.0/UDP h;branch={new_branch()}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: {new_name()}\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n'
    for line in ('SIP/2.0', 'SIP/2.0 200', 'SIP/2.0 20 OK', 'SIP/2.0 2000 OK', 'SIP/2.0 99 x', 'SIP/2.0 700 x', 'SIP/2.0 -200 x', 'SIP/2.0 abc OK', 'SIP/2.0  200 OK', 'SIP/3.0 200 OK', 'SIP/2.0 4294967301 betterthan'):
        phone = await stage.peer()
        phone.send((line + tail).encode())
        equal(await phone.receive(0.05), None, f'answer to {line!r}')
    await stage.alive()


# ---- bytes ----


@check()
async def bytes_that_are_no_text(stage):
    for junk in (b'\0', b'\x01', b'\r', b'\n', b'\x7f', b'\x80\xff'):
        for name in (b'Subject: a', b'X-Any: ', b'User-Agent: u'):
            phone = await stage.peer()
            data = options(phone, stage).data().replace(b'Max-Forwards', name + junk + b'b\r\nMax-Forwards')
            phone.send(data)
            message = await phone.receive(0.3)
            true(message is None or message.status in (400, 404), f'{junk!r}: {message!r}')
    await stage.alive()


@check()
async def bad_bytes_are_not_passed_on(stage):
    caller, callee = await stage.pair()
    for junk in (b'\0', b'\r', b'\n x', b'\r\r\n'):
        data = caller.request('MESSAGE', callee).data().replace(b'Max-Forwards', b'Subject: a' + junk + b'b\r\nMax-Forwards')
        try:
            caller.send(data)
        except OSError:
            break
        seen = await callee.receive(0.2)  # the strict reader judges what comes
        if seen is not None:
            callee.reply(seen, 200)
        if caller.transport == 'tcp' and caller.is_closed.is_set():
            await caller.dial()
    await stage.alive()


@check()
async def names_that_are_no_tokens(stage):
    for name in ('X Y', 'X(Y', '', 'X\x80', 'X,Y', 'X;Y', '"X"', 'X@Y'):
        await refused(stage, lambda draft, name=name: draft.add(name, 'v'), 400, 404)


@check()
async def lines_without_colon(stage):
    phone = await stage.peer()
    phone.send(options(phone, stage).data().replace(b'Max-Forwards', b'nonsense\r\nMax-Forwards'))
    message = await phone.receive(0.5)
    true(message is None or message.status in (400, 404), f'{message!r}')
    await stage.alive()


@check()
async def very_long_things(stage):
    for edit in (
        lambda draft: draft.add('Subject', 'x' * 9000),
        lambda draft: draft.set('Call-ID', 'c' * 5000),
        lambda draft: draft.edit('From', 'tag=', 'tag=' + 't' * 5000),
        lambda draft: draft.edit('Via', 'branch=z9hG4bK', 'branch=z9hG4bK' + 'b' * 3000),
        lambda draft: draft.edit('To', '<sip:', f'"{"n" * 6000}" <sip:'),
        lambda draft: draft.add('X-' + 'n' * 3000, 'v'),
    ):
        await refused(stage, edit, 400, 404, 413, 414, 513)


@check()
async def very_many_things(stage):
    for edit in (
        lambda draft: draft.add('X-Many', *('v' * 700)),
        lambda draft: draft.add('Via', *['SIP/2.0/UDP a;branch=z9hG4bKb'] * 200),
        lambda draft: draft.add('Record-Route', *['<sip:a;lr>'] * 300),
        lambda draft: draft.add('Route', *['<sip:a;lr>'] * 300),
        lambda draft: draft.edit('Via', ';rport', ';a=b' * 400 + ';rport'),
    ):
        await refused(stage, edit, 400, 404, 413, 476, 478, 482, 483, 500, 513)


@check('udp', 'udp6')
async def length_beyond_the_datagram(stage):
    """RFC 3261 18.3: 400."""
    await refused(stage, lambda draft: draft.set('Content-Length', '9999'), 400, may_be_silent=False)


@check('udp', 'udp6')
async def bytes_beyond_the_length(stage):
    """RFC 3261 18.3: they are discarded."""
    caller, callee = await stage.pair()
    draft = caller.request('MESSAGE', callee).carry('hello and more', 'text/plain').add('Content-Length', '5')
    caller.send(draft)
    equal((await callee.serve('MESSAGE')).body, b'hello', 'body')
    await caller.final(draft)


@check('udp', 'udp6')
async def no_length_in_a_datagram(stage):
    caller, callee = await stage.pair()
    draft = caller.request('MESSAGE', callee).carry('whole', 'text/plain')
    draft.with_length = False
    caller.send(draft)
    equal((await callee.serve('MESSAGE')).body, b'whole', 'body')
    await caller.final(draft)


@check('udp', 'udp6')
async def lengths_that_are_no_numbers(stage):
    for value in ('-1', 'abc', '99999999999999999999', '1 2', '0x0'):
        await refused(stage, lambda draft, value=value: draft.set('Content-Length', value))


@check('udp', 'udp6')
async def datagrams_that_are_no_sip(stage):
    """Empty ones, keepalives, STUN, RTP, noise: no answer in SIP, no harm."""
    phone = await stage.peer()
    rand = random.Random(7)
    stun = b'\x00\x01\x00\x00\x21\x12\xa4\x42' + bytes(12)
    for data in (b'', b'\0\0\0\0', b'\r\n', b'\r\n\r\n', b'\0', b'jaK', stun, b'\x80\x00' + bytes(170), b'SIP/2.0', b'INVITE', b'\r\n' * 500):
        phone.send(data)
    for _ in range(50):
        phone.send(rand.randbytes(rand.randint(1, 1400)))
    while (message := await phone.receive(0.3)) is not None:
        true(message.status == 400, f'{message!r}')
    await stage.alive()


@check('udp', 'udp6')
async def keepalives_get_a_pong_or_nothing(stage):
    phone = await stage.peer()
    phone.send(b'\r\n\r\n')
    await phone.hears_nothing()
    await stage.alive()


@check('udp')
async def torture(stage):
    """Every message of tests/torture, as it is."""
    phone = await stage.peer()
    for path in sorted(TORTURE.glob('*.sip')):
        phone.link.sendto(path.read_bytes(), phone.server)
        await asyncio.sleep(0)
    await stage.alive()


@check('udp', 'tcp')
async def every_prefix_of_a_message(stage):
    phone = await stage.peer(transport='udp')
    data = phone.invite(f'sip:nobody@{stage.domain}').data()
    for cut in range(0, len(data), 7):
        phone.send(data[:cut])
    await stage.alive()


@check('udp', 'udp6')
async def line_feeds_alone(stage):
    """Bare LF: taken as a line end, or refused; never passed on."""
    caller, callee = await stage.pair()
    caller.send(caller.request('MESSAGE', callee).data().replace(b'\r\n', b'\n'))
    seen = await callee.receive(0.5)
    if seen is not None:
        callee.reply(seen, 200)
    await stage.alive()


# ---- what is legal, though odd ----


@check()
async def odd_but_legal(stage):
    for edit in (
        lambda draft: draft.set('Via', draft.get('Via').replace('SIP/2.0/', 'SIP  /  2.0  / ')),
        lambda draft: draft.set('CSeq', '0000000001   OPTIONS'),
        lambda draft: draft.set('Max-Forwards', '0070'),
        lambda draft: draft.add('Subject', ''),
        lambda draft: draft.add('Subject', 'a\r\n b\r\n\tc'),
        lambda draft: draft.set('To', f'<sip:nobody@{stage.domain}>\r\n  ;x=y'),
        lambda draft: draft.set('From', f'"\\"quoted\\\\\\" \u00e9" <sip:a%20b@{stage.domain};x?h=v>;tag=1'),
        lambda draft: draft.set('From', f'sip:a@{stage.domain};tag=1'),
        lambda draft: draft.set('To', f'No Quotes Here <sip:nobody@{stage.domain}>'),
        lambda draft: draft.add('Accept', '', 'application/sdp;q=1.0,*/*'),
        lambda draft: draft.add('Date', 'Fri, 01 Jan 2010 16:00:00 EST'),
        lambda draft: draft.add('Unknown-Header', ';;,,;;,;'),
        lambda draft: draft.add('Authorization', 'NoOneKnowsThisScheme opaque="x"'),
        lambda draft: draft.set('Call-ID', 'w0rd.!%*_+`\'~()<>:\\"/[]?{}@h-' + new_name()),
    ):
        await refused(stage, edit, 404, may_be_silent=False)


@check()
async def methods_of_all_kinds(stage):
    caller, callee = await stage.pair()
    for method in ('invite', 'INVITE2', "!interesting-Method0123456789_*+`.%indeed'~", 'X', 'PING', 'SERVICE'):
        draft = caller.send(caller.request(method, callee))
        await callee.serve(method)
        await caller.final(draft)


@check()
async def register_with_odd_uris(stage):
    phone = await stage.peer()
    for to in ('tel:+123', 'mailto:a@b', f'sips:x@{stage.domain}'):
        draft = phone.registration().set('To', f'<{to}>')
        answer = await phone.ask(draft)
        true(200 <= answer.status < 500, f'{to}: {answer.first_line}')
    await stage.alive()


@check()
async def mutations(stage):
    """Good messages with a few bytes changed."""
    rand = random.Random(stage.family)
    phone = await stage.peer(transport='udp')
    kinds = [options(phone, stage), phone.registration(), phone.invite(f'sip:nobody@{stage.domain}')]
    for number in range(400):
        data = bytearray(rand.choice(kinds).data())
        for _ in range(rand.randint(1, 5)):
            data[rand.randrange(len(data))] = rand.choice(b'\0\r\n ",:;<>@[]=%\x80\xff')
        phone.link.sendto(bytes(data), phone.server)
        if number % 20 == 0:
            await asyncio.sleep(0)
    await stage.alive()


@check()
async def call_goes_on_beside_bad_input(stage):
    call = await stage.call()
    enemy = await stage.peer(transport='udp')
    for number in range(100):
        enemy.send(b'BYE sip:x SIP/2.0\r\nCall-ID: ' + call.invite.call_id.encode() + bytes([number]) + b'\r\n\r\n')
    await call.pass_on('INVITE')
    await call.hang_up(False)
