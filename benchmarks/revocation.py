"""A processor that has called many others is revoked: how soon each of those refuses it.

It has a token for each of them, which each takes. Then it is revoked, and all are asked again and again, one after the
other, until none takes it: the time from when the revocation is sent until the first refusal of each. One that is asked
late is seen late; the time that it takes to ask them all once is told beside.
"""

from __future__ import annotations

import argparse
import time
from http.client import HTTPConnection
from typing import Any

from proactor.tokens.issuing import TokenAuthority
from proactor.tokens.keyring import KeyRing
from proactor.web.peer_tokens import EXCHANGE

from . import figures, running
from .figures import median

GOALS = {"refused_ms_max": 1000.0}


class Peer:
    """A processor that is shown a token, over one connection.

    :ivar token: the one for it.
    """

    def __init__(self, job: dict[str, Any]) -> None:
        self.guid = job["guid"]
        self.token = ""
        self._connection = HTTPConnection("127.0.0.1", job["port"], timeout=running.PATIENCE)

    def status(self, token: str | None = None) -> int:
        """What it answers."""
        headers = {"Authorization": f"Bearer {token or self.token}"}
        self._connection.request("GET", "/config", headers=headers)
        response = self._connection.getresponse()
        response.read()
        return response.status

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def own_token(operator: running.Operator, job: dict[str, Any]) -> str:
    """The token by which a processor is known to the initiator, made with the keys of that."""
    ring = KeyRing.from_json((operator.home / "keys" / "ring.json").read_bytes())
    return TokenAuthority(running.GUID, ring).issue(job["guid"], running.GUID, time.time(), 300, job["incarnation"])


def provide(operator: running.Operator, job: dict[str, Any], peers: list[Peer]) -> None:
    """Get a token for each, and show it.

    :raises Unexpected: it is not taken.
    """
    caller = running.Operator(operator.port, own_token(operator, job))
    for peer in peers:
        request = {"grant_type": EXCHANGE, "audience": peer.guid}
        peer.token = caller.call("POST", "/token", request)["access_token"]
        if peer.status() != 200:
            raise running.Unexpected(f"{peer.guid} does not take a token for it")
    caller.close()


def revoked(operator: running.Operator, guid: str, peers: list[Peer]) -> tuple[list[float], float]:
    """Revoke, and ask; the ms until each refused, and how long it takes to ask all once."""
    began = time.perf_counter()
    for peer in peers:
        peer.status()
    asked = (time.perf_counter() - began) * 1000
    began = time.perf_counter()
    operator.text(f"/job/{guid}/revoke", "POST")
    left, took = list(peers), []
    while left:
        for peer in list(left):
            if peer.status() == 401:
                took.append((time.perf_counter() - began) * 1000)
                left.remove(peer)
        if time.perf_counter() - began > running.PATIENCE:
            raise running.Unexpected(f"{len(left)} still take it")
    return took, asked


def measure(operator: running.Operator, count: int, rounds: int) -> list[tuple[list[float], float]]:
    """Revoke one processor several times."""
    operator.call("POST", "/create", {"count": count + 1})
    running.wait_until(
        lambda: len(operator.call("GET", "/job?state=running")) == count + 1, "all are ready", patience=600, pause=0.5
    )
    first, *others = operator.call("GET", "/job")
    peers = [Peer(job) for job in others]
    for peer in peers:
        running.wait_until(lambda peer=peer: peer.status("x") == 401, "what tokens are verified by")  # type: ignore[misc]
    found, path = [], f"/job/{first['guid']}"
    for _ in range(rounds):
        running.wait_until(lambda: operator.call("GET", path)["ready"], "the processor")
        provide(operator, operator.call("GET", path), peers)
        found.append(revoked(operator, first["guid"], peers))
    for peer in peers:
        peer.close()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.revocation", description=__doc__)
    parser.add_argument("peers", type=int, nargs="?", default=100, help="how many [default: %(default)s]")
    parser.add_argument("--rounds", type=int, default=5, help="revocations [default: %(default)s]")
    given = parser.parse_args()
    with running.initiator(running.config()) as operator:
        found = measure(operator, given.peers, given.rounds)
    worst = {"refused_ms_max": max(max(took) for took, _ in found)}
    seen = {
        "refused_ms_p50": median([median(took) for took, _ in found]),
        "refused_ms_max": median([max(took) for took, _ in found]),
        "asked_ms": median([asked for _, asked in found]),
    }
    labels = {
        "refused_ms_p50": "half refuse, ms",
        "refused_ms_max": "all refuse, ms",
        "asked_ms": "to ask all once, ms",
    }
    rows = [(text, seen[name], worst.get(name), GOALS.get(name)) for name, text in labels.items()]
    figures.print_table(("", "seen", "worst", "goal"), rows)
    figures.print_json(
        "revocation", {"peers": given.peers, "rounds": given.rounds, **seen, "worst": worst, "goals": GOALS}
    )


if __name__ == "__main__":
    main()
