# SPDX-License-Identifier: Apache-2.0
"""Within dialogs (RFC 3261 12, 16.4, 16.12): Record-Route and Route, both directions, loose and strict."""
import asyncio

from conformance.check import check
from conformance.draft import in_brackets, new_name
from conformance.message import Address
from conformance.peer import Call, Dialog
from rig.case import equal, true

METHODS = ('INVITE', 'UPDATE', 'INFO', 'MESSAGE', 'REFER', 'NOTIFY', 'OPTIONS', 'PRACK', 'SUBSCRIBE', 'BYE')


@check()
async def recorded_in_the_request(stage):
    call = await stage.call()
    routes = call.seen.addresses('record-route')
    equal(len(routes), 1, 'Record-Route')
    uri = routes[0].uri
    equal(uri.host.strip('[]'), stage.address[0], 'host')
    equal(uri.port or 5060, stage.address[1], 'port')
    true('lr' in uri.params, 'lr')
    equal((uri.params.get('transport') or 'udp').lower(), stage.transport, 'transport')


@check()
async def recorded_in_the_responses(stage):
    call = await stage.call()
    for response in (call.ringing, call.ok):
        equal(response.all('record-route'), call.seen.all('record-route'), 'Record-Route')
        equal(response.contact, call.callee.uri, 'Contact')


@check()
async def contact_of_the_caller_is_untouched(stage):
    call = await stage.call()
    equal(call.seen.contact, call.caller.uri, 'Contact')


@check()
async def every_method_from_the_caller(stage):
    call = await stage.call()
    for method in METHODS:
        seen, answer = await call.pass_on(method)
        equal((seen.uri, seen.all('route')), (call.callee.uri, []), f'{method}: Request-URI, Route')
        equal(answer.status, 200, method)


@check()
async def every_method_from_the_callee(stage):
    call = await stage.call()
    for method in METHODS:
        seen, answer = await call.pass_on(method, from_near=False)
        equal((seen.uri, seen.all('route')), (call.caller.uri, []), f'{method}: Request-URI, Route')
        equal(answer.status, 200, method)


@check()
async def failures_within_a_dialog(stage):
    call = await stage.call()
    for status in (488, 491, 500, 603):
        draft = call.near.request('INVITE')
        call.caller.send(draft)
        seen = await call.callee.expect('INVITE')
        call.callee.reply(seen, status, call.callee.response(seen, status, 'No'))
        ack = await call.callee.expect('ACK')
        equal((ack.branch, ack.cseq), (seen.branch, seen.cseq), 'ACK')
        equal((await call.caller.final(draft)).status, status, 'answer')
    await call.hang_up()


@check()
async def from_and_to_stay(stage):
    call = await stage.call()
    seen, answer = await call.pass_on('INFO')
    equal((seen.get('from'), seen.get('to')), (call.near.local, call.near.remote), 'From, To')
    seen, _ = await call.pass_on('INFO', from_near=False)
    equal((seen.get('from'), seen.get('to')), (call.far.local, call.far.remote), 'From, To')


@check()
async def glare_of_byes(stage):
    call = await stage.call()
    near, far = call.near.send('BYE'), call.far.send('BYE')
    call.callee.reply(await call.callee.expect('BYE'), 200)
    call.caller.reply(await call.caller.expect('BYE'), 200)
    await call.caller.expect(200)
    await call.callee.expect(200)
    true(near and far, 'sent')


@check()
async def new_target_in_the_middle(stage):
    """A re-INVITE with another Contact: the dialog's next requests go there."""
    call = await stage.call()
    elsewhere = await stage.peer(call.callee.user) if stage.transport == 'udp' else None
    if elsewhere is None:
        return
    draft = call.far.request('INVITE').set('Contact', elsewhere.contact)
    call.callee.send(draft)
    seen = await call.caller.serve('INVITE')
    ok = await call.callee.final(draft)
    call.far.send('ACK', cseq=draft.cseq)
    await call.caller.expect('ACK')
    equal((seen.contact, ok.status), (elsewhere.uri, 200), 'Contact, answer')
    call.near.target = elsewhere.uri
    bye = call.near.send('BYE')
    await elsewhere.serve('BYE')
    await call.caller.final(bye)


