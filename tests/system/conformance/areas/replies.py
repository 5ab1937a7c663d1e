# SPDX-License-Identifier: Apache-2.0
"""Responses of the server itself, and how all responses find their way (RFC 3261 8.2.6, 16.7, 18.2; RFC 3581)."""
import asyncio

from conformance.check import check
from conformance.draft import in_brackets, new_branch, new_name
from conformance.message import Address
from rig.case import equal, true

METHODS = ('INVITE', 'OPTIONS', 'MESSAGE', 'SUBSCRIBE', 'NOTIFY', 'REFER', 'INFO', 'PUBLISH', 'FROBNICATE')


def nobody(stage):
    return f'sip:nobody@{stage.domain}'


@check()
async def unknown_users_are_not_found(stage):
    phone = await stage.peer()
    for method in METHODS:
        equal((await phone.ask(phone.request(method, nobody(stage)))).status, 404, method)


@check()
async def copied_byte_for_byte(stage):
    phone = await stage.peer()
    draft = phone.request('OPTIONS', nobody(stage))
    draft.set('From', f'"J. \\"R\\", Smith;x" <sip:j;a=b@{stage.domain}?x=y>  ;  tag = aB.%1;q="a;b"')
    draft.set('To', f'"<x>, y"<sip:nobody@{stage.domain}>;z')
    draft.set('Call-ID', 'a"b@!{}[]<>?/' + new_name()).set('CSeq', '0009  OPTIONS')
    answer = await phone.ask(draft)
    equal(answer.get('from'), draft.get('From'), 'From')
    true(answer.get('to').startswith(draft.get('To')), f'To: {answer.get("to")}')
    equal(answer.call_id, draft.call_id, 'Call-ID')
    equal(answer.get('cseq').split(), ['0009', 'OPTIONS'], 'CSeq')
    true(answer.has('content-length'), 'Content-Length')


@check()
async def all_vias_in_order(stage):
    phone = await stage.peer()
    others = ['SIP/2.0/UDP a.example.com:5070;branch=z9hG4bKa;x="y,;z"', 'SIP/2.0/TCP [2001:db8::1];branch=z9hG4bKb;received=192.0.2.3']
    draft = phone.request('OPTIONS', nobody(stage)).add('Via', f'{others[0]}, {others[1]}')
    answer = await phone.ask(draft)
    equal(answer.all('via')[1:], others, 'Vias below')
    equal(len(answer.vias), 3, 'Vias')


@check()
async def one_line_of_vias(stage):
    phone = await stage.peer()
    draft = phone.request('OPTIONS', nobody(stage))
    draft.set('Via', f'{draft.get("Via")} , SIP / 2.0 / UDP  below.example.com ;branch=z9hG4bKc')
    answer = await phone.ask(draft)
    equal(len(answer.vias), 2, 'Vias')
    equal(answer.vias[0].branch, draft.branch, 'branch')


@check()
async def rport_is_filled_in(stage):
    """RFC 3581 4: received and rport, also when nothing differs."""
    phone = await stage.peer()
    answer = await phone.ask(phone.request('OPTIONS', nobody(stage)))
    port = phone.own[1]
    params = answer.vias[0].params
    equal((params.get('received'), params.get('rport')), (phone.own[0], str(port)), 'received, rport')


@check()
async def rport_of_another_sent_by(stage):
    phone = await stage.peer()
    via = f'SIP/2.0/{phone.transport.upper()} 192.0.2.33:7777;rport;branch={new_branch()}'
    answer = await phone.ask(phone.request('OPTIONS', nobody(stage)).set('Via', via))
    params = answer.vias[0].params
    equal((params.get('received'), params.get('rport')), (phone.own[0], str(phone.own[1])), 'received, rport')
    true('192.0.2.33:7777' in answer.vias[0].text, 'sent-by stays')


@check()
async def received_for_a_name(stage):
    """RFC 3261 18.2.1: a sent-by that is a name, or another address, gets received."""
    phone = await stage.peer()
    for host in ('client.invalid', '192.0.2.34'):
        via = f'SIP/2.0/{phone.transport.upper()} {host}:{phone.own[1]};branch={new_branch()}'
        answer = await phone.ask(phone.request('OPTIONS', nobody(stage)).set('Via', via))
        equal(answer.vias[0].params.get('received'), phone.own[0], f'received for {host}')
        true('rport' not in answer.vias[0].params, 'no rport')


