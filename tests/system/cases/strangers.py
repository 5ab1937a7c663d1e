# SPDX-License-Identifier: Apache-2.0
"""What those get over UDP whom nobody knows: no more than they sent, nothing while they flood, and large messages whole."""
import socket

from rig.case import case, equal, true
from rig.network import own_network
from rig.sip import new_name

METHODS = ['INVITE', 'MESSAGE', 'OPTIONS', 'SUBSCRIBE', 'NOTIFY', 'REFER', 'INFO', 'UPDATE', 'PUBLISH', 'REGISTER', 'BYE', 'FROB']
REQUESTS = 1000
LARGEST = 65507  # bytes of a datagram


def shortest(method, address):
    """Nothing in it that could be left out."""
    name = new_name()
    return (
        f'{method} sip:{address} SIP/2.0\r\nv:SIP/2.0/UDP a;branch=z9hG4bK{name}\r\nf:<sip:a>;tag=1\r\nt:<sip:a>\r\n'
        f'i:{name}\r\nCSeq:1 {method}\r\nMax-Forwards:9\r\n\r\n'
    ).encode()


def drain(client):
    """Bytes that have come."""
    size = 0
    try:
        while True:
            size += len(client.recv(65535, socket.MSG_DONTWAIT))
    except BlockingIOError:
        return size


@case()
def reflection(rig):
    """A thousand shortest requests of each method: not more bytes come back, for INVITE not three times as many."""
    server = rig.server('culvert')
    ratios = {}
    came = server.stats()['net.datagrams_in']
    for number, method in enumerate(METHODS):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind((rig.host(20 + number), 5060))
            sent = received = 0
            for count in range(1, REQUESTS + 1):
                data = shortest(method, rig.address)
                sent += client.sendto(data, (rig.address, 5060))
                if count % 100 == 0:
                    server.wait_for('they are read', lambda stats, all=came + count: stats['net.datagrams_in'] >= all)
                    received += drain(client)
            came += REQUESTS
            server.ask('uptime')
            ratios[method] = (received + drain(client)) / sent
    for method, ratio in ratios.items():
        true(ratio <= (3 if method == 'INVITE' else 1), f'{method}: {ratio:.2f}')
    true(server.stats()['net.answers_withheld'] > 0, 'what is withheld is counted')
    equal(server.stats()['txn.servers'], 0, 'transactions made for strangers')
    return ', '.join(f'{method} {ratio:.2f}' for method, ratio in ratios.items())


@case()
def flood(rig):
    """Ten times the rate from one address: it is cut, and a phone elsewhere hears every answer."""
    server = rig.server(before='source_rate = 200')
    phone = rig.phone(12)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind((rig.host(11), 5060))
        for count in range(1, 4001):
            client.sendto(shortest('OPTIONS', rig.address), (rig.address, 5060))
            if count % 40 == 0:
                server.wait_for('they are read', lambda stats, all=count: stats['net.datagrams_in'] >= all)
                phone.new_call()
                true(phone.ask('OPTIONS', f'sip:nobody@{rig.address}').status >= 200, 'the phone is answered')
    true(server.stats()['net.floods_dropped'] > 2000, 'most of the flood is dropped')


@case()
def largest_datagrams(rig):
    """A message of 65,507 bytes is read whole, also out of 47 fragments, and goes on by UDP or fails with 513."""
    for mtu in (65536, 1400):
        with own_network(mtu):
            server = rig.server()
            caller, callee = rig.phone(11), rig.phone(12, 'bob')
            callee.register()
            for size in (2000, 60000):
                caller.new_call()
                caller.send(caller.request('MESSAGE', callee.aor, body='x' * size))
                got = callee.expect('MESSAGE')
                equal(len(got.body), size, f'MTU {mtu}: body')
                callee.reply(got, 200)
                equal(caller.final('MESSAGE').status, 200, f'MTU {mtu}, {size} bytes')
            caller.new_call()
            head = caller.request('MESSAGE', callee.aor, body='x' * 10000)  # as many digits as it will have
            caller.send(caller.request('MESSAGE', callee.aor, body='x' * (LARGEST - len(head) + 10000)))
            equal(caller.final('MESSAGE').status, 513, f'MTU {mtu}: one that our Via makes too large')
            true(server.stats()['net.datagrams_large'] >= 2, 'large datagrams are counted')
            for thing in (server, caller, callee):
                thing.close()
