"""Keys are kept in the home, and change in time."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import ProactorError
from proactor.home.home import Home
from proactor.tokens.issuing import TokenAuthority
from proactor.tokens.key_rotation import RING, open_ring
from proactor.tokens.keyring import KeyRing, new_key

from ..support.rig import CONFIG, GUID, Rig

HOURLY = CONFIG.replace("listen_port = 8080", "listen_port = 8080\nkey_rotation = 3600\ntoken_grace = 600")


class OpenTests(SynchronousTestCase):
    """What the home holds."""

    def home(self) -> Home:
        home = Home.open(self.mktemp())
        self.addCleanup(home.close)
        return home

    def test_again(self) -> None:
        """The keys of a home are made once, in a file of mode 0600."""
        home = self.home()
        ring = open_ring(home, 1000.0)
        self.assertEqual(open_ring(home, 2000.0).to_json(), ring.to_json())
        self.assertEqual((home.path / RING).stat().st_mode & 0o777, 0o600)
        self.assertEqual(os.listdir(home.path / "keys"), ["ring.json"])

    def test_former(self) -> None:
        """The one key of a home of before goes on signing: no token stops to hold."""
        home, pem = self.home(), new_key()
        home.read_secret("keys/signing.pem", lambda: pem)
        ring = open_ring(home, 1000.0)
        self.assertEqual(ring.signing.id, TokenAuthority.from_pem(GUID, pem).ring.signing.id)
        self.assertEqual(os.listdir(home.path / "keys"), ["ring.json"])

    def test_wrong(self) -> None:
        """A file that cannot be read is not replaced."""
        home = self.home()
        home.read_secret(RING, lambda: b"sesame")
        self.assertRaises(ProactorError, open_ring, home, 1000.0)
        self.assertEqual((home.path / RING).read_bytes(), b"sesame")


class RotationTests(SynchronousTestCase):
    """Over the life of an initiator, and of those after it."""

    def started(self, config: str = HOURLY) -> Rig:
        rig = Rig(self, config)
        rig.initiator.start()
        rig.clock.advance(0)
        return rig

    def ring(self, rig: Rig) -> KeyRing:
        return rig.initiator.authority.ring

    def kept(self, rig: Rig) -> KeyRing:
        return KeyRing.from_json(Path(rig.home.path / RING).read_bytes())

    def test_in_time(self) -> None:
        """Each hour here the next key begins to sign, and is kept before it does; tokens of the one before hold."""
        rig = self.started()
        before, token = self.ring(rig), rig.token(rig.create())
        rig.clock.advance(3599)
        self.assertIs(self.ring(rig), before)
        rig.clock.advance(1)
        after = self.ring(rig)
        self.assertEqual((after.signing.id, after.old[0].id), (before.next.id, before.signing.id))
        self.assertEqual(self.kept(rig).to_json(), after.to_json())
        self.assertEqual((rig.home.path / RING).stat().st_mode & 0o777, 0o600)
        rig.clock.advance(3600)
        self.assertEqual([key.id for key in self.ring(rig).old], [before.next.id])
        self.assertEqual(rig.ask("GET /healthz", token=token).status, 200)

    def test_young_token(self) -> None:
        """A token that was issued right before the rotation is good to its end."""
        rig = self.started()
        rig.clock.advance(3590)
        job = rig.create()
        rig.clock.advance(20)
        answer = rig.ask(f"GET /config/{job.guid}", token=rig.token(job))
        self.assertEqual(answer.status, 200)

    def test_after_a_restart(self) -> None:
        """The next initiator goes on with the keys, and rotates when it is time: one that was away does so at once."""
        rig = self.started()
        before = self.ring(rig)
        rig.clock.advance(1800)
        after = rig.reborn(HOURLY)
        self.assertEqual(self.ring(after).signing.id, before.signing.id)
        after.clock.advance(1801)
        self.assertEqual(self.ring(after).signing.id, before.next.id)
        after.die()
        after.clock.advance(10_000)
        last = Rig(self, HOURLY, earlier=after)
        last.take_up()
        last.clock.advance(1)
        self.assertEqual(len({before.next.id, self.ring(last).signing.id, before.signing.id}), 3)

    def test_cannot_be_kept(self) -> None:
        """Where it cannot be kept nothing changes, the log says so, and it is tried on."""
        rig = self.started()
        before = self.ring(rig)
        (rig.home.path / "keys").rename(rig.home.path / "away")
        rig.clock.advance(3600)
        self.assertIs(self.ring(rig), before)
        self.assertEqual(len(self.flushLoggedErrors(ProactorError)), 1)
        (rig.home.path / "away").rename(rig.home.path / "keys")
        rig.clock.advance(10)
        self.assertEqual(self.ring(rig).signing.id, before.next.id)

    def test_slow_disk(self) -> None:
        """The key does not sign before it is kept."""
        rig = self.started()
        before, writing = self.ring(rig), Deferred[None]()
        rig.initiator.keys.save = lambda _: writing
        rig.clock.advance(3600)
        self.assertIs(self.ring(rig), before)
        writing.callback(None)
        self.assertEqual(self.ring(rig).signing.id, before.next.id)

    def test_not_sooner_than_tokens(self) -> None:
        """A key is published for a token's life before it signs, whatever is asked for."""
        rig = self.started(CONFIG.replace("listen_port = 8080", "listen_port = 8080\nkey_rotation = 1"))
        before = self.ring(rig)
        rig.clock.advance(299)
        self.assertIs(self.ring(rig), before)
        rig.clock.advance(2)
        self.assertEqual(self.ring(rig).signing.id, before.next.id)

    def test_longest(self) -> None:
        """A key verifies for as long as the longest-lived of its tokens, also where later ones live less."""
        rig = self.started()
        rig.ask("PATCH /config/proactor.initiator", body=b"token_ttl=3000", headers=[FORM])
        rig.ask("PATCH /config/proactor.initiator", body=b"token_ttl=300", headers=[FORM])
        rig.clock.advance(3600)
        until = self.ring(rig).old[0].until
        self.assertEqual(until, rig.now().timestamp() + 3060)

    def test_stopped_meanwhile(self) -> None:
        """An initiator that stops waits for what is being written."""
        rig = self.started()
        writing = Deferred[None]()
        rig.initiator.keys.save = lambda _: writing
        rig.clock.advance(3600)
        stopped = maybeDeferred(rig.initiator.keys.stop)
        self.assertNoResult(stopped)
        writing.callback(None)
        self.successResultOf(stopped)


FORM = ("Content-Type", "application/x-www-form-urlencoded")
