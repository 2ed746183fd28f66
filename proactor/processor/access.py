"""Who may ask a processor for what.

Who asks from this machine may do everything; from elsewhere only ``GET /healthz`` is open. A browser on this machine
speaks for whatever page it shows, and a proxy for whoever is behind it: neither passes for a local caller.
"""

from __future__ import annotations

import re
from ipaddress import ip_address

from twisted.internet.interfaces import IAddress
from twisted.web.iweb import IRequest

from ..problems import Problem

__all__ = ["OPEN", "objection"]

#: Path and methods that anyone may use.
OPEN = (b"/healthz", (b"GET", b"HEAD"))

_LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
_BROWSER = (b"Origin", b"Referer")
_PROXY = re.compile(rb"Forwarded|X-Forwarded-.*|X-Real-Ip|Via", re.IGNORECASE)


def objection(request: IRequest) -> Problem | None:
    """Say why a request is not answered, if it is not: 401 for who is not known, 403 for a browser's."""
    path, methods = OPEN
    if request.path == path and request.method in methods:
        return None
    if not _is_local(request) or _is_forwarded(request):
        return Problem(401, "from elsewhere only GET /healthz is open", headers={"WWW-Authenticate": "Bearer"})
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
    names = {*_LOCAL_NAMES, f"[{own}]" if ":" in own else own}
    return {f"{name}:{port}" for name in names} | (names if port == 80 else set())
