"""Who can be sent messages: processors, modules, and those who have subscribed to a topic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import define, field

from ..changes.configurator import Configurator
from ..config.grammar import is_guid
from ..config.job_settings import MESSAGE_OPTIONS
from ..config.settings import declared_module
from ..errors import Conflict, NotFound, Refused
from ..jobs.fleet import Fleet
from ..model import Job
from ..option_types import read_words
from .dispatch import Dispatcher
from .mailboxes import Mailbox
from .subscriptions import Subscriptions
from .topics import PREFIX, check_topic


@define(eq=False)
class Addresses:
    """Knows who there is, and has the dispatcher know it."""

    fleet: Fleet
    configurator: Configurator
    dispatcher: Dispatcher
    _subscriptions: Subscriptions = field(factory=Subscriptions)

    # Of what is sent.

    def receivers(self, target: str) -> tuple[str, ...]:
        """To whom goes what is sent to a target: guids, or a module.

        :raises NotFound: there is no such processor, nor such a module.
        :raises Conflict: it is being deleted.
        :raises Refused: it is no topic's name.
        """
        if target.startswith(PREFIX):
            guids = self._subscriptions.of(check_topic(target[len(PREFIX) :]))
            return tuple(guid for guid in guids if not self.fleet.jobs[guid].doomed)
        if is_guid(target):
            if self.fleet.job(target).doomed:
                raise Conflict(f"job {target} is being deleted")
            return (target,)
        section = declared_module(self.configurator.live.layers, target)
        if section is None:
            remedy = f"a target is a processor's guid, a module with a section of its own, or {PREFIX}NAME"
            raise NotFound(f"there is no module {target[:64]!r}: {remedy}")
        return (section,)

    def receiver(self, target: str) -> str:
        """The one to whom goes what is sent to a target, which is no topic.

        :raises Refused: it is.
        :raises NotFound, Conflict: see :meth:`receivers`.
        """
        if target.startswith(PREFIX):
            raise Refused("it can be sent to a processor or a module, and not to a topic")
        (receiver,) = self.receivers(target)
        return receiver

    def is_there(self, receiver: str) -> bool:
        """Whether something can still be delivered to a receiver."""
        return not is_guid(receiver) or receiver in self.fleet.jobs

    def mailbox(self, receiver: str) -> Mailbox:
        """What waits for a receiver."""
        mailbox = self.dispatcher.mailboxes.get(receiver)
        if mailbox is None:
            mailbox = Mailbox(receiver, not is_guid(receiver), self._most(receiver))
            self.dispatcher.mailboxes[receiver] = mailbox
        return mailbox

    # Of who there is.

    def look(self, guid: str) -> None:
        """Something of a processor is other than before: its state, its configuration, what it declares."""
        job = self.fleet.jobs.get(guid)
        if job is None or guid not in self.configurator.live.members():
            self._subscriptions.put(guid, ())
            return
        values = self._values(guid)
        self._subscriptions.put(guid, {*read_words(values.get("subscribe", "")), *job.topics})
        most, timeout = _read(values, "message_concurrency"), _read(values, "message_timeout")
        self.dispatcher.put_member(guid, job.module, most, timeout, job.ready and not job.doomed)
        mailbox = self.dispatcher.mailboxes.get(guid)
        if mailbox is not None:
            mailbox.most = self._most(guid)

    def look_at_modules(self) -> None:
        """The configuration is another one."""
        for name, mailbox in self.dispatcher.mailboxes.items():
            if mailbox.is_shared:
                mailbox.most = self._most(name)

    def subscriptions(self, job: Job) -> frozenset[str]:
        """What a processor has subscribed to."""
        return self._subscriptions.patterns(job.guid)

    def _most(self, receiver: str) -> int:
        if is_guid(receiver):
            return int(_read(self._values(receiver), "message_queue"))
        layers = self.configurator.live.layers
        resolved = layers.resolver().resolve(receiver, "message_queue") if layers.exists(receiver) else None
        return int(_read({} if resolved is None else {"message_queue": resolved.text}, "message_queue"))

    def _values(self, guid: str) -> Mapping[str, str]:
        live = self.configurator.live
        return live.view(guid).values if guid in live.members() else {}


def _read(values: Mapping[str, str], name: str) -> Any:
    option = MESSAGE_OPTIONS[name]
    return option.parse(values[name]) if name in values else option.default
