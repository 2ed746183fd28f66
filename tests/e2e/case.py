"""The test cases that the others derive from: with initiators of a test's own, or with one that a class shares."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar
from unittest import TestResult

from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from .support import Answer, Client, Initiator, until

Record = dict[str, Any]


class Case(TestCase):
    """What all have."""

    timeout = 240

    def setUp(self) -> None:
        """Have an HTTP client that is closed at the end."""
        self.http = Client()
        self.addCleanup(self.http.close)

    def folder(self) -> Path:
        """An empty folder of its own."""
        path = Path(self.mktemp()).absolute()
        path.mkdir(parents=True)
        return path

    async def start(self, configuration: str, *arguments: str) -> Initiator:
        """Start an initiator of the test's own; at its end it is stopped, and nothing of it may be left."""
        initiator = begin(self.folder(), configuration, *arguments)
        self.addCleanup(initiator.end)
        return await initiator.served()

    async def get(self, url: str, **headers: str) -> Any:
        """What a GET answers that must succeed, read."""
        answer = await self.http("GET", url, headers)
        self.assertEqual(answer.status, 200, answer.text)
        return answer.json

    async def jobs(self, initiator: Initiator) -> list[Record]:
        """All job records."""
        jobs: list[Record] = await self.get(f"{initiator.url}/job")
        return jobs

    async def job(self, initiator: Initiator, guid: str) -> Record:
        """One job record."""
        job: Record = await self.get(f"{initiator.url}/job/{guid}")
        return job

    async def create(self, initiator: Initiator, count: int = 1, **order: Any) -> list[Record]:
        """Launch processors, and wait until they are ready; their records, in the order of their launch."""
        answer = await self.http(
            "POST", f"{initiator.url}/create", {"Accept": "application/json"}, json={"count": count, **order}
        )
        self.assertEqual(answer.status, 201, answer.text)
        return [await self.becomes(initiator, job["guid"], ready=True) for job in answer.json]

    async def becomes(self, initiator: Initiator, guid: str, **wanted: Any) -> Record:
        """Wait until a job's record has these members; give it."""
        seen: list[Record] = [{}]

        async def has_become() -> bool:
            seen[0] = await self.job(initiator, guid)
            return wanted.items() <= seen[0].items()

        await until(has_become, lambda: f"{wanted} of {seen[0]}; {initiator.console.text()}")
        return seen[0]

    async def edit(self, initiator: Initiator, section: str, edit: Record, query: str = "", **headers: str) -> Answer:
        """Edit a section."""
        return await self.http("PATCH", f"{initiator.url}/config/{section}{query}", headers, json=edit)

    async def patched(self, initiator: Initiator, section: str, edit: Record, query: str = "") -> Record:
        """Edit a section, and wait for what comes of it; the answer's record."""
        answer = await self.edit(initiator, section, edit, query, Prefer="wait=60")
        self.assertEqual(answer.status, 200, answer.text)
        record: Record = answer.json
        return record

    async def running(self, job: Record) -> Record:
        """The configuration that a processor itself says it runs."""
        config: Record = await self.get(f"http://127.0.0.1:{job['port']}/config")
        return config

    async def each_running(self, jobs: list[Record]) -> list[Record]:
        """The same of several, at once."""
        found: list[Record] = await gatherResults([Deferred.fromCoroutine(self.running(job)) for job in jobs])
        return found


class SharedCase(Case):
    """One initiator for all tests of a class; each of them uses processors of its own.

    It is started for the first of them, and stopped after the last: pytest tells of that by ``tearDownClass``, which
    trial does not call; but trial makes all the cases before it runs one, so that they can be counted.
    """

    #: What is put into the initiator's environment.
    variables: ClassVar[Mapping[str, str]] = {}
    initiator: ClassVar[Initiator | None] = None
    _to_run: ClassVar[int] = 0
    _is_told: ClassVar[bool] = False

    @classmethod
    def configuration(cls) -> str:
        """What the initiator is started with."""
        raise NotImplementedError

    def __init__(self, methodName: str = "runTest") -> None:
        super().__init__(methodName)
        type(self)._to_run += 1

    @classmethod
    def setUpClass(cls) -> None:
        """Know that there will be a ``tearDownClass``."""
        cls._is_told = True

    @classmethod
    def tearDownClass(cls) -> None:
        """Stop it."""
        initiator, cls.initiator = cls.initiator, None
        if initiator is not None:
            initiator.end()

    async def _shared(self) -> Initiator:
        cls = type(self)
        if cls.initiator is None:
            initiator = begin(self.folder(), self.configuration(), "--verbose", variables=self.variables)
            try:
                await initiator.served()
            except BaseException:
                initiator.end()
                raise
            cls.initiator = initiator
        return cls.initiator

    def setUp(self) -> Deferred[None]:  # type: ignore[override]
        """Have the initiator."""
        super().setUp()
        return Deferred.fromCoroutine(self._set_up())

    async def _set_up(self) -> None:
        self.it = await self._shared()
        self.addCleanup(lambda: Deferred.fromCoroutine(self._remove_jobs()))

    async def _remove_jobs(self) -> None:
        """Leave no processors to the next test."""
        urls = [f"{self.it.url}/job/{job['guid']}" for job in await self.jobs(self.it)]
        gone = [self.http("DELETE", url, {"Prefer": "wait=30"}) for url in urls]
        await gatherResults([Deferred.fromCoroutine(each) for each in gone])

    def run(self, result: TestResult | None = None) -> TestResult | None:
        """Run, and stop what is shared after the last."""
        assert result is not None
        returned: TestResult | None = super().run(result)
        type(self)._to_run -= 1
        if not self._is_told and self._to_run <= 0:
            try:
                self.tearDownClass()
            except AssertionError:
                result.addError(self, sys.exc_info())
        return returned


def begin(folder: Path, configuration: str, *arguments: str, variables: Mapping[str, str] | None = None) -> Initiator:
    """Start an initiator with a configuration, in a folder that is its own."""
    (folder / "proactor.cfg").write_text(configuration)
    return Initiator(folder, *arguments, variables=variables)
