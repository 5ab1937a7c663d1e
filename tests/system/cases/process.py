# SPDX-License-Identifier: Apache-2.0
"""The life of the process: background, pid file, signals, privileges, readiness."""
import contextlib
import os
import pwd
import signal
import socket

from rig.case import Skip, case, equal, lacks, matches, true
from rig.rig import CONFIGS


@case()
def goes_into_the_background(rig):
    """Without -D the command returns 0 when the server answers, not earlier."""
    done, daemon = rig.background()
    equal(done.returncode, 0, f'exit code: {done.stderr}')
    true(daemon.control.ask('uptime')['seconds'] < 5, 'the control socket answers at once')
    equal(rig.phone(11).register().status, 200, 'REGISTER at once')
    true(daemon.status('PPid') != [str(os.getpid())], 'it is no child of the starter')


@case()
def has_its_own_session(rig):
    """The daemon is in a session of its own, leads none, and keeps no terminal."""
    _, daemon = rig.background()
    true(os.getsid(daemon.pid) != os.getsid(0), 'session')
    true(os.getsid(daemon.pid) != daemon.pid, 'it can get no terminal')
    for fd in range(3):
        equal(os.readlink(f'/proc/{daemon.pid}/fd/{fd}'), '/dev/null', f'descriptor {fd}')


@case()
def keeps_stderr_with_e(rig):
    """-E without -D: the log goes on to the standard error of the starter."""
    log = rig.folder / 'stderr.log'
    with log.open('w') as stderr:
        done, daemon = rig.background('automatic', '-E', stderr=stderr)
    equal(done.returncode, 0, 'exit code')
    equal(os.readlink(f'/proc/{daemon.pid}/fd/1'), '/dev/null', 'standard output')
    daemon.stop()
    matches(log.read_text(), 'culvert stops', 'log')


@case()
def writes_its_pid_file(rig):
    """The pid file names the daemon, and is gone after SIGTERM; so is the control socket."""
    _, daemon = rig.background()
    equal(os.readlink(f'/proc/{daemon.pid}/exe'), str(rig.build / 'culvert'), 'process of the pid file')
    daemon.stop()
    equal(daemon.pid_file.exists(), False, 'pid file')
    equal((rig.folder / 'culvert.sock').exists(), False, 'control socket')


@case()
def refuses_a_second_of_the_same_pid_file(rig):
    """A living process in the pid file: exit 1, and the message names both; the first goes on."""
    _, daemon = rig.background()
    done, second = rig.background(listen=f'{rig.host(2)}:5060')
    equal((done.returncode, second), (1, None), f'exit code: {done.stderr}')
    matches(done.stderr, rf'culvert\.pid: process {daemon.pid} is running', 'message')
    equal(daemon.pid_file.read_text().strip(), str(daemon.pid), 'pid file')
    equal(daemon.is_alive(), True, 'the first')


@case()
def takes_over_a_stale_pid_file(rig):
    """A pid file of a process that is gone is no obstacle; neither is a socket file nobody serves."""
    _, daemon = rig.background()
    os.kill(daemon.pid, signal.SIGKILL)
    daemon.close()
    true(daemon.pid_file.exists() and (rig.folder / 'culvert.sock').exists(), 'leftovers of a crash')
    done, daemon = rig.background()
    equal(done.returncode, 0, f'exit code: {done.stderr}')
    equal(daemon.control.ask('uptime')['seconds'] < 5, True, 'answers')


@case()
def names_who_holds_the_port(rig):
    """A taken port: exit 1, and the message names the address and the process that has it."""
    for transport in ('udp', 'tcp'):
        kind = socket.SOCK_DGRAM if transport == 'udp' else socket.SOCK_STREAM
        with socket.socket(socket.AF_INET, kind) as holder:
            holder.bind((rig.address, 5060))
            if transport == 'tcp':
                holder.listen()
            done, _ = rig.background(listen=f'{transport}:{rig.address}:5060')
        equal(done.returncode, 1, f'{transport}: exit code')
        matches(done.stderr, rf'{rig.address}:5060.*python.*pid {os.getpid()}', transport)
        equal((rig.folder / 'culvert.pid').exists(), False, 'pid file')


