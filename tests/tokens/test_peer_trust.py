"""Who is told of whose revocation, and for how long."""

from __future__ import annotations

import json
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proactor.changes.nudges import SOON, Nudges
from proactor.saved import PutValue, Write
from proactor.tokens.issuing import TokenAuthority
from proactor.tokens.keyring import KeyRing, new_key
from proactor.tokens.peer_trust import PeerTrust

ISSUER, A, B, C = ("e" * 32, "a" * 32, "b" * 32, "c" * 32)
RING = KeyRing.begin(new_key(), 0.0)
LIFETIME = 300.0
GUIDS = st.sampled_from([A, B, C])
#: A token is given to one for another, or those of one are revoked; some seconds after the step before.
STEPS = st.tuples(st.sampled_from(["grant", "revoke"]), GUIDS, GUIDS, st.integers(0, 200))


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.time = 1000.0
        self.woken: list[list[str] | None] = []
        self.trust = self.made()

    def made(self) -> PeerTrust:
        return PeerTrust(lambda: self.time, TokenAuthority(ISSUER, RING), lambda: LIFETIME, self.wake)

    def wake(self, guids: Iterable[str] | None) -> None:
        self.woken.append(None if guids is None else list(guids))

    def told(self, guid: str) -> dict[str, int]:
        revoked: dict[str, int] = self.trust.document(guid)["revoked"]
        return revoked

    def revoke(self, guid: str, incarnation: int = 1) -> list[Write]:
        revocation = self.trust.revocation(guid, incarnation)
        writes = self.trust.writes(guid, revocation)
        self.trust.revoke(guid, revocation)
        return writes


class TrustTests(Case):
    """One initiator's."""

    def test_no_tokens(self) -> None:
        """Of one that has no token for anybody nobody is told, and nothing is kept."""
        tag = self.trust.tag(B)
        self.assertEqual(self.revoke(A), [])
        self.assertEqual((self.woken, self.told(B), self.trust.tag(B)), ([], {}, tag))

    def test_text(self) -> None:
        """With its start it is told all of it, in one line, with the word for it; where that is long, nothing."""
        self.trust.granted(A, B, 1100.0)
        self.revoke(A, 2)
        text = self.trust.text(B)
        assert text is not None
        self.assertEqual(json.loads(text), {"tag": self.trust.tag(B), **self.trust.document(B)})
        self.assertNotIn("\n", text)
        for number in range(200):
            self.trust.granted(f"{number:032x}", B, 1100.0)
            self.revoke(f"{number:032x}")
        self.assertIsNone(self.trust.text(B))

    def test_several(self) -> None:
        """An audience is told of all that had tokens for it, as long as those are good, and of no others."""
        for guid, audience, until in [(A, B, 1100.0), (C, B, 1200.0), (A, C, 1300.0)]:
            self.trust.granted(guid, audience, until)
        self.revoke(A, 3)
        self.revoke(C, 2)
        self.assertEqual(self.woken, [[B, C], [B]])
        self.assertEqual((self.told(B), self.told(C)), ({A: 3, C: 2}, {A: 3}))
        self.time = 1250.0
        self.assertEqual(self.told(B), {A: 3})
        self.assertEqual(self.revoke(B), [PutValue(f"revoked.{C}", None)])
        self.time = 1300.0
        self.assertEqual((self.told(B), self.told(C)), ({}, {}))
        self.revoke(B)
        self.assertEqual(self.trust._told, {})

    def test_again(self) -> None:
        """Revoked again, what is told is the later one, and kept once."""
        self.trust.granted(A, B, 1200.0)
        self.revoke(A, 1)
        self.trust.granted(A, C, 1300.0)
        self.revoke(A, 2)
        self.assertEqual(self.told(C), {A: 2})
        self.assertTrue(self.trust.document(C)["keys"])

    def test_again_for_others(self) -> None:
        """Those who were told of it before still are, as long as there are such tokens, and then nobody is."""
        self.trust.granted(A, B, 1200.0)
        self.revoke(A, 1)
        self.trust.granted(A, C, 1300.0)
        (write,) = self.revoke(A, 2)
        assert isinstance(write, PutValue)
        self.assertEqual(write.value, {"incarnation": 2, "until": 1300.0, "audiences": [B, C]})
        self.assertEqual((self.told(B), self.told(C)), ({A: 2}, {A: 2}))
        self.time = 1300.0
        self.revoke(C)
        self.assertEqual((self.told(B), self.told(C)), ({}, {}))

    def test_tag(self) -> None:
        """The tag is another one whenever what is told is something else."""
        self.trust.granted(A, B, 1200.0)
        tags = [self.trust.tag(B)]
        self.revoke(A)
        tags.append(self.trust.tag(B))
        self.trust.authority.ring = RING.rotated(self.time, 360)
        tags.append(self.trust.tag(B))
        self.assertEqual(len(set(tags)), 3)
        self.time = 1200.0
        tags.append(self.trust.tag(B))
        self.time = 1360.0
        tags.append(self.trust.tag(B))
        self.assertEqual(len(set(tags)), 5)
        self.assertEqual(self.trust.tag(B), self.trust.tag(C))

    def test_many_grants(self) -> None:
        """What has expired of many tokens is forgotten."""
        for number in range(1000):
            self.time = 1000.0 + 10 * number
            self.trust.granted(A, f"{number:032x}", self.time + LIFETIME)
        self.assertLess(len(self.trust._grants[A]), 64)

    def test_restored(self) -> None:
        """The next initiator goes on with what is not over, and forgets what is."""
        self.trust.granted(A, B, 1100.0)
        self.trust.granted(C, B, 1900.0)
        writes = [*self.revoke(A), *self.revoke(C)]
        values = {write.name: write.value for write in writes if isinstance(write, PutValue) and write.value}
        self.time = 1500.0
        self.trust = self.made()
        self.assertEqual(self.trust.restore({**values, "guid": ISSUER}), [PutValue(f"revoked.{A}", None)])
        self.assertEqual((self.told(B), self.told(A)), ({C: 1}, {}))

    def test_after_a_restart(self) -> None:
        """As long as there may be tokens that an earlier initiator gave out all are told, and then no more."""
        self.trust.restore({})
        self.revoke(A)
        self.assertEqual((self.woken, self.told(B), self.told(C)), ([None], {A: 1}, {A: 1}))
        self.time += LIFETIME
        self.assertEqual(self.told(B), {})
        self.revoke(C)
        self.assertEqual(self.woken, [None])

    @given(st.lists(STEPS, max_size=30), st.booleans())
    def test_nobody_is_left_out(self, steps: list[tuple[str, str, str, int]], restarts: bool) -> None:
        """Whoever may be shown a token of a revoked incarnation is told of it, in whatever order things happen."""
        trust, incarnations, values = self.made(), dict.fromkeys((A, B, C), 1), {}
        good: list[tuple[str, str, int, float]] = []
        for number, (what, guid, audience, wait) in enumerate(steps):
            self.time += wait
            if what == "grant":
                trust.granted(guid, audience, self.time + LIFETIME)
                good.append((guid, audience, incarnations[guid], self.time + LIFETIME))
            else:
                revocation = trust.revocation(guid, incarnations[guid])
                values.update({each.name: each.value for each in kept(trust.writes(guid, revocation))})
                trust.revoke(guid, revocation)
                incarnations[guid] += 1
            if restarts and number == len(steps) // 2:
                trust = self.made()
                trust.restore({name: value for name, value in values.items() if value is not None})
            told = {guid: trust.document(guid)["revoked"] for guid in (A, B, C)}
            for owner, seen_by, incarnation, until in good:
                if self.time < until:
                    revoked = told[seen_by].get(owner, 0) >= incarnation
                    self.assertEqual(revoked, incarnation < incarnations[owner])


