# SPDX-License-Identifier: Apache-2.0
"""Phones by SIPp: registrations and calls through the configurations that we ship."""
from rig.answering import Answering
from rig.call import Call, is_idle
from rig.case import Skip, case, equal, true
from rig.database import add_account, credentials
from rig.rig import free_port
from rig.sip import Phone
from rig.sipp import Sipp
from rig.wait import wait_until
from cases.listen import has_ipv6

CALLER, CALLEE = 11, 12
SHORT_TIMERS = 'modparam("tm", "T1_timer", 100)\n'  # transactions end after 6.4 s instead of 32


def no_transactions(stats):
    return not stats['txn.servers'] and not stats['txn.clients']


def register_callee(rig, host, server):
    """Registers bob from where SIPp will answer: the binding is the flow."""
    phone = Phone('bob', (host, 5060), server)
    try:
        equal(phone.register(3600).status, 200, 'REGISTER of the callee')
    finally:
        phone.close()


def start_callee(rig, host, server, kind=''):
    """Answers until the case ends: how many calls there were, the caller counts."""
    return Sipp(rig, 'callee' + kind, (host, 5060), server).wait_until_open()


def run_calls(rig, server, calls, rate, transport='udp', hold=100, kind=''):
    """SIPp calls SIPp through the server; no call may fail."""
    answering = start_callee(rig, rig.host(CALLEE), server, kind)
    calling = Sipp(
        rig, 'caller' + kind, (rig.host(CALLER), 5060), server, ('alice', rig.address), transport,
        ['-s', 'bob', '-m', calls, '-r', rate, '-l', 3000, '-d', hold],
    )  # fmt: skip
    calling.finish(calls / rate + 60)
    answering.close()


@case()
def over_udp(rig):
    """SIPp calls SIPp over UDP; afterwards nothing is left."""
    server = rig.server(after=SHORT_TIMERS)
    address = (rig.address, 5060)
    register_callee(rig, rig.host(CALLEE), address)
    run_calls(rig, address, 100, 50)
    stats = server.wait_for('no media left', is_idle)
    equal(stats['media.sessions_total'], 100, 'media sessions')
    server.wait_for('no transaction left', no_transactions, 20)


@case()
def with_prack_and_update(rig):
    """Offer and answer in reliable 183, PRACK and UPDATE: SIPp checks that each names the relay."""
    server = rig.server(after=SHORT_TIMERS)
    address = (rig.address, 5060)
    register_callee(rig, rig.host(CALLEE), address)
    run_calls(rig, address, 50, 50, kind='-prack')
    stats = server.wait_for('no media left', is_idle)
    equal(stats['media.sessions_total'], 50, 'media sessions')
    server.wait_for('no transaction left', no_transactions, 20)


@case()
def over_tcp(rig):
    """Calls from one TCP connection to a phone on another."""
    server = rig.server()
    callee = Answering(rig.phone(CALLEE, 'bob', 'tcp'))
    rig.keep(callee)
    equal(callee.register().status, 200, 'REGISTER')
    callee.start()
    address = (rig.address, 5060)
    calling = Sipp(
        rig, 'caller', (rig.host(CALLER), 5060), address, ('alice', rig.address), 'tcp',
        ['-s', 'bob', '-m', 100, '-r', 50, '-d', 100],
    )  # fmt: skip
    calling.finish(60)
    server.wait_for('no media left', is_idle)
    equal(callee.count('BYE'), 100, 'calls ended at the callee')


@case()
def from_tcp_to_udp(rig):
    """The caller is on TCP, the callee on UDP."""
    server = rig.server()
    register_callee(rig, rig.host(CALLEE), (rig.address, 5060))
    run_calls(rig, (rig.address, 5060), 50, 50, 'tcp')
    server.wait_for('no media left', is_idle)


@case()
def over_ipv6(rig):
    """The same over IPv6, with UDP and TCP."""
    if not has_ipv6():
        raise Skip('no IPv6')
    address = ('::1', free_port())
    server = rig.server(before='media_ports="44000-44999"', listen=[f'[::1]:{address[1]}'])
    for transport in ('udp', 'tcp'):
        phone = rig.keep(Phone('bob', ('::1', 0), address, transport))
        callee = rig.keep(Answering(phone))
        equal(callee.register().status, 200, 'REGISTER')
        callee.start()
        calling = Sipp(
            rig, 'caller', ('::1', free_port()), address, ('alice', f'[::1]:{address[1]}'), transport,
            ['-s', 'bob', '-m', 50, '-r', 50, '-d', 100],
        )  # fmt: skip
        calling.finish(60)
        server.wait_for('no media left', is_idle)
        callee.close()
        equal(phone.register(0).status, 200, 'REGISTER that removes the binding')


