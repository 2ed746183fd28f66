"""Klein's routes, answered without what Klein makes for each request.

Klein's own resource binds the map of its routes anew for each request, and leaves behind closures that hold one another
and the request. Of requests that were held for long, as those for a configuration are, only a collection of all garbage
finds them; with many processors that stops the initiator for a second, every few seconds.
"""

# mypy: allow-untyped-calls
# (what is inherited from Twisted here has no annotations)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from klein import Klein
from klein.resource import KleinResource
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from twisted.web.server import NOT_DONE_YET
from werkzeug.exceptions import NotFound

from ..errors import Malformed
from .turns import Turns

log = Logger(namespace="proactor.web")


class App(Klein):
    """Routes.

    :param failed: sets status and headers of the answer to a request that failed, and gives its body.
    :param turns: taken by what comes on the connections that have joined them.
    """

    def __init__(self, failed: Callable[[IRequest, Failure], bytes], turns: Turns | None = None) -> None:
        super().__init__()
        self.url_map.merge_slashes = False  # a path with an empty segment is another one (RFC 3986, 3.3)
        self._failed = failed
        self._turns = turns

    def resource(self) -> KleinResource:
        """What serves them."""
        return _Routed(self, self._failed, self._turns)


class _Routed(KleinResource):
    """Calls the endpoint of a request; one whose caller hangs up is cancelled, wherever it waits."""

    def __init__(self, app: Klein, failed: Callable[[IRequest, Failure], bytes], turns: Turns | None) -> None:
        super().__init__(app)
        self._map = app.url_map.bind("")
        self._failed = failed
        self._turns = turns

    def render(self, request: Any) -> Any:
        """Answer, now or later."""
        ended: Deferred[None] = request.notifyFinish()
        answered = Deferred.fromCoroutine(self._answer(request, ended))
        ended.addErrback(lambda _: answered.cancel())
        answered.addErrback(lambda failure: log.failure("Answering a request", failure))
        return NOT_DONE_YET

    async def _answer(self, request: Any, ended: Deferred[None]) -> None:
        try:
            if self._turns is not None and self._turns.joined(request.channel):
                await self._turns.wait()
            body = await self._called(request)
        except Exception:  # noqa: BLE001 - whatever it is, the caller is told as much as is good for it
            self._tell(request, Failure(), ended.called)
            return
        if not ended.called:
            request.write(body)
            request.finish()

    def _called(self, request: Any) -> Any:
        try:
            segments = [segment.decode() for segment in request.postpath]
        except UnicodeDecodeError:
            raise Malformed("the path is not UTF-8") from None
        # The map would take both for what they are not: it drops slashes at the beginning, and %2F parts nothing.
        if (len(segments) > 1 and not segments[0]) or any("/" in segment for segment in segments):
            raise NotFound
        endpoint, parameters = self._map.match("/".join(["", *segments]), request.method.decode("ascii"))
        return self._app.execute_endpoint(endpoint, request, **parameters)

    def _tell(self, request: Any, failure: Failure, has_gone: bool) -> None:
        if has_gone:
            if not failure.check(CancelledError):
                log.failure("{path}, whose caller has gone", failure, path=request.path.decode("ascii", "replace"))
        elif request.startedWriting:
            # Which cuts it off: nobody is to take half an answer for the whole.
            request.processingFailed(failure)
        else:
            request.write(self._failed(request, failure))
            request.finish()
