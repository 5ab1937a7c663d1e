# SPDX-License-Identifier: Apache-2.0
"""Bad input on the wire: the server stays alive, counts it, and goes on with its calls."""
import random
import socket
import struct
import threading
import time

from rig.call import Call, is_idle
from rig.case import case, equal, true
from rig.rig import REPOSITORY
from rig.wait import wait_until

TORTURE = REPOSITORY / 'tests' / 'torture'
VERDICTS = TORTURE / 'verdicts.txt'
REFUSALS = {'400', '505'}
STUN_COOKIE = bytes.fromhex('2112a442')  # answered, and not for what reads SIP


def is_well(rig, server):
    """Alive, the same process, and it answers soon."""
    equal(server.is_alive(), True, 'server alive')
    phone = rig.phone(99, 'judge', port=0)
    started = time.monotonic()
    phone.ask('OPTIONS', f'sip:nobody@{rig.address}')
    true(time.monotonic() - started < 2, 'it answers OPTIONS soon')
    phone.close()


def torture_messages():
    return [(path.stem, path.read_bytes()) for path in sorted(TORTURE.glob('*.sip'))]


def torture_verdicts():
    """Of each file: what becomes of it as a datagram, as a stream."""
    rows = [line.split() for line in VERDICTS.read_text().splitlines() if line and not line.startswith('#')]
    return {name: (datagram, stream) for name, datagram, stream in rows}


@case()
def torture_over_udp(rig):
    """Every message of tests/torture: those that are refused are counted, none does harm."""
    server = rig.server()
    verdicts = torture_verdicts()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind((rig.host(11), 5060))
        for count, (name, data) in enumerate(torture_messages(), 1):
            malformed = server.stats()['core.malformed']
            client.sendto(data, (rig.address, 5060))
            stats = server.wait_for(name, lambda stats, count=count: stats['net.datagrams_in'] >= count)
            is_keepalive = not data.strip(b'\r\n\0') or data[4:8] == STUN_COOKIE
            if verdicts.get(name, ('', ''))[0] in REFUSALS and not is_keepalive:
                server.wait_for(
                    f'{name} counts as malformed', lambda stats, before=malformed: stats['core.malformed'] > before
                )
    is_well(rig, server)


@case()
def torture_over_tcp(rig):
    """The same, each at the start of a connection: what cannot be framed closes it."""
    server = rig.server()
    verdicts = torture_verdicts()
    for name, data in torture_messages():
        with socket.create_connection((rig.address, 5060), 5, (rig.host(11), 0)) as client:
            client.sendall(data)
            if verdicts.get(name, ('', ''))[1] == 'broken':
                equal(read_to_end(client, 5), True, f'{name}: the connection is closed')
    is_well(rig, server)
    server.wait_for('connections are gone', lambda stats: stats['net.connections'] == 0)


def read_to_end(client, seconds):
    """True when the peer closed or reset within the time."""
    client.settimeout(seconds)
    try:
        while client.recv(65536):
            pass
        return True
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def mutations(seed, count):
    """Messages cut short, with bytes changed, doubled or mixed; and plain noise."""
    rand = random.Random(seed)
    messages = [data for _, data in torture_messages()]
    for _ in range(count):
        data = bytearray(rand.choice(messages))
        kind = rand.randrange(5)
        if kind == 0:
            del data[rand.randrange(len(data)) :]
        elif kind == 1:
            for _ in range(rand.randint(1, 8)):
                data[rand.randrange(len(data))] = rand.choice(b'\0\r\n ",:;<>@[\x80\xff')
        elif kind == 2:
            start = rand.randrange(len(data))
            data[start:start] = data[start : start + rand.randint(1, 200)] * rand.randint(1, 20)
        elif kind == 3:
            data[rand.randrange(len(data)) :] = rand.choice(messages)[rand.randrange(100) :]
        else:
            data = bytearray(rand.randbytes(rand.randint(1, 1400)))
        if data:
            yield bytes(data[:60000])


@case()
def mutated_over_udp(rig):
    """Thousands of broken messages as datagrams."""
    server = rig.server()
    count = rig.quick_or_all(3000, 30000)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind((rig.host(11), 0))
        for number, data in enumerate(mutations(1, count)):
            client.sendto(data, (rig.address, 5060))
            if number % 50 == 49:  # as fast as they are read
                server.wait_for('datagrams are read', lambda stats, sent=number: stats['net.datagrams_in'] > sent - 200)
    is_well(rig, server)
    true(server.stats()['core.malformed'] > count / 10, 'malformed messages are counted')


