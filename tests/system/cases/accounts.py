# SPDX-License-Identifier: Apache-2.0
"""Users, domains and aliases by culvertctl: of a running server, and of a database without one."""
import hashlib
import json
import os
import pty
import sqlite3
import subprocess

from rig.case import case, equal, matches, true
from rig.control import Control
from rig.digest import answer_challenge

MODULES = (
    'loadmodule "domain"\nmodparam("domain", "register_myself", 1)\nmodparam("domain", "reload_interval", 0)\n'
    'loadmodule "alias_db"\n'
)
SECRET = 'grüner Käse 4711'


def control(rig, *words, password=None, target=None):
    """culvertctl with a line on its standard input."""
    target = target or ('-s', rig.folder / 'culvert.sock')
    return subprocess.run(
        [rig.build / 'culvertctl', *map(str, target), *words], input=password and password + '\n',
        capture_output=True, text=True, timeout=20, cwd=rig.folder,
    )  # fmt: skip


def done(rig, *words, **more):
    result = control(rig, *words, **more)
    equal(result.returncode, 0, f'culvertctl {" ".join(words)}: {result.stderr}')
    return result.stdout


def refused(rig, pattern, *words, **more):
    result = control(rig, *words, **more)
    equal(result.returncode, 1, f'culvertctl {" ".join(words)}: {result.stdout}')
    matches(result.stderr, pattern, 'message')


def rows(rig, sql, path=None):
    with sqlite3.connect(path or rig.folder / 'culvert.db') as database:
        found = database.execute(sql).fetchall()
    database.close()
    return found


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


def registers(rig, name, password, host=30):
    phone = rig.phone(host, name, port=0)
    answer = phone.register()
    equal(answer.status, 401, 'REGISTER without credentials')
    proof = answer_challenge(answer, 'REGISTER', f'sip:{phone.domain}', name, password)
    status = phone.register(headers=[proof]).status
    phone.close()
    return status


@case()
def user_of_a_running_server(rig):
    """Added, changed and removed: each counts at once, with hashes alone, and no password in any log."""
    server = rig.server('culvert')
    name = f'maria@{rig.address}'
    done(rig, 'user', 'add', name, '--stdin', password=SECRET)
    ha1 = md5(f'maria:{rig.address}:{SECRET}'), md5(f'{name}:{rig.address}:{SECRET}')
    equal(rows(rig, "SELECT password, ha1, ha1b FROM subscriber WHERE username = 'maria'"), [('', *ha1)], 'row')
    equal(registers(rig, 'maria', SECRET), 200, 'REGISTER')
    refused(rig, 'there is a user maria.* already', 'user', 'add', name, '--stdin', password='x')
    shown = done(rig, 'user', 'passwd', name, '--generate')
    made = shown.split('password: ')[1].split()[0]
    equal(registers(rig, 'maria', SECRET, 31), 401, 'the old password')
    equal(registers(rig, 'maria', made, 32), 200, 'the new password')
    listed = json.loads(done(rig, '--json', 'user', 'list', rig.address))['users']
    true({'user': 'maria', 'domain': rig.address, 'secret': 'hash'} in listed, f'list: {listed}')
    done(rig, 'user', 'rm', name)
    equal(registers(rig, 'maria', made, 33), 401, 'a user who is gone')
    refused(rig, 'no user maria', 'user', 'rm', name)
    refused(rig, 'no user maria', 'user', 'show', name)
    true(SECRET not in server.text() and made not in server.text(), 'no password in the log')


@case()
def names_that_are_no_names(rig):
    """Odd names are stored as they are, or refused with the reason; nothing becomes part of a statement."""
    rig.server('culvert')
    for user in ("o'x", '100%', 'a b', '"', "'; DROP TABLE subscriber; --", '🦔', 'x' * 64):
        done(rig, 'user', 'add', f'{user}@example.org', '--stdin', password='x')
        equal(json.loads(done(rig, '-j', 'user', 'show', f'{user}@example.org'))['users'][0]['user'], user, 'user')
    for name, pattern in (
        ('nobody', 'user@domain'), ('@example.org', '1 to 64'), ('a@b@example.org', 'neither @ nor :'),
        ('a:b@example.org', 'neither @ nor :'), ('a\tb@example.org', 'control'), ('a@exa mple.org', 'host name'),
        ('a@', 'host name'), ('a@' + 'd' * 65, 'host name'), ('x' * 10000 + '@example.org', '1 to 64'),
        ('x' * 65 + '@example.org', '1 to 64'), ("a@x'y", 'host name'), ('a@ex%41mple', 'host name'),
    ):  # fmt: skip
        refused(rig, pattern, 'user', 'add', name, '--stdin', password='x')
    answer = ask_directly(rig, 'user.add', 'a\0b@example.org', '0' * 32, '0' * 32, '0' * 64)
    true('error' in answer, f'NUL: {answer}')
    answer = ask_directly(rig, 'user.add', 'a@example.org', "0' OR 1", '0' * 32, '0' * 64)
    matches(answer['error']['message'], 'hashes', 'no hash')
    for password, pattern in (('', 'empty'), ('x' * 129, '128 bytes'), ('a\x1bb', 'control')):
        refused(rig, pattern, 'user', 'add', 'p@example.org', '--stdin', password=password or '\n')
    refused(rig, 'never stands on the command line', 'user', 'add', 'p@example.org', 'secret', '--stdin', password='x')
    equal(len(rows(rig, "SELECT 1 FROM subscriber WHERE domain = 'example.org'")), 7, 'users')


