"""What may be true of jobs after a storm: what was answered is, what was not answered is or is not."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.client import HTTPException
from typing import Any

from attrs import define, field

from .running import Operator, Unexpected

#: What an operation came to.
DONE, REFUSED, UNKNOWN = "done", "refused", "unknown"


#: By this label of a job it is known who ordered it, and which of their orders it was.
LABEL = "order"


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

    def wrong(self, job: Mapping[str, Any] | None, colour: str | None) -> Iterator[str]:
        """What is not as it may be.

        :param job: its record, where there is one; ``colour``: what its section says then.
        """
        if (job is not None) not in self.there:
            yield f"{self.guid}: there: {job is not None}, and may be {self.there}"
        elif job is not None:
            if job["wanted"] not in self.wanted:
                yield f"{self.guid}: wanted: {job['wanted']}, and may be {self.wanted}"
            if colour not in self.colour:
                yield f"{self.guid}: colour: {colour}, and may be {self.colour}"

    @staticmethod
    def after(before: set[Any], value: Any, outcome: str) -> set[Any]:
        """What may be true after an operation that was to make it so."""
        return {DONE: {value}, REFUSED: before, UNKNOWN: {*before, value}}[outcome]


def colour_of(operator: Operator, guid: str) -> str | None:
    """What the section of a job says."""
    found: str | None = operator.call("GET", f"/config/{guid}").get("colour")
    return found


@define(eq=False)
class Worker:
    """Makes requests about jobs that are its own, one after another, for as long as it is let.

    When a request was cut off it looks, as soon as somebody answers, at what came of it.

    :param operator: a connection, which is made again when it was cut.
    :ivar orders: what came of each of its creations, by the label that it gave.
    :ivar looks: how often it has looked, and found everything as it may be.
    """

    operator: Operator
    seed: int
    stop: threading.Event
    jobs: list[Known] = field(factory=list)
    counts: dict[str, int] = field(factory=dict)
    broken: list[str] = field(factory=list)
    orders: dict[str, str] = field(factory=dict)
    looks: int = 0
    _serial: int = 0
    _is_unsure: bool = False

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
        if self._is_unsure:
            with suppress(OSError, HTTPException):
                self._look(operator)
            return
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
            self._delete(operator, job)
        elif kind == "rollback" and job.revisions:
            self._roll_back(operator, job, rng)
        else:
            self._edit(operator, job)

    def _look(self, operator: Operator) -> None:
        """See what is there, and know that from then on."""
        time.sleep(0.02)
        operator.close()
        mine = {job["guid"]: job for job in operator.call("GET", "/job") if job["labels"].get(LABEL) in self.orders}
        self._find(mine)
        for known in self.jobs:
            job = mine.get(known.guid)
            if known.there == {False} or (job is not None and len(known.there) > 1):
                # It may be on its way, and gone at any moment.
                continue
            colour = None if job is None else colour_of(operator, known.guid)
            self.broken += known.wrong(job, colour)
            if job is None:
                known.there = {False}
            elif len(known.there) == 1:
                known.wanted, known.colour = {job["wanted"]}, {colour}
        self.looks += 1
        self._is_unsure = False
        # Of those that were to be deleted, perhaps, nobody knows whether they are on their way.
        for known in [known for known in self.jobs if len(known.there) > 1]:
            self._delete(operator, known)

    def _find(self, jobs: Mapping[str, Mapping[str, Any]]) -> None:
        """Take up the jobs of orders whose answer did not come; there is none of those that were not carried out."""
        known = {job.guid for job in self.jobs}
        for guid in jobs.keys() - known:
            label = jobs[guid]["labels"][LABEL]
            if self.orders[label] != UNKNOWN:
                self.broken.append(f"{guid}: nobody was told of it, and its order was {self.orders[label]}")
            self.orders[label] = DONE
            self.jobs.append(Known(guid))
        for label, outcome in self.orders.items():
            self.orders[label] = REFUSED if outcome == UNKNOWN else outcome

    def _delete(self, operator: Operator, job: Known) -> None:
        outcome = self._did(operator, "DELETE", f"/job/{job.guid}")
        job.there = job.after(job.there, False, outcome)

    def _create(self, operator: Operator) -> None:
        self._serial += 1
        label, found = f"{self.seed}-{self._serial}", list[Any]()
        order = {"module": "benchmarks.nonce", "labels": {LABEL: label}}
        self.orders[label] = UNKNOWN
        self.orders[label] = self._did(operator, "POST", "/create", order, found)
        if found:
            self.jobs.append(Known(found[0]["guid"]))

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
            # Nobody was there. What http.client keeps of the request would spoil the next.
            operator.close()
            outcome = REFUSED
            time.sleep(0.02)
        except (OSError, HTTPException):
            self._is_unsure = True
        except ValueError:
            # A line and no JSON: 202: Accepted.
            outcome = DONE
        name = f"{method} /{path.split('/')[1]} {outcome}"
        self.counts[name] = self.counts.get(name, 0) + 1
        return outcome
