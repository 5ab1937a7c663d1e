# SPDX-License-Identifier: Apache-2.0
"""Where the server listens, and what it calls itself."""
import socket

from rig.call import Call
from rig.case import Skip, case, equal, lacks, matches, true
from rig.rig import free_port
from rig.sip import sdp_target


def names(server):
    return {listener['name'] for listener in server.ask('listeners')['listeners']}


@case()
def several_addresses(rig):
    """Each -l is served, and nothing else; a transport in front limits it."""
    other = rig.host(2)
    server = rig.server(listen=[f'{rig.address}:5060', f'udp:{other}:5070', f'tcp:{other}:5080'])
    wanted = {f'udp:{rig.address}:5060', f'tcp:{rig.address}:5060', f'udp:{other}:5070', f'tcp:{other}:5080'}
    equal(names(server), wanted, 'listeners')
    rows = [('udp', rig.address, 5060), ('tcp', rig.address, 5060), ('udp', other, 5070), ('tcp', other, 5080)]
    for number, (transport, address, port) in enumerate(rows):
        phone = rig.phone(11 + number, transport=transport, server=(address, port))
        equal(phone.register().status, 200, f'REGISTER at {transport}:{address}:{port}')


@case()
def listen_in_the_script(rig):
    """listen= in the script is used; -l on the command line replaces it; without proto UDP and TCP."""
    before = f'listen=udp:{rig.address}:5061\nlisten={rig.address}:5062'
    server = rig.server(before=before, listen=[])
    equal(names(server), {f'udp:{rig.address}:5061', f'udp:{rig.address}:5062', f'tcp:{rig.address}:5062'}, 'listeners')
    server.stop()
    equal(names(rig.server(before=before)), {f'udp:{rig.address}:5060', f'tcp:{rig.address}:5060'}, 'with -l')


@case()
def port_and_no_tcp(rig):
    """port= is for addresses without one; -T leaves TCP out."""
    server = rig.server('automatic', '-T', before='port=5077', listen=[rig.address])
    equal(names(server), {f'udp:{rig.address}:5077'}, 'listeners')
    with socket.socket() as probe:
        equal(probe.connect_ex((rig.address, 5077)) != 0, True, 'TCP is refused')


@case()
def same_address_twice(rig):
    """An address named twice is opened once."""
    server = rig.server(listen=[f'udp:{rig.address}:5060', f'{rig.address}:5060'])
    equal(len(server.ask('listeners')['listeners']), 2, 'listeners')


@case()
def interface_name(rig):
    """The name of an interface stands for its addresses, IPv6 too."""
    port = free_port(socket.AF_INET, '127.0.0.1')
    server = rig.server(listen=[f'udp:lo:{port}'])
    wanted = {f'udp:127.0.0.1:{port}', f'udp:[::1]:{port}'} if has_ipv6() else {f'udp:127.0.0.1:{port}'}
    equal(names(server), wanted, 'listeners')


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(('::1', 0))
        return True
    except OSError:
        return False


@case()
def host_name(rig):
    """A name is looked up."""
    port = free_port(socket.AF_INET, '127.0.0.1')
    true(f'udp:127.0.0.1:{port}' in names(rig.server(listen=[f'udp:localhost:{port}'])), 'listener')


@case()
def every_address(rig):
    """No listen at all: every address of the machine, UDP and TCP."""
    port = free_port(socket.AF_INET, '127.0.0.1')
    found = names(rig.server(before=f'port={port}', listen=[]))
    true({f'udp:127.0.0.1:{port}', f'tcp:127.0.0.1:{port}'} <= found, f'{found} has loopback')
    lacks(' '.join(found), r'0\.0\.0\.0|\[::\]', 'each address is named')


@case()
def ipv6(rig):
    """Registration and a call with media over IPv6, UDP and TCP."""
    if not has_ipv6():
        raise Skip('no IPv6')
    server = ('::1', free_port())
    rig.server(before='media_ports="42000-42999"', listen=[f'[::1]:{server[1]}'])
    for transport in ('udp', 'tcp'):
        caller, callee = (rig.keep(six_phone(user, server, transport)) for user in ('alice', 'bob'))
        equal(callee.register().status, 200, f'{transport}: REGISTER')
        call = Call(rig, caller, callee).set_up()
        equal(call.relay_addresses()[0][0], '::1', f'{transport}: media address')
        call.talk()
        call.hang_up()


def six_phone(user, server, transport):
    from rig.sip import Phone

    return Phone(user, ('::1', 0), server, transport)


@case()
def both_families(rig):
    """A phone on IPv4 calls one on IPv6, and hears it."""
    if not has_ipv6():
        raise Skip('no IPv6')
    port = free_port()
    rig.server(before=f'media_ports="43000-43999"\nalias="example.org"', listen=[f'{rig.address}:5060', f'[::1]:{port}'])
    caller, callee = rig.phone(11), rig.keep(six_phone('bob', ('::1', port), 'udp'))
    for phone in (caller, callee):
        phone.aor = f'sip:{phone.user}@example.org'
        equal(phone.register().status, 200, 'REGISTER')
    call = Call(rig, caller, callee).set_up()
    equal([address for address, _ in call.relay_addresses()], [rig.address, '::1'], 'media addresses')
    call.talk()
    call.hang_up()


ADVERTISED = '203.0.113.7'


@case()
def advertised_address(rig):
    """advertised_address stands in Via, Record-Route and session descriptions; phones see no other."""
    rig.server(before=f'advertised_address="{ADVERTISED}"')
    check_advertised(rig, ADVERTISED)


@case()
def advertised_on_the_command_line(rig):
    """-l address/advertised does the same for one address."""
    rig.server(listen=[f'{rig.address}:5060/{ADVERTISED}:5099'])
    check_advertised(rig, f'{ADVERTISED}:5099')


def check_advertised(rig, name):
    caller, callee = rig.phone(11), rig.phone(12, 'bob')
    host = name.split(':')[0]
    callee.register()
    call = Call(rig, caller, callee).set_up()
    offer, answer = call.offer_seen, call.answer
    matches(offer.get('Via'), rf'^SIP/2\.0/UDP {name}[;:]', 'Via')
    matches(offer.get('Record-Route'), rf'@?{name}[;>:]', 'Record-Route')
    for message in (offer, answer):
        equal(sdp_target(message.body)[0], host, 'media address')
        lacks(message.text, rf'\b{rig.address}:5060', 'own address')
    call.hang_up()


@case()
def alias(rig):
    """alias= and --alias make a name this server's: requests for it are served, others refused."""
    rig.server('culvert', '--alias=b.example.org', before='alias="a.example.org"')
    phone = rig.phone(11)
    for domain, status in (('a.example.org', 200), ('b.example.org', 200), (rig.address, 200), ('c.example.org', 403)):
        phone.domain = domain
        phone.aor = f'sip:alice@{domain}'
        phone.new_call()
        equal(phone.ask('OPTIONS', f'sip:{domain}').status, status, f'OPTIONS {domain}')