@case()
def two_servers_of_one_folder(rig):
    """Another server on the same control socket is refused, and the first is left alone."""
    _, daemon = rig.background()
    done = rig.command('-f', CONFIGS['automatic'], '-w', rig.folder, '-l', f'{rig.host(2)}:5060')
    equal(done.returncode, 1, 'exit code')
    matches(done.stderr, 'control socket .*another server answers there', 'message')
    equal(daemon.control.ask('uptime')['seconds'] < 30, True, 'the first answers')


@case()
def late_failures_reach_the_terminal(rig):
    """What goes wrong after the fork is told by the command, with exit code 1; nothing stays."""
    rows = [
        ('media_ports="9-8"', [], 'media_ports'),
        ('media_address="nonsense"', [], 'media_address'),
        ('', ['-w', '/nowhere'], '/nowhere'),
        ('', ['-t', '/nowhere'], '/nowhere'),
        ('', ['-u', 'nobody-at-all'], 'no user "nobody-at-all"'),
        ('', ['-g', 'nobody-at-all'], 'no group "nobody-at-all"'),
        ('', ['-P', '/nowhere/culvert.pid'], '/nowhere/culvert.pid'),
        ('', ['-Y', '/nowhere'], '/nowhere/culvert.sock'),
        ('', ['-l', 'udp:203.0.113.254:5060'], r'203\.0\.113\.254:5060'),
        ('', ['-l', 'udp:no-such-host.invalid:5060'], 'no-such-host.invalid'),
    ]
    for before, switches, pattern in rows:
        done, daemon = rig.background('automatic', *switches, before=before)
        equal((done.returncode, daemon), (1, None), f'{before or switches}: exit code, {done.stderr}')
        matches(done.stderr, pattern, f'{before or switches}')
        matches(done.stderr, '^culvert did not start', f'{before or switches}')
        equal((rig.folder / 'culvert.pid').exists(), False, f'{before or switches}: pid file')


@case()
def unwritable_folder(rig):
    """A working directory that the user may not write: a clear error, not half a server."""
    if os.geteuid() != 0:
        raise Skip('needs root')
    folder = rig.folder / 'closed'
    folder.mkdir(mode=0o755)
    done = rig.command('-f', rig.script('culvert'), '-w', folder, '-u', 'nobody', '-l', f'{rig.address}:5060')
    equal(done.returncode, 1, f'exit code: {done.stderr}')
    matches(done.stderr, r'culvert\.db|culvert\.sock', 'message')


@case()
def ends_on_signals(rig):
    """SIGTERM and SIGINT end it with 0; pid file and control socket are removed."""
    for number in (signal.SIGTERM, signal.SIGINT):
        server = rig.server('automatic', '-P', rig.folder / 'culvert.pid')
        true((rig.folder / 'culvert.pid').exists(), 'pid file')
        equal(server.stop(number), 0, f'exit code after {number!r}')
        equal((rig.folder / 'culvert.pid').exists(), False, 'pid file')
        equal((rig.folder / 'culvert.sock').exists(), False, 'control socket')


@case()
def survives_other_signals(rig):
    """SIGHUP, SIGUSR1, SIGUSR2 and SIGPIPE change nothing."""
    server = rig.server()
    phone = rig.phone(11)
    phone.register()
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE):
        server.process.send_signal(number)
        equal(phone.register().status, 200, f'REGISTER after {number!r}')
    equal(len(server.ask('bindings')['bindings']), 1, 'bindings')


@case()
def ends_by_control(rig):
    """`stop` over the control socket ends it like SIGTERM."""
    server = rig.server()
    equal(server.ask('stop'), {'state': 'stopping'}, 'answer')
    equal(server.process.wait(20), 0, 'exit code')
    equal((rig.folder / 'culvert.sock').exists(), False, 'control socket')


@case()
def ends_with_calls_under_way(rig):
    """A stop in the middle of ringing, waiting and open connections is clean."""
    server = rig.server()
    caller, callee = rig.phone(11, transport='tcp'), rig.phone(12, 'bob', 'tcp')
    callee.register()
    caller.send(caller.request('INVITE', callee.aor))
    callee.reply(callee.expect('INVITE'), 180, 'Ringing')
    equal(caller.receive().status, 100, 'first answer')
    equal(server.stop(), 0, 'exit code')


