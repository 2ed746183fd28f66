"""Peers against the real initiator, in memory: who is ready, and tokens that hold."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from proactor import NoToken
from proactor.peers import Peer, Peers, Reply
from proactor.testing import FakePeer, Network

from ..support.rig import CONFIG, Rig

URL = "http://127.0.0.1:8080"


@frozen
class Credentials:
    """What a processor was started with."""

    url: str
    token: str


class RealInitiatorTests(SynchronousTestCase):
    """Two processors of an initiator, of which one calls the other."""

    def setUp(self) -> None:
        self.rig = Rig(
            self, CONFIG.replace("db_password", "allow_from = none\ndb_password").replace("localhost", "127.0.0.1")
        )
        self.one, self.two = self.rig.create_many(2)
        self.other = self.rig.create("other.module")
        self.network = Network()
        site: Any = self.rig.client.site
        self.network.listen(URL, site.resource)
        self.fakes = [FakePeer(job.guid, f"http://{job.address}:{job.port}") for job in (self.two, self.other)]
        for fake in self.fakes:
            self.network.listen(fake.url, fake.resource())
        clock: Any = self.rig.clock
        self.peers = Peers(self.network, clock, Credentials(URL, self.rig.token(self.one)), self.one.guid)
        self.addCleanup(self.rig.close)
        self.addCleanup(self.close)

    def close(self) -> None:
        """End what looks."""
        self.peers.close()
        self.settle()

    def settle(self) -> None:
        """Let everything happen that needs no time."""
        for _ in range(10):
            self.rig.clock.advance(0.01)
            self.network.flush()

    def request(self, target: str) -> Deferred[Reply]:
        """Call somebody."""
        called = Deferred.fromCoroutine(self.peers.request(target, "GET", "/x"))
        self.settle()
        return called

    def test_call(self) -> None:
        """It finds the other one, and calls it with a token that says to that one who it is, and to nobody else."""
        for target in ("my.module", self.two.guid):
            self.assertEqual(self.successResultOf(self.request(target)).peer.guid, self.two.guid)
        token = self.fakes[0].asked[0].headers["authorization"].removeprefix("Bearer ")
        now = self.rig.now().timestamp()
        claims = self.rig.initiator.authority.verify(token, self.two.guid, now)
        self.assertEqual((claims.guid, claims.module, claims.audience), (self.one.guid, "my.module", self.two.guid))

    def test_refused(self) -> None:
        """One that takes no calls from it is not called, and the initiator's reason is told."""
        error = self.failureResultOf(self.request("other.module"), NoToken).value
        self.assertIn("does not take calls from this one", str(error))
        self.assertEqual(self.fakes[1].asked, [])

    def test_as_it_changes(self) -> None:
        """Who comes and goes is known a moment later."""
        self.assertEqual(self.peers.all(), ())
        self.settle()
        self.assertEqual({each.guid for each in self.peers.all()}, {self.two.guid, self.other.guid})
        late = self.rig.create()
        self.rig.run(self.rig.delete(self.two.guid))
        self.settle()
        found = {each.guid: each for each in self.peers.all()}
        self.assertEqual(found.keys(), {self.other.guid, late.guid})
        self.assertEqual(found[late.guid], Peer(late.guid, "my.module", {}, f"http://{late.address}:{late.port}", 1))
