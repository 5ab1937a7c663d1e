# SPDX-License-Identifier: Apache-2.0
"""Databases of their own: tables, bindings that survive, and what happens while they are dead."""
import statistics
import time

from rig.case import case, equal, lacks, matches, true, within
from rig.databases import Database
from rig.wait import wait_until

KINDS = ('postgres', 'mysql')
MODE = 'modparam("usrloc", "db_mode", %d)\nmodparam("usrloc", "timer_interval", 1)\nmodparam("usrloc", "db_url", "%s")\n'

OPENSER_LOCATION = """CREATE TABLE location ({id}, username VARCHAR(64) DEFAULT '' NOT NULL, domain VARCHAR(64) DEFAULT NULL,
contact VARCHAR(255) DEFAULT '' NOT NULL, received VARCHAR(128) DEFAULT NULL, path VARCHAR(128) DEFAULT NULL,
expires {time} DEFAULT '2020-05-28 21:32:15' NOT NULL, q {float} DEFAULT 1.0 NOT NULL,
callid VARCHAR(255) DEFAULT 'Default-Call-ID' NOT NULL, cseq INTEGER DEFAULT 13 NOT NULL,
last_modified {time} DEFAULT '1900-01-01 00:00:01' NOT NULL, flags INTEGER DEFAULT 0 NOT NULL,
cflags INTEGER DEFAULT 0 NOT NULL, user_agent VARCHAR(255) DEFAULT '' NOT NULL, socket VARCHAR(64) DEFAULT NULL,
methods INTEGER DEFAULT NULL)"""
TYPES = {
    'postgres': {'id': 'id SERIAL PRIMARY KEY NOT NULL', 'time': 'TIMESTAMP WITHOUT TIME ZONE', 'float': 'REAL'},
    'mysql': {'id': 'id INT(10) UNSIGNED AUTO_INCREMENT PRIMARY KEY NOT NULL', 'time': 'DATETIME', 'float': 'FLOAT(10,2)'},
}


def settings(database, mode=2):
    """The apostrophe of the password is a test too."""
    return MODE % (mode, database.url)


def restart(rig, server, **more):
    server.stop()
    server.close()
    return rig.server(**more)


def call_seconds(caller, callee):
    """How long an INVITE takes to the callee and its answer back."""
    caller.new_call()
    start = time.monotonic()
    caller.send(caller.request('INVITE', callee.aor))
    callee.reply(callee.expect('INVITE'), 486, 'Busy Here')
    equal(caller.final('INVITE').status, 486, 'INVITE')
    return time.monotonic() - start


def wait_for_rows(server, database, count, seconds=20):
    server.wait_for('rows are written', lambda stats: not stats['usrloc.waiting'], seconds)
    deadline = time.monotonic() + seconds
    while database.number('SELECT count(*) FROM location') != count and time.monotonic() < deadline:
        time.sleep(0.1)
    equal(database.number('SELECT count(*) FROM location'), count, 'rows')


def wait_for_bindings(server, count, what):
    """They are loaded while the server works."""
    wait_until(what, lambda: len(server.ask('bindings')['bindings']) == count)


@case()
def bindings_survive_in_a_database(rig):
    """PostgreSQL and MySQL: bindings are rows, change with them, and are there after a restart."""
    for kind in KINDS:
        database = Database(rig, kind)
        more = {'after': settings(database, 1)}
        server = rig.server(**more)
        caller, callee = rig.phone(11), rig.phone(12, 'bob', port=0)
        for _ in range(2):
            equal(callee.register(headers=['Contact: <sip:bob@10.255.255.1:5060>']).status, 200, 'REGISTER')
        wait_for_rows(server, database, 1)
        server = restart(rig, server, **more)
        wait_for_bindings(server, 1, f'{kind}: bindings after the restart')
        call_seconds(caller, callee)
        equal(callee.register(0, headers=['Contact: <sip:bob@10.255.255.1:5060>']).status, 200, 'REGISTER of nothing')
        wait_for_rows(server, database, 0)
        server.stop()
        lacks(server.text(), 'secret', f'{kind}: a password in the log')
        server.close()
        for thing in (caller, callee, database):
            thing.close()


@case()
def tables_of_openser(rig):
    """A location table of OpenSER 1.3 is used as it is; db.migrate makes it Kamailio's, and keeps the rows."""
    for kind in KINDS:
        database = Database(rig, kind, has_tables=False)
        database.server.ask('CREATE TABLE version (table_name VARCHAR(32) NOT NULL, table_version INTEGER NOT NULL)', 'sip')
        database.server.ask(OPENSER_LOCATION.format(**TYPES[kind]), 'sip')
        database.server.ask("INSERT INTO version VALUES ('location', 1004)", 'sip')
        server = rig.server(after=settings(database, 1))
        callee = rig.phone(12, 'bob')
        for _ in range(3):
            equal(callee.register().status, 200, 'REGISTER')
        wait_for_rows(server, database, 1)
        server.stop()
        server.close()
        matches(database.tool('db.check').stdout, r'^location: version 1004, .* has no ruid', f'{kind}: db.check')
        done = database.tool('db.migrate')
        matches(done.stdout, r'^location: has ruid now', f'{kind}: db.migrate: {done.stderr}')
        matches(database.tool('db.check').stdout, r'^location: version 9, .* has all columns', f'{kind}: db.check')
        equal(database.tool('db.migrate').stdout, 'nothing is missing any more\n', f'{kind}: db.migrate again')
        equal(database.number("SELECT count(*) FROM location WHERE ruid LIKE 'row-%'"), 1, f'{kind}: keys')
        server = rig.server(after=settings(database, 1))
        wait_for_bindings(server, 1, f'{kind}: bindings')
        equal(callee.register(0).status, 200, 'REGISTER of nothing')
        wait_for_rows(server, database, 0)
        server.stop()
        server.close()
        callee.close()
        database.close()


