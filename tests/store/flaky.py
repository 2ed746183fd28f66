"""Connections that fail where they are told to, and how SQLite says so."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from attrs import define, field

from proactor.store import transactions

NO_ROOM = "database or disk is full"
IO_ERROR = "disk I/O error"


@define(eq=False)
class Plan:
    """What is to fail: statements by their beginning, so many times.

    :param after: whether what fails is done all the same.
    """

    beginning: str = ""
    times: int = 0
    error: str = IO_ERROR
    after: bool = False
    #: What was executed.
    seen: list[str] = field(factory=list)
    connections: int = 0
    #: How many more of them cannot be made.
    unable: int = 0

    def fail(self, beginning: str, times: int = 1, error: str = IO_ERROR, after: bool = False) -> None:
        self.beginning, self.times, self.error, self.after = beginning, times, error, after

    def around(self, sql: str) -> Iterator[None]:
        """Steps before and after a statement."""
        self.seen.append(sql)
        is_meant = self.times > 0 and sql.startswith(self.beginning)
        self.times -= is_meant
        if is_meant and not self.after:
            raise sqlite3.OperationalError(self.error)
        yield
        if is_meant:
            raise sqlite3.OperationalError(self.error)


class Flaky:
    """A connection that goes by a plan."""

    def __init__(self, connection: sqlite3.Connection, plan: Plan) -> None:
        self._connection = connection
        self._plan = plan

    def execute(self, sql: str, *values: Any) -> Any:
        steps = self._plan.around(sql)
        next(steps)
        result = self._connection.execute(sql, *values)
        next(steps, None)
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def connector(plan: Plan) -> Callable[[Path], Any]:
    """What makes such connections."""

    def connect(path: Path) -> Any:
        plan.connections += 1
        if plan.unable:
            plan.unable -= 1
            raise sqlite3.OperationalError("unable to open database file")
        return Flaky(transactions.connect(path), plan)

    return connect
