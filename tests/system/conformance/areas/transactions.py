# SPDX-License-Identifier: Apache-2.0
"""Transactions (RFC 3261 17, RFC 6026, RFC 4320): repetitions, ACK, CANCEL, timers."""
import asyncio

from conformance.check import check
from conformance.draft import ack_for, cancel_for, new_branch
from conformance.peer import Dialog
from rig.case import equal, true, within

T1 = 0.1  # of the script 'fast', seconds
T2 = 0.4
FR, FR_INV = 2, 3
LATE = 1.0  # by which a busy machine may be late
EARLY = 0.03  # clocks of two processes, and a tick of the timer wheel


async def arrivals(peer, what, seconds):
    """When each copy arrives; other messages are passed over."""
    loop = asyncio.get_running_loop()
    deadline, times = loop.time() + seconds, []
    while (left := deadline - loop.time()) > 0:
        message = await peer.receive(left)
        if message is not None and message.what == what:
            times.append(message.at)
    return times


def gaps(times):
    return [after - before for before, after in zip(times, times[1:])]


def never_early(times, wanted, what):
    """Each gap is what it should be, or a little more."""
    got = gaps(times)
    true(len(got) >= len(wanted), f'{what}: {len(got)} repetitions, expected {len(wanted)}: {got}')
    for number, (gap, want) in enumerate(zip(got, wanted)):
        within(round(gap, 3), want - EARLY, want + LATE, f'{what}: gap {number} of {got}')


# ---- INVITE, server side ----


@check()
async def invite_is_answered_with_trying(stage):
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(callee))
    equal((await caller.receive(2)).status, 100, 'first response')
    await callee.serve('INVITE', 486)
    await caller.final(draft)


@check('udp', 'udp6')
async def repeated_invite_is_absorbed(stage):
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(callee))
    seen = await callee.expect('INVITE')
    caller.send(draft)
    await callee.hears_nothing()
    callee.reply(seen, 180)
    await caller.expect(180)
    caller.send(draft)
    equal((await caller.receive(2)).status, 180, 'the last provisional again')
    callee.reply(seen, 486)
    await caller.final(draft)


@check('udp', 'udp6')
async def repeated_invite_gets_the_final_again(stage):
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(callee))
    await callee.serve('INVITE', 486)
    first = await caller.expect(486)
    caller.send(draft)
    again = await caller.receive(2)
    equal(again.data, first.data, 'the same response')
    caller.send(ack_for(draft, first))
    await callee.expect('ACK')
    await callee.hears_nothing()


@check('udp', script='fast')
async def failure_is_repeated_until_ack(stage):
    """Timer G: T1, doubled up to T2, until the ACK."""
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(callee))
    await callee.serve('INVITE', 486)
    times = await arrivals(caller, 486, 1.5)
    never_early(times, [T1, 2 * T1, T2], 'timer G')
    caller.send(ack_for(draft, await caller.receive(2)))
    await asyncio.sleep(0.1)
    while await caller.receive(0.05):
        pass
    equal(await caller.receive(0.6), None, 'after the ACK')


@check('tcp', script='fast')
async def failure_is_said_once_over_tcp(stage):
    caller, callee = await stage.pair()
    caller.send(caller.invite(callee))
    await callee.serve('INVITE', 486)
    equal(len(await arrivals(caller, 486, 1)), 1, 'responses')


@check('udp', script='fast')
async def failure_without_ack_ends(stage):
    """Timer H: after 64 T1 no more."""
    caller, callee = await stage.pair()
    caller.send(caller.invite(callee))
    await callee.serve('INVITE', 486)
    times = await arrivals(caller, 486, 9)
    within(times[-1] - times[0], 32 * T1, 64 * T1 + LATE, 'the last')


@check()
async def ack_to_failure_stays_here(stage):
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(callee))
    seen = await callee.serve('INVITE', 603)
    ack = await callee.expect('ACK')
    equal((ack.branch, ack.uri, ack.cseq), (seen.branch, seen.uri, seen.cseq), 'branch, Request-URI, CSeq')
    equal((ack.get('from'), ack.call_id), (seen.get('from'), seen.call_id), 'From, Call-ID')
    equal(ack.to_tag, callee.tag, 'To tag')
    equal(len(ack.vias), 1, 'Vias')
    equal(ack.all('route'), seen.all('route'), 'Route')
    await caller.final(draft)
    await callee.hears_nothing()