@check()
async def forged_received(stage):
    """Whatever received the client writes, there is one, and it is the truth."""
    phone = await stage.peer()
    draft = phone.request('OPTIONS', nobody(stage))
    draft.set('Via', phone.via() + ';received=192.0.2.99')
    answer = await phone.ask(draft)
    equal(answer.vias[0].params.get('received'), phone.own[0], 'received')
    equal(answer.vias[0].text.lower().count('received='), 1, 'count')


@check('udp', 'udp6')
async def to_the_port_of_sent_by(stage):
    """RFC 3261 18.2.2: without rport the response goes to the port of sent-by."""
    sender, listener = await stage.peer(), None
    listener = await stage.peer()
    listener_host_differs = listener.own[0] != sender.own[0]
    if listener_host_differs:
        await listener.close()
        listener.host = sender.own[0]
        await listener.open()
    via = f'SIP/2.0/UDP {listener.sent_by};branch={new_branch()}'
    for method in ('OPTIONS', 'INVITE'):
        sender.send(sender.request(method, nobody(stage)).set('Via', via + method))
        await listener.expect(404)
    await sender.hears_nothing()


@check('udp')
async def maddr_aims_at_nobody(stage):
    """RFC 3261 18.2.2 would send there; nobody may aim our answers at others."""
    sender, victim = await stage.peer(), await stage.peer()
    via = f'{sender.via()};maddr={victim.own[0]}'
    sender.send(sender.request('OPTIONS', nobody(stage)).set('Via', via))
    await sender.expect(404)
    await victim.hears_nothing()


@check('udp')
async def to_the_default_port(stage):
    sender = await stage.peer()
    listener = await stage.peer()
    await listener.close()
    listener.host = sender.own[0]
    await listener.open(port=5060)
    sender.send(sender.request('OPTIONS', nobody(stage)).set('Via', f'SIP/2.0/UDP {sender.own[0]};branch={new_branch()}'))
    await listener.expect(404)


@check('udp', 'udp6')
async def stateless_answers_have_one_tag(stage):
    """RFC 3261 8.2.7: a retransmission gets the same To tag."""
    phone = await stage.peer()
    draft = phone.request('OPTIONS', nobody(stage))
    tags = set()
    for _ in range(3):
        phone.send(draft)
        tags.add((await phone.receive()).to_tag)
    equal(len(tags), 1, 'To tags')


@check()
async def different_requests_have_different_tags(stage):
    phone = await stage.peer()
    tags = {(await phone.ask(phone.request('OPTIONS', nobody(stage)))).to_tag for _ in range(4)}
    equal(len(tags), 4, 'To tags')


@check()
async def given_tag_stays(stage):
    phone = await stage.peer()
    draft = phone.request('OPTIONS', nobody(stage))
    draft.set('To', draft.get('To') + ';tag=given')
    equal((await phone.ask(draft)).to_tag, 'given', 'To tag')


@check()
async def trying_has_no_tag_and_a_timestamp(stage):
    """RFC 3261 8.2.6.1: Timestamp is copied into the 100, perhaps with a delay; no To tag of ours."""
    caller, callee = await stage.pair()
    caller.send(caller.invite(callee).add('Timestamp', '54.321'))
    trying = await caller.expect(100)
    equal(trying.to_tag, None, 'To tag')
    true(trying.get('timestamp').split()[:1] == ['54.321'], f'Timestamp: {trying.get("timestamp")!r}')
    await callee.serve('INVITE', 486)
    await caller.expect(486)


@check()
async def no_trying_for_others(stage):
    """RFC 4320: no 100 for what is no INVITE, unless it takes long."""
    caller, callee = await stage.pair()
    caller.send(caller.request('MESSAGE', callee))
    request = await callee.expect('MESSAGE')
    equal(await caller.receive(0.3), None, 'response')
    callee.reply(request, 200)
    await caller.expect(200)


