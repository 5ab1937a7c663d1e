#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the daemon as its users do: command line, phones made by SIPp, hostile peers, restarts.

usage: run.py BUILD quick|all [CASE...]      CASE is a part of a name
       run.py BUILD --list
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from rig.case import CASES  # noqa: E402
from rig.runner import run_cases  # noqa: E402
import cases  # noqa: E402, F401  the import fills CASES


def main(arguments):
    if len(arguments) < 2:
        sys.exit(__doc__)
    build, extent, *words = arguments
    if extent == '--list':
        print('\n'.join(f'{case.name:<34} {case.extent:<6} {case.about}' for case in CASES))
        return 0
    chosen = [case for case in CASES if extent == 'all' or case.extent == 'quick']
    if words:
        chosen = [case for case in CASES if any(word in case.name for word in words)]
    passed, failed, skipped = run_cases(chosen, Path(build).resolve(), extent)
    print(f'{passed} passed, {failed} failed' + (f', {skipped} skipped' if skipped else ''))
    return 1 if failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
