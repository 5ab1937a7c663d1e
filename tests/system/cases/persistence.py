# SPDX-License-Identifier: Apache-2.0
"""What survives a restart, and databases that are no good."""
import os
import signal
import sqlite3
import time

from rig.case import Skip, case, equal, matches, true
from rig.registrations import Registrations

EAGER = 'modparam("registrar", "min_expires", 1)\nmodparam("usrloc", "timer_interval", 1)\n'
WITH_DATABASE = 'modparam("usrloc", "db_mode", %d)\n'


def restart(rig, server, **more):
    server.stop()
    server.close()
    return rig.server(**more)


def reaches(caller, callee, what):
    caller.new_call()
    caller.send(caller.request('INVITE', callee.aor))
    callee.reply(callee.expect('INVITE'), 486, 'Busy Here')
    equal(caller.final('INVITE').status, 486, what)


@case()
def bindings_survive(rig):
    """db_mode 1 and 2: after a restart a call reaches the phone on its flow, whatever its Contact says."""
    for mode in (1, 2):
        more = {'after': WITH_DATABASE % mode}
        server = rig.server(**more)
        caller, callee = rig.phone(11), rig.phone(12, 'bob', port=0)
        equal(callee.register(headers=['Contact: <sip:bob@10.255.255.1:5060>']).status, 200, 'REGISTER')
        before = server.ask('bindings')['bindings']
        server = restart(rig, server, **more)
        after = bindings_of(server)
        for name in ('aor', 'contact', 'flow', 'call_id', 'cseq', 'user_agent', 'ruid'):
            equal(after[0][name], before[0][name], f'db_mode {mode}: {name}')
        reaches(caller, callee, f'db_mode {mode}: INVITE after the restart')
        equal(callee.register(0).status, 200, 'REGISTER of nothing')
        server = restart(rig, server, **more)
        server.stop()
        for phone in (caller, callee):
            phone.close()


@case()
def bindings_survive_a_crash(rig):
    """db_mode 1: what was answered is there after kill -9, and phones are reached."""
    more = {'after': WITH_DATABASE % 1}
    server = rig.server(**more)
    phones = [rig.phone(20 + number, f'user{number}') for number in range(20)]
    for phone in phones:
        equal(phone.register().status, 200, 'REGISTER')
    kill(server)
    server = rig.server(**more)
    equal(len(bindings_of(server)), 20, 'bindings')
    reaches(phones[0], phones[1], 'INVITE after the crash')


def bindings_of(server):
    """All of them, also those that are still being loaded."""
    server.wait_for('bindings are loaded', lambda stats: not stats['usrloc.loading'])
    return server.ask('bindings')['bindings']


def kill(server):
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    server.process = None


def check_acknowledged(server, phones, what):
    """Every binding that was answered 200 is there, as new as it was; what was given up is not."""
    there = {binding['aor'].partition('@')[0]: binding['cseq'] for binding in bindings_of(server)}
    lost = {user: kept for user, kept in phones.acknowledged.items() if kept[1] and there.get(user, 0) < kept[0]}
    risen = {user: kept for user, kept in phones.acknowledged.items() if not kept[1] and user in there}
    true(len(phones.acknowledged) > 100, f'{what}: so many were acknowledged: {len(phones.acknowledged)}')
    equal(lost, {}, f'{what}: acknowledged and lost')
    equal(risen, {}, f'{what}: given up, and back')


def crash_rounds(rig, users, gone_each, rounds, seconds):
    more = {'after': WITH_DATABASE % 1}
    server = rig.server(**more)
    phones = rig.keep(Registrations((rig.host(9), 0), (rig.address, 5060), users, gone_each))
    for number in range(rounds):
        phones.run(500, seconds)
        kill(server)
        phones.listen()
        phones.forget_waiting()
        server = rig.server(**more)
        check_acknowledged(server, phones, f'round {number}')
    equal(phones.refused, 0, 'refusals')


@case()
def acknowledged_is_kept(rig):
    """kill -9 under 500 REGISTERs a second: what was answered is there after the restart."""
    crash_rounds(rig, users=100000, gone_each=0, rounds=rig.quick_or_all(2, 8), seconds=rig.quick_or_all(1.5, 10))


@case()
def acknowledged_refreshes_are_kept(rig):
    """The same with few users who refresh, and take every seventh binding away."""
    crash_rounds(rig, users=211, gone_each=7, rounds=rig.quick_or_all(2, 8), seconds=rig.quick_or_all(1.5, 10))