@check('udp', 'udp6')
async def repeated_failure_is_acked_again(stage):
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(callee))
    seen = await callee.serve('INVITE', 404)
    first = await callee.receive()
    await caller.final(draft)
    callee.reply(seen, 404)
    again = await callee.receive()
    equal((first.what, again.data), ('ACK', first.data), 'the same ACK')
    await caller.hears_nothing()


@check()
async def ack_of_local_failure_is_swallowed(stage):
    phone = await stage.peer()
    equal((await phone.ask(phone.invite(f'sip:nobody@{stage.domain}'))).status, 404, 'answer')
    await phone.hears_nothing()


@check()
async def same_call_id_another_branch(stage):
    """Another branch is another transaction: an INVITE sent again with credentials."""
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(callee))
    await callee.serve('INVITE', 401)
    await caller.final(draft)
    await callee.expect('ACK')
    again = draft.copy().set('Via', caller.via()).set('CSeq', f'{draft.cseq + 1} INVITE')
    caller.send(again)
    await callee.serve('INVITE', 486)
    await caller.final(again)


# ---- 2xx ----


@check()
async def ack_for_ok_goes_through(stage):
    call = await stage.call()
    equal(call.ack_seen.uri, call.callee.uri, 'Request-URI')
    equal(call.ack_seen.cseq, call.invite.cseq, 'CSeq')
    true(call.ack_seen.branch != call.seen.branch, 'another branch')
    equal(call.ack_seen.all('route'), [], 'Route')


@check('udp', 'udp6')
async def repeated_ok_goes_through(stage):
    """RFC 6026: every copy, for the callee repeats it until the ACK comes."""
    caller, callee = await stage.pair()
    caller.send(caller.invite(callee))
    seen = await callee.expect('INVITE')
    for _ in range(3):
        callee.reply(seen, 200)
    count = len(await arrivals(caller, 200, 0.4))
    equal(count, 3, 'copies at the caller')


@check('udp', 'udp6')
async def repeated_ack_goes_through(stage):
    call = await stage.call()
    call.caller.send(call.ack)
    equal((await call.callee.receive(2)).what, 'ACK', 'again')


@check()
async def invite_repeated_after_ok_is_absorbed(stage):
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(callee))
    await callee.serve('INVITE', 200)
    await caller.expect(200)
    caller.send(draft)
    await callee.hears_nothing()


@check()
async def ringing_after_ok_is_late(stage):
    caller, callee = await stage.pair()
    caller.send(caller.invite(callee))
    seen = await callee.serve('INVITE', 200)
    await caller.expect(200)
    callee.reply(seen, 180)
    await caller.hears_nothing()


@check()
async def trying_stays_on_its_hop(stage):
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(callee))
    seen = await callee.expect('INVITE')
    await asyncio.sleep(0.1)
    while await caller.receive(0.05):
        pass
    callee.reply(seen, 100)
    equal(await caller.receive(0.3), None, 'the callee\'s 100')
    callee.reply(seen, 486)
    await caller.final(draft)


# ---- non-INVITE ----


@check('udp', 'udp6')
async def repeated_request_is_absorbed(stage):
    caller, callee = await stage.pair()
    draft = caller.send(caller.request('MESSAGE', callee))
    seen = await callee.expect('MESSAGE')
    caller.send(draft)
    await callee.hears_nothing()
    callee.reply(seen, 202)
    first = await caller.expect(202)
    caller.send(draft)
    equal((await caller.receive(2)).data, first.data, 'the same response')
    await callee.hears_nothing()


@check()
async def second_final_is_one_too_many(stage):
    caller, callee = await stage.pair()
    caller.send(caller.request('MESSAGE', callee))
    seen = await callee.serve('MESSAGE', 404)
    await caller.expect(404)
    for status in (200, 603, 180):
        callee.reply(seen, status)
    await caller.hears_nothing()


