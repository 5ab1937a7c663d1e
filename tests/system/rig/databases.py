# SPDX-License-Identifier: Apache-2.0
"""Database servers of tests/databases, in the folder of a case."""
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'databases'))

from database_server import DATABASE, KINDS, missing_programs, open_to_servant  # noqa: E402
from rig.case import Skip, equal  # noqa: E402


class Database:
    """One of a case: created with its tables, destroyed with the case."""

    def __init__(self, rig, kind, has_tables=True):
        if missing_programs(kind):
            raise Skip(f'needs {" ".join(missing_programs(kind))}')
        open_to_servant(rig.folder)
        self.rig = rig
        self.server = KINDS[kind](rig.folder / kind)
        rig.keep(self)
        self.server.create()
        if has_tables:
            equal(self.tool('db.create').returncode, 0, 'db.create')

    def close(self):
        self.server.destroy()

    @property
    def url(self):
        return self.server.url

    def tool(self, command, *words):
        """culvertctl COMMAND … URL; the URL goes by standard input, as there is a password in it."""
        return subprocess.run(
            [self.rig.build / 'culvertctl', command, *words, '-'], input=self.url + '\n', capture_output=True, text=True,
            cwd=self.rig.folder, timeout=60,
        )  # fmt: skip

    def ask(self, sql):
        """The lines of the answer."""
        return self.server.ask(sql, DATABASE).split('\n')[:-1]

    def number(self, sql):
        return int(self.ask(sql)[0])
