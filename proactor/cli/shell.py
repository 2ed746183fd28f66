"""What all verbs share: which initiator, how to run work on it, how to say that it failed."""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

import click
from attrs import define, evolve, field

from ..errors import ProactorError
from ..home.files import DEFAULT_HOME
from ..tokens.bearer import is_token
from .ends import BY_SIGNAL, DONE, INTERRUPTED, End, Failed, Interrupted, end_of
from .output import Output
from .running import Work, run

if TYPE_CHECKING:
    from ..client import Client, Job, Place
    from ..model import Identity

__all__ = ["Shell", "pass_shell"]

T = TypeVar("T")
R = TypeVar("R")

#: So much is asked of an initiator at a time, where there is much to ask.
_AT_ONCE = 10
_GUID_LENGTH = 32
#: Who completes a line does not wait for longer, in seconds.
_SOON = 2.0
_SHOWN = 5


def _connect(reactor: Any, place: Place, timeout: float) -> Client:
    from ..client import Client  # noqa: PLC0415 - a command that needs no initiator loads no client

    return Client.on(reactor, place, timeout)


@define(eq=False)
class Shell:
    """One run of the command line.

    :ivar home: a folder; ``named_home``: whether it was said on the command line.
    :ivar hint: what to do next, where the user does not wait for the end.
    :ivar look: how to see whether what was asked for, and never answered, was done.
    :ivar interrupted: the exit code of Ctrl-C.
    :param runner: runs work on a reactor; a test has one that runs already.
    """

    home: str = DEFAULT_HOME
    named_home: bool = False
    url: str | None = None
    token_file: str | None = None
    cafile: str | None = None
    timeout: float = 30.0
    out: Output = field(factory=Output)
    hint: str = ""
    look: str = "proactor ps"
    interrupted: int = INTERRUPTED
    runner: Callable[[Work[Any]], Any] = run
    connect: Callable[[Any, Place, float], Client] = _connect
    _unsure: bool = False
    _done: str = ""

    def accepted(self, done: str, look: str) -> None:
        """What was asked for was taken: so much is said, whatever comes of looking at it from now on.

        :param done: what is done already, a clause; look: the command that looks again.
        """
        self._done, self.look = done, look
        self.hint = f"{done[0].upper()}{done[1:]}. Look again: {look}"

    def run(self, work: Callable[[Client], Coroutine[Any, Any, int | None]]) -> None:
        """Do what a verb does, with the client of an initiator; its code, if not 0, is the exit code.

        :raises click.exceptions.Exit: with the exit code, after what went wrong was told.
        """

        async def on(reactor: Any) -> int | None:
            client = self.connect(reactor, place, self.timeout)
            try:
                return await work(client)
            finally:
                self._unsure = client.connection.unanswered > 0
                await client.close()

        try:
            place = self._place()
            code = self.runner(on)
        except Interrupted as error:
            if hint := self.hint or (self._maybe if self._unsure else ""):
                click.echo(f"\n{hint}", err=True)
            code = self.interrupted if error.number == signal.SIGINT else BY_SIGNAL + error.number
        except ProactorError as error:
            code = self.failed(self._with_done(error, end_of(error)))
        else:
            if code and self._unsure:
                self.out.say(f"  {self._maybe}")
        if code:
            raise click.exceptions.Exit(code)

    def _with_done(self, error: ProactorError, end: End) -> End:
        """How it ends, with what was done before, or may have been."""
        from ..client import ClientError  # noqa: PLC0415

        if self._unsure:
            return evolve(end, detail=f"{end.detail}; it may have been done", hint=f"look: {self.look}")
        if self._done and isinstance(error, ClientError):
            return evolve(end, detail=f"{end.detail}; {self._done}", hint=f"look again: {self.look}")
        return end

    @property
    def _maybe(self) -> str:
        return f"It may have been done. Look: {self.look}"

    def is_running(self) -> bool:
        """Whether an initiator runs on the home."""
        from ..client.locating import holder  # noqa: PLC0415

        return holder(self.home) is not None

    def process(self) -> Identity | None:
        """The initiator's process, where it is found by its home."""
        from ..client.locating import holder  # noqa: PLC0415
        from ..launchers.identity import identity_of  # noqa: PLC0415

        pid = None if self.url is not None else holder(self.home)
        return None if pid is None else identity_of(pid)

    def ask(self, work: Callable[[Client], Coroutine[Any, Any, T]]) -> T | None:
        """What an initiator answers to a shell that completes a line; ``None`` where it does not, soon."""

        async def on(reactor: Any) -> T:
            client = self.connect(reactor, place, _SOON)
            try:
                return await work(client)
            finally:
                await client.close()

        try:
            place = self._place()
            found: T = self.runner(on)
        except (ProactorError, Interrupted, click.UsageError):
            return None
        return found

    def failed(self, end: End) -> int:
        """Tell of an error; gives its exit code."""
        self.out.ended(end)
        return end.code

    def _place(self) -> Place:
        from ..client import Place, locate  # noqa: PLC0415

        token = self._token()
        if self.url is None:
            found = locate(self.home)
            return evolve(found, token=token or found.token, authority=self.cafile or found.authority)
        if token is None and self.named_home:
            token = _read_token(Path(self.home).expanduser() / "operator.token")
        return Place(_checked(self.url), token, self.cafile)

    def _token(self) -> str | None:
        if self.token_file is not None:
            return _read_token(Path(self.token_file).expanduser())
        token = os.environ.get("PROACTOR_TOKEN") or None
        if token is not None and not is_token(token):
            raise Failed(
                "PROACTOR_TOKEN holds no token: that is one word", "or name a file that holds it: --token-file"
            )
        return token