@check('udp', script='fast')
async def requests_are_repeated(stage):
    """Timer E: T1, doubled up to T2."""
    caller, callee = await stage.pair()
    caller.send(caller.request('MESSAGE', callee))
    times = await arrivals(callee, 'MESSAGE', 1.6)
    never_early(times, [T1, 2 * T1, T2, T2], 'timer E')


@check('udp', script='fast')
async def requests_that_proceed_are_repeated_slowly(stage):
    """After a provisional response: each T2."""
    caller, callee = await stage.pair()
    draft = caller.send(caller.request('MESSAGE', callee))
    seen = await callee.serve('MESSAGE', 100)
    await asyncio.sleep(0.15)
    while await callee.receive(0.01):
        pass
    times = await arrivals(callee, 'MESSAGE', 1.2)
    never_early(times, [T2], 'timer E in Proceeding')
    callee.reply(seen, 200)
    equal((await caller.final(draft)).status, 200, 'answer')


@check('udp', 'tcp', script='fast')
async def request_to_the_dead(stage):
    """RFC 3261 16.7: 408 when fr_timer ends in time; RFC 4320 4.2 forbids it only behind 64*T1."""
    caller, callee = await stage.pair()
    draft = caller.send(caller.request('MESSAGE', callee))
    equal((await caller.final(draft)).status, 408, 'answer')


@check('udp', 'tcp', script='fast')
async def slow_requests_get_a_100(stage):
    """RFC 4320 4.1: once the client repeats every T2."""
    caller, callee = await stage.pair()
    draft = caller.send(caller.request('MESSAGE', callee))
    request = await callee.expect('MESSAGE')
    begin = asyncio.get_running_loop().time()
    trying = await caller.expect(100)
    true(trying.at - begin > T1, 'not at once')
    callee.reply(request, 200)
    equal((await caller.final(draft)).status, 200, 'answer')


@check('tcp', script='fast')
async def no_repetitions_over_tcp(stage):
    caller, callee = await stage.pair()
    caller.send(caller.request('MESSAGE', callee))
    caller.send(caller.invite(callee))
    times = await arrivals(callee, 'MESSAGE', 1.5)
    equal(len(times), 1, 'MESSAGE')


# ---- INVITE, client side ----


@check('udp', script='fast')
async def invite_is_repeated(stage):
    """Timer A: T1, doubled each time, not capped."""
    caller, callee = await stage.pair()
    caller.send(caller.invite(callee))
    times = await arrivals(callee, 'INVITE', 1.9)
    never_early(times, [T1, 2 * T1, 4 * T1], 'timer A')


@check('tcp', script='fast')
async def invite_is_said_once_over_tcp(stage):
    caller, callee = await stage.pair()
    caller.send(caller.invite(callee))
    equal(len(await arrivals(callee, 'INVITE', 1.5)), 1, 'INVITE')


@check('udp', script='fast')
async def provisional_stops_repetitions(stage):
    caller, callee = await stage.pair()
    caller.send(caller.invite(callee))
    await callee.serve('INVITE', 100)
    await asyncio.sleep(0.15)
    while await callee.receive(0.01):
        pass
    equal(await arrivals(callee, 'INVITE', 1), [], 'INVITE')


@check('udp', 'tcp', script='fast')
async def invite_to_the_dead(stage):
    """fr_timer: 408, not before its time; the callee is told nothing after a final."""
    caller, callee = await stage.pair()
    begin = asyncio.get_running_loop().time()
    answer = await caller.ask(caller.invite(callee))
    equal(answer.status, 408, 'answer')
    within(answer.at - begin, FR - EARLY, FR + LATE, 'time')


@check('udp', 'tcp', script='fast')
async def ringing_for_ever(stage):
    """fr_inv_timer, timer C: CANCEL to the callee, 408 to the caller."""
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(callee))
    seen = await callee.serve('INVITE', 180)
    ringing = await caller.expect(180)
    cancel = await callee.serve('CANCEL')
    within(cancel.at - ringing.at, FR_INV - EARLY - 0.05, FR_INV + LATE, 'time')
    callee.reply(seen, 487)
    await callee.expect('ACK')
    equal((await caller.final(draft)).status, 408, 'answer')


