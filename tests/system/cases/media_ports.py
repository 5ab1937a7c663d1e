# SPDX-License-Identifier: Apache-2.0
"""Media ports that run out, and descriptions that cannot be read."""
from rig.call import Call, is_idle
from rig.case import case, equal, true
from rig.sip import sdp


def range_for(calls):
    """A call takes two pairs: one for each side."""
    return f'media_ports="46000-{46000 + 4 * calls - 1}"'


@case()
def room_for_one_call(rig):
    """The second call is refused with 503, the first is heard on, and its ports are free afterwards."""
    server = rig.server(before=range_for(1))
    equal(server.stats()['media.ports_total'], 4, 'ports')
    caller, callee, third = rig.phone(11), rig.phone(12, 'bob'), rig.phone(13, 'carol')
    callee.register()
    first = Call(rig, caller, callee).set_up()
    second = Call(rig, third, callee)
    second.invite()
    equal(third.final('INVITE').status, 503, 'answer to the second')
    equal(callee.is_silent(), True, 'the callee hears nothing of the second')
    first.talk()
    equal(server.stats()['media.sessions'], 1, 'sessions')
    first.hang_up()
    stats = server.wait_for('no media left', is_idle)
    true(stats['core.media_exhausted'] + stats['media.exhausted'] > 0, 'the refusal is counted')


@case()
def free_again_after_a_rest(rig):
    """Ports that became free serve the next call, and before their rest of 5 s is over when there are no others."""
    server = rig.server(before=range_for(1))
    caller, callee = rig.phone(11), rig.phone(12, 'bob')
    callee.register()
    call = Call(rig, caller, callee).set_up()
    call.hang_up()
    server.wait_for('no media left', is_idle)
    server.wait_for('a call goes through', lambda stats: can_call(rig, callee), 4)


def can_call(rig, callee):
    caller = rig.phone(14, 'dave', port=0)
    Call(rig, caller, callee).invite()
    answer = caller.receive()
    while answer and answer.status < 200 and answer.status != 100:
        answer = caller.receive()
    if answer.status == 100:
        answer = callee.receive(0.2) or caller.receive()
    if not answer.is_request:
        return False
    callee.reply(answer, 486, 'Busy Here')
    equal(caller.final('INVITE').status, 486, 'answer')
    return True


@case()
def of_every_end(rig):
    """Refused, cancelled, unanswered and mixed-up calls leave no port behind."""
    server = rig.server(after='modparam("tm", "fr_inv_timer", 1500)\nmodparam("tm", "T1_timer", 50)\n')
    caller, callee = rig.phone(11), rig.phone(12, 'bob')
    callee.register()

    def ring():
        call = Call(rig, caller, callee)
        text = caller_invite(call)
        invite = callee.expect('INVITE')
        callee.reply(invite, 180, 'Ringing')
        equal(server.stats()['media.sessions'], 1, 'sessions while it rings')
        return text, invite

    _, invite = ring()
    callee.reply(invite, 486, 'Busy Here')
    equal(caller.final('INVITE').status, 486, 'refused')
    server.wait_for('no media left of a refused call', is_idle)

    text, invite = ring()
    caller.send(cancel_of(text))
    callee.reply(callee.expect('CANCEL'), 200)
    callee.reply(invite, 487, 'Request Terminated')
    equal(caller.final('INVITE').status, 487, 'cancelled')
    server.wait_for('no media left of a cancelled call', is_idle)

    ring()
    equal(caller.final('INVITE', 10).status, 408, 'unanswered')
    server.wait_for('no media left of an unanswered call', is_idle)


def caller_invite(call):
    call.caller.new_call()
    text = call.caller.request('INVITE', call.callee.aor, body=sdp(call.caller.own[0], 40000))
    call.caller.send(text)
    return text


def cancel_of(invite):
    """The CANCEL of an INVITE: the same but for the method and the body."""
    head = invite.partition('\r\n\r\n')[0].replace('INVITE sip', 'CANCEL sip', 1).replace(' INVITE\r\n', ' CANCEL\r\n')
    kept = [line for line in head.split('\r\n') if not line.startswith(('Content-', 'Contact:'))]
    return '\r\n'.join([*kept, 'Content-Length: 0', '', ''])


HEAD = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n'
BAD = [
    'nonsense',
    '\0' * 100,
    HEAD + 'm=audio 99999 RTP/AVP 0\r\n',
    HEAD + 'm=audio x RTP/AVP 0\r\n',
    HEAD + 'm=audio\r\n',
    HEAD + 'm=audio 4000 RTP/AVP 0\r\n' * 300,
    HEAD + 'a=x\r\n' * 6000,
]


@case()
def unreadable_descriptions(rig):
    """automatic.cfg answers 488 to an offer that it cannot read; the callee hears nothing of it."""
    server = rig.server()
    caller, callee = rig.phone(11), rig.phone(12, 'bob')
    callee.register()
    for body in BAD:
        caller.new_call()
        caller.send(caller.request('INVITE', callee.aor, body=body))
        equal(caller.final('INVITE').status, 488, f'answer to {body[:60]!r}')
        heard = callee.receive(0.05)
        equal(heard and heard.text, None, f'the callee, of {body[:60]!r}')
    equal(is_idle(server.stats()), True, 'no media')


@case()
def no_media_to_ourselves(rig):
    """A description that names the server's own SIP port gets no media sent there (ROUTE-3)."""
    server = rig.server()
    caller, callee = rig.phone(11), rig.phone(12, 'bob')
    callee.register()
    caller.send(caller.request('INVITE', callee.aor, body=sdp(rig.address, 5060)))
    call = Call(rig, caller, callee)
    call.offer_seen = callee.expect('INVITE')
    callee.reply(call.offer_seen, 200, body=sdp(*call.media[1].getsockname()))
    call.answer = caller.final('INVITE')
    caller.send(caller.within('ACK', call.answer))
    callee.expect('ACK')
    before = server.stats()['net.datagrams_in']
    for _ in range(50):
        call.media[1].sendto(b'\x80\0' + bytes(170), call.relay_addresses()[1])
    server.wait_for('the packets are handled', lambda stats: stats['media.packets'] + stats['media.unsendable'] >= 50)
    equal(server.stats()['net.datagrams_in'], before, 'datagrams at the SIP port')
    call.hang_up()
