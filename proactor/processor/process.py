"""A processor as an operating-system process: arguments, standard input, signals, exit status."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.logger import Logger, globalLogPublisher
from twisted.python.failure import Failure

from ..errors import ConfigError, ProactorError
from ..log.levels import USUAL
from ..log.writing import Observer, start_logging
from ..reactor.monotonic import use_monotonic_clock
from .arguments import Arguments, parse
from .base import STANDARD, Processor
from .configuration import Config, Start, read_start
from .describe import describe
from .listening import Listen, listener
from .memory import NoMemory
from .runtime import Runtime, fetch_loop, stop_margin

__all__ = ["main"]

_LEAST_GRACE = 0.2

_log = Logger(namespace="proactor.processor")


def main(cls: type[Processor], module: str, argv: Sequence[str]) -> int:
    """Run a processor; give the exit status: 0 stopped, 1 failed, 2 for wrong arguments or configuration.

    :param module: the name of the processor's module.
    """
    stderr = sys.stderr
    try:
        arguments = parse(argv)
        if arguments.describe:
            sys.stdout.write(describe(module, cls.options, STANDARD))
            return 0
        return _run(cls, arguments)
    except ProactorError as error:
        stderr.write(f"{module}: {error}\n")
        return 2


def _run(cls: type[Processor], arguments: Arguments) -> int:
    from twisted.internet import reactor  # noqa: PLC0415

    # Asked by the initiator when nothing is heard of this process: where is it?
    faulthandler.register(signal.SIGUSR1, file=2, all_threads=True)
    use_monotonic_clock(reactor)
    observer = start_logging(sys.stdout)
    _log.info("Read config...")
    start = read_start(_read_standard_input(), arguments.guid)
    config = cls.configure(start.raw, guid=arguments.guid, revision=start.revision)
    _heed(observer, config)
    listen = listener(reactor, arguments, start.listen_addr)
    if arguments.fd is not None:
        # The lock that says that this process lives is not for what it starts.
        with suppress(OSError):
            os.set_inheritable(arguments.fd + 1, False)
    process = _Process(reactor, partial(_heed, observer))
    return process.run(cls(config, reactor), start, listen)


def _heed(observer: Observer, config: Config) -> None:
    """Log what a configuration says: ``log_level``, else by ``verbose`` everything or the usual."""
    observer.levels.set(config.log_level or ("debug" if config.verbose else USUAL))


def _read_standard_input() -> str:
    """Read it to its end, and put the null device in its place: nobody after this reads what it held."""
    try:
        with os.fdopen(os.dup(0), "rb") as stream:
            data = stream.read()
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"not UTF-8 at byte {error.start}", source="standard input") from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", source="standard input") from None


@define(eq=False)
class _Process:
    """What the reactor, the signals and the exit status have to do with one another."""

    reactor: Any
    configured: Callable[[Config], None]
    _runtime: Runtime = field(init=False)
    _status: int = field(default=0, init=False)
    _is_leaving: bool = field(default=False, init=False)

    def run(self, processor: Processor, start: Start, listen: Listen) -> int:
        """Run the reactor until the processor has stopped."""
        from .agent import http_client  # noqa: PLC0415

        fetching = fetch_loop(
            processor, start, http_client(self.reactor, start), self.reactor, self.leave, self.configured
        )
        self._runtime = Runtime(processor, self.reactor, listen, fetching)
        globalLogPublisher.addObserver(NoMemory(lambda: self._runtime.is_up))
        self.reactor.addSystemEventTrigger("before", "shutdown", self._stop)
        self.reactor.callWhenRunning(self._start)
        self.reactor.run()
        return self._status

    def leave(self) -> None:
        """End the process in good order; once is enough."""
        if not self._is_leaving:
            self._is_leaving = True
            self.reactor.stop()

    def _start(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.reactor.callFromThread(self.leave))
        Deferred.fromCoroutine(self._runtime.start()).addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        if self._is_leaving:
            return
        if failure.check(ProactorError):
            _log.error("Cannot start: {reason}", reason=failure.value)
        else:
            why = failure.getErrorMessage()
            name = failure.type.__name__ if failure.type is not None else ""
            _log.failure("Cannot start: {why}", failure=failure, why=": ".join(filter(None, [name, why])))
        self._status = 1
        self.leave()

    def _stop(self) -> Deferred[None]:
        self._is_leaving = True
        limit = self._runtime.processor.config.stop_timeout
        _exit_after(max(limit - stop_margin(limit) / 2, _LEAST_GRACE))
        return Deferred.fromCoroutine(self._runtime.stop())


def _exit_after(seconds: float) -> None:
    """See to it that nothing, such as a thread that the interpreter waits for, keeps the process alive longer."""
    timer = threading.Timer(seconds, _exit)
    timer.daemon = True
    # Where there can be no thread, who stopped it ends it in time.
    with suppress(MemoryError, RuntimeError):
        timer.start()


def _exit() -> None:
    os.write(2, b"proactor.processor: not over in time, exiting\n")
    os._exit(1)
