"""Tests of processors in memory: on a clock that a test moves, with no process and no socket.

::

    stage = Stage()
    ticker = stage.launch(Ticker, rate="2")
    stage.advance(3)
    assert stage.ask(ticker, "GET", "/ticks").json()["ticks"] == 6
"""

from .fake import Asked, FakePeer
from .network import Network
from .stage import Actor, Stage

__all__ = ["Actor", "Asked", "FakePeer", "Network", "Stage"]
