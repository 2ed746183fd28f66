"""What waits for whom: a line for each sender to each receiver, and who of a module's processors is free. Plain."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from heapq import heappop, heappush

from attrs import define, field

from .letters import Letter, Place

__all__ = ["Lane", "Mailbox", "Member", "Pool"]


@define(eq=False)
class Member:
    """A processor, as one who is handed messages.

    :param most: how many it is handed at a time; ``timeout``: how long it may take for one, in seconds.
    :ivar busy: what it has in its hands, by sender: one of each.
    """

    guid: str
    module: str
    most: int
    timeout: float
    is_ready: bool = False
    busy: dict[str, Letter] = field(factory=dict)

    @property
    def is_free(self) -> bool:
        """Whether it can be handed something."""
        return self.is_ready and len(self.busy) < self.most


@define(eq=False)
class Pool:
    """The processors of a module that are free, those with the least in their hands first."""

    _levels: dict[int, OrderedDict[str, Member]] = field(factory=dict)
    _level_of: dict[str, int] = field(factory=dict)

    def look(self, member: Member) -> None:
        """A member has more or less in its hands than before, or has come or gone."""
        at = self._level_of.pop(member.guid, None)
        if at is not None:
            del self._levels[at][member.guid]
            if not self._levels[at]:
                del self._levels[at]
        if member.is_free:
            level = self._level_of[member.guid] = len(member.busy)
            self._levels.setdefault(level, OrderedDict())[member.guid] = member

    def choose(self, sender: str) -> Member | None:
        """Who is to get the next message of a sender; none, where nobody is free who has nothing of that one."""
        for level in sorted(self._levels):
            for member in self._levels[level].values():
                if sender not in member.busy:
                    return member
        return None

    def __bool__(self) -> bool:
        return bool(self._levels)


@define(eq=False)
class Lane:
    """The messages of one sender to one receiver, in order.

    :ivar is_held: its first is in the hands of the receiver, or failed and is tried again after a while.
    """

    sender: str
    letters: list[Letter] = field(factory=list)
    is_held: bool = False

    def first(self) -> Letter | None:
        """The one whose turn it is."""
        while self.letters and self.letters[0].place is not Place.WAITING:
            heappop(self.letters)
        return self.letters[0] if self.letters else None


@define(eq=False)
class Mailbox:
    """What waits for one receiver.

    :param is_shared: whether it is a module's, of whose processors any may have it; then a message that failed holds
        up none behind it.
    :param most: how many it may hold.
    :ivar coming: how many are accepted and not kept yet.
    """

    name: str
    is_shared: bool
    most: int
    coming: int = 0
    letters: OrderedDict[int, Letter] = field(factory=OrderedDict)
    _lanes: dict[str, Lane] = field(factory=dict)
    #: Those that may go on, the one whose turn it is first.
    _turns: OrderedDict[str, Lane] = field(factory=OrderedDict)

    @property
    def room(self) -> int:
        """How many more it takes."""
        return self.most - len(self.letters) - self.coming

    def put(self, letter: Letter) -> None:
        """There is one more."""
        self.letters[letter.head.number] = letter
        self._queue(letter)

    def put_back(self, letter: Letter) -> None:
        """One that failed is to be tried again, in its place before those that came later."""
        letter.place = Place.WAITING
        self._queue(letter)

    def _queue(self, letter: Letter) -> None:
        lane = self._lanes.setdefault(letter.head.sender, Lane(letter.head.sender))
        heappush(lane.letters, letter)
        self._let_go_on(lane)

    def remove(self, letter: Letter) -> None:
        """One is here no more."""
        self.letters.pop(letter.head.number, None)

    def oldest(self) -> Letter | None:
        """The one that was accepted first."""
        return next(iter(self.letters.values()), None)

    def turns(self) -> Iterator[tuple[Lane, Letter]]:
        """The first of each lane that may go on, in their turns."""
        for _ in range(len(self._turns)):
            lane = next(iter(self._turns.values()), None)
            if lane is None:
                return
            letter = lane.first()
            if letter is None:
                self._forget(lane)
                continue
            yield lane, letter
            if self._turns.get(lane.sender) is lane:
                # Nobody was free for it, or it has more: the others first.
                self._turns.move_to_end(lane.sender)

    def take(self, lane: Lane) -> None:
        """The first of a lane is handed over, or rests: of a processor's own what is behind it waits for it."""
        heappop(lane.letters)
        del self._turns[lane.sender]
        if not self.is_shared:
            lane.is_held = True
        elif lane.letters:
            self._turns[lane.sender] = lane
        else:
            del self._lanes[lane.sender]

    def release(self, sender: str) -> None:
        """What the lane of a sender waited for is over."""
        lane = self._lanes.get(sender)
        if lane is not None:
            lane.is_held = False
            self._let_go_on(lane)

    def _let_go_on(self, lane: Lane) -> None:
        if lane.is_held:
            return
        if lane.first() is not None:
            self._turns[lane.sender] = self._turns.get(lane.sender, lane)
        else:
            self._forget(lane)

    def _forget(self, lane: Lane) -> None:
        self._turns.pop(lane.sender, None)
        if not lane.is_held:
            self._lanes.pop(lane.sender, None)
