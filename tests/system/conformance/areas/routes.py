# SPDX-License-Identifier: Apache-2.0
"""Routes and functions of scripts as they show on the wire: branch and reply routes, forward(), $du, append_branch."""
from conformance.check import check
from conformance.draft import in_brackets
from conformance.peer import Call, Dialog
from rig.case import equal, true


async def fork(stage):
    caller = await stage.peer()
    phones = [await stage.registered()]
    phones.append(await stage.registered(phones[0].user))
    draft = caller.send(caller.invite(phones[0]))
    return caller, draft, phones, [await phone.expect('INVITE') for phone in phones]


@check(script='routes')
async def branches_have_their_own_headers(stage):
    """append_hf in branch_route; $T_branch_idx counts from 1."""
    caller, draft, phones, seen = await fork(stage)
    equal(sorted(one.get('x-branch') for one in seen), ['1', '2'], 'X-Branch')
    equal([one.count('x-branch') for one in seen], [1, 1], 'once')
    for phone, request in zip(phones, seen):
        phone.reply(request, 486)
    await caller.final(draft)


@check(script='routes')
async def reply_routes_add_headers(stage):
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(callee))
    seen = await callee.serve('INVITE', 180)
    equal((await caller.expect(180)).get('x-reply'), '180', 'X-Reply')
    callee.reply(seen, 486)
    equal((await caller.final(draft)).get('x-reply'), '486', 'X-Reply')


@check(script='routes')
async def dropped_provisionals(stage):
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(callee))
    seen = await callee.serve('INVITE', 183)
    await caller.hears_nothing()
    callee.reply(seen, 200)
    ok = await caller.expect(200)
    Dialog.of_caller(caller, draft, ok).send('ACK')
    await callee.expect('ACK')


@check(script='routes')
async def stateless_forwarding(stage):
    """forward(): every copy goes on, with the same branch (RFC 3261 16.11); answers come back."""
    caller, callee = await stage.pair()
    draft = caller.send(caller.request('MESSAGE', f'sip:stateless-{callee.user}@{stage.domain}'))
    first = await callee.receive()
    caller.send(draft)
    again = await callee.receive()
    equal(again.branch, first.branch, 'branch')
    equal(len(first.vias), 2, 'Vias')
    callee.reply(first, 200)
    await caller.final(draft)


@check(script='routes')
async def stateless_invite_and_ack(stage):
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(f'sip:stateless-{callee.user}@{stage.domain}'))
    seen = await callee.expect('INVITE')
    equal(await caller.receive(0.2), None, 'no 100 of a stateless proxy')
    callee.reply(seen, 180)
    await caller.expect(180)
    callee.reply(seen, 486)
    await caller.final(draft)
    ack = await callee.expect('ACK')
    equal((ack.branch, ack.uri), (seen.branch, seen.uri), 'branch, Request-URI of the ACK')


@check(script='routes')
async def next_hop_of_the_script(stage):
    """$du: the Request-URI stays."""
    caller, hop = await stage.peer(), await stage.peer(listening=stage.transport == 'tcp', dialling=False)
    uri = f'sip:direct-x@{in_brackets(stage.address[0])}:{stage.address[1]}'
    draft = caller.send(caller.request('MESSAGE', uri).add('X-Next', hop.uri))
    seen = await hop.serve('MESSAGE')
    equal(seen.uri, uri, 'Request-URI')
    await caller.final(draft)


@check(script='routes')
async def parallel_branches_of_the_script(stage):
    """append_branch: the Request-URI and what was appended, each once."""
    caller, one, other = [await stage.peer(listening=stage.transport == 'tcp') for _ in range(3)]
    draft = caller.invite(f'sip:both@{stage.domain}').add('X-One', one.uri).add('X-Two', other.uri)
    caller.send(draft)
    seen = [await peer.expect('INVITE') for peer in (one, other)]
    equal([request.uri for request in seen], [one.uri, other.uri], 'Request-URIs')
    true(seen[0].branch != seen[1].branch, 'branches differ')
    one.reply(seen[0], 486)
    await one.expect('ACK')
    other.reply(seen[1], 200)
    ok = await caller.expect(200)
    Dialog.of_caller(caller, draft, ok).send('ACK')
    await other.expect('ACK')


@check(script='routes')
async def removed_and_replaced_headers(stage):
    caller, callee = await stage.pair()
    draft = caller.request('MESSAGE', f'sip:clean-{callee.user}@{stage.domain}')
    draft.add('X-Remove', 'a', 'b, c').add('x-remove', 'd').add('Subject', 'words')
    caller.send(draft)
    seen = await callee.serve('MESSAGE')
    equal((seen.all('x-remove'), seen.get('x-added')), ([], f'from {caller.own[0]}'), 'X-Remove, X-Added')
    await caller.final(draft)


@check(script='routes')
async def redirect_of_the_script(stage):
    caller = await stage.peer()
    answer = await caller.ask(caller.invite(f'sip:moved@{stage.domain}'))
    equal((answer.status, answer.contact), (302, 'sip:new@192.0.2.77'), 'status, Contact')


@check(script='routes')
async def own_parameters_of_the_route(stage):
    """add_rr_param, check_route_param, is_direction."""
    caller, callee = await stage.pair()
    call = await Call(caller, callee).set_up()
    true('mark' in call.seen.addresses('record-route')[0].uri.params, 'parameter')
    seen, _ = await call.pass_on('INFO')
    equal((seen.get('x-mark'), seen.get('x-direction')), ('yes', 'downstream'), 'from the caller')
    seen, _ = await call.pass_on('INFO', False)
    equal((seen.get('x-mark'), seen.get('x-direction')), ('yes', 'upstream'), 'from the callee')
    await call.hang_up()


@check(script='routes')
async def silence_of_the_script(stage):
    """A script that does nothing says nothing."""
    caller = await stage.peer()
    caller.send(caller.request('MESSAGE', f'sip:hush@{stage.domain}'))
    await caller.hears_nothing()
