"""``proactor VERB``: all verbs there are."""

from __future__ import annotations

import click

from .. import __version__
from .launching import create, scale
from .listing import ps, show
from .moving import restart, rm, signal, start, stop
from .verbs import common

__all__ = ["VERBS", "main", "proactor"]

VERBS = (create, ps, show, start, stop, restart, signal, scale, rm)


@click.group(
    params=common(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=True,
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def proactor() -> None:
    """Control an initiator: launch processors, watch them, change what they run with.

    The initiator is found by its home; it is started by: twistd -n proactor

    Exit codes: 0 done, 1 refused or failed, 2 usage, 3 not running, 4 cannot reach, 130 interrupted.
    """


for _verb in VERBS:
    proactor.add_command(_verb)


def main() -> None:
    """Run the command line."""
    proactor(prog_name="proactor")
