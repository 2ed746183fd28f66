# mypy: allow-untyped-calls
"""The HTTP side of a processor: its routes, and who may use them."""

import json
from typing import Any

from attrs import frozen
from klein import Klein
from treq.testing import StubTreq
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers
from twisted.web.iweb import IRequest
from werkzeug.exceptions import NotFound

from proactor import Option, Processor
from proactor.processor.access import objection

from .fakes import GUID, Dial

HOME = "http://127.0.0.1:49152"


class Bell(Processor):
    """A processor with routes."""

    options = (Option("pitch", int, 440),)
    app = Klein()

    @app.route("/pitch", methods=["GET"])
    async def pitch(self, request: IRequest) -> str:
        """Tell the pitch."""
        return str(self.config.pitch)

    @app.route("/ring/", methods=["POST"])
    def ring(self, request: IRequest) -> str:
        """Ring."""
        return f"{self.guid} rings"

    @app.route("/config", methods=["GET"])
    def mine(self, request: IRequest) -> str:
        """Never be reached."""
        return "mine"

    @app.route("/missing")
    def missing(self, request: IRequest) -> str:
        """Find nothing."""
        raise NotFound

    @app.route("/broken")
    def broken(self, request: IRequest) -> str:
        """Raise what nobody foresaw."""
        raise ZeroDivisionError("hush")


class Shout(Bell):
    """One with a handler of its own for what is not found."""

    app = Klein()

    @app.handle_errors(NotFound)
    def nothing(self, request: IRequest, failure: Any) -> str:
        """Say so in its own words."""
        request.setResponseCode(404)
        return "NOTHING HERE"


