"""The configuration file is read again: when somebody asks for it, and when it has changed, where it says so itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from .assembly import now
from .errors import ProactorError
from .initiator import Initiator
from .reactor.file_watch import FileWatch
from .startup import ConfigSource

if TYPE_CHECKING:
    from .tls.server import ServerTls

log = Logger(namespace="proactor")


@define(eq=False)
class Reloading:
    """Of one initiator.

    :param tls: how it serves over TLS, of which certificate and key are read again as well.
    """

    source: ConfigSource
    initiator: Initiator
    tls: ServerTls | None
    _watch: FileWatch | None = None

    def start(self, clock: IReactorTime) -> None:
        """Look at the file from now on."""
        if self.source.path is not None:
            self._watch = FileWatch(clock, self.source.path, self._changed)
            self._watch.start()

    def stop(self) -> None:
        """Look at it no more."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.stop()

    def _changed(self) -> None:
        if self.initiator.configurator.settings.watch_config:
            self.reload("a change of the file")

    def reload(self, why: str) -> Deferred[None]:
        """Read it again; what is wrong with it is logged, and the old one stays."""
        return Deferred.fromCoroutine(self._reload(why))

    async def _reload(self, why: str) -> None:
        await self._read(why)
        if self.tls is not None:
            self.tls.reload(self.initiator.configurator.settings, now(), why)

    async def _read(self, why: str) -> None:
        path = self.source.path
        if path is not None and path.exists() and not path.is_file():
            # To read another kind of file could take for ever.
            log.error("{why}: the configuration stays as it was: {file} is no file", why=why, file=self.source.name)
            return
        if path is None:
            log.warn("{why}: the configuration came from standard input, which cannot be read again", why=why)
            return
        try:
            await self.initiator.reload(self.source.read(), why)
        except ProactorError as e:
            log.error("{why}: the configuration stays as it was: {error}", why=why, error=str(e))
