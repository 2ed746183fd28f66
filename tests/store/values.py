"""Values to be kept, by tests."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from proactor.model import Exit, Identity, State, Wanted
from proactor.saved import SavedEdit, SavedEvent, SavedJob, SavedMessage, SavedRevision

NOON = datetime(2026, 11, 28, 12, tzinfo=timezone.utc)
GUIDS = tuple(f"{number:032x}" for number in range(1, 6))
GUID, OTHER = GUIDS[:2]


def job(guid: str = GUID, **changes: Any) -> SavedJob:
    fields: dict[str, Any] = {
        "module": "my.module",
        "launcher": "spawn",
        "address": "127.0.0.1",
        "port": 20000,
        "created": NOON,
        **changes,
    }
    return SavedJob(guid, **fields)


def full_job(guid: str = GUID) -> SavedJob:
    """One that has all that a job may have."""
    return job(
        guid,
        labels={"tier": "grün"},
        wanted=Wanted.STOPPED,
        doomed=True,
        state=State.BACKOFF,
        incarnation=7,
        launching=True,
        process=Identity(123, 456, "boot"),
        speaks=False,
        log_start=1 << 40,
        started=NOON + timedelta(microseconds=1),
        restarts=6,
        next_start=NOON + timedelta(seconds=1.5),
        exit=Exit(None, 9, "killed", ("one", "", "\udcff\0")),
        joined=3,
        view=4,
        running_revision=5,
        failures=(NOON, NOON + timedelta(1)),
        in_a_row=2,
        serial="serial",
        serial_expires=NOON,
        declared=({"name": "rate", "default": 1.5, "choices": [1, None]},),
        revoked=NOON,
    )


def revision(number: int, *edits: SavedEdit, actor: str = "operator") -> SavedRevision:
    return SavedRevision(number, NOON, actor, f"revision {number}", edits)


def event(number: int, guid: str | None = GUID, **more: Any) -> SavedEvent:
    return SavedEvent(number, NOON, "started", guid, "created", "operator", more)


def message(number: int, receiver: str = GUID, **changes: Any) -> SavedMessage:
    fields: dict[str, Any] = {"sender": OTHER, "id": f"id-{number}", "attributes": {"type": "t"}, "data": b"\0\xff"}
    return SavedMessage(number=number, receiver=receiver, accepted=NOON, **{**fields, **changes})
