"""The configuration as an earlier initiator left it, made again of what was saved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from attrs import evolve, field, frozen

from ..options import SECRET_GLOBS
from ..saved import SavedEdit, SavedRevision
from .document import Document, Setting, Settings
from .grammar import DEFAULT
from .history import Entry, History
from .layers import Layers, Member, View
from .live import LiveConfiguration


@frozen
class Remembered:
    """What was saved of a configuration.

    :param document: the file as it was when it was last seen to hold.
    :param edits: over it: section, option, text and the revision that set it.
    :param history: the revisions that edited something, oldest first.
    :param sections: the revisions at which sections of the file changed last.
    """

    document: Document
    revision: int
    edits: Mapping[str, Mapping[str, tuple[str, int]]]
    members: Sequence[Member]
    history: Iterable[SavedRevision] = ()
    sections: Mapping[str, int] = field(factory=dict)
    secret_globs: tuple[str, ...] = SECRET_GLOBS


def restored(saved: Remembered) -> LiveConfiguration:
    """The live configuration as it was.

    A processor's revision is that of the last change of any section that it reads, which may be one that came to
    nothing for it; then it fetches once what it has.

    :raises ConfigError: for the first option that does not resolve any more.
    """
    members = {member.guid: member for member in saved.members}
    edits: dict[str, Settings] = {
        section: {option: _setting(*each) for option, each in edited.items()} for section, edited in saved.edits.items()
    }
    layers = Layers(saved.document, edits, members, saved.secret_globs)
    for section in [DEFAULT, *saved.document.sections]:
        layers.check_section(section)
    history, revisions = _history(saved)
    live = LiveConfiguration(layers, saved.revision, members, edits, history=history, section_revisions=revisions)
    live.restore(_views(layers, revisions))
    return live


def settings_of(edited: Mapping[str, tuple[str, int]]) -> Settings:
    """The edits of one section, each of a text and the revision that set it."""
    return {option: _setting(*each) for option, each in edited.items()}


def _setting(text: str, revision: int) -> Setting:
    return Setting(text, f"edit {revision}", revision=revision)


def _history(saved: Remembered) -> tuple[History, dict[str, int]]:
    history, revisions = History(), dict(saved.sections)
    for revision in saved.history:
        by_section: dict[str, dict[str, tuple[Setting | None, Setting | None]]] = {}
        for edit in revision.edits:
            by_section.setdefault(edit.section, {})[edit.option] = (_side(edit.before), _side(edit.after))
        for section, edited in by_section.items():
            history.add(Entry(revision.revision, revision.time, revision.actor, revision.summary, section, edited))
            revisions[section] = max(revision.revision, revisions.get(section, 1))
    return history, revisions


def _side(saved: tuple[str, int] | None) -> Setting | None:
    return None if saved is None else _setting(*saved)


def _views(layers: Layers, revisions: Mapping[str, int]) -> dict[str, View]:
    """What each processor's section comes to; those who come to the same have the same."""
    views: dict[str, View] = {}
    shared: dict[str, View] = {}
    for guid, member in layers.members.items():
        plain = layers.is_plain(guid)
        view = shared.get(member.module) if plain else None
        if view is None:
            view = layers.view(guid, 1)
            view = evolve(view, revision=max(revisions.get(section, 1) for section in view.sections))
            if view.shared:
                shared[member.module] = view
        views[guid] = view
    return views


def saved_edits(edited: Mapping[str, Mapping[str, tuple[Setting | None, Setting | None]]]) -> list[SavedEdit]:
    """A draft's edits as they are saved."""

    def side(setting: Setting | None) -> tuple[str, int] | None:
        return None if setting is None else (setting.text or "", setting.revision or 0)

    return [
        SavedEdit(section, option, side(old), side(new))
        for section, options in edited.items()
        for option, (old, new) in options.items()
    ]
