"""The configuration as it changes: one number that grows by one at each accepted change, and what each has read.

Every change goes by two phases, ``draft`` (resolve and check it for all that it touches) and ``commit`` (take it). One
draft is open at a time; who uses this sees to that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import define, evolve, field

from ..errors import NotFound, Overtaken
from ..options import SECRET_GLOBS
from . import draft as drafts
from .document import Document, Setting
from .draft import Draft
from .grammar import DEFAULT, REDACTED
from .history import Change, Entry, History
from .layers import Layers, Member, View
from .views import Views

__all__ = ["Change", "Entry", "LiveConfiguration"]


@define
class LiveConfiguration:
    """Owner of the present state."""

    layers: Layers
    revision: int
    _members: dict[str, Member]
    _edits: dict[str, Mapping[str, Setting]]
    _views: Views = field(factory=Views)
    _history: History = field(factory=History)
    _section_revisions: dict[str, int] = field(factory=dict)
    #: Names of options that a processor declared secret: they are secret everywhere.
    _hidden: dict[str, None] = field(factory=dict)

    @classmethod
    def begin(cls, document: Document, secret_globs: tuple[str, ...] = SECRET_GLOBS) -> LiveConfiguration:
        """Revision 1: a file as it was read.

        :raises ConfigError: for the first option that does not resolve.
        """
        members: dict[str, Member] = {}
        edits: dict[str, Mapping[str, Setting]] = {}
        layers = Layers(document, edits, members, secret_globs)
        for section in [DEFAULT, *document.sections]:
            layers.check_section(section)
        return cls(layers, 1, members, edits)

    def restore(self, views: Mapping[str, View]) -> None:
        """Take what the members' sections come to, as an earlier initiator left it."""
        for guid, view in views.items():
            self._views.put(guid, view)

    def hold_back(self, section: str, revision: int, running: Mapping[str, int]) -> None:
        """Keep processors at what they had before one edit of a section, as a rollout that goes on does.

        :param running: the revision that each of them runs.
        """
        patch = self._history.without(section, revision, self._edits.get(section, {})) or {}
        before = {name: each for name, each in self._edits.get(section, {}).items() if name not in patch}
        before |= {name: Setting(text, "earlier") for name, text in patch.items() if text is not None}
        layers = evolve(self.layers, edits={**self._edits, section: before})
        for guid, runs in running.items():
            self._views.hold(guid, layers.view(guid, runs))

    # What is asked of it.

    def members(self) -> Collection[str]:
        """The guids of all processors."""
        return self._members.keys()

    def member(self, guid: str) -> Member:
        """A processor's place.

        :raises NotFound: there is none of that guid.
        """
        try:
            return self._members[guid]
        except KeyError:
            raise NotFound(f"there is no processor {guid[:64]}", "jobs") from None

    def members_of(self, section: str) -> Collection[str]:
        """The guids whose configuration reads a section."""
        if section == DEFAULT:
            return self._members.keys()
        readers = self._views.readers(section)
        return {section: None, **dict.fromkeys(readers)}.keys() if section in self._members else readers

    def members_of_module(self, section: str) -> list[str]:
        """The guids of a module's processors."""
        return [guid for guid in self._views.readers(section) if self._members[guid].module == section]

    def view(self, guid: str) -> View:
        """What a processor is to have now: while it is held, what it had before."""
        self.member(guid)
        return self._views.of(guid)

    def wanted(self, guid: str) -> int:
        """The revision that a processor will have come to when no rollout holds it any more."""
        return max(self.member(guid).created, self._views.wanted(guid).revision)

    def offered(self, guid: str) -> int:
        """The revision that a processor is to have now: the last that changed what its section comes to."""
        return max(self.view(guid).revision, self.member(guid).created)

    def section_revision(self, section: str) -> int:
        """The revision that last changed a section; a processor's, what it resolves to."""
        if section in self._members:
            return self.wanted(section)
        return self._section_revisions.get(section, 1)

    def file_revisions(self, draft: Draft) -> dict[str, int]:
        """The revisions at which the sections of a draft's file will have changed last, those of 1 left out."""
        revisions = {**self._section_revisions, **dict.fromkeys(draft.sections, draft.revision)}
        return {
            name: each for name, each in revisions.items() if name == DEFAULT or name in draft.layers.document.sections
        }

    def section(self, name: str) -> dict[str, str | None]:
        """A section as written, edits over file, references and all; secrets redacted.

        :raises NotFound: there is no such section.
        """
        if not self.layers.exists(name):
            raise drafts.no_section(self.layers, name)
        return {option: self._redacted(option, each) for option, each in self.layers.written_options(name).items()}

    def under_edits(self, name: str) -> dict[str, str | None]:
        """Of the options of a section that are edited, what the file says; secrets redacted."""
        settings = {option: self.layers.document.option(name, option) for option in self.layers.edits.get(name, {})}
        return {option: None if each is None else self._redacted(option, each) for option, each in settings.items()}

    def section_names(self) -> list[str]:
        """All sections, DEFAULT first, then the file's, then those of processors."""
        return list(dict.fromkeys([DEFAULT, *self.layers.document.sections, *self._members]))

    def _redacted(self, option: str, setting: Setting) -> str | None:
        return REDACTED if self.layers.is_secret(option) and setting.text else setting.text

    def history(self, section: str) -> list[Entry]:
        """The revisions that edited a section, oldest first, secrets redacted.

        :raises NotFound: there is no such section.
        """
        if not self.layers.exists(section):
            raise drafts.no_section(self.layers, section)
        return [entry.shown(self._redacted) for entry in self._history.of(section)]

    # Changes.

    def draft_edit(self, section: str, patch: drafts.Patch, if_match: int | None = None) -> Draft:
        """An edit of one section.

        :param if_match: a revision at or after which the section must not have changed.
        :raises Overtaken: it has.
        """
        self._check_match(section, if_match)
        return drafts.edit(self.layers, self.revision, section, patch)

    def _check_match(self, section: str, if_match: int | None) -> None:
        present = self.section_revision(section)
        if if_match is not None and not present <= if_match <= self.revision:
            raise Overtaken(f"[{section}] is at revision {present}, not {if_match}: read it again", section)

    def draft_rollback(self, section: str, to: int, if_match: int | None = None) -> Draft:
        """The edits of a section as they were at a revision. What stands in the file is the file's.

        :param if_match: a revision at or after which the section must not have changed.
        :raises Overtaken: it has.
        :raises NotFound: there is no such section or no such revision.
        """
        if not self.layers.exists(section):
            raise drafts.no_section(self.layers, section)
        if not 1 <= to <= self.revision:
            raise NotFound(f"there is no revision {to}: the present one is {self.revision}")
        self._check_match(section, if_match)
        patch = self._history.back_to(section, to, self._edits.get(section, {}))
        return drafts.edit(self.layers, self.revision, section, patch, f"[{section}] back to revision {to}")

    def draft_revert(self, section: str, revision: int) -> Draft:
        """A section without what one revision edited in it; what was edited again since stays.

        :raises NotFound: that revision is no edit of the section.
        """
        patch = self._history.without(section, revision, self._edits.get(section, {}))
        if patch is None:
            raise NotFound(f"revision {revision} is no edit of [{section}]")
        return drafts.edit(self.layers, self.revision, section, patch, f"revision {revision} taken back")

    def draft_reload(self, document: Document, secret_globs: tuple[str, ...] | None = None) -> Draft:
        """The file, read again; it may say anew what is secret."""
        globs = self.layers.secret_globs if secret_globs is None else (*secret_globs, *self._hidden)
        return drafts.reload(evolve(self.layers, secret_globs=globs), self.revision, document)

    def draft_join(self, members: Sequence[Member], options: drafts.Patch) -> Draft:
        """New processors of one module."""
        return drafts.join(self.layers, self.revision, members, options)

    def draft_leave(self, guid: str) -> Draft:
        """A processor forgotten.

        :raises NotFound: there is none of that guid.
        """
        self.member(guid)
        return drafts.leave(self.layers, self.revision, guid)

    def steps(self, draft: Draft, check: drafts.Check) -> Iterator[None]:
        """Try a draft, in slices; see :meth:`Draft.steps`."""
        touched = {guid: None for section in draft.sections for guid in self.members_of(section)}
        if draft.layers.secret_globs != self.layers.secret_globs:
            touched = dict.fromkeys(self._members)
        for each in draft.joined:
            # Others may wait for what its section will say.
            touched |= dict.fromkeys([each.guid, *self.members_of(each.guid)])
        yield from draft.steps(touched, self._views.get, check)

    def recheck(self, draft: Draft, check: drafts.Check) -> Iterator[None]:
        """Check the processors that a draft leaves as they are, too; in slices."""
        for guid, view in self._views.items():
            if guid not in draft.views:
                check(guid, view, draft.layers)
            yield

    def differences(self, draft: Draft) -> Iterator[drafts.Difference]:
        """Processor by processor, what a draft would change."""
        return draft.differences(self._views.get)

    def commit(self, draft: Draft, actor: str, now: datetime, hold: Collection[str] = ()) -> Change:
        """Take a draft that was tried to its end.

        :param actor: who asked for it.
        :param hold: processors that stay at what they have until they are released.
        """
        assert draft.complete or draft.left is not None
        assert draft.base == self.revision
        self._take_layers(draft)
        if draft.empty:
            return Change(self.revision, draft.summary, {})
        self.revision = draft.revision
        for section in draft.sections:
            self._section_revisions[section] = self.revision
        for section, edited in draft.edited.items():
            self._history.add(Entry(self.revision, now, actor, draft.summary, section, edited))
        before = {guid: view for guid in draft.views if (view := self._views.get(guid)) is not None}
        changed = [guid for guid, view in draft.views.items() if self._views.take(guid, view, guid in hold)]
        for guid, view in draft.rerouted.items():
            self._views.put(guid, view)
        return Change(self.revision, draft.summary, {guid: before[guid] for guid in changed if guid in before})

    def _take_layers(self, draft: Draft) -> None:
        self.layers = evolve(self.layers, document=draft.layers.document, secret_globs=draft.layers.secret_globs)
        self._members.update((each.guid, each) for each in draft.joined)
        for section in draft.edited:
            self._edits[section] = draft.layers.edits[section]
        if draft.left is not None:
            self._forget(draft.left)

    def _forget(self, guid: str) -> None:
        del self._members[guid]
        self._views.forget(guid)
        self._history.forget(guid)
        for table in (self._edits, self._section_revisions):
            table.pop(guid, None)

    def held(self) -> Collection[str]:
        """The processors that are kept from what is wanted of them."""
        return self._views.held()

    def release(self, guids: Iterable[str]) -> list[str]:
        """Let processors have what they were kept from; those that were."""
        return self._views.release(guids)

    def hide(self, names: Iterable[str]) -> Iterator[None]:
        """Treat options as secret from now on, and what they went into; in slices."""
        new = {name: None for name in names if not self.layers.is_secret(name)}
        if not new:
            return
        self._hidden |= new
        self.layers = evolve(self.layers, secret_globs=(*self.layers.secret_globs, *new))
        yield from self._views.redo(self._with_secrets)

    def _with_secrets(self, guid: str, view: View) -> View:
        return evolve(view, secrets=(self.layers.secrets(guid) | view.secrets) & view.values.keys())

    def explain(self, guid: str) -> dict[str, dict[str, Any]]:
        """For each option of a processor: its value, and the chain of settings it came by; secrets redacted.

        :raises NotFound: there is none of that guid.
        """
        self.member(guid)
        return self.layers.explained(guid, self._views.wanted(guid))