@check()
async def early_dialog(stage):
    """Requests along the route set of a 183: PRACK, UPDATE."""
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(callee).add('Supported', '100rel'))
    seen = await callee.expect('INVITE')
    callee.reply(seen, 183, callee.response(seen, 183).add('Require', '100rel').add('RSeq', '7'))
    progress = await caller.expect(183)
    equal((progress.get('rseq'), progress.all('require')), ('7', ['100rel']), 'RSeq, Require')
    early = Dialog.of_caller(caller, draft, progress)
    prack = early.request('PRACK').add('RAck', f'7 {draft.cseq} INVITE')
    caller.send(prack)
    equal((await callee.serve('PRACK')).get('rack'), f'7 {draft.cseq} INVITE', 'RAck')
    await caller.final(prack)
    update = caller.send(early.request('UPDATE'))
    await callee.serve('UPDATE')
    await caller.final(update)
    callee.reply(seen, 200)
    ok = await caller.expect(200)
    Dialog.of_caller(caller, draft, ok).send('ACK')
    await callee.expect('ACK')


@check('udp', 'udp6')
async def caller_on_udp_callee_on_tcp(stage):
    """Two Record-Routes where the transport changes, each side's own transport nearest to it."""
    caller, callee = await stage.peer(), await stage.registered(transport='tcp')
    call = await Call(caller, callee).set_up()
    routes = call.seen.addresses('record-route')
    equal([(route.uri.params.get('transport') or 'udp').lower() for route in routes], ['tcp', 'udp'], 'transports')
    for from_near in (True, False):
        for method in ('INVITE', 'INFO'):
            seen, _ = await call.pass_on(method, from_near)
            equal(seen.all('route'), [], 'Route')
    await call.hang_up(False)


@check('udp', 'udp6')
async def caller_on_tcp_callee_on_udp(stage):
    caller, callee = await stage.peer(transport='tcp'), await stage.registered()
    call = await Call(caller, callee).set_up()
    equal(len(call.seen.all('record-route')), 2, 'Record-Routes')
    for from_near in (True, False):
        seen, _ = await call.pass_on('INVITE', from_near)
        equal(seen.all('route'), [], 'Route')
    await call.hang_up(False)


@check('udp', 'tcp')
async def caller_on_ipv4_callee_on_ipv6(stage):
    callee = await stage.registered(family=6)
    caller = await stage.peer()
    call = await Call(caller, callee).set_up()
    equal(len(call.seen.all('record-route')), 2, 'Record-Routes')
    true('[' in call.seen.all('record-route')[0], 'the nearest is IPv6')
    equal(call.seen.vias[0].host, '[::1]', 'sent-by')
    for from_near in (True, False):
        for method in ('INVITE', 'MESSAGE'):
            seen, _ = await call.pass_on(method, from_near)
            equal(seen.all('route'), [], 'Route')
    await call.hang_up(False)


@check('udp', 'tcp')
async def caller_on_ipv6_callee_on_ipv4(stage):
    callee = await stage.registered()
    caller = await stage.peer(family=6)
    call = await Call(caller, callee).set_up()
    equal(call.seen.vias[0].host, stage.address[0], 'sent-by')
    for from_near in (True, False):
        seen, _ = await call.pass_on('INVITE', from_near)
        equal(seen.all('route'), [], 'Route')
    await call.hang_up()


# ---- routes of the client's own making ----


def ours(stage, parameters=';lr', user=''):
    transport = '' if stage.transport == 'udp' else ';transport=tcp'
    return f'<sip:{user}{in_brackets(stage.address[0])}:{stage.address[1]}{transport}{parameters}>'


def elsewhere(peer, parameters=';lr'):
    transport = '' if peer.transport == 'udp' else ';transport=tcp'
    return f'<sip:{peer.sent_by}{transport}{parameters}>'


async def routed(stage, *routes, target=None, seen_by=None):
    """A BYE with these Routes to a phone; (phone, what it sees)."""
    caller, callee = await stage.peer(), seen_by or await stage.registered()
    draft = caller.request('BYE', callee, target or callee.uri).add('Route', *routes)
    draft.set('To', draft.get('To') + ';tag=' + new_name())
    caller.send(draft)
    seen = await callee.serve('BYE')
    equal((await caller.final(draft)).status, 200, 'answer')
    return callee, seen


@check()
async def route_that_names_us_only(stage):
    for parameters in (';lr', ';lr=on', ';lr=true', ';LR', ';foo=bar;lr'):
        callee, seen = await routed(stage, ours(stage, parameters))
        equal((seen.uri, seen.all('route')), (callee.uri, []), f'{parameters}: Request-URI, Route')


@check('udp', 'tcp')
async def route_without_port(stage):
    transport = '' if stage.transport == 'udp' else ';transport=tcp'
    callee, seen = await routed(stage, f'<sip:{stage.domain}{transport};lr>')
    equal(seen.all('route'), [], 'Route')


@check()
async def route_with_a_user_and_a_name(stage):
    callee, seen = await routed(stage, '"us, <you>" ' + ours(stage, ';lr', 'x;y=z@'))
    equal(seen.all('route'), [], 'Route')


