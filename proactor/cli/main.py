"""``proactor VERB``: all verbs there are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import click

from .. import __version__
from .beginning import init
from .checking import check
from .completing import completion
from .configs import diff, explain, get, history
from .edits import rollback, set_, unset
from .ends import USAGE, End
from .events import events
from .launching import create
from .listing import ps, show
from .log_level import log_level
from .logs import logs
from .messages import drop, list_messages, resend, show_message
from .registry import create_token, endpoints, list_tokens, revoke
from .removing import rm
from .restarting import restart
from .rollouts import rollout
from .scaling import scale
from .sending import send
from .starting import revoke_jobs, signal, start, stop
from .top import top
from .verbs import common
from .whole import shutdown, status

__all__ = ["proactor"]

_IS_FOR_PROGRAM = "proactor.cli.is_for_program"
_CONFIG = (get, set_, unset, diff, history, rollback, explain)
_VERBS = (status, create, ps, top, show, logs, events, start, stop, restart, signal, scale, rm)
_FIRST = (init, check)
_MESSAGE = (list_messages, show_message, resend, drop)
_TOKEN = (list_tokens, create_token, revoke, revoke_jobs)
_LAST = (rollout, endpoints, send)
_END = (log_level, shutdown, completion)


class Group(click.Group):
    """Verbs in an order that makes sense."""

    def list_commands(self, _context: click.Context) -> list[str]:
        """As they were added."""
        return list(self.commands)


class Told(click.UsageError):
    """A usage error, told to a program."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Write a problem document to standard error."""
        click.echo(json.dumps(End(USAGE, "Usage", self.message).record()), file=file, err=True)


class Program(Group):
    """All of the command line; what is typed wrongly is told to a program as other errors are."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Read what stands before the verb."""
        is_for_program = "--json" in args
        with _told(is_for_program):
            context = super().make_context(info_name, args, parent, **extra)
        context.meta[_IS_FOR_PROGRAM] = is_for_program
        return context

    def invoke(self, ctx: click.Context) -> Any:
        """Read the rest, and do it."""
        with _told(ctx.meta[_IS_FOR_PROGRAM]):
            return super().invoke(ctx)


@contextmanager
def _told(is_for_program: bool) -> Iterator[None]:
    try:
        yield
    except click.UsageError as error:
        if not is_for_program:
            raise
        raise Told(error.format_message()) from error


@click.group("config", cls=Group)
def config() -> None:
    """Read and change the configuration, while it runs."""


@click.group("message", cls=Group)
def message() -> None:
    """See what became of messages that are not delivered."""


@click.group("token", cls=Group)
def token() -> None:
    """Make and revoke tokens."""


@click.group(
    cls=Program,
    params=common(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=True,
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def proactor() -> None:
    """Control an initiator: launch processors, watch them, change what they run with.

    The initiator is found by its home; it is started by: twistd -n proactor

    Exit codes: 0 done, 1 refused or failed, 2 usage, 3 not running, 4 cannot reach, 5 cannot write, 130 interrupted,
    141 nobody reads any more, 143 ended by SIGTERM.
    """


for _group, _verbs in ((config, _CONFIG), (message, _MESSAGE), (token, _TOKEN)):
    for _verb in _verbs:
        _group.add_command(_verb)
for _command in (*_FIRST, *_VERBS, config, *_LAST, message, token, *_END):
    proactor.add_command(_command)
