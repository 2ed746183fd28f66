"""What can go wrong, in the words of the domain: no HTTP status is known here (``proactor.web.errors`` has that table).

Every message is one that an operator may read: it names the place, what is wrong and, where there is one, the
remedy. None holds a secret.
"""

from __future__ import annotations

_LONGEST = 100


class ProactorError(Exception):
    """Anything that Proactor itself refuses or cannot do; ``str()`` of it is fit for people."""


class Malformed(ProactorError):
    """A request that cannot be understood."""


class UnsupportedType(ProactorError):
    """A request whose body is of a media type that the route does not read."""


class UnsupportedCoding(UnsupportedType):
    """A request whose body is in a coding, such as gzip."""


class TooLarge(ProactorError):
    """A request whose body is larger than its route takes."""


class Unauthenticated(ProactorError):
    """Nobody knows who asks: no credential, or one that does not hold.

    :param reason: for the ``error`` of a ``WWW-Authenticate`` challenge (RFC 6750): empty where none was given.
    """

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class TooManyAttempts(ProactorError):
    """Nobody knows who asks, and they, or others at their address, have tried too often.

    :param retry_after: seconds after which another try makes sense.
    """

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Forbidden(ProactorError):
    """It is known who asks, and it is not theirs."""


class InsufficientScope(Forbidden):
    """It is known who asks, and their token does not open this.

    :param scope: the one that would; empty: none does.
    """

    def __init__(self, message: str, scope: str = "") -> None:
        super().__init__(message)
        self.scope = scope


class NotFound(ProactorError):
    """There is no such thing.

    :param among: what those that there are are called, such as ``jobs``: they can be listed. May be empty.
    """

    def __init__(self, message: str, among: str = "") -> None:
        super().__init__(message)
        self.among = among


class Gone(ProactorError):
    """There was such a thing: the caller is a stale copy and ends itself."""


class Conflict(ProactorError):
    """The state that the thing is in does not allow this."""


class Overtaken(ProactorError):
    """The change was made against a revision that is no longer the current one.

    :param section: the one that has changed since; may be empty.
    """

    def __init__(self, message: str, section: str = "") -> None:
        super().__init__(message)
        self.section = section


class Refused(ProactorError):
    """Understood, and not allowed: a value, a module, an edit."""


class NotGranted(ProactorError):
    """A token for somebody else that is not given out.

    :param code: the ``error`` of RFC 6749, 5.2, and RFC 8693, 2.2.2.
    """

    def __init__(self, message: str, code: str = "invalid_request") -> None:
        super().__init__(message)
        self.code = code


class GrantRefused(Refused, NotGranted):
    """Not so: what is asked for is not what it must be."""


class GrantForbidden(Forbidden, NotGranted):
    """Not to this one."""


class NoSuchAudience(NotFound, NotGranted):
    """There is nobody whom it could be for."""

    def __init__(self, message: str, code: str = "invalid_request") -> None:
        NotGranted.__init__(self, message, code)
        self.among = ""


class NotReady(ProactorError):
    """It was made, and is not ready within the time that was given.

    :param location: the path of its record.
    """

    def __init__(self, message: str, location: str) -> None:
        super().__init__(message)
        self.location = location


class Unavailable(ProactorError):
    """Not now.

    :param retry_after: seconds after which another try makes sense.
    """

    def __init__(self, message: str, retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UsedUp(Unavailable):
    """As many are taken as there may be: not now, and not by itself later. The message names the remedies.

    :param room: how many more there can be; fewer than are wanted.
    """

    def __init__(self, message: str, room: int, retry_after: int = 30) -> None:
        super().__init__(message, retry_after)
        self.room = room


class QueueFull(ProactorError):
    """As much waits as may: another try makes sense when some of that is delivered.

    :param retry_after: seconds after which it does.
    """

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class StorageFull(ProactorError):
    """There is no room to keep it: nothing of it was done."""


class StorageFailed(ProactorError):
    """It cannot be kept, for another reason: nothing of it was done."""


class ConfigError(Refused):
    """A place of the configuration that is wrong.

    :param problem: what is wrong, and what would be right.
    :param source: the file it stands in, or what else it came from.
    """

    def __init__(
        self,
        problem: str,
        *,
        source: str | None = None,
        line: int | None = None,
        section: str | None = None,
        option: str | None = None,
        value: str | None = None,
    ) -> None:
        self.problem = problem
        self.source = source
        self.line = line
        self.section = section
        self.option = option
        self.value = value
        super().__init__(self._text())

    def _text(self) -> str:
        where = []
        if self.source is not None:
            where.append(self.source if self.line is None else f"{self.source}:{self.line}")
        if self.section is not None:
            where.append(f"[{self.section}]")
        if self.option is not None:
            where.append(self.option if self.value is None else f"{self.option} = {_line(self.value)}")
        return ": ".join(filter(None, [" ".join(where), self.problem]))


def _line(value: str) -> str:
    """A value on one line, cut where it is long."""
    line = value.replace("\n", "\\n")
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


class Rejected(ProactorError):
    """Raised by a processor that cannot take a configuration: it goes on with the one it has.

    :param option: the option at fault, or the empty string where it is none in particular.
    """

    def __init__(self, option: str, reason: str) -> None:
        super().__init__(f"{option}: {reason}" if option else reason)
        self.option = option
        self.reason = reason