@check()
async def route_in_one_line(stage):
    hop = await stage.peer(listening=stage.transport == 'tcp', dialling=False)
    callee = await stage.peer()
    caller = await stage.peer()
    draft = caller.request('BYE', callee, 'sip:far@192.0.2.1').add('Route', f'{ours(stage)} , {elsewhere(hop)},<sip:192.0.2.3;lr>')
    draft.set('To', draft.get('To') + ';tag=x')
    caller.send(draft)
    seen = await hop.serve('BYE')
    equal(seen.all('route'), [elsewhere(hop), '<sip:192.0.2.3;lr>'], 'Route')
    equal(seen.uri, 'sip:far@192.0.2.1', 'Request-URI')
    await caller.final(draft)


@check()
async def two_routes_that_name_us(stage):
    callee, seen = await routed(stage, ours(stage, ';lr;r2=on'), ours(stage, ';lr;r2=on'))
    equal(seen.all('route'), [], 'Route')


@check()
async def next_hop_is_a_strict_router(stage):
    """RFC 3261 16.6 step 6: its URI goes into the Request-URI, the target to the end of the Routes."""
    hop = await stage.peer(listening=stage.transport == 'tcp', dialling=False)
    callee, caller = await stage.peer(), await stage.peer()
    draft = caller.request('BYE', callee, callee.uri).add('Route', ours(stage), elsewhere(hop, ''))
    draft.set('To', draft.get('To') + ';tag=x')
    caller.send(draft)
    seen = await hop.serve('BYE')
    equal(f'<{seen.uri}>', elsewhere(hop, ''), 'Request-URI')
    equal([str(one.uri) for one in seen.addresses('route')], [callee.uri], 'Route')
    await caller.final(draft)


@check()
async def previous_hop_was_a_strict_router(stage):
    """RFC 3261 16.4: our own URI in the Request-URI, the target in the last Route."""
    callee, caller = await stage.registered(), await stage.peer()
    us = ours(stage).strip('<>')
    draft = caller.request('BYE', callee, us).add('Route', f'<{callee.uri}>')
    draft.set('To', draft.get('To') + ';tag=x')
    caller.send(draft)
    seen = await callee.serve('BYE')
    equal((seen.uri, seen.all('route')), (callee.uri, []), 'Request-URI, Route')
    await caller.final(draft)


@check()
async def request_uri_with_our_route_as_the_callee_got_it(stage):
    """In-dialog without any route set, straight to the callee's Contact: relayed as any request."""
    call = await stage.call()
    draft = call.near.request('INFO').remove('Route')
    call.caller.send(draft)
    seen = await call.callee.serve('INFO')
    equal(seen.uri, call.callee.uri, 'Request-URI')
    await call.caller.final(draft)


@check()
async def routes_below_ours_stay(stage):
    """A proxy in front of the caller has recorded itself: both directions keep it."""
    caller, callee = await stage.pair()
    front = await stage.peer(listening=stage.transport == 'tcp', dialling=False)
    invite = caller.invite(callee).add('Record-Route', elsewhere(front))
    draft = caller.send(invite)
    seen = await callee.expect('INVITE')
    equal(seen.all('record-route')[1:], [elsewhere(front)], 'Record-Route below ours')
    answer = callee.reply(seen, 200)
    ok = await caller.expect(200)
    equal(ok.all('record-route'), seen.all('record-route'), 'Record-Route')
    near = Dialog.of_caller(caller, draft, ok)
    near.routes = near.routes[1:]  # the front has taken its own
    near.send('ACK')
    await callee.expect('ACK')
    bye = Dialog.of_callee(callee, seen, answer).send('BYE')
    request = await front.serve('BYE')
    equal((request.all('route'), request.uri), ([elsewhere(front)], caller.uri), 'Route, Request-URI')
    await callee.final(bye)


@check()
async def ack_follows_its_route(stage):
    """The ACK for a 2xx: its Max-Forwards counted, a Via of its own, no answer."""
    call = await stage.call()
    equal(call.ack_seen.get('max-forwards'), '69', 'Max-Forwards')
    equal(len(call.ack_seen.vias), 2, 'Vias')
    equal(call.ack_seen.all('record-route'), call.ack_seen.all('record-route')[:1], 'Record-Route at most once')


@check()
async def late_offer_passes(stage):
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(callee, with_session=False))
    seen = await callee.expect('INVITE')
    equal(seen.body, b'', 'no body')
    callee.reply(seen, 200)
    ok = await caller.expect(200)
    true(ok.body.startswith(b'v=0'), 'offer')
    dialog = Dialog.of_caller(caller, draft, ok)
    caller.send(dialog.request('ACK').carry('v=0\r\n'))
    equal((await callee.expect('ACK')).body, b'v=0\r\n', 'answer')