@case()
def mutated_over_tcp(rig):
    """The same over streams, each in a few pieces."""
    server = rig.server()
    rand = random.Random(2)
    for data in mutations(3, rig.quick_or_all(300, 3000)):
        with socket.create_connection((rig.address, 5060), 5, (rig.host(11), 0)) as client:
            cut = rand.randrange(len(data))
            try:
                client.sendall(data[:cut])
                client.sendall(data[cut:])
            except ConnectionError:
                continue  # closed in the middle, and rightly so
    server.wait_for('connections are gone', lambda stats: stats['net.connections'] == 0)
    is_well(rig, server)


@case()
def cut_at_every_byte(rig):
    """An INVITE cut at each byte, as a datagram and as a stream that ends there."""
    server = rig.server()
    phone = rig.phone(11)
    message = phone.request('INVITE', f'sip:bob@{rig.address}', body='v=0\r\n').encode()
    step = rig.quick_or_all(7, 1)
    for cut in range(0, len(message), step):
        phone.socket.sendto(message[:cut], (rig.address, 5060))
        with socket.create_connection((rig.address, 5060), 5, (rig.host(11), 0)) as client:
            client.sendall(message[:cut])
    is_well(rig, server)
    server.wait_for('connections are gone', lambda stats: stats['net.connections'] == 0)


@case()
def in_any_pieces(rig):
    """Two requests on a stream: in one piece, byte by byte, cut anywhere; always two answers."""
    rig.server()
    phone = rig.phone(11, transport='tcp')

    def two():
        return (phone.request('OPTIONS', f'sip:a@{rig.address}') + '\r\n\r\n' + phone.request('OPTIONS', f'sip:b@{rig.address}')).encode()

    size = len(two())
    phone.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for cuts in [[], list(range(1, size)), *([cut] for cut in range(1, size, rig.quick_or_all(23, 1)))]:
        data = two()
        for start, end in zip([0, *cuts], [*cuts, len(data)]):
            phone.socket.sendall(data[start:end])
        equal([phone.final().status for _ in range(2)], [404, 404], f'answers when cut at {cuts[:3]}')


@case()
def one_message_a_datagram(rig):
    """What follows a message in its datagram is not another message, and is not forwarded."""
    server = rig.server()
    caller, callee = rig.phone(11), rig.phone(12, 'bob')
    callee.register()
    before = server.stats()['core.requests']
    caller.send(caller.request('MESSAGE', callee.aor) + caller.request('OPTIONS', callee.aor))
    seen = callee.expect('MESSAGE')
    equal((seen.body, 'OPTIONS' in seen.text), ('', False), 'what the callee gets')
    callee.reply(seen, 200)
    equal(caller.final('MESSAGE').status, 200, 'answer')
    equal(server.stats()['core.requests'] - before, 1, 'requests')


@case()
def huge_content_length(rig):
    """An announced giant body: refused over UDP, no memory for it over TCP."""
    server = rig.server()
    phone = rig.phone(11)
    lengths = ['2147483647', '4294967296', '99999999999999999999', '-1', '1e3', '0x10']
    for length in lengths:
        text = phone.request('OPTIONS', f'sip:x@{rig.address}').replace('Content-Length: 0', f'Content-Length: {length}')
        phone.send(text)
        equal(phone.final().status, 400, f'Content-Length: {length}')
    before = server.rss_bytes()
    clients = [rig.keep(socket.create_connection((rig.address, 5060), 5, (rig.host(11), 0))) for _ in range(100)]
    for number, client in enumerate(clients):
        text = phone.request('OPTIONS', f'sip:x@{rig.address}')
        client.sendall(text.replace('Content-Length: 0', f'Content-Length: {lengths[number % len(lengths)]}').encode())
    for client in clients:
        equal(read_to_end(client, 10), True, 'the connection is closed')
    true(server.rss_bytes() - before < 10 << 20, 'memory')
    is_well(rig, server)


@case()
def http_with_a_sip_body(rig):
    """What a browser can be made to send is no SIP: the connection is closed, nothing is processed."""
    server = rig.server()
    phone = rig.phone(11)
    body = phone.request('REGISTER', f'sip:{rig.address}', to=phone.aor)
    for first_line in ('POST / HTTP/1.1', 'GET /x HTTP/1.0', 'PUT sip:x HTTP/1.1'):
        with socket.create_connection((rig.address, 5060), 5, (rig.host(11), 0)) as client:
            head = f'{first_line}\r\nHost: {rig.address}\r\nContent-Length: {len(body)}\r\n\r\n'
            client.sendall((head + body).encode())
            equal(read_to_end(client, 5), True, f'{first_line}: closed')
    stats = server.stats()
    equal((stats['core.requests'], stats['location.bindings']), (0, 0), 'requests, bindings')
    true(stats['net.closed_broken'] >= 3, 'the counter of broken connections')


