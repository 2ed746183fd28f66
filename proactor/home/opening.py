"""What there is to begin with: the configuration file, and what an earlier initiator saved in the home."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from attrs import frozen
from twisted.internet.interfaces import IReactorTime

from ..changes.configurator import Configurator, document_writes
from ..config.checks import CheckLaunch
from ..config.document import Document, parse
from ..config.layers import Member
from ..config.restoring import Remembered
from ..config.settings import InitiatorSettings
from ..errors import ProactorError
from ..jobs.launch_plan import check_launch, steering
from ..saved import AddRevision, PutValue, Saved, SavedJob, SavedRevision, Write

#: Under which names a store has the guid of its initiator, and the revisions of the file's sections.
_GUID, _SECTIONS = "guid", "sections"


@frozen
class Opened:
    """The configuration to begin with.

    :param writes: what is to be kept before anything else is done.
    :param document: the file, where it is another than the one that the configuration is of.
    """

    configurator: Configurator
    writes: Sequence[Write] = ()
    document: Document | None = None


def opened(
    clock: IReactorTime,
    now: Callable[[], datetime],
    document: Document,
    guid: str,
    saved: Saved,
    listen_port: int,
    check: CheckLaunch = check_launch,
) -> Opened:
    """The configuration as it was left, or as the file has it where nothing was.

    :param document: the file as it is now, which holds by itself.
    :param listen_port: where the initiator is reached.
    :param check: sees whether what is launched could be.
    :raises ProactorError: what was saved is another initiator's, or does not hold any more.
    """
    before = saved.values.get(_GUID, guid)
    if before != guid and saved.jobs:
        raise ProactorError(
            f"this home holds {len(saved.jobs)} jobs of the initiator {before}, and {guid} is to run: "
            "choose another folder with --home, or the same initiator with --guid"
        )
    if saved.document is None or before != guid:
        return _begun(clock, now, document, guid, saved, check)
    old = parse(saved.document.text, document.source)
    members = [Member(job.guid, job.module, _placed(job), job.joined) for job in saved.jobs.values()]

    def place(settings: InitiatorSettings, member: Member) -> Member:
        job = saved.jobs[member.guid]
        steered = steering(settings, listen_port, job.guid, job.module, job.address, job.port)
        return Member(job.guid, job.module, steered, job.joined)

    remembered = Remembered(old, saved.revision, saved.edits, members, saved.history, saved.values.get(_SECTIONS, {}))
    configurator = Configurator.restored(clock, now, remembered, guid, check, place)
    return Opened(configurator, document=None if old.text == document.text else document)


def _placed(job: SavedJob) -> dict[str, str]:
    return {"listen_addr": job.address, "listen_port": str(job.port)}


def _begun(
    clock: IReactorTime,
    now: Callable[[], datetime],
    document: Document,
    guid: str,
    saved: Saved,
    check: CheckLaunch,
) -> Opened:
    """The file alone; what was edited for another initiator does not count, but no revision's number comes again."""
    configurator = Configurator.begin(clock, now, document, guid, check)
    configurator.live.revision = revision = saved.revision + 1
    first = SavedRevision(revision, now(), "the initiator", f"{document.source} read")
    writes: list[Write] = [AddRevision(first), PutValue(_GUID, guid), *document_writes(document, {})]
    return Opened(configurator, writes)
