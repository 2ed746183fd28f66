"""Tests of ``proactor check``: what does not hold, and what is doubtful."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from .support import typed

OWN = "[8d740c16d9b8419aa7417f7da6deb039]\nlisten_port = 1\n"


class CheckTests(SynchronousTestCase):
    """Whether a file holds."""

    def saved(self, text: str) -> str:
        path = Path(self.mktemp()).absolute()
        path.write_text(text)
        return str(path)

    def test_holds(self) -> None:
        """What it says is told in short; a module that is not there is warned of."""
        path = self.saved(
            "[not.there]\n\n[site]\ncommand = true\n\n[8d740c16d9b8419aa7417f7da6deb039]\nlisten_port = 1\n"
        )
        found = typed("check", path)
        self.assertEqual(found.code, 0)
        self.assertRegex(
            found.out, r"holds\.\n  guid +8d7.*\n  listens  0\.0\.0\.0:1\n  modules  not\.there, site\n  command  "
        )
        self.assertIn(
            f"warning: {path}:1 [not.there]: there is no module not in {os.getcwd()}, nor installed\n", found.err
        )

    def test_no_file(self) -> None:
        """Where no file is named, and none is in this folder, none is checked: not the package's own either."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder)
        found = typed("check")
        self.assertEqual((found.code, found.out), (1, ""))
        self.assertIn(f"there is no proactor.cfg in {folder}\n  name the file: proactor check FILE\n", found.err)
        (folder / "proactor.cfg").write_text(OWN)
        self.assertIn(f"{folder / 'proactor.cfg'} holds.\n", typed("check").out)

    def test_commands(self) -> None:
        """Of each command it is told what will be run, and whether arguments are put behind it."""
        path = self.saved(
            f"[a]\ncommand = sleep ${{time}}\ntime = 1 000\n[b]\ncommand =\n  {{python}}\n  a b\n  {{port}}\n{OWN}"
        )
        behind = "--guid GUID --port PORT --fd N"
        told = "(--guid, --port and --fd are put behind it: it has none of {guid}, {port}, {fd})"
        found = typed("check", path)
        self.assertIn(f"\n  command  [a] sleep 1 000 {behind}  {told}\n  command  [b] PYTHON 'a b' PORT\n", found.out)
        self.assertEqual(
            typed("check", path, "--json").json["commands"],
            {
                "a": {"argv": ["sleep", "1", "000", *behind.split()], "appended": True},
                "b": {"argv": ["PYTHON", "a b", "PORT"], "appended": False},
            },
        )

    def test_secret_in_a_command(self) -> None:
        """A secret would be seen by everybody on the machine: it is refused, and not shown."""
        found = typed("check", self.saved(f"[a]\npin_key = hush\ncommand = sleep ${{pin_key}}\n{OWN}"))
        self.assertEqual((found.code, found.out), (1, ""))
        self.assertIn("a secret is in it, and no secret is in arguments; have the program read it", found.err)
        self.assertNotIn("hush", found.err)

    def test_no_commands(self) -> None:
        """Where all sections are modules there is none."""
        self.assertEqual(typed("check", self.saved(OWN), "--json").json["commands"], {})

    def test_tls(self) -> None:
        """A certificate that the initiator would not start with does not hold."""
        missing = Path(self.mktemp()).absolute()
        path = self.saved(
            "[8d740c16d9b8419aa7417f7da6deb039]\nlisten_port = 1\nlisten_scheme = https\n"
            f"tls_certificate = {missing}\ntls_key = {missing}\n"
        )
        found = typed("check", path)
        self.assertEqual((found.code, found.out), (1, ""))
        self.assertIn(f"tls_certificate {missing}: ", found.err)

    def test_wrong(self) -> None:
        """What is wrong is told with its place, for people and for programs; the exit code is 1."""
        path = self.saved("[worker]\nstop_timeout = x\n\n[8d740c16d9b8419aa7417f7da6deb039]\n")
        found = typed("check", path)
        self.assertEqual((found.code, found.out), (1, ""))
        self.assertIn(f"proactor: {path}:2 [worker] stop_timeout = x: 'x' is not a number", found.err)
        error = typed("check", path, "--json").error
        self.assertEqual((error["line"], error["section"], error["option"]), (2, "worker", "stop_timeout"))

    def test_guid(self) -> None:
        """Of several sections that it could be, one has to be chosen."""
        path = self.saved(f"[{'0' * 32}]\n[{'1' * 32}]\n")
        self.assertIn("0" * 32, typed("check", path).err)
        self.assertEqual(typed("check", path, "--guid", "1" * 32, "--json").json["guid"], "1" * 32)

    def test_standard_input(self) -> None:
        """It may come from standard input; and it may not be there."""
        self.assertEqual(typed("check", "-", "--json", stdin=f"[{'0' * 32}]\n").json["file"], "standard input")
        self.assertIn("cannot be read", typed("check", "/nowhere/proactor.cfg").err)