class RoutesTests(SynchronousTestCase):
    """What is answered."""

    def ask(self, method: str, path: str, cls: type[Processor] = Bell, **headers: str) -> tuple[int, Headers, str]:
        """Send a request from loopback; give status, headers and body."""
        raw = {"pitch": "220", "password": "hush", "listen_addr": "0.0.0.0", "flag": ""}
        processor = cls(cls.configure(raw, guid=GUID, revision=17), Clock())
        stub: Any = StubTreq(processor.resource())
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self.successResultOf(stub.request(method, HOME + path, headers=fields, allow_redirects=False))
        return response.code, response.headers, self.successResultOf(stub.content(response)).decode()

    def test_healthz(self) -> None:
        """It says that it is alive, who it is and what it runs."""
        status, headers, body = self.ask("GET", "/healthz")
        self.assertEqual((status, json.loads(body)), (200, {"status": "ok", "guid": GUID, "revision": 17}))
        self.assertEqual(headers.getRawHeaders("Content-Type"), ["application/json"])

    def test_config(self) -> None:
        """It shows its configuration, secrets left out, in place of any route of that name."""
        status, headers, body = self.ask("GET", "/config")
        self.assertEqual(status, 200)
        self.assertEqual(json.loads(body), {"pitch": "220", "listen_addr": "0.0.0.0", "flag": "", "revision": 17})
        self.assertEqual(headers.getRawHeaders("Cache-Control"), ["no-store"])

    def test_own_routes(self) -> None:
        """A subclass's routes are methods of its instance, plain or async."""
        self.assertEqual(self.ask("GET", "/pitch")[::2], (200, "220"))
        self.assertEqual(self.ask("POST", "/ring/")[::2], (200, f"{GUID} rings"))

    def test_two_instances(self) -> None:
        """Each instance has its own."""
        bells = [Bell(Bell.configure({"pitch": pitch}), Clock()) for pitch in ("1", "2")]
        stubs: list[Any] = [StubTreq(bell.resource()) for bell in bells]
        bodies = [
            self.successResultOf(stub.text_content(self.successResultOf(stub.get(f"{HOME}/pitch")))) for stub in stubs
        ]
        self.assertEqual(bodies, ["1", "2"])

    def test_none(self) -> None:
        """A processor without routes has the two that all have."""
        self.assertEqual(self.ask("GET", "/healthz", Processor)[0], 200)
        self.assertEqual(self.ask("GET", "/pitch", Dial)[::2], (404, "404: Not Found\n"))

    def test_errors(self) -> None:
        """What werkzeug refuses is answered in the form of all refusals, with what belongs to it."""
        self.assertEqual(self.ask("GET", "/nope")[::2], (404, "404: Not Found\n"))
        self.assertEqual(self.ask("GET", "/missing")[0], 404)
        status, headers, _ = self.ask("POST", "/pitch")
        self.assertEqual((status, headers.getRawHeaders("Allow")), (405, ["GET, HEAD"]))
        status, headers, _ = self.ask("DELETE", "/healthz")
        self.assertEqual((status, headers.getRawHeaders("Allow")), (405, ["GET, HEAD"]))
        status, headers, _ = self.ask("POST", "/ring")
        self.assertEqual((status, headers.getRawHeaders("Location")), (308, [f"{HOME}/ring/"]))
        status, headers, body = self.ask("GET", "/nope", Accept="application/json")
        self.assertEqual(json.loads(body)["status"], 404)

    def test_not_utf8(self) -> None:
        """A path that is not UTF-8 is refused as all else is, and nothing is logged: it is a client's nonsense."""
        for path in ("/%ff", "/config/%ff", "/message/%c3", "/%ff/pitch"):
            for cls in (Bell, Shout, Dial):
                status, headers, body = self.ask("GET", path, cls)
                self.assertEqual((status, body), (400, "400: Bad Request: the path is not UTF-8\n"), path)
                self.assertEqual(headers.getRawHeaders("Content-Type"), ["text/plain; charset=utf-8"])
        _, headers, body = self.ask("GET", "/%ff", Accept="application/json")
        self.assertEqual(headers.getRawHeaders("Content-Type"), ["application/problem+json"])
        self.assertEqual(json.loads(body)["detail"], "the path is not UTF-8")
        self.assertEqual(self.ask("GET", "/%ff", Origin="http://evil.example")[0], 403)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_bad_host(self) -> None:
        """A Host that no host can have is refused as all else is where it is no reason to be refused before."""
        for host in ("a..b", "....", 300 * "a"):
            status, _, body = self.ask("GET", "/healthz", Host=host)
            self.assertEqual((status, body), (400, "400: Bad Request: the Host is no name that a host can have\n"))
            self.assertEqual(self.ask("GET", "/pitch", Host=host)[0], 403)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_own_errors(self) -> None:
        """A subclass's own handlers come first."""
        self.assertEqual(self.ask("GET", "/nope", Shout)[::2], (404, "NOTHING HERE"))

    def test_broken(self) -> None:
        """A route that raises is a 500 without a word on why."""
        status, _, body = self.ask("GET", "/broken")
        self.assertEqual(status, 500)
        self.assertNotIn("hush", body)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_head(self) -> None:
        """HEAD has the headers of GET."""
        status, headers, body = self.ask("HEAD", "/healthz")
        self.assertEqual((status, body), (200, ""))
        self.assertEqual(headers.getRawHeaders("Content-Type"), ["application/json"])

    def test_browser(self) -> None:
        """What a page in a browser sends is refused everywhere but for health."""
        for path in ("/config", "/pitch", "/nope"):
            self.assertEqual(self.ask("GET", path, Origin="http://evil.example")[0], 403)
        self.assertEqual(self.ask("GET", "/healthz", Origin="http://evil.example")[0], 200)


@frozen
class FakeRequest:
    """As much of a request as the rule looks at."""

    method: bytes
    path: bytes
    requestHeaders: Headers
    host: Any
    peer: Any

    def getHost(self) -> Any:
        """Give our end."""
        return self.host

    def getClientAddress(self) -> Any:
        """Give theirs."""
        return self.peer


