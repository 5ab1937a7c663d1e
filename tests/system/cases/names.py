# SPDX-License-Identifier: Apache-2.0
"""Names over real sockets: what is found, what is remembered, and that nobody waits for a dead name server."""
import random
import time

from rig.case import case, equal, true, within
from rig.dns import NameServer, a, cname, naptr, srv

NAME_SERVER = 53
OUTSIDE = 'if ($rd =~ "test$") { t_relay(); exit; }'


def resolving_server(rig, name_server, more=''):
    """The automatic configuration, which also relays to names below .test; one worker, so one memory of names."""
    script = rig.script('automatic').read_text().replace('\tt_check_trans();\n', f'\tt_check_trans();\n\t{OUTSIDE}\n', 1)
    true(OUTSIDE in script, 'the script relays to names')
    return rig.server(script, '-n', '1', before=f'dns_servers = "{name_server.text}"\n{more}')


def name_server(rig):
    return rig.keep(NameServer(rig.host(NAME_SERVER)))


def message_times(caller, callee, count):
    """How long MESSAGEs of one to the other take, in milliseconds, sorted."""
    times = []
    for _ in range(count):
        caller.new_call()
        started = time.monotonic()
        caller.send(caller.request('MESSAGE', callee.aor))
        callee.reply(callee.expect('MESSAGE'), 200)
        equal(caller.final('MESSAGE').status, 200, 'MESSAGE')
        times.append((time.monotonic() - started) * 1000)
    return sorted(times)


