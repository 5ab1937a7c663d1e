# SPDX-License-Identifier: Apache-2.0
"""The loudspeaker of a phone, which is also its recorder.

baresip plays through ALSA's "file" device into a pipe. The pipe is emptied at the pace of a sound card, so the phone
believes in a real one; what comes out is kept, piece by piece, with the tone that it holds. Silence is recorded as
silence: a position in the recording is a moment in time. (baresip 1.0's own recorder, the sndfile module, stops at
the first re-INVITE, and so cannot tell whether a call survived a hold.)
"""
from __future__ import annotations

import array
import asyncio
import fcntl
import os
import wave
from pathlib import Path
from typing import Callable, Iterable

from .tone import RATE, dominant_tone

PIECE_SECONDS = 0.2
TICK_SECONDS = 0.04
BYTES_PER_SECOND = 2 * RATE
PIPE_BYTES = 8192  # two pages, half a second: one is played while the other is filled
F_SETPIPE_SZ = 1031


class Speaker:
    """Records from start() to close(). `candidates` are the tones it tells apart."""

    def __init__(self, folder: Path, candidates: Iterable[int]) -> None:
        self.pipe = folder / "speaker"
        self.wav = folder / "heard.wav"
        self.alsa_config = folder / "asound.conf"
        self.tones: list[int | None] = []  # one entry a piece, in order
        self._candidates = tuple(candidates)
        self._new_piece = asyncio.Condition()
        self._unfinished = bytearray()

    def start(self) -> None:
        os.mkfifo(self.pipe)
        self.alsa_config.write_text(
            f'pcm.speaker {{\n\ttype file\n\tslave.pcm {{ type null }}\n\tfile "{self.pipe}"\n\tformat "raw"\n}}\n'
        )
        # Open for writing as well, so that the pipe never ends however often the phone reopens its device.
        self._descriptor = os.open(self.pipe, os.O_RDWR | os.O_NONBLOCK)
        fcntl.fcntl(self._descriptor, F_SETPIPE_SZ, PIPE_BYTES)
        self._file = wave.open(str(self.wav), "wb")
        self._file.setnchannels(1)
        self._file.setsampwidth(2)
        self._file.setframerate(RATE)
        self._task = asyncio.create_task(self._record())

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        os.close(self._descriptor)
        self._file.close()

    def mark(self) -> int:
        """Now, as a position in the recording: the number of the first piece that starts later."""
        return len(self.tones) + 1

    def seconds_of(self, frequency: int, since: int = 0) -> float:
        return self.tones[since:].count(frequency) * PIECE_SECONDS

    def seconds_without(self, frequency: int, since: int = 0) -> float:
        return (len(self.tones[since:]) - self.tones[since:].count(frequency)) * PIECE_SECONDS

    async def wait_for(self, frequency: int, seconds: float, since: int, timeout: float) -> bool:
        """Waits until the tone was heard for `seconds` in all; False if it was not within `timeout`."""
        return await self._wait_until(lambda: self.seconds_of(frequency, since) >= seconds, timeout)

    async def wait_for_absence(self, frequency: int, seconds: float, since: int, timeout: float) -> bool:
        return await self._wait_until(lambda: self.seconds_without(frequency, since) >= seconds, timeout)

    async def _wait_until(self, condition: Callable[[], bool], timeout: float) -> bool:
        try:
            async with asyncio.timeout(timeout), self._new_piece:
                await self._new_piece.wait_for(condition)
        except TimeoutError:
            return False
        return True

    async def _record(self) -> None:
        clock = asyncio.get_running_loop().time
        started, taken = clock(), 0
        while True:
            await asyncio.sleep(TICK_SECONDS)
            due = int((clock() - started) * RATE) * 2 - taken
            taken += due
            await self._keep(self._read(due))

    def _read(self, size: int) -> bytes:
        """What the phone played, filled up with silence to `size` bytes."""
        try:
            played = os.read(self._descriptor, size)
        except BlockingIOError:
            played = b""
        return played.ljust(size, b"\0")

    async def _keep(self, sound: bytes) -> None:
        self._file.writeframes(sound)
        self._unfinished += sound
        size = int(PIECE_SECONDS * BYTES_PER_SECOND)
        while len(self._unfinished) >= size:
            piece = array.array("h", bytes(self._unfinished[:size]))
            del self._unfinished[:size]
            self.tones.append(dominant_tone(piece, self._candidates))
            async with self._new_piece:
                self._new_piece.notify_all()
