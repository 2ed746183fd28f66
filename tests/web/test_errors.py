from __future__ import annotations

import inspect

from twisted.internet.defer import CancelledError
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from proactor import errors
from proactor.web.errors import LISTS, STATUS, problem_of
from proactor.wire.problems import Problem

#: An error of each class, the status it comes to, and the headers that go with it.
SAMPLES: list[tuple[errors.ProactorError, int, dict[str, str]]] = [
    (errors.Malformed("m"), 400, {}),
    (errors.Unauthenticated("m"), 401, {"WWW-Authenticate": 'Bearer realm="proactor"'}),
    (
        errors.Unauthenticated("m", "invalid_token"),
        401,
        {"WWW-Authenticate": 'Bearer realm="proactor", error="invalid_token"'},
    ),
    (errors.Forbidden("m"), 403, {}),
    (
        errors.InsufficientScope("m", "launch"),
        403,
        {"WWW-Authenticate": 'Bearer realm="proactor", error="insufficient_scope", scope="launch"'},
    ),
    (
        errors.InsufficientScope("m"),
        403,
        {"WWW-Authenticate": 'Bearer realm="proactor", error="insufficient_scope"'},
    ),
    (errors.NotFound("m"), 404, {}),
    (errors.NotGranted("m"), 422, {}),
    (errors.GrantRefused("m"), 422, {}),
    (errors.GrantForbidden("m", "invalid_scope"), 403, {}),
    (errors.NoSuchAudience("m", "invalid_target"), 404, {}),
    (errors.Conflict("m"), 409, {}),
    (errors.Gone("m"), 410, {}),
    (errors.Overtaken("m"), 412, {}),
    (errors.Overtaken("m", ""), 412, {}),
    (errors.TooLarge("m"), 413, {}),
    (errors.UnsupportedType("m"), 415, {}),
    (errors.UnsupportedCoding("m"), 415, {"Accept-Encoding": "identity"}),
    (errors.Refused("m"), 422, {}),
    (errors.ConfigError("m"), 422, {}),
    (errors.Rejected("", "m"), 422, {}),
    (errors.TooManyAttempts("m", 7), 429, {"Retry-After": "7"}),
    (errors.Unavailable("m", 7), 503, {"Retry-After": "7"}),
    (errors.UsedUp("m", 2, 7), 503, {"Retry-After": "7"}),
    (errors.NotReady("m", "/job/1"), 504, {"Location": "/job/1"}),
    (errors.QueueFull("m", 3), 429, {"Retry-After": "3"}),
    (errors.StorageFailed("m"), 503, {}),
    (errors.StorageFull("m"), 507, {}),
    (errors.ProactorError("m"), 500, {}),
]


def classes() -> set[type[errors.ProactorError]]:
    """Every class of the error tree."""
    found = {
        value for _, value in inspect.getmembers(errors, inspect.isclass) if issubclass(value, errors.ProactorError)
    }
    assert len(found) > 10
    return found


class DomainErrorTests(SynchronousTestCase):
    """Errors that are foreseen."""

    def test_every_class(self) -> None:
        """Every class of the error tree has a status, and a sample here."""
        self.assertEqual({type(error) for error, _, _ in SAMPLES}, classes())
        for kind in classes():
            # What is a kind of the root alone would come to 500 without anybody having thought of it.
            own = set(kind.__mro__) & STATUS.keys()
            self.assertTrue(own - {errors.ProactorError} or kind is errors.ProactorError, kind)

    def test_status(self) -> None:
        """Each comes to its status, with its own words and the headers that HTTP wants."""
        for error, status, headers in SAMPLES:
            extra: dict[str, object] = {"error": error.code} if isinstance(error, errors.NotGranted) else {}
            if isinstance(error, errors.UsedUp):
                extra = {"room": error.room}
            with capturedLogs() as events:
                self.assertEqual(problem_of(Failure(error)), Problem(status, "m", extra, headers))
            self.assertEqual(list(events), [])

    def test_subclass(self) -> None:
        """A class of somebody else's comes to the status of what it is a kind of."""

        class Late(errors.Unavailable):
            """An error that the table does not know."""

        self.assertEqual(problem_of(Failure(Late("m"))), Problem(503, "m", {}, {"Retry-After": "5"}))

    def test_place(self) -> None:
        """An error of the configuration tells programs its place, member by member."""
        error = errors.ConfigError("must be > 0", source="a.cfg", line=3, section="m", option="rate", value="0")
        place = {"section": "m", "option": "rate", "value": "0", "source": "a.cfg", "line": 3}
        self.assertEqual(problem_of(Failure(error)).extra, place)
        self.assertEqual(problem_of(Failure(errors.ConfigError("m", section="s"))).extra, {"section": "s"})
        self.assertEqual(problem_of(Failure(errors.Overtaken("m", "s"))).extra, {"section": "s"})

    def test_next(self) -> None:
        """Where there is no such thing it is said where one sees which there are."""
        for among, see in LISTS.items():
            problem = problem_of(Failure(errors.NotFound("there is none", among)))
            self.assertEqual(problem, Problem(404, f"there is none; see {see}", {"see": see}))


class RoutingTests(SynchronousTestCase):
    """Errors of the router."""

    def test_not_found(self) -> None:
        """An unknown path is 404."""
        self.assertEqual(
            problem_of(Failure(NotFound())),
            Problem(404, "there is nothing at this path; see GET /openapi.json", {"see": "GET /openapi.json"}),
        )

    def test_method(self) -> None:
        """A wrong method is 405, with those that there are (RFC 9110, 15.5.6)."""
        error = MethodNotAllowed(valid_methods=["PATCH", "GET"])
        self.assertEqual(
            problem_of(Failure(error)), Problem(405, "here one can: GET, PATCH", {}, {"Allow": "GET, PATCH"})
        )
        self.assertEqual(problem_of(Failure(MethodNotAllowed())).headers, {"Allow": ""})

    def test_others(self) -> None:
        """Other errors keep their status."""

        class Teapot(HTTPException):
            """An error with a status of its own."""

            code = 418

        self.assertEqual(problem_of(Failure(Teapot())), Problem(418))
        self.assertEqual(problem_of(Failure(HTTPException())), Problem(500))


class UnforeseenTests(SynchronousTestCase):
    """Errors that nobody foresaw."""

    def test_logged(self) -> None:
        """The caller gets an id and nothing else, the log the rest under that id, and each error another one."""
        with capturedLogs() as logged:
            problems = [problem_of(Failure(ZeroDivisionError("hunter2"))) for _ in range(2)]
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        ids = [str(problem.extra["id"]) for problem in problems]
        self.assertEqual(len(set(ids)), 2)
        for problem, id_, event in zip(problems, ids, logged, strict=True):
            self.assertEqual((problem.status, problem.headers), (500, {}))
            self.assertEqual(problem.detail, f"unforeseen error {id_}: the initiator's log has more")
            self.assertEqual(formatEvent(event), f"Unforeseen error {id_}")
            self.assertEqual(event["log_level"], LogLevel.critical)
            self.assertIs(event["log_failure"].type, ZeroDivisionError)

    def test_given_up(self) -> None:
        """Work that was given up is no error of ours, and is worth another try."""
        problem = problem_of(Failure(CancelledError()))
        self.assertEqual((problem.status, problem.headers), (503, {"Retry-After": "1"}))
