# SPDX-License-Identifier: Apache-2.0
"""The lab under pytest: its own parts, every case, and proof that a case can fail."""
from __future__ import annotations

import asyncio
import math
import shutil
import sqlite3
from pathlib import Path

import pytest

from .cases import CASES, Case
from .phone import Account, read_netstring
from .runner import SERVERS, Options, run_case
from .server import CONFIG_FILES, EXAMPLES, Config, provision, sanitizer_report
from .tone import RATE, dominant_tone

needs_kamailio = pytest.mark.skipif(
    not (shutil.which("kamailio") and shutil.which("rtpengine")), reason="needs kamailio and rtpengine-daemon"
)


def sine(frequency: float, amplitude: float = 8000, seconds: float = 0.2) -> list[int]:
    step = 2 * math.pi * frequency / RATE
    return [round(amplitude * math.sin(step * index)) for index in range(int(RATE * seconds))]


@pytest.mark.parametrize(
    "sound, heard",
    [
        pytest.param(sine(600), 600, id="one tone"),
        pytest.param(sine(1000), 1000, id="the other tone"),
        pytest.param(sine(600, seconds=0.15) + [0] * 400, 600, id="a gap"),
        pytest.param(sine(1000, amplitude=100), None, id="too faint"),
        pytest.param([0] * 1600, None, id="silence"),
        pytest.param(sine(440), None, id="a ringing tone"),
        pytest.param([a + b for a, b in zip(sine(600), sine(1000))], None, id="both at once"),
    ],
)
def test_dominant_tone(sound: list[int], heard: int | None) -> None:
    assert dominant_tone(sound, (600, 1000)) == heard


def test_netstring() -> None:
    async def read() -> dict:
        reader = asyncio.StreamReader()
        reader.feed_data(b'14:{"event":true},')
        return await read_netstring(reader)

    assert asyncio.run(read()) == {"event": True}


def test_provisioning_twice_keeps_what_is_there(tmp_path: Path) -> None:
    database = tmp_path / "culvert.db"
    for user in ("alice", "bob"):
        provision(database, [Account(user, "secret", "lab.example", "198.51.100.10")])
    with sqlite3.connect(database) as connection:
        assert connection.execute("SELECT username FROM subscriber ORDER BY 1").fetchall() == [("alice",), ("bob",)]
        assert connection.execute("SELECT domain FROM domain").fetchall() == [("lab.example",)]
        assert connection.execute("SELECT count(*) FROM version").fetchone() == (2,)


@pytest.mark.parametrize(
    "line, is_report",
    [
        ("==7==ERROR: AddressSanitizer: heap-use-after-free on address 0x602", True),
        ("==7==ERROR: LeakSanitizer: detected memory leaks", True),
        ("../src/base/str.c:7:3: runtime error: null pointer passed as argument 2", True),
        ("WARNING: ThreadSanitizer: data race (pid=7)", True),
        ("ERROR: cannot listen on udp:192.0.2.1:5060", False),
    ],
)
def test_reports_of_sanitizers_are_seen(line: str, is_report: bool) -> None:
    assert sanitizer_report(f"culvert is ready\n{line}\n#1 main\n") == (line if is_report else "")


def test_case_names_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


def case_named(name: str) -> Case:
    return next(case for case in CASES if case.name == name)


@pytest.mark.parametrize("config", CONFIG_FILES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case, config: str, lab: None, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    option = request.config.getoption
    if not case.quick and not option("lab_long", False):
        pytest.skip("long: give --lab-long")
    file = option("lab_examples", EXAMPLES).resolve() / CONFIG_FILES[config]
    options = Options(SERVERS[option("lab_server", "culvert")], tmp_path)
    result = asyncio.run(run_case(case, Config(config, file), options))
    assert result.passed, "\n".join([result.reason, *result.log_tails])


@needs_kamailio
@pytest.mark.parametrize("name", ["both-nat", "hairpin", "public-callee"])
def test_no_case_passes_without_a_relay(name: str, lab: None, tmp_path: Path) -> None:
    options = Options(SERVERS["kamailio-norelay"], tmp_path)
    result = asyncio.run(run_case(case_named(name), Config("automatic", Path()), options))
    assert "heard" in result.reason
