"""``completion``: what a shell reads so that it completes verbs, options and their values."""

from __future__ import annotations

import os
from typing import Any

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    ZshComplete,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

from .shell import Shell, pass_shell
from .verbs import Verb

__all__ = ["completion"]

_SHELLS = ("bash", "zsh", "fish")
#: What bash takes for the end of a word inside of one (``COMP_WORDBREAKS``), and is in what is completed here.
_BREAKS = "=:"

# Both are Click's but for this: what ends in = or : goes on without a space, and nothing that comes is expanded. In
# bash the line is parted here, as a shell would, and not where its word breaks are.
_BASH = """\
%(complete_func)s() {
    local type value
    COMPREPLY=()
    while IFS=',' read -r type value || [[ -n $type ]]; do
        case $type in
        dir) compopt -o dirnames ;;
        file) compopt -o default ;;
        plain)
            [[ $value == *[=:] ]] && compopt -o nospace
            printf -v value %%q "$value"
            COMPREPLY+=("$value")
            ;;
        esac
    done < <(COMP_LINE=${COMP_LINE:0:COMP_POINT} COMP_WORDBREAKS=$COMP_WORDBREAKS \\
        %(complete_var)s=bash_complete "$1")
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""

_ZSH = """\
#compdef %(prog_name)s

%(complete_func)s() {
    local -a response plain told plain_open told_open
    (( ! $+commands[%(prog_name)s] )) && return 1

    response=("${(@f)$(env COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT-1)) \\
        %(complete_var)s=zsh_complete %(prog_name)s)}")

    for type key descr in ${response}; do
        if [[ "$type" == "dir" ]]; then
            _path_files -/
        elif [[ "$type" == "file" ]]; then
            _path_files -f
        elif [[ "$type" == "plain" && "$descr" == "_" && "$key" == *[=:] ]]; then
            plain_open+=("$key")
        elif [[ "$type" == "plain" && "$descr" == "_" ]]; then
            plain+=("$key")
        elif [[ "$type" == "plain" && "$key" == *[=:] ]]; then
            told_open+=("$key:$descr")
        elif [[ "$type" == "plain" ]]; then
            told+=("$key:$descr")
        fi
    done

    [[ -n "$told" ]] && _describe -V unsorted told -U
    [[ -n "$told_open" ]] && _describe -V unsorted told_open -U -S ''
    [[ -n "$plain" ]] && compadd -U -V unsorted -a plain
    [[ -n "$plain_open" ]] && compadd -U -S '' -V unsorted -a plain_open
    return 0
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    # It is a file in fpath, and this is the first call.
    %(complete_func)s "$@"
else
    # A shell whose completion is not set up has no compdef.
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i; }
    compdef %(complete_func)s %(prog_name)s
fi
"""


class Bash(BashComplete):
    """Words as they are typed, whatever ``COMP_WORDBREAKS`` makes of them."""

    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        """Part the line up to the cursor; the last word is the one to complete, and may be empty."""
        *words, last = split_arg_string(os.environ["COMP_LINE"] + "x")
        return words[1:], last[:-1]

    def complete(self) -> str:
        """Complete it; of each word only that is told which stands behind the last break, which bash replaces."""
        args, incomplete = self.get_completion_args()
        breaks = [char for char in _BREAKS if char in os.environ.get("COMP_WORDBREAKS", "")]
        kept = max((incomplete.rfind(char) + 1 for char in breaks), default=0)
        items = (_without(item, incomplete[:kept]) for item in self.get_completions(args, incomplete))
        return "\n".join(self.format_completion(item) for item in items if item.value or item.type != "plain")


def _without(item: CompletionItem, beginning: str) -> CompletionItem:
    value: Any = item.value
    return CompletionItem(str(value).removeprefix(beginning), item.type, item.help)


class Zsh(ZshComplete):
    """Click's own with another script."""

    source_template = _ZSH


add_completion_class(Bash)
add_completion_class(Zsh)


@click.command(
    cls=Verb,
    examples=(
        ('eval "$(proactor completion bash)"', "in ~/.bashrc"),
        ('eval "$(proactor completion zsh)"', "in ~/.zshrc, behind compinit where that is called there"),
        ("proactor completion fish | source", "in ~/.config/fish/config.fish"),
    ),
)
@click.argument("shell_name", metavar="bash|zsh|fish", type=click.Choice(_SHELLS))
@pass_shell
def completion(shell: Shell, shell_name: str) -> None:
    """Print what a shell reads to complete verbs, options and values.

    Values are asked of the initiator: jobs, modules, options of a section and what they may be, labels, tokens,
    revisions, messages. Where it does not answer within two seconds there are none.
    """
    found = get_completion_class(shell_name)
    assert found is not None
    source = found(click.get_current_context().find_root().command, {}, "proactor", "_PROACTOR_COMPLETE").source()
    if shell.out.json:
        shell.out.document({"shell": shell_name, "source": source})
    else:
        click.echo(source)