@check()
async def subscription_and_its_notifications(stage):
    watcher, watched = await stage.pair()
    draft = watcher.send(watcher.request('SUBSCRIBE', watched).add('Event', 'presence').add('Expires', '600'))
    seen = await watched.expect('SUBSCRIBE')
    answer = watched.response(seen, 202).add('Expires', '600')
    answer.headers = [header for header in answer.headers if header[0] != 'Contact'] + [['Contact', watched.contact]]
    watched.reply(seen, 202, answer)
    ok = await watcher.final(draft)
    far = Dialog.of_callee(watched, seen, answer)
    for state in ('active', 'terminated'):
        notify = far.request('NOTIFY').add('Event', 'presence').add('Subscription-State', state)
        watched.send(notify)
        equal((await watcher.serve('NOTIFY')).get('subscription-state'), state, 'Subscription-State')
        await watched.final(notify)
    again = Dialog.of_caller(watcher, draft, ok).request('SUBSCRIBE').add('Event', 'presence').add('Expires', '0')
    watcher.send(again)
    await watched.serve('SUBSCRIBE')
    await watcher.final(again)


@check()
async def refer_and_notify(stage):
    call = await stage.call()
    seen, _ = await call.pass_on('REFER', status=202, edit=lambda draft: draft.add('Refer-To', '<sip:carol@192.0.2.9?Replaces=x>'))
    equal(seen.get('refer-to'), '<sip:carol@192.0.2.9?Replaces=x>', 'Refer-To')
    await call.pass_on('NOTIFY', from_near=False)
    await call.hang_up()


@check()
async def hold_and_back(stage):
    call = await stage.call()
    for direction in ('sendonly', 'inactive', 'sendrecv'):
        body = f'v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4 RTP/AVP 0\r\na={direction}\r\n'
        seen, _ = await call.pass_on('INVITE', edit=lambda draft, body=body: draft.carry(body))
        equal(seen.body.decode(), body, 'body')


@check()
async def chain_of_record_routes(stage):
    """Long lists of Record-Route and Via pass in order."""
    caller, callee = await stage.pair()
    invite = caller.invite(callee)
    vias = [f'SIP/2.0/UDP p{n}.example.com;branch=z9hG4bK{n}' for n in range(12)]
    routes = [f'<sip:p{n}.example.com;lr;x="{n}">'.replace('"', '') for n in range(12)]
    caller.send(invite.add('Via', *vias).add('Record-Route', ', '.join(routes[:6]), *routes[6:]))
    seen = await callee.expect('INVITE')
    equal([via.text for via in seen.vias[2:]], vias, 'Vias')
    equal(seen.all('record-route')[1:], routes, 'Record-Routes')
    callee.reply(seen, 200)
    ok = await caller.expect(200)
    equal([via.text for via in ok.vias[1:]], vias, 'Vias of the response')
    equal(ok.all('record-route')[1:], routes, 'Record-Routes of the response')


@check()
async def tags_in_the_record_route(stage):
    """rr's append_fromtag is 1."""
    call = await stage.call()
    uri = call.seen.addresses('record-route')[0].uri
    equal(uri.params.get('ftag'), Address(call.invite.get('From')).params['tag'], 'ftag')


@check()
async def dialog_outlives_the_registration(stage):
    call = await stage.call()
    await call.callee.register(expires=0)
    await call.pass_on('INFO')
    await call.hang_up()


@check()
async def many_calls_at_once(stage):
    caller, callee = await stage.pair()
    drafts = [caller.send(caller.invite(callee)) for _ in range(10)]
    seen = {one.call_id: one for one in [await callee.expect('INVITE') for _ in drafts]}
    for request in seen.values():
        callee.reply(request, 200)
    for _ in drafts:
        ok = await caller.expect(200)
        draft = next(draft for draft in drafts if draft.call_id == ok.call_id)
        Dialog.of_caller(caller, draft, ok).send('ACK')
        equal((await callee.expect('ACK')).call_id, ok.call_id, 'ACK')


@check('tcp', 'tcp6')
async def caller_behind_a_new_connection(stage):
    """A caller that listens where its Contact says is dialled when its connection is gone."""
    caller, callee = await stage.peer(listening=True), await stage.registered()
    call = await Call(caller, callee).set_up()
    caller.hang_up()
    await asyncio.sleep(0.2)
    seen, answer = await call.pass_on('BYE', from_near=False)
    equal((seen.uri, answer.status), (caller.uri, 200), 'Request-URI, answer')