@check()
async def ack_is_never_answered(stage):
    phone = await stage.peer()
    for uri in (nobody(stage), f'sip:{stage.domain}'):
        draft = phone.request('ACK', uri)
        draft.set('To', draft.get('To') + ';tag=x')
        phone.send(draft)
        phone.send(phone.request('ACK', uri))
    phone.send(phone.request('ACK', nobody(stage)).set('Max-Forwards', '0'))
    phone.send(phone.request('ACK', nobody(stage)).add('Proxy-Require', 'nothing'))
    await phone.hears_nothing()


@check()
async def hops_used_up(stage):
    caller, callee = await stage.pair()
    for method in ('INVITE', 'OPTIONS', 'MESSAGE'):
        answer = await caller.ask(caller.request(method, callee).set('Max-Forwards', '0'))
        equal(answer.status, 483, method)
    await callee.hears_nothing()


@check()
async def hops_are_counted(stage):
    caller, callee = await stage.pair()
    for before in (70, 1, 255):
        caller.send(caller.request('MESSAGE', callee).set('Max-Forwards', str(before)))
        equal((await callee.serve('MESSAGE')).get('max-forwards'), str(before - 1), 'Max-Forwards')
        await caller.expect(200)


@check()
async def hops_are_added(stage):
    caller, callee = await stage.pair()
    caller.send(caller.request('MESSAGE', callee).remove('Max-Forwards'))
    equal((await callee.serve('MESSAGE')).get('max-forwards'), '10', 'Max-Forwards')


@check()
async def proxy_require_of_the_unknown(stage):
    """RFC 3261 16.3 step 5."""
    caller, callee = await stage.pair()
    draft = caller.request('MESSAGE', callee).add('Proxy-Require', 'teleportation, foo')
    answer = await caller.ask(draft)
    equal(answer.status, 420, 'answer')
    equal(sorted(answer.all('unsupported')), ['foo', 'teleportation'], 'Unsupported')
    await callee.hears_nothing()


@check()
async def require_is_for_the_callee(stage):
    """A proxy passes Require on (RFC 3261 16.3)."""
    caller, callee = await stage.pair()
    caller.send(caller.request('MESSAGE', callee).add('Require', 'foo'))
    equal((await callee.serve('MESSAGE')).all('require'), ['foo'], 'Require')


@check()
async def unknown_scheme(stage):
    """RFC 3261 16.3 step 2: 416."""
    phone = await stage.peer()
    for uri in ('soap.beep://192.0.2.103:3002', 'nobodyKnowsThisScheme:totallyopaquecontent'):
        equal((await phone.ask(phone.request('OPTIONS', nobody(stage), uri))).status, 416, uri)


@check()
async def other_versions(stage):
    phone = await stage.peer()
    for version in ('SIP/7.0', 'SIP/3.1', 'SIP/2.1'):
        draft = phone.request('OPTIONS', nobody(stage))
        draft.first_line = draft.first_line.replace('SIP/2.0', version)
        equal((await phone.ask(draft)).status, 505, version)


@check()
async def version_in_lower_case(stage):
    phone = await stage.peer()
    draft = phone.request('OPTIONS', nobody(stage))
    draft.first_line = draft.first_line.replace('SIP/2.0', 'sip/2.0')
    equal((await phone.ask(draft)).status, 404, 'answer')


@check()
async def message_too_big(stage):
    phone = await stage.peer()
    draft = phone.request('MESSAGE', nobody(stage)).carry('x' * 17000, 'text/plain')
    equal((await phone.ask(draft)).status, 513, 'answer')


@check()
async def bodies_pass_untouched(stage):
    caller, callee = await stage.pair()
    body = bytes(range(256)) * 4 + b'\r\n\r\nINVITE sip:x SIP/2.0\r\n'
    draft = caller.request('MESSAGE', callee).set('Content-Type', 'application/octet-stream')
    draft.body = body
    caller.send(draft)
    seen = await callee.serve('MESSAGE')
    equal(seen.body, body, 'body')
    equal(seen.get('content-type'), 'application/octet-stream', 'Content-Type')


