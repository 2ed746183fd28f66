"""What a process is started with: its command line and its environment. No shell is in it.

A section's option ``command`` is a list of arguments. On one line they are parted and quoted as in a shell; where the
value has several lines, each is one argument as it stands::

    command = perl worker.pl --name 'a b' --socket {fd}

    command =
        perl
        worker.pl
        --name
        a b

``{guid}``, ``{port}``, ``{fd}`` and ``{python}`` stand for the processor's guid, its port, the descriptor of its
socket and the initiator's own interpreter; a brace that is meant is doubled. Without any of the first three, the
arguments that every processor takes are put behind: ``--guid GUID --port PORT --fd N``.
"""

from __future__ import annotations

import pwd
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase

from ..errors import Refused
from ..interfaces import Limits
from ..options import is_secret, secret_globs

__all__ = ["MARK", "Limits", "check_command", "command_line", "environment", "is_told_behind", "takes_socket"]

MARK = "PROACTOR_INITIATOR"
"""The variable that tells whose a process is, for who has to find it; it goes to each in any case."""

_NEVER = "PROACTOR_TOKEN"
"""The operator's, whose command line reads it."""

_SELDOM = ("python",)
_PLACEHOLDERS = ("guid", "port", "fd", *_SELDOM)
_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_LONGEST = 60

_PREFIX = "env."
_NAME = re.compile("[a-z_][a-z0-9_]*")
_LEAST = ("PATH", MARK)


def command_line(
    module: str, command: str | None, guid: str, port: int | str, fd: int | str, python: str
) -> tuple[str, ...]:
    """The program to run and its arguments.

    :param module: what to run where there is no ``command``: ``PYTHON -m MODULE``.
    :param command: the value of the option.
    :param port: where it is to be reached; or a word for it, as for the others, where it is only to be shown.
    :param fd: where the child finds its socket.
    :param python: the interpreter.
    :raises Refused: the command cannot be read; says what would be right.
    """
    standard = ("--guid", guid, "--port", str(port), "--fd", str(fd))
    if command is None:
        return (python, "-m", module, *standard)
    values = {"guid": guid, "port": str(port), "fd": str(fd), "python": python}
    arguments = _arguments(command)
    argv = [_filled(argument, lambda name: values[name]) for argument in arguments]
    if not _used(arguments):
        argv.extend(standard)
    if not argv[0] or argv[0].startswith("-"):
        raise Refused("command: begins with no program; name one first, then its arguments")
    return tuple(argv)


def is_told_behind(command: str) -> bool:
    """Whether a command uses none of ``{guid}``, ``{port}`` and ``{fd}``, so that it gets them as options behind it.

    :raises Refused: the command cannot be read.
    """
    return not _used(_arguments(command))


def takes_socket(command: str | None) -> bool:
    """Whether the child serves on the socket that it inherits, which listens already.

    It does not where its command has ``{port}`` and not ``{fd}``: then it binds the port itself, which must be bound,
    if at all, by a socket that has ``SO_REUSEADDR`` and does not listen (socket(7)).

    :raises Refused: the command cannot be read.
    """
    used = set() if command is None else _used(_arguments(command))
    return "fd" in used or "port" not in used


def check_command(command: str, secret: bool = False) -> None:
    """See whether the value of a ``command`` can be read.

    :param secret: whether it is one, or a secret went into it: everybody on the machine can read what processes are
        started with.
    :raises Refused: says what would be right.
    """
    if secret:
        raise Refused(
            "command: a secret is in it, and no secret is in arguments; have the program read it from standard input"
        )
    command_line("module", command, "0" * 32, 1, 3, "python")


def _arguments(command: str) -> list[str]:
    lines = list(filter(None, map(str.strip, command.split("\n"))))
    if "\0" in command:
        raise Refused("command: holds a NUL character, which no argument can")
    if not lines:
        raise Refused("command: is empty; name a program and its arguments, or remove the option")
    if len(lines) > 1:
        return lines
    try:
        return shlex.split(lines[0])
    except ValueError as e:
        remedy = "close the quotation, put a backslash before a quotation mark that is meant"
        raise Refused(f"command: {str(e).lower()}; {remedy}, or write one argument a line") from None


