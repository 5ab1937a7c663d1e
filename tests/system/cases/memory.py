# SPDX-License-Identifier: Apache-2.0
"""From start to stop under tools that see every wrong byte. The server's log and exit code tell."""
import os
import shutil
import socket
import subprocess

from rig.call import Call, is_idle
from rig.case import Failure, Skip, case, equal
from rig.rig import REPOSITORY
from cases.calls import SHORT_TIMERS, no_transactions, register_callee, run_calls
from cases.hostile import mutations, torture_messages

VALGRIND = ['valgrind', '-q', '--error-exitcode=99', '--leak-check=full', '--errors-for-leak-kinds=definite']


def one_of_everything(rig, server):
    """A call with media over UDP and TCP, a refused and a cancelled one, messages that are broken."""
    callee = rig.phone(12, 'bob')
    callee.register()
    for transport in ('udp', 'tcp'):
        caller = rig.phone(11, transport=transport)
        call = Call(rig, caller, callee).set_up()
        call.talk()
        call.hang_up()
        caller.close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind((rig.host(13), 0))
        for _, data in torture_messages():
            client.sendto(data, (rig.address, 5060))
        for data in mutations(5, 300):
            client.sendto(data, (rig.address, 5060))
    callee.register(0)
    callee.close()
    equal(rig.phone(14).ask('OPTIONS', f'sip:x@{rig.address}').status, 404, 'OPTIONS')


@case('all', alone=True)
def under_valgrind(rig):
    """memcheck: no error and no lost memory from start to stop."""
    if not shutil.which('valgrind'):
        raise Skip('valgrind is not installed')
    if is_sanitized(rig.build):
        raise Skip('this build has a sanitizer')
    server = rig.server(wrapper=VALGRIND)
    one_of_everything(rig, server)
    equal(server.stop(), 0, f'exit code\n{server.text()}')


def is_sanitized(build):
    symbols = (build / 'culvert').read_bytes()
    return b'__asan_init' in symbols or b'__tsan_init' in symbols


def sanitized_build():
    """The daemon and its modules with AddressSanitizer and UBSan; the folder of CONTRIBUTING.md."""
    build = REPOSITORY / 'build-asan'
    if not (build / 'build.ninja').exists():
        build_step(['meson', 'setup', str(build), '-Db_sanitize=address,undefined', '-Db_lundef=false'])
    targets = build_step(['ninja', '-C', str(build), '-t', 'targets', 'all'])
    modules = [line.split(':')[0] for line in targets.splitlines() if line.startswith('modules/') and '.so: ' in line]
    build_step(['ninja', '-C', str(build), 'culvert', *modules])
    return build


def build_step(command):
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


@case('all', alone=True)
def under_sanitizers(rig):
    """AddressSanitizer and UBSan: 200 calls, hostile messages, all configurations; no report, no leak."""
    if not shutil.which('meson'):
        raise Skip('meson is not installed')
    build = rig.build if is_sanitized(rig.build) else sanitized_build()
    server = rig.server(build=build, after=SHORT_TIMERS, env={'UBSAN_OPTIONS': 'print_stacktrace=1'})
    one_of_everything(rig, server)
    register_callee(rig, rig.host(12), (rig.address, 5060))
    run_calls(rig, (rig.address, 5060), 200, 20)
    server.wait_for('no media left', is_idle)
    server.wait_for('no transaction left', no_transactions, 60)
    equal(server.stop(), 0, f'exit code\n{server.text()}')
    server.close()
    for config in ('culvert', 'openser'):
        server = rig.server(config, build=build)
        phone = rig.phone(11)
        equal(phone.register().status, 401 if config == 'culvert' else 403, f'{config}: REGISTER')
        phone.close()
        equal(server.stop(), 0, f'exit code\n{server.text()}')
        server.close()
        for leftover in rig.folder.glob('culvert.db*'):
            os.unlink(leftover)
