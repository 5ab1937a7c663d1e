#!/usr/bin/env python3
"""Runs the test suites of a build folder and closes with one line: `N passed, N failed`.

usage: run.py BUILD quick|all
"""
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CLOSING = re.compile(r'^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$', re.M)


def run(command):
    print('+', ' '.join(map(str, command)), flush=True)
    return subprocess.run(list(map(str, command)), cwd=ROOT).returncode


def run_shown(command):
    """Runs a command that prints a closing line; shows its output as it comes."""
    print('+', ' '.join(map(str, command)), flush=True)
    process = subprocess.Popen(list(map(str, command)), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    lines = []
    for line in process.stdout:
        print(line, end='', flush=True)
        lines.append(line)
    process.wait()
    found = CLOSING.findall(''.join(lines))
    if not found:
        return 0, 1, 0
    passed, failed, skipped = (int(number or 0) for number in found[-1])
    return passed, max(failed, int(process.returncode != 0)), skipped


def meson_counts(build):
    """Passed, failed and skipped of the last `meson test`."""
    log = build / 'meson-logs' / 'testlog.json'
    results = [json.loads(line)['result'] for line in log.read_text().splitlines() if line]
    skipped = results.count('SKIP') + results.count('EXPECTEDFAIL')  # the latter: known and open
    passed = results.count('OK')
    return passed, len(results) - passed - skipped, skipped


def meson_tests(build, extent):
    os.environ['CULVERT_EXTENT'] = extent  # tests that take samples take everything in a full run
    if run(['ninja', '-C', build]):
        return 0, 1, 0
    run(['meson', 'test', '-C', build, '--print-errorlogs', '--timeout-multiplier', '4' if extent == 'quick' else '20'])
    return meson_counts(build)


def has_namespaces():
    return os.geteuid() == 0 and subprocess.run(['unshare', '-n', 'true'], capture_output=True).returncode == 0


def lab_tests(build, extent):
    if not has_namespaces():
        print('lab: skipped, it needs root and network namespaces')
        return 0, 0, 1
    quick = ['--quick'] if extent == 'quick' else []
    os.environ['CULVERT_BUILD'] = str(build)
    return run_shown([sys.executable, 'tests/lab/run.py', '--jobs', '4', *quick])


def system_tests(build, extent):
    return run_shown([sys.executable, 'tests/system/run.py', build, extent])


def differential_tests(build):
    return run_shown([sys.executable, 'tests/differential/differential.py', 'check', build])


def page_tests(build):
    is_wrong = run([sys.executable, 'tests/check/check.py', 'docs', build])
    return int(not is_wrong), int(is_wrong != 0), 0


def main(build, extent):
    build = pathlib.Path(build).resolve()
    counts = [meson_tests(build, extent)]
    if counts[0][1] == 0 or (build / 'culvert').exists():
        counts.append(page_tests(build))
        counts.append(differential_tests(build))
        counts.append(system_tests(build, extent))
        counts.append(lab_tests(build, extent))
    passed, failed, skipped = map(sum, zip(*counts))
    print(f'{passed} passed, {failed} failed' + (f', {skipped} skipped' if skipped else ''))
    return 1 if failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:3]))
