# SPDX-License-Identifier: Apache-2.0
"""Several targets (RFC 3261 16.5 to 16.7): all at once, one after the other, and the best answer."""
import asyncio

from conformance.check import check
from conformance.draft import cancel_for
from conformance.peer import Dialog
from rig.case import equal, true


async def fork(stage, count=2, method='INVITE', **more):
    """A caller whose request has reached all phones of a user: (caller, draft, phones, what each has seen)."""
    caller = await stage.peer()
    phones = [await stage.registered(**more)]
    phones += [await stage.registered(phones[0].user, **more) for _ in range(count - 1)]
    draft = caller.invite(phones[0]) if method == 'INVITE' else caller.request(method, phones[0])
    caller.send(draft)
    return caller, draft, phones, [await phone.expect(method) for phone in phones]


@check()
async def every_phone_rings(stage):
    caller, draft, phones, seen = await fork(stage, 3)
    equal(len({one.branch for one in seen}), 3, 'branches')
    for phone, request in zip(phones, seen):
        equal(request.uri, phone.uri, 'Request-URI')
        phone.reply(request, 180)
        equal((await caller.expect(180)).to_tag, phone.tag, 'To tag')
    for phone, request in zip(phones, seen):
        phone.reply(request, 486)
        await phone.expect('ACK')
    equal((await caller.final(draft)).status, 486, 'answer')


@check()
async def first_to_answer_wins(stage):
    caller, draft, phones, seen = await fork(stage, 3)
    for phone, request in zip(phones, seen):
        phone.reply(request, 180)
        await caller.expect(180)
    phones[1].reply(seen[1], 200)
    ok = await caller.expect(200)
    equal(ok.to_tag, phones[1].tag, 'To tag')
    for index in (0, 2):
        cancel = await phones[index].serve('CANCEL')
        equal((cancel.branch, cancel.uri), (seen[index].branch, seen[index].uri), 'branch, Request-URI')
        phones[index].reply(seen[index], 487)
        await phones[index].expect('ACK')
    Dialog.of_caller(caller, draft, ok).send('ACK')
    await phones[1].expect('ACK')
    await caller.hears_nothing()


@check()
async def loser_that_has_not_answered_yet(stage):
    caller, draft, phones, seen = await fork(stage)
    phones[0].reply(seen[0], 200)
    await caller.expect(200)
    await phones[1].hears_nothing()
    phones[1].reply(seen[1], 180)
    await phones[1].serve('CANCEL')
    phones[1].reply(seen[1], 487)
    await phones[1].expect('ACK')
    await caller.hears_nothing()


@check()
async def two_answers_reach_the_caller(stage):
    """RFC 3261 16.7 step 5: every 2xx to an INVITE at once."""
    caller, draft, phones, seen = await fork(stage)
    for phone, request in zip(phones, seen):
        phone.reply(request, 200)
    tags = set()
    for _ in phones:
        ok = await caller.expect(200)
        tags.add(ok.to_tag)
        Dialog.of_caller(caller, draft, ok).send('ACK')
    equal(tags, {phone.tag for phone in phones}, 'To tags')
    for phone in phones:
        while (await phone.expect('ACK', 'CANCEL')).what != 'ACK':
            pass


@check()
async def one_busy_one_answers(stage):
    caller, draft, phones, seen = await fork(stage)
    phones[0].reply(seen[0], 486)
    await phones[0].expect('ACK')
    await caller.hears_nothing()
    phones[1].reply(seen[1], 200)
    await caller.expect(200)


async def best_of(stage, *statuses, method='INVITE'):
    caller, draft, phones, seen = await fork(stage, len(statuses), method)
    for phone, request, status in zip(phones, seen, statuses):
        phone.reply(request, status)
        if method == 'INVITE':
            await phone.expect('ACK')
    return await caller.final(draft)


@check()
async def lowest_class_is_best(stage):
    equal((await best_of(stage, 500, 404)).status, 404, '500 and 404')
    equal((await best_of(stage, 480, 302)).status, 302, '480 and 302')


