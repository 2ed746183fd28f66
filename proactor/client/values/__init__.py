"""What an initiator answers, as values. Each keeps the record that it was read of, as ``record``."""

from __future__ import annotations

from .configuration import (
    Change,
    Explained,
    Explanation,
    HistoryEntry,
    Overridden,
    Plan,
    Rollout,
    RolloutEvent,
    Section,
    Sections,
    Setting,
)
from .jobs import Exit, Job, Rejection, Resources, Restart, Revisions
from .log_level import LevelOfNamespace, LogLevel
from .messages import Mailbox, Mailboxes, Message, Receipt
from .registry import Endpoint, NewToken, Token
from .timeline import Event

__all__ = [
    "Change",
    "Endpoint",
    "Event",
    "Exit",
    "Explained",
    "Explanation",
    "HistoryEntry",
    "Job",
    "LevelOfNamespace",
    "LogLevel",
    "Mailbox",
    "Mailboxes",
    "Message",
    "NewToken",
    "Overridden",
    "Plan",
    "Receipt",
    "Rejection",
    "Resources",
    "Restart",
    "Revisions",
    "Rollout",
    "RolloutEvent",
    "Section",
    "Sections",
    "Setting",
    "Token",
]
