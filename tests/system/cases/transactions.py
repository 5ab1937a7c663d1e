# SPDX-License-Identifier: Apache-2.0
"""Management of transactions: commands find the worker that a call lives on."""
from rig.call import Call
from rig.case import case, equal, matches, true

FAST = 'modparam("tm", "T1_timer", 100)\n'


def ringing(rig):
    """A server of four workers, and a call that rings in it."""
    server = rig.server('automatic', '-n', '4', after=FAST)
    alice, bob = rig.phone(11), rig.phone(12, 'bob')
    bob.register()
    call = Call(rig, alice, bob)
    call.invite()
    bob.reply(bob.expect('INVITE'), 180, 'Ringing')
    while alice.receive().status < 180:
        pass
    return server, alice, bob


def find(server, call_id):
    return [one for one in server.ask('tm.list')['transactions'] if one['callid'] == call_id]


def refused(server, method, *params):
    """The message of a command that must fail."""
    try:
        server.ask(method, *params)
    except RuntimeError as error:
        return str(error)
    return 'no error'


@case()
def a_call_is_listed_and_cancelled(rig):
    """tm.list names it; tm.cancel ends it as its caller would."""
    server, alice, bob = ringing(rig)
    found = find(server, alice.call_id)
    equal([(one['method'], one['outgoings'], one['running']) for one in found], [('INVITE', 1, 1)], 'tm.list')
    equal(sum(one['current'] for one in server.ask('tm.hash_stats')['workers']), len(server.ask('tm.list')['transactions']), 'tm.hash_stats')
    server.ask('tm.cancel', alice.call_id, str(alice.cseq))
    cancel = bob.expect('CANCEL')
    bob.reply(cancel, 200)
    equal(alice.call_id, cancel.get('Call-ID'), 'whose CANCEL')
    matches(refused(server, 'tm.cancel', 'nobody', '1'), 'no such transaction', 'a call that is not there')
    matches(refused(server, 'tm.cancel', alice.call_id, 'x'), 'no CSeq number', 'a CSeq that is none')


@case()
def a_call_is_answered_from_outside(rig):
    """tm.reply takes the name from tm.list, tm.reply_callid the Call-ID; the phone is told to stop."""
    server, alice, bob = ringing(rig)
    name = '{tindex}:{tlabel}'.format(**find(server, alice.call_id)[0])
    server.ask('tm.reply', '183', 'Wait', name, '.', 'X-From: outside\r\n')
    wait = alice.receive()
    equal((wait.status, wait.get('X-From')), (183, 'outside'), 'a provisional answer')
    server.ask('tm.reply_callid', '480', 'Not now', alice.call_id, str(alice.cseq), '.', '.')
    equal(alice.final('INVITE').status, 480, 'the answer')
    bob.reply(bob.expect('CANCEL'), 200)
    matches(refused(server, 'tm.reply', '200', 'OK', '99:1', '.', '.'), 'worker 99', 'a worker that is not there')
    matches(refused(server, 'tm.reply', '200', 'OK', 'x', '.', '.'), 'index:label', 'no name')
    true(server.ask('tm.stats')['4xx'] >= 1, 'tm.stats counts it')
