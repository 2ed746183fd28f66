"""A verb: a command with examples in its help, and the options that all of them have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click
from click.shell_completion import CompletionItem

from ..home.files import HOME_VARIABLE
from .completions import FILE, FOLDER, ParamType, complete_job, complete_label, complete_module
from .numbers import Seconds
from .shell import Shell

__all__ = ["COMMON", "Jobs", "Pairs", "Verb", "as_mapping", "common", "need_selection", "selection"]

Examples = Sequence[tuple[str, str]]


def _keep(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def keep(context: click.Context, _parameter: click.Parameter, value: Any) -> None:
        shell = context.find_root().ensure_object(Shell)
        if value is None or value is False:
            return
        if name == "json":
            shell.out.json = True
            return
        setattr(shell, name, value)
        shell.named_home = shell.named_home or name == "home"

    return keep


def common(hidden: bool = False) -> list[click.Option]:
    """The options of all verbs. They may stand before the verb, where they have variables of the environment too.

    :param hidden: for behind the verb, whose help would be twice as long with them.
    """

    def option(name: str, variable: str | None = None, **how: Any) -> click.Option:
        key = name.strip("-").replace("-", "_")
        return click.Option([name], envvar=None if hidden else variable, expose_value=False, callback=_keep(key), **how)

    return [
        option(
            "--home",
            HOME_VARIABLE,
            type=FOLDER,
            metavar="DIR",
            hidden=hidden,
            help="The initiator's home: ~/.proactor.",
        ),
        option("--url", "PROACTOR_URL", metavar="URL", hidden=hidden, help="Its URL, in place of a home."),
        option(
            "--token-file",
            "PROACTOR_TOKEN_FILE",
            type=FILE,
            metavar="FILE",
            hidden=hidden,
            help="A file with an operator's token; else PROACTOR_TOKEN, else the home's.",
        ),
        option(
            "--cafile",
            "PROACTOR_CAFILE",
            type=FILE,
            metavar="FILE",
            hidden=hidden,
            help="Certificates in PEM by which an https URL is verified; else those of the system.",
        ),
        option(
            "--timeout",
            "PROACTOR_TIMEOUT",
            type=Seconds(min=0, min_open=True),
            metavar="SECONDS",
            hidden=hidden,
            help="How long an answer may take: 30.",
        ),
        option("--json", is_flag=True, help="Results as JSON; an error as JSON on standard error."),
    ]


#: By what they are called.
COMMON = tuple(option.opts[0] for option in common())


class Verb(click.Command):
    """A verb.

    :param examples: command lines, and what each is for.
    """

    def __init__(self, *args: Any, examples: Examples = (), **how: Any) -> None:
        super().__init__(*args, **how)
        self.examples = examples
        self.params += common(hidden=True)

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the examples, each below what it is for."""
        with formatter.section("Examples"):
            for line, meaning in self.examples:
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")
                formatter.write(f"{'':>{formatter.current_indent}}    {meaning}\n")
        formatter.write_paragraph()
        formatter.write_text(f"Also {', '.join(COMMON[:-1])}: see proactor --help.")


class Jobs(ParamType):
    """A job: its guid, or the beginning of it."""

    name = "job"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> str:
        """See that it can be one."""
        text = str(value).lower()
        if not text or len(text) > 32 or set(text) - set("0123456789abcdef"):
            self.fail(f"{value!r} is no guid, nor the beginning of one: proactor ps lists them", parameter, context)
        return text

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The guids that begin so."""
        return complete_job(ctx, param, incomplete)


class Pairs(ParamType):
    """``NAME=VALUE``."""

    name = "pair"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> tuple[str, str]:
        """Part it."""
        name, equals, text = str(value).partition("=")
        if not equals or not name:
            self.fail(f"{value!r} is not NAME=VALUE", parameter, context)
        return name.strip(), text


labels_option = click.option(
    "--label",
    "-l",
    "labels",
    multiple=True,
    metavar="NAME[=VALUE]",
    shell_complete=complete_label,
    help="Those of a label.",
)


def selection(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb the arguments by which it finds the jobs that it is for."""
    command = labels_option(command)
    command = click.option(
        "--module", "-m", metavar="MODULE", shell_complete=complete_module, help="Those of a module."
    )(command)
    return click.argument("jobs", nargs=-1, type=Jobs(), metavar="[JOB]...")(command)


def need_selection(
    jobs: Sequence[str], module: str | None, labels: Sequence[str], everything: bool | None = None
) -> None:
    """See that it is said which, and once.

    :param everything: whether --all is given; ``None`` where there is no such option.
    :raises click.UsageError: it is not.
    """
    by_name, by_property = bool(jobs), module is not None or bool(labels)
    if by_name + by_property + bool(everything) != 1:
        more = "" if everything is None else ", or --all"
        raise click.UsageError(f"say which: JOB, or --module or --label or both{more}")


def as_mapping(pairs: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    """``NAME=VALUE`` several times, as one mapping.

    :raises click.UsageError: a name is there twice.
    """
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise click.UsageError(f"{name} is given twice")
        found[name] = value
    return found
