# SPDX-License-Identifier: Apache-2.0
"""Options of the lab under pytest: --lab-server, --lab-long, --lab-examples."""
from pathlib import Path

import pytest

from .runner import SERVERS, missing_requirements
from .server import EXAMPLES


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("lab", "the NAT lab")
    group.addoption("--lab-server", choices=SERVERS, default="culvert", help="the server under test")
    group.addoption("--lab-long", action="store_true", help="also the cases that take a minute")
    group.addoption("--lab-examples", type=Path, default=EXAMPLES, help="folder with the two configuration files")


@pytest.fixture(scope="session")
def lab() -> None:
    """Skips where the lab cannot run."""
    if missing := missing_requirements():
        pytest.skip("; ".join(missing))
