"""Who may call whom."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from proactor.tokens.allowed import FROM, SCOPES, allows, is_scope, may_have

GUID = "a" * 32
LABELS = {"tier": "web", "flag": ""}


class ListTests(SynchronousTestCase):
    """What the words of the lists let pass."""

    def test_who(self) -> None:
        """By guid, module and label; by nothing else."""
        for word, passes in {
            "*": True,
            "none": False,
            GUID: True,
            "b" * 32: False,
            "my.module": True,
            "my": False,
            "label:tier": True,
            "label:tier=web": True,
            "label:tier=": False,
            "label:flag=": True,
            "label:other": False,
            "label:tier=we": False,
        }.items():
            self.assertIsNotNone(FROM.fullmatch(word), word)
            self.assertEqual(allows([word], GUID, "my.module", LABELS), passes, word)
        self.assertFalse(allows([], GUID, "my.module", LABELS))
        self.assertTrue(allows(["none", "my.module"], GUID, "my.module", LABELS))
        self.assertFalse(allows(["none"], GUID, "none", {}))

    def test_scopes(self) -> None:
        """By glob, and by who."""
        for word, passes in {
            "*": True,
            "picture:*": True,
            "picture:write": True,
            "picture:read": False,
            "picture:*@my.module": True,
            "picture:*@other": False,
            "*@label:tier=web": True,
            "*@none": False,
        }.items():
            self.assertIsNotNone(SCOPES.fullmatch(word), word)
            self.assertEqual(may_have([word], "picture:write", GUID, "my.module", LABELS), passes, word)

    def test_forms(self) -> None:
        """What is of no form is no word."""
        for word in ("", "label:", "label:=x", "a b", "!", "-x", "a/b"):
            self.assertIsNone(FROM.fullmatch(word), word)
        for word in ("", "@a", "a@", "a@b@c", "a b", 'a"'):
            self.assertIsNone(SCOPES.fullmatch(word), word)
        for text, is_one in {
            "a": True,
            "picture:write": True,
            "*": False,
            "a b": False,
            "a@b": False,
            "": False,
        }.items():
            self.assertEqual(is_scope(text), is_one, text)