@case(alone=True)
def dead_name_server(rig):
    """With a name server that never answers, registered phones talk at p99 < 50 ms; recovery is quick."""
    dns = name_server(rig)
    dns.is_silent = True
    server = resolving_server(rig, dns)
    caller, callee, stranger = rig.phone(11), rig.phone(12, 'bob'), rig.phone(13, 'carol')
    for phone in (caller, callee, stranger):
        equal(phone.register().status, 200, 'REGISTER')
    waiting = 100  # as many answers as the socket of the phone holds
    for number in range(waiting):
        stranger.new_call()
        stranger.send(stranger.request('MESSAGE', f'sip:bob@n{number}.test'))
    server.wait_for('the questions are asked', lambda stats: stats['dns.asked'] >= waiting)
    times = message_times(caller, callee, 200)
    p99 = times[len(times) * 99 // 100]
    true(p99 < 50, f'p99 is {p99:.1f} ms')
    started, answers = time.monotonic(), 0
    while answers < waiting and time.monotonic() - started < 15:
        answer = stranger.receive(8)
        answers += answer is not None and answer.status == 478
    equal(answers, waiting, 'requests to names that were answered 478')
    dns.is_silent = False
    dns.records['back.test'] = [srv(1, 1, 5060, 'host.back.test')]
    dns.records['_sip._udp.back.test'] = [srv(1, 1, 5060, 'host.back.test')]
    dns.records['host.back.test'] = [a(rig.host(12))]
    stranger.new_call()
    started = time.monotonic()
    stranger.send(stranger.request('MESSAGE', 'sip:bob@back.test'))
    callee.reply(callee.expect('MESSAGE'), 200)
    equal(stranger.final('MESSAGE').status, 200, 'after the name server is back')
    true(time.monotonic() - started < 2, 'recovered within two seconds')
    return f'p99 {p99:.1f} ms, median {times[len(times) // 2]:.1f} ms, {waiting} waiting'


@case()
def services_and_failover(rig):
    """NAPTR leads to SRV and on; who is gone is passed over the next time; culvertctl shows both lists."""
    dns = name_server(rig)
    dns.records = {
        'pool.test': [naptr(10, 10, 's', 'SIP+D2T', '_sip._tcp.pool.test'), naptr(20, 10, 's', 'SIP+D2U', '_sip._udp.pool.test')],
        '_sip._tcp.pool.test': [srv(1, 1, 5999, 'one.pool.test')],
        '_sip._udp.pool.test': [srv(1, 1, 5070, 'alias.pool.test')],
        'one.pool.test': [a(rig.host(12))],
        'alias.pool.test': [cname('two.pool.test')],
        'two.pool.test': [a(rig.host(12))],
    }  # fmt: skip
    dns.records['alias.pool.test'].append(a(rig.host(66)))  # not of the name that it is an alias of
    dns.records['_sip._udp.pool.test'] = [srv(1, 1, 5070, 'two.pool.test')]
    server = resolving_server(rig, dns)
    phone, gateway = rig.phone(11), rig.phone(12, 'gw', port=5070)
    for _ in range(2):  # TCP is refused, then known to be
        phone.new_call()
        phone.send(phone.request('OPTIONS', 'sip:pool.test'))
        gateway.reply(gateway.expect('OPTIONS'), 200)
        equal(phone.final('OPTIONS').status, 200, 'OPTIONS')
    asked = dns.questions
    equal([row['destination'] for row in server.ask('dst_blocklist.view')['destinations']], [f'tcp:{rig.host(12)}:5999'], 'failed')
    seen = {(row['name'], row['type']) for row in server.ask('dns.view')['names']}
    true(('pool.test', 'NAPTR') in seen and ('_sip._udp.pool.test', 'SRV') in seen, f'names: {seen}')
    equal(server.ask('dst_blocklist.delete_all')['forgotten'], 1, 'forgotten destinations')
    equal(server.ask('dst_blocklist.view')['destinations'], [], 'failed')
    true(server.ask('dns.delete_all')['forgotten'] >= 5, 'forgotten names')
    phone.new_call()
    phone.send(phone.request('OPTIONS', 'sip:pool.test'))
    gateway.reply(gateway.expect('OPTIONS'), 200)
    true(dns.questions > asked, 'names are asked again')


@case()
def an_answer_of_before_is_better_than_none(rig):
    """While the name server is gone, what it said goes on to be used (RFC 8767)."""
    dns = name_server(rig)
    dns.records['host.test'] = [a(rig.host(12))]
    resolving_server(rig, dns, 'dns_cache_max_ttl = 1\ndns_cache_min_ttl = 0\ndns_retr_time = 1\ndns_retr_no = 1')
    phone, host = rig.phone(11), rig.phone(12, 'host')
    equal(phone.register().status, 200, 'REGISTER')
    for silent in (False, True):
        dns.is_silent = silent
        before = dns.questions
        deadline = time.monotonic() + 10
        while dns.questions == before and time.monotonic() < deadline:  # until it is asked, again
            phone.new_call()
            phone.send(phone.request('OPTIONS', 'sip:host.test:5060'))
            host.reply(host.expect('OPTIONS'), 200)
            equal(phone.final('OPTIONS').status, 200, f'silent: {silent}')
        true(dns.questions > before, 'the name server is asked')


def spoilers():
    """What becomes of an answer on its way."""
    rand = random.Random(5)

    def change(data):
        data = bytearray(data)
        for _ in range(rand.randint(1, 6)):
            data[rand.randrange(2, len(data))] = rand.randrange(256)
        return bytes(data)

    return [
        ('cut', lambda data: data[: rand.randrange(12, len(data))]),
        ('changed', change),
        ('noise', lambda data: data[:2] + rand.randbytes(rand.randint(0, 500))),
        ('a name that leads to itself', lambda data: data[:12] + b'\xc0\x0c' + data[14:]),
        ('another question', lambda data: data[:13] + b'evil' + data[17:]),
        ('a circle of aliases', lambda data: data[:6] + b'\0\1' + data[8:] + b'\xc0\x0c\0\5\0\1\0\0\0\x3c\0\2\xc0\x0c'),
        ('many records', lambda data: data[:6] + b'\xff\xff' + data[8:] + data[-16:] * 200),
    ]  # fmt: skip


@case()
def spoilt_answers(rig):
    """Whatever the name server says, the request is answered, and the server goes on."""
    dns = name_server(rig)
    server = resolving_server(rig, dns, 'dns_retr_time = 1\ndns_retr_no = 1')
    phone = rig.phone(11)
    equal(phone.register().status, 200, 'REGISTER')
    number = 0
    for what, spoil in spoilers():
        dns.spoil = spoil
        calls = set()
        for _ in range(rig.quick_or_all(10, 100)):
            number += 1
            dns.records[f'n{number}.test'] = [a(rig.host(66))]
            phone.new_call()
            calls.add(phone.call_id)
            phone.send(phone.request('OPTIONS', f'sip:n{number}.test:5999;transport=tcp'))
        while calls:
            answer = phone.receive(20)
            true(answer is not None, f'{what}: {len(calls)} requests have no answer')
            if answer.status >= 300:
                calls.discard(answer.get('Call-ID'))
            within(answer.status, 100, 699, what)
    equal(server.is_alive(), True, 'server alive')
