"""Processors show one another tokens: each of those that do not hold is refused, whatever becomes of the initiator."""

from __future__ import annotations

import hmac
import json
import time
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.internet.defer import Deferred, gatherResults

from proactor.tokens.issuing import TokenAuthority
from proactor.tokens.keyring import KeyRing, key_id
from proactor.web.peer_tokens import EXCHANGE

from ..processor.test_peer_verifier import encoded, made
from .case import Record
from .ports import free_ports
from .support import GUID, Initiator, configuration, until
from .test_killed import KilledCase

SECTIONS = "[steady]\nrefresh = 0.5\n"


def fixed(default: str = "", sections: str = SECTIONS) -> str:
    """A file for an initiator whose port stays the same."""
    text = configuration(sections, default=default)
    return text.replace("listen_port = 0", f"listen_port = {free_ports(1)}")


class PeerTokenCase(KilledCase):
    """An initiator with processors, and its keys in the hands of the test."""

    async def processors(self, count: int, default: str = "") -> tuple[Initiator, list[Record], TokenAuthority]:
        """Some that are ready, and know by what tokens are verified."""
        it = await self.start(fixed(default))
        jobs = await self.create(it, count, module="steady")
        authority = TokenAuthority(GUID, KeyRing.from_json((it.home / "keys" / "ring.json").read_bytes()))
        for job in jobs:
            await self.ready(job)
        return it, jobs, authority

    async def ready(self, job: Record) -> None:
        """Wait until a processor knows that."""

        async def knows() -> bool:
            return await self.shown(job, "x") == 401

        await until(knows, "a processor that verifies tokens")

    async def shown(self, job: Record, token: str) -> int:
        """What a processor answers to a token."""
        answer = await self.http("GET", f"http://127.0.0.1:{job['port']}/config", bearer(token))
        return answer.status

    async def all_shown(self, jobs: list[Record], tokens: dict[str, str]) -> list[int]:
        """What each answers to the token for it."""
        return await gatherResults([Deferred.fromCoroutine(self.shown(job, tokens[job["guid"]])) for job in jobs])

    async def exchanged(self, it: Initiator, audience: str, token: str) -> Any:
        """The answer to a processor that asks for a token."""
        form = {"grant_type": EXCHANGE, "audience": audience}
        return await self.http("POST", f"{it.url}/token", bearer(token), data=form)


def bearer(token: str) -> dict[str, str]:
    """The header that shows it."""
    return {"Authorization": f"Bearer {token}", "Accept": "application/json"}


def own(authority: TokenAuthority, job: Record, incarnation: int = 1) -> str:
    """A processor's own token, as the initiator gave it one."""
    return authority.issue(job["guid"], GUID, time.time(), 300, incarnation)


class WrongTokenTests(PeerTokenCase):
    """Tokens in the wrong place, and tokens that nobody gave out."""

    async def test_everywhere(self) -> None:
        """Each is refused, with the status that is right."""
        it, (a, b, c), authority = await self.processors(3)
        answer = await self.exchanged(it, b["guid"], own(authority, a))
        self.assertEqual((answer.status, answer.json["token_type"]), (200, "Bearer"))
        token = answer.json["access_token"]
        for what, forged in forgeries(authority, a["guid"], b["guid"]).items():
            self.assertEqual(await self.shown(b, forged), 401, what)
        self.assertEqual([await self.shown(job, token) for job in (a, b, c)], [401, 200, 401])
        self.assertEqual(await self.shown(b, own(authority, a)), 401)
        for path, shown, status in [
            (f"/config/{b['guid']}", own(authority, a), 403),
            (f"/config/{a['guid']}", token, 401),
            (f"/config/{b['guid']}", token, 401),
            ("/endpoints", token, 401),
            ("/endpoints", own(authority, a), 200),
        ]:
            answer = await self.http("GET", f"{it.url}{path}", bearer(shown))
            self.assertEqual(answer.status, status, path)


