"""Rollouts as they are saved, and made again of that."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..saved import PutRollout
from .rollout import Pace, Progress, Rollout, Stage


def kept_record(rollout: Rollout) -> dict[str, Any]:
    """A rollout as JSON, all of it."""
    return {
        "revision": rollout.revision,
        "section": rollout.section,
        "actor": rollout.actor,
        "created": rollout.created.isoformat(),
        "pace": {
            "sizes": list(rollout.pace.sizes),
            "first": list(rollout.pace.first),
            "watch": rollout.pace.watch,
            "timeout": rollout.pace.timeout,
            "revert": rollout.pace.revert,
        },
        "batches": [list(batch) for batch in rollout.batches],
        "stage": rollout.stage.value,
        "batch": rollout.batch,
        "problem": rollout.problem,
        "reverted_by": rollout.reverted_by,
        "progress": {guid: progress.value for guid, progress in rollout.progress.items()},
        "events": [dict(event) for event in rollout.events],
    }


def put_rollout(rollout: Rollout) -> PutRollout:
    """What keeps a rollout as it is now."""
    return PutRollout(rollout.id, kept_record(rollout))


def rollout_of(record: Mapping[str, Any]) -> Rollout:
    """The rollout that was saved."""
    pace = record["pace"]
    return Rollout(
        revision=record["revision"],
        section=record["section"],
        actor=record["actor"],
        created=datetime.fromisoformat(record["created"]),
        pace=Pace(tuple(pace["sizes"]), tuple(pace["first"]), pace["watch"], pace["timeout"], pace["revert"]),
        batches=record["batches"],
        stage=Stage(record["stage"]),
        batch=record["batch"],
        problem=record["problem"],
        reverted_by=record["reverted_by"],
        progress={guid: Progress(value) for guid, value in record["progress"].items()},
        events=list(record["events"]),
    )
