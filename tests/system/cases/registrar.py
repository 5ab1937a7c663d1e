# SPDX-License-Identifier: Apache-2.0
"""The registrar from outside: commands of usrloc, and what clients send to stay reachable."""
import os
import socket
import struct

from rig.case import case, equal, true

COOKIE = 0x2112A442


def refusal(server, method, *params):
    """What a command that fails says."""
    try:
        return f'no refusal, but {server.ask(method, *params)}'
    except RuntimeError as error:
        return str(error)


@case()
def commands_of_usrloc(rig):
    """Contacts are added, shown, and removed by the names of both dialects."""
    server = rig.server()
    contact = 'sip:bob@203.0.113.7:5070'
    server.ask('ul.add', 'location', 'Bob@example.com', contact, '300', '0.5', '0', '0', '0', '0x7f')
    server.ask('ul_add', 'location', 'bob@example.com', 'sip:bob@203.0.113.8', '0', '-1', '0', '0', '0', '1')
    found = server.ask('ul.lookup', 'location', 'bob@example.com')
    equal([row['Contact']['Address'] for row in found['Contacts']], [contact, 'sip:bob@203.0.113.8'], 'contacts')
    first, second = (row['Contact'] for row in found['Contacts'])
    true(295 <= first['Expires'] <= 300, 'seconds left')
    equal(first['Q'], '0.500', 'q')
    equal(first['Received'], '[not set]', 'what is not there')
    equal(second['Expires'], 'permanent', 'for ever')
    dump = server.ask('ul.dump')
    domain = dump['Domains'][0]['Domain']
    equal(domain['Domain'], 'location', 'table')
    equal(domain['Stats']['Records'], 2, 'records')
    equal(len(domain['AoRs'][0]['Info']['Contacts']), 2, 'contacts of the dump')
    true('Contacts' not in server.ask('ul_dump', 'brief')['Domains'][0]['Domain']['AoRs'][0]['Info'], 'brief')
    true(server.ask('ul_show_contact', 'location', 'bob@example.com')['Contact'][0].startswith(f'<{contact}>;q='),
         'a line')
    server.ask('ul.rm_contact', 'location', 'bob@example.com', contact)
    true('Contact not found' in refusal(server, 'ul.rm_contact', 'location', 'bob@example.com', contact), 'twice')
    server.ask('ul_rm', 'location', 'bob@example.com')
    true('AOR not found' in refusal(server, 'ul.rm', 'location', 'bob@example.com'), 'all gone')


@case()
def stun_on_the_port_of_sip(rig):
    """A binding request is answered with the address that it came from; a flood of them is not."""
    server = rig.server()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind((rig.host(11), 0))
        client.settimeout(5)
        transaction = os.urandom(12)
        client.sendto(struct.pack('!HHI', 1, 0, COOKIE) + transaction, (rig.address, 5060))
        answer = client.recv(2048)
        kind, length, cookie = struct.unpack('!HHI', answer[:8])
        equal((kind, length, cookie, answer[8:20]), (0x0101, 12, COOKIE, transaction), 'header')
        attribute, size, family, port, address = struct.unpack('!HHHHI', answer[20:])
        equal((attribute, size, family), (0x20, 8, 1), 'attribute')
        equal(port ^ COOKIE >> 16, client.getsockname()[1], 'port')
        equal(socket.inet_ntoa(struct.pack('!I', address ^ COOKIE)), rig.host(11), 'address')
        for _ in range(100):
            client.sendto(struct.pack('!HHI', 1, 0, COOKIE) + os.urandom(12), (rig.address, 5060))
        server.wait_for('the flood', lambda stats: stats['net.datagrams_in'] >= 101)
        server.wait_for('most of it is dropped', lambda stats: stats['core.dropped'] >= 100 - 2 * 8)
