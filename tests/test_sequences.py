"""The examples in which processors call one another, in memory."""

from __future__ import annotations

import sys
import zlib
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from proactor.testing import Actor, Stage

EXAMPLES = Path(__file__).parent.parent / "examples"


def example(name: str) -> ModuleType:
    """Import one as its users do: from its own folder."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        return import_module(name)
    finally:
        sys.path.remove(str(EXAMPLES))


class Case(SynchronousTestCase):
    """A stage."""

    def setUp(self) -> None:
        self.stage = Stage()
        self.addCleanup(lambda: self.assertEqual(self.stage.clock.getDelayedCalls(), []))
        self.addCleanup(self.stage.close)


class SequenceTests(Case):
    """The sequences of ``docs/messaging.md``."""

    def test_request_reply(self) -> None:
        """One asks another."""
        speller = example("request_reply").Speller
        one, two = (self.stage.launch(speller, "request_reply") for _ in range(2))
        self.assertEqual(self.stage.ask(one, "GET", "/ask/oak").text, f"{two.guid} says: O-A-K\n")

    def test_scatter_gather(self) -> None:
        """The best offer counts, and who is too slow or gone is none."""
        trader = example("scatter_gather").Trader
        asker, *others = (self.stage.launch(trader, "scatter_gather", price=str(price)) for price in (9, 70, 50, 60))
        self.stage.begin(asker.processor.peers.find("scatter_gather"))
        self.stage.reconfigure(others[1], thinking="5")
        begun = self.stage.begin(self.stage.asking(asker, "GET", "/best"))
        self.stage.advance(1.1)
        best = self.successResultOf(begun).json()
        self.assertEqual(best, {"guid": others[2].guid, "price": 60.0, "asked": 3, "answered": 2})
        self.stage.advance(5)

    def test_nobody_offers(self) -> None:
        """Where nobody is in time there is no best."""
        trader = example("scatter_gather").Trader
        asker, _ = (self.stage.launch(trader, "scatter_gather", thinking="9") for _ in range(2))
        begun = self.stage.begin(self.stage.asking(asker, "GET", "/best"))
        self.stage.advance(1.1)
        self.assertEqual(self.successResultOf(begun).json(), {"guid": None, "price": None, "asked": 1, "answered": 0})
        self.stage.advance(9)

    def test_pipeline(self) -> None:
        """Each step is done in its order, and an edit puts another one in between while all run."""
        stage = example("pipeline").Stage

        def launch(step: str, next_: str) -> Actor[Any]:
            return self.stage.launch(stage, "pipeline", {"step": step}, step=step, next=next_)

        first = launch("strip", "label:step=reverse")
        launch("reverse", "")
        launch("upper", "label:step=reverse")
        self.assertEqual(self.work(first, " live  on "), "no evil")
        self.stage.reconfigure(first, next="label:step=upper")
        self.assertEqual(self.work(first, " live  on "), "NO EVIL")

    def work(self, first: Actor[Any], text: str) -> str:
        processor = first.processor
        reply = self.stage.run(self.stage.peers().request(first.guid, "POST", "/work", data=text.encode()))
        self.assertEqual(reply.peer.guid, processor.guid)
        return reply.text


class PictureTests(Case):
    """The picture."""

    WIDTH, HEIGHT = 40, 30

    def test_one_process(self) -> None:
        """It is a PNG of the right size, and of more than one colour."""
        mandelbrot = example("mandelbrot")
        picture = mandelbrot.picture(self.WIDTH, self.HEIGHT)
        self.assertEqual(picture[:8], b"\x89PNG\r\n\x1a\n")
        self.assertEqual(int.from_bytes(picture[16:20], "big"), self.WIDTH)
        rows = zlib.decompress(picture[picture.index(b"IDAT") + 4 : -16])
        self.assertEqual(len(rows), self.HEIGHT * (1 + 3 * self.WIDTH))
        self.assertGreater(len({rows[at : at + 3] for at in range(1, 120, 3)}), 2)

    def test_no_size(self) -> None:
        """A picture has a point at least."""
        mandelbrot = example("mandelbrot")
        painters = [self.stage.launch(mandelbrot.Painter, "mandelbrot") for _ in range(2)]
        asked = self.stage.begin(self.stage.asking(painters[0], "GET", "/picture.png?width=0&height=0"))
        self.stage.advance(5)
        self.assertEqual(self.successResultOf(asked).body, mandelbrot.picture(1, 1))

    def test_the_same_by_many(self) -> None:
        """Computed by many it is the same, byte for byte, though they are killed and reconfigured meanwhile."""
        mandelbrot = example("mandelbrot")
        painters = [self.stage.launch(mandelbrot.Painter, "mandelbrot", rest="0.2") for _ in range(4)]
        path = f"/picture.png?width={self.WIDTH}&height={self.HEIGHT}"
        begun = self.stage.begin(self.stage.asking(painters[0], "GET", path))
        self.stage.advance(0.3)
        self.assertNoResult(begun)
        self.stage.kill(painters[1])
        self.stage.reconfigure(painters[2], rest="0.1")
        self.stage.advance(0.5)
        self.stage.network.trouble(painters[2].url, "breaks")
        self.stage.restart(painters[1])
        self.stage.advance(1)
        self.stage.network.trouble(painters[2].url, None)
        self.stage.advance(40)
        reply = self.successResultOf(begun)
        self.assertEqual(reply.headers.getRawHeaders("Content-Type"), ["image/png"])
        self.assertEqual(reply.body, mandelbrot.picture(self.WIDTH, self.HEIGHT))
