"""Who asks: an operator, a processor, or nobody that is known. And whether the table lets them."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping

from attrs import field, frozen
from twisted.internet.interfaces import ITransport
from twisted.web.http_headers import Headers

from ..errors import Forbidden, InsufficientScope, Unauthenticated
from ..tokens.operators import EVERYTHING, NamedToken, Scope, in_order
from ..tokens.verification import Claims
from ..wire.sockdiag import connection_uid, is_loopback
from .table import Route, Who

_MARKS_OF_PROXIES = (b"Forwarded", b"X-Real-IP", b"Via")
_MARKS_OF_BROWSERS = (b"Origin", b"Referer", b"Cookie")


@frozen
class Operator:
    """A person or script that controls the initiator.

    :param how: ``token``, or ``local`` for code that runs as the operator on this machine; else the name of the token.
    :param scopes: what they may.
    """

    how: str
    scopes: frozenset[Scope] = EVERYTHING

    @property
    def name(self) -> str:
        """For the record of who changed what."""
        return f"operator ({self.how})"


@frozen
class ProcessorCaller:
    """A processor, by its token."""

    claims: Claims
    token: str = field(repr=False)

    @property
    def name(self) -> str:
        """For the record of who changed what."""
        return f"processor {self.claims.guid}"


@frozen
class Anonymous:
    """Anyone else, where the route asks for nothing."""

    name: str = "anyone"


Caller = Operator | ProcessorCaller | Anonymous


@frozen
class Connection:
    """What is known of a connection since it was accepted.

    :param port: ours.
    :param uid: of the process at its other end, where that is on this machine and the kernel said so.
    """

    port: int
    loopback: bool
    uid: int | None


def learn(transport: ITransport) -> Connection:
    """Ask the kernel who connected; to be called when a connection is accepted."""
    local, peer = transport.getHost(), transport.getPeer()
    loopback = is_loopback(getattr(local, "host", "")) and is_loopback(getattr(peer, "host", ""))
    return Connection(getattr(local, "port", 0), loopback, connection_uid(transport) if loopback else None)


@frozen
class Identifier:
    """Tells who asks.

    :param operator_token: that of this initiator.
    :param uid: the initiator's own.
    :param processor: whose token it is, which may have expired or not; raises where it is none that holds.
    :param named: which of operators' tokens that have names it is, if any; raises where that does not hold any more.
    :param mode: ``operator_auth`` at this moment.
    :param token_file: where the operator's token is, for the words of a 401.
    """

    operator_token: str = field(repr=False)
    uid: int
    processor: Callable[[str, bool], Claims]
    mode: Callable[[], str]
    token_file: str
    named: Callable[[str], NamedToken | None] = lambda _: None

    def identify(self, headers: Headers, connection: Connection | None, late: bool = False) -> Caller:
        """Who asks.

        :param late: whether a processor's last token will do though it has expired.
        :raises Unauthenticated: nobody that is known.
        :raises Forbidden: a browser or a proxy, from a place from where an operator would need no token.
        """
        credentials = headers.getRawHeaders(b"Authorization")
        if credentials is None:
            return self._local(headers, connection)
        if len(credentials) != 1:
            raise Unauthenticated("more than one Authorization header: send one", "invalid_request")
        scheme, _, token = credentials[0].strip().partition(b" ")
        token = token.strip()
        if scheme.lower() != b"bearer" or not token:
            raise Unauthenticated("the Authorization header is not of the form: Bearer TOKEN", "invalid_request")
        if hmac.compare_digest(token, self.operator_token.encode()):
            return Operator("token")
        text = token.decode("latin-1")
        named = self.named(text)
        if named is not None:
            return Operator(named.name, named.scopes)
        return ProcessorCaller(self.processor(text, late), text)

    def _local(self, headers: Headers, connection: Connection | None) -> Operator:
        if self.mode() != "local" or connection is None or not connection.loopback:
            raise Unauthenticated(f"no token was sent; {self._remedy(connection)}")
        _refuse_browsers(headers)
        _check_host(headers, connection.port)
        if connection.uid is None or connection.uid != self.uid:
            raise Unauthenticated(f"you are not the user whom the initiator runs as; {self._remedy(connection)}")
        return Operator("local")

    def _remedy(self, connection: Connection | None) -> str:
        if connection is None or not connection.loopback:
            return "send that of the file operator.token in the initiator's home as: Authorization: Bearer TOKEN"
        return (
            "send the operator's token: printf 'Authorization: Bearer %s' "
            f'"$(cat {self.token_file})" | curl -H @- ...'
        )


def _refuse_browsers(headers: Headers) -> None:
    """Keep out who speaks for somebody else: a page in a browser, a client behind a proxy."""
    names = [name for name, _ in headers.getAllRawHeaders()]
    lowered = {name.lower() for name in names}
    for mark in (*_MARKS_OF_BROWSERS, *_MARKS_OF_PROXIES):
        if mark.lower() in lowered:
            raise Forbidden(f"a request with {mark.decode()} is not from an operator on this machine: send a token")
    for name in names:
        low = name.lower()
        sent_by_page = low.startswith(b"sec-fetch-") and headers.getRawHeaders(name) != [b"none"]
        if sent_by_page or low.startswith(b"x-forwarded-"):
            shown = name.decode("latin-1")
            raise Forbidden(f"a request with {shown} is not from an operator on this machine: send a token")


def _check_host(headers: Headers, port: int) -> None:
    """Keep out who came by a name that a stranger pointed at this machine (DNS rebinding)."""
    hosts = headers.getRawHeaders(b"Host") or []
    allowed = {f"{name}:{port}" for name in ("localhost", "127.0.0.1", "[::1]")}
    if port in (80, 443):
        allowed |= {"localhost", "127.0.0.1", "[::1]"}
    if len(hosts) != 1 or hosts[0].decode("latin-1").lower() not in allowed:
        raise Forbidden(f"this Host is none of {', '.join(sorted(allowed))}: use one of them, or send a token")


def authorize(route: Route, caller: Operator | ProcessorCaller, parameters: Mapping[str, str]) -> None:
    """See that the table lets a caller use a route.

    :raises Forbidden: it does not.
    """
    if isinstance(caller, Operator):
        if Who.OPERATOR not in route.who:
            raise Forbidden("this is for the processor itself, not for operators")
        _check_scope(route.scope, caller)
        return
    if Who.PROCESSOR in route.who:
        return
    if Who.ITSELF not in route.who:
        raise Forbidden("this is for operators, not for processors")
    if caller.claims.guid not in (parameters.get("guid"), parameters.get("section")):
        raise Forbidden("a processor's token opens what is its own, and this is another's")


def _check_scope(scope: Scope, caller: Operator) -> None:
    if scope in caller.scopes:
        return
    if scope is Scope.ALL:
        raise InsufficientScope("this is for the operator's own token alone, that of operator.token")
    may = ", ".join(in_order(caller.scopes))
    raise InsufficientScope(f"this needs the scope {scope.value}; the token {caller.how} has: {may}", scope.value)