@check()
async def global_failure_is_best(stage):
    equal((await best_of(stage, 404, 603)).status, 603, '404 and 603')
    equal((await best_of(stage, 302, 600)).status, 600, '302 and 600')


@check()
async def unavailable_alone_becomes_500(stage):
    true((await best_of(stage, 503, 503)).status in (500, 503), '503 and 503')
    equal((await best_of(stage, 503, 480)).status, 480, '503 and 480')


@check()
async def answers_that_help_are_preferred(stage):
    """RFC 3261 16.7 step 6: 401, 407, 415, 420 and 484 within their class."""
    for status in (401, 407, 415):
        equal((await best_of(stage, 486, status)).status, status, f'486 and {status}')


@check()
async def global_failure_cancels_the_others(stage):
    caller, draft, phones, seen = await fork(stage, 3)
    for phone, request in zip(phones, seen):
        phone.reply(request, 180)
        await caller.expect(180)
    phones[0].reply(seen[0], 603)
    await phones[0].expect('ACK')
    for phone, request in list(zip(phones, seen))[1:]:
        await phone.serve('CANCEL')
        phone.reply(request, 487)
        await phone.expect('ACK')
    equal((await caller.final(draft)).status, 603, 'answer')


@check()
async def challenges_are_collected(stage):
    """RFC 3261 16.7 step 7: the challenges of all 401 and 407 are put together."""
    caller, draft, phones, seen = await fork(stage)
    for number, (phone, request, status, name) in enumerate(
        zip(phones, seen, (401, 407), ('WWW-Authenticate', 'Proxy-Authenticate'))
    ):
        answer = phone.response(request, status).add(name, f'Digest realm="r{number}", nonce="n{number}"')
        phone.reply(request, status, answer)
        await phone.expect('ACK')
    answer = await caller.final(draft)
    true(answer.status in (401, 407), answer.first_line)
    true('r0' in answer.get('www-authenticate'), 'WWW-Authenticate')
    true('r1' in answer.get('proxy-authenticate'), 'Proxy-Authenticate')


@check()
async def challenges_of_one_kind_are_collected(stage):
    caller, draft, phones, seen = await fork(stage)
    for number, (phone, request) in enumerate(zip(phones, seen)):
        phone.reply(request, 401, phone.response(request, 401).add('WWW-Authenticate', f'Digest realm="r{number}", nonce="n"'))
        await phone.expect('ACK')
    answer = await caller.final(draft)
    equal(len(answer.all('www-authenticate')), 2, 'WWW-Authenticate')


@check()
async def cancel_reaches_all(stage):
    caller, draft, phones, seen = await fork(stage, 3)
    for phone, request in zip(phones, seen):
        phone.reply(request, 180)
        await caller.expect(180)
    caller.send(cancel_for(draft))
    await caller.expect(200)
    for phone, request in zip(phones, seen):
        await phone.serve('CANCEL')
        phone.reply(request, 487)
        await phone.expect('ACK')
    equal((await caller.final(draft)).status, 487, 'answer')
    await caller.hears_nothing()


@check()
async def forked_requests_that_are_no_invite(stage):
    """One answer only: the first 2xx; later ones are not passed on."""
    caller, draft, phones, seen = await fork(stage, 2, 'MESSAGE')
    phones[0].reply(seen[0], 200)
    equal((await caller.expect(200)).to_tag, phones[0].tag, 'To tag')
    phones[1].reply(seen[1], 200)
    await caller.hears_nothing()
    await phones[1].hears_nothing()


@check()
async def best_answer_to_what_is_no_invite(stage):
    equal((await best_of(stage, 404, 501, method='MESSAGE')).status, 404, '404 and 501')


@check('udp', 'tcp', script='fast')
async def one_dead_one_busy(stage):
    caller, draft, phones, seen = await fork(stage)
    phones[0].reply(seen[0], 486)
    await phones[0].expect('ACK')
    true((await caller.final(draft)).status in (486, 408), 'answer')


