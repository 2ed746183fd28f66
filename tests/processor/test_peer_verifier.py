"""Tokens shown to a processor: those that hold, and those that somebody made up."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

from attrs import evolve
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import assume, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import Malformed, Unauthenticated, Unavailable
from proactor.processor.peer_verifier import LEEWAY, PeerVerifier, Trust, read_trust
from proactor.tokens.issuing import Subject, TokenAuthority
from proactor.tokens.keyring import KeyRing, key_id, new_key

from ..support.examples import examples

ISSUER, A, B, C = ("e" * 32, "a" * 32, "b" * 32, "c" * 32)
NOW = 1_764_000_000.0

AUTHORITY = TokenAuthority(ISSUER, KeyRing.begin(new_key(), NOW))
KEY = AUTHORITY.ring.signing.private
DOCUMENT: dict[str, Any] = {"issuer": ISSUER, "keys": AUTHORITY.ring.published(NOW), "revoked": {}}
TRUST = read_trust(DOCUMENT)
SUBJECT = Subject(A, 3, "my.module", {"tier": "web"})
TOKEN = AUTHORITY.issue_peer(SUBJECT, B, ["picture:write", "read"], NOW, 300.0)
HEADER = {"alg": "EdDSA", "kid": AUTHORITY.ring.signing.id, "typ": "JWT"}
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "sub": A,
    "aud": B,
    "iat": NOW,
    "exp": NOW + 300,
    "jti": "0" * 32,
    "inc": 3,
    "scope": "read",
    "module": "my.module",
    "labels": {},
}


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def made(claims: dict[str, Any], header: dict[str, Any] | None = None, key: Ed25519PrivateKey = KEY) -> str:
    """A token put together and signed by hand."""
    parts = [encoded(json.dumps(part).encode()) for part in (HEADER if header is None else header, claims)]
    text = ".".join(parts)
    return f"{text}.{encoded(key.sign(text.encode()))}"


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.time = NOW
        self.verifier = PeerVerifier(B, lambda: self.time, TRUST)

    def refused(self, token: str) -> str:
        error = self.assertRaises(Unauthenticated, self.verifier.verify, token)
        self.assertEqual(error.reason, "invalid_token")
        return str(error)


class HoldingTests(Case):
    """What holds."""

    def test_claims(self) -> None:
        """It is known whose it is, and what it is good for."""
        claims = self.verifier.verify(TOKEN)
        self.assertEqual((claims.guid, claims.incarnation, claims.module), (A, 3, "my.module"))
        self.assertEqual((claims.labels, claims.scope), ({"tier": "web"}, {"picture:write", "read"}))
        self.assertIs(self.verifier.verify(TOKEN), claims)
        self.assertEqual(self.verifier.verify(made(CLAIMS)).guid, A)

    def test_next_key(self) -> None:
        """A token of the key that comes next holds without anything being fetched."""
        authority = TokenAuthority(ISSUER, AUTHORITY.ring.rotated(NOW, 300))
        self.assertEqual(self.verifier.verify(authority.issue_peer(SUBJECT, B, [], NOW, 300)).guid, A)

    def test_skew(self) -> None:
        """Clocks may be a few seconds apart, and no more."""
        for skew in (-LEEWAY, 0.0, 300.0 + LEEWAY - 0.001):
            self.time = NOW + skew
            self.verifier.verify(TOKEN)
        for skew, why in ((-LEEWAY - 0.001, "not valid yet"), (300 + LEEWAY, "expired"), (10_000, "expired")):
            self.time = NOW + skew
            self.assertIn(why, self.refused(TOKEN))


class RefusedTests(Case):
    """What does not."""

    def test_other_audience(self) -> None:
        """A token for another peer, or a processor's own, which is for the initiator."""
        for audience in (C, ISSUER, A):
            self.assertIn("another audience", self.refused(AUTHORITY.issue_peer(SUBJECT, audience, [], NOW, 300)))
        self.assertIn("another audience", self.refused(AUTHORITY.issue(A, ISSUER, NOW, 300, 3)))
        for audiences in ([B, C], [B], "", None):
            self.refused(made({**CLAIMS, "aud": audiences}))

    def test_other_issuer(self) -> None:
        """One that is not of this initiator."""
        self.assertIn("another issuer", self.refused(made({**CLAIMS, "iss": C})))
        stranger = TokenAuthority.from_pem(ISSUER, new_key())
        self.assertIn("no key", self.refused(stranger.issue_peer(SUBJECT, B, [], NOW, 300)))

    def test_forged_key(self) -> None:
        """One that another key signed, under the name of ours, of its own, or of none."""
        other = Ed25519PrivateKey.generate()
        self.assertIn("signature", self.refused(made(CLAIMS, key=other)))
        kids: list[Any] = [key_id(other.public_key()), AUTHORITY.ring.next.id, "", None, 1, [], "../../etc/passwd"]
        for kid in kids:
            self.refused(made(CLAIMS, {**HEADER, "kid": kid}, other))
        jwk = {**AUTHORITY.ring.signing.jwk(), "x": encoded(other.public_key().public_bytes_raw())}
        self.refused(made(CLAIMS, {**HEADER, "jwk": jwk}, other))

    def test_no_algorithm(self) -> None:
        """One that is not signed, however it says so; or with the public key as a secret."""
        raw = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        pem = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        body = encoded(json.dumps(CLAIMS).encode())
        for algorithm in ("none", "None", "", None):
            head = encoded(json.dumps({**HEADER, "alg": algorithm}).encode())
            for signature in ("", "A" * 86, encoded(KEY.sign(f"{head}.{body}".encode()))):
                self.refused(f"{head}.{body}.{signature}")
        for algorithm, digest in (("HS256", "sha256"), ("HS512", "sha512")):
            text = f"{encoded(json.dumps({**HEADER, 'alg': algorithm}).encode())}.{body}"
            for secret in (raw, pem, encoded(raw).encode()):
                self.refused(f"{text}.{encoded(hmac.digest(secret, text.encode(), digest))}")

    def test_revoked(self) -> None:
        """One of an incarnation that is revoked, also where it was seen before; not those of later ones."""
        self.verifier.verify(TOKEN)
        self.verifier.learn(evolve(TRUST, revoked={A: 3}))
        self.assertIn("revoked", self.refused(TOKEN))
        self.assertEqual(self.verifier.verify(made({**CLAIMS, "inc": 4})).incarnation, 4)
        self.verifier.learn(evolve(TRUST, revoked={C: 3}))
        self.verifier.verify(TOKEN)

    def test_key_withdrawn(self) -> None:
        """One of a key that is no key any more, also where it was seen before."""
        self.verifier.verify(TOKEN)
        self.verifier.learn(evolve(TRUST, keys={AUTHORITY.ring.next.id: TRUST.keys[AUTHORITY.ring.next.id]}))
        self.assertIn("no key", self.refused(TOKEN))

    def test_not_known_yet(self) -> None:
        """Before the initiator has said what holds, nothing is."""
        self.assertRaises(Unavailable, PeerVerifier(B).verify, TOKEN)

    def test_types(self) -> None:
        """Claims are of their types."""
        wrong: dict[str, list[Any]] = {
            "scope": [1, [], ["read"], None],
            "module": [1, [], {}],
            "labels": [1, [], None, {"a": 1}, {"a": None}],
            "inc": ["3", None, 3.5],
        }
        for name, values in wrong.items():
            for value in values:
                self.refused(made({**CLAIMS, name: value}))

    @given(st.data())
    @examples(400)
    def test_mutations(self, data: st.DataObject) -> None:
        """A token that was changed anywhere, in any way, is none."""
        verifier = PeerVerifier(B, lambda: NOW, TRUST)
        start = data.draw(st.integers(0, len(TOKEN)))
        end = data.draw(st.one_of(st.just(start), st.just(start + 1), st.integers(start, len(TOKEN))))
        alphabet = st.one_of(st.sampled_from("ABCDabcd0189-_.=+/"), st.characters(codec="latin-1"))
        token = TOKEN[:start] + data.draw(st.text(alphabet, max_size=4)) + TOKEN[end:]
        assume(token != TOKEN)
        self.assertRaises(Unauthenticated, verifier.verify, token)

    @given(
        st.fixed_dictionaries(
            {},
            optional={
                "iss": st.sampled_from([A, C, "", None, 1]),
                "aud": st.sampled_from([A, C, ISSUER, "", None, [B]]),
                "iat": st.sampled_from([NOW + 6, NOW + 1e9, None, "1"]),
                "exp": st.sampled_from([NOW - 6, 0, -1, None, "9e9"]),
                "inc": st.sampled_from([None, "3", 1.5, True]),
                "sub": st.sampled_from([None, 1, []]),
                "jti": st.sampled_from([None, 1]),
            },
        ),
        st.booleans(),
    )
    @examples(200)
    def test_signed_mutations(self, changes: dict[str, Any], is_stranger: bool) -> None:
        """Nor is one of which a claim is wrong, though the signature be right; nor a right one of a stranger's."""
        assume(changes or is_stranger)
        verifier = PeerVerifier(B, lambda: NOW, TRUST)
        key = Ed25519PrivateKey.generate() if is_stranger else KEY
        self.assertRaises(Unauthenticated, verifier.verify, made({**CLAIMS, **changes}, key=key))


