from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import Unauthenticated
from proactor.tokens.issuing import Claims, TokenAuthority
from proactor.tokens.keyring import new_key
from proactor.tokens.verified import VerifiedTokens

ISSUER, GUID = "a" * 32, "b" * 32


class VerifiedTests(SynchronousTestCase):
    """Tokens that are seen again."""

    def setUp(self) -> None:
        self.authority = TokenAuthority.from_pem(ISSUER, new_key())
        self.verified = VerifiedTokens(lambda token, now: self.authority.verify(token, ISSUER, now), most=3)

    def issued(self, now: float = 1000.0, guid: str = GUID, audience: str = ISSUER) -> str:
        return self.authority.issue(guid, audience, now, 60.0, 1)

    def reason(self, token: str, now: float) -> str:
        return str(self.assertRaises(Unauthenticated, self.verified.verify, token, now))

    def test_again(self) -> None:
        """A token that held says the same again, without being verified again."""
        token = self.issued()
        first = self.verified.verify(token, 1000.0)
        self.assertEqual(first, self.authority.verify(token, ISSUER, 1000.0))
        self.assertIs(self.verified.verify(token, 1059.0), first)

    def test_issued_here(self) -> None:
        """What we have issued is known to hold, and what it says is what is read of it; it expires as others do."""
        token, claims = self.authority.issue_known(GUID, ISSUER, 1000.25, 60.0, 3, "serial")
        self.assertEqual(claims, self.authority.verify(token, ISSUER, 1001.0))
        self.verified.know(token, claims)
        self.assertIs(self.verified.verify(token, 1059.0), claims)
        self.assertEqual(self.reason(token, 1061.0), "this token has expired")

    def test_expired(self) -> None:
        """It holds no longer than it says, however often it was seen."""
        token = self.issued()
        for now in (1000.0, 1059.9):
            self.assertIsInstance(self.verified.verify(token, now), Claims)
        for now in (1060.0, 1061.0, 5000.0):
            self.assertEqual(self.reason(token, now), "this token has expired")

    def test_clock_that_went_back(self) -> None:
        """Nor is it good before it was made."""
        token = self.issued()
        self.verified.verify(token, 1000.0)
        self.assertIn("a clock went back", self.reason(token, 900.0))

    def test_not_ours(self) -> None:
        """What does not hold is refused each time, and is not remembered."""
        good = self.issued()
        self.verified.verify(good, 1000.0)
        stranger = TokenAuthority.from_pem(ISSUER, new_key()).issue(GUID, ISSUER, 1000.0, 60.0, 1)
        for token in (good[:-4] + "AAAA", stranger, self.issued(audience=GUID), "", "é"):
            for _ in range(2):
                self.reason(token, 1000.0)

    def test_expired_are_forgotten(self) -> None:
        """Those that have expired take no room, though nobody shows them again."""
        for number in range(3):
            self.verified.verify(self.issued(1000.0, guid=f"{number:032x}"), 1000.0)
        self.verified.verify(self.issued(1100.0), 1100.0)
        self.assertEqual(len(self.verified._claims), 1)

    def test_bounded(self) -> None:
        """So many are remembered; one that is not any more is verified anew, and holds."""
        tokens = [self.issued(guid=f"{number:032x}") for number in range(5)]
        seen = [self.verified.verify(token, 1000.0) for token in tokens]
        self.assertIs(self.verified.verify(tokens[4], 1000.0), seen[4])
        again = self.verified.verify(tokens[0], 1000.0)
        self.assertEqual(again, seen[0])
        self.assertIsNot(again, seen[0])

    def test_shown(self) -> None:
        """No token is in what it is shown as."""
        token = self.issued()
        self.verified.verify(token, 1000.0)
        self.assertNotIn(token, repr(self.verified))
