"""Who may ask a processor for what.

A request with a token is judged by that, wherever it comes from. Without one, who asks from this machine may do
everything that demands no scope, and from elsewhere only ``GET /healthz`` is open. A browser on this machine speaks for
whatever page it shows, and a proxy for whoever is behind it: neither passes for a local caller.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import ip_address

from twisted.internet.interfaces import IAddress
from twisted.web.iweb import IRequest

from ..errors import Unauthenticated, Unavailable
from ..tokens.allowed import ANY, allows
from ..tokens.verification import Claims
from ..urls import in_url
from ..wire.problems import Problem
from .callers import ANYONE, INITIATOR, LOCAL, Caller
from .peer_verifier import PeerVerifier

__all__ = ["OPEN", "admitted", "objection"]

#: Path and methods that anyone may use.
OPEN = (b"/healthz", (b"GET", b"HEAD"))

_GUID = re.compile("[0-9a-f]{32}")
_LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
_BROWSER = (b"Origin", b"Referer")
_PROXY = re.compile(rb"Forwarded|X-Forwarded-.*|X-Real-Ip|Via", re.IGNORECASE)


def admitted(request: IRequest, verifier: PeerVerifier, allow_from: Iterable[str] = (ANY,)) -> Caller | Problem:
    """Say who makes a request, or why it is not answered.

    :param allow_from: which processors may call.
    """
    if _is_open(request):
        return ANYONE
    credentials = request.requestHeaders.getRawHeaders(b"Authorization")
    if credentials is None:
        return objection(request) or LOCAL
    try:
        return _by_token(verifier, _bearer(credentials), allow_from)
    except Unauthenticated as error:
        challenge = f'Bearer realm="proactor", error="{error.reason}"'
        return Problem(401, str(error), headers={"WWW-Authenticate": challenge})
    except Unavailable as error:
        return Problem(503, str(error), headers={"Retry-After": str(error.retry_after)})


def _bearer(credentials: Sequence[bytes]) -> str:
    """The token of an ``Authorization`` header (RFC 6750, 2.1)."""
    if len(credentials) != 1:
        raise Unauthenticated("more than one Authorization header", "invalid_request")
    scheme, _, token = credentials[0].strip().partition(b" ")
    if scheme.lower() != b"bearer" or not token.strip():
        raise Unauthenticated("the Authorization header is not of the form: Bearer TOKEN", "invalid_request")
    return token.strip().decode("latin-1")


def _by_token(verifier: PeerVerifier, token: str, allow_from: Iterable[str]) -> Caller | Problem:
    claims = verifier.verify(token)
    if verifier.trust is not None and claims.guid == verifier.trust.issuer:
        return Caller(INITIATOR, scopes=claims.scope)
    if _GUID.fullmatch(claims.guid) is None:
        # An operator, by name.
        return Caller(claims.guid, scopes=claims.scope)
    if not allows(allow_from, claims.guid, claims.module, claims.labels):
        return Problem(
            403, f"this processor does not take calls from {claims.guid}: its option allow_from says from whom"
        )
    return _processor(claims)


def _processor(claims: Claims) -> Caller:
    return Caller(claims.guid, claims.guid, claims.module, claims.labels, claims.scope)


def _is_open(request: IRequest) -> bool:
    path, methods = OPEN
    return request.path == path and request.method in methods


def objection(request: IRequest) -> Problem | None:
    """Say why a request without a token is not answered, if it is not: 401 for a stranger's, 403 for a browser's."""
    if _is_open(request):
        return None
    if not _is_local(request) or _is_forwarded(request):
        return Problem(
            401, "from elsewhere only GET /healthz is open without a token", headers={"WWW-Authenticate": "Bearer"}
        )
    return _browser_objection(request)


def _is_loopback(address: IAddress) -> bool:
    try:
        ip = ip_address(getattr(address, "host", "") or "")
    except ValueError:
        return False
    return (getattr(ip, "ipv4_mapped", None) or ip).is_loopback


def _is_local(request: IRequest) -> bool:
    """Whether both ends of the connection are loopback."""
    return _is_loopback(request.getClientAddress()) and _is_loopback(request.getHost())


def _is_forwarded(request: IRequest) -> bool:
    return any(_PROXY.fullmatch(name) for name, _ in request.requestHeaders.getAllRawHeaders())


def _browser_objection(request: IRequest) -> Problem | None:
    """Refuse what a page in a browser can bring about: by its marks, or by a name that it had point here.

    The name is how a page gets past a browser's own rule, by letting it resolve to loopback (DNS rebinding); such a
    request of the page to "its own" host bears no mark.
    """
    headers = request.requestHeaders
    if any(headers.hasHeader(name) for name in _BROWSER):
        return Problem(403, "a request from a web page: there is an Origin or a Referer")
    if any(site != b"none" for site in headers.getRawHeaders(b"Sec-Fetch-Site", [])):
        return Problem(403, "a request from a web page: Sec-Fetch-Site is not none")
    hosts = [host.decode("latin-1").lower() for host in headers.getRawHeaders(b"Host", [])]
    if len(hosts) != 1 or hosts[0] not in _own_names(request.getHost()):
        return Problem(403, "the Host is none of this processor's own names")
    return None


def _own_names(here: IAddress) -> set[str]:
    port = getattr(here, "port", 0)
    own = str(getattr(here, "host", ""))
    names = {*_LOCAL_NAMES, in_url(own)}
    return {f"{name}:{port}" for name in names} | (names if port == 80 else set())
