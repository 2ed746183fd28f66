from __future__ import annotations

import ast
import inspect
import os

from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from proactor.errors import Forbidden, ProactorError, Unauthenticated
from proactor.tokens.failed_attempts import ALLOWED
from proactor.tokens.issuing import Claims
from proactor.web import callers
from proactor.web.callers import Connection, Identifier, Operator, ProcessorCaller, learn

from ..support.examples import examples
from ..support.http import Response, as_form
from ..support.rig import LOCAL, OPERATOR, Rig

UID = os.geteuid()
CLAIMS = Claims("a" * 32, "b" * 32, 0.0, 300.0, 1, "c")
PROCESSOR = "processor-token"


def verify(token: str, _late: bool) -> Claims:
    if token != PROCESSOR:
        raise Unauthenticated("this token is not valid", "invalid_token")
    return CLAIMS


IDENTIFIER = Identifier(OPERATOR, UID, verify, lambda: "local", "/home/me/operator.token")

#: Each of these alone makes a request another than one of an operator on this machine: its status, and the headers.
FORBIDDEN: dict[str, list[tuple[str, str | None]]] = {
    "no Host": [("Host", None)],
    "foreign Host": [("Host", "evil.example:8080")],
    "Host that begins like ours": [("Host", "localhost.evil.example:8080")],
    "Host that ends like ours": [("Host", "evil.localhost:8080")],
    "Host with another port": [("Host", "localhost:8081")],
    "Host without a port": [("Host", "localhost")],
    "Host that is another loopback address": [("Host", "127.0.0.2:8080")],
    "Host with a name in it": [("Host", "evil@localhost:8080")],
    "two Hosts": [("Host", "localhost:8080")],
    "two Hosts, one foreign": [("Host", "evil.example:8080")],
    "Origin": [("Origin", "http://localhost:8080")],
    "Origin of null": [("Origin", "null")],
    "Origin of none": [("Origin", "")],
    "Referer": [("Referer", "http://localhost:8080/")],
    "Cookie": [("Cookie", "a=b")],
    "Sec-Fetch-Site": [("Sec-Fetch-Site", "same-origin")],
    "Sec-Fetch-Site cross": [("Sec-Fetch-Site", "cross-site")],
    "Sec-Fetch-Mode": [("Sec-Fetch-Mode", "cors")],
    "Sec-Fetch-Dest": [("Sec-Fetch-Dest", "empty")],
    "Sec-Fetch-Site twice": [("Sec-Fetch-Site", "none"), ("Sec-Fetch-Site", "cross-site")],
    "Forwarded": [("Forwarded", "for=192.0.2.1")],
    "X-Forwarded-For": [("X-Forwarded-For", "127.0.0.1")],
    "X-Forwarded-Host": [("x-forwarded-host", "localhost:8080")],
    "X-Forwarded-Anything": [("X-Forwarded-Anything", "1")],
    "X-Real-IP": [("X-Real-IP", "127.0.0.1")],
    "Via": [("Via", "1.1 proxy")],
}
TWICE = ("two Hosts", "two Hosts, one foreign")
UNAUTHENTICATED = {
    "another user": evolve(LOCAL, uid=UID + 1),
    "a user that is not known": evolve(LOCAL, uid=None),
    "not both ends on this machine": evolve(LOCAL, loopback=False),
    "a connection of which nothing is known": None,
}

names = st.sampled_from(["Origin", "Referer", "Cookie", "Forwarded", "Via", "X-Real-IP", "Sec-Fetch-Site", "Accept"])
words = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=12)
prefixes = st.sampled_from(["X-Forwarded-", "Sec-Fetch-", "X-", "Forwarded-"])
hosts = st.sampled_from(["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST:8080", "localhost", "a:8080"])
headers_sent = st.lists(
    st.one_of(
        st.tuples(names, st.one_of(st.just("none"), words)),
        st.tuples(st.builds("{}{}".format, prefixes, st.from_regex("[A-Za-z]{1,6}", fullmatch=True)), words),
        st.tuples(st.just("Host"), hosts),
    ),
    max_size=5,
)
connections = st.builds(Connection, st.just(8080), st.booleans(), st.sampled_from([UID, UID + 1, None]))


def made(*pairs: tuple[str, str | None], host: str | None = "localhost:8080") -> Headers:
    headers = Headers()
    if host is not None:
        headers.addRawHeader("Host", host)
    for name, value in pairs:
        if value is not None:
            headers.addRawHeader(name, value)
    return headers


def altered(name: str) -> Headers:
    """The headers of a request from this machine, but for one thing."""
    changes = FORBIDDEN[name]
    keep = name in TWICE or changes[0][0] != "Host"
    return made(*changes, host="localhost:8080" if keep else None)