class TrustTests(SynchronousTestCase):
    """What the initiator says of it."""

    def test_read(self) -> None:
        """As it is sent; keys of other kinds, which a later initiator may have, are left out."""
        rsa = {"kty": "RSA", "crv": "", "n": "x", "kid": "rsa"}
        odd = {"kty": "OKP", "crv": "Ed25519", "x": "short", "kid": "odd"}
        document = {**DOCUMENT, "keys": [*DOCUMENT["keys"], rsa, odd], "revoked": {A: 3}}
        self.assertEqual(read_trust(document), Trust(ISSUER, TRUST.keys, {A: 3}))
        self.assertEqual(set(TRUST.keys), {AUTHORITY.ring.signing.id, AUTHORITY.ring.next.id})

    def test_malformed(self) -> None:
        """What it cannot have sent is refused."""
        wrong: list[Any] = [
            None,
            1,
            "x",
            [],
            {},
            {**DOCUMENT, "issuer": 1},
            {**DOCUMENT, "keys": None},
            {**DOCUMENT, "keys": [1]},
            {**DOCUMENT, "keys": [{}]},
            {**DOCUMENT, "keys": [{**DOCUMENT["keys"][0], "x": 1}]},
            {**DOCUMENT, "keys": [{**DOCUMENT["keys"][0], "kid": 1}]},
            {**DOCUMENT, "revoked": [1]},
            {**DOCUMENT, "revoked": {A: "3"}},
            {**DOCUMENT, "revoked": {A: True}},
        ]
        for value in wrong:
            self.assertRaises(Malformed, read_trust, value)
