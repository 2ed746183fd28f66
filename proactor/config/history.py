"""What was edited, section by section, and the way back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from attrs import define, evolve, field, frozen

from .document import Setting, Settings
from .layers import View


@frozen
class Entry:
    """One revision in a section's history.

    :param edited: each option's edit before and after.
    """

    revision: int
    time: datetime
    actor: str
    summary: str
    section: str
    edited: Mapping[str, tuple[Setting | None, Setting | None]]

    def shown(self, text: Callable[[str, Setting], str | None]) -> Entry:
        """The same, with the text of each option's setting as ``text`` gives it."""

        def each(option: str, setting: Setting | None) -> Setting | None:
            return None if setting is None else evolve(setting, text=text(option, setting))

        return evolve(
            self, edited={name: (each(name, old), each(name, new)) for name, (old, new) in self.edited.items()}
        )


@frozen
class Change:
    """What was taken: the processors whose section comes to something else now, with what it was."""

    revision: int
    summary: str
    before: Mapping[str, View]


@define
class History:
    """The entries of all sections, oldest first."""

    _entries: defaultdict[str, list[Entry]] = field(factory=lambda: defaultdict(list))

    def add(self, entry: Entry) -> None:
        """Remember what was edited."""
        self._entries[entry.section].append(entry)

    def forget(self, section: str) -> None:
        """A section is no more."""
        self._entries.pop(section, None)

    def of(self, section: str) -> Sequence[Entry]:
        """What was edited in a section."""
        return self._entries.get(section, ())

    def back_to(self, section: str, to: int, present: Settings) -> dict[str, str | None]:
        """The edit that makes a section's edits what they were at a revision.

        :param present: what they are.
        """
        patch: dict[str, str | None] = {}
        for entry in reversed(self.of(section)):
            if entry.revision <= to:
                break
            patch |= {option: None if old is None else old.text for option, (old, _) in entry.edited.items()}
        return {option: text for option, text in patch.items() if text is not None or option in present}

    def without(self, section: str, revision: int, present: Settings) -> dict[str, str | None] | None:
        """The edit that takes one revision's back, but for what was edited again since.

        :param present: what the section's edits are.
        :return: ``None`` where that revision is no edit of the section.
        """
        entry = next((each for each in self.of(section) if each.revision == revision), None)
        if entry is None:
            return None
        return {
            option: None if old is None else old.text
            for option, (old, new) in entry.edited.items()
            if present.get(option) == new
        }
