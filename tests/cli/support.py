"""The command line in this process: on the reactor that runs already, with what it writes kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen
from click.testing import CliRunner
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import blockingCallFromThread, deferToThread
from twisted.python.failure import Failure

from proactor.cli.main import proactor
from proactor.cli.running import Work
from proactor.cli.shell import Shell

from ..client.support import Memory


@frozen
class Result:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it wrote, read."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """What it wrote of an error, read."""
        return json.loads(self.err)


def on_running_reactor(work: Work[Any]) -> Any:
    """Run work from another thread."""
    return blockingCallFromThread(reactor, lambda: Deferred.fromCoroutine(work(reactor)))  # type: ignore[arg-type]


def typed(*words: str, variables: Mapping[str, str] | None = None, stdin: str | None = None) -> Result:
    """Run a command that needs no initiator, or from another thread than the reactor's.

    :param variables: of the environment; those of ours are gone where they are not said here.
    """
    clean = dict.fromkeys(("PROACTOR_HOME", "PROACTOR_URL", "PROACTOR_TOKEN", "PROACTOR_TOKEN_FILE"))
    runner = CliRunner(env={**clean, "NO_COLOR": None, **(variables or {})})
    found = runner.invoke(proactor, words, obj=Shell(runner=on_running_reactor), input=stdin, prog_name="proactor")
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return Result(found.exit_code, found.stdout, found.stderr)


def typed_in(
    memory: Memory,
    *words: str,
    turn: Callable[[], object] = lambda: None,
    stdin: bytes | None = None,
    variables: Mapping[str, str] | None = None,
) -> Result:
    """Run a command against an initiator in memory, by whose clock time passes.

    :param turn: called again and again until it is over, as for processors to answer.
    """

    def runner(work: Work[Any]) -> Any:
        results: list[Any] = []
        memory.begin(work(memory.rig.clock)).addBoth(results.append)
        while not results:
            turn()
            memory.turn(0.1)
        (result,) = results
        if isinstance(result, Failure):
            result.raiseException()
        return result

    shell = Shell(runner=runner, connect=lambda *_: memory.client)
    words = (*words, "--url", "http://localhost:8080")
    found = CliRunner(env={"NO_COLOR": None, **(variables or {})}).invoke(
        proactor, words, obj=shell, input=stdin, prog_name="proactor"
    )
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return Result(found.exit_code, found.stdout, found.stderr)


async def run(*words: str, **how: Any) -> Result:
    """Run a command while the reactor runs."""
    result: Result = await deferToThread(typed, *words, **how)
    return result
