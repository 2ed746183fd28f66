from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import Refused
from proactor.tokens.operators import (
    GRANTABLE,
    PREFIX,
    NamedToken,
    Scope,
    check_name,
    digest_of,
    new_token,
    read_scopes,
)

NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)


class TokenTests(SynchronousTestCase):
    """The tokens themselves."""

    def test_new(self) -> None:
        """Each is another, of 256 random bits behind a prefix by which it is known when it has got lost."""
        made = {new_token() for _ in range(100)}
        self.assertEqual(len(made), 100)
        for token in made:
            self.assertRegex(token, rf"^{PREFIX}[\w-]{{43}}$")

    def test_digest(self) -> None:
        """What is kept is no token, and another one for each, whatever somebody sends."""
        token = new_token()
        self.assertEqual(digest_of(token), digest_of(token))
        self.assertNotIn(token[len(PREFIX) :], digest_of(token))
        self.assertEqual(len({digest_of(text) for text in (token, token + "x", "", "é", "\ud800")}), 5)

    def test_not_shown(self) -> None:
        """Neither the record nor the ``repr`` holds the digest."""
        token = NamedToken("ci", frozenset({Scope.READ}), "d1" * 32, NOON, None, "operator (local)")
        self.assertNotIn("d1d1", repr(token))
        self.assertNotIn("d1d1", json.dumps(token.record()))

    @given(
        scopes=st.frozensets(st.sampled_from(GRANTABLE), min_size=1),
        lifetime=st.none() | st.integers(1, 10**8).map(lambda seconds: NOON + timedelta(seconds=seconds)),
    )
    def test_saved(self, scopes: frozenset[Scope], lifetime: datetime | None) -> None:
        """What is saved comes back as it was."""
        token = NamedToken("ci", scopes, digest_of("x"), NOON, lifetime, "operator (local)")
        self.assertEqual(NamedToken.of(json.loads(json.dumps(token.saved()))), token)


class ReadingTests(SynchronousTestCase):
    """What is asked for."""

    def test_names(self) -> None:
        """A name is short and plain, and none that means somebody else in the record of who did what."""
        for name in ("ci", "0", "a.b-c_d", "x" * 64):
            self.assertEqual(check_name(name), name)
        for wrong in (None, "", "CI", "a b", ".a", "-a", "x" * 65, "a/b", "a\n", "é", "local", "token"):
            self.assertIn("name: ", str(self.assertRaises(Refused, check_name, wrong)))

    def test_scopes(self) -> None:
        """Scopes are those that can be given out; what is none is named, with those that there are."""
        self.assertEqual(read_scopes(["read", "launch", "read"]), {Scope.READ, Scope.LAUNCH})
        for words in ([], ["all"], ["read", "write"], ["READ"], [""]):
            error = str(self.assertRaises(Refused, read_scopes, words))
            self.assertIn("read, launch, configure, message", error)
