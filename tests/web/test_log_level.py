from __future__ import annotations

from typing import Any

from twisted.logger import Logger, LogLevel, PredicateResult
from twisted.trial.unittest import SynchronousTestCase

from proactor.log.level import MOST
from proactor.log.levels import Levels

from ..support.http import Response, as_form, as_json
from ..support.rig import Rig


class Case(SynchronousTestCase):
    """An initiator, and how much it logs."""

    def setUp(self) -> None:
        self.rig = Rig(self)
        levels = self.rig.initiator.levels
        assert levels is not None
        self.levels: Levels = levels

    def put(self, **form: str) -> Response:
        return self.rig.ask("PUT /log-level", **as_form(**form))

    def holds(self) -> dict[str, Any]:
        record: dict[str, Any] = self.rig.ask("GET /log-level").json()
        return record

    def heard(self, namespace: str) -> str:
        """The lowest level that is let through."""
        for level in LogLevel.iterconstants():
            event = {"log_namespace": namespace, "log_level": level}
            if self.levels.filter(event) is not PredicateResult.no:
                return str(level.name)
        raise AssertionError(f"nothing of {namespace} is heard")

    def events(self) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = self.rig.ask("GET /events?event=log-level").json()
        return events


class ChangeTests(Case):
    """``PUT /log-level``."""

    def test_for_good(self) -> None:
        """A level holds at once, until it is taken back."""
        self.assertEqual(self.holds(), {"level": "info", "until": None, "default": "info", "namespaces": {}})
        answer = self.put(level="warning")
        self.assertEqual((answer.status, answer.json()), (200, self.holds()))
        self.assertEqual(
            (self.holds()["level"], self.heard("proactor.web"), self.heard("klein")), ("warning",) + ("warn",) * 2
        )
        self.rig.clock.advance(1e6)
        self.assertEqual(self.heard("proactor.web"), "warn")
        self.put(level="default")
        self.assertEqual((self.holds()["level"], self.heard("proactor.web")), ("info", "info"))

    def test_for_a_while(self) -> None:
        """A level for so many seconds goes back by itself to what was set for good."""
        self.put(level="error")
        answer = self.rig.ask("PUT /log-level", **as_json({"level": "debug", "for": 600}))
        self.assertEqual(answer.json()["until"], "2026-11-24T12:10:00.000Z")
        self.rig.clock.advance(599)
        self.assertEqual(self.heard("twisted.web"), "debug")
        self.rig.clock.advance(1)
        self.assertEqual(self.heard("proactor.web"), "error")
        self.assertEqual((self.holds()["level"], self.holds()["until"]), ("error", None))

    def test_again(self) -> None:
        """The last word holds: of one that was for a while nothing comes back after it."""
        self.put(level="debug", **{"for": "10"})
        self.put(level="debug", **{"for": "100"})
        self.rig.clock.advance(50)
        self.assertEqual(self.heard("proactor.web"), "debug")
        self.put(level="warning")
        self.rig.clock.advance(100)
        self.assertEqual(self.heard("proactor.web"), "warn")

    def test_namespace(self) -> None:
        """A namespace has its own, with what is below it; it goes back to what is general then."""
        self.put(level="debug", namespace="proactor.supervisor", **{"for": "60"})
        self.put(level="critical", namespace="twisted.web")
        entry = {"level": "debug", "until": "2026-11-24T12:01:00.000Z"}
        expected = {"proactor.supervisor": entry, "twisted.web": {"level": "critical", "until": None}}
        self.assertEqual(self.holds()["namespaces"], expected)
        found = [self.heard(name) for name in ("proactor.supervisor", "twisted.web.http", "twisted", "proactor")]
        self.assertEqual(found, ["debug", "critical", "warn", "info"])
        self.rig.clock.advance(60)
        self.put(level="default", namespace="twisted.web")
        self.assertEqual(self.holds()["namespaces"], {})
        self.assertEqual([self.heard(name) for name in ("proactor.supervisor", "twisted.web")], ["info", "warn"])

    def test_told(self) -> None:
        """The timeline has who changed what, and what led back."""
        self.put(level="debug", namespace="proactor.web", **{"for": "60"})
        self.rig.clock.advance(60)
        first, second = self.events()
        self.assertEqual(first["cause"], "log level of proactor.web: debug for 60 s")
        self.assertEqual(
            [first[key] for key in ("actor", "namespace", "level")], ["operator (token)", "proactor.web", "debug"]
        )
        self.assertEqual(second["cause"], "log level of proactor.web: default again: the time of debug is over")
        self.assertEqual((second["because"], second["actor"]), (first["id"], "the initiator"))

    def test_logged(self) -> None:
        """So has the log, whatever level holds."""
        said: list[str] = []
        self.patch(Logger, "info", lambda _self, text, **fields: said.append(text.format(**fields)))
        self.put(level="critical")
        self.assertEqual(said, ["Log level: critical, by operator (token)"])

    def test_wrong(self) -> None:
        """What is wrong is refused with what would be right, and nothing changes."""
        for wrong, right in (
            ({}, "level: is missing: say one of: debug, info, warning, error, critical, default"),
            ({"level": "loud"}, "level: 'loud' is none; there are: debug, info, warning"),
            ({"level": 3}, "level: must be a text"),
            ({"level": "debug", "for": 0}, "for: must be a whole number from 1 to"),
            ({"level": "debug", "for": "soon"}, "for: must be a whole number from 1 to"),
            ({"level": "debug", "namespace": ""}, "namespace: must be a dotted name, such as proactor.supervisor"),
            ({"level": "debug", "namespace": "proactor.supervizor"}, "there is: proactor.supervis"),
            ({"level": "debug", "namespace": "qqqqqq"}, "nothing is logged as 'qqqqqq'; there is: proactor"),
            ({"level": "debug", "seconds": 3}, "there are: level, for, namespace"),
        ):
            answer = self.rig.ask("PUT /log-level", **as_json(wrong))
            self.assertEqual(answer.status, 422, wrong)
            self.assertIn(right, answer.json()["detail"])
        self.assertEqual((self.holds()["level"], self.holds()["namespaces"], self.events()), ("info", {}, []))

    def test_too_many(self) -> None:
        """There is an end to the namespaces, but not for those that have levels."""
        import sys  # noqa: PLC0415

        names = sorted(name for name in sys.modules if name.isidentifier())[:MOST]
        for name in names:
            self.assertEqual(self.put(level="error", namespace=name).status, 200)
        answer = self.put(level="error", namespace="proactor.web")
        self.assertEqual(answer.status, 409)
        self.assertIn("set one of them to default first", answer.json()["detail"])
        self.assertEqual(self.put(level="info", namespace=names[0]).status, 200)
        self.put(level="default", namespace=names[0])
        self.assertEqual(self.put(level="error", namespace="proactor.web").status, 200)

    def test_stopped(self) -> None:
        """An initiator that has stopped changes nothing any more."""
        self.put(level="debug", **{"for": "600"})
        self.rig.run(self.rig.initiator.stop())
        self.assertNotIn(600, [call.getTime() for call in self.rig.clock.getDelayedCalls()])


class NotOursTests(Case):
    """Where something else writes the log."""

    def test_refused(self) -> None:
        """There is no level to see or to change, and it is said why."""
        self.rig.initiator.log_level.levels = None
        for answer in (self.rig.ask("GET /log-level"), self.put(level="debug")):
            self.assertEqual(answer.status, 409)
            self.assertIn("such as --syslog", answer.json()["detail"])
