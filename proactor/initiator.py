"""The initiator: its parts put together. A plain object; HTTP is one way to it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from attrs import define, field
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from .changes.configurator import Configurator, Plan
from .changes.nudges import Nudges
from .changes.rollouts import Rollouts
from .config.document import Document
from .config.settings import InitiatorSettings
from .errors import Unavailable
from .exchange import Exchange
from .jobs.directory import Directory
from .jobs.fleet import Fleet
from .jobs.rolling_restarts import Restarts
from .jobs.scale import Scale
from .log.level import LogLevel
from .log.levels import Levels
from .messaging.delivery import Deliver, Delivery
from .messaging.office import Office
from .metrics import Metrics
from .model import Exit, Job
from .reactor.lag import LagMeter
from .store.interface import IStore
from .timeline.followers import Followers
from .timeline.origin import because, origin
from .tokens.exchange import TokenExchange
from .tokens.failed_attempts import FailedAttempts
from .tokens.issuing import TokenAuthority
from .tokens.key_rotation import KeyRotation
from .tokens.operator_tokens import OperatorTokens
from .tokens.peer_trust import PeerTrust
from .tokens.revocation import Revocations

#: Changes of these wait for the next start of the initiator.
_AT_START = ("listen_addr", "listen_port", "listen_scheme", "child_port_min", "child_port_max", "launch_concurrency")

log = Logger()


@define(eq=False)
class Initiator:
    """Owner of everything.

    :param now: the time of day, aware.
    :param deliver: hands a message to a processor.
    :param levels: of what writes the log; ``None`` where that is not ours.
    """

    clock: IReactorTime
    now: Callable[[], datetime]
    configurator: Configurator
    authority: TokenAuthority
    fleet: Fleet
    store: IStore
    deliver: Deliver
    levels: Levels | None = field(factory=Levels)
    #: Told that it is to end, and whether processors live on.
    heard_shutdown: Callable[[bool], None] = lambda _: None
    #: Told that the configuration is another one.
    heard_configuration: Callable[[], None] = lambda: None
    rollouts: Rollouts = field(init=False)
    exchange: Exchange = field(init=False)
    restarts: Restarts = field(init=False)
    scale: Scale = field(init=False)
    followers: Followers = field(init=False)
    metrics: Metrics = field(init=False)
    operator_tokens: OperatorTokens = field(init=False)
    keys: KeyRotation = field(init=False)
    trust: PeerTrust = field(init=False)
    tokens: TokenExchange = field(init=False)
    revocations: Revocations = field(init=False)
    _nudges: Nudges = field(init=False)
    directory: Directory = field(init=False)
    failed_attempts: FailedAttempts = field(init=False)
    delivery: Delivery = field(init=False)
    office: Office = field(init=False)
    _lag: LagMeter = field(init=False)
    log_level: LogLevel = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.rollouts = Rollouts(
            self.clock, self.now, self.configurator, self.fleet.speaks, self.store, self.fleet.timeline
        )
        self.metrics = Metrics(self.clock.seconds, self.fleet.jobs.get, lambda: self.configurator.live.revision)
        self._nudges = Nudges(self.clock, self.configurator.waiting)
        self.trust = PeerTrust(
            lambda: self.now().timestamp(),
            self.authority,
            lambda: self.configurator.settings.peer_token_ttl,
            self._nudges.add,
        )
        self.exchange = Exchange(
            self.now,
            self.configurator,
            self.authority,
            self.fleet.planner,
            self.fleet,
            self.rollouts,
            self.metrics,
            self.trust,
        )
        self.tokens = TokenExchange(self.now, self.configurator, self.authority, self.fleet, self.trust, self.metrics)
        self.revocations = Revocations(self.now, self.fleet, self.trust)
        self.fleet.heard.forgetting = self.revocations.forget
        self.operator_tokens = OperatorTokens(self.now, self.store, self.fleet.timeline)
        self.keys = KeyRotation(self.clock, self.now, self.authority, lambda: self.configurator.settings)
        self.failed_attempts = FailedAttempts(self.clock)
        self.delivery = Delivery(
            self.clock,
            self.now,
            self.fleet.random,
            self.fleet,
            self.store,
            self.deliver,
            self.metrics,
            lambda: self.configurator.settings.dead_letters,
        )
        self.office = Office(self.now, self.fleet, self.store, self.delivery, self.metrics)
        self.metrics.messages(self.delivery.waiting, self.delivery.dead.__len__, self.delivery.oldest_age)
        self.exchange.heard_topics = self.delivery.look
        self.configurator.waiting.heard = self._reconfigured
        self.restarts = Restarts(self.clock, self.now, self.fleet)
        self.scale = Scale(self.clock, self.configurator, self.fleet, self.rollouts.reaches)
        self.rollouts.heard_end = self.scale.look
        self.fleet.timeline.listen(self.metrics, self.metrics.heard)
        self.fleet.heard.launch = self.metrics.launched
        self.fleet.planner.heard_token = self.exchange.issued
        self.fleet.planner.trust = self.trust.text
        self.log_level = LogLevel(self.clock, self.now, self.fleet.timeline, self.levels)
        self._lag = LagMeter(self.clock, self.metrics.late)
        self.followers = Followers(self.clock, self.fleet.timeline)
        # No earlier initiator has come so far, however many changes it saw.
        self.directory = Directory(self.clock, int(self.now().timestamp() * 1e6))
        self.fleet.heard.readiness = self.directory.look
        self.fleet.heard.end = self._process_ended
        self.fleet.heard.removal = lambda _: self.scale.look()
        self.configurator.heard_change = self._configuration_changed

    def _reconfigured(self, guid: str) -> None:
        self.delivery.look(guid)
        self.fleet.reconfigured(guid)

    def _process_ended(self, job: Job, exit_: Exit, on_purpose: bool) -> None:
        self.rollouts.lost(job.guid, exit_.reason, on_purpose)

    def _configuration_changed(self, plan: Plan, summary: str, actor: str) -> None:
        began = origin()
        event = self.fleet.timeline.add(
            self.now(),
            "configured",
            None,
            summary,
            actor,
            because=began.event,
            trace=began.trace,
            more={"revision": plan.revision},
        )
        if event.trace is not None:
            self.exchange.traced(plan.revision, event.trace)
        self.rollouts.configured(plan.revision, event)
        self.keys.heed()
        self.delivery.addresses.look_at_modules()
        self.heard_configuration()
        with because(event):
            self.scale.look()

    def start(self) -> None:
        """Take up what the configuration says is to run by itself."""
        self.scale.look()
        # Those that were taken up; of all others the timeline tells.
        for guid, job in self.fleet.jobs.items():
            self.metrics.count(guid, job.state.value)
        self._lag.start()
        self.keys.start()

    async def reload(self, document: Document, actor: str) -> int:
        """Take the configuration file as it was read again; the revision it made, which the log tells of.

        :raises ConfigError: there is something wrong with it; the old configuration stays.
        """
        before, old = self.configurator.settings, self.configurator.live.layers.document
        plan = await self.configurator.reload(document, actor, self.rollouts.kept)
        log.info(
            "Read config again: revision {revision}, with changes for {count} of {total} processors",
            revision=plan.revision,
            count=len(plan.differences),
            total=len(self.fleet.jobs),
        )
        self._say_what_waits(before)
        self._say_what_is_hidden(old, document)
        return plan.revision

    def _say_what_waits(self, before: InitiatorSettings) -> None:
        after = self.configurator.settings
        late = [name for name in _AT_START if getattr(before, name) != getattr(after, name)]
        if late:
            log.warn("{options}: takes effect when the initiator is started again", options=", ".join(late))

    def _say_what_is_hidden(self, old: Document, new: Document) -> None:
        """An edit wins over the file until it is unset; who changes the file there is told so."""
        for section, edits in self.configurator.live.layers.edits.items():
            for option, edit in edits.items():
                setting, was = new.option(section, option), old.option(section, option)
                if setting is not None and (was is None or was.text != setting.text) and setting.text != edit.text:
                    log.warn(
                        "{source}:{line}: [{section}] {option}: revision {revision}, an edit, holds until it is unset",
                        source=setting.source,
                        line=setting.line,
                        section=section,
                        option=option,
                        revision=edit.revision,
                    )

    def shut_down(self, keep: bool) -> None:
        """Have the whole program end, in a moment.

        :param keep: whether processors live on.
        :raises Unavailable: it does already.
        """
        if self.fleet.closing:
            raise Unavailable("the initiator is stopping", retry_after=10)
        self.fleet.close()
        self.clock.callLater(0, self.heard_shutdown, keep)

    async def stop(self, keep: bool = False) -> None:
        """Come to an end: with every processor, all at once, or leaving them to the next initiator."""
        self.delivery.close()
        if keep:
            self.fleet.let_go()
        else:
            await self.fleet.shut_down("the initiator")
        self.delivery.let_go()
        # Whoever still waits for a change is answered, or the connections would not end.
        self.followers.close()
        self.directory.close()
        self._lag.stop()
        self.log_level.stop()
        self._nudges.stop()
        await self.keys.stop()
        self.failed_attempts.stop()
        await self.configurator.waiting.let_go()