@check('udp', 'tcp', script='fast')
async def one_dead_one_answers(stage):
    caller, draft, phones, seen = await fork(stage)
    phones[0].reply(seen[0], 180)
    await caller.expect(180)
    await asyncio.sleep(2.5)
    phones[0].reply(seen[0], 200)
    equal((await caller.expect(200)).to_tag, phones[0].tag, 'answer')


@check()
async def redirections_pass(stage):
    caller, draft, phones, seen = await fork(stage, 1)
    answer = phones[0].response(seen[0], 302).add('Contact', '<sip:elsewhere@192.0.2.5>;q=0.5, <sip:x@192.0.2.6>')
    phones[0].reply(seen[0], 302, answer)
    got = await caller.final(draft)
    equal((got.status, len(got.all('contact'))), (302, 2), 'status, contacts')


@check('udp', 'udp6')
async def one_on_udp_one_on_tcp(stage):
    caller = await stage.peer()
    one = await stage.registered()
    other = await stage.registered(one.user, transport='tcp')
    draft = caller.send(caller.invite(one))
    for phone, status in ((one, 486), (other, 180)):
        request = await phone.expect('INVITE')
        phone.reply(request, status)
    await caller.expect(180)
    other.reply(request, 200)
    ok = await caller.expect(200)
    equal(ok.to_tag, other.tag, 'To tag')
    Dialog.of_caller(caller, draft, ok).send('ACK')
    await other.expect('ACK')


@check(script='serial')
async def next_after_a_failure(stage):
    """failure_route, append_branch, t_relay."""
    caller, first = await stage.pair()
    second = await stage.peer()
    draft = caller.send(caller.invite(first).add('X-Next', second.uri))
    one = await first.serve('INVITE', 486)
    await first.expect('ACK')
    request = await second.expect('INVITE')
    equal(request.uri, second.uri, 'Request-URI')
    true(request.branch != one.branch, 'another branch')
    second.reply(request, 180)
    await caller.expect(180)
    second.reply(request, 200)
    ok = await caller.expect(200)
    equal(ok.to_tag, second.tag, 'To tag')
    Dialog.of_caller(caller, draft, ok).send('ACK')
    await second.expect('ACK')


@check(script='serial')
async def both_fail_one_after_the_other(stage):
    caller, first = await stage.pair()
    second = await stage.peer()
    draft = caller.send(caller.invite(first).add('X-Next', second.uri))
    await first.serve('INVITE', 486)
    await first.expect('ACK')
    await second.serve('INVITE', 404)
    await second.expect('ACK')
    true((await caller.final(draft)).status in (404, 486), 'answer')
    await caller.hears_nothing()


@check(script='serial')
async def own_answer_after_failures(stage):
    caller, first = await stage.pair()
    second = await stage.peer()
    draft = caller.send(caller.invite(first).add('X-Next', second.uri).add('X-Last', '480'))
    await first.serve('INVITE', 486)
    await second.serve('INVITE', 404)
    equal((await caller.final(draft)).status, 480, 'answer')


@check(script='serial')
async def next_after_silence(stage):
    caller, first = await stage.pair()
    second = await stage.peer()
    draft = caller.send(caller.invite(first).add('X-Next', second.uri))
    await first.expect('INVITE')
    request = await second.expect('INVITE')
    second.reply(request, 200)
    await caller.expect(200)
    true(draft, 'sent')


@check(script='serial')
async def next_after_ringing_too_long(stage):
    caller, first = await stage.pair()
    second = await stage.peer()
    caller.send(caller.invite(first).add('X-Next', second.uri))
    one = await first.serve('INVITE', 180)
    await caller.expect(180)
    await first.serve('CANCEL')
    first.reply(one, 487)
    await first.expect('ACK')
    request = await second.expect('INVITE')
    second.reply(request, 200)
    equal((await caller.expect(200)).to_tag, second.tag, 'To tag')