@check()
async def unknown_headers_pass_untouched(stage):
    caller, callee = await stage.pair()
    lines = [('X-One', 'a, b;c="d"'), ('Subject', '\u00e9\u4e16'), ('X-One', ''), ('P-Hint-2', '<>;,"x"'), ('Warning', '399 a "b"')]
    draft = caller.request('MESSAGE', callee)
    for name, value in lines:
        draft.add(name, value)
    caller.send(draft)
    seen = await callee.serve('MESSAGE')
    for name in ('X-One', 'Subject', 'P-Hint-2', 'Warning'):
        got = [value.encode(errors='surrogateescape').decode() for value in seen.all(name)]
        equal(got, [value for one, value in lines if one == name], name)


@check()
async def headers_of_responses_pass_untouched(stage):
    caller, callee = await stage.pair()
    caller.send(caller.request('MESSAGE', callee))
    request = await callee.expect('MESSAGE')
    answer = callee.response(request, 200).add('X-Answer', 'a, b', 'c').add('Server', 'a phone/1.0')
    callee.reply(request, 200, answer.carry('hello', 'text/plain'))
    got = await caller.expect(200)
    equal((got.all('X-Answer'), got.get('server'), got.body), (['a, b', 'c'], 'a phone/1.0', b'hello'), 'answer')


@check()
async def every_status_passes(stage):
    caller, callee = await stage.pair()
    for status in (200, 202, 204, 299, 300, 302, 305, 380, 400, 403, 410, 415, 422, 433, 480, 488, 493, 499, 501, 505, 513, 580, 600, 604, 699):
        draft = caller.send(caller.request('MESSAGE', callee))
        request = await callee.expect('MESSAGE')
        callee.reply(request, status, callee.response(request, status, 'Any Words'))
        equal((await caller.final(draft)).status, status, 'status')


@check()
async def only_invites_ring(stage):
    """RFC 4320 4.1: no provisional response but 100 to anything else."""
    caller, callee = await stage.pair()
    draft = caller.send(caller.request('MESSAGE', callee))
    request = await callee.serve('MESSAGE', 180)
    await caller.hears_nothing()
    callee.reply(request, 200)
    equal((await caller.final(draft)).status, 200, 'answer')


@check()
async def service_unavailable_is_ours_alone(stage):
    """RFC 3261 16.7 step 6: a proxy turns 503 into 500."""
    caller, callee = await stage.pair()
    draft = caller.send(caller.request('MESSAGE', callee))
    await callee.serve('MESSAGE', 503)
    true((await caller.final(draft)).status in (500, 503), 'status')


@check()
async def reason_phrase_passes(stage):
    caller, callee = await stage.pair()
    draft = caller.send(caller.request('MESSAGE', callee))
    request = await callee.expect('MESSAGE')
    callee.reply(request, 480, callee.response(request, 480, 'Gone; "fishing" = \u00e9'))
    answer = await caller.final(draft)
    true(answer.reason.startswith('Gone; "fishing"'), answer.reason)


@check()
async def our_via_comes_and_goes(stage):
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(callee))
    seen = await callee.expect('INVITE')
    equal(len(seen.vias), 2, 'Vias at the callee')
    equal(seen.vias[1].branch, draft.branch, 'the Via below')
    equal(seen.vias[1].params.get('received'), caller.own[0], 'received in the Via below')
    callee.reply(seen, 180)
    equal([via.branch for via in (await caller.expect(180)).vias], [draft.branch], 'Vias at the caller')
    callee.reply(seen, 486)
    await caller.final(draft)


@check()
async def one_via_that_names_us(stage):
    caller, callee = await stage.pair()
    caller.send(caller.request('MESSAGE', callee))
    via = (await callee.serve('MESSAGE')).vias[0]
    equal(via.host.strip('[]'), stage.address[0], 'sent-by')
    equal(via.port or 5060, stage.address[1], 'port')


@check()
async def response_with_our_via_only(stage):
    """A response without another Via has no way to go."""
    caller, callee = await stage.pair()
    draft = caller.send(caller.request('MESSAGE', callee))
    request = await callee.expect('MESSAGE')
    alone = callee.response(request, 200)
    vias = alone.all('Via')
    alone.remove('Via').first('Via', vias[0])
    callee.reply(request, 200, alone)
    await asyncio.sleep(0.1)
    callee.reply(request, 200)
    await caller.final(draft)
    await stage.alive()


