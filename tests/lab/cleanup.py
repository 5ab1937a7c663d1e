# SPDX-License-Identifier: Apache-2.0
"""What a killed run left behind: its process id is in the name of everything that a run makes."""
from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from .netns import NETNS_DIR, PREFIX, remove_namespace

FOLDER_PREFIX = f"{PREFIX}-{os.getpid()}-"  # of a run's temporary folder


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _of_dead_runs(folder: Path) -> list[Path]:
    """The entries of this folder that belong to runs which are no more."""
    entries = folder.glob(f"{PREFIX}-*-*") if folder.is_dir() else []
    return sorted(path for path in entries if not _is_alive(int(path.name.split("-")[1])))


async def remove_leftovers() -> list[str]:
    """Removes namespaces, the processes in them, and temporary folders of killed runs; returns what it removed."""
    namespaces = _of_dead_runs(NETNS_DIR)
    for path in namespaces:
        await remove_namespace(path.name)
    folders = _of_dead_runs(Path(tempfile.gettempdir()))
    for path in folders:
        shutil.rmtree(path, ignore_errors=True)
    return [str(path) for path in namespaces + folders]
