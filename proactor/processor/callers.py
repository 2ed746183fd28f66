"""Who calls a processor, as a value that its routes can ask for, and the scopes that they may demand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar, cast

from attrs import field, frozen
from klein import Klein
from twisted.web.iweb import IRequest
from zope.interface import Interface, implementer

from ..tokens.allowed import is_scope
from ..wire.problems import Problem, write_problem

__all__ = ["ANYONE", "INITIATOR", "LOCAL", "Caller", "ICaller", "caller", "check_scopes", "scope"]

_MARK = "_proactor_scopes"

_Route = TypeVar("_Route", bound=Callable[..., Any])


class ICaller(Interface):
    """Who makes a request: a component of that."""


@implementer(ICaller)
@frozen
class Caller:
    """Who makes a request.

    :param name: a processor's guid; ``operator (NAME)``; ``initiator``; ``local`` for a program on this machine that
        showed no token; ``anyone``.
    :param guid: of a processor; ``None`` of everybody else.
    :param module: the processor's, and its ``labels``.
    :param scopes: those that its token has.
    """

    name: str
    guid: str | None = None
    module: str | None = None
    labels: Mapping[str, str] = field(factory=dict)
    scopes: frozenset[str] = frozenset()


LOCAL, ANYONE = Caller("local"), Caller("anyone")
#: What the initiator is called.
INITIATOR = "initiator"


def caller(request: IRequest) -> Caller:
    """Tell who makes a request."""
    return cast(Any, request).getComponent(ICaller, ANYONE) or ANYONE


def scope(*needed: str) -> Callable[[_Route], _Route]:
    """Have a route answer those alone whose token has these scopes; it goes between ``@app.route`` and the method::

        @app.route("/picture", methods=["PUT"])
        @scope("picture:write")
        def put(self, request): ...

    Who shows no token is refused, on the same machine too: 401; who shows one without them: 403 (RFC 6750).

    :raises ValueError: that can be no scope.
    """
    if not needed or not all(map(is_scope, needed)):
        raise ValueError(f"{' '.join(needed)!r}: a scope is of letters, digits and . _ : / -")

    def decorate(route: _Route) -> _Route:
        @wraps(route)
        def guarded(self: Any, request: IRequest, *args: Any, **kwargs: Any) -> Any:
            problem = lacking(caller(request), frozenset(needed))
            return route(self, request, *args, **kwargs) if problem is None else write_problem(request, problem)

        setattr(guarded, _MARK, needed)
        return cast(_Route, guarded)

    return decorate


def check_scopes(app: Klein, cls: type) -> None:
    """See that no scope of a class stands above its route, where it would keep nobody out.

    :raises TypeError: one does; names it.
    """
    routed = {id(getattr(endpoint, "__original__", None)) for endpoint in app.endpoints.values()}
    for name, method in vars(cls).items():
        if hasattr(method, _MARK) and id(method.__wrapped__) in routed:
            raise TypeError(f"{cls.__name__}.{name}: @scope must stand below @app.route")


def lacking(who: Caller, needed: frozenset[str]) -> Problem | None:
    """Say what somebody lacks who asks for what needs some scopes, if anything."""
    if needed <= who.scopes:
        return None
    wanted = " ".join(sorted(needed))
    if who in (LOCAL, ANYONE):
        challenge = f'Bearer realm="proactor", scope="{wanted}"'
        return Problem(401, f"this needs a token with the scope {wanted}", headers={"WWW-Authenticate": challenge})
    challenge = f'Bearer realm="proactor", error="insufficient_scope", scope="{wanted}"'
    return Problem(403, f"this needs the scope {wanted}", headers={"WWW-Authenticate": challenge})
