# SPDX-License-Identifier: Apache-2.0
"""A script with names, NAT tests and the relay called by hand, as operators of OpenSER 1.x had it."""
from conformance.areas.media import Talk, target_of
from conformance.check import check
from conformance.draft import cancel_for
from conformance.peer import Dialog
from rig.case import equal, true

NAME = 'sip.example.org'


async def party(stage, contact=None, **more):
    """Registered under the server's name, perhaps with a contact that is not true."""
    peer = await stage.peer(**more)
    peer.domain, peer.aor = NAME, f'sip:{peer.user}@{NAME}'
    await peer.register(contact or peer.contact)
    return peer


def private(peer):
    return f'<sip:{peer.user}@10.1.2.3:5060' + (';transport=tcp>' if peer.transport == 'tcp' else '>')


@check(script='operator')
async def domain_by_its_alias(stage):
    caller, callee = await party(stage), await party(stage)
    draft = caller.send(caller.invite(callee))
    await callee.serve('INVITE', 486)
    equal((await caller.final(draft)).status, 486, 'answer')


@check(script='operator')
async def foreign_domains_are_not_served(stage):
    caller = await party(stage)
    draft = caller.invite('sip:x@elsewhere.example.net').set('From', '<sip:y@elsewhere.example.net>;tag=1')
    equal((await caller.ask(draft)).status, 403, 'INVITE')
    draft = caller.registration().set('To', '<sip:x@elsewhere.example.net>').set('From', '<sip:x@elsewhere.example.net>;tag=1')
    draft.first_line = 'REGISTER sip:elsewhere.example.net SIP/2.0'
    equal((await caller.ask(draft)).status, 403, 'REGISTER')


@check(script='operator')
async def phones_behind_nat_are_found(stage):
    """client_nat_test and fix_contact: what is for them goes to where their packets come from."""
    caller = await party(stage)
    callee = await stage.peer()
    callee.domain, callee.aor = NAME, f'sip:{callee.user}@{NAME}'
    await callee.register(private(callee))
    draft = caller.send(caller.invite(callee))
    seen = await callee.serve('INVITE', 180)
    await caller.expect(180)
    callee.reply(seen, 486)
    equal((await caller.final(draft)).status, 486, 'answer')


@check(script='operator')
async def calls_between_natted_phones(stage):
    caller, callee = await party(stage), await party(stage)
    for peer in (caller, callee):
        await peer.register('*', expires=0)
        await peer.register(private(peer))
    call = await Talk(caller, callee).set_up()
    equal(call.targets()[0][0], stage.address[0], 'media address')
    await call.talk()
    await call.pass_on('INVITE', False, edit=lambda draft: None)
    await call.hang_up(False)
    call.close()


@check(script='operator')
async def contact_in_the_dialog_is_mended(stage):
    """fix_contact on requests and replies: each side's requests reach the other's real address."""
    caller, callee = await party(stage), await party(stage)
    draft = caller.send(caller.invite(callee).set('Contact', private(caller)))
    seen = await callee.expect('INVITE')
    true('10.1.2.3' not in seen.contact, f'Contact: {seen.contact}')
    answer = callee.response(seen, 200).set('Contact', private(callee))
    callee.reply(seen, 200, answer)
    ok = await caller.expect(200)
    true('10.1.2.3' not in ok.contact, f'Contact: {ok.contact}')
    near, far = Dialog.of_caller(caller, draft, ok), Dialog.of_callee(callee, seen, answer)
    near.send('ACK')
    await callee.expect('ACK')
    bye = far.send('BYE')
    await caller.serve('BYE')
    await callee.final(bye)


@check(script='operator')
async def descriptions_name_the_relay(stage):
    caller, callee = await party(stage), await party(stage)
    draft = caller.send(caller.invite(callee))
    seen = await callee.expect('INVITE')
    address, port, _ = target_of(seen.body)
    equal(address, stage.address[0], 'address')
    callee.reply(seen, 183)
    equal(target_of((await caller.expect(183)).body)[0], stage.address[0], 'address in the 183')
    caller.send(cancel_for(draft))
    await caller.expect(200)
    await callee.serve('CANCEL')
    callee.reply(seen, 487)
    equal((await caller.final(draft)).status, 487, 'answer')
    true(port % 2 == 0, 'an even port')


@check(script='operator')
async def without_route_no_dialog(stage):
    caller, callee = await party(stage), await party(stage)
    draft = caller.request('BYE', callee)
    draft.set('To', draft.get('To') + ';tag=x')
    equal((await caller.ask(draft)).status, 404, 'answer')
    await callee.hears_nothing()
