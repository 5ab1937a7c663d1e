#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CPU time of the server for a handshake, and for a message over TLS beside one over TCP.

usage: tls.py BUILD

Time is what the kernel's scheduler counted for all threads; what the clients take is left out.
A message is an OPTIONS and its answer, many of them on one connection, one at a time.
"""
import socket
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / 'tests' / 'system'))
sys.path.insert(0, str(ROOT / 'bench'))

from calls import cpu_seconds  # noqa: E402
from rig.certs import Authority, client_context, openssl  # noqa: E402
from rig.rig import Rig  # noqa: E402

HANDSHAKES = 1000
MESSAGES = 10000


def handshakes(rig, server, resumes):
    """Microseconds of CPU for accepting a connection, the handshake, and closing it."""
    context, session = client_context(), None
    before = cpu_seconds([server.pid])
    for _ in range(HANDSHAKES):
        plain = socket.create_connection((rig.address, 5061), 5)
        secure = context.wrap_socket(plain, session=session)
        secure.sendall(b'\r\n\r\n')
        secure.recv(16)  # the pong; the tickets are read with it
        session = secure.session if resumes else None
        secure.close()
    return (cpu_seconds([server.pid]) - before) / HANDSHAKES * 1e6


def messages(rig, server, transport):
    port = 5061 if transport == 'tls' else 5060
    phone = rig.phone(20, 'bench', transport, server=(rig.address, port), context=client_context())
    text = phone.request('OPTIONS', f'sip:nobody@{rig.address}').encode()
    before = cpu_seconds([server.pid])
    for _ in range(MESSAGES):
        phone.send(text)
        phone.receive()
    phone.close()
    return (cpu_seconds([server.pid]) - before) / MESSAGES * 1e6


def measure(build, folder):
    rig = Rig(Path(build).resolve(), 'quick', Path(folder))
    try:
        authority = Authority(rig.make_folder('ca'))
        rsa = rig.folder / 'rsa.pem'
        openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', rsa, '-out', f'{rsa}.c', '-subj', '/CN=rsa')
        rsa.write_bytes(rsa.read_bytes() + Path(f'{rsa}.c').read_bytes())
        for name, file in (('ECDSA P-256', authority.issue('ec')), ('RSA 2048', rsa)):
            before = f'enable_tls=yes\nloadmodule "tls"\nmodparam("tls", "certificate", "{file}")'
            server = rig.server('automatic', '-n', '1', before=before)
            full, resumed = handshakes(rig, server, False), handshakes(rig, server, True)
            print(f'handshake, {name}: {full:.0f} us; resumed {resumed:.0f} us', flush=True)
            if name.startswith('EC'):
                for transport in ('tcp', 'tls'):
                    print(f'message, {transport}: {messages(rig, server, transport):.1f} us', flush=True)
            server.stop()
    finally:
        rig.close()


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as scratch:
        measure(sys.argv[1], scratch)