def kept(writes: Iterable[Write]) -> list[PutValue]:
    """The values among some writes."""
    return [write for write in writes if isinstance(write, PutValue)]


class Waker:
    """Those who wait for news, as far as they can be answered."""

    def __init__(self) -> None:
        self.nudged: list[set[str] | None] = []
        self.fails = False

    async def nudge(self, guids: set[str] | None) -> None:
        """Have them do so."""
        if self.fails:
            raise ZeroDivisionError
        self.nudged.append(guids)


class NudgeTests(SynchronousTestCase):
    """Processors that are to fetch anew."""

    def setUp(self) -> None:
        self.clock, self.waker = Clock(), Waker()
        self.nudges = Nudges(self.clock, self.waker)  # type: ignore[arg-type]

    def test_at_once(self) -> None:
        """Those of a moment do so together."""
        self.nudges.add([A])
        self.nudges.add([A, B])
        self.clock.advance(SOON)
        self.nudges.add([C])
        self.nudges.add(None)
        self.clock.advance(SOON)
        self.assertEqual(self.waker.nudged, [{A, B}, None])

    def test_stopped(self) -> None:
        """When the initiator stops nobody does any more."""
        self.nudges.stop()
        self.nudges.add([A])
        self.nudges.stop()
        self.clock.advance(SOON)
        self.assertEqual((self.waker.nudged, self.clock.getDelayedCalls()), ([], []))

    def test_failure(self) -> None:
        """What fails is logged, and the next is done."""
        self.waker.fails = True
        self.nudges.add([A])
        self.clock.advance(SOON)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.waker.fails = False
        self.nudges.add([B])
        self.clock.advance(SOON)
        self.assertEqual(self.waker.nudged, [{B}])
