"""The pages as a reader follows them: their blocks of commands, and a place where those are run.

Every block of the kind ``console`` is run, page by page, from top to bottom, in a home and on ports of its own:

- A line that begins with ``$`` is a command, what follows it up to the next is what it prints. That is compared
  loosely: the words of a status, the names of JSON members and of headers, the message of a line of the log. ``...``
  stands for anything. Where nothing is shown, anything but an error will do. Where the page has started the server, and
  so knows all that was done, the revisions that it shows are those that are printed.
- A command that starts a server (``script/server``, ``twistd -n``) is the first terminal's, with the block that it is
  in; the others are the second's. The server that ran before is stopped, as by Ctrl-C.
- Where a page starts no server one runs the example's file, with two tickers that were edited once.
- ``GUID``, ``ID``, ``NUMBER``, ``TOKEN``, and guids or their beginnings as they are printed, stand for those that there
  are; so do the ports 8080 and 49152 to 49154.
- The first command of ``proactor`` is a process like any other; those after it are forks of one in which Python and all
  that it takes are loaded, so that a page with many takes no minute.
- What comes to no end (``follow=1``, ``text/event-stream``) is listened to for a moment.

What stands above a block, where no reader sees it, says more:

- ``<!-- not run: REASON -->``: it is not run, and why that cannot be.
- ``<!-- fresh: REASON -->``: all processors that there are are deleted before.
- ``<!-- file: NAME -->``, above a block of any kind: it is written to that file in the folder of the example;
  ``<!-- append: NAME -->``: to its end.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT, Popen, TimeoutExpired, run
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

from attrs import define, field, frozen

from .ports import free_ports
from .support import MARK, ROOT, Console, environment, lasting
from .warm import Warm

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

#: For how long a command may run, in seconds; and one that comes to no end by itself.
_LONG, _MOMENT = 120.0, 1.0
#: How many ports there are for processors.
_PORTS = 40

_BLOCK = re.compile(r"((?:^ *<!--[^\n]*-->\n\n?)*)^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_NOTE = re.compile(r"<!-- (not run|fresh|file|append): *(.*?) *-->")
_ENDLESS = re.compile(r"follow=1|text/event-stream|\blogs? .*-f\b|\bevents .*-f\b|--port 50000")
_SERVER = re.compile(r"(^|/)(script/server|twistd)\b(?!.*--describe)")
_KEY = re.compile(r'"([a-z_.-]+)": ')
_REVISION = re.compile(r'"revision": (\d+)')
_LOG = re.compile(r"^\d{4}-\d\d-\d\d [\d:,]+ \w+ *\|\d+\|[^|]*\|(.*)$")
_CALLS = re.compile(r"\b(8080|49152)\b|^proactor |\| proactor |proactor/lock")
_WANTS_JOBS = re.compile(r"^proactor |\| proactor |/job|GUID|/restart|49152|/message/")
_KEPT = r"(?<=kept/)\w+|(?<=message show )\d+|(?<=message resend )\d+|(?<=message drop )\d+"
_GUID = re.compile(r"\b[0-9a-f]{32}\b")
_HEX = re.compile(r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{4}\b")


@frozen
class Command:
    """One command, and what it is to print.

    :param line: where it stands in its page.
    """

    line: int
    text: str
    expected: tuple[str, ...]

    @property
    def starts(self) -> bool:
        """Whether it is a server's start."""
        words = shlex.split(self.text.partition("#")[0]) if "#" in self.text else self.text.split()
        return bool(words) and _SERVER.search(words[0]) is not None


@frozen
class Block:
    """A block of a page.

    :param notes: what stands above it, by kind.
    """

    page: Path
    line: int
    kind: str
    text: str
    notes: dict[str, str]

    def commands(self) -> list[Command]:
        """The commands in it."""
        found: list[Command] = []
        for number, line in enumerate(self.text.split("\n"), self.line + 1):
            if line.startswith("$ "):
                found.append(Command(number, line[2:], ()))
            elif found and line.strip():
                last = found.pop()
                found.append(Command(last.line, last.text, (*last.expected, line)))
        return found