@check()
async def strayed_responses(stage):
    """Responses to nothing do no harm."""
    phone, victim = await stage.peer(), await stage.peer('victim')
    for vias in (['SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx'], [f'SIP/2.0/UDP {in_brackets(stage.address[0])}:{stage.address[1]};branch=z9hG4bKnone.0']):
        lines = [f'Via: {via}' for via in vias]
        text = ['SIP/2.0 200 OK', *lines, 'From: <sip:a@b>;tag=1', 'To: <sip:c@d>;tag=2', f'Call-ID: {new_name()}', 'CSeq: 1 INVITE', 'Content-Length: 0', '', '']
        phone.send('\r\n'.join(text).encode())
    await phone.hears_nothing()
    await stage.alive()


@check()
async def early_tags_pass(stage):
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(callee))
    seen = await callee.expect('INVITE')
    for status in (180, 183, 182):
        callee.reply(seen, status, callee.response(seen, status, 'Progress'))
        answer = await caller.expect(status)
        equal(answer.to_tag, callee.tag, 'To tag')
        equal(answer.contact, callee.uri, 'Contact')
    callee.reply(seen, 486)
    equal((await caller.final(draft)).to_tag, callee.tag, 'To tag')


@check('tcp', 'tcp6')
async def over_the_connection_of_the_request(stage):
    """RFC 3261 18.2.2: whatever Via says."""
    phone, callee = await stage.peer(), await stage.registered()
    via = f'SIP/2.0/TCP 192.0.2.80:5060;branch={new_branch()}'
    phone.send(phone.request('MESSAGE', callee).set('Via', via))
    await callee.serve('MESSAGE')
    await phone.expect(200)


@check('tcp', 'tcp6')
async def to_sent_by_when_the_connection_is_gone(stage):
    """RFC 3261 18.2.2: then a connection is opened to received and the port of sent-by."""
    caller, callee = await stage.peer(listening=True), await stage.registered()
    caller.send(caller.request('MESSAGE', callee).edit('Via', ';rport', ''))
    request = await callee.expect('MESSAGE')
    caller.hang_up()
    await asyncio.sleep(0.2)
    callee.reply(request, 200)
    await caller.expect(200)


@check()
async def answers_keep_the_callers_order(stage):
    phone = await stage.peer()
    drafts = [phone.request('OPTIONS', nobody(stage)) for _ in range(20)]
    for draft in drafts:
        phone.send(draft)
    got = {(await phone.expect(404)).call_id for _ in drafts}
    equal(got, {draft.call_id for draft in drafts}, 'answered')


@check()
async def sips_is_not_taken_for_sip(stage):
    phone = await stage.peer()
    answer = await phone.ask(phone.request('OPTIONS', nobody(stage), f'sips:nobody@{stage.domain}'))
    true(400 <= answer.status < 500, answer.first_line)


@check()
async def tel_uri_to_us(stage):
    phone = await stage.peer()
    answer = await phone.ask(phone.request('INVITE', nobody(stage), 'tel:+4930123456'))
    true(400 <= answer.status < 500, answer.first_line)
    await stage.alive()


@check()
async def options_for_the_server(stage):
    """A request to the server without a user: some final answer."""
    phone = await stage.peer()
    answer = await phone.ask(phone.request('OPTIONS', f'sip:{stage.domain}'))
    true(200 <= answer.status < 500, answer.first_line)


@check(script='stateless')
async def stateful_answer_of_the_script(stage):
    """t_newtran and t_reply: repetitions get the same answer."""
    phone = await stage.peer()
    draft = phone.request('PUBLISH', nobody(stage))
    first = await phone.ask(draft)
    equal(first.status, 489, 'answer')
    phone.send(draft)
    again = await phone.receive()
    equal((again.status, again.to_tag), (489, first.to_tag), 'again')


@check()
async def to_header_of_failures(stage):
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(callee))
    await callee.serve('INVITE', 486)
    answer = await caller.final(draft)
    equal(Address(answer.get('to')).params.get('tag'), callee.tag, 'To tag is the callee\'s')