@check('udp', 'tcp', script='fast')
async def ringing_goes_on(stage):
    """Each provisional response but 100 sets the timer anew."""
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(callee))
    seen = await callee.serve('INVITE', 180)
    for number in range(3):
        await asyncio.sleep(FR_INV * 0.6)
        callee.reply(seen, 183 if number % 2 else 180)
    callee.reply(seen, 486)
    equal((await caller.final(draft)).status, 486, 'answer')


@check('udp', script='fast')
async def unreachable_callee(stage):
    """Nobody listens at the contact: a final response, and not too late."""
    caller, callee = await stage.pair()
    await callee.close()
    stage.peers.remove(callee)
    answer = await caller.ask(caller.invite(callee))
    true(answer.status in (408, 477, 480, 500, 503), answer.first_line)


# ---- CANCEL ----


@check()
async def cancel_while_it_rings(stage):
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(callee).add('Route', f'<sip:{stage.domain};transport={stage.transport};lr>'))
    seen = await callee.serve('INVITE', 180)
    await caller.expect(180)
    sent = caller.send(cancel_for(draft))
    ok = await caller.expect(200)
    equal((ok.method, ok.branch, ok.cseq), ('CANCEL', sent.branch, draft.cseq), '200 for the CANCEL')
    cancel = await callee.serve('CANCEL')
    equal((cancel.branch, cancel.uri, cancel.cseq), (seen.branch, seen.uri, seen.cseq), 'branch, Request-URI, CSeq')
    equal((cancel.get('from'), cancel.get('to'), cancel.call_id), (seen.get('from'), seen.get('to'), seen.call_id), 'From, To, Call-ID')
    equal(len(cancel.vias), 1, 'Vias')
    equal(cancel.all('route'), seen.all('route'), 'Route')
    true(not cancel.has('require') and not cancel.has('proxy-require'), 'no Require')
    callee.reply(seen, 487)
    equal((await callee.expect('ACK')).branch, seen.branch, 'branch of the ACK')
    equal((await caller.final(draft)).status, 487, 'answer')
    await callee.hears_nothing()
    await caller.hears_nothing()


@check()
async def cancelled_with_the_via_of_the_cancel(stage):
    """As many a callee does: the INVITE has ended all the same, and the caller hears it from us."""
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(callee))
    seen = await callee.serve('INVITE', 180)
    await caller.expect(180)
    caller.send(cancel_for(draft))
    await caller.expect(200)
    cancel = await callee.serve('CANCEL')
    sloppy = callee.response(seen, 487).remove('Via').first('Via', cancel.get('via'))
    callee.reply(seen, 487, sloppy)
    await callee.expect('ACK')
    equal((await caller.final(draft)).status, 487, 'answer')


@check('udp', 'udp6')
async def repeated_cancel_is_absorbed(stage):
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(callee))
    seen = await callee.serve('INVITE', 180)
    await caller.expect(180)
    for _ in range(3):
        caller.send(cancel_for(draft))
        equal((await caller.receive(2)).method, 'CANCEL', '200')
    await callee.serve('CANCEL')
    await callee.hears_nothing()
    callee.reply(seen, 487)
    await caller.final(draft)


@check()
async def cancel_waits_for_a_provisional(stage):
    """RFC 3261 9.1: no CANCEL before the branch has answered at all."""
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(callee))
    seen = await callee.expect('INVITE')
    caller.send(cancel_for(draft))
    await caller.expect(200)
    await callee.hears_nothing()
    callee.reply(seen, 180)
    await callee.serve('CANCEL')
    callee.reply(seen, 487)
    equal((await caller.final(draft)).status, 487, 'answer')


@check()
async def cancel_before_provisional_then_busy(stage):
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(callee))
    seen = await callee.expect('INVITE')
    caller.send(cancel_for(draft))
    await caller.expect(200)
    callee.reply(seen, 486)
    await callee.expect('ACK')
    true((await caller.final(draft)).status in (486, 487), 'answer')
    await callee.hears_nothing()