def _filled(argument: str, value: Callable[[str], str]) -> str:
    """An argument with its placeholders replaced."""

    def replaced(found: re.Match[str]) -> str:
        text: str = found[0]
        if text in ("{{", "}}"):
            return text[0]
        if found[1] not in _PLACEHOLDERS:
            shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
            known = " ".join(f"{{{name}}}" for name in _PLACEHOLDERS)
            raise Refused(f"command: {shown} is no placeholder; there are {known}, and other braces are doubled")
        return value(found[1])

    return _BRACES.sub(replaced, argument)


def _used(arguments: list[str]) -> set[str]:
    """The placeholders that tell the child of itself."""
    used = set()

    def note(name: str) -> str:
        used.add(name)
        return ""

    for argument in arguments:
        _filled(argument, note)
    return used.difference(_SELDOM)


def environment(
    initiators: Mapping[str, str],
    options: Mapping[str, str],
    inherit: bool,
    user: str | None = None,
    passed: Sequence[str] = (),
) -> dict[str, str]:
    """The whole environment of a process.

    It is the initiator's or, without ``inherit``, of that ``PATH`` alone. Of the initiator's variables those that are
    called like a secret (``secret_options``) are left out; those that ``passed`` names are there in any case, save
    ``PROACTOR_TOKEN``, which never is. :data:`MARK` always is. ``PYTHONUNBUFFERED`` is set, so that output comes when
    it is written. With ``user``, ``HOME``, ``LOGNAME`` and ``USER`` are that user's.

    On top of that an option ``env.NAME`` sets a variable, and takes it away where its value is empty. As names of
    options have no case, it is for the variable, or all of them, whose name there is but for the case
    (``env.http_proxy`` for an inherited ``http_proxy``), else for the name in upper case (``env.path`` for ``PATH``).

    :param initiators: the initiator's, as it was at its start.
    :param options: of the processor's section, resolved; others than ``env.NAME`` and ``secret_options`` do not
        matter.
    :param passed: globs of names, of any case.
    :raises Refused: an option names what cannot be in an environment, or what must not be: a secret.
    """
    globs = secret_globs(options)
    result = {name: text for name, text in initiators.items() if _is_for_all(name, globs, inherit, passed)}
    result.setdefault("PYTHONUNBUFFERED", "1")
    if user is not None:
        result.update(_users(user))
    for option, value in options.items():
        if option.startswith(_PREFIX):
            _check_variable(option, value, globs)
            _set(result, option.removeprefix(_PREFIX), value)
    return result


def _is_for_all(name: str, globs: Sequence[str], inherit: bool, passed: Sequence[str]) -> bool:
    """Whether a variable of the initiator's is for its processors."""
    if name in (_NEVER, MARK):
        return name == MARK
    if any(fnmatchcase(name.lower(), glob.lower()) for glob in passed):
        return True
    return name in _LEAST or (inherit and not is_secret(name.lower(), globs))


def _check_variable(option: str, value: str, globs: tuple[str, ...]) -> None:
    name = option.removeprefix(_PREFIX)
    if not _NAME.fullmatch(name):
        raise Refused(f"{option}: is no name of a variable; it has letters, digits and '_', and begins with no digit")
    if is_secret(name, globs) or is_secret(option, globs):
        remedy = f"make it an option {name} without {_PREFIX!r}, and have the process read that from standard input"
        raise Refused(f"{option}: is called like a secret, and no secret is in an environment; {remedy}")
    if name.upper() in (_NEVER, MARK):
        raise Refused(f"{option}: {name.upper()} is not for sections; remove it")
    if "\0" in value:
        raise Refused(f"{option}: holds a NUL character, which no variable can")


def _set(variables: dict[str, str], name: str, value: str) -> None:
    for each in [known for known in variables if known.lower() == name] or [name.upper()]:
        if value:
            variables[each] = value
        else:
            variables.pop(each, None)


def _users(user: str) -> dict[str, str]:
    try:
        entry = pwd.getpwnam(user)
    except (KeyError, ValueError):
        raise Refused(f"user: there is no user {user[:_LONGEST]!r}; name one of this machine") from None
    return {"HOME": entry.pw_dir, "LOGNAME": entry.pw_name, "USER": entry.pw_name}
