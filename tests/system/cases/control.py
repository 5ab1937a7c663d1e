# SPDX-License-Identifier: Apache-2.0
"""The control socket and clients that are not as they should be."""
import json
import signal
import socket
import time

from rig.case import case, equal, true

PATIENCE = 4  # seconds for a stop


def connect(rig, server):
    client = rig.keep(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    client.settimeout(5)
    client.connect(server.control.path)
    return client


def line(number, method):
    return json.dumps({'jsonrpc': '2.0', 'id': number, 'method': method}).encode() + b'\n'


@case()
def lines_that_come_together(rig):
    """Several requests in one write: each is answered, in order."""
    client = connect(rig, rig.server())
    client.sendall(line(1, 'uptime') + line(2, 'version') + line(3, 'uptime'))
    with client.makefile('r') as answers:
        equal([json.loads(answers.readline())['id'] for _ in range(3)], [1, 2, 3], 'answers')


@case()
def a_client_that_never_reads(rig):
    """Answers that nobody takes do not delay the end."""
    server = rig.server()
    client = connect(rig, server)
    client.settimeout(0.2)
    try:
        while True:
            client.sendall(line(1, 'help'))
    except TimeoutError:
        pass
    started = time.monotonic()
    equal(server.stop(signal.SIGTERM), 0, 'exit code')
    true(time.monotonic() - started < PATIENCE, 'the stop did not wait for the client')
