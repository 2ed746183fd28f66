"""Tokens: who they prove, and whom they do not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import assume, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import ProactorError, Unauthenticated
from proactor.tokens.issuing import Claims, TokenAuthority
from proactor.tokens.keyring import key_id, new_key, public_jwk

from ..support.examples import examples

ISSUER, GUID, PEER = ("e" * 32, "a" * 32, "b" * 32)
NOW = 1_764_000_000.0
LIFETIME = 300.0


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def segment(value: object) -> str:
    return encoded(json.dumps(value).encode())


#: Keys take time to make, and hold no state.
AUTHORITY = TokenAuthority.from_pem(ISSUER, new_key())
KEY: Ed25519PrivateKey = AUTHORITY.ring.signing.private
PUBLIC_PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "sub": GUID,
    "aud": ISSUER,
    "iat": NOW,
    "exp": NOW + LIFETIME,
    "jti": "0" * 32,
    "inc": 1,
}
HEADER = {"alg": "EdDSA", "kid": AUTHORITY.ring.signing.id, "typ": "JWT"}
TOKEN = AUTHORITY.issue(GUID, ISSUER, NOW, LIFETIME, 1)


def made(payload: bytes | dict[str, Any], header: dict[str, Any] | None = None, key: Ed25519PrivateKey = KEY) -> str:
    """A token put together and signed by hand: no library has a say in what it holds."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    text = f"{segment(HEADER if header is None else header)}.{encoded(body)}"
    return f"{text}.{encoded(key.sign(text.encode()))}"


class Case(SynchronousTestCase):
    def refused(self, token: str, now: float = NOW, audience: str = ISSUER) -> str:
        """See that a token is refused, and that what is said of it holds no part of it."""
        error = self.assertRaises(Unauthenticated, AUTHORITY.verify, token, audience, now)
        self.assertEqual(error.reason, "invalid_token")
        text = str(error)
        for part in token.split("."):
            if len(part) > 8:
                self.assertNotIn(part, text)
        return text


class IssueTests(Case):
    """A token says who, to whom, until when, and which launch."""

    def test_claims(self) -> None:
        """What was issued is what is read."""
        claims = AUTHORITY.verify(TOKEN, ISSUER, NOW)
        expected = Claims(GUID, ISSUER, NOW, NOW + LIFETIME, 1, claims.serial)
        self.assertEqual(claims, expected)
        self.assertEqual(len(claims.serial), 32)

    def test_serials(self) -> None:
        """Differ, so that two tokens of one moment do."""
        other = AUTHORITY.issue(GUID, ISSUER, NOW, LIFETIME, 1)
        self.assertNotEqual(TOKEN, other)

    def test_made_by_hand(self) -> None:
        """The tests below build tokens that would hold, but for what they are about."""
        self.assertEqual(AUTHORITY.verify(made(CLAIMS), ISSUER, NOW).guid, GUID)

    def test_renewal(self) -> None:
        """Is due at half a token's life, or at half of the usual one where its own is longer."""
        claims = AUTHORITY.verify(TOKEN, ISSUER, NOW)
        self.assertEqual(claims.due(LIFETIME), NOW + 150)
        self.assertEqual(claims.due(1000), NOW + 150)
        self.assertEqual(claims.due(4), NOW + 2)


class KeyTests(Case):
    """The key that signs."""

    def test_read_again(self) -> None:
        """The same PEM is the same authority; tokens outlive a restart."""
        pem = new_key()
        one, two = (TokenAuthority.from_pem(ISSUER, pem) for _ in range(2))
        self.assertEqual(two.verify(one.issue(GUID, ISSUER, NOW, 1, 1), ISSUER, NOW).guid, GUID)
        self.assertEqual(one.ring.signing.id, two.ring.signing.id)
        self.assertNotEqual(pem, new_key())

    def test_thumbprint(self) -> None:
        """A key is named by its JWK's thumbprint (RFC 7638, 3)."""
        key = KEY.public_key()
        x = encoded(key.public_bytes(Encoding.Raw, PublicFormat.Raw))
        self.assertEqual(public_jwk(key), {"kty": "OKP", "crv": "Ed25519", "x": x})
        canonical = f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'
        self.assertEqual(key_id(key), encoded(hashlib.sha256(canonical.encode()).digest()))
        self.assertEqual(jwt.get_unverified_header(TOKEN)["kid"], key_id(key))

    def test_no_key(self) -> None:
        """A file that holds none, or another's, is told what to do with it, and is not repeated."""
        pkcs8 = (Encoding.PEM, PrivateFormat.PKCS8)
        for pem in (
            b"",
            b"sesame",
            b"-----BEGIN PRIVATE KEY-----\nsesame\n-----END PRIVATE KEY-----\n",
            PUBLIC_PEM,
            generate_private_key(SECP256R1()).private_bytes(*pkcs8, NoEncryption()),
            KEY.private_bytes(*pkcs8, BestAvailableEncryption(b"open sesame")),
        ):
            text = str(self.assertRaises(ProactorError, TokenAuthority.from_pem, ISSUER, pem))
            self.assertIn("remove its file", text)
            self.assertNotIn("sesame", text)

    def test_repr(self) -> None:
        """Does not show the key, nor where it is."""
        raw = KEY.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        for text in (repr(AUTHORITY), str(AUTHORITY)):
            self.assertNotIn("PrivateKey", text)
            self.assertNotIn(raw.hex(), text)
            self.assertIn(AUTHORITY.ring.signing.id, text)


