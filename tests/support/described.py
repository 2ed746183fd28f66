"""Sees that what comes over HTTP is what the OpenAPI document says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from proactor.web.description.document import document

#: What a path may answer to what is not HTTP as it is spoken here, and what nobody foresaw.
ANYWHERE = (408, 414, 431, 500)
#: Headers that say something; each that comes is documented.
TELLING = ("allow", "etag", "link", "location", "retry-after", "traceparent", "www-authenticate")


@cache
def described() -> dict[str, Any]:
    """The document."""
    return document()


@cache
def _operations() -> list[tuple[str, re.Pattern[str], Mapping[str, Any]]]:
    return [
        (method.upper(), re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), operation)
        for path, methods in described()["paths"].items()
        for method, operation in methods.items()
    ]


def operation(method: str, target: str) -> Mapping[str, Any] | None:
    """What is said of the route that a request comes to."""
    path, meant = target.partition("?")[0], "GET" if method == "HEAD" else method
    return next((each for verb, fits, each in _operations() if verb == meant and fits.fullmatch(path)), None)


@cache
def _validator(name: str, status: str, type_: str) -> Draft202012Validator:
    (found,) = [each for _, _, each in _operations() if each["operationId"] == name]
    schema = found["responses"][status]["content"][type_]["schema"]
    return Draft202012Validator({**schema, "components": described()["components"]})


def _problems(operation: Mapping[str, Any], status: int, headers: Mapping[str, str], body: bytes) -> Iterator[str]:
    reply = operation["responses"].get(str(status))
    if reply is None:
        yield f"the status {status} is not documented"
        return
    told = {name.lower() for name in reply.get("headers", ())}
    yield from (f"the header {name} is not documented" for name in TELLING if name in headers and name not in told)
    if not body:
        return
    type_ = headers.get("content-type", "").partition(";")[0]
    if type_ not in reply.get("content", ()):
        yield f"the type {type_} is not documented"
    elif type_.endswith("json"):
        name = operation["operationId"]
        found = _validator(name, str(status), type_).iter_errors(json.loads(body))
        yield from (f"{error.json_path}: {error.message}" for error in found)


def check(line: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """See that an answer is one that is documented.

    :param line: method and target of the request.
    """
    method, _, target = line.partition(" ")
    found = operation(method, target)
    if found is not None and status not in ANYWHERE:
        problems = list(_problems(found, status, headers, body))
        assert not problems, f"{line}: {status}: {'; '.join(problems)[:2000]}"
