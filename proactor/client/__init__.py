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
    Overtaken,
    Problem,
    Refused,
    TimedOut,
    Unauthenticated,
    Unavailable,
    Unintelligible,
    Unreachable,
)
from .locating import Place, locate
from .values import (
    Event,
    Exit,
    Explanation,
    HistoryEntry,
    Job,
    Plan,
    Resources,
    Restart,
    Revisions,
    Rollout,
    RolloutEvent,
    Section,
    Sections,
    Setting,
)

__all__ = [
    "Client",
    "ClientError",
    "Conflict",
    "Event",
    "Exit",
    "Explanation",
    "Forbidden",
    "HistoryEntry",
    "Invalid",
    "Job",
    "NoRoom",
    "NotFound",
    "NotReady",
    "NotRunning",
    "Overtaken",
    "Place",
    "Plan",
    "Problem",
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
    "Unauthenticated",
    "Unavailable",
    "Unintelligible",
    "Unreachable",
    "locate",
]
