"""What keeps an initiator from starting is said in one line that names the place and the remedy."""

from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path

from attrs import frozen
from twisted.internet.defer import Deferred, gatherResults

from .case import Case
from .support import GUID, Initiator, configuration

OTHER = "1f0c4f1e5a0d4c0f9a3e7b2d6c8e9a10"


@frozen
class Wrong:
    """A file that is wrong.

    :param says: what is said of it; ``FILE`` stands for its name.
    """

    text: str | bytes
    says: str
    arguments: tuple[str, ...] = ()


FILES = (
    Wrong(f"[{GUID}]\nlisten_port = lots\n", f"FILE:2 [{GUID}] listen_port = lots: 'lots' is not a whole number"),
    Wrong(f"[{GUID}]\n", f"FILE: no section [{OTHER}] for --guid; guid sections are: {GUID}", ("--guid", OTHER)),
    Wrong(f"[{GUID}]\n\n[{OTHER}]\n", f"say which is the initiator's with --guid: {GUID}, {OTHER}"),
    Wrong(f"[my.module]\n\n[{GUID}]\n\n[my.module]\n", "FILE:5 [my.module]: this section stands in the file already"),
    Wrong(
        f"[{GUID}]\nlisten_port = ${{my.module:port}}\n",
        f"FILE:2 [{GUID}] listen_port = ${{my.module:port}}: ${{my.module:port}} refers to nothing: ",
    ),
    Wrong(
        f"[{GUID}]\nname = \xe9\n".encode("latin-1"),
        "FILE:2: byte 0xe9 is not UTF-8: save the file in that encoding",
    ),
)


class WrongStartTests(Case):
    """Each of these ends with status 1, without a traceback, and leaves nothing behind."""

    async def run_twistd(self, folder: Path, *arguments: str) -> str:
        """Start, see it end with status 1; what it printed last."""
        initiator = Initiator(folder, *arguments)
        self.addCleanup(initiator.end)
        status = await initiator.ended()
        said = initiator.console.text()
        self.assertEqual(status, 1, said)
        self.assertNotIn("Traceback", said)
        return said.strip().rpartition("\n")[2]

    async def complaint(self, wrong: Wrong) -> str:
        """Start with a wrong file; what is wrong with what was said of it, if anything."""
        folder = self.folder()
        path = folder / "wrong.cfg"
        path.write_bytes(wrong.text if isinstance(wrong.text, bytes) else wrong.text.encode())
        said = await self.run_twistd(folder, "--config", "wrong.cfg", *wrong.arguments)
        left = {each.name for each in folder.iterdir()} - {"console", "wrong.cfg"}
        is_said = wrong.says.replace("FILE", str(path)) in said
        return "" if is_said and not left else f"{wrong.says!r} is not in {said!r}, or these are left: {left}"

    async def test_files(self) -> None:
        """A wrong file is refused before anything is opened: by file, line, section, option, value and remedy."""
        starts = [Deferred.fromCoroutine(self.complaint(wrong)) for wrong in FILES]
        complaints = await gatherResults(starts, consumeErrors=True)
        self.assertEqual([each for each in complaints if each], [])

    async def test_no_file(self) -> None:
        """A file that is not there is named."""
        folder = self.folder()
        said = await self.run_twistd(folder, "--config", "nowhere.cfg")
        self.assertIn(f"{folder / 'nowhere.cfg'}: cannot be read: No such file or directory", said)

    async def test_usage(self) -> None:
        """An option that there is not, or a format, is an error of usage."""
        self.assertIn("option --nonsense not recognized", await self.run_twistd(self.folder(), "--nonsense"))
        said = await self.run_twistd(self.folder(), "--log-format", "xml")
        self.assertIn("--log-format: must be text or json", said)

    async def test_port_in_use(self) -> None:
        """A port that another program listens at is named, and what to do."""
        folder = self.folder()
        with closing(socket.create_server(("127.0.0.1", 0))) as other:
            port = other.getsockname()[1]
            (folder / "proactor.cfg").write_text(f"[{GUID}]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n")
            said = await self.run_twistd(folder)
        self.assertIn(f"proactor: cannot listen at 127.0.0.1:{port}: Address already in use; choose other", said)

    async def test_home_in_use(self) -> None:
        """A second initiator on the same home is refused; the first goes on."""
        first = await self.start(configuration())
        folder = self.folder()
        (folder / "proactor.cfg").write_text(configuration())
        said = await self.run_twistd(folder, "--home", str(first.home))
        self.assertIn(f"{first.home}: an initiator with pid {first.pid} uses it", said)
        self.assertEqual((await self.http("GET", f"{first.url}/readyz")).status, 200)
