#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CPU time of the server for a call and for a relayed packet, under SIPp at fixed rates.

usage: calls.py BUILD [RATE...]        calls a second, 100 300 without any

The same calls go through Kamailio, if it is installed, with bench/kamailio.cfg: registrar and stateful
proxy without a media relay. So culvert is measured with relay_media=0 too, and the two are compared.
Time is what the kernel's scheduler counted for all threads (/proc/PID/task/*/schedstat); what
SIPp takes is left out.
"""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / 'tests' / 'system'))

from cases.calls import register_callee, run_calls  # noqa: E402
from rig.call import Call, rtp_packet  # noqa: E402
from rig.rig import Rig  # noqa: E402
from rig.sipp import is_bound  # noqa: E402
from rig.wait import wait_until  # noqa: E402

SECONDS = 10  # of calls at each rate
PACKETS = 50000
RELAY_OFF = 'modparam("nat", "relay_media", 0)\n'


def cpu_seconds(pids):
    """Of all threads of these processes."""
    total = 0
    for pid in pids:
        for task in Path(f'/proc/{pid}/task').iterdir():
            total += int((task / 'schedstat').read_text().split()[0])
    return total / 1e9


def measure_calls(rig, pids, rate):
    """Microseconds of CPU for one call: INVITE to BYE, seven messages in, eight out."""
    calls = rate * SECONDS
    before = cpu_seconds(pids)
    run_calls(rig, (rig.address, 5060), calls, rate)
    return (cpu_seconds(pids) - before) / calls * 1e6


def measure_packets(rig, server):
    """Microseconds of CPU for one packet of 172 bytes, one call, both ways in turn."""
    caller, callee = rig.phone(21), rig.phone(22, 'carol')
    callee.register()
    call = Call(rig, caller, callee).set_up()
    call.talk()
    for media in call.media:
        media.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    targets = call.relay_addresses()
    first = server.stats()['media.packets']
    before = cpu_seconds([server.pid])
    for number in range(PACKETS):
        for media, target in zip(call.media, targets):
            media.sendto(rtp_packet(number % 65536), target)
        if number % 20 == 19:
            time.sleep(0.002)  # the pace: 20,000 packets a second
    used = cpu_seconds([server.pid]) - before
    relayed = server.stats()['media.packets'] - first
    call.hang_up()
    return used / relayed * 1e6


def kamailio_pids(pid_file):
    parent = pid_file.read_text().strip()
    children = Path(f'/proc/{parent}/task/{parent}/children').read_text().split()
    return [parent, *children]


def start_kamailio(rig):
    """All processes of a Kamailio with two workers for UDP, as culvert has two."""
    pid_file = rig.folder / 'kamailio.pid'
    words = ['kamailio', '-f', ROOT / 'bench' / 'kamailio.cfg', '-l', f'udp:{rig.address}:5060', '-n', '2']
    words += ['-P', pid_file, '-Y', rig.folder, '-w', rig.folder, '-m', '256']
    with (rig.folder / 'kamailio.log').open('wb') as log:
        done = subprocess.run(list(map(str, words)), stdout=log, stderr=log, timeout=30)
    if done.returncode != 0:
        sys.exit((rig.folder / 'kamailio.log').read_text())
    wait_until('Kamailio listens', lambda: pid_file.exists() and is_bound('udp', rig.address, 5060))
    return kamailio_pids(pid_file)


def in_a_rig(build, measure):
    with tempfile.TemporaryDirectory(prefix='culvert-bench-') as folder:
        rig = Rig(build, 'all', Path(folder))
        try:
            return measure(rig)
        finally:
            rig.close()


def calls_of_culvert(build, rate, after=''):
    def measure(rig):
        server = rig.server(after=after)
        register_callee(rig, rig.host(12), (rig.address, 5060))
        return measure_calls(rig, [server.pid], rate)

    return in_a_rig(build, measure)


def calls_of_kamailio(build, rate):
    def measure(rig):
        pids = start_kamailio(rig)
        try:
            register_callee(rig, rig.host(12), (rig.address, 5060))
            return measure_calls(rig, pids, rate)
        finally:
            os.kill(int(pids[0]), signal.SIGTERM)
            wait_until('Kamailio ends', lambda: not is_bound('udp', rig.address, 5060), 60)

    return in_a_rig(build, measure)


def main(arguments):
    if not arguments:
        sys.exit(__doc__)
    build = Path(arguments[0]).resolve()
    rates = list(map(int, arguments[1:])) or [100, 300]
    has_kamailio = shutil.which('kamailio') is not None
    print('CPU microseconds a call')
    print(f"{'calls/s':>8} {'media re-anchored':>18} {'signalling only':>16} {'kamailio':>9} {'ratio':>6}")
    for rate in rates:
        anchored, plain = calls_of_culvert(build, rate), calls_of_culvert(build, rate, RELAY_OFF)
        line = f'{rate:>8} {anchored:>18.0f} {plain:>16.0f}'
        if has_kamailio:
            theirs = calls_of_kamailio(build, rate)
            line += f' {theirs:>9.0f} {plain / theirs:>6.2f}'
        print(line, flush=True)
    packet = in_a_rig(build, lambda rig: measure_packets(rig, rig.server()))
    print(f'CPU microseconds a relayed packet of 172 bytes: {packet:.2f}')


if __name__ == '__main__':
    main(sys.argv[1:])
