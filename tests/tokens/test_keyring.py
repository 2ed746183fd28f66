"""The keys that sign tokens: one follows another, and those before verify what they signed."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import ProactorError, Unauthenticated
from proactor.tokens.issuing import TokenAuthority
from proactor.tokens.keyring import KeyRing, new_key

ISSUER, GUID = "e" * 32, "a" * 32


class RingTests(SynchronousTestCase):
    """What follows what."""

    def setUp(self) -> None:
        self.ring = KeyRing.begin(new_key(), 1000.0)

    def test_overlap(self) -> None:
        """The key that signs next is published before it does, and the one before as long as its tokens hold."""
        first, second = self.ring, self.ring.rotated(2000.0, 360.0)
        self.assertEqual((second.signing.id, second.signing.since), (first.next.id, 2000.0))
        self.assertEqual([key["kid"] for key in first.published(2000.0)], [first.signing.id, first.next.id])
        for now, kids in [
            (2359.9, [second.signing.id, second.next.id, first.signing.id]),
            (2360.0, [second.signing.id, second.next.id]),
        ]:
            self.assertEqual([key["kid"] for key in second.published(now)], kids)
        self.assertEqual(len({first.signing.id, first.next.id, second.next.id}), 3)

    def test_finding(self) -> None:
        """A key is found by its id, until its tokens have expired; a stranger's id finds none."""
        ring = self.ring.rotated(2000.0, 360.0)
        for key in (ring.signing, ring.next, *ring.old):
            self.assertIs(ring.find(key.id, 2359.0), key.public)
        self.assertIsNone(ring.find(self.ring.signing.id, 2360.0))
        self.assertIsNone(ring.find("x", 2000.0))

    def test_pruning(self) -> None:
        """What has nothing to verify any more is dropped, and nothing else."""
        ring = self.ring.rotated(2000.0, 360.0).rotated(2100.0, 360.0)
        self.assertEqual(ring.pruned(2359.0), ring)
        self.assertEqual([key.until for key in ring.pruned(2360.0).old], [2460.0])
        self.assertEqual(ring.pruned(2460.0).old, ())

    def test_written(self) -> None:
        """What was written is what is read, keys and times; what is published of a key holds no private part."""
        ring = self.ring.rotated(2000.0, 360.0)
        again = KeyRing.from_json(ring.to_json())
        self.assertEqual(again.to_json(), ring.to_json())
        self.assertEqual([key.id for key in again.old], [self.ring.signing.id])
        for key in ring.published(2000.0):
            self.assertEqual(set(key), {"kty", "crv", "x", "kid", "use", "alg"})

    def test_wrong_file(self) -> None:
        """A file that is no ring is told what to do with it, and is not repeated."""
        keys = json.loads(self.ring.to_json())["keys"]
        for data in (
            b"",
            b"sesame",
            b"[]",
            b"{}",
            b"[" * 100_000,
            json.dumps({"keys": keys[:1]}).encode(),
            json.dumps({"keys": ["sesame", "sesame"]}).encode(),
            json.dumps({"keys": [keys[0], {**keys[1], "pem": "sesame"}]}).encode(),
            json.dumps({"keys": [keys[0], {**keys[1], "since": "sesame"}]}).encode(),
            json.dumps({"keys": [keys[0], {**keys[1], "pem": None}]}).encode(),
        ):
            text = str(self.assertRaises(ProactorError, KeyRing.from_json, data))
            self.assertIn("remove its file", text)
            self.assertNotIn("sesame", text)

    def test_shown(self) -> None:
        """No key is in what it is shown as."""
        self.assertNotIn("rivate", repr(self.ring))

    def test_tokens(self) -> None:
        """A token outlives the rotation of its key, as long as it says; with grace it is read longer."""
        authority = TokenAuthority(ISSUER, self.ring)
        token = authority.issue(GUID, ISSUER, 1999.0, 300.0, 1)
        authority.ring = self.ring.rotated(2000.0, 360.0)
        self.assertEqual(authority.verify(token, ISSUER, 2298.0).guid, GUID)
        self.assertRaises(Unauthenticated, authority.verify, token, ISSUER, 2300.0)
        self.assertEqual(authority.verify(token, ISSUER, 5000.0, 3600.0).guid, GUID)
        error = self.assertRaises(Unauthenticated, authority.verify, token, ISSUER, 5000.0)
        self.assertIn("no key of this initiator", str(error))
        newer = authority.issue(GUID, ISSUER, 2001.0, 300.0, 1)
        self.assertEqual(authority.verify(newer, ISSUER, 2001.0).guid, GUID)
