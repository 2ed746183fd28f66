"""Messages as a processor has them, and which of its methods takes which."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar, overload

from attrs import define, field, frozen

from ..errors import Refused
from ..messaging.cloudevents import CloudEvent, Value, is_json, read_time
from ..messaging.topics import check_pattern, matches

__all__ = ["Handler", "Handlers", "Message", "Repeats", "message"]

_MARK = "_proactor_message"
_PROCESSOR = "/job/"
_F = TypeVar("_F", bound=Callable[..., Any])


@frozen
class Message:
    """A CloudEvent that was delivered.

    :param attributes: all that it has, extensions too.
    :param data: as it was sent.
    """

    attributes: Mapping[str, Value]
    data: bytes = field(default=b"", repr=False)

    @classmethod
    def of(cls, event: CloudEvent) -> Message:
        """A message that is an event."""
        return cls(event.attributes, event.data)

    def _text(self, name: str) -> str | None:
        return CloudEvent(self.attributes).text(name)

    @property
    def id(self) -> str:
        """Its sender's own: with the source it is the same for every copy."""
        return self._text("id") or ""

    @property
    def source(self) -> str:
        """Where it came about: a URI reference; of a processor ``/job/GUID``, or one that begins so."""
        return self._text("source") or ""

    @property
    def sender(self) -> str | None:
        """The guid of the processor that sent it; None where none did."""
        return self.source.removeprefix(_PROCESSOR)[:32] if self.source.startswith(_PROCESSOR) else None

    @property
    def type(self) -> str:
        """What has happened, or is to be done."""
        return self._text("type") or ""

    @property
    def subject(self) -> str | None:
        """What it is about."""
        return self._text("subject")

    @property
    def topic(self) -> str | None:
        """The topic that it was sent to."""
        return self._text("topic")

    @property
    def time(self) -> datetime | None:
        """When it happened, in UTC."""
        return read_time(self._text("time") or "")

    @property
    def content_type(self) -> str | None:
        """The media type of the data."""
        return self._text("datacontenttype")

    @property
    def text(self) -> str:
        """The data as text.

        :raises Refused: it is not UTF-8.
        """
        try:
            return self.data.decode("utf-8")
        except UnicodeDecodeError:
            raise Refused("the data is not UTF-8") from None

    @property
    def json(self) -> Any:
        """The data as JSON; whether it says that it is or not.

        :raises Refused: it is not.
        """
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            kind = "" if is_json(self.content_type) else f", but {self.content_type}"
            raise Refused(f"the data is not JSON{kind}") from None


@define(eq=False)
class Repeats:
    """Knows the last messages that it was told of, by source and id.

    :param most: how many.
    """

    most: int = 10_000
    _known: OrderedDict[tuple[str, str], None] = field(factory=OrderedDict, init=False)

    def add(self, message: Message) -> bool:
        """Remember one; whether it was known already."""
        key = (message.source, message.id)
        is_known = key in self._known
        self._known[key] = None
        self._known.move_to_end(key)
        if len(self._known) > self.most:
            self._known.popitem(last=False)
        return is_known

    def __contains__(self, message: Message) -> bool:
        return (message.source, message.id) in self._known


@frozen
class Handler:
    """Which messages a method takes.

    :param name: of the method.
    :param types: patterns of their types; none: any.
    :param topic: a pattern of the topics that they were sent to; None: sent to any topic, or to none.
    :param repeats: whether it is called for a copy of what it has taken already.
    """

    name: str
    types: tuple[str, ...] = ()
    topic: str | None = None
    repeats: bool = False

    def takes(self, message: Message) -> bool:
        """Whether a message is for it."""
        if self.topic is not None and (message.topic is None or not matches(self.topic, message.topic)):
            return False
        return not self.types or any(matches(pattern, message.type) for pattern in self.types)


@overload
def message(function: _F, /) -> _F: ...
@overload
def message(*types: str, topic: str | None = None, repeats: bool = False) -> Callable[[_F], _F]: ...
def message(*types: Any, topic: str | None = None, repeats: bool = False) -> Any:
    """Have a method of a processor called with messages: of some types, of a topic, or with all.

    The first method that takes a message gets it. When it returns, or what it gives fires, the message is delivered.
    When it raises :class:`~proactor.errors.Refused`, that is refused for good; with anything else it comes again.

    :param types: patterns such as ``image.resize`` or ``image.*``; none: all types.
    :param topic: a topic or a pattern such as ``orders.*``, which the processor subscribes to by this.
    :param repeats: whether it is called for copies of a message that it took already, as far as that is known.
    :raises Refused: a topic is none.
    """
    if topic is not None:
        check_pattern(topic)
    if len(types) == 1 and callable(types[0]):
        return _marked(types[0], Handler(types[0].__name__))
    return lambda function: _marked(function, Handler(function.__name__, types, topic, repeats))


def _marked(function: _F, handler: Handler) -> _F:
    setattr(function, _MARK, handler)
    return function


@frozen
class Handlers:
    """The methods of a class that take messages, in the order in which they were defined."""

    handlers: tuple[Handler, ...] = ()

    @classmethod
    def of(cls, owner: type) -> Handlers:
        """Those of a class: what a subclass defines anew is no handler, where it does not say so again."""
        names = dict.fromkeys(name for each in reversed(owner.__mro__) for name in vars(each))
        return cls(tuple(_found(owner, names)))

    def topics(self) -> list[str]:
        """What they subscribe to."""
        return sorted({handler.topic for handler in self.handlers if handler.topic is not None})

    def find(self, message: Message) -> Handler | None:
        """The first that takes a message."""
        return next((handler for handler in self.handlers if handler.takes(message)), None)

    def __bool__(self) -> bool:
        return bool(self.handlers)


def _found(owner: type, names: Mapping[str, None]) -> Iterator[Handler]:
    for name in names:
        handler = getattr(getattr(owner, name, None), _MARK, None)
        if isinstance(handler, Handler):
            yield Handler(name, handler.types, handler.topic, handler.repeats)