@case()
def drops_privileges(rig):
    """-u and -g: all ids, no supplementary group of root, no capability; files belong to the user."""
    if os.geteuid() != 0:
        raise Skip('needs root')
    nobody = pwd.getpwnam('nobody')
    os.chown(rig.folder, nobody.pw_uid, nobody.pw_gid)
    done, daemon = rig.background('culvert', '-u', 'nobody')
    equal(done.returncode, 0, f'exit code: {done.stderr}')
    equal(daemon.status('Uid'), [str(nobody.pw_uid)] * 4, 'user ids')
    equal(daemon.status('Gid'), [str(nobody.pw_gid)] * 4, 'group ids')
    equal(set(daemon.status('Groups')) - {str(nobody.pw_gid)}, set(), 'groups')
    equal(daemon.status('CapEff'), ['0' * 16], 'capabilities')
    for name in ('culvert.sock', 'culvert.db', 'culvert.secret'):
        equal((rig.folder / name).stat().st_uid, nobody.pw_uid, f'owner of {name}')
    equal((rig.folder / 'culvert.sock').stat().st_mode & 0o777, 0o600, 'mode of the control socket')
    equal((rig.folder / 'culvert.secret').stat().st_mode & 0o777, 0o600, 'mode of the secret')
    equal((rig.folder / 'culvert.db').stat().st_mode & 0o077, 0, 'others cannot read the passwords')
    daemon.stop()
    equal((rig.folder / 'culvert.sock').exists(), False, 'control socket')


@case()
def changes_its_root(rig):
    """-t: files and control socket are inside; calls are served."""
    if os.geteuid() != 0:
        raise Skip('needs root')
    root = rig.make_folder('root')
    server = rig.server('culvert', '-t', root, '-w', '/', '-P', '/culvert.pid')
    equal(os.readlink(f'/proc/{server.pid}/root'), str(root), 'root')
    phone = rig.phone(11)
    equal(phone.ask('OPTIONS', f'sip:{phone.domain}').status, 200, 'OPTIONS')
    for name in ('culvert.db', 'culvert.sock', 'culvert.pid'):
        true((root / name).exists(), f'{name} inside')
    server.stop()
    equal((root / 'culvert.pid').exists(), False, 'pid file')


@case()
def finds_its_relative_files_again(rig):
    """A relative pid file is in the working directory, wherever the command was given."""
    done = rig.command('-f', rig.script('automatic'), '-w', '.', '-P', 'culvert.pid', '-l', f'{rig.address}:5060')
    equal(done.returncode, 0, f'exit code: {done.stderr}')
    daemon = rig.keep(rig.daemon())
    daemon.stop()
    equal(daemon.pid_file.exists(), False, 'pid file')


@case()
def tells_systemd(rig):
    """NOTIFY_SOCKET: READY with the pid when it serves, STOPPING at the end."""
    path = rig.folder / 'systemd'
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(path))
        notify.settimeout(10)
        done, daemon = rig.background(env={**os.environ, 'NOTIFY_SOCKET': str(path)})
        equal(done.returncode, 0, f'exit code: {done.stderr}')
        equal(notify.recv(4096).decode().splitlines(), ['READY=1', f'MAINPID={daemon.pid}'], 'readiness')
        daemon.stop()
        equal(notify.recv(4096), b'STOPPING=1', 'the end')


def socket_inodes(pid):
    inodes = set()
    for fd in os.listdir(f'/proc/{pid}/fd'):
        with contextlib.suppress(FileNotFoundError):  # a file that was open for a moment
            link = os.readlink(f'/proc/{pid}/fd/{fd}')
            if link.startswith('socket:'):
                inodes.add(link[8:-1])
    return inodes


@case()
def opens_nothing_else(rig):
    """After a default start nothing but SIP listens, and nothing of it for everybody."""
    server = rig.server()
    inodes = socket_inodes(server.pid)
    sockets = set()
    for table in ('udp', 'udp6', 'tcp', 'tcp6'):
        with open(f'/proc/net/{table}') as lines:
            for fields in map(str.split, list(lines)[1:]):
                if fields[9] in inodes:
                    sockets.add((table, fields[1]))
    wanted = '%02X%02X%02X%02X:13C4' % tuple(reversed(list(map(int, rig.address.split('.')))))
    equal(sockets, {('udp', wanted), ('tcp', wanted)}, 'sockets')
    lacks(server.text(), 'error', 'log')
