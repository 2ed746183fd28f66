"""``check``: whether a configuration file holds, and what in it is doubtful."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ProactorError
from .completions import FILE
from .ends import FAILED, Failed, end_of
from .shell import Shell, pass_shell
from .verbs import Verb

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

    from ..config.document import Document
    from ..config.settings import InitiatorSettings
    from ..startup import Checked

__all__ = ["check"]

_BEHIND = "--guid, --port and --fd are put behind it: it has none of {guid}, {port}, {fd}"


@click.command(
    cls=Verb,
    examples=(
        ("proactor check", "./proactor.cfg"),
        ("proactor check --strict proactor.cfg", "what is doubtful fails as well, as before it is deployed"),
        ("proactor check /etc/proactor.cfg && kill -HUP $(cat ~/.proactor/lock)", "before it is read again"),
    ),
)
@click.argument("file", required=False, metavar="[FILE|-]", type=FILE)
@click.option("--guid", "-g", metavar="GUID", help="The section to run by; else the only one.")
@click.option("--strict", is_flag=True, help="Fail where there is something to warn of.")
@pass_shell
def check(shell: Shell, file: str | None, guid: str | None, strict: bool) -> None:
    """Check a configuration file as the initiator does when it starts.

    No initiator is needed, and nothing of what the file names is run. FILE is ./proactor.cfg where none is named; - is
    standard input. What holds and is most likely not what is meant is warned of: options that are nearly called like
    one there is, sections that nobody reads, modules in allow_from that are not declared, programs and modules that are
    not found from this folder.

    Of a section with a command it is told what will be run. GUID, PORT, N and PYTHON stand for the guid and the port of
    a processor, the descriptor of its socket and the initiator's Python; --json has the arguments one by one.
    """
    from ..startup import checked, find_config  # noqa: PLC0415 - it loads what the initiator is made of

    source = find_config(file)
    try:
        if file is None and source.path != Path("proactor.cfg").absolute():
            raise Failed(f"there is no proactor.cfg in {Path.cwd()}", "name the file: proactor check FILE")
        document = source.read()
        found = checked(document, guid)
        _check_tls(found.settings)
    except ProactorError as error:
        raise click.exceptions.Exit(shell.failed(end_of(error))) from None
    warnings = list(_warnings(document, found))
    record = {**_record(found), "commands": dict(_commands(document, found))}
    if shell.out.json:
        shell.out.document({**record, "file": source.name, "warnings": warnings})
    else:
        _tell(shell, source.name, record, warnings)
    if warnings and strict:
        raise click.exceptions.Exit(FAILED)


def _tell(shell: Shell, name: str, record: Mapping[str, Any], warnings: Sequence[str]) -> None:
    for warning in warnings:
        shell.out.doubt(warning)
    shell.out.line(f"{name} holds.")
    for label, text in (
        ("guid", record["guid"]),
        ("listens", record["listens"]),
        ("modules", ", ".join(record["modules"])),
    ):
        shell.out.line(f"  {label:<9}{text}")
    for section, command in record["commands"].items():
        behind = f"  ({_BEHIND})" if command["appended"] else ""
        shell.out.line(f"  {'command':<9}[{section}] {shlex.join(command['argv'])}{behind}")


def _check_tls(settings: InitiatorSettings) -> None:
    """Check the files that it would serve TLS with.

    :raises ProactorError: they cannot be had, or do not hold.
    """
    if settings.listen_scheme == "https":
        from ..tls.server import ServerTls  # noqa: PLC0415 - it loads OpenSSL

        ServerTls.of(settings, datetime.now(timezone.utc))


def _record(found: Checked) -> dict[str, Any]:
    settings = found.settings
    return {
        "guid": found.guid,
        "listens": f"{settings.listen_addr}:{settings.listen_port}",
        "modules": [name for name, _ in found.modules],
    }


def _commands(document: Document, found: Checked) -> Iterator[tuple[str, dict[str, Any]]]:
    """By section what is run there in place of a module, with words for what a processor is told of itself."""
    from ..config.layers import Layers  # noqa: PLC0415
    from ..launchers.command import command_line, is_told_behind  # noqa: PLC0415

    layers = Layers(document)
    for section in (section for section, module in found.modules if module is None):
        command = layers.check_section(section)["command"].text
        argv = command_line(section, command, "GUID", "PORT", "N", "PYTHON")
        yield section, {"argv": list(argv), "appended": is_told_behind(command)}


def _warnings(document: Document, found: Checked) -> Iterator[str]:
    from ..config.doubts import doubts  # noqa: PLC0415
    from ..config.layers import Layers  # noqa: PLC0415

    yield from found.settings.warnings
    yield from _address(document, found)
    yield from doubts(document, found.settings, found.guid)
    layers = Layers(document)
    for section, module in found.modules:
        values = {name: each.text for name, each in layers.check_section(section).items()}
        if module is None:
            yield from _program(document, section, values)
        else:
            yield from _module(document, section, module, values)


def _address(document: Document, found: Checked) -> Iterator[str]:
    """A name to listen at that is none here."""
    import socket  # noqa: PLC0415

    settings = found.settings
    try:
        socket.getaddrinfo(settings.listen_addr, settings.listen_port, type=socket.SOCK_STREAM)
    except OSError as error:
        remedy = "an address of this machine is right, or a name for one: 127.0.0.1, localhost, 0.0.0.0 for all"
        yield f"{document.source}: listen_addr = {settings.listen_addr}: {error.strerror}; {remedy}"


# What is not found from this folder: no error, for the initiator may run in another one.


def _program(document: Document, section: str, values: Mapping[str, str]) -> Iterator[str]:
    """A command whose program is not there, or cannot be run."""
    from ..config.doubts import place  # noqa: PLC0415
    from ..launchers.command import command_line  # noqa: PLC0415

    setting = document.option(section, "command")
    if setting is None:
        return
    program = command_line(section, values["command"], "0" * 32, 1, 3, shutil.which("python3") or "python3")[0]
    where = place(setting, section, "command")
    if "/" not in program:
        if shutil.which(program, path=values.get("env.path") or os.environ.get("PATH")) is None:
            yield f"{where}: there is no program {program} in PATH; processors are started with the initiator's"
        return
    path = Path(values.get("working_folder") or ".") / program
    if not path.exists():
        yield f"{where}: there is no program {path.absolute()}"
    elif path.is_dir() or not os.access(path, os.X_OK):
        yield f"{where}: {path.absolute()} is not executable: chmod +x, or name what runs it first"


def _module(document: Document, section: str, module: str, values: Mapping[str, str]) -> Iterator[str]:
    """A module that Python does not find, looked for without an import of anything."""
    folder = values.get("working_folder") or os.getcwd()
    where = f"{document.source}:{document.lines.get(section, 0)} [{section}]"
    others = [str(Path(folder, each)) for each in values.get("env.pythonpath", "").split(os.pathsep) if each]
    name, spec, parent = _found(module, [folder, *others])
    if spec is None:
        inside = f" in the package {parent}" if parent else f" in {' or '.join([folder, *others])}, nor installed"
        yield f"{where}: there is no module {name}{inside}{_meant(name, parent, folder)}"
    elif spec.submodule_search_locations is not None and _spec("__main__", spec.submodule_search_locations) is None:
        yield f"{where}: {module} is a package without a module __main__, which is what would be run"


def _found(module: str, folders: Sequence[str]) -> tuple[str, ModuleSpec | None, str]:
    """A module; or of its name as much as is not there, and the package that it should be in."""
    from sys import path  # noqa: PLC0415

    places, parent, spec = [*folders, *path], "", None
    for part in module.split("."):
        name = f"{parent}.{part}" if parent else part
        spec = _spec(part, places)
        if spec is None:
            return name, None, parent
        places, parent = list(spec.submodule_search_locations or ()), name
    return module, spec, ""


def _spec(name: str, places: Sequence[str]) -> ModuleSpec | None:
    from importlib.machinery import BuiltinImporter, PathFinder  # noqa: PLC0415

    return PathFinder.find_spec(name, list(places)) or BuiltinImporter.find_spec(name)


def _meant(name: str, parent: str, folder: str) -> str:
    from ..spelling import nearest  # noqa: PLC0415

    near = [] if parent else nearest(name, (path.stem for path in Path(folder).glob("*.py")))
    return f"; is {near[0]} meant?" if near else ""