def blocks(page: Path) -> Iterator[Block]:
    """All blocks of a page, in order."""
    text = page.read_text("utf-8")
    for found in _BLOCK.finditer(text):
        indent = found[2]
        content = "".join(line.removeprefix(indent) for line in found[4].splitlines(keepends=True))
        line = text.count("\n", 0, found.start(2)) + 1
        yield Block(page, line, found[3], content, dict(_NOTE.findall(found[1])))


class Wrong(Exception):
    """What a page says is not so."""


def compare(expected: tuple[str, ...], actual: str) -> None:
    """See that what was printed is what the page shows.

    :raises Wrong: it is not.
    """
    if not expected:
        problem = re.match(r"(?:4|5)\d\d: |.*\"status\": (?:4|5)\d\d,", actual)
        if problem:
            raise Wrong("it is refused, and the page does not show that")
        return
    for line in expected:
        _compare(line.strip(), actual)


def compare_revisions(expected: tuple[str, ...], actual: str) -> None:
    """See that the revisions which the page shows were printed.

    :raises Wrong: one was not.
    """
    shown, printed = ({*_REVISION.findall(text)} for text in ("\n".join(expected), actual))
    if missing := sorted(shown - printed):
        raise Wrong(f"revision {', '.join(missing)} is not there, but {', '.join(sorted(printed)) or 'none'}")


def _compare(line: str, actual: str) -> None:
    if line == "...":
        return
    if _LOG.match(line):
        wanted = _plain(_LOG.sub(r"\1", line))
        if not any(wanted == _plain(_LOG.sub(r"\1", each)) for each in actual.split("\n")):
            raise Wrong(f"no line of the log says: {wanted}")
    elif line[0] in "{[":
        keys = _KEY.findall(line)
        # What a list has is not to be seen in one that is empty.
        sure = keys[:1] if re.search(r"\[\]|\{\}", actual) else keys
        missing = {key for key in sure if f'"{key}":' not in actual}
        if missing:
            raise Wrong(f"these members are not there: {', '.join(sorted(missing))}")
    elif found := re.match(r"\d{3}: [A-Z][\w ]+", line):
        if f"\n{found[0]}" not in f"\n{actual}":
            raise Wrong(f"it is not {found[0]}")
    elif found := re.match(r"[A-Z][\w-]+: ", line):
        if f"\n{found[0].lower()}" not in f"\n{actual.lower()}":
            raise Wrong(f"there is no {found[0]}")
    elif _plain(line) not in _plain(actual):
        raise Wrong(f"nowhere it says: {line}")


def _plain(text: str) -> str:
    """A text without what is another one each time."""
    return re.sub(r"\s+", " ", re.sub(r"\d+([.,]\d+)*", "0", _GUID.sub("GUID", text))).strip()


