"""``proactor`` commands without a start of Python each: a process in which all is loaded forks for every one of them.

What a command is started as is a script of that name, first in ``PATH``. It leaves an order, and waits for the exit
code; the fork takes the script's arguments, folder, environment and open files (its standard output as 9), as the
kernel has them (proc(5)).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from subprocess import DEVNULL, Popen

from .support import environment, interruptible

_SCRIPT = """\
#!/bin/bash
# What a builtin writes to is file 1 for as long as it writes, and for a moment longer than the order is there.
exec 9>&1
mkfifo "{folder}/$$.code"
printf '%s\\0' "$PWD" "$@" > "{folder}/$$.order"
echo $$ > "{folder}/orders"
read -r code < "{folder}/$$.code"
exit "$code"
"""


class Warm:
    """The process, while there is one.

    :ivar path: the folder of the script, for ``PATH``.
    """

    def __init__(self, folder: Path, **variables: str) -> None:
        self.path = folder / "bin"
        self.path.mkdir(parents=True)
        os.mkfifo(folder / "orders")
        script = self.path / "proactor"
        script.write_text(_SCRIPT.format(folder=folder))
        script.chmod(0o755)
        argv = [sys.executable, str(Path(__file__).parent / "modules" / "warmed.py"), str(folder)]
        with open(folder / "trouble", "wb") as trouble, interruptible():
            self._process = Popen(argv, stdin=DEVNULL, stdout=trouble, stderr=trouble, env=environment(**variables))

    def end(self) -> None:
        """Have it gone."""
        self._process.kill()
        self._process.wait()
