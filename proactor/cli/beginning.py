"""``init``: a configuration and a processor to begin with."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import click

from ..errors import ProactorError
from .ends import Failed, end_of
from .numbers import Whole
from .shell import Shell, pass_shell
from .verbs import Verb

if TYPE_CHECKING:
    pass

__all__ = ["init"]

#: What is written, and of what.
_FILES = {"proactor.cfg": "proactor.cfg", "worker.py": "worker.py.txt"}

_NEXT = """\

Next, in that folder, start the initiator; it stays in that terminal:
  {go}twistd -n proactor
and in another terminal:
  proactor create -n 3                      launch three of worker.py
  proactor ps                               see them
  proactor logs -f --module worker          read what they write
  proactor config set worker interval=1     change an option while they run
"""


@click.command(
    cls=Verb,
    examples=(
        ("proactor init", "in this folder"),
        ("proactor init fleet --port 9000", "in another one, for an initiator on another port"),
    ),
)
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(file_okay=False, path_type=Path))
@click.option("--port", type=Whole(1, 65535), default=8080, show_default=True, help="Where it is to listen.")
@pass_shell
def init(shell: Shell, folder: Path, port: int) -> None:
    """Write a configuration file and a processor to begin with.

    DIR is made where there is none. Nothing is overwritten.
    """
    guid = uuid4().hex
    marks = {"@GUID@": guid, "@PORT@": str(port)}
    try:
        _write(folder, {name: _text(source, marks) for name, source in _FILES.items()})
    except ProactorError as error:
        raise click.exceptions.Exit(shell.failed(end_of(error))) from None
    if shell.out.json:
        shell.out.document({"folder": str(folder.absolute()), "files": list(_FILES), "guid": guid})
        return
    shell.out.line(f"Wrote {' and '.join(str(folder / name) for name in _FILES)}.")
    shell.out.say(_NEXT.format(go="" if folder == Path() else f"cd {shlex.quote(str(folder))} && ").rstrip())


def _text(source: str, marks: Mapping[str, str]) -> str:
    text = (files("proactor.cli") / "starter" / source).read_text("utf-8")
    for mark, value in marks.items():
        text = text.replace(mark, value)
    return text


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    """Write all of them, or none.

    :raises Failed: one is there already, or cannot be written.
    """
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            path = folder / name
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            written.append(path)
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        for path in written:
            path.unlink()
        if isinstance(error, FileExistsError):
            raise Failed(f"{error.filename} is there already: nothing was written", "name another folder") from error
        raise Failed(f"{error.filename}: {error.strerror}: nothing was written") from error
