#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the NAT lab: real phones behind real NATs call each other through the server.

    run.py --list                      the cases
    run.py                             all cases under both configurations
    run.py --quick                     only those that take less than 15 s
    run.py hairpin --config automatic  one case under one configuration
    run.py clean                       removes what a killed run left behind
"""
from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
import tempfile
from pathlib import Path
from typing import Iterator

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lab.cases import CASES, Case  # noqa: E402
from lab.cleanup import FOLDER_PREFIX, remove_leftovers  # noqa: E402
from lab.runner import SERVERS, Options, Result, missing_requirements, run_cases  # noqa: E402
from lab.server import CONFIG_FILES, EXAMPLES, Config  # noqa: E402


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help="names of cases; `clean` alone only cleans up")
    parser.add_argument("--list", action="store_true", help="print the cases and end")
    parser.add_argument("--quick", action="store_true", help="only the cases that take less than 15 s")
    parser.add_argument("--config", choices=[*CONFIG_FILES, "both"], default="both")
    parser.add_argument("--examples", type=Path, default=EXAMPLES, help="folder with the two configuration files")
    parser.add_argument("--server", choices=SERVERS, default="culvert")
    parser.add_argument("--jobs", type=int, default=4, help="cases at once (default: 4)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep logs and recordings in DIR")
    parser.add_argument("--pcap", action="store_true", help="also capture the server's traffic; needs --keep")
    arguments = parser.parse_args()
    if arguments.pcap and not arguments.keep:
        parser.error("--pcap needs --keep DIR")
    return arguments


def choose_cases(arguments: argparse.Namespace) -> list[Case]:
    known = {case.name: case for case in CASES}
    unknown = [name for name in arguments.cases if name not in known]
    if unknown:
        sys.exit(f"no such case: {', '.join(unknown)}; `--list` shows them all")
    chosen = [known[name] for name in arguments.cases] or CASES
    return [case for case in chosen if case.quick or not arguments.quick]


def list_cases(cases: list[Case]) -> None:
    for case in cases:
        print(f"{case.name:<18} {'' if case.quick else 'long':<5} {case.about}")


def report(result: Result) -> None:
    verdict = "PASS" if result.passed else f"FAIL: {result.reason}"
    print(f"{result.name:<32} {result.seconds:6.1f} s  {verdict}", flush=True)
    for tail in result.log_tails:
        print("    " + tail.replace("\n", "\n    "), flush=True)


def stop_on_signals() -> None:
    """The first signal ends the run in order; further ones change nothing."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def stop() -> None:
        for number in numbers:
            loop.add_signal_handler(number, lambda: None)
        task.cancel()

    for number in numbers:
        loop.add_signal_handler(number, stop)


async def run_all(arguments: argparse.Namespace, cases: list[Case], folder: Path) -> int:
    """Returns the exit code."""
    stop_on_signals()
    await remove_leftovers()
    names = CONFIG_FILES if arguments.config == "both" else [arguments.config]
    configs = [Config(name, arguments.examples.resolve() / CONFIG_FILES[name]) for name in names]
    long_ones_first = sorted(cases, key=lambda case: case.quick)
    pairs = [(case, config) for case in long_ones_first for config in configs]
    options = Options(SERVERS[arguments.server], folder, arguments.pcap)
    failed = 0
    async with contextlib.aclosing(run_cases(pairs, options, arguments.jobs)) as results:
        async for result in results:
            report(result)
            failed += not result.passed
    print(f"{len(pairs) - failed} passed, {failed} failed")
    return 1 if failed else 0


@contextlib.contextmanager
def case_folders(keep: Path | None) -> Iterator[Path]:
    """Where the cases write: a new folder in `keep`, or one that goes away at the end."""
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="run.", dir=keep.resolve()))
        print(f"logs, recordings and captures: {folder}/CASE.CONFIG/", flush=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix=FOLDER_PREFIX) as name:
        yield Path(name)


def main() -> int:
    arguments = parse_arguments()
    if arguments.cases == ["clean"]:
        print("\n".join(asyncio.run(remove_leftovers())) or "nothing to clean")
        return 0
    cases = choose_cases(arguments)
    if arguments.list:
        list_cases(cases)
        return 0
    if missing := missing_requirements():
        print("\n".join(missing), file=sys.stderr)
        return 2
    try:
        with case_folders(arguments.keep) as folder:
            return asyncio.run(run_all(arguments, cases, folder))
    except asyncio.CancelledError:
        print("interrupted; everything is cleaned up", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
