"""Tests of the configuration file that is read again, in memory but for the file."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from proactor.reactor.file_watch import INTERVAL
from proactor.reloading import Reloading
from proactor.startup import ConfigSource

from .support.rig import CONFIG, Rig


class ReloadingTests(SynchronousTestCase):
    """An initiator and its file."""

    def setUp(self) -> None:
        self.rig = Rig(self)
        folder = Path(self.mktemp())
        folder.mkdir()
        self.path = folder / "proactor.cfg"
        self.path.write_text(CONFIG)
        self.reloading = Reloading(ConfigSource(self.path), self.rig.initiator, None)

    def reload(self) -> list[str]:
        """Have it read again; what is said of that."""
        with capturedLogs() as events:
            done = self.reloading.reload("somebody")
            self.rig.clock.advance(0)
        self.successResultOf(done)
        return [formatEvent(event) for event in events if event["log_namespace"].startswith("proactor")]

    def rate(self) -> str | None:
        return self.rig.configurator.live.layers.document.sections["my.module"]["rate"].text

    def write(self, rate: int, more: str = "") -> None:
        self.path.write_text(f"{CONFIG.replace('rate = 2', f'rate = {rate}')}{more}")

    def test_read(self) -> None:
        """What it says holds from then on."""
        self.write(3)
        self.reload()
        self.assertEqual(self.rate(), "3")

    def test_broken(self) -> None:
        """A file that does not hold is told of, and changes nothing."""
        self.path.write_text("[my.module]\nrate = 3\n[nonsense\n")
        (said,) = self.reload()
        self.assertIn(f"somebody: the configuration stays as it was: {self.path}:3", said)
        self.assertEqual(self.rate(), "2")

    def test_no_file(self) -> None:
        """What is no file is not read: that could take for ever."""
        self.path.unlink()
        os.mkfifo(self.path)
        self.assertEqual(self.reload(), [f"somebody: the configuration stays as it was: {self.path} is no file"])

    def test_standard_input(self) -> None:
        """What came on standard input cannot be read again."""
        self.reloading.source = ConfigSource(None)
        (said,) = self.reload()
        self.assertIn("the configuration came from standard input, which cannot be read again", said)

    def changed(self, rate: int, more: str = "") -> None:
        """The file changes, and some time passes."""
        self.write(rate, more)
        self.rig.clock.pump([INTERVAL, INTERVAL, 0, 0])

    def test_watched(self) -> None:
        """A change of the file is enough where the configuration says so, and is nothing where it does not."""
        self.reloading.start(self.rig.clock)
        self.addCleanup(self.reloading.stop)
        self.changed(3)
        self.assertEqual(self.rate(), "2")
        self.write(4, "watch_config = yes\n")
        self.reload()
        self.changed(5, "watch_config = yes\n")
        self.assertEqual(self.rate(), "5")
        self.reloading.stop()
        self.changed(6)
        self.assertEqual(self.rate(), "5")
