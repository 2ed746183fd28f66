"""What a word may go on as, for a shell that completes a line: what an initiator knows, or is known without one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from .sections import is_guid, meant, options_of
from .shell import Shell

if TYPE_CHECKING:
    from ..client import Client
    from ..options import Option

    ParamType = click.ParamType[Any]
else:
    # It is no generic class in all versions.
    ParamType = click.ParamType

__all__ = [
    "FILE",
    "FOLDER",
    "TOPIC",
    "Completer",
    "ParamType",
    "complete_box",
    "complete_event",
    "complete_first",
    "complete_job",
    "complete_label",
    "complete_message",
    "complete_module",
    "complete_namespace",
    "complete_option",
    "complete_pair",
    "complete_restart",
    "complete_revision",
    "complete_rollout",
    "complete_section",
    "complete_sender",
    "complete_signal",
    "complete_target",
    "complete_token",
]

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
#: A word, and what is said of it where there is room.
Words = Iterable[tuple[str, str]]

TOPIC = "topic:"
#: So many of what there may be any number of.
_MANY = 50
#: What it logs as besides.
_LOGGED = ("proactor.supervisor", "proactor.messages", "proactor.forkserver")
#: What runs in other processes than the initiator's.
_OTHERS = ("cli", "client", "forkserver", "guardian_main", "peers", "processor", "testing")
_NO_MODULES = ("DEFAULT", "proactor.initiator")


class Path(ParamType):
    """A path, of which a shell knows best how it goes on.

    :param kind: ``file`` or ``dir``.
    """

    name = "path"

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Leave it to the shell."""
        return [CompletionItem(incomplete, type=self.kind)]


FILE, FOLDER = Path("file"), Path("dir")


def _items(words: Words, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(word, help=told or None) for word, told in words if word.startswith(incomplete)]