@case()
def torn_write(rig):
    """A log that ends in the middle of a write: the server starts, with all but what that write was for."""
    more = {'after': WITH_DATABASE % 1}
    server = rig.server(**more)
    phones = rig.keep(Registrations((rig.host(9), 0), (rig.address, 5060), 300))
    phones.run(200, 1)
    phones.settle()
    kill(server)
    log = rig.folder / 'culvert.db-wal'
    with log.open('r+b') as tail:
        tail.truncate(log.stat().st_size - 100)
    server = rig.server(**more)
    there = {binding['aor'].partition('@')[0] for binding in bindings_of(server)}
    lost = set(phones.acknowledged) - there
    true(there and len(lost) < 50, f'one write is lost, not more: {len(lost)} of {len(phones.acknowledged)}')


@case()
def full_disk_is_admitted(rig):
    """With the embedded database a REGISTER that cannot be written is refused, or not, as db_needed says."""
    for needed, status in ((-1, 500), (0, 200)):
        more = {'after': WITH_DATABASE % 1 + f'modparam("usrloc", "db_needed", {needed})\n'}
        server = rig.server(**more)
        phone = rig.phone(11, f'user{status}', port=0)
        equal(phone.register().status, 200, 'REGISTER')
        with sqlite3.connect(rig.folder / 'culvert.db', isolation_level=None) as other:
            other.execute('CREATE TRIGGER full BEFORE UPDATE ON location BEGIN SELECT RAISE(FAIL, "no"); END')
            equal(phone.register().status, status, f'db_needed {needed}: REGISTER that cannot be written')
            other.execute('DROP TRIGGER full')
        other.close()
        equal(phone.register().status, 200, 'REGISTER when it can be written again')
        unwritten = 0 if needed else 1
        server.wait_for('the counter', lambda stats: stats['usrloc.unwritten'] == unwritten)
        server.stop()
        server.close()


@case()
def removed_bindings_stay_removed(rig):
    """A binding given up before the restart does not come back; an expired one neither."""
    more = {'after': WITH_DATABASE % 1 + EAGER}
    server = rig.server(**more)
    alice, bob, carol = rig.phone(11), rig.phone(12, 'bob'), rig.phone(13, 'carol')
    for phone, expires in ((alice, 600), (bob, 600), (carol, 1)):
        equal(phone.register(expires).status, 200, 'REGISTER')
    bob.register(0)
    server.wait_for('an expired binding goes', lambda stats: stats['location.bindings'] == 1)
    server = restart(rig, server, **more)
    bindings = bindings_of(server)
    equal([binding['aor'].partition('@')[0] for binding in bindings], ['alice'], 'bindings')


@case()
def without_a_database(rig):
    """db_mode 0 keeps nothing, and makes no file."""
    server = rig.server()
    rig.phone(11).register()
    server = restart(rig, server)
    equal(server.ask('bindings')['bindings'], [], 'bindings')
    equal((rig.folder / 'culvert.db').exists(), False, 'database')


def start_failure(rig, *words, after=''):
    done, daemon = rig.background('culvert', *words)
    equal((done.returncode, daemon), (1, None), f'exit code: {done.stderr}')
    return done.stderr


@case()
def corrupt_database(rig):
    """A file that is no database, or a damaged one: the start fails and names it; the file is untouched."""
    path = rig.folder / 'culvert.db'
    path.write_bytes(b'this is no database' * 100)
    matches(start_failure(rig), r'culvert\.db', 'message')
    equal(path.read_bytes(), b'this is no database' * 100, 'the file')
    path.unlink()
    rig.server('culvert').stop()
    for name in ('culvert.db-wal', 'culvert.db-shm'):
        (rig.folder / name).unlink(missing_ok=True)
    with path.open('r+b') as database:
        database.seek(100)
        database.write(os.urandom(4000))
    matches(start_failure(rig), r'culvert\.db', 'message')


@case()
def damaged_database_is_replaced_when_told(rig):
    """--replace-damaged-database: the server starts, and the damaged file is kept as it was."""
    path = rig.folder / 'culvert.db'
    path.write_bytes(b'this is no database' * 100)
    matches(start_failure(rig), r'--replace-damaged-database', 'message')
    server = rig.server('automatic', '--replace-damaged-database', after=WITH_DATABASE % 1)
    equal(rig.phone(11).register().status, 200, 'REGISTER')
    kept = list(rig.folder.glob('culvert.db.damaged-*'))
    equal([one.read_bytes() for one in kept], [b'this is no database' * 100], 'kept files')
    matches(server.text(), kept[0].name, 'log')


