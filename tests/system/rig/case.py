# SPDX-License-Identifier: Apache-2.0
"""Cases and the few assertions that they need."""
import re
from dataclasses import dataclass
from typing import Callable

CASES = []


class Failure(Exception):
    """What a case found wrong."""


class Skip(Exception):
    """Why a case cannot run here."""


@dataclass(frozen=True)
class Case:
    name: str
    about: str
    run: Callable
    extent: str  # quick: always; all: only in a full run
    is_alone: bool  # needs the machine for itself


def case(extent='quick', alone=False):
    """Decorates a function of a rig; its doc string says what must hold."""

    def enter(function):
        name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
        CASES.append(Case(name, function.__doc__.strip().splitlines()[0], function, extent, alone))
        return function

    return enter


def true(condition, what):
    if not condition:
        raise Failure(what)


def equal(got, wanted, what):
    if got != wanted:
        raise Failure(f'{what}: {got!r}, expected {wanted!r}')


def within(got, low, high, what):
    if not low <= got <= high:
        raise Failure(f'{what}: {got}, expected {low} to {high}')


def matches(text, pattern, what):
    found = re.search(pattern, text, re.M)
    if not found:
        raise Failure(f'{what}: no /{pattern}/ in {text!r}')
    return found


def lacks(text, pattern, what):
    found = re.search(pattern, text, re.M)
    if found:
        raise Failure(f'{what}: {found[0]!r} in {text!r}')