def bearer(value: str) -> Headers:
    return made(("Authorization", value))


class LocalTests(SynchronousTestCase):
    """Who needs no token."""

    def test_plain(self) -> None:
        """Code of the same user on this machine is an operator, by each of our names, and whatever else curl sends."""
        for host in ("localhost:8080", "127.0.0.1:8080", "[::1]:8080", "LocalHost:8080"):
            headers = made(("User-Agent", "curl/8"), ("Accept", "*/*"), ("Sec-Fetch-Site", "none"), host=host)
            self.assertEqual(IDENTIFIER.identify(headers, LOCAL), Operator("local"))

    def test_usual_port(self) -> None:
        """At port 80 no client names the port."""
        at_80 = evolve(LOCAL, port=80)
        for host in ("localhost", "localhost:80", "[::1]"):
            self.assertEqual(IDENTIFIER.identify(made(host=host), at_80), Operator("local"))
        self.assertRaises(Forbidden, IDENTIFIER.identify, made(host="localhost:8080"), at_80)

    def test_each_header_alone(self) -> None:
        """Each mark of a browser, a proxy or a stranger's name for this machine alone is enough to be refused."""
        for name in FORBIDDEN:
            error = self.assertRaises(Forbidden, IDENTIFIER.identify, altered(name), LOCAL)
            self.assertIn("send a token", str(error))

    def test_each_fact_alone(self) -> None:
        """So is each fact of the connection that is not as it must be."""
        for name, connection in UNAUTHENTICATED.items():
            error = self.assertRaises(Unauthenticated, IDENTIFIER.identify, made(), connection)
            self.assertEqual(error.reason, "", name)

    def test_switched_off(self) -> None:
        """With ``operator_auth = token``, as it stands at that moment, nobody is an operator without."""
        mode = ["local"]
        identifier = evolve(IDENTIFIER, mode=lambda: mode[0])
        self.assertEqual(identifier.identify(made(), LOCAL), Operator("local"))
        mode[0] = "token"
        self.assertRaises(Unauthenticated, identifier.identify, made(), LOCAL)
        self.assertEqual(identifier.identify(bearer(f"Bearer {OPERATOR}"), LOCAL), Operator("token"))

    @examples(300)
    @given(pairs=headers_sent, connection=st.none() | connections, mode=st.sampled_from(["local", "token"]))
    @example(pairs=[("Host", "localhost:8080"), ("Sec-Fetch-Mode", "none")], connection=LOCAL, mode="local")
    @example(pairs=[("Host", "localhost:8080")], connection=LOCAL, mode="token")
    def test_any(self, pairs: list[tuple[str, str]], connection: Connection | None, mode: str) -> None:
        """Whatever is sent from wherever: an operator is who keeps every single rule, and nobody else."""
        by_name: dict[str, list[str]] = {}
        for name, value in pairs:
            by_name.setdefault(name.lower(), []).append(value.strip())
        ours = [name + ":8080" for name in ("localhost", "127.0.0.1", "[::1]")]
        rules = [
            mode == "local",
            connection is not None and connection.loopback and connection.uid == UID,
            [host.lower() for host in by_name.get("host", [])] in [[host] for host in ours],
            by_name.keys().isdisjoint({"origin", "referer", "cookie", "forwarded", "x-real-ip", "via"}),
            not any(name.startswith("x-forwarded-") for name in by_name),
            all(values == ["none"] for name, values in by_name.items() if name.startswith("sec-fetch-")),
        ]
        try:
            who: object = evolve(IDENTIFIER, mode=lambda: mode).identify(made(*pairs, host=None), connection)
        except (Forbidden, Unauthenticated):
            who = None
        self.assertEqual(who, Operator("local") if all(rules) else None)

    def test_remedy(self) -> None:
        """Who is refused is told which command would work: here with the file, elsewhere without a path of ours."""
        here = self.assertRaises(Unauthenticated, IDENTIFIER.identify, made(), evolve(LOCAL, uid=0xFFFF))
        self.assertIn('"$(cat /home/me/operator.token)" | curl -H @- ...', str(here))
        away = self.assertRaises(Unauthenticated, IDENTIFIER.identify, made(), evolve(LOCAL, loopback=False))
        self.assertIn("the file operator.token in the initiator's home", str(away))
        self.assertNotIn("/home/me", str(away))