class DoubtTests(SynchronousTestCase):
    """What holds, and is most likely not what is meant."""

    def warnings(self, sections: str, *options: str) -> list[str]:
        """What is warned of, without the file's name."""
        self.path = Path(self.mktemp()).absolute()
        self.path.write_text(f"{sections}\n{OWN}")
        found = typed("check", str(self.path), "--json", *options)
        self.assertEqual(found.code, 1 if options and found.json["warnings"] else 0, found)
        return [warning.removeprefix(str(self.path)) for warning in found.json["warnings"]]

    def test_misspelt(self) -> None:
        """An option that is nearly called like one there is; one of a processor's own is none."""
        found = self.warnings(
            "[DEFAULT]\nmaxjobs = 3\n\n[proactor.initiator]\ntoken_tll = 60\n\n"
            "[proactor.processor]\nready_timout = 5\nrate = 1\nlabel = x\nenv.path = /bin\n"
        )
        self.assertEqual(
            found,
            [
                ":2 [DEFAULT] maxjobs: is max_jobs meant?",
                ":5 [proactor.initiator] token_tll: is token_ttl meant?",
                ":8 [proactor.processor] ready_timout: is ready_timeout meant?",
                ":10 [proactor.processor] label: is labels meant?",
            ],
        )

    def test_misspelt_sections(self) -> None:
        """A section that is nearly called like one of the initiator's own."""
        found = self.warnings("[proactor.intiator]\n[default]\n[proactor.processr]\n[proactor.processor]\n")
        told = [each for each in found if each.endswith("meant?")]
        self.assertEqual(
            told,
            [
                ":1 [proactor.intiator]: is proactor.initiator meant?",
                ":2 [default]: is DEFAULT meant?",
                ":3 [proactor.processr]: is proactor.processor meant?",
            ],
        )

    def test_set_by_the_initiator(self) -> None:
        """What each processor is told by the initiator is not read in the section of a module."""
        problem = "is not read here: the initiator sets it for each processor"
        self.assertEqual(
            self.warnings("[site]\ncommand = true\nguid = 1\nlisten_port = 5\nparent_url = x\n"),
            [f":3 [site] guid: {problem}", f":4 [site] listen_port: {problem}", f":5 [site] parent_url: {problem}"],
        )

    def test_nobody_let_in(self) -> None:
        """A module that there is not is nobody who could call; labels and guids come later."""
        good = f"allow_from = worker proactor.processor {'0' * 32} label:role=x\nallow_scopes = a@worker b@* c\n"
        worker = "[worker]\ncommand = true\n"
        self.assertEqual(self.warnings(f"{worker}{good}"), [])
        self.assertEqual(
            self.warnings(f"[DEFAULT]\nwho = wrker\n{worker}allow_from = ${{who}}, none\nallow_scopes = a@cook\n"),
            [
                ":5 [worker] allow_from: no section declares the module wrker; is worker meant?",
                ":6 [worker] allow_scopes: no section declares the module cook; declared are: worker",
            ],
        )

    def test_address(self) -> None:
        """A name to listen at that is not known here is doubtful; what is no address does not hold."""
        (found,) = self.warnings("[proactor.initiator]\nlisten_addr = nowhere.invalid\n")
        self.assertIn(": listen_addr = nowhere.invalid: ", found)
        for good in ("localhost", "::1", "0.0.0.0"):
            self.assertEqual(self.warnings(f"[proactor.initiator]\nlisten_addr = {good}\n"), [])
        for wrong in ("300.1.1.1", "127.0.0", "::1::2"):
            self.path.write_text(f"{OWN}listen_addr = {wrong}\n")
            found_ = typed("check", str(self.path))
            self.assertEqual(found_.code, 1)
            self.assertIn(f":3 [8d740c16d9b8419aa7417f7da6deb039] listen_addr = {wrong}: is no IP address", found_.err)

    def test_unread(self) -> None:
        """A section that nobody reads; one that is referred to is read."""
        found = self.warnings(
            "[my worker]\nrate = 1\n\n[the shared]\nrate = 1\n\n[proactor.processor]\nrate = ${the shared:rate}\n"
        )
        self.assertEqual(len(found), 1)
        self.assertIn(":1 [my worker]: nobody reads this section", found[0])

    def test_instances(self) -> None:
        """More are to be kept running than there can be; or it stands where it is not read."""
        found = self.warnings(
            "[DEFAULT]\ninstances = 2\nmax_jobs = 5\n[proactor.processor]\ninstances = 3\n"
            "[site]\ncommand = true\ninstances = 3\n"
        )
        self.assertEqual(
            found,
            [
                ":2 [DEFAULT] instances: is read of the sections of modules alone",
                ":8 [site] instances = 3: with it 6 are to be kept running, and there can be 5, which is max_jobs",
            ],
        )

    def test_programs(self) -> None:
        """Programs that are not there, or are none; nothing is run."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        (folder / "plain").write_text("#!/bin/sh\n")
        for command, problem in (
            ("no-such-program --x", "there is no program no-such-program in PATH"),
            (f"{folder}/gone", f"there is no program {folder}/gone"),
            (f"{folder}/plain", f"{folder}/plain is not executable: chmod +x"),
            (f"{folder}", f"{folder} is not executable"),
        ):
            (found,) = self.warnings(f"[site]\ncommand = {command}\n")
            self.assertIn(f":2 [site] command: {problem}", found)
        (folder / "plain").chmod(0o755)
        self.assertEqual(self.warnings(f"[site]\ncommand = ./plain\nworking_folder = {folder}\n"), [])
        self.assertEqual(self.warnings("[site]\ncommand = {python} -V\n[other]\ncommand = sh -c true\n"), [])

    def test_modules(self) -> None:
        """Modules that are not found are told, the part that is not, and what may be meant; none is imported."""
        folder = Path(self.mktemp()).absolute()
        (folder / "pack").mkdir(parents=True)
        for name in ("pack/__init__.py", "pack/there.py", "clockwork.py"):
            (folder / name).write_text("raise SystemExit('this was imported')\n")
        for section, problem in (
            ("clockwrk", f"there is no module clockwrk in {folder}, nor installed; is clockwork meant?"),
            ("pack.gone", "there is no module pack.gone in the package pack"),
            ("pack.there.more", "there is no module pack.there.more in the package pack.there"),
            ("pack", "pack is a package without a module __main__, which is what would be run"),
        ):
            found = self.warnings(f"[{section}]\nworking_folder = {folder}\n")
            self.assertEqual(found, [f":1 [{section}]: {problem}"])
        well = (
            f"[pack.there]\nworking_folder = {folder}\n[clockwork]\nworking_folder = {folder}\n[proactor.processor]\n"
        )
        self.assertEqual(self.warnings(well), [])
        elsewhere = f"[{{}}]\nworking_folder = {folder.parent}\nenv.pythonpath = /nowhere:{folder.name}\n"
        self.assertEqual(self.warnings(elsewhere.format("pack.there")), [])
        (problem,) = self.warnings(elsewhere.format("gone"))
        self.assertIn(f"there is no module gone in {folder.parent} or /nowhere or {folder}, nor installed", problem)
        self.assertNotIn("clockwork", sys.modules)

    def test_strict(self) -> None:
        """With --strict what is doubtful is a failure, and what is not is none."""
        self.assertEqual(len(self.warnings("[my worker]\n", "--strict")), 1)
        self.assertEqual(self.warnings("[proactor.processor]\n", "--strict"), [])