@check(script='serial')
async def cancel_while_the_second_rings(stage):
    caller, first = await stage.pair()
    second = await stage.peer()
    draft = caller.send(caller.invite(first).add('X-Next', second.uri))
    await first.serve('INVITE', 486)
    await first.expect('ACK')
    request = await second.serve('INVITE', 180)
    await caller.expect(180)
    caller.send(cancel_for(draft))
    await caller.expect(200)
    await second.serve('CANCEL')
    await first.hears_nothing()
    second.reply(request, 487)
    equal((await caller.final(draft)).status, 487, 'answer')


@check(script='serial')
async def cancelled_calls_try_nobody_else(stage):
    caller, first = await stage.pair()
    second = await stage.peer()
    draft = caller.send(caller.invite(first).add('X-Next', second.uri))
    request = await first.serve('INVITE', 180)
    await caller.expect(180)
    caller.send(cancel_for(draft))
    await caller.expect(200)
    await first.serve('CANCEL')
    first.reply(request, 487)
    equal((await caller.final(draft)).status, 487, 'answer')
    await second.hears_nothing()


@check()
async def loops_end(stage):
    """RFC 3261 16.3 step 4: back here unchanged: 482, at the first return."""
    caller = await stage.peer()
    for method in ('INVITE', 'MESSAGE'):
        answer = await caller.ask(caller.request(method, f'sip:loop@{stage.domain}'))
        equal(answer.status, 482, method)
    await stage.alive()


@check()
async def contacts_of_our_own_address(stage):
    """Refused, or the call ends as a loop."""
    one, other, caller = [await stage.peer() for _ in range(3)]
    answers = [await one.ask(one.registration(f'<{other.aor}>')), await other.ask(other.registration(f'<{one.aor}>'))]
    true(all(answer.status in (200, 403) for answer in answers), 'REGISTER')
    answer = await caller.ask(caller.invite(one))
    true(answer.status in (404, 482, 483), answer.first_line)
    await stage.alive()


@check()
async def spirals_are_no_loops(stage):
    """RFC 3261 16.3 step 4: back here with another Request-URI is fine."""
    caller, callee = await stage.pair()
    alias = f'sip:alias-{callee.user}@{stage.domain}' + ('' if stage.transport == 'udp' else ';transport=tcp')
    draft = caller.send(caller.invite(alias))
    seen = await callee.expect('INVITE')
    equal(len(seen.vias), 3, 'Vias')
    equal(seen.get('max-forwards'), '68', 'Max-Forwards')
    callee.reply(seen, 180)
    await caller.expect(180)
    callee.reply(seen, 200)
    ok = await caller.expect(200)
    dialog = Dialog.of_caller(caller, draft, ok)
    dialog.send('ACK')
    await callee.expect('ACK')
    bye = dialog.send('BYE')
    await callee.serve('BYE')
    await caller.final(bye)


@check()
async def spiral_that_is_cancelled(stage):
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(f'sip:alias-{callee.user}@{stage.domain}'))
    seen = await callee.serve('INVITE', 180)
    await caller.expect(180)
    caller.send(cancel_for(draft))
    await caller.expect(200)
    await callee.serve('CANCEL')
    callee.reply(seen, 487)
    await callee.expect('ACK')
    equal((await caller.final(draft)).status, 487, 'answer')


@check()
async def ten_phones_ring(stage):
    caller, draft, phones, seen = await fork(stage, 10)
    equal(len({one.branch for one in seen}), 10, 'branches')
    for phone, request in zip(phones, seen):
        phone.reply(request, 180)
        await caller.expect(180)
    phones[7].reply(seen[7], 200)
    ok = await caller.expect(200)
    for phone, request in zip(phones, seen):
        if phone is not phones[7]:
            await phone.serve('CANCEL')
            phone.reply(request, 487)
            await phone.expect('ACK')
    Dialog.of_caller(caller, draft, ok).send('ACK')
    await phones[7].expect('ACK')
    await caller.hears_nothing()
