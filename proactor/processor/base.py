"""The class that a processor of one's own derives from."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, NoReturn

from klein import Klein
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.resource import IResource

from ..errors import Unavailable
from ..log.levels import LEVELS
from ..options import Option, Options
from ..tokens.allowed import ANY
from ..wire import Limits
from .app import Root, answer_http_errors
from .callers import check_scopes
from .configuration import Config, Start
from .messages import Handlers
from .patience import Patient
from .peer_verifier import PeerVerifier

if TYPE_CHECKING:
    from ..peers import Peers
    from ..peers.initiator import Credentials
    from .outbox import Outbox, Sent

__all__ = ["STANDARD", "Processor"]

#: The options of every processor that the processor itself reads.
STANDARD = (
    Option("refresh", float, 30.0, exclusive_minimum=0, help="Seconds between two fetches of the configuration."),
    Option("push", bool, True, help="Let the initiator hold a fetch and answer it when something changes."),
    Option("stop_timeout", float, 10.0, minimum=0, help="Seconds after which a stop is enforced."),
    Option("allow_from", tuple, (ANY,), help="Who may call it: *, none, modules, guids, label:NAME=VALUE."),
    Option(
        "log_level",
        str,
        None,
        choices=tuple(LEVELS),
        help="What it logs: this level and those above it. Not set: by verbose.",
    ),
    Option("verbose", bool, False, live=False, help="Log routine as well: each fetch, each new token."),
)


def _module_name(cls: type) -> str:
    """Give the importable name of a class's module, which is ``__main__`` in the process that runs it."""
    spec = getattr(sys.modules.get(cls.__module__), "__spec__", None)
    return spec.name if cls.__module__ == "__main__" and spec is not None else cls.__module__


class Processor:
    """One process under an initiator.

    A subclass declares its ``options``, has the routes of its Klein ``app`` as methods, and ends its module with::

        if __name__ == "__main__":
            Ticker.main()

    :cvar options: what it declares of its configuration.
    :cvar app: its routes; ``/config`` and ``/healthz`` are there beside them.
    :cvar limits: what a connection to it may take: the size of a body, times.
    :ivar config: the configuration that it runs.
    :ivar reactor: tells the time and calls later.
    :ivar log: its logger.
    :ivar outbox: what :meth:`send` sends by; none where there is no initiator.
    :ivar verifier: says whether the tokens of those hold who call it.
    """

    __module__ = "proactor.processor"  # where it is imported from

    options: ClassVar[tuple[Option, ...]] = ()
    app: ClassVar[Klein] = Klein()
    #: As many connections as fit in the 1,024 descriptors that a process may usually have, with some for other things.
    limits: ClassVar[Limits] = Limits(unauthenticated=900)
    schema: ClassVar[Options] = Options(STANDARD)
    handlers: ClassVar[Handlers] = Handlers()

    def __init_subclass__(cls) -> None:
        """Read the class's declarations, so that a wrong one fails when its module is imported."""
        super().__init_subclass__()
        cls.schema = Options((*STANDARD, *cls.options))
        cls.handlers = Handlers.of(cls)
        for option in cls.options:
            if hasattr(Config, option.name):
                raise ValueError(f"option {option.name!r}: Config has that name itself")
        own = cls.__dict__.get("app")
        if isinstance(own, Klein):
            answer_http_errors(own)
            check_scopes(own, cls)

    def __init__(self, config: Config, reactor: IReactorTime) -> None:
        self.config = config
        self.reactor = reactor
        self.outbox: Outbox | None = None
        self.verifier = PeerVerifier(config.guid)
        self.log = Logger(namespace=_module_name(type(self)), source=self)
        self._credentials: Credentials | None = None
        self._start: Start | None = None
        self._peers: Peers | None = None

    @classmethod
    def configure(cls, raw: Mapping[str, str], *, guid: str = "0" * 32, revision: int = 0) -> Config:
        """Read a configuration for this class.

        :raises Rejected: an option is wrong.
        """
        return Config.from_raw(cls.schema, raw, guid=guid, revision=revision)

    @property
    def guid(self) -> str:
        """Its name: 32 lower-case hexadecimal digits."""
        return self.config.guid

    @property
    def peers(self) -> Peers:
        """The other processors, and the way to call them. Nothing is loaded, nobody asked before it is first used."""
        if self._peers is None:
            from ..peers import Peers  # noqa: PLC0415 - most processors call nobody
            from .agent import trusted  # noqa: PLC0415 - nor is it of use in memory

            self._peers = Peers.on(self.reactor, self._credentials, self.guid, trusted(self._start))
        return self._peers

    @peers.setter
    def peers(self, peers: Peers) -> None:
        self._peers = peers

    def introduce(self, credentials: Credentials, start: Start) -> None:
        """Say where its initiator is, and what that is shown: of this it knows its peers."""
        self._credentials, self._start = credentials, start
        self.verifier.has_initiator = True

    def close_peers(self) -> Deferred[None]:
        """End what was begun for its peers; fires when that is over."""
        return succeed(None) if self._peers is None else self._peers.close()

    def started(self) -> Awaitable[None] | None:
        """Called once before it serves; a failure ends the process. Plain, ``async`` or Deferred-returning."""

    def reconfigure(self, old: Config, new: Config) -> Awaitable[None] | None:
        """Take up a configuration in which an option has changed. Plain, ``async`` or Deferred-returning.

        ``self.config`` is ``old`` until this is over. All checks come first and then what changes things: with an
        exception the processor goes on with ``old``.

        :raises Rejected: it cannot be taken.
        """

    def stopping(self) -> Awaitable[None] | None:
        """Called once before it ends, within ``stop_timeout``. Plain, ``async`` or Deferred-returning."""

    async def send(
        self,
        target: str,
        data: object = None,
        *,
        type: str = "message",  # noqa: A002 - the attribute's own name
        id: str | None = None,  # noqa: A002 - likewise
        subject: str | None = None,
        content_type: str | None = None,
        expires: float | None = None,
        **attributes: str | bool | int,
    ) -> Sent:
        """Send a durable message; returns when the initiator has stored it, which is tried until it comes about.

        Messages to the same target are sent one after the other. Whoever may be killed in between gives the same
        ``id`` again afterwards: then it is stored once.

        :param target: a guid, a module, or ``topic:NAME``.
        :param data: bytes, a text, or what can be JSON.
        :param content_type: in place of what follows from the data.
        :param expires: seconds after which it is not to be delivered any more.
        :param attributes: further ones of the CloudEvent.
        :raises ProactorError: it is refused for good: ``NotFound``, ``Forbidden``, ``TooLarge``, ``Refused``.
        """
        if self.outbox is None:
            raise Unavailable("there is no initiator to send messages by")
        named = {"type": type, "id": id, "subject": subject, "datacontenttype": content_type}
        return await self.outbox.send(target, self.outbox.event(data, {**attributes, **named}, expires))

    def resource(self) -> IResource:
        """Give all that it serves, access rule included."""
        return Patient(Root(self), self.verifier, self.reactor)

    @classmethod
    def main(cls, argv: Sequence[str] | None = None) -> NoReturn:
        """Run as this process: ``python -m MODULE --guid GUID --port PORT [--fd N]``, configuration on stdin.

        :param argv: the arguments; None: those of the process.
        """
        from .process import main  # noqa: PLC0415 - a test of a processor has no use for it

        sys.exit(main(cls, _module_name(cls), sys.argv[1:] if argv is None else argv))


answer_http_errors(Processor.app)
