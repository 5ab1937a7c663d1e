# SPDX-License-Identifier: Apache-2.0
"""Records of calls: each call made has its rows, once, whatever becomes of the database and of the server."""
import signal
import sqlite3

from cases.calls import CALLEE, CALLER, register_callee, start_callee
from rig.case import case, equal, true
from rig.sipp import Sipp
from rig.wait import wait_until

ACCOUNTING = """#!KAMAILIO
loadmodule "tm"
loadmodule "sl"
loadmodule "rr"
loadmodule "pv"
loadmodule "usrloc"
loadmodule "registrar"
loadmodule "siputils"
loadmodule "textops"
loadmodule "dialog"
loadmodule "acc"
modparam("tm", "T1_timer", 100)
modparam("usrloc", "db_mode", 1)
modparam("acc", "db_flag", 1)
modparam("acc", "log_flag", 1)
modparam("acc", "db_extra", "src_user=$fU;dst_user=$rU")
modparam("acc", "cdr_enable", 1)
modparam("acc", "cdrs_table", "acc_cdrs")
request_route {
    if (is_method("REGISTER")) { save("location"); exit; }
    if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
    if (has_totag()) { loose_route(); setflag(1); t_relay(); exit; }
    record_route();
    setflag(1);
    dlg_manage();
    if (!lookup("location")) { sl_send_reply("404", "Not found"); exit; }
    t_relay();
}
"""


def ask(rig, sql):
    with sqlite3.connect(rig.folder / 'culvert.db') as database:
        return database.execute(sql).fetchall()


def start_calls(rig, calls, rate):
    return Sipp(
        rig, 'caller', (rig.host(CALLER), 5060), (rig.address, 5060), ('alice', rig.address), 'udp',
        ['-s', 'bob', '-m', calls, '-r', rate, '-l', 3000, '-d', 200],
    )  # fmt: skip


def status(server):
    return server.ask('acc.status')


def wait_until_written(server, seconds=60):
    wait_until('all records are in the database', lambda: not status(server)['waiting'], seconds)


def expect_each_once(rig, calls):
    """An INVITE and a BYE of each call, no less and no more, and a CDR."""
    rows = ask(rig, 'SELECT method, sip_code, src_user, COUNT(*), COUNT(DISTINCT callid) FROM acc GROUP BY method, sip_code, src_user ORDER BY method')
    equal(rows, [('BYE', '200', 'alice', calls, calls), ('INVITE', '200', 'alice', calls, calls)], 'rows of acc')
    equal(ask(rig, 'SELECT COUNT(*), MIN(duration) > 0.1 FROM acc_cdrs'), [(calls, 1)], 'CDRs')


def set_up(rig):
    server = rig.server(ACCOUNTING)
    register_callee(rig, rig.host(CALLEE), (rig.address, 5060))
    start_callee(rig, rig.host(CALLEE), (rig.address, 5060))
    return server


@case()
def rows_equal_calls(rig):
    """A hundred calls by SIPp: their rows and their lines in the log; a clean end leaves nothing in the spool."""
    server = set_up(rig)
    start_calls(rig, 100, 50).finish(60)
    wait_until('calls are over', lambda: not server.stats()['dialog.active_dialogs'])
    server.stop()
    expect_each_once(rig, 100)
    equal(server.text().count('ACC: transaction answered: '), 200, 'lines of the log')
    true((rig.folder / 'culvert-acc.spool').stat().st_size < 64, 'an empty spool')


@case()
def a_locked_database_is_waited_for(rig):
    """Somebody holds the database in the middle of the calls: they go on, and every record arrives, once."""
    server = set_up(rig)
    calling = start_calls(rig, 200, 50)
    wait_until('there are rows', lambda: ask(rig, 'SELECT COUNT(*) FROM acc')[0][0] > 20)
    other = sqlite3.connect(rig.folder / 'culvert.db', isolation_level=None)
    other.execute('BEGIN IMMEDIATE')
    calling.finish(60)
    true(status(server)['waiting'] > 0, 'records wait')
    other.execute('COMMIT')
    wait_until_written(server)
    expect_each_once(rig, 200)


@case()
def deaths_lose_nothing(rig):
    """kill -9 while records wait, and another one while they are written: after the last start all are there, once."""
    server = set_up(rig)
    calls = 100
    other = sqlite3.connect(rig.folder / 'culvert.db', isolation_level=None)
    other.execute('BEGIN IMMEDIATE')
    start_calls(rig, calls, 100).finish(60)
    wait_until('calls are over', lambda: not server.stats()['dialog.active_dialogs'])
    wait_until('records wait in the spool', lambda: status(server)['waiting'] >= 3 * calls)
    for locked in (True, False):
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        server.process = None
        if locked:
            other.execute('COMMIT')
        server.start()
        wait_until('records are written', lambda: ask(rig, 'SELECT COUNT(*) FROM acc')[0][0])
    wait_until_written(server)
    expect_each_once(rig, calls)
