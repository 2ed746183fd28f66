"""The words for what goes wrong."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from proactor import errors
from proactor.errors import (
    ConfigError,
    InsufficientScope,
    NotFound,
    NotReady,
    Overtaken,
    ProactorError,
    Refused,
    Rejected,
    TooManyAttempts,
    Unauthenticated,
    Unavailable,
    UsedUp,
)

#: Of those that take more than what is wrong.
ARGUMENTS: dict[type[Exception], tuple[str | int, ...]] = {
    NotReady: ("what is wrong", "/job/x"),
    InsufficientScope: ("what is wrong", "read"),
    Rejected: ("", "what is wrong"),
    TooManyAttempts: ("what is wrong", 1),
    NotFound: ("what is wrong", "jobs"),
    Overtaken: ("what is wrong", "my.module"),
    UsedUp: ("what is wrong", 2),
}


class ErrorTests(SynchronousTestCase):
    """Every error is fit for people."""

    def test_one_tree(self) -> None:
        """Who catches ours catches all of them, and their text is what was said."""
        kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
        self.assertIn(ConfigError, kinds)
        for kind in kinds:
            self.assertTrue(issubclass(kind, ProactorError))
            self.assertEqual(str(kind(*ARGUMENTS.get(kind, ("what is wrong",)))), "what is wrong")

    def test_what_they_carry(self) -> None:
        """Beside the text, what an answer needs."""
        self.assertEqual(Unauthenticated("no").reason, "")
        self.assertEqual(Unauthenticated("no", "invalid_token").reason, "invalid_token")
        self.assertEqual((Unavailable("later").retry_after, Unavailable("later", 30).retry_after), (5, 30))

    def test_rejected(self) -> None:
        """A rejection names the option, where it is one's fault."""
        rejected = Rejected("rate", "must be > 0")
        self.assertEqual(
            (str(rejected), rejected.option, rejected.reason), ("rate: must be > 0", "rate", "must be > 0")
        )
        self.assertEqual(str(Rejected("", "the disk is full")), "the disk is full")


class ConfigErrorTests(SynchronousTestCase):
    """A place of the configuration."""

    def test_whole(self) -> None:
        """File, line, section, option, value, and what would be right."""
        error = ConfigError("must be > 0", source="a.cfg", line=3, section="m", option="rate", value="-1")
        self.assertEqual(str(error), "a.cfg:3 [m] rate = -1: must be > 0")
        self.assertIsInstance(error, Refused)

    def test_parts(self) -> None:
        """What is not known is left out."""
        for text, error in [
            ("wrong", ConfigError("wrong")),
            ("a.cfg: wrong", ConfigError("wrong", source="a.cfg")),
            ("a.cfg [m]: wrong", ConfigError("wrong", source="a.cfg", section="m")),
            ("[m] rate: wrong", ConfigError("wrong", section="m", option="rate")),
            ("[m] rate = : wrong", ConfigError("wrong", section="m", option="rate", value="")),
        ]:
            self.assertEqual(str(error), text)

    def test_one_line(self) -> None:
        """A value of several lines, or a very long one, makes no more than a line."""
        error = ConfigError("wrong", option="x", value="a\n\nb")
        self.assertEqual((str(error), error.value), ("x = a\\n\\nb: wrong", "a\n\nb"))
        text = str(ConfigError("wrong", option="x", value="0" * 5000))
        self.assertEqual(text, f"x = {'0' * 100}...: wrong")