def ask_directly(rig, method, *params):
    return Control(rig.folder / 'culvert.sock').request(method, *params)


@case()
def password_from_a_terminal(rig):
    """Asked for twice and not echoed; two different ones change nothing."""
    rig.server('culvert')
    for answers, code in ((b'geheim\ngeheim\n', 0), (b'geheim\nandere\n', 1)):
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(rig.build / 'culvertctl', ['culvertctl', '-s', str(rig.folder / 'culvert.sock'), 'user', 'add', f'tty{code}@x.org'])
        shown = b''
        for answer in answers.splitlines(keepends=True):
            while not shown.endswith(b': '):
                shown += os.read(terminal, 100)
            os.write(terminal, answer)
            shown += os.read(terminal, 100)
        try:
            while chunk := os.read(terminal, 1000):
                shown += chunk
        except OSError:  # the terminal's other end is closed
            pass
        os.close(terminal)
        equal(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), code, f'exit code: {shown}')
        true(b'geheim' not in shown and b'andere' not in shown, f'no echo: {shown}')
    equal(rows(rig, "SELECT username FROM subscriber WHERE domain = 'x.org'"), [('tty0',)], 'users')


@case()
def clear_passwords(rig):
    """--keep-password keeps it; a server that reads clear passwords insists on it."""
    rig.server('culvert', after='modparam("auth_db", "calculate_ha1", 1)\nmodparam("auth_db", "password_column", "password")\n')
    name = f'klar@{rig.address}'
    refused(rig, '--keep-password', 'user', 'add', name, '--stdin', password='wort')
    done(rig, 'user', 'add', name, '--stdin', '--keep-password', password='wort')
    equal(rows(rig, "SELECT password FROM subscriber WHERE username = 'klar'"), [('wort',)], 'row')
    equal(registers(rig, 'klar', 'wort'), 200, 'REGISTER')


@case()
def domains_and_aliases(rig):
    """They count at once; each once; and go again."""
    server = rig.server('culvert', after=MODULES)
    done(rig, 'domain', 'add', 'Example.ORG')
    equal(server.ask('domain.dump')['domains'], ['example.org'], 'domains in memory')
    refused(rig, 'already', 'domain', 'add', 'example.org')
    refused(rig, 'host name', 'domain', 'add', 'exa mple')
    equal(json.loads(done(rig, '-j', 'domain', 'list'))['domains'], ['example.org'], 'list')
    done(rig, 'domain', 'rm', 'example.org')
    done(rig, 'domain', 'reload')
    equal(server.ask('domain.dump')['domains'], [], 'domains in memory')
    refused(rig, 'no domain', 'domain', 'rm', 'example.org')
    done(rig, 'alias', 'add', 'chef@example.org', 'maria@example.org')
    refused(rig, 'already', 'alias', 'add', 'chef@example.org', 'otto@example.org')
    refused(rig, 'user@domain', 'alias', 'add', 'chef@example.org', 'otto')
    pair = {'alias': 'chef@example.org', 'user': 'maria@example.org'}
    equal(json.loads(done(rig, '-j', 'alias', 'list', 'maria@example.org'))['aliases'], [pair], 'list of a user')
    equal(json.loads(done(rig, '-j', 'alias', 'list', 'otto@example.org'))['aliases'], [], 'list of another')
    done(rig, 'alias', 'rm', 'chef@example.org')
    refused(rig, 'no alias', 'alias', 'rm', 'chef@example.org')


@case()
def without_a_server(rig):
    """--db: the same on a database; a server that starts later knows them."""
    target = ('--db', f'sqlite://{rig.folder}/culvert.db')
    name = f'maria@{rig.address}'
    done(rig, 'user', 'add', name, '--stdin', password=SECRET, target=target)
    done(rig, 'domain', 'add', 'example.org', target=target)
    refused(rig, 'there is a user', 'user', 'add', name, '--stdin', password='x', target=target)
    refused(rig, '--db URL', 'user', 'list')
    refused(rig, 'no such command', 'user', 'frobnicate', target=target)
    rig.server('culvert')
    equal(registers(rig, 'maria', SECRET), 200, 'REGISTER')
