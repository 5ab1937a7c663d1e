# SPDX-License-Identifier: Apache-2.0
"""Switches, the check of scripts, exit codes."""
from rig.case import case, equal, lacks, matches
from rig.rig import CONFIGS


@case()
def check_accepts(rig):
    """-c says ok and exits 0 for every configuration that we ship."""
    for name, path in CONFIGS.items():
        done = rig.command('-c', '-f', path)
        equal((done.returncode, done.stdout), (0, ''), f'-c of {name}: {done.stderr}')
        matches(done.stderr, 'config file ok', f'-c of {name}')


@case()
def check_reports(rig):
    """-c exits 255 for a bad script; each error has file:line:column, the line and a caret."""
    script = rig.script('#!culvert\nloadmodule "sl"\nrequest_route {\n\tsl_send_repyl("200", "OK");\n\tnonsense();\n}\n')
    done = rig.command('-c', '-f', script)
    equal(done.returncode, 255, 'exit code')
    matches(done.stderr, rf'^{script}:4:2: error: .*sl_send_repyl', 'first error')
    matches(done.stderr, r'^    \tsl_send_repyl\("200", "OK"\);\n    \t\^', 'source line and caret')
    matches(done.stderr, rf'^{script}:5:2: error: ', 'second error')


@case()
def check_needs_a_file(rig):
    """A script that is not there is named."""
    done = rig.command('-c', '-f', 'nowhere.cfg')
    equal(done.returncode, 255, 'exit code')
    matches(done.stderr, r'cannot read nowhere\.cfg', 'message')


@case()
def check_reads_stdin(rig):
    """-f - is standard input."""
    with CONFIGS['automatic'].open() as script:
        done = rig.command('-c', '-f', '-', stdin=script)
    equal(done.returncode, 0, f'exit code: {done.stderr}')


@case()
def check_touches_nothing(rig):
    """-c makes no file, takes no port and needs no running database."""
    server = rig.server()
    files = set(rig.folder.iterdir())
    done = rig.command('-c', '-f', rig.folder / 'script0.cfg', '-l', f'{rig.address}:5060', '-w', rig.folder)
    equal(done.returncode, 0, f'exit code beside a running server: {done.stderr}')
    equal(set(rig.folder.iterdir()), files, 'files')
    equal(server.stats()['core.requests'], 0, 'the running server is left alone')


@case()
def help_and_version(rig):
    """-h and -V print to standard output and exit 0."""
    for switch, pattern in (('-h', '^usage: culvert'), ('--help', '^usage:'), ('-V', r'^culvert \d'), ('--version', r'^culvert')):
        done = rig.command(switch)
        equal((done.returncode, done.stderr), (0, ''), switch)
        matches(done.stdout, pattern, switch)


@case()
def unknown_switches(rig):
    """A switch nobody knows, a missing value, a stray word: exit 1 and a hint."""
    for words in (['-Z'], ['--nonsense'], ['-f'], ['start'], ['-n', '0'], ['-n', 'many'], ['-l', 'udp:1.2.3.4:99999']):
        done = rig.command(*words)
        equal(done.returncode, 1, f'{words}: exit code')
        matches(done.stderr, 'culvert: ', f'{words}: message')


@case()
def lines_from_the_command_line(rig):
    """-A, --substdef, --loadmodule and --modparam stand in the script; their errors name the command line."""
    script = rig.script('#!KAMAILIO\n#!ifdef WITH_SL\nloadmodule "sl"\n#!endif\nrequest_route { sl_send_reply("200", "REASON"); }\n')
    done = rig.command('-c', '-f', script)
    equal(done.returncode, 255, 'without the definition')
    for words in (['-A', 'WITH_SL'], ['-A', 'WITH_SL=1', '--substdef=/REASON/Fine/'], ['--loadmodule=sl', '--modparam=sl:default_code:i:500']):
        done = rig.command('-c', '-f', script, *words)
        equal(done.returncode, 0, f'{words}: {done.stderr}')
    done = rig.command('-c', '-f', script, '-A', 'WITH_SL', '--modparam=sl:nonsense:i:1')
    matches(done.stderr, r'^command line:1:1: error: module sl has no parameter "nonsense"', 'message')
    done = rig.command('-c', '-f', script, '--modparam=sl')
    matches(done.stderr, r'write it as module:name', 'form of --modparam')


@case()
def switches_of_others(rig):
    """Switches of OpenSER and Kamailio without a meaning here change nothing."""
    words = '-m 64 -M 8 -x fm -X qm -N 4 -W epoll_lt -b 262144 -r -R -v -K -S -e -O 8 -a no -A DEF=1 --atexit=no'.split()
    done = rig.command('-c', '-f', CONFIGS['automatic'], *words)
    equal(done.returncode, 0, f'exit code: {done.stderr}')
    lacks(done.stderr, 'error', 'message')
    server = rig.server('automatic', *words)
    equal(server.is_alive(), True, 'running')


@case()
def debug_switch(rig):
    """Each -d logs more."""
    texts = []
    for host, words in ((11, []), (12, ['-d', '-d', '-d', '-d'])):
        server = rig.server('automatic', *words)
        rig.phone(host).register()
        server.stop()
        texts.append(server.text())
    equal(len(texts[0]) * 2 < len(texts[1]), True, f'the log grows: {texts}')
