"""What a refused caller reads: an RFC 9457 problem document for programs, one line for people with curl.

Plain functions over Twisted's headers and requests: shared by the wire, the initiator and the processors.
"""

from __future__ import annotations

import json as json_text
import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus

from attrs import field, frozen
from twisted.web.http_headers import Headers
from twisted.web.iweb import IRequest

_JSON = re.compile(r"application/json|[^/\s]+/[^/\s]+\+json")
_QUALITY = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")
_PHRASES = {  # RFC 9110's names, which http.HTTPStatus has from Python 3.13 on only
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}


@frozen
class Problem:
    """One refusal.

    :param status: the HTTP status.
    :param detail: what is wrong here and what would be right; may be empty. Holds no secret.
    :param extra: further members of the document (RFC 9457, 3.2); they do not replace the standard ones.
    :param headers: further headers of the answer, such as ``Retry-After``.
    """

    status: int
    detail: str = ""
    extra: Mapping[str, object] = field(factory=dict)
    headers: Mapping[str, str] = field(factory=dict)

    @property
    def title(self) -> str:
        """The status in words, as RFC 9110 has them."""
        return phrase(self.status)


def phrase(status: int) -> str:
    """Return the reason phrase of a status, as RFC 9110 has it."""
    try:
        return _PHRASES.get(status) or HTTPStatus(status).phrase
    except ValueError:
        return "Unknown Status"


def wants_json(headers: Headers) -> bool:
    """Tell whether the caller asked for JSON in so many words (RFC 9110, 12.5.1).

    It did if its ``Accept`` lists ``application/json`` or some ``+json`` type, not at a lower quality than
    ``text/plain``. No ``Accept``, or one of wildcards alone, is curl: it reads text.
    """
    ranges = dict(_ranges(headers))
    best = max((quality for name, quality in ranges.items() if _JSON.fullmatch(name)), default=0.0)
    return best > 0 and best >= ranges.get("text/plain", 0.0)


def _ranges(headers: Headers) -> Iterator[tuple[str, float]]:
    """Yield each media range of ``Accept`` with its quality; one that is malformed is left out."""
    for item in b",".join(headers.getRawHeaders(b"Accept", [])).decode("latin-1").split(","):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        quality = next((text[2:] for text in parameters if text.startswith("q=")), "1")
        if _QUALITY.fullmatch(quality):
            yield name, float(quality)


def render(problem: Problem, json: bool) -> tuple[bytes, bytes]:
    """Return media type and body of the answer: the problem document, or ``403: Forbidden: detail`` on one line."""
    if json:
        return b"application/problem+json", json_text.dumps(_document(problem)).encode("ascii")
    parts = filter(None, [str(problem.status), problem.title, _one_line(problem.detail)])
    return b"text/plain; charset=utf-8", (": ".join(parts) + "\n").encode("utf-8")


def _document(problem: Problem) -> dict[str, object]:
    document: dict[str, object] = {"type": "about:blank", "title": problem.title, "status": problem.status}
    if problem.detail:
        document["detail"] = problem.detail
    return {**document, **problem.extra, **document}  # the first for the order, the last for the values


def _one_line(text: str) -> str:
    """Fold line breaks, and drop what would steer a terminal."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def write_problem(request: IRequest, problem: Problem) -> bytes:
    """Set status and headers of the answer to a request, and return its body, which the caller writes."""
    content_type, body = render(problem, wants_json(request.requestHeaders))
    request.setResponseCode(problem.status, problem.title.encode("ascii"))
    request.setHeader(b"Cache-Control", b"no-store")
    for name, value in problem.headers.items():
        request.setHeader(name.encode("ascii"), value.encode("utf-8"))
    request.setHeader(b"Content-Type", content_type)
    request.setHeader(b"Content-Length", b"%d" % len(body))
    return body
