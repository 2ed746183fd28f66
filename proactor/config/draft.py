"""A change of the configuration on trial: computed for every processor that it touches, and not yet taken.

A draft lies over the state it was made from (a chain of maps, so that one costs what it changes, not what there is):
it is taken or dropped before the next is made.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import cast

from attrs import define, evolve, field, frozen

from ..errors import ConfigError, NotFound
from ..options import is_steering
from ..spelling import nearest
from .document import Document, Setting, Settings
from .grammar import DEFAULT, REDACTED, is_file_only, is_guid, option_problem, value_problem
from .layers import Layers, Member, View

#: Sees whether a processor could take what its section would come to; raises :class:`ConfigError` where it could not.
Check = Callable[[str, View, Layers], None]

#: An edit: the new text of each option, ``None`` to take an earlier edit back.
Patch = Mapping[str, str | None]


@frozen
class Difference:
    """How one processor's section would change: for each option what it comes to before and after.

    ``None`` stands for an option that is not there, secrets are redacted.
    """

    guid: str
    options: Mapping[str, tuple[str | None, str | None]]


@define
class Draft:
    """A state to be, and what it comes to. Run :meth:`steps` to its end before it is taken.

    :param base: the revision it was made from.
    :param sections: those it changes.
    :param edited: for the history, section by section: each option's edit before and after.
    """

    layers: Layers
    base: int
    sections: frozenset[str]
    summary: str
    edited: Mapping[str, Mapping[str, tuple[Setting | None, Setting | None]]] = field(factory=dict)
    #: The views that are no longer what they were, and the new processors'.
    views: dict[str, View] = field(factory=dict)
    #: Views that are what they were, by another way.
    rerouted: dict[str, View] = field(factory=dict)
    joined: tuple[Member, ...] = ()
    left: str | None = None
    complete: bool = False
    _shared: dict[str, View] = field(factory=dict)

    @property
    def revision(self) -> int:
        """The number that it will have."""
        return self.base + 1

    @property
    def empty(self) -> bool:
        """Whether it changes nothing at all."""
        return not self.sections and not self.views and not self.joined and self.left is None

    def steps(self, touched: Collection[str], now: Callable[[str], View | None], check: Check) -> Iterator[None]:
        """Resolve and check for each processor in ``touched``, a slice of work between two yields.

        :param now: a processor's present view.
        :raises ConfigError: names the first section, option and value that does not resolve or that a processor
            could not take.
        """
        for section in self.sections:
            if self.layers.exists(section):
                self.layers.check_section(section)
                yield
        # Asked of each, and not of a set of all processors: there may be many.
        if any(section not in self.layers.members for section in self.sections):
            yield from self._other_sections()
        for guid in touched:
            before = now(guid)
            view = self._view(guid)
            if before is None or before.values != view.values or before.secrets != view.secrets:
                check(guid, view, self.layers)
                self.views[guid] = view
            elif before.sections != view.sections:
                self.rerouted[guid] = evolve(before, sections=view.sections, shared=view.shared)
            yield
        self.complete = True

    def _other_sections(self) -> Iterator[None]:
        """Sections that nobody runs yet resolve too, or an error would wait there for the first to use it."""
        for section in self.layers.document.sections:
            if section not in self.sections:
                self.layers.check_section(section)
                yield

    def _view(self, guid: str) -> View:
        module = self.layers.members[guid].module
        if self.layers.is_plain(guid) and module in self._shared:
            return self._shared[module]
        view = self.layers.view(guid, self.revision)
        if view.shared:
            self._shared[module] = view
        return view

    def differences(self, now: Callable[[str], View | None]) -> Iterator[Difference]:
        """Processor by processor, what it would change."""
        # Those that share what they had and what they come to share the difference: it is made once.
        made: dict[tuple[int, int], dict[str, tuple[str | None, str | None]]] = {}
        for guid, view in self.views.items():
            before = now(guid)
            if before is None:
                continue
            pair = (id(before), id(view))
            if pair not in made:
                made[pair] = _difference(before, view)
            if made[pair]:
                yield Difference(guid, made[pair])


def _difference(before: View, after: View) -> dict[str, tuple[str | None, str | None]]:
    # What is a secret before or after was one all the time, or will be.
    secrets = before.secrets | after.secrets

    def shown(view: View, name: str) -> str | None:
        return REDACTED if name in secrets and name in view.values else view.values.get(name)

    return {
        name: (shown(before, name), shown(after, name))
        for name in dict.fromkeys([*before.values, *after.values])
        if before.values.get(name) != after.values.get(name)
    }


def no_section(layers: Layers, name: str) -> NotFound:
    """What to raise where there is no such section: one of nearly that name may be meant."""
    if is_guid(name):
        return NotFound(f"there is no section [{name}]: no processor has that guid", "jobs")
    near = nearest(name, [DEFAULT, *layers.document.sections])
    remedy = f"is [{near[0]}] meant?" if near else f"sections are declared in {layers.document.source}"
    return NotFound(f"there is no section [{name[:100]}]: {remedy}", "sections")


def edit(layers: Layers, base: int, section: str, patch: Patch, summary: str | None = None) -> Draft:
    """An edit of one section.

    :param summary: what it is; that it is an edit of the section, else.
    :raises NotFound: there is no such section.
    :raises ConfigError: names the option that cannot be edited so, and why.
    """
    if not layers.exists(section):
        raise no_section(layers, section)
    before = layers.edits.get(section, {})
    after = dict(before)
    for option, text in patch.items():
        _apply(layers, section, option, text, after, base + 1)
    changed = {
        name: (before.get(name), after.get(name))
        for name in dict.fromkeys([*before, *after])
        if _text(before.get(name)) != _text(after.get(name)) or (name in before) != (name in after)
    }
    # An edit that says what is so already keeps its old revision.
    after = {name: setting if name in changed else before[name] for name, setting in after.items()}
    return Draft(
        evolve(layers, edits=ChainMap({section: after}, cast(dict[str, Settings], layers.edits))),
        base,
        frozenset([section] if changed else ()),
        summary or f"edit of [{section}]",
        {section: changed} if changed else {},
    )


def _text(setting: Setting | None) -> str | None:
    return None if setting is None else setting.text


def _apply(
    layers: Layers, section: str, option: str, text: str | None, edits: dict[str, Setting], revision: int
) -> None:
    problem = option_problem(option) or value_problem(text or "")
    # Whoever writes a name otherwise, as variables of the environment are, is told what would be so anyhow.
    if problem is not None and not is_file_only(option.lower()):
        raise ConfigError(problem, section=section, option=repr(option[:64]))
    if is_steering(option):
        problem = "the initiator steers by this option, it cannot be edited"
        raise ConfigError(problem, section=section, option=option)
    if is_file_only(option.lower()):
        shown = option if option_problem(option) is None else repr(option[:64])
        problem = f"can be set in the file alone, {layers.document.source}"
        raise ConfigError(problem, section=section, option=shown)
    if text is not None:
        edits[option] = Setting(text, f"edit {revision}", revision=revision)
        return
    if edits.pop(option, None) is not None:
        return
    written = layers.written_options(section).get(option)
    if written is None:
        raise ConfigError("is not set here, there is nothing to remove", section=section, option=option)
    problem = f"stands in {written.source}, line {written.line}: remove it there"
    raise ConfigError(problem, section=section, option=option)


def reload(layers: Layers, base: int, document: Document) -> Draft:
    """The file, read again."""
    before, after = layers.document, document
    names = {*before.sections, *after.sections}
    changed = {name for name in names if _texts(before.sections.get(name)) != _texts(after.sections.get(name))}
    if _texts(before.defaults) != _texts(after.defaults):
        changed.add(DEFAULT)
    return Draft(evolve(layers, document=document), base, frozenset(changed), f"{document.source} read again")


def _texts(settings: Mapping[str, Setting] | None) -> dict[str, str | None] | None:
    return None if settings is None else {name: setting.text for name, setting in settings.items()}


def join(layers: Layers, base: int, members: Sequence[Member], options: Patch) -> Draft:
    """New processors of one module, and the options that each is created with, which are edits of its section."""
    joined = {each.guid: evolve(each, created=base + 1) for each in members}
    with_members = evolve(layers, members=ChainMap(joined, cast(dict[str, Member], layers.members)))
    first = members[0].guid
    summary = f"creation of {first}" if len(joined) == 1 else f"creation of {len(joined)} of [{members[0].module}]"
    draft = edit(with_members, base, first, options, summary)
    # Nothing was written of any of them before: what becomes of the first becomes of all.
    edits = dict.fromkeys(joined, draft.layers.edits[first])
    draft.layers = evolve(with_members, edits=ChainMap(edits, cast(dict[str, Settings], layers.edits)))
    if draft.sections:
        draft.sections, draft.edited = frozenset(joined), dict.fromkeys(joined, draft.edited[first])
    draft.joined = tuple(joined.values())
    return draft


def leave(layers: Layers, base: int, guid: str) -> Draft:
    """A processor that is forgotten, its edits with it.

    Another whose section refers to this one's, which only the file can say, keeps what it has until it changes.
    """
    draft = Draft(layers, base, frozenset(), f"removal of {guid}")
    draft.left = guid
    return draft