@define(eq=False)
class Reader:
    """Somebody who follows a page, in a folder of their own.

    :ivar folder: in it are the checkout and the home.
    """

    folder: Path
    _mark: str = field(factory=lambda: uuid4().hex)
    _first: int = field(factory=lambda: free_ports(_PORTS + 3, "0.0.0.0"))
    _where: list[Path] = field(init=False)
    _server: Popen[bytes] | None = None
    _starts: int = 0
    _is_usual: bool = False
    _known: dict[str, str] = field(factory=dict)
    _warm: Warm | None = None
    _typed: int = 0

    def __attrs_post_init__(self) -> None:
        checkout = self.folder / "proactor"
        for name in ("examples", "script"):
            shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
        for path in [checkout / "examples" / "proactor.cfg", checkout / "proactor.cfg"]:
            text = (ROOT / path.relative_to(checkout)).read_text()
            path.write_text(self._ports(text))
        (self.folder / ".curlrc").write_text(f"silent\nshow-error\nmax-time = {_LONG:.0f}\n")
        # Of the first terminal and the second.
        self._where = [checkout, checkout]

    def _ports(self, text: str) -> str:
        ports = {"8080": 0, "49152": 1, "49153": 2, "49154": 3, "65535": _PORTS, "50000": _PORTS + 1}
        text = text.replace("/etc/proactor.cfg", str(self.folder / "proactor" / "proactor.cfg"))
        return re.sub(r"\b(8080|4915[234]|65535|50000)\b", lambda found: str(self._first + ports[found[0]]), text)

    # What a page has.

    def take(self, block: Block) -> None:
        """Do what a block says.

        :raises Wrong: it does not come to what the page shows; says where, and what to do.
        """
        for kind, mode in (("file", "w"), ("append", "a")):
            if kind in block.notes:
                with open(self.folder / "proactor" / "examples" / block.notes[kind], mode) as file:
                    file.write(self._ports(block.text))
        if block.kind != "console" or "not run" in block.notes:
            return
        if "fresh" in block.notes and self._server is not None:
            self._clear()
        commands = block.commands()
        terminal = 0 if any(command.starts for command in commands) else 1
        for command in commands:
            self._named(block.page, command, terminal)

    def _named(self, page: Path, command: Command, terminal: int) -> None:
        try:
            self._take(command, terminal)
        except Wrong as e:
            raise Wrong(f"{page.name}:{command.line}: $ {command.text}\n{e}\n{_REMEDY}") from None

    def _take(self, command: Command, terminal: int) -> None:
        if command.starts:
            self._start(command, terminal)
            return
        if command.text.startswith(("git clone", "cd proactor", "pip install")):
            # It is there already.
            return
        if self._server is None and _CALLS.search(command.text):
            self._begin()
        if self._is_usual and _WANTS_JOBS.search(command.text):
            self._stock()
        if "rm -r" in command.text:
            self._stop()
        if command.text.startswith("proactor scale"):
            # Those that were stopped count, and are not ready.
            self._clear()
        text = self._ports(self._present(command.text))
        self._settle(command.text)
        already_read = len(self._console.lines("Read config again")) if self._server is not None else 0
        printed = self._run(text, terminal, endless=_ENDLESS.search(command.text) is not None)
        try:
            compare(command.expected, printed)
            if not self._is_usual:
                compare_revisions(command.expected, printed)
        except Wrong as e:
            raise Wrong(f"run as: {text}\n{e}\nbut it printed:\n{printed[:2000]}\n{self._told()}") from None
        if command.text.startswith("kill -HUP"):
            self._patient(lambda: len(self._console.lines("Read config again")) > already_read)
        if command.text.startswith("kill -9") and self._server is not None:
            self._server.wait(_LONG)
        if "-X DELETE" in command.text and (gone := re.search(r"/job/([0-9a-f]{32})", text)):
            self._patient(lambda: self._curl(f"localhost:8080/job/{gone[1]}").startswith("404"))
        if re.search(r"8080/shutdown|^proactor shutdown", command.text) and self._server is not None:
            self._server.wait(_LONG)
            self._server = None

    def _settle(self, text: str) -> None:
        """Processors that a page calls serve within a moment, and have said what they subscribe to."""
        if found := re.search(r":(4915\d)", text):
            self._patient(lambda: self._curl(f"localhost:{found[1]}/healthz").startswith("{"))
            # Where there is no initiator there is nothing to be waited for.
            self._patient(lambda: self._curl("localhost:8080/job?state=starting").strip() in ("[]", ""))

    def _run(self, text: str, terminal: int, endless: bool) -> str:
        where = self.folder / "where"
        if text.startswith("proactor init"):
            # It overwrites nothing, and there is something already where the others are.
            text = f"(mkdir -p {self.folder}/new && cd {self.folder}/new && {text}\n)"
        script = f"{text}\ncode=$?; pwd > {shlex.quote(str(where))}; exit $code"
        argv = ["bash", "-c", script]
        if endless:
            argv = ["timeout", "--kill-after=2", str(_MOMENT), *argv]
        try:
            done = run(
                argv,
                cwd=self._where[terminal],
                env=self._faster(text, endless),
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=STDOUT,
                timeout=_LONG,
                check=False,
            )
        except TimeoutExpired:
            raise Wrong(f"run as: {text}\nit does not end within {_LONG:.0f} s") from None
        printed = done.stdout.decode("utf-8", "replace")
        if done.returncode not in ((0, 124) if endless else (0,)):
            status = f"its exit status is {done.returncode}, and it printed:"
            raise Wrong(f"run as: {text}\n{status}\n{printed[:2000]}\n{self._told()}")
        if text.startswith("(mkdir"):
            for path in self.folder.glob("*/proactor.cfg"):
                path.write_text(self._ports(path.read_text()))
        if where.exists():
            self._where[terminal] = Path(where.read_text().strip())
        return printed

    def _faster(self, text: str, endless: bool) -> dict[str, str]:
        """The environment for a command: from the second that runs ``proactor`` on, with one that is loaded."""
        variables = self._environment()
        if "proactor " not in text or endless:
            return variables
        self._typed += 1
        if self._typed > 1:
            self._warm = self._warm or Warm(self.folder / "warm", **{MARK: self._mark})
            variables["PATH"] = os.pathsep.join([str(self._warm.path), variables["PATH"]])
        return variables

    def _environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        examples = str(self.folder / "proactor" / "examples")
        own = environment(**{MARK: self._mark, "HOME": str(self.folder), "PATH": path, "LC_ALL": "C.UTF-8"})
        own["PYTHONPATH"] = os.pathsep.join([examples, own["PYTHONPATH"]])
        return {name: value for name, value in own.items() if not name.startswith("PROACTOR_") or name == MARK}

    # Its servers.

    @property
    def _console(self) -> Console:
        return Console(self.folder / f"console{self._starts}")

    def _told(self) -> str:
        return f"the log ends so:\n{self._console.text()[-1500:]}"

    def _start(self, command: Command, terminal: int) -> None:
        self._stop()
        self._is_usual = False
        self._starts += 1
        text = re.sub(
            r"^(\S*/)?(script/server|twistd -n)( proactor)?", "exec twistd -n --pidfile= proactor", command.text
        )
        with open(self._console.path, "wb") as output:
            self._server = Popen(
                ["bash", "-c", self._ports(text)],
                cwd=self._where[terminal],
                env=self._environment(),
                stdin=DEVNULL,
                stdout=output,
                stderr=STDOUT,
            )
        self._patient(
            lambda: self._console.lines("Serving on") or self._server is None or self._server.poll() is not None
        )
        for line in command.expected:
            self._patient(lambda line=line: self._says(line))
        if not self._console.lines(r"\|proactor\|Serving on"):
            raise Wrong(f"it does not serve: {self._told()}")

    def _says(self, line: str) -> bool:
        try:
            _compare(line, self._console.text())
        except Wrong:
            return False
        return True

    def _begin(self) -> None:
        """Have the usual server, with two processors."""
        self._where[0] = self.folder / "proactor" / "examples"
        self._start(Command(0, "twistd -n proactor", ()), 0)
        self._is_usual = True
        self._stock()
        self._curl("-X PATCH -d rate=2 -H 'Prefer: wait=30' localhost:8080/config/ticker")

    def _stock(self) -> None:
        """Have two tickers that run, and not many more, whose starts would take their time; none that are stopped."""
        jobs = [job for job in self._json("'localhost:8080/job?module=ticker'") if not job["labels"]]
        running = [job["guid"] for job in jobs if job["state"] == "running"]
        if len(running) < 2:
            self._curl(f"-d count={2 - len(running)} -d module=ticker -H 'Prefer: wait=30' localhost:8080/create")
        stopped = [job["guid"] for job in jobs if job["state"] == "stopped"]
        for guid in (*running[3:], *stopped):
            self._curl(f"-X DELETE -H 'Prefer: wait=30' localhost:8080/job/{guid}")

    def _clear(self) -> None:
        """Have no processors."""
        jobs = [f"localhost:8080/job/{job['guid']}" for job in self._json("localhost:8080/job")]
        if jobs:
            self._curl(f"--parallel -X DELETE -H 'Prefer: wait=30' {' '.join(jobs)} 2> /dev/null")
        self._known.clear()

    def _stop(self) -> None:
        server, self._server = self._server, None
        if server is not None and server.poll() is None:
            server.send_signal(signal.SIGTERM)
            server.wait(_LONG)

    def _patient(self, condition: Any) -> None:
        give_up = monotonic() + _LONG
        while not condition():
            if monotonic() > give_up:
                raise Wrong(f"it does not come to this within {_LONG:.0f} s; {self._told()}")
            sleep(0.02)

    def end(self) -> None:
        """Leave nothing behind."""
        if self._warm is not None:
            self._warm.end()
        with suppress(TimeoutExpired):
            self._stop()
        for pid in lasting(self._mark):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    # What is called otherwise here than on the page.

    def _curl(self, arguments: str) -> str:
        return run(
            ["bash", "-c", f"curl -s --max-time 30 {self._ports(arguments)}"],
            env=self._environment(),
            stdout=PIPE,
            check=False,
        ).stdout.decode()

    def _json(self, arguments: str) -> Any:
        return json.loads(self._curl(arguments) or "null")

    def _present(self, text: str) -> str:
        """A command with what there is here in place of what the page has."""
        if self._server is None or " --guid " in text:
            return text
        if "restart/ID" in text or "--follow" in text:
            how = "-X POST -H 'Accept: application/json' -H 'Prefer: wait=60'"
            made = self._json(f"{how} 'localhost:8080/restart?module=ticker'")["id"]
            text = re.sub(r"(?<=restart/)ID\b|(?<=--follow )\w+", made, text)
        if re.search(_KEPT, text):
            text = re.sub(_KEPT, str(self._dead_letter()), text)
        if "token=TOKEN" in text:
            grant = "grant_type=urn:ietf:params:oauth:grant-type:token-exchange"
            granted = self._json(f"-d {grant} -d audience={self._guid('GUID')} localhost:8080/token")
            text = text.replace("token=TOKEN", f"token={granted['access_token']}")
        if re.search(r"rollout[/ ]|^proactor config (diff|rollback) ", text):
            text = self._revisions(text)
        short = _HEX.findall(text) if text.startswith("proactor ") else []
        for found in {*re.findall(r"\bGUID\b", text), *_GUID.findall(text), *short}:
            text = re.sub(rf"\b{found}\b", self._guid(found), text)
        return text

    def _dead_letter(self) -> int:
        """The number of a message that was given up: its receiver takes none."""
        self._stock()
        sent = self._json("-d hello -H 'Accept: application/json' localhost:8080/message/ticker")
        number: int = sent["numbers"][0]
        self._patient(lambda: self._json(f"localhost:8080/message/kept/{number}")["state"] == "dead")
        return number

    def _revisions(self, text: str) -> str:
        """A command with numbers of edits that there are: the first is an older one than the second."""
        history = [each["revision"] for each in self._json("localhost:8080/config/ticker/history")]
        older, newest = str(history[max(0, len(history) - 2)]), str(history[-1])
        text = re.sub(r"(?<=rollout/)\w+|(?<=rollout )\d+", newest, text)
        return re.sub(r"(?<=ticker )\d+\b", older, re.sub(r"(?<=ticker \d\d )\d+\b", newest, text))

    def _guid(self, printed: str) -> str:
        """The guid of a job that one on the page stands for: the newest that no other one does."""
        jobs: list[Any] = []

        def at_rest() -> bool:
            # A reader is slower than what they have asked for.
            jobs[:] = sorted(self._json("localhost:8080/job"), key=lambda job: (job["ready"], job["created"]))
            return not any(job["state"] in ("starting", "stopping", "backoff") for job in jobs)

        self._patient(at_rest)
        guids = [job["guid"] for job in jobs]
        if self._known.get(printed) not in guids:
            free = [guid for guid in guids if guid not in self._known.values()]
            self._known[printed] = (free or guids)[-1]
        return self._known[printed]


_REMEDY = """\
What to do: correct the page, or the program. Where the block cannot be run at all put this above it:
<!-- not run: REASON -->
How pages are run, and what else can be said above a block, is told in tests/e2e/pages.py."""