class AccessTests(SynchronousTestCase):
    """Who may ask for what."""

    here = IPv4Address("TCP", "127.0.0.1", 49152)
    peer = IPv4Address("TCP", "127.0.0.1", 31337)

    def status(self, method: str = "GET", path: str = "/config", **fields: Any) -> int:
        """Give the status of the refusal, or 200.

        :param fields: headers, and the addresses of both ends as ``host`` and ``peer``.
        """
        ends = {"host": self.here, "peer": self.peer, **fields}
        headers = Headers({"Host": ["localhost:49152"]})
        for name, value in fields.items():
            if name not in ("host", "peer"):
                headers.setRawHeaders(name.replace("_", "-"), [value] if isinstance(value, str) else value)
        request: Any = FakeRequest(method.encode(), path.encode(), headers, ends["host"], ends["peer"])
        problem = objection(request)
        if problem is not None and problem.status == 401:
            self.assertEqual(problem.headers["WWW-Authenticate"], "Bearer")
        return 200 if problem is None else problem.status

    def test_local(self) -> None:
        """Who asks from this machine by one of its own names may do everything."""
        for name in ("localhost", "LocalHost", "127.0.0.1", "[::1]"):
            for method in ("GET", "POST", "DELETE"):
                self.assertEqual(self.status(method, Host=f"{name}:49152"), 200)
        self.assertEqual(self.status(host=IPv4Address("TCP", "127.0.0.5", 49152), Host="127.0.0.5:49152"), 200)
        six: dict[str, Any] = {"host": IPv6Address("TCP", "::1", 49152), "peer": IPv6Address("TCP", "::1", 1)}
        self.assertEqual(self.status(**six, Host="[::1]:49152"), 200)
        mapped: dict[str, Any] = {
            "host": IPv6Address("TCP", "::ffff:127.0.0.1", 49152),
            "peer": IPv6Address("TCP", "::ffff:127.0.0.1", 1),
        }
        self.assertEqual(self.status(**mapped), 200)

    def test_default_port(self) -> None:
        """On port 80 the name alone will do, elsewhere not."""
        self.assertEqual(self.status(host=IPv4Address("TCP", "127.0.0.1", 80), Host="localhost"), 200)
        self.assertEqual(self.status(Host="localhost"), 403)

    def test_elsewhere(self) -> None:
        """From elsewhere only ``GET /healthz`` is open."""
        far: dict[str, Any] = {"host": IPv4Address("TCP", "10.0.0.1", 49152), "peer": IPv4Address("TCP", "10.0.0.2", 1)}
        for path in ("/config", "/pitch", "/healthz/", "/Healthz", "/%68ealthz", "//healthz"):
            self.assertEqual(self.status(path=path, **far), 401, path)
        self.assertEqual(self.status("POST", "/healthz", **far), 401)
        self.assertEqual(self.status("GET", "/healthz", **far), 200)
        self.assertEqual(self.status("HEAD", "/healthz", **far), 200)

    def test_one_end(self) -> None:
        """Both ends of the connection are loopback, or it is from elsewhere."""
        self.assertEqual(self.status(peer=IPv4Address("TCP", "10.0.0.2", 1)), 401)
        self.assertEqual(self.status(host=IPv4Address("TCP", "10.0.0.1", 49152)), 401)
        self.assertEqual(self.status(peer=UNIXAddress("/x")), 401)
        self.assertEqual(self.status(peer=IPv4Address("TCP", "localhost", 1)), 401)

    def test_proxy(self) -> None:
        """A proxy on this machine speaks for somebody elsewhere."""
        for name in ("Forwarded", "X_Forwarded_For", "x_forwarded_host", "X_Real_IP", "Via"):
            self.assertEqual(self.status(**{name: "whoever"}), 401, name)

    def test_page(self) -> None:
        """The marks that a browser puts on a page's requests are refused; a typed address has none."""
        self.assertEqual(self.status(Origin="null"), 403)
        self.assertEqual(self.status(Origin="http://localhost:49152"), 403)
        self.assertEqual(self.status(Referer="http://evil.example/"), 403)
        for site in ("cross-site", "same-site", "same-origin", "None", ["none", "cross-site"]):
            self.assertEqual(self.status(Sec_Fetch_Site=site), 403, site)
        self.assertEqual(self.status(Sec_Fetch_Site="none"), 200)

    def test_rebinding(self) -> None:
        """A name that somebody had point here is not ours, nor is the wildcard address or another port."""
        for name in (
            "evil.example:49152",
            "0.0.0.0:49152",
            "localhost:8080",
            "localhost.:49152",
            "",
            "localhost:49152:1",
        ):
            self.assertEqual(self.status(Host=name), 403, name)
        self.assertEqual(self.status(Host=["localhost:49152", "localhost:49152"]), 403)
        self.assertEqual(self.status(Host=[]), 403)