@case()
def rude_streams(rig):
    """Silent, half-closed, resetting and half-sent connections end; a slow one ends by the clock."""
    server = rig.server()
    address = (rig.address, 5060)
    text = rig.phone(11).request('OPTIONS', f'sip:x@{rig.address}').encode()
    silent, slow, half_closed, resetting = (
        rig.keep(socket.create_connection(address, 5, (rig.host(12), 0))) for _ in range(4)
    )
    slow.sendall(text[:40])
    half_closed.sendall(text)
    half_closed.shutdown(socket.SHUT_WR)
    resetting.sendall(text[:80])
    resetting.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    resetting.close()
    equal(read_to_end(half_closed, 10), True, 'half-closed: closed')
    dripping = threading.Thread(target=drip, args=(slow, text[40:]))
    dripping.start()
    equal(read_to_end(silent, 15), True, 'silent: closed')
    dripping.join()
    equal(server.wait_for('all are gone', lambda stats: not stats['net.connections'], 20)['net.closed_slow'], 2, 'slow ones')
    is_well(rig, server)


def drip(client, data):
    """A byte every half second, until the peer has enough of it."""
    client.settimeout(0.5)
    for byte in data:
        try:
            client.sendall(bytes([byte]))
            if not client.recv(1):
                return
        except TimeoutError:
            continue
        except ConnectionError:
            return


@case()
def reset_in_the_middle_of_a_call(rig):
    """A caller on TCP who is gone while it rings: nothing is left of the call, the callee can go on."""
    server = rig.server(after='modparam("tm", "T1_timer", 50)\nmodparam("tm", "fr_inv_timer", 3000)\n')
    callee = rig.phone(12, 'bob')
    callee.register()
    for _ in range(20):
        caller = rig.phone(11, transport='tcp')
        Call(rig, caller, callee).invite()
        request = callee.expect('INVITE')
        callee.reply(request, 180, 'Ringing')
        caller.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        caller.close()
    server.wait_for('no connection left', lambda stats: not stats['net.connections'])
    server.wait_for('no transaction left', lambda stats: not stats['txn.servers'] and not stats['txn.clients'], 30)
    server.wait_for('no media left', is_idle)
    is_well(rig, server)


class Flood:
    """Noise at a fixed rate, from a thread."""

    def __init__(self, source, target, rate):
        self.source, self.target, self.rate = source, target, rate
        self.sent, self.is_ending = 0, False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        noise = list(mutations(4, 2000))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind((self.source, 0))
            started = time.monotonic()
            while not self.is_ending:
                due = int((time.monotonic() - started) * self.rate)
                while self.sent < due:
                    client.sendto(noise[self.sent % len(noise)], self.target)
                    self.sent += 1
                time.sleep(0.005)  # the pace of the flood, not a wait

    def close(self):
        self.is_ending = True
        self.thread.join()


@case()
def calls_during_a_flood(rig):
    """2,000 broken datagrams a second beside calls with media: every call goes well."""
    server = rig.server()
    caller, callee = rig.phone(11), rig.phone(12, 'bob')
    callee.register()
    flood = rig.keep(Flood(rig.host(66), (rig.address, 5060), 2000))
    calls = set()
    end = time.monotonic() + rig.quick_or_all(3, 20)
    while time.monotonic() < end:
        due = flood.sent + 20  # 100 calls/s: faster, all media ports would be at rest
        wait_until('the flood goes on', lambda due=due: flood.sent > due)
        call = Call(rig, caller, callee).set_up()
        call.talk()
        call.hang_up()
        calls.add(caller.call_id)
    flood.close()
    left = {session['call_id'] for session in server.ask('media')['sessions']}  # the noise has calls too
    equal(calls & left, set(), 'media sessions left')
    stats = server.stats()
    true(stats['core.malformed'] > flood.sent / 10, f"malformed: {stats['core.malformed']} of {flood.sent}")
    is_well(rig, server)


@case()
def many_silent_connections(rig):
    """A crowd of silent connections does not keep others out, and is put out."""
    server = rig.server()
    crowd = []
    for number in range(rig.quick_or_all(300, 3000)):
        crowd.append(rig.keep(socket.create_connection((rig.address, 5060), 5, (rig.host(100 + number % 20), 0))))
    phone = rig.phone(11, transport='tcp')
    equal(phone.register().status, 200, 'REGISTER over TCP')
    server.wait_for('only the phone is left', lambda stats: stats['net.connections'] == 1, 20)
    equal(phone.register().status, 200, 'REGISTER on the same connection')
