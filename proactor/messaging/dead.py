"""Messages that were not delivered and will not be: kept, as many as there is room for, and told of."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial

from attrs import define, field
from twisted.internet.interfaces import IReactorTime

from ..config.grammar import is_guid
from ..reactor.timers import Timers
from ..timeline.timeline import Timeline
from .letters import Letter

#: How long further ones of the same receiver are counted before they are told of, in seconds.
_TOGETHER = 10.0


@define(eq=False)
class DeadLetters:
    """By number, the oldest first.

    :param most: how many are kept, at this moment.
    """

    most: Callable[[], int]
    _letters: OrderedDict[int, Letter] = field(factory=OrderedDict)

    def add(self, letter: Letter) -> list[Letter]:
        """There is one more; those for which there is no room any more."""
        self._letters[letter.head.number] = letter
        over = max(0, len(self._letters) - self.most())
        return [self._letters.popitem(last=False)[1] for _ in range(over)]

    def get(self, number: int) -> Letter | None:
        """One, or none."""
        return self._letters.get(number)

    def remove(self, letter: Letter) -> None:
        """One is sent again, or dropped."""
        self._letters.pop(letter.head.number, None)

    def __len__(self) -> int:
        return len(self._letters)

    def __iter__(self) -> Iterator[Letter]:
        return iter(self._letters.values())


@define(eq=False)
class DeadStory:
    """Tells the timeline: of the first of a receiver at once, of those that follow soon how many there were."""

    clock: IReactorTime
    now: Callable[[], datetime]
    timeline: Timeline
    module_of: Callable[[str], str | None]
    _timers: Timers = field(init=False)
    _more: dict[str, tuple[int, str]] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self._timers = Timers(self.clock)

    def died(self, letter: Letter) -> None:
        """One is dead."""
        receiver, reason = letter.head.receiver, str(letter.head.dead)
        if receiver in self._more:
            self._more[receiver] = self._more[receiver][0] + 1, reason
            return
        self._tell(receiver, 1, reason)
        self._more[receiver] = 0, ""
        self._timers.set(receiver, _TOGETHER, partial(self._later, receiver))

    def _later(self, receiver: str) -> None:
        count, reason = self._more.pop(receiver)
        if count:
            self._tell(receiver, count, reason)

    def _tell(self, receiver: str, count: int, reason: str) -> None:
        guid = receiver if is_guid(receiver) else None
        module = receiver if guid is None else self.module_of(guid)
        more = {"count": count, **({} if module is None else {"module": module})}
        self.timeline.add(self.now(), "dead-letter", guid, reason, "the initiator", more=more)

    def close(self) -> None:
        """Tell what is not told yet."""
        self._timers.cancel_all()
        for receiver in list(self._more):
            self._later(receiver)
