"""``completion``: what a shell reads so that it completes verbs and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from .shell import Shell, pass_shell
from .verbs import Verb

__all__ = ["completion"]

_SHELLS = ("bash", "zsh", "fish")


@click.command(
    cls=Verb,
    examples=(
        ('eval "$(proactor completion bash)"', "in ~/.bashrc"),
        ('eval "$(proactor completion zsh)"', "in ~/.zshrc"),
        ("proactor completion fish | source", "in ~/.config/fish/config.fish"),
    ),
)
@click.argument("shell_name", metavar="bash|zsh|fish", type=click.Choice(_SHELLS))
@pass_shell
def completion(shell: Shell, shell_name: str) -> None:
    """Print what a shell reads to complete verbs, options and values."""
    found = get_completion_class(shell_name)
    assert found is not None
    source = found(click.get_current_context().find_root().command, {}, "proactor", "_PROACTOR_COMPLETE").source()
    if shell.out.json:
        shell.out.document({"shell": shell_name, "source": source})
    else:
        click.echo(source)