def fill(path, count):
    """Rows of bindings that another server has written."""
    expires = time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(time.time() + 3600))
    now = time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime())
    rows = (
        (f'r{n}', f'u{n}', f'sip:u{n}@10.1.{n >> 8 & 255}.{n & 255}', expires, f'c{n}', now, f'udp:10.1.{n >> 8 & 255}.{n & 255}:5060')
        for n in range(count)
    )
    with sqlite3.connect(path) as database:
        database.executemany(
            'INSERT INTO location (ruid, username, contact, expires, callid, last_modified, flow) VALUES (?,?,?,?,?,?,?)', rows
        )
    database.close()


@case()
def nobody_is_missing_while_loading(rig):
    """Packets are answered while bindings are loaded, and who is not loaded yet is found."""
    count = rig.quick_or_all(100000, 1000000)
    more = {'after': WITH_DATABASE % 1}
    rig.server(**more).stop()
    fill(rig.folder / 'culvert.db', count)
    started = time.monotonic()
    server = rig.server(**more)
    phone, late = rig.phone(11), rig.phone(12, f'u{count - 1}')
    equal(server.stats()['usrloc.loading'], 1, 'still loading')
    equal(phone.ask('OPTIONS', f'sip:nobody@{rig.address}').status, 404, 'somebody who is not there')
    answer = late.register()
    equal((answer.status, answer.get('Contact').count('<sip:')), (200, 2), 'REGISTER beside a row that is not loaded')
    equal(server.stats()['usrloc.loading'], 1, 'loading all the time')
    bindings = bindings_of(server)
    seconds = time.monotonic() - started
    equal(len(bindings), count + 1, 'bindings')
    true(seconds < count / 1000000 * 60 + 10, f'loading {count} took {seconds:.1f} s')
    return f'{count} in {seconds:.1f} s'


@case()
def other_servers_bindings_are_found(rig):
    """db_mode 3: each lookup asks the database, where other servers write, and take away."""
    server = rig.server(after=WITH_DATABASE % 3)
    caller, callee = rig.phone(11), rig.phone(12, 'bob')
    path = rig.folder / 'culvert.db'
    row = f"'x-1', 'bob', 'sip:bob@{callee.own[0]}:5060', '2999-01-01 00:00:00', 'udp:{callee.own[0]}:5060'"
    caller.send(caller.request('INVITE', callee.aor))
    equal(caller.final('INVITE').status, 404, 'before')
    with sqlite3.connect(path) as other:
        other.execute(f'INSERT INTO location (ruid, username, contact, expires, flow) VALUES ({row})')
    reaches(caller, callee, 'INVITE to a binding of another server')
    with sqlite3.connect(path) as other:
        other.execute('DELETE FROM location')
    other.close()
    caller.new_call()
    caller.send(caller.request('INVITE', callee.aor))
    equal(caller.final('INVITE').status, 404, 'when it is gone')
    equal(callee.register().status, 200, 'REGISTER')
    reaches(caller, callee, 'INVITE to a binding of ours')
    equal(len(server.ask('bindings')['bindings']), 1, 'bindings')


@case()
def unreadable_database(rig):
    """A database of somebody else: the start fails and names it."""
    if os.geteuid() != 0:
        raise Skip('needs root')
    rig.server('culvert').stop()
    (rig.folder / 'culvert.db').chmod(0o600)
    os.chown(rig.folder, 65534, 65534)
    for name in rig.folder.iterdir():
        if name.name != 'culvert.db':
            os.chown(name, 65534, 65534)
    text = start_failure(rig, '-u', 'nobody')
    matches(text, r'culvert\.db', 'message')


@case()
def database_is_a_folder(rig):
    """A folder in its place: the start fails and names it."""
    rig.make_folder('culvert.db')
    matches(start_failure(rig), r'culvert\.db', 'message')


@case()
def busy_database(rig):
    """Another program that holds the database for a moment costs no registration."""
    server = rig.server(after=WITH_DATABASE % 1)
    phone = rig.phone(11)
    phone.register()
    with sqlite3.connect(rig.folder / 'culvert.db', isolation_level=None) as other:
        other.execute('BEGIN EXCLUSIVE')
        phone.send(phone.request('REGISTER', f'sip:{phone.domain}', to=phone.aor, headers=['Expires: 600']))
        equal(rig.phone(12).ask('OPTIONS', f'sip:x@{rig.address}').status, 404, 'others are served meanwhile')
        other.execute('ROLLBACK')
    other.close()
    equal(phone.final('REGISTER', 10).status, 200, 'REGISTER')
    true(server.is_alive(), 'server')