def provisioned_server(rig, config, **more):
    """The server makes its tables at its first start; the accounts are there at the second."""
    rig.server(config, **more).stop()
    for user in ('alice', 'bob'):
        add_account(rig.folder / 'culvert.db', user, rig.address)
    return rig.server(config, **more)


def register_with_password(rig, user, host):
    fields = (user, rig.address, credentials(user))
    Sipp(rig, 'register', (host, 5060), (rig.address, 5060), fields, switches=['-m', 1]).finish(20)


@case()
def of_old_scripts(rig):
    """openser-mediaproxy.cfg: registration with a password, then calls; unknown users are refused."""
    server = provisioned_server(rig, 'openser', after=SHORT_TIMERS)
    register_with_password(rig, 'bob', rig.host(CALLEE))
    equal(len(server.ask('bindings')['bindings']), 1, 'bindings')
    run_calls(rig, (rig.address, 5060), 100, 50)
    stats = server.wait_for('no media left', is_idle)
    equal(stats['media.sessions_total'], 100, 'media sessions')
    server.wait_for('no transaction left', no_transactions, 20)
    phone = rig.phone(13, 'carol')
    equal(phone.register().status, 401, 'REGISTER without a password')
    phone.domain, phone.aor = 'example.org', 'sip:carol@example.org'
    equal(phone.register().status, 403, 'REGISTER for a foreign domain')


@case()
def of_the_default_configuration(rig):
    """culvert.cfg: every caller proves who he is."""
    server = provisioned_server(rig, 'culvert', after='modparam("auth_db", "demo_accounts", 0)\n')
    register_with_password(rig, 'bob', rig.host(CALLEE))
    start_callee(rig, rig.host(CALLEE), (rig.address, 5060))
    calling = Sipp(
        rig, 'caller-password', (rig.host(CALLER), 5060), (rig.address, 5060), ('alice', rig.address, credentials('alice')),
        switches=['-s', 'bob', '-m', 50, '-r', 25, '-d', 100],
    )  # fmt: skip
    calling.finish(60)
    server.wait_for('no media left', is_idle)
    phone = rig.phone(13, 'alice')
    equal(phone.ask('INVITE', f'sip:bob@{rig.address}').status, 407, 'INVITE without a password')


@case()
def heard_both_ways(rig):
    """Media crosses the relay both ways, and is counted; strangers are not heard."""
    server = rig.server()
    caller, callee = rig.phone(CALLER), rig.phone(CALLEE, 'bob')
    callee.register()
    call = Call(rig, caller, callee).set_up()
    for address, _ in call.relay_addresses():
        equal(address, rig.address, 'media address')
    call.talk()
    stats = server.wait_for('packets', lambda stats: stats['media.packets'] >= 10)
    equal((stats['media.sessions'], stats['media.ports_used'], stats['media.strangers']), (1, 4, 0), 'sessions, ports, strangers')
    call.hang_up()
    server.wait_for('no media left', is_idle)


@case('quick', alone=True)
def many(rig):
    """500 calls (10,000 in a full run, 300/s): none fails; ports, transactions and memory come back."""
    calls, rate = rig.quick_or_all((500, 150), (10000, 300))
    server = rig.server(after=rig.quick_or_all(SHORT_TIMERS, ''))
    address = (rig.address, 5060)
    register_callee(rig, rig.host(CALLEE), address)
    run_calls(rig, address, calls, rate)  # memory grows to what the rate needs
    before = idle_stats(server)
    run_calls(rig, address, calls, rate)
    after = idle_stats(server)
    grown = after['rss'] - before['rss']
    true(grown < 10 << 20, f'resident memory grew by {grown} bytes')
    wait_until('no descriptor more than before', lambda: server.descriptors() <= before['descriptors'])
    equal(after['txn.bytes'], before['txn.bytes'], 'bytes of transactions')
    for name in ('core.dropped', 'core.malformed', 'media.exhausted', 'net.datagrams_lost', 'core.unmatched_responses'):
        equal(after[name], 0, name)


def idle_stats(server):
    server.wait_for('no media left', is_idle)
    stats = server.wait_for('no transaction left', no_transactions, 60)
    return {**stats, 'rss': server.rss_bytes(), 'descriptors': server.descriptors()}
