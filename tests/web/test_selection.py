from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import Refused
from proactor.web.selection import chosen, has_label, labels

from ..support.examples import examples
from ..support.rig import Rig

NAMES = ("role", "a", "A.b/c-d_e", "x" * 63)
VALUES = ("", "canary", "1.2.3", "eu-west:1@x/y", "v" * 63)


class LabelTests(SynchronousTestCase):
    """What a label may be."""

    def test_good(self) -> None:
        """Usual labels are taken as they are."""
        for name in NAMES:
            for value in VALUES:
                self.assertEqual(labels({name: value}), {name: value})

    def test_bad(self) -> None:
        """Others are refused, by name."""
        for name in ("", "-a", "a-", ".a", "a b", "a=b", "a:b", "\u00e9", "a\n", "x" * 64):
            self.assertRaises(Refused, labels, {name: ""})
        for value in ("a b", "a=b", "a,b", "\u00e9", "a\n", "v" * 64):
            error = self.assertRaises(Refused, labels, {"role": value})
            self.assertIn("labels.role: ", str(error))

    @examples(150)
    @given(name=st.text(max_size=8), value=st.text(max_size=8))
    def test_any(self, name: str, value: str) -> None:
        """What is taken can be chosen by, and breaks no line and no selector."""
        try:
            labels({name: value})
        except Refused as e:
            self.assertEqual(str(e).isprintable(), name.isprintable())
        else:
            self.assertTrue(name and (name + value).isprintable() and not set("=, ") & set(name + value))


class ChosenTests(SynchronousTestCase):
    """Who is meant by a selector."""

    def setUp(self) -> None:
        self.rig = Rig(self)
        self.plain, self.blue, self.green = self.rig.create_many(3)
        self.blue.labels = {"role": "canary", "zone": ""}
        self.green.labels = {"role": "prod"}

    def chosen(self, *selectors: str) -> list[str]:
        return chosen(self.rig.initiator, selectors)

    def test_guid(self) -> None:
        """A guid means that one."""
        self.assertEqual(self.chosen(self.green.guid), [self.green.guid])

    def test_label(self) -> None:
        """A label means all that have it, of a value if one is named, an empty one too."""
        self.assertEqual(self.chosen("label:role"), [self.blue.guid, self.green.guid])
        self.assertEqual(self.chosen("label:role=canary"), [self.blue.guid])
        self.assertEqual(self.chosen("label:zone="), [self.blue.guid])

    def test_several(self) -> None:
        """Of several selectors each adds its own, and nobody is there twice."""
        found = self.chosen(self.green.guid, "label:role", "label:role=canary")
        self.assertEqual(found, [self.green.guid, self.blue.guid])
        self.assertEqual(self.chosen(), [])

    def test_nobody(self) -> None:
        """A selector that means nobody is a mistake, and says what would be right."""
        form = "a guid, label:NAME or label:NAME=VALUE is right"
        for selector, why in {
            "": form,
            "label:": form,
            "label": form,
            "role": form,
            "label:rol": "none has that label",
            "label:role=": "none has that label",
            "0" * 32: "none has that guid",
            "guid:x": form,
            self.blue.guid[:-1]: form,
        }.items():
            error = self.assertRaises(Refused, self.chosen, selector)
            self.assertIn(f"{selector!r} means no processor: {why}", str(error))

    def test_has_label(self) -> None:
        """A value is compared only where one is named."""
        for label, expected in {"role": True, "role=canary": True, "role=": False, "role=x": False, "": False}.items():
            self.assertEqual(has_label(self.blue, label), expected, label)