def _read_token(path: Path) -> str:
    from ..client.locating import read_token  # noqa: PLC0415

    token = read_token(path)
    if token is None:
        raise Failed(f"{path}: there is no token", "it is a file that holds an operator's token and nothing else")
    return token


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        is_right = False
    if not is_right:
        raise click.UsageError(f"--url: {url!r} is no URL like http://localhost:8080")
    return url


pass_shell = click.make_pass_decorator(Shell, ensure=True)


# What several verbs do.


async def find(client: Client, texts: Sequence[str]) -> list[str]:
    """The guids that are meant by guids, or by their beginnings.

    :raises Failed: one means none, or several.
    """
    if all(len(text) == _GUID_LENGTH for text in texts):
        return list(dict.fromkeys(texts))
    guids = [job.guid for job in await client.jobs.list()]
    return list(dict.fromkeys(_meant(guids, text) for text in texts))


def _meant(guids: Iterable[str], text: str) -> str:
    found = [guid for guid in guids if guid.startswith(text)]
    if len(found) == 1:
        return found[0]
    if len(text) == _GUID_LENGTH:
        return text
    if not found:
        raise Failed(f"no job begins with {text!r}", "see which there are: proactor ps")
    several = ", ".join([*found[:_SHOWN], *(["..."] if len(found) > _SHOWN else [])])
    raise Failed(f"{len(found)} jobs begin with {text!r}: {several}", "say more of the one that is meant")


async def each(
    items: Sequence[T],
    work: Callable[[T], Awaitable[R]],
    heard: Callable[[int], None] = lambda _: None,
    at_once: int = _AT_ONCE,
) -> list[R | ProactorError]:
    """Do work on many, some at a time; for each what came of it, an error too.

    :param heard: told how many are done.
    """
    from twisted.internet.defer import DeferredSemaphore, FirstError, gatherResults  # noqa: PLC0415

    turns, done = DeferredSemaphore(at_once), 0

    async def one(item: T) -> R | ProactorError:
        nonlocal done
        try:
            return await work(item)
        except ProactorError as error:
            return error
        finally:
            done += 1
            heard(done)

    waiting = [turns.run(one, item) for item in items]
    try:
        return cast("list[R | ProactorError]", await gatherResults(waiting, consumeErrors=True))
    except FirstError as error:
        raise cast(BaseException, error.subFailure.value) from error


def code_of(results: Iterable[object]) -> int:
    """The exit code of many: that of the first error."""
    return next((end_of(result).code for result in results if isinstance(result, ProactorError)), DONE)


async def chosen(
    client: Client, jobs: Sequence[str], module: str | None, labels: Sequence[str], everything: bool = False
) -> list[Job]:
    """The jobs that are named, or those of a module and labels, or all.

    :raises Failed: there is none.
    """
    if jobs:
        guids = await find(client, jobs)
        found = [await client.jobs.get(guid) for guid in guids]
    else:
        found = await client.jobs.list(module=module, labels=labels)
    if not found and not everything:
        raise Failed("there is no such job", "see which there are: proactor ps")
    return found
