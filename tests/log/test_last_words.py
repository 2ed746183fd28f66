"""Tests of finding what a process said of its end."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from proactor.log.last_words import last_words, told

INFO = "2026-11-29 07:08:04,697 INFO   |3524|proactor.processor|Stopping"
SERVING = "2026-11-29 07:08:04,097 INFO   |3524|proactor.processor|Serving on 127.0.0.1:8000"
WARNING = "2026-11-29 07:08:04,098 WARNING|3524|worker|The disk is full"
ERROR = "2026-11-29 07:08:04,099 ERROR  |3524|proactor.processor|Cannot start"
BELOW = (
    "  Traceback (most recent call last):",
    '    File "badstart.py", line 6, in started',
    '      raise RuntimeError("db down")',
    "  builtins.RuntimeError: db down",
)
PYTHON = (
    "Traceback (most recent call last):",
    '  File "x.py", line 1, in <module>',
    "    f(",
    "SyntaxError: never closed",
)


SYNTAX = (
    "Traceback (most recent call last):",
    '  File "<frozen runpy>", line 189, in _run_module_as_main',
    '  File "/srv/fleet/worker.py", line 3',
    "    def f(:",
    "          ^",
    "SyntaxError: invalid syntax",
)


class LastWordsTests(SynchronousTestCase):
    """The line that is most likely the cause of an end."""

    def said(self, *lines: str) -> str:
        return last_words(1, "exited with status 1; started again 5 times, that is enough", lines)

    def test_own_log(self) -> None:
        """Of our own format it is the last warning or worse, without its stamp; what is no trouble tells nothing."""
        for lines, words in (
            ((SERVING, WARNING, INFO), "The disk is full"),
            ((WARNING, ERROR, INFO), "Cannot start"),
            ((SERVING, INFO), ""),
            ((SERVING, "a line past the log", INFO), ""),
        ):
            self.assertEqual(self.said(*lines), words)

    def test_traceback(self) -> None:
        """Of a traceback it is the error, also where only its end is kept, and where an error has no text."""
        for lines, words in (
            ((SERVING, ERROR, *BELOW, INFO), "RuntimeError: db down"),
            ((*BELOW[2:], INFO), "RuntimeError: db down"),
            ((SERVING, *PYTHON, INFO), "SyntaxError: never closed"),
            ((ERROR, *BELOW[:3], "  my.module.Broken", INFO), "my.module.Broken"),
            ((ERROR, *BELOW[:3], "  builtins.ValueError: two", "  lines: of text", INFO), "ValueError: two"),
        ):
            self.assertEqual(self.said(*lines), words)

    def test_syntax(self) -> None:
        """Of an error in the source it is said where that is: in the last traceback that there is."""
        earlier = tuple(line.replace("worker.py", "other.py") for line in SYNTAX)
        tab = (*SYNTAX[:-1], "TabError: inconsistent use of tabs and spaces in indentation")
        ours = (ERROR, *(f"  {line}" for line in SYNTAX[:-1]), f"  builtins.{SYNTAX[-1]}", INFO)
        where = " (/srv/fleet/worker.py, line 3)"
        for lines, words in (
            (SYNTAX, f"SyntaxError: invalid syntax{where}"),
            ((*SYNTAX, ""), f"SyntaxError: invalid syntax{where}"),
            ((SERVING, WARNING, *SYNTAX), f"SyntaxError: invalid syntax{where}"),
            ((*earlier, *SYNTAX), f"SyntaxError: invalid syntax{where}"),
            (tab, f"TabError: inconsistent use of tabs and spaces in indentation{where}"),
            (ours, f"SyntaxError: invalid syntax{where}"),
            (SYNTAX[-1:], "SyntaxError: invalid syntax"),
            (
                (*SYNTAX[:-1], "SyntaxError: invalid syntax (x.py, line 9)"),
                "SyntaxError: invalid syntax (x.py, line 9)",
            ),
            ((*SYNTAX[:-1], "SyntaxErrors: 3"), "SyntaxErrors: 3"),
        ):
            self.assertEqual(self.said(*lines), words)

    def test_told(self) -> None:
        """In short it is how it ended, and why; where it ended well, that it was started again often enough."""
        budget = "started again 2 times within 300 s, that is enough"
        for code, reason, lines, words in (
            (1, f"exited with status 1; {budget}", (SERVING, WARNING), "exited with status 1: The disk is full"),
            (1, f"exited with status 1; {budget}", (), "exited with status 1"),
            (None, f"ended by SIGKILL; {budget}", (WARNING,), "ended by SIGKILL"),
            (0, f"exited with status 0; {budget}", (WARNING,), f"exited with status 0; {budget}"),
            (0, "exited with status 0", (WARNING,), "exited with status 0"),
        ):
            self.assertEqual(told(code, reason, lines), words)

    def test_foreign(self) -> None:
        """Of any other program it is the last line as it is, and of ours what it wrote past its log at the very end."""
        for lines, words in (
            (
                ("sleep: invalid option", "Try 'sleep --help' for more information.", " "),
                "Try 'sleep --help' for more information.",
            ),
            ((*PYTHON, ""), "SyntaxError: never closed"),
            ((SERVING, "worker: option rate: must be > 0"), "worker: option rate: must be > 0"),
            ((), ""),
        ):
            self.assertEqual(self.said(*lines), words)

    def test_nothing_to_say(self) -> None:
        """Who ended well, or was made to end, said nothing of why."""
        for code, reason in (
            (0, "exited with status 0"),
            (None, "ended by SIGKILL"),
            (None, "could not be started: port 53101 cannot be had"),
            (1, "not ready within 10 s; exited with status 1"),
        ):
            self.assertEqual(last_words(code, reason, (ERROR,)), "")