def forgeries(authority: TokenAuthority, sub: str, aud: str) -> dict[str, str]:
    """Tokens of which one thing is wrong, by what that is."""
    now, key = time.time(), authority.ring.signing
    claims: dict[str, Any] = {"iss": GUID, "sub": sub, "aud": aud, "iat": now, "exp": now + 300, "jti": "x", "inc": 1}
    header = {"alg": "EdDSA", "kid": key.id, "typ": "JWT"}
    other = Ed25519PrivateKey.generate()
    body = encoded(json.dumps(claims).encode())
    unsigned = f"{encoded(json.dumps({**header, 'alg': 'none'}).encode())}.{body}."
    symmetric = f"{encoded(json.dumps({**header, 'alg': 'HS256'}).encode())}.{body}"
    secret = key.public.public_bytes_raw()
    return {
        "expired": made({**claims, "iat": now - 400, "exp": now - 100}, header, key.private),
        "unsigned": unsigned,
        "signed with the public key": f"{symmetric}.{encoded(hmac.digest(secret, symmetric.encode(), 'sha256'))}",
        "of another issuer": made({**claims, "iss": sub}, header, key.private),
        "of a forged key": made(claims, header, other),
        "of a key that is not ours": made(claims, {**header, "kid": key_id(other.public_key())}, other),
        "of a clock that is ahead": made({**claims, "iat": now + 3600, "exp": now + 7200}, header, key.private),
        "for nobody": made({**claims, "aud": ""}, header, key.private),
    }


class KilledTests(PeerTokenCase):
    """Whatever becomes of the initiator."""

    async def test_killed(self) -> None:
        """With the initiator killed a token goes on to be taken; the next initiator gives out others."""
        it, (a, b), authority = await self.processors(2)
        token = (await self.exchanged(it, b["guid"], own(authority, a))).json["access_token"]
        await self.kill(it)
        for _ in range(20):
            self.assertEqual(await self.shown(b, token), 200)
        following = await self.after(it)
        self.assertEqual(await self.shown(b, token), 200)
        again = await self.exchanged(following, b["guid"], own(authority, a))
        self.assertEqual(await self.shown(b, again.json["access_token"]), 200)

    async def test_calls(self) -> None:
        """With the initiator killed processors go on calling one another; their tokens are renewed by the next."""
        it = await self.start(fixed("peer_token_ttl = 20", "[calling]\nrefresh = 0.5\n"))
        a, b = await self.create(it, 2, module="calling")

        async def called() -> bool:
            answer = await self.http("POST", f"http://127.0.0.1:{a['port']}/call/{b['guid']}")
            return (answer.status, answer.text) == (200, a["guid"])

        await until(called, "the first call")
        await self.kill(it)
        for _ in range(20):
            self.assertTrue(await called())
        following = await self.after(it)

        async def renewed() -> bool:
            self.assertTrue(await called())
            text = (await self.http("GET", f"{following.url}/metrics")).text
            return 'tokens_issued_total{audience="processor"} 0' not in text

        await until(renewed, "another token")

    async def test_revoked(self) -> None:
        """A processor that is revoked is refused by all, also where the initiator was killed between."""
        it, (a, *others), authority = await self.processors(6)
        tokens = {}
        for job in others:
            tokens[job["guid"]] = (await self.exchanged(it, job["guid"], own(authority, a))).json["access_token"]
        self.assertEqual(await self.all_shown(others, tokens), [200] * 5)
        await self.kill(it)
        following = await self.after(it)
        revoked = await self.http("POST", f"{following.url}/job/{a['guid']}/revoke", {"Prefer": "wait=30"})
        self.assertEqual(revoked.status, 200, revoked.text)
        self.assertEqual(revoked.json["incarnation"], 2)

        async def refused() -> bool:
            return await self.all_shown(others, tokens) == [401] * 5

        await until(refused, "refusal by all")
        self.assertEqual((await self.exchanged(following, others[0]["guid"], own(authority, a))).status, 410)
        new = await self.exchanged(following, others[0]["guid"], own(authority, a, 2))
        self.assertEqual(await self.shown(others[0], new.json["access_token"]), 200)

    async def test_away(self) -> None:
        """The initiator away for ten times as long as tokens live: all are back, the very same processes."""
        it, jobs, _ = await self.processors(4, "token_ttl = 1\nrefresh = 0.5")

        async def renewed() -> bool:
            text = (await self.http("GET", f"{it.url}/metrics")).text
            (count,) = (line.split()[1] for line in text.split("\n") if 'issued_total{audience="initiator"}' in line)
            # The first ones live longer.
            return float(count) >= 3 * len(jobs)

        await until(renewed, "other tokens")
        await self.kill(it)
        killed = time.monotonic()
        await until(lambda: time.monotonic() - killed > 10, "the end of ten lives of tokens")
        following = await self.after(it)

        async def back() -> bool:
            plan = await self.patched(following, "steady", {"mark": str(time.monotonic())}, "?timeout=30&revert=0")
            return bool(plan["outcome"]["applied"] == len(jobs))

        await until(back, "all processors")
        after = {job["guid"]: job["pid"] for job in await self.jobs(following)}
        self.assertEqual(after, {job["guid"]: job["pid"] for job in jobs})
