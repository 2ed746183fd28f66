"""The live configuration as a service: one change at a time, in slices."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256

from attrs import define, evolve, field, frozen
from twisted.internet.defer import DeferredLock, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ..config.checks import CheckLaunch, check_extents, check_sections
from ..config.document import Document
from ..config.draft import Difference, Draft, Patch
from ..config.layers import Layers, Member, View
from ..config.live import LiveConfiguration
from ..config.restoring import Remembered, restored, saved_edits, settings_of
from ..config.settings import InitiatorSettings, choose_guid, initiator_settings
from ..errors import ConfigError
from ..options import Option
from ..reactor.slices import in_slices
from ..saved import AddRevision, PutDocument, PutValue, SavedRevision, Write
from .declared import Declared
from .judging import check_names, check_spelling, checker
from .waiting import Waiting

log = Logger()


@frozen
class Plan:
    """What a change would do, or did: its revision, and what is different for whom."""

    revision: int
    differences: tuple[Difference, ...]


@define(eq=False)
class Configurator:
    """Makes changes and tells of them.

    :param now: the time of day, aware.
    """

    clock: IReactorTime
    now: Callable[[], datetime]
    live: LiveConfiguration
    settings: InitiatorSettings
    check_launch: CheckLaunch
    #: Told of each change, of who made it: but not of processors that come and go.
    heard_change: Callable[[Plan, str, str], None] = lambda _plan, _summary, _actor: None
    #: Keeps what a change writes, all of it or nothing; it fails where it cannot, and the change is not made then.
    keep: Callable[[Sequence[Write]], Awaitable[None]] = lambda _: succeed(None)
    _declared: Declared = field(factory=Declared)
    _lock: DeferredLock = field(factory=DeferredLock)
    #: Who waits for a change.
    waiting: Waiting = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.waiting = Waiting(self.clock, self.live)

    @classmethod
    def begin(
        cls,
        clock: IReactorTime,
        now: Callable[[], datetime],
        document: Document,
        guid: str,
        check_launch: CheckLaunch = lambda _: None,
    ) -> Configurator:
        """Take a file as revision 1.

        :param check_launch: sees whether what is launched could be, by a section's values.
        :raises ConfigError: for the first thing that is wrong with it.
        """
        settings = initiator_settings(Layers(document), guid)
        live = LiveConfiguration.begin(document, settings.secret_options)
        check_sections(live.layers, settings.token_ttl, check_launch)
        return cls(clock, now, live, settings, check_launch)

    @classmethod
    def restored(
        cls,
        clock: IReactorTime,
        now: Callable[[], datetime],
        remembered: Remembered,
        guid: str,
        check_launch: CheckLaunch,
        place: Callable[[InitiatorSettings, Member], Member],
    ) -> Configurator:
        """Go on with what an earlier initiator left.

        :param place: a member as it is steered now, by the initiator's settings.
        :raises ConfigError: for the first thing that does not hold any more.
        """
        edits = {section: settings_of(edited) for section, edited in remembered.edits.items()}
        settings = initiator_settings(Layers(remembered.document, edits), guid)
        members = [place(settings, member) for member in remembered.members]
        live = restored(evolve(remembered, members=members, secret_globs=settings.secret_options))
        return cls(clock, now, live, settings, check_launch)

    # Changes.

    async def plan(self, make: Callable[[], Draft]) -> Plan:
        """What a draft would change; it is tried, and dropped."""
        async with _held(self._lock):
            draft = make()
            await self._try(draft)
            return await self._planned(draft)

    async def take(
        self,
        make: Callable[[], Draft],
        actor: str,
        hold: Callable[[Draft], Collection[str]] = lambda _: (),
        more: Callable[[Draft], Iterable[Write]] = lambda _: (),
    ) -> Plan:
        """Make a draft, try it, keep it, take it, and tell those whose configuration it changed.

        :param hold: who of those does not get it yet.
        :param more: what else is kept with it, asked for behind ``hold``; in slices.
        :raises StorageFull, StorageFailed: it cannot be kept; nothing has changed.
        """
        async with _held(self._lock):
            draft = make()
            settings = await self._try(draft)
            planned = await self._planned(draft)
            held, now = hold(draft), self.now()
            writes = self._writes(draft, actor, now)
            await in_slices(self.clock, map(writes.append, more(draft)))
            if writes:
                await self.keep(writes)
            change = self.live.commit(draft, actor, now, held)
            self.settings = settings
        log.debug("Revision {revision}: {summary}", revision=change.revision, summary=change.summary)
        if not draft.empty and not draft.joined and draft.left is None:
            self.heard_change(planned, change.summary, actor)
        await self.waiting.wake(guid for guid in change.before if guid not in held)
        return planned

    def _writes(self, draft: Draft, actor: str, now: datetime) -> list[Write]:
        writes: list[Write] = []
        if not draft.empty:
            edits = saved_edits(draft.edited)
            writes.append(AddRevision(SavedRevision(draft.revision, now, actor, draft.summary, edits)))
        if draft.layers.document is not self.live.layers.document:
            writes += document_writes(draft.layers.document, self.live.file_revisions(draft))
        return writes

    async def join(
        self,
        members: Sequence[Member],
        options: Patch,
        actor: str,
        more: Callable[[Draft], Iterable[Write]] = lambda _: (),
    ) -> None:
        """Add processors of one module, with options of their own: these are judged by what the module's last declared.

        :param more: what is kept with them; in slices.
        :raises Refused: they cannot be; there are no such processors then.
        """
        module, by_guid = members[0].module, {each.guid: each for each in members}
        check_names(module, options, self.live.layers, self._declared.of_module(module).names)
        try:
            with self._declared.presumed(by_guid, module, options):
                await self.take(lambda: self.live.draft_join(members, options), actor, more=more)
        except ConfigError as error:
            if error.section not in by_guid:
                raise
            raise _as_ordered(error, by_guid[error.section], options) from None

    def spelt(self, make: Callable[[], Draft]) -> Draft:
        """An operator's edit, in which no name, of an option or of who may call, is most likely a slip.

        :raises ConfigError: one is.
        """
        draft = make()
        check_spelling(draft, self.live, self._declared)
        return draft

    async def leave(self, guid: str, actor: str, more: Sequence[Write] = ()) -> None:
        """Forget a processor and all that was edited of it.

        :param more: what is kept with that.
        """
        await self.take(lambda: self.live.draft_leave(guid), actor, more=lambda _: more)
        self.forget_declaration(guid)
        await self.waiting.wake([guid])

    async def reload(self, document: Document, actor: str, keep: Callable[[], Collection[str]] = lambda: ()) -> Plan:
        """Take a file that was read again.

        :param keep: who of those that are held stays where it is; everybody else gets what is new.
        :raises ConfigError: for the first thing that is wrong with it; nothing has changed.
        """
        guid = choose_guid(document, self.settings.guid)
        globs = initiator_settings(Layers(document), guid).secret_options

        def held(_: Draft) -> list[str]:
            return [guid for guid in keep() if guid in self.live.held()]

        return await self.take(lambda: self.live.draft_reload(document, globs), actor, held)

    async def _try(self, draft: Draft) -> InitiatorSettings:
        if draft.left is not None:
            return self.settings
        if draft.joined:
            await in_slices(self.clock, self.live.steps(draft, self._checker(self.settings)))
            return self.settings
        settings = initiator_settings(draft.layers, self.settings.guid)
        check = self._checker(settings)
        check_extents(draft.layers, draft.sections)
        await in_slices(self.clock, self.live.steps(draft, check))
        if settings.token_ttl < self.settings.token_ttl:
            await in_slices(self.clock, self.live.recheck(draft, check))
        check_sections(draft.layers, settings.token_ttl, self.check_launch)
        return settings

    async def _planned(self, draft: Draft) -> Plan:
        revision = self.live.revision if draft.empty else draft.revision
        differences: list[Difference] = []
        await in_slices(self.clock, map(differences.append, self.live.differences(draft)))
        return Plan(revision, tuple(differences))

    def _checker(self, settings: InitiatorSettings) -> Callable[[str, View, Layers], None]:
        return checker(settings, self._declared, self.check_launch)

    # What processors declare.

    async def declare(self, guid: str, options: tuple[Option, ...]) -> None:
        """Remember what a running processor takes: edits are checked against it from now on."""
        self._declared.put(guid, self.live.member(guid).module, options)
        # A draft on trial was made when these were no secrets.
        async with _held(self._lock):
            await in_slices(self.clock, self.live.hide(option.name for option in options if option.secret))

    def forget_declaration(self, guid: str) -> None:
        """The process that declared it is no more."""
        self._declared.forget(guid)

    # What processors read.

    def configuration(self, guid: str) -> tuple[int, Mapping[str, str]]:
        """What a processor is to have now: its revision, and all options but the token.

        :raises NotFound: there is none of that guid.
        """
        member, view, layers = self.live.member(guid), self.live.view(guid), self.live.layers
        # What a secret went into is secret too, and only here is it known.
        secret = (*layers.secret_globs, *sorted(name for name in view.secrets if not layers.is_secret(name)))
        return self.live.offered(guid), {**view.values, **member.steering, "secret_options": " ".join(secret)}

    def release(self, guids: Collection[str]) -> list[str]:
        """Let processors have what a rollout kept from them; they are still to be woken."""
        return self.live.release(guids)


def document_writes(document: Document, revisions: Mapping[str, int]) -> list[Write]:
    """What is kept of a file that was taken.

    :param revisions: those at which its sections changed last.
    """
    digest = sha256(document.text.encode()).hexdigest()
    return [PutDocument(document.text, digest), PutValue("sections", dict(revisions))]


def _as_ordered(error: ConfigError, member: Member, options: Patch) -> ConfigError:
    """An error in a new processor's section, by the module that was ordered: the guid, none now, nobody knows."""
    is_given = error.option in options
    return ConfigError(
        error.problem.replace(member.guid, member.module),
        source=None if is_given else error.source,
        line=None if is_given else error.line,
        section=member.module,
        option=error.option,
        value=error.value,
    )


class _held:  # noqa: N801 - used as a statement
    """``async with`` for a lock: released however the block ends, never when it was not got."""

    def __init__(self, lock: DeferredLock) -> None:
        self._lock = lock

    async def __aenter__(self) -> None:
        await self._lock.acquire()

    async def __aexit__(self, *exc: object) -> None:
        self._lock.release()