@case()
def text_tables(rig):
    """db.import copies tables of dbtext; values with separators, escapes and nulls arrive."""
    folder = rig.make_folder('dbtext')
    (folder / 'version').write_text('table_name(string) table_version(int)\nsubscriber:6\n')
    (folder / 'README.txt').write_text('no table')
    (folder / 'subscriber').write_text(
        'id(int,auto) username(string) domain(string) password(string) timezone(string,null)\n'
        "1:alice:example.org:a\\:b\\\\c'd%s:\n"
        '2:b\xf6b:example.org:x:UTC\n'
        '3:alice:example.org:again:\n'
        '4:too:few\n'
    )
    (folder / 'grp').write_text('username(str) domain(str) grp(str)\ncarol:example.org:voicemail\n')
    for kind in KINDS:
        database = Database(rig, kind)
        done = database.tool('db.import', folder)
        equal(done.returncode, 1, f'{kind}: db.import')
        matches(done.stdout, r'^subscriber: 2 rows copied, 2 not', f'{kind}: db.import: {done.stderr}')
        matches(done.stdout, r'^grp: 1 rows copied$', f'{kind}: db.import')
        equal(database.ask("SELECT password FROM subscriber WHERE username = 'alice'")[0].replace('\\\\', '\\'), "a:b\\c'd%s", kind)
        equal(database.number("SELECT count(*) FROM subscriber WHERE timezone IS NULL"), 1, f'{kind}: nulls')
        database.close()


@case()
def no_database_at_the_start(rig):
    """The server starts; when the database comes, old bindings are loaded and new ones written."""
    for kind in KINDS:
        database = Database(rig, kind)
        more = {'after': settings(database)}
        server = rig.server(**more)
        old, new, moved = rig.phone(11), rig.phone(12, 'bob'), rig.phone(13, 'carol')
        for phone in (old, moved):
            equal(phone.register().status, 200, 'REGISTER')
        wait_for_rows(server, database, 2)
        server.stop()
        server.close()
        database.server.kill()
        server = rig.server(**more)
        for phone in (new, moved):
            equal(phone.register().status, 200, 'REGISTER without the database')
        call_seconds(new, moved)
        database.server.start()
        server.wait_for_log('have been loaded', 30)
        wait_for_rows(server, database, 3)
        wait_for_bindings(server, 3, f'{kind}: bindings')
        call_seconds(new, old)
        equal(server.text().count('cannot be used'), 1, f'{kind}: lines about the outage')
        equal(server.text().count('is back after'), 1, f'{kind}: lines about its end')
        server.stop()
        server.close()
        server.log.unlink()
        for thing in (old, new, moved, database):
            thing.close()


def ask_to_register(phone):
    """The answer may have to wait for the database."""
    phone.send(phone.request('REGISTER', f'sip:{phone.domain}', to=phone.aor, headers=['Expires: 600']))


def calls_go_on(rig, server, phones, what):
    """99 of 100 calls take less than 50 ms."""
    seconds = [call_seconds(phones[number % 20], phones[(number + 1) % 20]) for number in range(200)]
    p99 = statistics.quantiles(seconds, n=100)[98]
    print(f'{what}: p50 {statistics.median(seconds) * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms', flush=True)
    true(p99 < 0.05, f'{what}: p99 is {p99 * 1000:.0f} ms')


@case('all', alone=True)
def calls_while_the_database_is_dead(rig):
    """Killed or silent: registered users call each other as before; what was to be written arrives afterwards."""
    for kind in KINDS:
        for mode in (1, 2):
            database = Database(rig, kind)
            server = rig.server(after=settings(database, mode))
            phones = [rig.phone(20 + number, f'user{number}') for number in range(30)]
            for phone in phones[:20]:
                equal(phone.register().status, 200, 'REGISTER')
            wait_for_rows(server, database, 20)
            calls_go_on(rig, server, phones, f'{kind}, db_mode {mode}')
            for number, (hurt, heal) in enumerate((('kill', 'start'), ('pause', 'resume'))):
                getattr(database.server, hurt)()
                late = phones[20 + 5 * number : 25 + 5 * number]
                for phone in late:
                    ask_to_register(phone)
                calls_go_on(rig, server, phones, f'{kind}, db_mode {mode}, {hurt}')
                for phone in late:
                    equal(phone.final('REGISTER', 20).status, 200, f'REGISTER, {hurt}')
                time.sleep(8)  # until it was noticed: statements have five seconds
                calls_go_on(rig, server, phones, f'{kind}, db_mode {mode}, {hurt}, known')
                getattr(database.server, heal)()
                wait_for_rows(server, database, 25 + 5 * number, 40)
            server.stop()
            server.close()
            for thing in (*phones, database):
                thing.close()


@case('all', alone=True)
def stop_while_the_database_is_silent(rig):
    """The server ends in bounded time, and says what it could not write."""
    for kind in KINDS:
        database = Database(rig, kind)
        server = rig.server(after=settings(database))
        phone = rig.phone(11)
        database.server.pause()
        equal(phone.register().status, 200, 'REGISTER')
        start = time.monotonic()
        server.stop()
        within(time.monotonic() - start, 0, 20, f'{kind}: seconds to stop')
        matches(server.text(), r'1 bindings could not be written', f'{kind}: the log')
        server.close()
        server.log.unlink()
        phone.close()
        database.close()