class RefusalTests(Case):
    """A token that does not hold."""

    def test_audience(self) -> None:
        """Is for it alone."""
        self.assertIn("another audience", self.refused(TOKEN, audience=PEER))
        self.assertIn("another audience", self.refused(made({**CLAIMS, "aud": PEER})))
        self.refused(made({**CLAIMS, "aud": ""}))
        self.refused(made({**CLAIMS, "aud": [ISSUER, PEER]}))

    def test_issuer(self) -> None:
        """Is this initiator."""
        self.assertIn("another issuer", self.refused(made({**CLAIMS, "iss": PEER})))

    def test_times(self) -> None:
        """Good from its issue, a second for clocks, until it expires."""
        for now in (NOW - 1, NOW, NOW + LIFETIME - 0.001):
            AUTHORITY.verify(TOKEN, ISSUER, now)
        for now in (NOW + LIFETIME, NOW + 10 * LIFETIME):
            self.assertIn("expired", self.refused(TOKEN, now))
        for now in (NOW - 1.001, 0):
            self.assertIn("not valid yet", self.refused(TOKEN, now))

    def test_other_key(self) -> None:
        """Signed with another, whichever name that goes by."""
        other = Ed25519PrivateKey.generate()
        self.assertIn("signature", self.refused(made(CLAIMS, key=other)))
        named = {**HEADER, "kid": key_id(other.public_key())}
        self.assertIn("no key of this initiator", self.refused(made(CLAIMS, named, other)))
        others: list[Any] = [None, 1, [], {}, ""]
        for kid in others:
            self.refused(made(CLAIMS, {**HEADER, "kid": kid}))
        self.refused(made(CLAIMS, {"alg": "EdDSA", "typ": "JWT"}))

    def test_no_algorithm(self) -> None:
        """An unsigned one, however its header says so."""
        for algorithm in ("none", "None", "NONE", "", None):
            text = f"{segment({**HEADER, 'alg': algorithm})}.{segment(CLAIMS)}."
            self.refused(text)
            self.refused(text + encoded(KEY.sign(text[:-1].encode())))
            self.refused(text + "A" * 86)

    def test_public_key_as_secret(self) -> None:
        """One signed by a symmetric algorithm with what everybody knows."""
        raw = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        for algorithm, digest in (("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512")):
            for secret in (PUBLIC_PEM, raw, encoded(raw).encode()):
                text = f"{segment({**HEADER, 'alg': algorithm})}.{segment(CLAIMS)}"
                self.refused(f"{text}.{encoded(hmac.digest(secret, text.encode(), digest))}")

    def test_other_algorithms(self) -> None:
        """Ours is the only one, though the signature be right."""
        for algorithm in ("RS256", "ES256", "ES512", "HS512", "EdDSA2", "Ed448"):
            self.assertIn("its algorithm", self.refused(made(CLAIMS, {**HEADER, "alg": algorithm})))

    def test_key_in_the_header(self) -> None:
        """A key that a token brings with it is not looked at."""
        other = Ed25519PrivateKey.generate()
        header = {**HEADER, "jwk": public_jwk(other.public_key()), "jku": "http://x/", "x5u": "http://x/"}
        self.refused(made(CLAIMS, header, other))
        self.refused(made(CLAIMS, header))

    def test_extensions(self) -> None:
        """What must be understood and is not."""
        self.refused(made(CLAIMS, {**HEADER, "crit": ["exp"], "exp": 1}))
        self.refused(made(CLAIMS, {**HEADER, "b64": False, "crit": ["b64"]}))

    def test_missing_claims(self) -> None:
        """Each is needed; none is null."""
        for name in CLAIMS:
            self.assertIn("lacks a claim", self.refused(made({k: v for k, v in CLAIMS.items() if k != name})))
            self.refused(made({**CLAIMS, name: None}))

    def test_types_of_claims(self) -> None:
        """Texts are texts, numbers are numbers that are finite, an incarnation is whole."""
        wrong: dict[str, list[Any]] = {
            "iss": [1, [ISSUER], {}],
            "sub": [1, [GUID], {}, True],
            "aud": [1, [], {}, {"x": ISSUER}],
            "jti": [1, [], {}],
            "iat": ["1", [], {}, True, float("nan"), float("inf"), -float("inf"), 10**400, "x"],
            "exp": [str(NOW + 9), [], {}, True, float("nan"), float("inf"), 10**400, "x"],
            "inc": ["1", [], {}, True, 1.5, float("nan"), float("inf"), "x"],
        }
        for name, values in wrong.items():
            for value in values:
                self.refused(made({**CLAIMS, name: value}))

    def test_payloads(self) -> None:
        """What is no object of claims, signed though it is."""
        for payload in (b"", b"{", b"[]", b"1", b"null", b'"x"', b"\xff\xfe", b"{}", b"[" * 1500, b'{"a":' * 500):
            self.refused(made(payload))

    def test_headers(self) -> None:
        """What is no object, nested without end, or no JSON; before anything is signed."""
        rest = TOKEN.partition(".")[2]
        for header in (b"", b"{", b"[]", b"1", b"null", b"\xff", b"[" * 2700, b'{"a":' * 500, b'{"alg":"EdDSA"}'):
            self.refused(f"{encoded(header)}.{rest}")

    def test_no_tokens(self) -> None:
        """What is no JWT at all."""
        for text in (
            "",
            ".",
            "..",
            "...",
            "a",
            "a.b",
            "a.b.c",
            "a.b.c.d",
            TOKEN + ".",
            "." + TOKEN,
            f"{TOKEN}.{TOKEN}",
        ):
            self.refused(text)
        for text in ("é", "\ud800", "\x00", " ", "\n", "=", "%00", "٣"):
            for token in (text + TOKEN, TOKEN + text, TOKEN.replace(".", text + ".", 1)):
                self.refused(token)

    def test_size(self) -> None:
        """A long one is refused for that alone, and not read."""
        self.assertIn("too long", self.refused("a" * 4097))
        self.assertIn("too long", self.refused(made({**CLAIMS, "x": "y" * 4000})))
        self.assertNotIn("too long", self.refused("a" * 4096))

    def test_one_text(self) -> None:
        """There is one way to write a signature: spare bits are zero, nothing is padded or passed over."""
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        for last in alphabet.replace(TOKEN[-1], ""):
            self.refused(TOKEN[:-1] + last)
        head, _, signature = TOKEN.rpartition(".")
        for text in (signature + "==", signature[:9] + "!!!!" + signature[9:], signature + "AAAA", "\n" + signature):
            self.refused(f"{head}.{text}")

    @given(st.data())
    @examples(400)
    def test_mutations(self, data: st.DataObject) -> None:
        """A token that was changed anywhere, in any way, is none."""
        start = data.draw(st.integers(0, len(TOKEN)))
        end = data.draw(st.one_of(st.just(start), st.just(start + 1), st.integers(start, len(TOKEN))))
        alphabet = st.one_of(st.sampled_from("ABCDabcd0189-_.=+/"), st.characters())
        token = TOKEN[:start] + data.draw(st.text(alphabet, max_size=4)) + TOKEN[end:]
        assume(token != TOKEN)
        self.refused(token)

    @given(st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=80))
    @examples(200)
    def test_any_segments(self, header: bytes, payload: bytes, signature: bytes) -> None:
        """Whatever bytes are sent in the form of one."""
        self.refused(".".join(map(encoded, (header, payload, signature))))

    def test_anothers(self) -> None:
        """Two initiators do not take one another's, of the same guid or not."""
        for issuer in (ISSUER, PEER):
            other = TokenAuthority.from_pem(issuer, new_key())
            self.refused(other.issue(GUID, ISSUER, NOW, LIFETIME, 1))
        self.refused(TokenAuthority(PEER, AUTHORITY.ring).issue(GUID, ISSUER, NOW, LIFETIME, 1))
