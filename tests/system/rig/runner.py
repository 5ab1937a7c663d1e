# SPDX-License-Identifier: Apache-2.0
"""Runs cases: most of them side by side, those that measure one after the other."""
import shutil
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from rig.case import Failure, Skip
from rig.rig import Rig

SIDE_BY_SIDE = 4  # they mostly wait
LOG_LINES_SHOWN = 25


def log_tails(folder):
    """The last lines of every log that a failed case left."""
    tails = []
    for log in sorted(folder.glob('*.log')):
        lines = log.read_text(errors='replace').splitlines()[-LOG_LINES_SHOWN:]
        tails.append(f'-- {log.name}\n' + '\n'.join(lines))
    return tails


def attempt(case, rig):
    """Why it failed, or None; and what it says of itself. The rig is closed either way, and may find fault itself."""
    remark = None
    try:
        try:
            remark = case.run(rig)
        finally:
            rig.close()
    except Failure as failure:
        return str(failure), None
    except Skip:
        raise
    except Exception:  # a bug in the case, or in what it called
        return traceback.format_exc(), None
    return None, remark


def run_case(case, build, extent, folder):
    started = time.monotonic()
    folder.mkdir()
    try:
        reason, remark = attempt(case, Rig(build, extent, folder))
        verdict = f'FAIL: {reason}' if reason else f'PASS: {remark}' if remark else 'PASS'
    except Skip as skip:
        reason, verdict = None, f'SKIP: {skip}'
    lines = [f'{case.name:<40} {time.monotonic() - started:6.1f} s  {verdict}']
    if reason:
        lines += ['    ' + line for tail in log_tails(folder) for line in tail.splitlines()]
    print('\n'.join(lines), flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    return verdict[:4]


def run_cases(cases, build, extent):
    """Passed, failed, skipped."""
    verdicts = []
    with tempfile.TemporaryDirectory(prefix='culvert-system-') as name:
        top = Path(name)
        top.chmod(0o755)  # servers that drop privileges look into it
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            waiting = [
                pool.submit(run_case, case, build, extent, top / str(index))
                for index, case in enumerate(cases)
                if not case.is_alone
            ]
            verdicts += [done.result() for done in as_completed(waiting)]
        for index, case in enumerate(cases):
            if case.is_alone:
                verdicts.append(run_case(case, build, extent, top / str(index)))
    return tuple(verdicts.count(verdict) for verdict in ('PASS', 'FAIL', 'SKIP'))