class BearerTests(SynchronousTestCase):
    """Who sends a token."""

    def refusal(self, *values: str, connection: Connection | None = LOCAL) -> Unauthenticated:
        headers = made(*(("Authorization", value) for value in values))
        error: Unauthenticated = self.assertRaises(Unauthenticated, IDENTIFIER.identify, headers, connection)
        return error

    def test_operator(self) -> None:
        """The operator's token is an operator's from wherever it comes, a browser and a proxy included."""
        for scheme in ("Bearer ", "bearer ", "BEARER  "):
            headers = made(("Authorization", scheme + OPERATOR), ("Origin", "http://a"), ("Via", "b"), host="c")
            for connection in (LOCAL, None, Connection(1, False, None)):
                self.assertEqual(IDENTIFIER.identify(headers, connection), Operator("token"))

    def test_processor(self) -> None:
        """A processor's token is that processor's; the caller's ``repr`` does not hold it."""
        caller = IDENTIFIER.identify(bearer(f"Bearer {PROCESSOR}"), None)
        self.assertEqual(caller, ProcessorCaller(CLAIMS, PROCESSOR))
        self.assertNotIn(PROCESSOR, repr(caller))
        self.assertNotIn(OPERATOR, repr(IDENTIFIER))

    def test_token_that_does_not_hold(self) -> None:
        """Who sends a bad token gets no further for being on this machine."""
        self.assertEqual(self.refusal("Bearer nonsense").reason, "invalid_token")
        self.assertEqual(self.refusal(f"Bearer {OPERATOR}x").reason, "invalid_token")
        self.assertEqual(self.refusal(f"Bearer {OPERATOR[:-1]}").reason, "invalid_token")
        self.assertEqual(self.refusal("Bearer \xe9\xff").reason, "invalid_token")

    def test_other_schemes(self) -> None:
        """No other scheme is read, and no malformed header is passed over."""
        for value in (
            "Basic dTpw",
            "Digest a=b",
            "",
            "Bearer",
            "Bearer ",
            OPERATOR,
            f"Bearer{OPERATOR}",
            f"Token {OPERATOR}",
        ):
            self.assertEqual(self.refusal(value).reason, "invalid_request", value)

    def test_two_headers(self) -> None:
        """Two Authorization headers are refused, the right one among them or not."""
        right = f"Bearer {OPERATOR}"
        for values in ((right, right), (right, "Bearer x"), ("Bearer x", right)):
            self.assertEqual(self.refusal(*values).reason, "invalid_request")

    @examples(200)
    @given(value=st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=60))
    def test_any_other_value(self, value: str) -> None:
        """Whatever else is sent: nobody, never an exception of another kind."""
        headers = Headers()
        headers.addRawHeader(b"Authorization", value.encode("latin-1"))
        self.assertRaises(Unauthenticated, IDENTIFIER.identify, headers, LOCAL)

    def test_constant_time(self) -> None:
        """How long a comparison takes says nothing about the operator's token: it is never compared with ``==``."""
        tree = ast.parse(inspect.getsource(callers))
        comparisons = [node for node in ast.walk(tree) if isinstance(node, ast.Compare)]
        self.assertEqual([ast.unparse(node) for node in comparisons if "operator_token" in ast.unparse(node)], [])
        calls = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Call)]
        self.assertIn("hmac.compare_digest(token, self.operator_token.encode())", calls)


class ConnectionTests(SynchronousTestCase):
    """What is learned of a connection."""

    def learned(self, host: object, peer: object) -> Connection:
        return learn(StringTransport(hostAddress=host, peerAddress=peer))

    def test_loopback(self) -> None:
        """Loopback is told by both ends; a connection that the kernel does not know has no user."""
        here, away = IPv4Address("TCP", "127.0.0.1", 8080), IPv4Address("TCP", "192.0.2.1", 1)
        self.assertEqual(self.learned(here, IPv4Address("TCP", "127.0.0.9", 1)), Connection(8080, True, None))
        self.assertEqual(self.learned(here, away), Connection(8080, False, None))
        self.assertEqual(self.learned(away, here), Connection(1, False, None))
        six = IPv6Address("TCP", "::1", 8080)
        self.assertEqual(self.learned(six, IPv6Address("TCP", "::1", 1)), Connection(8080, True, None))
        self.assertEqual(self.learned(six, IPv6Address("TCP", "2001:db8::1", 1)), Connection(8080, False, None))

    def test_no_address(self) -> None:
        """What is no TCP connection is not loopback."""
        unix = UNIXAddress("/run/a")
        self.assertEqual(self.learned(unix, unix), Connection(0, False, None))


