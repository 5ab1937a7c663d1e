#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real database servers for tests: each in a folder of its own, on a free port, as an unprivileged user.

usage: database_server.py KIND FOLDER COMMAND

KIND is postgres or mysql. COMMAND: create, start, kill (as by a power cut), pause, resume, fill and free (its disk),
destroy, url.
"""
import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

USER, PASSWORD, DATABASE = 'culvert', "it's a:secret@home", 'sip'


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def servant():
    """Servers refuse to run as root: how to run them instead, and who owns their files."""
    if os.geteuid() != 0:
        return {}, None
    nobody = pwd.getpwnam('nobody')
    return {'user': nobody.pw_uid, 'group': nobody.pw_gid, 'extra_groups': []}, nobody


def open_to_servant(folder):
    """The folder, and those above it that are of this run, let the servant through."""
    if os.geteuid() != 0:
        return
    folder = pathlib.Path(folder)
    while folder != folder.parent and folder != pathlib.Path(tempfile.gettempdir()):
        os.chmod(folder, folder.stat().st_mode | 0o711)
        folder = folder.parent


def find_program(name):
    places = sorted(map(str, pathlib.Path('/usr/lib/postgresql').glob('*/bin')), reverse=True)
    return shutil.which(name, path=os.pathsep.join([*places, os.environ.get('PATH', ''), '/usr/sbin', '/usr/local/sbin']))


def children_of(pid):
    """The process and all that it started."""
    parents = {}
    for status in pathlib.Path('/proc').glob('[0-9]*/stat'):
        with contextlib.suppress(OSError):
            parents.setdefault(int(status.read_text().rpartition(')')[2].split()[1]), []).append(int(status.parent.name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


class Server:
    """One database server; whoever has its folder can command it."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.data = self.folder / 'data'

    @property
    def port(self):
        return int((self.folder / 'port').read_text())

    @property
    def url(self):
        return f'{self.scheme}://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{DATABASE}'

    def run(self, *command, **options):
        how, _ = servant()
        done = subprocess.run(list(map(str, command)), cwd=self.folder, capture_output=True, text=True, **how, **options)
        if done.returncode:
            raise RuntimeError(f'{command[0]} failed: {done.stdout}{done.stderr}')
        return done.stdout

    def create(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / 'port').write_text(str(free_port()))
        _, owner = servant()
        if owner:
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self.prepare()
        self.start()

    def start(self):
        how, _ = servant()
        for _ in range(3):  # what was killed needs a moment to let go of its memory
            with open(self.folder / 'log', 'a') as log:
                process = subprocess.Popen(
                    list(map(str, self.command())), cwd=self.folder, stdout=log, stderr=log, start_new_session=True, **how
                )
            (self.folder / 'pid').write_text(str(process.pid))
            if self.wait_until_ready(process):
                return
            time.sleep(1)
        raise RuntimeError(f'{self.scheme} does not start: {(self.folder / "log").read_text()[-2000:]}')

    def wait_until_ready(self, process):
        for _ in range(600):
            if process.poll() is not None:
                return False
            with contextlib.suppress(RuntimeError):
                self.ask('SELECT 1')
                return True
            time.sleep(0.05)
        return False

    def signal_all(self, number):
        for pid in children_of(int((self.folder / 'pid').read_text())):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self):
        pid = int((self.folder / 'pid').read_text())
        self.signal_all(signal.SIGKILL)
        for _ in range(200):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            state = pathlib.Path(f'/proc/{pid}/stat')
            if not state.exists() or state.read_text().rpartition(')')[2].split()[0] == 'Z':
                return
            time.sleep(0.02)

    def pause(self):
        self.signal_all(signal.SIGSTOP)

    def resume(self):
        self.signal_all(signal.SIGCONT)

    def fill(self):
        """Leaves no room on the disk, which must be a small one."""
        if not os.path.ismount(self.folder):
            raise RuntimeError(f'{self.folder} is no disk of its own')
        with contextlib.suppress(OSError), open(self.folder / 'filler', 'wb', buffering=0) as filler:
            while True:
                filler.write(bytes(1 << 16))

    def free(self):
        (self.folder / 'filler').unlink(missing_ok=True)

    def destroy(self):
        if (self.folder / 'pid').exists():
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Postgres(Server):
    scheme = 'postgres'
    programs = ('initdb', 'postgres', 'psql')

    def prepare(self):
        (self.folder / 'password').write_text(PASSWORD)
        os.chmod(self.folder / 'password', 0o644)
        self.run(
            find_program('initdb'), '-D', self.data, '-U', USER, '--pwfile', self.folder / 'password', '-A', 'scram-sha-256',
            '-E', 'UTF8', '--locale=C', '--no-sync', '--no-instructions',
        )

    def command(self):
        return [
            find_program('postgres'), '-D', self.data, '-p', self.port, '-h', '127.0.0.1', '-k', '', '-F',
            '-c', 'max_connections=20', '-c', 'shared_buffers=16MB', '-c', 'max_wal_size=64MB', '-c', 'timezone=UTC',
        ]  # fmt: skip

    def ask(self, sql, database='postgres'):
        return self.run(
            find_program('psql'), '-X', '-At', '-h', '127.0.0.1', '-p', self.port, '-U', USER, '-d', database, '-c', sql,
            env={**os.environ, 'PGPASSWORD': PASSWORD},
        )  # fmt: skip

    def kill(self):
        super().kill()
        (self.data / 'postmaster.pid').unlink(missing_ok=True)  # its process may wait to be reaped

    def create(self):
        super().create()
        self.ask(f'CREATE DATABASE {DATABASE}')


class Mysql(Server):
    scheme = 'mysql'
    programs = ('mariadb-install-db', 'mariadbd', 'mariadb')

    def prepare(self):
        self.run(
            find_program('mariadb-install-db'), '--no-defaults', f'--datadir={self.data}', '--skip-test-db', '--skip-name-resolve',
            '--auth-root-authentication-method=normal', '--skip-log-bin', f'--tmpdir={self.folder}',
        )  # fmt: skip

    def command(self):
        return [
            find_program('mariadbd'), '--no-defaults', f'--datadir={self.data}', f'--port={self.port}',
            '--bind-address=127.0.0.1', f'--socket={self.folder}/socket', f'--pid-file={self.folder}/mariadbd.pid',
            '--innodb-flush-log-at-trx-commit=2', '--innodb-buffer-pool-size=16M', '--innodb-log-file-size=16M', '--max-connections=20',
            '--skip-name-resolve', '--skip-log-bin',
            f'--tmpdir={self.folder}',  # one server would tidy up after another
        ]  # fmt: skip

    def ask(self, sql, database='mysql'):
        return self.run(
            find_program('mariadb'), '--no-defaults', '-N', '-B', '-uroot', f'--socket={self.folder}/socket', database, '-e', sql
        )

    def create(self):
        super().create()
        quoted = PASSWORD.replace("'", "''")
        self.ask(f'CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4')
        self.ask(f"CREATE USER {USER}@'%' IDENTIFIED BY '{quoted}'; GRANT ALL ON {DATABASE}.* TO {USER}@'%'")


KINDS = {'postgres': Postgres, 'mysql': Mysql}


def missing_programs(kind):
    return [name for name in KINDS[kind].programs if not find_program(name)]


def main(kind, folder, command):
    server = KINDS[kind](folder)
    answer = getattr(server, command)
    print(answer() or '' if callable(answer) else answer, end='')


if __name__ == '__main__':
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
