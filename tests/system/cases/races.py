# SPDX-License-Identifier: Apache-2.0
"""What happens at the same instant: copies of a message on all workers, resets anywhere, a worker that stands still."""
import ctypes
import os
import re
import socket
import struct
import threading
import time

from rig.call import Call, is_idle
from rig.case import Failure, Skip, case, equal, true
from rig.wait import wait_until

WORKERS = 4
PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
SHORT = 'modparam("tm", "T1_timer", 50)\n'  # 64*T1 is the time that transactions take to end
SETTLE_SECONDS = 40


def send_at_once(rig, text, copies):
    """The same bytes from as many sockets, each on a thread that waits for the others."""
    barrier = threading.Barrier(copies)

    def send(client):
        barrier.wait()
        client.sendto(text.encode(), (rig.address, 5060))

    clients = []
    for number in range(copies):
        client = rig.keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        client.bind((rig.host(60 + number), 0))
        clients.append(client)
    threads = [threading.Thread(target=send, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return clients


def read_statuses(clients):
    """Of the answers that are there, or come soon."""
    statuses = []
    for client in clients:
        client.settimeout(0.05)
        try:
            while True:
                statuses.append(int(client.recv(65535).split()[1]))
        except TimeoutError:
            continue
    return statuses


def heard_before(phone, end_method, known):
    """What a phone hears until a request of this method, which is answered; repetitions of the known are passed over."""
    heard, branches = [], {message.get('Via') for message in known}
    while True:
        message = phone.receive()
        if message is None:
            raise Failure(f'no {end_method}; heard {heard}')
        if message.is_request and message.method == end_method:
            phone.reply(message, 200)
            return heard
        if message.get('Via') not in branches:
            heard.append(f'{message.method} {message.status}')


def mark(rig, phone, callee):
    """A request behind all that was sent before, on any worker: what it finds at the callee has come by then."""
    phone.new_call()
    phone.send(phone.request('INFO', callee.aor))


@case()
def copies_of_an_invite(rig):
    """An INVITE, its CANCEL, its ACK, 2 to 16 times at the same instant: one transaction, one of each at the callee."""
    server = rig.server('automatic', '-n', str(WORKERS), after=SHORT)
    caller, callee = rig.phone(11), rig.phone(12, 'bob')
    callee.register()
    for copies in [2, 4, 8, 16] * rig.quick_or_all(2, 50):
        caller.new_call()
        before = server.stats()
        invite = caller.request('INVITE', callee.aor)
        via = re.search(r'Via: (.*)', invite)[1].strip()
        send_at_once(rig, invite, copies)
        seen = callee.expect('INVITE')
        callee.reply(seen, 180, 'Ringing')
        send_at_once(rig, caller.request('CANCEL', callee.aor, via=via), copies)
        cancel = callee.expect('CANCEL')
        callee.reply(cancel, 200)
        callee.reply(seen, 487, 'Terminated')
        callee.expect('ACK')
        send_at_once(rig, caller.request('ACK', callee.aor, via=via, to_tag='x'), copies)
        mark(rig, caller, callee)
        equal(heard_before(callee, 'INFO', [seen, cancel]), [], f'more than one of something, for {copies} copies')
        stats = server.wait_for('all are read', lambda stats: stats['core.requests'] >= before['core.requests'] + 3 * copies)
        equal(stats['core.malformed'], 0, 'malformed')
    if rig.extent == 'all':
        server.wait_for('nothing is left', nothing_is_left, SETTLE_SECONDS)


@case()
def copies_of_others(rig):
    """A MESSAGE, a BYE out of place, a REGISTER, a final answer, 2 to 16 times: one forward, one answer upstream."""
    server = rig.server('automatic', '-n', str(WORKERS), after=SHORT)
    caller, callee = rig.phone(11), rig.phone(12, 'bob')
    callee.register()
    for copies in [2, 4, 8, 16] * rig.quick_or_all(2, 50):
        caller.new_call()
        clients = send_at_once(rig, caller.request('MESSAGE', callee.aor), copies)
        seen = callee.expect('MESSAGE')
        lines = [f'{name}: {value}' for name, value in seen.headers if name in ('via', 'from', 'to', 'call-id', 'cseq')]
        answer = '\r\n'.join(['SIP/2.0 200 OK', *lines, 'Content-Length: 0']) + '\r\n\r\n'
        send_at_once(rig, answer, copies)
        statuses = [status for status in read_statuses(clients) if status >= 200]
        true(1 <= len(statuses) <= copies and set(statuses) == {200}, f'answers to {copies} copies: {statuses}')
        mark(rig, caller, callee)
        equal(heard_before(callee, 'INFO', [seen]), [], f'more than one MESSAGE, for {copies} copies')
        clients = send_at_once(rig, caller.request('BYE', callee.aor, to_tag='nobody'), copies)
        true(set(read_statuses(clients)) <= {404, 481}, 'a BYE of no dialog is refused')
        phone = rig.phone(30 + copies % 16, f'u{copies}', port=0)
        register = phone.request('REGISTER', f'sip:{phone.domain}', to=phone.aor, headers=['Expires: 60'])
        clients = send_at_once(rig, register, copies)
        wait_until('the binding is there', lambda: server.stats()['location.bindings'] >= 2)
        true(200 in read_statuses(clients), 'a REGISTER is answered')
    if rig.extent == 'all':
        server.wait_for('nothing is left', nothing_is_left, SETTLE_SECONDS)


def nothing_is_left(stats):
    return not stats['txn.servers'] and not stats['txn.clients'] and is_idle(stats)


# ---- resets ----


def reset(phone):
    phone.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    phone.socket.close()


def expect_of(phone, method, call_id):
    """Past what is still repeated for calls that are over."""
    while True:
        message = phone.expect(method)
        if message.get('Call-ID') == call_id:
            return message


def play_until(rig, caller, callee, point):
    """A call over TCP up to a point."""
    call = Call(rig, caller, callee)
    if point == 'connected':
        return
    caller.new_call()
    invite = caller.request('INVITE', callee.aor, body=call._sdp(0))
    caller.send(invite[: len(invite) // 2] if point == 'half an INVITE' else invite)
    if point in ('half an INVITE', 'INVITE'):
        return
    seen = expect_of(callee, 'INVITE', caller.call_id)
    if point == 'at the callee':
        return
    callee.reply(seen, 180, 'Ringing')
    if point == 'ringing':
        caller.receive()
        return
    callee.reply(seen, 200, body=call._sdp(1))
    if point == 'answered':
        return
    answer = caller.final('INVITE')
    caller.send(caller.within('ACK', answer))
    if point == 'acknowledged':
        return
    caller.send(caller.within('BYE', answer))


POINTS = ['connected', 'half an INVITE', 'INVITE', 'at the callee', 'ringing', 'answered', 'acknowledged', 'BYE']


@case()
def resets_anywhere(rig):
    """A caller on TCP resets at each point of a call: descriptors, connections, transactions, media come back."""
    timers = SHORT + 'modparam("tm", "fr_timer", 600)\nmodparam("tm", "fr_inv_timer", 1500)\n'
    server = rig.server(after=timers, before='media_silence_timeout = 1\nmedia_setup_timeout = 3\nmedia_hold_timeout = 3\n')
    server.wait_for('started', lambda stats: True)
    base = server.descriptors()
    callee = rig.phone(12, 'bob')
    callee.register()
    for point in POINTS:
        for _ in range(rig.quick_or_all(12, 1000)):
            caller = rig.phone(11, transport='tcp')
            play_until(rig, caller, callee, point)
            reset(caller)
            rig._open.remove(caller)
        server.wait_for(f'{point}: no connection', lambda stats: not stats['net.connections'])
    server.wait_for('nothing is left', nothing_is_left, SETTLE_SECONDS)
    wait_until('descriptors are back', lambda: server.descriptors() <= base + 1)


# ---- a worker that stands still ----


def trace(request, thread):
    if ctypes.CDLL(None, use_errno=True).ptrace(request, thread, None, None):
        raise Skip(f'ptrace: {os.strerror(ctypes.get_errno())}')


@case()
def a_worker_that_stands_still(rig):
    """The watchdog tells of it, once, and that it is back."""
    server = rig.server(before='watchdog_timeout = 1\n')
    threads = [int(name) for name in os.listdir(f'/proc/{server.pid}/task')]
    names = {thread: open(f'/proc/{server.pid}/task/{thread}/comm').read().strip() for thread in threads}
    workers = [thread for thread, name in names.items() if name.startswith('worker')]
    true(workers, f'threads that are workers: {names}')
    trace(PTRACE_SEIZE, workers[0])
    trace(PTRACE_INTERRUPT, workers[0])
    server.wait_for_log('has done nothing for', 20)
    os.waitpid(workers[0], 0x40000000)  # __WALL
    trace(PTRACE_DETACH, workers[0])
    server.wait_for_log('goes on after', 20)
    equal(server.text().count('has done nothing for'), 1, 'reports')
    equal(server.stats()['core.silences'], 1, 'silences')
