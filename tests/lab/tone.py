# SPDX-License-Identifier: Apache-2.0
"""Which tone is in a piece of sound: the Goertzel algorithm, in plain Python."""
from __future__ import annotations

import math
from typing import Iterable, Sequence

RATE = 8000  # samples a second: G.711
LOUD_ENOUGH = 500.0  # root mean square below which a piece counts as silence (a full-scale sine has 23170)
DOMINANT = 0.6  # share of the whole energy that the tone must have


def energy(samples: Sequence[int]) -> float:
    """Mean square of the samples."""
    return sum(sample * sample for sample in samples) / len(samples)


def tone_energy(samples: Sequence[int], frequency: float) -> float:
    """The part of energy() that is a sine of this frequency."""
    coefficient = 2.0 * math.cos(2.0 * math.pi * frequency / RATE)
    last, before = 0.0, 0.0
    for sample in samples:
        last, before = sample + coefficient * last - before, last
    power = last * last + before * before - coefficient * last * before
    return 2.0 * power / len(samples) ** 2


def dominant_tone(samples: Sequence[int], candidates: Iterable[int]) -> int | None:
    """The candidate frequency that makes up most of the sound, or None for silence, noise and anything else."""
    whole = energy(samples)
    if whole < LOUD_ENOUGH**2:
        return None
    share, frequency = max((tone_energy(samples, candidate) / whole, candidate) for candidate in candidates)
    return frequency if share >= DOMINANT else None