def _asked(ask: Callable[[Client, click.Context, str], Awaitable[Words]]) -> Completer:
    """Complete with what an initiator says; with nothing, where none does soon."""

    def complete(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        async def work(client: Client) -> Words:
            return await ask(client, context, incomplete)

        return _items(context.find_root().ensure_object(Shell).ask(work) or (), incomplete)

    return complete


def _typed(context: click.Context, name: str) -> Sequence[str]:
    """What stands on the line already, of an argument that there may be any number of."""
    return [str(each) for each in context.params.get(name) or ()]


async def _jobs(client: Client, context: click.Context, _incomplete: str) -> Words:
    typed = _typed(context, "jobs")
    return [(job.guid, f"{job.module} {job.state}") for job in await client.jobs.list() if job.guid not in typed]


async def _modules(client: Client, _context: click.Context, _incomplete: str) -> Words:
    sections = (await client.config.sections()).sections
    return [(name, "") for name in sections if not is_guid(name) and name not in _NO_MODULES]


async def _sections(client: Client, _context: click.Context, _incomplete: str) -> Words:
    return [(name, "") for name in (await client.config.sections()).sections]


async def _boxes(client: Client, context: click.Context, incomplete: str) -> Words:
    return [*await _modules(client, context, incomplete), *await _jobs(client, context, incomplete)]


async def _targets(client: Client, context: click.Context, incomplete: str) -> Words:
    sections = (await client.config.sections()).sections
    topics = {topic for options in sections.values() for topic in (options.get("subscribe") or "").split()}
    named = [(f"{TOPIC}{topic}", "") for topic in sorted(topics) if "*" not in topic and "$" not in topic]
    return [*await _boxes(client, context, incomplete), (TOPIC, "all that have subscribed"), *named]


async def _senders(client: Client, context: click.Context, incomplete: str) -> Words:
    return [("operator", ""), *await _jobs(client, context, incomplete)]


async def _labels(client: Client, _context: click.Context, _incomplete: str) -> Words:
    return [(label, "") for label in _of_jobs(job.labels for job in await client.jobs.list())]


def _of_jobs(labels: Iterable[Mapping[str, str]]) -> list[str]:
    return sorted({f"{name}={value}" for each in labels for name, value in each.items()})


async def _first(client: Client, _context: click.Context, _incomplete: str) -> Words:
    jobs = await client.jobs.list()
    labels = [(f"label:{label}", "") for label in _of_jobs(job.labels for job in jobs)]
    return [*((job.guid, job.module) for job in jobs), *labels]


async def _options(client: Client, context: click.Context, _incomplete: str) -> Words:
    """Names of the options of the section, or the job, that stands before."""
    options = await _options_before(client, context)
    return [(name, text or "") for name, text in options.items() if name not in _typed(context, "names")]


async def _options_before(client: Client, context: click.Context) -> Mapping[str, str | None]:
    typed = [context.params.get(name) for name in ("section", "job", "module")]
    # Before an option whose value is to be completed Click leaves arguments where they are.
    named = next((each for each in (*typed, *context.args) if each), None)
    return {} if named is None else await options_of(client, await meant(client, named))


async def _pairs(client: Client, context: click.Context, incomplete: str) -> Words:
    """``NAME=`` of the options that there are and those that every processor has, then what their values may be."""
    from ..config.job_settings import JOB_OPTIONS  # noqa: PLC0415 - most commands need none
    from ..config.settings import INITIATOR_OPTIONS  # noqa: PLC0415

    options = await _options_before(client, context)
    known = {option.name: option for option in JOB_OPTIONS}
    if context.params.get("section") in _NO_MODULES:
        known |= {option.name: option for option in INITIATOR_OPTIONS}
    name, equals, _ = incomplete.partition("=")
    if equals:
        return [(f"{name}={value}", "") for value in _values(known.get(name), options.get(name))]
    return list(_names(options, known))


def _names(options: Mapping[str, str | None], known: Mapping[str, Option]) -> Iterator[tuple[str, str]]:
    from ..options import is_steering  # noqa: PLC0415

    for name in dict.fromkeys((*options, *known)):
        if not is_steering(name) and name != "revision":
            yield f"{name}=", options.get(name) or (known[name].help if name in known else "")


def _values(option: Option | None, now: str | None) -> Iterator[str]:
    from ..config.grammar import REDACTED  # noqa: PLC0415

    if option is not None and option.choices is not None:
        yield from map(str, option.choices)
    elif option is not None and option.type is bool:
        yield from ("yes", "no")
    elif now and now != REDACTED:
        yield now


async def _tokens(client: Client, _context: click.Context, _incomplete: str) -> Words:
    return [(token.name, " ".join(token.scopes)) for token in await client.tokens.list()]


async def _restarts(client: Client, _context: click.Context, _incomplete: str) -> Words:
    return await _of_events(client, "restart.started", "restart")


async def _rollouts(client: Client, _context: click.Context, _incomplete: str) -> Words:
    return await _of_events(client, "rollout.started", "rollout")


async def _of_events(client: Client, kind: str, member: str) -> Words:
    """What the last events of a kind are about, the latest first."""
    from ..client.timeline import Chosen  # noqa: PLC0415

    events = reversed(await client.events.list(Chosen(events=(kind,)), tail=_MANY))
    return [(str(event.record[member]), event.cause) for event in events if member in event.record]


async def _revisions(client: Client, context: click.Context, _incomplete: str) -> Words:
    entries = await client.config.history(await meant(client, context.params["section"]))
    return [(str(entry.revision), entry.summary) for entry in reversed(entries[-_MANY:])]


async def _messages(client: Client, context: click.Context, _incomplete: str) -> Words:
    states = ("dead",) if context.info_name == "resend" else ("waiting", "dead")
    found = [each for state in states for each in await client.messages.list(state, count=_MANY)]
    return [(str(each.number), f"{each.state}, {each.type} for {each.receiver}") for each in found]


async def _namespaces(client: Client, _context: click.Context, _incomplete: str) -> Words:
    return [(name, "") for name in sorted({*(await client.log_level()).namespaces, *_own_namespaces()})]


def _own_namespaces() -> Iterator[str]:
    """What the initiator logs as: its modules, and the packages in which they are."""
    from pathlib import Path as File  # noqa: PLC0415

    yield from _LOGGED
    top = File(__file__).parents[1]
    for file in top.rglob("*.py"):
        if file.relative_to(top).parts[0] in _OTHERS:
            continue
        yield ".".join(("proactor", *file.relative_to(top).with_suffix("").parts)).removesuffix(".__init__")


def complete_signal(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The signals that there are on this machine, with SIG before them where that is typed."""
    from signal import Signals  # noqa: PLC0415

    said = incomplete.upper()
    names = [each.name if said.startswith("SIG") else each.name.removeprefix("SIG") for each in Signals]
    return _items([(name, "") for name in names], said)


def complete_event(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The kinds of events."""
    from ..timeline.kinds import KINDS  # noqa: PLC0415

    return _items([(kind, "") for kind in sorted(KINDS)], incomplete)


complete_job = _asked(_jobs)
complete_module = _asked(_modules)
complete_section = _asked(_sections)
complete_box = _asked(_boxes)
complete_target = _asked(_targets)
complete_sender = _asked(_senders)
complete_label = _asked(_labels)
complete_first = _asked(_first)
complete_option = _asked(_options)
complete_pair = _asked(_pairs)
complete_token = _asked(_tokens)
complete_restart = _asked(_restarts)
complete_rollout = _asked(_rollouts)
complete_revision = _asked(_revisions)
complete_message = _asked(_messages)
complete_namespace = _asked(_namespaces)
