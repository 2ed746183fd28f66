"""What may be true of jobs after a storm: what was answered is, what was not answered is or is not."""

from __future__ import annotations

import random
import threading
import time
from http.client import HTTPException
from typing import Any

from attrs import define, field

from .running import Operator, Unexpected

#: What an operation came to.
DONE, REFUSED, UNKNOWN = "done", "refused", "unknown"


@define(eq=False)
class Known:
    """One job: what may be true of it.

    :ivar there: whether it is there; ``wanted``: what is wanted of it; ``colour``: what its section says.
    """

    guid: str
    there: set[bool] = field(factory=lambda: {True})
    wanted: set[str] = field(factory=lambda: {"running"})
    colour: set[str | None] = field(factory=lambda: {None})
    revisions: list[tuple[int, str]] = field(factory=list)

    @staticmethod
    def after(before: set[Any], value: Any, outcome: str) -> set[Any]:
        """What may be true after an operation that was to make it so."""
        return {DONE: {value}, REFUSED: before, UNKNOWN: {*before, value}}[outcome]


@define(eq=False)
class Worker:
    """Makes requests about jobs that are its own, one after another, for as long as it is let.

    :param operator: a connection, which is made again when it was cut.
    """

    operator: Operator
    seed: int
    stop: threading.Event
    jobs: list[Known] = field(factory=list)
    counts: dict[str, int] = field(factory=dict)
    broken: list[str] = field(factory=list)
    #: How many creations may have been, or not.
    unknown_creates: int = 0
    _serial: int = 0

    def run(self) -> None:
        """Go on until it is to stop."""
        rng = random.Random(self.seed)
        try:
            while not self.stop.is_set():
                self._one(rng, self.operator)
        except Exception as e:  # noqa: BLE001 - it is told where it is waited for
            self.broken.append(f"{type(e).__name__}: {e}")
        finally:
            self.operator.close()

    def _one(self, rng: random.Random, operator: Operator) -> None:
        present = [job for job in self.jobs if job.there == {True}]
        kind = rng.choice(["create", "edit", "edit", "stop", "start", "delete", "rollback"])
        if len(present) < 3 or (kind == "create" and len(present) < 8):
            self._create(operator)
            return
        job = rng.choice(present)
        path = f"/job/{job.guid}"
        if kind in ("stop", "start"):
            wanted = {"stop": "stopped", "start": "running"}[kind]
            outcome = self._did(operator, "POST", f"{path}/{kind}")
            job.wanted = job.after(job.wanted, wanted, outcome)
        elif kind == "delete":
            outcome = self._did(operator, "DELETE", path)
            job.there = job.after(job.there, False, outcome)
        elif kind == "rollback" and job.revisions:
            self._roll_back(operator, job, rng)
        else:
            self._edit(operator, job)

    def _create(self, operator: Operator) -> None:
        found: list[Any] = []
        outcome = self._did(operator, "POST", "/create", {"module": "benchmarks.nonce"}, found)
        if outcome == DONE:
            self.jobs.append(Known(found[0]["guid"]))
        elif outcome == UNKNOWN:
            self.unknown_creates += 1

    def _edit(self, operator: Operator, job: Known) -> None:
        self._serial += 1
        colour, found = f"c{self.seed}-{self._serial}", list[Any]()
        outcome = self._did(operator, "PATCH", f"/config/{job.guid}?timeout=0.2&revert=no", {"colour": colour}, found)
        job.colour = job.after(job.colour, colour, outcome)
        if outcome == DONE:
            job.revisions.append((found[0]["revision"], colour))

    def _roll_back(self, operator: Operator, job: Known, rng: random.Random) -> None:
        revision, colour = rng.choice(job.revisions)
        outcome = self._did(operator, "POST", f"/config/{job.guid}/rollback?timeout=0.2&revert=no", {"to": revision})
        job.colour = job.after(job.colour, colour, outcome)

    def _did(self, operator: Operator, method: str, path: str, body: Any = None, found: list[Any] | None = None) -> str:
        """Make a request; what it came to."""
        outcome = UNKNOWN
        try:
            answer = operator.call(method, path, body)
            outcome = DONE
            if found is not None:
                found.append(answer)
        except Unexpected:
            outcome = REFUSED
        except ConnectionRefusedError:
            # Nobody was there.
            outcome = REFUSED
            time.sleep(0.02)
        except (OSError, HTTPException):
            operator.close()
            time.sleep(0.02)
        except ValueError:
            # A line and no JSON: 202: Accepted.
            outcome = DONE
        name = f"{method} /{path.split('/')[1]} {outcome}"
        self.counts[name] = self.counts.get(name, 0) + 1
        return outcome
