#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a test program against each kind of database, each a real one that exists for this only.

usage: run.py PROGRAM [KIND...]      KIND: sqlite, postgres, mysql; all when none is named

The program is called with the URL and the command that controls the server ("" for SQLite).
"""
import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from database_server import KINDS, missing_programs, servant

SKIPPED = 77


@contextlib.contextmanager
def small_disk(folder):
    """For a full run, where that is possible; otherwise the folder stays what it is."""
    folder.mkdir()
    is_wanted = os.environ.get('CULVERT_EXTENT') == 'all' and os.geteuid() == 0
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=400m', 'tmpfs', folder]
    is_mounted = is_wanted and subprocess.run(mount, capture_output=True).returncode == 0
    try:
        yield
    finally:
        if is_mounted:
            subprocess.run(['umount', '-l', folder], capture_output=True)


def test_server(program, kind, folder):
    with small_disk(folder / kind):
        return test_server_in(program, kind, folder)


def test_server_in(program, kind, folder):
    server = KINDS[kind](folder / kind)
    try:
        server.create()
        control = f'{sys.executable} {pathlib.Path(__file__).with_name("database_server.py")} {kind} {server.folder}'
        return subprocess.run([program, server.url, control], capture_output=True, text=True)
    finally:
        server.destroy()


def test_sqlite(program, kind, folder):
    return subprocess.run([program, f'sqlite://{folder}/culvert.db', ''], capture_output=True, text=True)


def run_kind(program, kind, folder):
    done = (test_sqlite if kind == 'sqlite' else test_server)(program, kind, folder)
    return kind, done.returncode, done.stdout + done.stderr


@contextlib.contextmanager
def test_folder():
    folder = pathlib.Path(tempfile.mkdtemp(prefix='culvert-databases-'))
    _, owner = servant()
    if owner:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    os.chmod(folder, 0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main(program, *kinds):
    kinds = kinds or ('sqlite', *KINDS)
    able = [kind for kind in kinds if kind == 'sqlite' or not missing_programs(kind)]
    failed = False
    with test_folder() as folder, ThreadPoolExecutor() as pool:
        for kind, code, output in pool.map(lambda kind: run_kind(program, kind, folder), able):
            print(f'--- {kind}: {"ok" if code == 0 else f"failed ({code})"}\n{output}')
            failed |= code != 0
    for kind in set(kinds) - set(able):
        print(f'--- {kind}: not here: {" ".join(missing_programs(kind))}')
    return 1 if failed else 0 if len(able) == len(kinds) else SKIPPED


if __name__ == '__main__':
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
