# SPDX-License-Identifier: Apache-2.0
"""The log: what lines look like, and that nobody waits for it."""
import os

from rig.case import case, equal, true

CHATTY = """#!KAMAILIO
loadmodule "sl"
loadmodule "xlog"
request_route {
    $var(i) = 0;
    while ($var(i) < 50) { xlog("L_ERR", "%s"); $var(i) = $var(i) + 1; }
    sl_send_reply("200", "OK");
}
""" % ('x' * 4000)


@case()
def nobody_waits_for_the_log(rig):
    """A log that nobody reads: requests are answered; once it is read, it says what was lost, as a counter does."""
    script = rig.folder / 'chatty.cfg'
    script.write_text(CHATTY)
    reading, writing = os.pipe()
    _, daemon = rig.background(script, '-E', stderr=writing)
    os.close(writing)
    phone = rig.phone(11)
    for _ in range(10):
        equal(phone.ask('OPTIONS', f'sip:x@{rig.address}').status, 200, 'OPTIONS while the log is stuck')
    log = b''
    while b' lines of the log were lost' not in log:
        log += os.read(reading, 65536)
    lost = daemon.control.ask('stats')['core.log_lines_lost']
    true(lost > 0, 'lost lines are counted')
    os.close(reading)


TALKATIVE = """#!KAMAILIO
loadmodule "sl"
loadmodule "xlog"
modparam("xlog", "prefix", "[$ci] ")
modparam("xlog", "prefix_mode", 1)
modparam("xlog", "long_format", 1)
modparam("xlog", "buf_size", 20)
modparam("xlog", "methods_filter", 512)
modparam("xlog", "log_colors", "L_WARN=px")
request_route {
    xlogl("here\\n");
    xlog("L_WARN", "two\\nlines");
    xlog("LOG_LOCAL1", "L_NOTICE", "0123456789012345678901234567890123456789");
    xlogm("L_ERR", "OPTIONS are filtered");
    sl_send_reply("200", "OK");
}
"""


@case()
def lines_of_xlog_look_as_told(rig):
    """Prefix with variables, file and line, colours of a level, a text that is cut, a method that is left out."""
    script, log = rig.folder / 'talkative.cfg', rig.folder / 'stderr.log'
    script.write_text(TALKATIVE)
    with log.open('w') as stderr:
        _, daemon = rig.background(script, '-E', stderr=stderr)
    reply = rig.phone(11).ask('OPTIONS', f'sip:x@{rig.address}')
    daemon.stop()
    call = reply.get('Call-ID')
    lines = log.read_text().split('\n')
    for line in (
        f'error: [{call}] {script}:11:here',
        f'warning: \33[0;35;49m[{call}] two\\x0alines\33[0;39;49m',
        f'notice: [{call}] 01234567890123456789',
    ):
        true(line in lines, f'{line!r} is in the log')
    equal([line for line in lines if 'filtered' in line], [], 'what methods_filter leaves out')
