"""The boundaries that have, or will have, more than one thing behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import field, frozen
from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from .model import Exit, Identity


@frozen
class Limits:
    """What a process is held to; what is ``None`` is as with the initiator.

    :param nofile: the most descriptors that it may have open.
    :param open_files: where that says nothing: how many it may have open until it raises that itself, as far as the
        initiator could.
    :param memory_mib: the most address space that it may have, in MiB.
    :param nice: its niceness, from -20 to 19.
    :param folder: where it runs.
    :param umask: its file mode creation mask, in octal.
    :param user: the name of whom it runs as.
    """

    nofile: int | None = None
    memory_mib: int | None = None
    nice: int | None = None
    folder: str | None = None
    umask: str | None = None
    user: str | None = None
    open_files: int | None = None


@frozen
class LaunchSpec:
    """What to start, as values.

    :param incarnation: how many times this guid has been launched, this one included.
    :param argv: the command and its arguments; no secret is in it.
    :param environment: all of it; no secret is in it.
    :param stdin: what the process reads from standard input: its configuration, token and all.
    :param listening: the descriptor of the bound socket, which the child finds as ``fd``.
    :param log: a descriptor open for appending, which the child finds as 1 and 2.
    :param lock: a descriptor whose flock(2) is held, which the child finds as ``fd + 1``: the lock lives as it does.
    :param module: the importable module that is to run, where ``argv`` is that of one; it has its arguments behind it.
    :param launcher: the ``launcher`` that its section asks for.
    """

    guid: str
    incarnation: int
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    stdin: bytes = field(repr=False)
    listening: int
    log: int
    lock: int = -1
    fd: int = 3
    limits: Limits = Limits()
    module: str | None = None
    launcher: str = "spawn"


@frozen
class Handle:
    """One launched process: plain values, to find it again by.

    :param identity: the process, as no other will ever be.
    :param launcher: the name of what started it, which need not be what was asked for.
    """

    guid: str
    incarnation: int
    identity: Identity
    launcher: str = "spawn"

    @property
    def pid(self) -> int:
        """The number that it has."""
        return self.identity.pid


class ILauncher(Interface):
    """Starts and ends processes somewhere. It never starts one again: that is for who asked to decide."""

    name: str = Attribute("What a section's ``launcher`` option calls it.")

    def launch(spec: LaunchSpec, ended: Callable[[Exit], None]) -> Deferred[Handle]:
        """Start a process.

        :param ended: called once, when the process is no more.
        :return: fires when it is started; fails with :class:`~proactor.errors.Unavailable` where what is around it
            does not allow it now, and with another :class:`~proactor.errors.ProactorError` where it cannot be.
        """

    def adopt(handle: Handle, ended: Callable[[Exit], None]) -> bool:
        """Take over a process that an earlier initiator launched.

        :param ended: called once, when the process is no more; its status cannot be known where it is not our child.
        :return: whether it lives; where it does not, nothing will be called.
        """

    def stop(handle: Handle, grace: float) -> Deferred[None]:
        """Ask a process and all that it started to end; make them, ``grace`` seconds later.

        :return: fires when none of them is left. It is no error when there was none.
        """

    def signal(handle: Handle, number: int) -> None:
        """Send a signal to the process alone.

        :raises Conflict: it has ended.
        """
