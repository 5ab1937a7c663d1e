# SPDX-License-Identifier: Apache-2.0
"""Whom the server refuses to send to. A victim listens; nothing may reach it."""
import socket

from rig.call import Call
from rig.case import case, equal, matches, true
from rig.database import PASSWORD, add_account
from rig.digest import answer_challenge
from rig.sip import new_name

VICTIM = 66


def victim_sockets(rig):
    """UDP and TCP at an address that nobody registered."""
    udp = rig.keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    udp.bind((rig.host(VICTIM), 5060))
    tcp = rig.keep(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    tcp.bind((rig.host(VICTIM), 5060))
    tcp.listen()
    for one in (udp, tcp):
        one.setblocking(False)
    return udp, tcp


def nothing_reached(victims, what):
    udp, tcp = victims
    try:
        data = udp.recv(4096)
        equal(data, b'', f'{what}: a datagram reached the victim')
    except BlockingIOError:
        pass
    try:
        tcp.accept()
        true(False, f'{what}: a connection reached the victim')
    except BlockingIOError:
        pass


def attempts(rig):
    """What, Request-URI, headers."""
    here, there = rig.address, rig.host(VICTIM)
    return [
        ('foreign domain', f'sip:bob@{there}', []),
        ('foreign domain, TCP', f'sip:bob@{there};transport=tcp', []),
        ('a domain that does not exist', 'sip:bob@nowhere.invalid', []),
        ('preloaded Route', f'sip:bob@{here}', [f'Route: <sip:{there};lr>']),
        ('preloaded Route behind ours', f'sip:bob@{here}', [f'Route: <sip:{here};lr>, <sip:{there};lr>']),
        ('preloaded Route, foreign URI', f'sip:bob@{there}', [f'Route: <sip:{here};lr>']),
        ('strict Route', f'sip:{here}', [f'Route: <sip:bob@{there}>']),
        ('maddr', f'sip:bob@{here};maddr={there}', []),
        ('received', f'sip:bob@{here};received=sip:{there}', []),
        ('number as address', f"sip:bob@{int.from_bytes(socket.inet_aton(there), 'big')}", []),
        ('mapped address', f'sip:bob@[::ffff:{there}]', []),
        ('zero as address', 'sip:bob@0', []),
        ('mapped loopback', 'sip:bob@[::ffff:127.0.0.1]', []),
        ('telephone number', 'tel:+1234567', []),
        ('X-headers', f'sip:bob@{here}', [f'X-Forward: <sip:{there}>', f'P-hint: {there}']),
    ]


METHODS = ['INVITE', 'MESSAGE', 'OPTIONS', 'SUBSCRIBE', 'NOTIFY', 'REFER', 'INFO', 'UPDATE', 'PUBLISH', 'FROB']


@case()
def from_strangers(rig):
    """culvert.cfg: no method with any trick of Request-URI or Route is relayed for a stranger."""
    rig.server('culvert', before='limit_answers = no')  # one stranger asks them all, and none twice
    victims = victim_sockets(rig)
    phone = rig.phone(11, 'stranger')
    for what, uri, headers in attempts(rig):
        for method in METHODS:
            phone.new_call()
            status = phone.ask(method, uri, headers=headers).status
            is_for_us = method == 'OPTIONS' and uri == f'sip:{rig.address}'
            true(400 <= status < 500 or (is_for_us and status == 200), f'{method}, {what}: {status}')
            nothing_reached(victims, f'{method}, {what}')


@case()
def with_a_tag_of_nothing(rig):
    """A To-tag alone makes no dialog: such requests are answered, not relayed, with any Route."""
    rig.server('culvert')
    victims = victim_sockets(rig)
    phone = rig.phone(11, 'stranger')
    for what, uri, headers in attempts(rig):
        for method in ('INVITE', 'BYE', 'MESSAGE', 'UPDATE'):
            phone.new_call()
            status = phone.ask(method, uri, headers=headers, to_tag=new_name()).status
            true(400 <= status < 500, f'{method}, {what}: {status}')
            nothing_reached(victims, f'{method}, {what}')
        phone.send(phone.request('ACK', uri, headers=headers, to_tag=new_name()))
        equal(phone.is_silent(0.05), True, f'ACK, {what}: no answer')
        nothing_reached(victims, f'ACK, {what}')


@case()
def tag_of_nothing_to_a_registered_phone(rig):
    """INVITE with a random To-tag for a registered phone: 4xx, and the phone hears nothing."""
    for config in ('automatic', 'culvert', 'openser'):
        server = rig.server(config, after='modparam("auth_db", "demo_accounts", 0)\n' if config == 'culvert' else '')
        callee, stranger = rig.phone(12, 'bob'), rig.phone(11, 'stranger')
        if config == 'automatic':
            callee.register()
        status = stranger.ask('INVITE', callee.aor, to_tag=new_name()).status
        true(status in (404, 481), f'{config}: {status}')
        equal(callee.is_silent(), True, f'{config}: the callee')
        for thing in (server, callee, stranger):
            thing.close()


@case()
def forged_token(rig):
    """A Record-Route token with any character changed, cut or missing leads nowhere."""
    rig.server()
    caller, callee = rig.phone(11), rig.phone(12, 'bob')
    callee.register()
    call = Call(rig, caller, callee).set_up()
    genuine = call.answer.get('Record-Route')
    token = matches(genuine, r'<sip:([^@>]+)@', 'token')[1]
    altered = [token[:i] + ('A' if token[i] != 'A' else 'B') + token[i + 1 :] for i in range(0, len(token), rig.quick_or_all(5, 1))]
    altered += [token[:-1], token + 'A', token[1:], token[::-1]]
    victims = victim_sockets(rig)
    stranger = rig.phone(13, 'stranger')
    for forged in altered:
        contact = f'sip:bob@{rig.host(VICTIM)}'
        headers = [f'Route: {genuine.replace(token, forged)}']
        stranger.new_call()
        stranger.send(stranger.request('BYE', contact, headers=headers, to_tag=new_name()))
        answer = stranger.final('BYE')
        true(answer.status in (403, 404, 481), f'{forged}: {answer.status}')
        equal(callee.is_silent(0.01), True, f'{forged}: the callee')
    nothing_reached(victims, 'forged tokens')
    call.talk()
    call.hang_up()


@case()
def token_of_another_server(rig):
    """A token signed with another key is foreign."""
    first = rig.server()
    caller, callee = rig.phone(11), rig.phone(12, 'bob')
    callee.register()
    call = Call(rig, caller, callee).set_up()
    bye = caller.within('BYE', call.answer)
    first.stop()
    first.close()
    (rig.folder / 'culvert.secret').unlink()
    rig.server()
    callee.register()
    caller.send(bye)
    true(caller.final('BYE').status in (403, 404, 481), 'BYE')
    equal(callee.is_silent(), True, 'the callee')


@case()
def calls_survive_a_restart(rig):
    """The key is kept: a BYE sent after a restart of the server still reaches the other side."""
    first = rig.server()
    caller, callee = rig.phone(11), rig.phone(12, 'bob')
    callee.register()
    call = Call(rig, caller, callee).set_up()
    first.stop()
    first.close()
    rig.server()
    call.hang_up()


@case()
def contact_of_a_victim(rig):
    """Whoever registers the address of somebody else gets the calls himself: flows count, not words."""
    rig.server()
    victims = victim_sockets(rig)
    caller, liar = rig.phone(11), rig.phone(12, 'bob')
    answer = liar.register(headers=[f'Contact: <sip:bob@{rig.host(VICTIM)}:5060>'])
    equal(answer.status, 200, 'REGISTER')
    caller.send(caller.request('INVITE', liar.aor))
    liar.reply(liar.expect('INVITE'), 486, 'Busy Here')
    equal(caller.final('INVITE').status, 486, 'answer')
    nothing_reached(victims, 'INVITE')


@case()
def foreign_via(rig):
    """Answers go to where the packet came from, whatever Via says."""
    rig.server()
    victims = victim_sockets(rig)
    phone = rig.phone(11)
    for parameters in ('', ';rport', f';received={rig.host(VICTIM)}', f';maddr={rig.host(VICTIM)}'):
        via = f'SIP/2.0/UDP {rig.host(VICTIM)}:5060;branch=z9hG4bK{new_name()}{parameters}'
        phone.send(phone.request('OPTIONS', f'sip:x@{rig.address}', via=via))
        equal(phone.final('OPTIONS').status, 404, f'answer to Via with {parameters!r}')
        nothing_reached(victims, f'Via with {parameters!r}')


@case()
def loops_end(rig):
    """Max-Forwards 0 is answered 483; a request that comes back to us does not run on."""
    server = rig.server()
    phone = rig.phone(11)
    phone.send(phone.request('OPTIONS', f'sip:x@{rig.address}').replace('Max-Forwards: 70', 'Max-Forwards: 0'))
    equal(phone.final().status, 483, 'Max-Forwards: 0')
    for user in ('bob', 'carol'):  # each claims that the other one's address at this server is his
        other = {'bob': 'carol', 'carol': 'bob'}[user]
        one = rig.phone(12, user, port=0)
        one.register(headers=[f'Contact: <sip:{other}@{rig.address}:5060>'])
        one.close()
    phone.new_call()
    phone.send(phone.request('MESSAGE', f'sip:bob@{rig.address}'))
    server.wait_for('the request is handled', lambda stats: stats['core.requests'] >= 4)
    true(server.stats()['core.requests'] < 500, 'requests')


@case()
def no_amplifier(rig):
    """A stranger gets back less than twice what he has sent, once."""
    rig.server('culvert', before='limit_answers = no')  # each answer by itself; strangers.reflection has the sum
    phone = rig.phone(11, 'stranger')
    for method in ('REGISTER', 'OPTIONS', 'MESSAGE', 'SUBSCRIBE', 'BYE'):
        sent = received = 0
        for _ in range(20):
            phone.new_call()
            text = phone.request(method, f'sip:{rig.address}')
            phone.send(text)
            sent += len(text)
            received += len(phone.final(method).text)
        true(received <= 2 * sent, f'{method}: {received} bytes for {sent}')
    equal(phone.is_silent(1.2), True, 'no answer is repeated')


@case()
def who_may_speak_for_whom(rig):
    """culvert.cfg: credentials of alice are no use to register bob."""
    server = rig.server('culvert', after='modparam("auth_db", "demo_accounts", 0)\n')
    for user in ('alice', 'bob'):
        add_account(rig.folder / 'culvert.db', user, rig.address)
    phone = rig.phone(11, 'alice')
    equal(register_as(phone, 'alice').status, 200, 'alice for alice')
    phone.aor = f'sip:bob@{rig.address}'
    equal(register_as(phone, 'alice').status in (401, 403), True, 'alice for bob')
    bindings = server.ask('bindings')['bindings']
    equal([binding['aor'].partition('@')[0] for binding in bindings], ['alice'], 'bindings')


def register_as(phone, user):
    """With the credentials of a user, whoever the address-of-record belongs to."""
    phone.new_call()
    challenge = phone.register()
    uri = f'sip:{phone.domain}'
    return phone.register(headers=[answer_challenge(challenge, 'REGISTER', uri, user, PASSWORD)])
