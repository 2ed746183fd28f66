"""Tests of the processor that lives in the fork server."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).parents[2]
PROGRAM = "from tests.forkserver.test_rehearsal import rehearses; rehearses()"


def traits() -> dict[str, Any]:
    """What a forked process would inherit."""
    from twisted.internet import reactor, task  # noqa: PLC0415
    from twisted.logger import globalLogBeginner, globalLogPublisher  # noqa: PLC0415

    buffered: list[Any] = []
    vars(globalLogBeginner)["_initialBuffer"].replayTo(buffered.append)
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "threads": len(threading.enumerate()),
        "handlers": [str(signal.getsignal(number)) for number in sorted(signal.valid_signals())],
        "wakeup": signal.set_wakeup_fd(-1),
        "environment": dict(os.environ),
        "reactor": type(reactor).__name__,
        "cooperator": id(vars(task)["_theCooperator"]),
        "observers": len(vars(globalLogPublisher)["_observers"]),
        "buffered": len(buffered),
        "standard output": type(sys.stdout).__name__,
    }


def rehearses() -> None:
    """In a process of its own: look at it before and after."""
    from proactor.forkserver.late import put_off_reactor  # noqa: PLC0415

    put_off_reactor()
    from proactor.forkserver import rehearsal  # noqa: PLC0415

    rehearsal.rehearse()
    before, objects = traits(), len(gc.get_objects())
    for _ in range(3):
        rehearsal.rehearse()
    more = len(gc.get_objects()) - objects
    try:
        vars(rehearsal)["_HERE"] = "192.0.2.1"
        rehearsal.rehearse()
    except OSError as e:
        refused = type(e).__name__
    sys.stdout.write(json.dumps({"before": before, "after": traits(), "more": more, "refused": refused}))


class RehearsalTests(SynchronousTestCase):
    """It leaves nothing behind."""

    def test_nothing_left(self) -> None:
        """No descriptor, thread, handler, observer, reactor, event or object is left, and where it fails neither."""
        done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, stdout=subprocess.PIPE, check=True)
        seen = json.loads(done.stdout)
        self.assertEqual(seen["after"], seen["before"])
        self.assertEqual(seen["after"]["reactor"], "_Late")
        self.assertEqual(seen["refused"], "OSError")
        self.assertLess(seen["more"], 100)
