"""Who sends what to whom in ``message_chaos``, and whether that is what came."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import define

#: What the folder of the files is called in the environment.
FOLDER = "PROACTOR_CHAOS"
TOPIC = "chaos"
RECEIVERS = "benchmarks.chaos_receiver"
SENDERS = "benchmarks.chaos_sender"
#: The channels in which order is not promised: any processor of the module may get each.
SHARED = "module"


def channels(receivers: Sequence[str]) -> Iterator[tuple[str, str, float]]:
    """The channels of a sender: a name, the target, and its share of the sender's messages."""
    for place, guid in enumerate(receivers):
        yield f"guid{place}", guid, 0.8 / len(receivers)
    yield "topic", f"topic:{TOPIC}.all", 0.1
    yield SHARED, RECEIVERS, 0.1


def id_of(name: str, number: int) -> str:
    """Of one message of a channel."""
    return f"{name}-{number}"


@define
class Verdict:
    """What came, and what is wrong with it.

    :ivar copies: how many came again; ``distinct``: how many there were without those.
    """

    copies: int
    distinct: int
    problems: list[str]


def judged(folder: Path, senders: Sequence[str], receivers: Sequence[str], count: int) -> Verdict:
    """Look through what each receiver has written down.

    :param count: how many each sender sent.
    """
    verdict = Verdict(0, 0, [])
    shared: set[tuple[str, int]] = set()
    for receiver in receivers:
        _look(verdict, folder / f"received.{receiver}", receivers.index(receiver), senders, count, shared)
    wanted = {(sender, number) for sender in senders for number in range(int(count * 0.1))}
    if shared != wanted:
        verdict.problems.append(f"to the module: {len(wanted - shared)} are lost, {len(shared - wanted)} are strange")
    return verdict


def _look(
    verdict: Verdict, path: Path, place: int, senders: Sequence[str], count: int, shared: set[tuple[str, int]]
) -> None:
    seen: dict[tuple[str, str], str] = {}
    last: dict[tuple[str, str], int] = {}
    for line in path.read_text().splitlines():
        source, id_, data = line.split(" ")
        sender, (name, _, number) = source.removeprefix("/job/"), id_.partition("-")
        if data != number:
            verdict.problems.append(f"{path.name}: {id_} of {sender} holds {data}")
        if (source, id_) in seen:
            verdict.copies += 1
            continue
        seen[source, id_] = data
        verdict.distinct += 1
        if name == SHARED:
            shared.add((sender, int(number)))
            continue
        before = last.get((sender, name), -1)
        if int(number) != before + 1:
            verdict.problems.append(f"{path.name}: {name} of {sender}: {number} behind {before}")
        last[sender, name] = int(number)
    for sender in senders:
        for name, share in ((f"guid{place}", 0.8 / _receivers(path)), ("topic", 0.1)):
            wanted = int(count * share)
            found = last.get((sender, name), -1) + 1
            if found != wanted:
                verdict.problems.append(f"{path.name}: {name} of {sender}: {found} of {wanted}")


def _receivers(path: Path) -> int:
    return len(list(path.parent.glob("received.*")))