class OverHttpTests(SynchronousTestCase):
    """The same rules, through the site."""

    def setUp(self) -> None:
        self.rig = Rig(self)

    def ask(self, name: str | None = None) -> tuple[int, str]:
        pairs = [] if name is None else [(key, value) for key, value in FORBIDDEN[name] if value is not None]
        exchange = self.rig.begin("GET /job", token=None, facts=LOCAL, headers=pairs, accept=None)
        return exchange.response.status, exchange.response.text

    def test_as_curl_asks(self) -> None:
        """``curl localhost:8080/job`` is answered."""
        self.assertEqual(self.ask()[0], 200)

    def test_marks(self) -> None:
        """A page in a browser and a proxy get 403 and one line."""
        for name in FORBIDDEN:
            if "Host" not in name or name == "X-Forwarded-Host":
                status, text = self.ask(name)
                self.assertEqual((status, text[:15], text.count("\n")), (403, "403: Forbidden:", 1), name)

    def test_challenge(self) -> None:
        """A 401 has a challenge (RFC 6750): an error in it only where something was sent."""
        answer = self.rig.ask("GET /job", token=None)
        self.assertEqual((answer.status, answer.headers["www-authenticate"]), (401, 'Bearer realm="proactor"'))
        answer = self.rig.ask("GET /job", token="nonsense")
        challenge = 'Bearer realm="proactor", error="invalid_token"'
        self.assertEqual((answer.status, answer.headers["www-authenticate"]), (401, challenge))
        self.assertNotIn("nonsense", answer.text)

    def test_expired(self) -> None:
        """A processor's token holds so long and no longer."""
        job = self.rig.create()
        token = self.rig.token(job)
        self.assertEqual(self.rig.ask(f"GET /job/{job.guid}", token=token).status, 200)
        self.rig.clock.advance(360)
        answer = self.rig.ask(f"GET /job/{job.guid}", token=token)
        self.assertEqual((answer.status, answer.json()["detail"]), (401, "this token has expired"))

    def test_errors_tell_no_token(self) -> None:
        """No refusal repeats a token."""
        job = self.rig.create()
        for token in (OPERATOR + "x", self.rig.token(job)[:-3] + "abc", "x" * 9000):
            error = self.assertRaises(ProactorError, self.rig.initiator.exchange.identify, token)
            self.assertNotIn(token[:20], str(error))


class FailedAttemptTests(SynchronousTestCase):
    """Tokens that do not hold, one after the other."""

    def setUp(self) -> None:
        self.rig = Rig(self)

    def ask(self, token: str | None, peer: str = "192.0.2.1") -> Response:
        headers = [("Accept", "application/json")]
        return self.rig.client.begin("GET /job", token=token, headers=headers, peer=peer).response

    def attempt(self, times: int) -> Response:
        return [self.ask("nonsense" + "x" * 30) for _ in range(times)][-1]

    def test_put_off(self) -> None:
        """After some mistakes an address is answered 429, and told when another try makes sense."""
        self.assertEqual(self.attempt(ALLOWED).status, 401)
        answer = self.attempt(1)
        self.assertEqual((answer.status, answer.headers["retry-after"]), (429, "1"))
        self.assertIn("send one that does", answer.json()["detail"])
        self.rig.clock.advance(2)
        self.assertEqual(self.attempt(1).status, 401)

    def test_who_has_a_token(self) -> None:
        """Whoever has a token that holds is served, from that very address, as if nothing were; so is a processor."""
        job = self.rig.create()
        named = self.rig.ask("POST /tokens", **as_form(name="ci", scopes="read")).json()["token"]
        self.attempt(1000)
        self.assertEqual([self.ask(token).status for token in (OPERATOR, named)], [200, 200])
        own = self.rig.client.begin(f"GET /job/{job.guid}", token=self.rig.token(job), peer="192.0.2.1").response
        self.assertEqual(own.status, 200)
        self.assertEqual(self.ask("nonsense").status, 429)

    def test_elsewhere(self) -> None:
        """So is who tries from elsewhere, who sends no token, and who asks what anyone may."""
        self.attempt(1000)
        self.assertEqual([self.ask("nonsense", "192.0.2.2").status, self.ask(None).status], [401, 401])
        self.assertEqual(self.rig.client.begin("GET /healthz", token="nonsense", peer="192.0.2.1").response.status, 200)

    def test_without_a_token(self) -> None:
        """Who sends none tries nothing: that is not counted, and is not in the log."""
        with capturedLogs() as events:
            self.assertEqual({self.ask(None).status for _ in range(ALLOWED + 5)}, {401})
        self.assertEqual(list(events), [])

    def test_log(self) -> None:
        """The log has address and reason, never the token, and does not grow with the storm."""
        secret = "hunter2" * 6
        with capturedLogs() as events:
            for _ in range(500):
                self.ask(secret)
            self.rig.clock.advance(60)
        lines = [formatEvent(event) for event in events]
        self.assertIn("Refused a credential from 192.0.2.1: ", lines[0])
        self.assertLess(len(lines), 20)
        self.assertNotIn("hunter2", str(list(events)))
