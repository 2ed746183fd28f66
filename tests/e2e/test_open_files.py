"""An initiator that may have few files open, started by somebody who left one open that is above that."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from textwrap import dedent

from .case import Case
from .support import Initiator, configuration

#: It becomes what its arguments say.
FEW = dedent("""
    import os, resource, sys
    os.dup2(1, 250)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, 200))
    os.execvp(sys.argv[1], sys.argv[1:])
""")


def limits(pid: int) -> tuple[int, int]:
    """How many files a process may have open, and how many it may come to."""
    found = re.search(r"^Max open files +(\d+) +(\d+)", Path(f"/proc/{pid}/limits").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]), int(found[2])


class FewTests(Case):
    """A small limit."""

    skip = None if sys.platform.startswith("linux") else "it takes Linux"

    async def test_few(self) -> None:
        """All is started; the initiator takes what it may, its processors what it was given; what is short is said."""
        folder = self.folder()
        (folder / "proactor.cfg").write_text(configuration())
        initiator = Initiator(folder, prefix=(sys.executable, "-c", FEW))
        self.addCleanup(initiator.end)
        await initiator.served()
        launchers = ["fork", "spawn"]
        jobs = [(await self.create(initiator, options={"launcher": launcher}))[0] for launcher in launchers]
        self.assertEqual([job["launcher"] for job in jobs], launchers)
        self.assertEqual([limits(job["pid"]) for job in jobs], [(100, 200)] * 2)
        self.assertEqual(limits(initiator.pid), (200, 200))
        short = initiator.console.lines(r"WARNING")
        self.assertEqual(len(short), 1, short)
        self.assertIn("The limit of open files, 200, is enough for some 38 processors, and there may be 60", short[0])
