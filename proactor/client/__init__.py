"""The initiator over HTTP, for programs: awaitable, typed, and all that goes wrong in one tree of exceptions.

::

    from proactor.client import Client, locate

    async def main(reactor):
        client = Client.on(reactor, locate("~/.proactor"))
        (job,) = await client.jobs.create("ticker", wait=30)
        print(job.url, job.revision.running)
"""

from .client import Client
from .errors import (
    ClientError,
    Conflict,
    Forbidden,
    Invalid,
    NoRoom,
    NotFound,
    NotReady,
    NotRunning,
    NotServing,
    Overtaken,
    Problem,
    Refused,
    TimedOut,
    Unauthenticated,
    Unavailable,
    Unintelligible,
    Unreachable,
    Unreadable,
    Untrusted,
)
from .locating import Place, locate
from .values.configuration import Explanation, HistoryEntry, Plan, Rollout, RolloutEvent, Section, Sections, Setting
from .values.jobs import Exit, Job, Resources, Restart, Revisions
from .values.log_level import LevelOfNamespace, LogLevel
from .values.messages import Mailbox, Mailboxes, Message, Receipt
from .values.registry import Endpoint, NewToken, Token
from .values.timeline import Event

__all__ = [
    "Client",
    "ClientError",
    "Conflict",
    "Endpoint",
    "Event",
    "Exit",
    "Explanation",
    "Forbidden",
    "HistoryEntry",
    "Invalid",
    "Job",
    "LevelOfNamespace",
    "LogLevel",
    "Mailbox",
    "Mailboxes",
    "Message",
    "NewToken",
    "NoRoom",
    "NotFound",
    "NotReady",
    "NotRunning",
    "NotServing",
    "Overtaken",
    "Place",
    "Plan",
    "Problem",
    "Receipt",
    "Refused",
    "Resources",
    "Restart",
    "Revisions",
    "Rollout",
    "RolloutEvent",
    "Section",
    "Sections",
    "Setting",
    "TimedOut",
    "Token",
    "Unauthenticated",
    "Unavailable",
    "Unintelligible",
    "Unreachable",
    "Unreadable",
    "Untrusted",
    "locate",
]
