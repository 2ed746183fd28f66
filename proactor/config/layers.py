"""One state of the configuration: edits over the file, a processor's section over its module's, over DEFAULT.

A state is a value. A change makes another one, so that a draft that is refused leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from attrs import field, frozen

from ..options import SECRET_GLOBS, is_secret, is_steering
from .document import Document, Setting, Settings
from .grammar import DEFAULT, REDACTED, is_guid, is_initiator
from .interpolation import Reference, Resolved, Resolver, escaped, template

#: For each section, what edits have set in it.
Edits = Mapping[str, Settings]


@frozen
class Member:
    """A processor's place in the configuration.

    :param module: the module section that its own refers to.
    :param steering: the options that the initiator alone sets, resolved.
    :param created: the revision that brought it.
    """

    guid: str
    module: str
    steering: Mapping[str, str] = field(factory=dict)
    created: int = 0


@frozen(eq=False)
class View:
    """What a processor's section comes to, without the steering options. Shared by all that come to the same.

    :param secrets: the options that are secret, or that a secret went into.
    :param revision: the one that made it what it is.
    :param sections: those it was read from.
    :param shared: whether every processor of the module without options of its own has this one.
    """

    values: Mapping[str, str]
    secrets: frozenset[str]
    revision: int
    sections: frozenset[str]
    shared: bool


@frozen
class Layers:
    """A state: the file, the edits, the processors there are."""

    document: Document
    edits: Edits = field(factory=dict)
    members: Mapping[str, Member] = field(factory=dict)
    secret_globs: tuple[str, ...] = SECRET_GLOBS

    def default(self, option: str) -> Setting | None:
        """What DEFAULT says."""
        return self.edits.get(DEFAULT, {}).get(option) or self.document.defaults.get(option)

    def own(self, section: str, option: str) -> Setting | None:
        """What the section itself says, DEFAULT left aside."""
        member = self.members.get(section)
        if member is not None and option in member.steering:
            return Setting(escaped(member.steering[option]), "the initiator")
        written = self.written(section, option)
        if written is None and member is not None and self.written(member.module, option) is not None:
            return Setting(f"${{{member.module}:{option}}}", f"[{member.module}]")
        return written

    def written(self, section: str, option: str) -> Setting | None:
        """What an edit, or else the file, says in that very section."""
        return self.edited(section).get(option) or self.document.sections.get(section, {}).get(option)

    def edited(self, section: str) -> Settings:
        """The edits of a section; those of one that the file has no more wait for it to be there again."""
        return self.edits.get(section, {}) if self.exists(section) else {}

    def origin(self, section: str, option: str) -> Setting | None:
        """Where the text of an option was written: in the section, in its module's, in DEFAULT."""
        member = self.members.get(section)
        modules = None if member is None else self.written(member.module, option)
        return self.written(section, option) or modules or self.default(option)

    def lookup(self, section: str, option: str) -> Setting | None:
        """The setting of an option as read in a section."""
        return self.default(option) if section == DEFAULT else self.own(section, option) or self.default(option)

    def written_options(self, section: str) -> dict[str, Setting]:
        """All that stands in the section itself (for DEFAULT: in DEFAULT), the edits over the file."""
        file = self.document.defaults if section == DEFAULT else self.document.sections.get(section, {})
        return {**file, **self.edited(section)}

    def options(self, section: str) -> Collection[str]:
        """The names of all options that a section has, DEFAULT's and a module's included, steering ones left out."""
        names = dict.fromkeys(self.written_options(DEFAULT))
        member = self.members.get(section)
        if member is not None:
            names |= dict.fromkeys(self.written_options(member.module))
        names |= dict.fromkeys(self.written_options(section))
        return [name for name in names if member is None or name not in member.steering]

    def exists(self, section: str) -> bool:
        """Whether there is such a section."""
        return section == DEFAULT or section in self.document.sections or section in self.members

    def is_plain(self, guid: str) -> bool:
        """Whether a processor has nothing of its own: it is then like all plain ones of its module."""
        return not self.edits.get(guid) and not self.document.sections.get(guid)

    def is_secret(self, option: str) -> bool:
        """Whether an option's own name makes it secret."""
        return is_secret(option, self.secret_globs)

    def resolver(self) -> Resolver:
        """For the options of this state; edits are held to what they may reach."""
        return Resolver(self.lookup, self.exists, self.is_secret, self._open_to)

    def view(self, guid: str, revision: int) -> View:
        """What a processor's section comes to.

        :raises ConfigError: for the first option that does not resolve.
        """
        read: set[str] = {guid, self.members[guid].module, DEFAULT}
        steered = False

        def lookup(section: str, option: str) -> Setting | None:
            nonlocal steered
            read.add(section)
            steered = steered or (section in self.members and option in self.members[section].steering)
            return self.lookup(section, option)

        resolver = Resolver(lookup, self.exists, self.is_secret, self._open_to)
        values, secrets = _resolved(resolver, guid, self.options(guid))
        shared = self.is_plain(guid) and not steered
        return View(values, secrets, revision, frozenset(read - {guid} if shared else read), shared)

    def secrets(self, guid: str) -> frozenset[str]:
        """A processor's options that are secret by now, though edits refer to them that were taken before."""
        return _resolved(Resolver(self.lookup, self.exists, self.is_secret), guid, self.options(guid))[1]

    def check_section(self, section: str) -> dict[str, Resolved]:
        """See that a section resolves: a module's with DEFAULT's options, another what it says itself.

        What DEFAULT and a guid section say may refer to what is there once a processor is.

        :return: what it comes to, but for what is not known before.
        :raises ConfigError: for the first option that does not.
        """
        own = list(self.written_options(section))
        if section == DEFAULT or is_guid(section):
            whole, later = [], own
        elif is_initiator(section):
            whole, later = own, []
        else:
            whole, later = own, [name for name in self.options(section) if name not in own]
        resolver = self.resolver()
        found = {name: self._foreseen(section, name) for name in later}
        found |= {name: resolver.resolve(section, name) for name in whole}
        return {name: resolved for name, resolved in found.items() if resolved is not None}

    def _foreseen(self, section: str, option: str) -> Resolved | None:
        """What an option comes to as processors will read it; ``None`` where only they can know."""
        unknown = False

        def lookup(where: str, name: str) -> Setting | None:
            nonlocal unknown
            found = self.lookup(where, name)
            if found is None and where == section and self._comes(section, name):
                unknown, found = True, Setting("", "a processor")
            return found

        resolved = Resolver(lookup, self.exists, self.is_secret, self._open_to).resolve(section, option)
        return None if unknown else resolved

    def _comes(self, section: str, option: str) -> bool:
        """Whether an option that a section lacks may be there when a processor reads what refers to it."""
        # A token is never there to refer to.
        if is_steering(option) and not self.is_secret(option):
            return True
        of_others = section == DEFAULT or is_guid(section)
        return of_others and any(self.written(each, option) for each in self.document.sections)

    def chain(self, section: str, option: str) -> list[dict[str, object]]:
        """How an option came to its value: its setting, then those that it refers to, depth first.

        Each is a flat record: ``section`` it stands in, ``option``, ``text``, ``source``, ``line`` or ``revision``, and
        ``overrides`` where an edit hides what the file says.
        """
        found: dict[tuple[str, str], dict[str, object]] = {}
        self._follow(section, option, found)
        return list(found.values())

    def explained(self, guid: str, view: View) -> dict[str, dict[str, object]]:
        """For each option of a processor's view its value, redacted where it is secret, and its chain."""
        return {
            option: {"value": REDACTED if option in view.secrets else text, "chain": self.chain(guid, option)}
            for option, text in view.values.items()
        }

    def _follow(self, section: str, option: str, found: dict[tuple[str, str], dict[str, object]]) -> None:
        setting = self.lookup(section, option)
        if setting is None or (section, option) in found:
            return
        stands = section if self.own(section, option) is not None else DEFAULT
        found[section, option] = self._described(stands, option, setting)
        for piece in template(setting.text or ""):
            if isinstance(piece, Reference):
                self._follow(piece.section or section, piece.option, found)

    def _described(self, section: str, option: str, setting: Setting) -> dict[str, object]:
        def shown(text: str | None) -> str | None:
            return REDACTED if self.is_secret(option) and text else text

        record: dict[str, object] = {
            "section": section,
            "option": option,
            "text": shown(setting.text),
            "source": setting.source,
            "line": setting.line,
            "revision": setting.revision,
        }
        filed = self.document.option(section, option)
        if setting.revision is not None and filed is not None:
            record["overrides"] = {"text": shown(filed.text), "source": filed.source, "line": filed.line}
        return record

    def _open_to(self, section: str) -> Collection[str]:
        """What an edit that is read in a section may refer to."""
        member = self.members.get(section)
        return (DEFAULT, section) if member is None else (DEFAULT, section, member.module)


def _resolved(resolver: Resolver, section: str, names: Iterable[str]) -> tuple[dict[str, str], frozenset[str]]:
    values, secrets = {}, set()
    for name in names:
        resolved = resolver.resolve(section, name)
        assert resolved is not None, (section, name)
        values[name] = resolved.text
        if resolved.secret:
            secrets.add(name)
    return values, frozenset(secrets)