@check()
async def ok_wins_against_cancel(stage):
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(callee))
    seen = await callee.serve('INVITE', 180)
    await caller.expect(180)
    caller.send(cancel_for(draft))
    equal((await caller.expect(200)).method, 'CANCEL', '200')
    await callee.serve('CANCEL')
    answer = callee.reply(seen, 200)
    ok = await caller.expect(200)
    equal(ok.method, 'INVITE', 'late 200')
    Dialog.of_caller(caller, draft, ok).send('ACK')
    await callee.expect('ACK')
    true(answer, 'answered')


@check()
async def cancel_after_the_final(stage):
    """No effect; 200 all the same, the transaction being known."""
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(callee))
    await callee.serve('INVITE', 486)
    await caller.final(draft)
    await callee.expect('ACK')
    caller.send(cancel_for(draft))
    if stage.transport == 'tcp':  # nothing lingers on a stream: it goes on as a CANCEL of the unknown
        await callee.serve('CANCEL', 481)
    true((await caller.expect(200, 481)).method == 'CANCEL', 'answer')
    await callee.hears_nothing()


@check()
async def cancel_after_ok(stage):
    call = await stage.call()
    call.caller.send(cancel_for(call.invite))
    true((await call.caller.expect(200, 481)).method == 'CANCEL', 'answer')
    await call.callee.hears_nothing()
    await call.hang_up()


@check()
async def cancel_of_what_is_no_invite(stage):
    """RFC 3261 9.1: useless; it must not reach the callee."""
    caller, callee = await stage.pair()
    draft = caller.send(caller.request('MESSAGE', callee))
    seen = await callee.expect('MESSAGE')
    caller.send(cancel_for(draft))
    true((await caller.expect(200, 481)).method == 'CANCEL', 'answer')
    await callee.hears_nothing()
    callee.reply(seen, 200)
    equal((await caller.expect(200)).method, 'MESSAGE', 'answer')


@check()
async def cancel_of_nothing(stage):
    """RFC 3261 9.2, 16.10: 481, or passed on statelessly; answered either way."""
    caller, callee = await stage.pair()
    draft = caller.invite(callee)
    caller.send(cancel_for(draft))
    message = await callee.receive(0.3)
    if message is not None:
        equal(message.what, 'CANCEL', 'passed on')
        callee.reply(message, 481)
    answer = await caller.expect(481, 200, 404)
    equal(answer.method, 'CANCEL', 'answer')


@check()
async def callee_refuses_the_cancel(stage):
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(callee))
    seen = await callee.serve('INVITE', 180)
    await caller.expect(180)
    caller.send(cancel_for(draft))
    await caller.expect(200)
    await callee.serve('CANCEL', 481)
    await caller.hears_nothing()
    callee.reply(seen, 486)
    true((await caller.final(draft)).status in (486, 487), 'answer')


@check('udp', script='fast')
async def cancel_is_repeated(stage):
    """A CANCEL is a transaction of its own: timer E."""
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(callee))
    await callee.serve('INVITE', 180)
    await caller.expect(180)
    caller.send(cancel_for(draft))
    times = await arrivals(callee, 'CANCEL', 1.2)
    never_early(times, [T1, 2 * T1, T2], 'CANCEL')


@check('udp', 'tcp', script='fast')
async def cancelled_callee_says_nothing(stage):
    """RFC 3261 9.1: the INVITE ends although no 487 comes: after 64 T1, or by fr_inv_timer."""
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(callee))
    await callee.serve('INVITE', 180)
    await caller.expect(180)
    caller.send(cancel_for(draft))
    await caller.expect(200)
    await callee.serve('CANCEL')
    true((await caller.final(draft, 64 * T1 + LATE)).status in (408, 487), 'answer')


@check()
async def cancel_of_another_branch(stage):
    """A CANCEL matches by its branch."""
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(callee))
    seen = await callee.serve('INVITE', 180)
    await caller.expect(180)
    other = cancel_for(draft).set('Via', caller.via())
    caller.send(other)
    message = await callee.receive(0.3)
    if message is not None:
        true(message.branch != seen.branch, 'the INVITE is not cancelled')
        callee.reply(message, 481)
    await caller.expect(200, 481)
    callee.reply(seen, 486)
    equal((await caller.final(draft)).status, 486, 'answer')


# ---- clients of RFC 2543 ----


def of_old(caller, draft, branch=None):
    parameter = f';branch={branch}' if branch else ''
    return draft.set('Via', f'SIP/2.0/{caller.transport.upper()} {caller.sent_by}{parameter}')


@check('udp', 'udp6')
async def old_client_repeats_its_invite(stage):
    """RFC 3261 17.2.3 for branches without the cookie."""
    for branch in (None, '1', 'z9hG4b', 'abc.def'):
        caller, callee = await stage.pair()
        draft = caller.send(of_old(caller, caller.invite(callee), branch))
        seen = await callee.expect('INVITE')
        true(seen.branch.startswith('z9hG4bK'), 'our branch')
        caller.send(draft)
        await callee.hears_nothing(0.1)
        callee.reply(seen, 486)
        await caller.final(draft)
        await callee.expect('ACK')
        await callee.hears_nothing(0.1)


@check()
async def old_client_cancels(stage):
    for branch in (None, '2'):
        caller, callee = await stage.pair()
        draft = caller.send(of_old(caller, caller.invite(callee), branch))
        seen = await callee.serve('INVITE', 180)
        await caller.expect(180)
        caller.send(cancel_for(draft))
        await caller.expect(200)
        await callee.serve('CANCEL')
        callee.reply(seen, 487)
        equal((await caller.final(draft)).status, 487, 'answer')


@check('udp', 'udp6')
async def old_client_makes_two_calls(stage):
    """The same trivial branch in two calls: two transactions."""
    caller, callee = await stage.pair()
    drafts = [caller.send(of_old(caller, caller.request('MESSAGE', callee), '1')) for _ in range(2)]
    for draft in drafts:
        await callee.serve('MESSAGE')
    for draft in drafts:
        await caller.expect(200)


@check('udp', 'udp6')
async def branch_of_the_cookie_alone(stage):
    caller, callee = await stage.pair()
    draft = caller.request('MESSAGE', callee)
    draft.set('Via', f'SIP/2.0/UDP {caller.sent_by};branch=z9hG4bK')
    caller.send(draft)
    await callee.serve('MESSAGE')
    await caller.expect(200)


@check()
async def same_branch_from_two_clients(stage):
    """RFC 3261 17.2.3: sent-by counts too."""
    callee = await stage.registered()
    branch = new_branch()
    callers = [await stage.peer() for _ in range(2)]
    for caller in callers:
        caller.send(caller.request('MESSAGE', callee).set('Via', caller.via(branch)))
        await callee.serve('MESSAGE')
        await caller.expect(200)


@check()
async def branches_are_our_own(stage):
    """Each forwarded request has a branch that never was; retransmissions have the same."""
    caller, callee = await stage.pair()
    branches = set()
    for _ in range(10):
        caller.send(caller.request('MESSAGE', callee))
        branches.add((await callee.serve('MESSAGE')).branch)
        await caller.expect(200)
    equal(len(branches), 10, 'branches')


@check('udp', script='fast')
async def repetitions_are_the_same_bytes(stage):
    caller, callee = await stage.pair()
    caller.send(caller.invite(callee))
    copies = [await callee.receive() for _ in range(3)]
    equal(len({copy.data for copy in copies}), 1, 'texts')


@check('udp', 'udp6')
async def intervals_without_a_word_of_the_script(stage):
    """T1 is 500 ms: INVITE after 0.5 and 1 s more, others the same."""
    caller, callee = await stage.pair()
    draft = caller.send(caller.invite(callee))
    never_early(await arrivals(callee, 'INVITE', 2.2), [0.5, 1.0], 'timer A')
    caller.send(cancel_for(draft))
    caller.send(caller.request('MESSAGE', callee))
    never_early(await arrivals(callee, 'MESSAGE', 2.2), [0.5, 1.0], 'timer E')
